"""The scenarios of the parity harness."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.parity.cases import CHANGE_EVERY, DROP_TAIL, FABRICS, TRANSPORTS, Case, all_cases, find_cases
from benchmarks.parity.policies import POLICIES
from iroko.errors import InputError

CASES = all_cases()


def test_every_combination_stands_once() -> None:
    # Five fabrics with three kinds of limits, three with none; and one for the transports that fill a queue, at one rate.
    unlearned = len(TRANSPORTS) - len(POLICIES)
    assert len([case for case in CASES if case.transport not in POLICIES]) == unlearned * 2 * (5 * 3 + 3) + len(DROP_TAIL)
    # Three fabrics with three kinds of limits and two with none, and at the last rate none with limits.
    assert len([case for case in CASES if case.transport in POLICIES]) == len(POLICIES) * (2 * (3 * 3 + 2) + 5)
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.fabric for case in CASES} == set(FABRICS)


def test_cases_of_equal_topologies_stand_together() -> None:
    changes = sum(one.topology != other.topology for one, other in pairwise(CASES))
    assert changes + 1 == len({case.topology for case in CASES})


@pytest.mark.parametrize(("pattern", "names"), [
    ("dumbbell-2 cubic 10M", ["dumbbell-2 cubic 10M"]),
    ("dumbbell-2 cubic 10M fixed", ["dumbbell-2 cubic 10M fixed"]),
    ("fixed cubic 10M dumbbell-[12]", ["dumbbell-1 cubic 10M fixed", "dumbbell-2 cubic 10M fixed"]),
    ("incast nv", ["incast nv 10M", "incast nv 1G"]),
])  # fmt: skip
def test_a_pattern_finds_its_cases(pattern: str, names: list[str]) -> None:
    assert [case.name for case in find_cases([pattern])] == names


def test_patterns_add_up_and_each_has_to_fit() -> None:
    assert len(find_cases(["incast nv", "incast", "incast 1G"])) == len(TRANSPORTS) * 2 + len(POLICIES)
    assert find_cases(["*"]) == CASES
    with pytest.raises(InputError, match="no case fits 'dumbell': expected words such as"):
        find_cases(["incast", "dumbell"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_plan_is_whole_and_repeats(case: Case) -> None:
    topology, timing = case.topology, case.timing
    plan, again = case.plan(0), Case(case.fabric, case.transport, case.rate, case.limits).plan(0)
    assert plan.flows == again.flows and plan.seed == again.seed
    assert (plan.limits_bps == again.limits_bps).all()
    assert plan.limits_bps.shape == (timing.total_steps, topology.num_hosts)
    warm_up_s, end_s = timing.warm_up_steps * timing.interval_s, timing.total_steps * timing.interval_s
    for flow in plan.flows:
        assert (flow.size_bytes is None) == case.endless
        # Endless flows all run when measuring begins, finite ones have time to end.
        assert flow.start_s < (warm_up_s if case.endless else end_s - 0.5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_episodes_differ_and_variants_differ_in_starts_alone(case: Case) -> None:
    first, second, variant = case.plan(0), case.plan(1), case.plan(0, variant=1)
    assert first.flows != second.flows and first.flows != variant.flows
    assert len({first.seed, second.seed, variant.seed}) == 3
    assert (first.limits_bps == variant.limits_bps).all()
    assert [replace(flow, start_s=0) for flow in first.flows] == [replace(flow, start_s=0) for flow in variant.flows]


def test_limits_are_none_fixed_or_changing() -> None:
    rates = np.array(Case("dumbbell-2", "reno", "10M").topology.host_rates_bps)
    none, fixed, changing = (Case("dumbbell-2", "reno", "10M", kind).plan(0).limits_bps for kind in ("", "fixed", "changing"))
    assert (none == rates).all()
    assert (fixed == fixed[0]).all() and len(set(fixed[0])) == len(rates)
    for limits in (fixed, changing):
        assert (limits >= 0.3 * rates).all() and (limits <= 0.9 * rates).all()
    held = changing.reshape(-1, CHANGE_EVERY, len(rates))
    assert (held == held[:, :1]).all()
    assert (held[1:, 0] != held[:-1, 0]).all()
    assert (Case("dumbbell-2", "reno", "10M", "changing").plan(1).limits_bps != changing).any()


def test_one_flow_fills_the_narrow_link_and_a_round_of_udp_fits_the_queue() -> None:
    case = Case("narrow-1", "reno", "1G")
    rates = {port.name: port.rate_bps for port in case.topology.ports}
    assert rates["h0->s0"] == 2 * rates["s0->s1"] == 2 * rates["s1->s0"] == 1e9
    incast = Case("incast", "udp", "10M")
    flows = incast.plan(0).flows
    rounds = [sum(flow.size_bytes or 0 for flow in flows[i : i + 8]) for i in range(0, len(flows), 8)]
    toward = next(port for port in incast.topology.ports if port.name == "s0->h8")
    assert len(flows) % 8 == 0 and max(rounds) * 1514 / 1472 < toward.queue_bytes
