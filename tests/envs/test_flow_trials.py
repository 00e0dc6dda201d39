"""Trials of per-flow policies: one policy decides for all flows of a simulated network."""

from dataclasses import replace

import numpy as np
import pytest

from iroko.envs.flow_trials import Outcome, Trial
from iroko.errors import ClosedError, InputError
from iroko.flows import Flow
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from tests.small_trials import ENDLESS, FINITE, make_trials


def same(one: Outcome, other: Outcome) -> bool:
    return np.array_equal(one.slowdowns, other.slowdowns) and np.array_equal(one.rates_bps, other.rates_bps)


@pytest.mark.parametrize("trial", [ENDLESS, FINITE], ids=["endless", "finite"])
def test_all_policies_of_a_trial_see_the_same_flows(trial: Trial) -> None:
    policies: list[Policy | str] = ["dctcp", dctcp_like(1024), dctcp_like(4096), dctcp_like(1024)]
    found = make_trials().run(trial, policies)
    assert same(found[0], found[1])  # under a guard of 1 it is DCTCP
    assert same(found[1], found[3])
    assert all(same(*pair) for pair in zip(found, make_trials(num_envs=1).run(trial, policies), strict=True))


def test_a_policy_matters() -> None:
    # Two segments and no growth, where the path takes 25.
    slow = replace(dctcp_like(64 * 1024), first_window=2048, step=0, output_bias=-32_767)
    first, last = make_trials().run(FINITE, [dctcp_like(), slow])
    assert last.slowdowns.mean() > 1.2 * first.slowdowns.mean()


def test_an_unfinished_flow_has_taken_what_was_left_of_the_trial() -> None:
    trial = replace(FINITE, flows=(Flow("h0", "h2", 0.005, 10**8),))
    outcome = make_trials().run(trial, ["dctcp"])[0]
    assert outcome.unfinished == 1
    assert outcome.slowdowns[0] == pytest.approx(0.005 / (10**8 * 8 / 1e9), rel=0.1)


def test_a_trial_has_flows_of_one_kind() -> None:
    with pytest.raises(InputError, match="all of a given size, or all endless"):
        replace(ENDLESS, flows=(Flow("h0", "h2"), Flow("h1", "h3", size_bytes=10)))


def test_closed_trials_run_no_more() -> None:
    one = make_trials()
    one.close()
    with pytest.raises(ClosedError):
        one.run(ENDLESS, ["dctcp"])


def test_bytes_of_both_halves_count_as_delivered() -> None:
    finite = make_trials().run(FINITE, ["dctcp"])[0]
    assert finite.delivered_bytes.tolist() == FINITE.sizes_bytes.tolist()
    endless = make_trials().run(ENDLESS, ["dctcp"])[0]
    late_bytes = endless.rates_bps * ENDLESS.end_s / 2 / 8
    assert (endless.delivered_bytes > late_bytes).all()


def test_a_flow_keeps_the_transport_that_it_names() -> None:
    mixed = replace(ENDLESS, flows=(replace(ENDLESS.flows[0], transport="cubic"), ENDLESS.flows[1]))
    pinned, reference = make_trials().run(mixed, [dctcp_like(1024), "dctcp"])
    assert same(pinned, reference)
    assert not same(reference, make_trials().run(ENDLESS, ["dctcp"])[0])
