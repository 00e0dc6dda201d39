"""Long flows and incast: what is drawn, and shares of known answer."""

from dataclasses import replace

import pytest

from benchmarks.flows.sharing import FULL_SHARE, SHARINGS, coexist, incast_trial, share
from iroko.envs.flow_trials import Trials
from iroko.policy.builtin import dctcp_like
from iroko.scenario import Scenario


def test_flows_of_dctcp_share_a_link_and_fill_it() -> None:
    found = share(Trials(Scenario(), 4, 0), {}, 2, [replace(SHARINGS[0], end_s=0.05)])
    assert found["seed"].tolist() == [0, 1]
    assert found["share"].tolist() == pytest.approx([FULL_SHARE] * 2, abs=0.002) and (found["jain"] > 0.9).all()


def test_a_policy_that_is_dctcp_gets_as_much_beside_it_as_dctcp() -> None:
    found = coexist(Trials(Scenario(), 4, 0), dctcp_like(1024), 1, ("dctcp",))
    own = found.pivot_table("own_share", "case", "scheme")
    assert (own["iroko"] == own["dctcp"]).all()


def test_an_incast_has_three_waves_over_a_long_transfer() -> None:
    trial = incast_trial(4, 20_000, 1e9, 20, 0)
    assert len(trial.flows) == 1 + 3 * 4 and len({flow.destination for flow in trial.flows}) == 1
    assert {flow.size_bytes for flow in trial.flows[1:]} == {20_000}
    assert trial == incast_trial(4, 20_000, 1e9, 20, 0) != incast_trial(4, 20_000, 1e9, 20, 1)
