"""The learned control in the simulator: its guard, its rules as flows show them, and who decides what in a batch."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.parity.cases import Case
from iroko.engines.sim.batch import Batch
from iroko.engines.sim.engine import SimEngine
from iroko.flows import Flow
from iroko.metrics import jain_index
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Card, Policy
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from iroko.topology import Topology
from tests.engines.sim.scenarios import assert_equal, scenarios
from tests.policy.states import random_policy

NO_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
FRAME_BYTES = 1514


def constant(action: float, step: float = 0.0, guard: float = 64.0) -> Policy:
    """A policy that always wants the same action."""
    base = dctcp_like()
    card = Card("constant", guard=round(guard * 1024))
    return replace(base, output=(0,) * 10, skip=(0,) * 10, output_bias=round(action * 1024), step=round(step * 1024), card=card)


def link(num_pairs: int, rate_bps: float = 1e9, delay_s: float = 1e-5, ecn_packets: int = 20) -> Topology:
    return dumbbell(num_left=num_pairs, num_right=num_pairs, rate_bps=rate_bps, delay_s=delay_s, queue_bytes=250 * FRAME_BYTES,
                    ecn_bytes=ecn_packets * FRAME_BYTES)  # fmt: skip


def long_flows(num_pairs: int, **kind: object) -> list[Flow]:
    return [Flow(f"h{index}", f"h{num_pairs + index}", index * 1e-4, **kind) for index in range(num_pairs)]  # type: ignore[arg-type]


def run(topology: Topology, flows: Sequence[Flow], transport: str, policy: Policy | None = None, steps: int = 20) -> list[Snapshot]:
    engine = SimEngine(topology)
    try:
        engine.reset(flows, transport, 1, policy)
        return [engine.step(np.array(topology.host_rates_bps), 0.01) for _ in range(steps)]
    finally:
        engine.close()


def goodput_share(snapshots: Sequence[Snapshot], rate_bps: float) -> float:
    late = snapshots[len(snapshots) // 2 :]
    return sum(float(s.flow_bytes.sum()) for s in late) * 8 / sum(float(s.interval_s) for s in late) / rate_bps


@settings(max_examples=40, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_a_guard_of_one_is_dctcp_to_the_packet(data: st.DataObject) -> None:
    """Whatever the weights."""
    scenario = data.draw(scenarios("dctcp", 20_000))
    policy = random_policy(np.random.default_rng(data.draw(st.integers(0, 1000))))
    policy = replace(policy, card=replace(policy.card, guard=1024), first_window=10_240)
    engine, learned = SimEngine(scenario.topology), SimEngine(scenario.topology)
    engine.reset(scenario.flows, "dctcp", scenario.seed)
    learned.reset(scenario.flows, "iroko", scenario.seed, policy)
    for number, (limits, interval_s) in enumerate(scenario.steps):
        assert_equal(learned.step(np.array(limits), interval_s), engine.step(np.array(limits), interval_s), f"of step {number}")


@pytest.mark.parametrize("fabric", ["dumbbell-8", "stride", "incast"])
@pytest.mark.parametrize("rate", ["10M", "1G"])
def test_a_guard_of_one_is_dctcp_on_cases_of_parity(fabric: str, rate: str) -> None:
    case = Case(fabric, "dctcp", rate)
    plan = case.plan(0)
    runs = []
    for transport, policy in (("dctcp", None), ("iroko", dctcp_like(1024))):
        engine = SimEngine(case.topology)
        engine.reset(plan.flows, transport, plan.seed, policy)
        runs.append([engine.step(limits, case.timing.interval_s) for limits in plan.limits_bps[:100]])
        engine.close()
    for number, (expected, got) in enumerate(zip(*runs, strict=True)):
        assert_equal(got, expected, f"of step {number}")


def test_a_guard_near_one_is_near_dctcp() -> None:
    """Here the policy's own path is taken; what is left is the reduction, which follows no packets in flight."""
    topology = link(4)
    dctcp = run(topology, long_flows(4), "dctcp", steps=60)
    near = run(topology, long_flows(4), "iroko", dctcp_like(1025), steps=60)
    assert goodput_share(near, 1e9) == pytest.approx(goodput_share(dctcp, 1e9), rel=0.01)
    queues = [np.mean([s.backlog_mean_bytes.max() for s in part[30:]]) for part in (dctcp, near)]
    assert queues[1] == pytest.approx(queues[0], rel=0.05)


def test_the_built_in_policy_keeps_links_busy_and_is_fair() -> None:
    topology = link(4)
    snapshots = run(topology, long_flows(4), "iroko", steps=60)
    assert goodput_share(snapshots, 1e9) > 0.95
    assert jain_index(sum(s.flow_bytes for s in snapshots[30:])) > 0.98
    assert sum(s.port_drops.sum() for s in snapshots) == 0


@pytest.mark.parametrize("guard", [2.0, 64.0])
def test_no_policy_starves_a_lone_flow(guard: float) -> None:
    """On an idle path a window never falls, so even one that would always halve it keeps its link."""
    assert goodput_share(run(link(1), long_flows(1), "iroko", constant(-1.0, 1.0, guard)), 1e9) > 0.9


def test_a_greedy_policy_is_held_by_its_guard() -> None:
    """It always doubles: marks keep it from growing on, and the guard from what it has."""
    topology = link(2)
    flows = [replace(long_flows(2)[0], transport="iroko", policy=constant(1.0, 0.0, 1.5)), replace(long_flows(2)[1], transport="dctcp")]
    snapshots = run(topology, flows, "dctcp", steps=60)
    delivered = sum(s.flow_bytes for s in snapshots[30:])
    assert goodput_share(snapshots, 1e9) > 0.95
    assert 0.2 < delivered[1] / delivered.sum() < 0.6


def test_each_row_of_a_batch_has_weights_of_its_own() -> None:
    """A population in one call gives what each gives alone."""
    topology = link(2)
    population = [constant(action, 0.5, 4.0) for action in (-0.5, -0.1, 0.0, 0.1, 0.5)]
    batch = Batch([topology] * len(population), workers=2)
    for index, policy in enumerate(population):
        batch.reset(index, long_flows(2), "iroko", 1, policy)
    limits = np.tile(topology.host_rates_bps, (len(population), 1))
    together = [batch.step(limits, 0.01) for _ in range(10)]
    batch.close()
    bytes_of = set()
    for index, policy in enumerate(population):
        alone = run(topology, long_flows(2), "iroko", policy, steps=10)
        for step, snapshot in enumerate(alone):
            np.testing.assert_array_equal(together[step].flow_bytes[index], snapshot.flow_bytes)
            np.testing.assert_array_equal(together[step].backlog_mean_bytes[index], snapshot.backlog_mean_bytes)
        bytes_of.add(sum(int(s.port_marks.sum()) for s in alone))
    assert len(bytes_of) > 2


def test_a_flow_may_have_a_policy_of_its_own() -> None:
    """The policy of a flow goes before that of the episode."""
    topology = link(2)
    chosen, other = constant(-0.2, 1.0, 4.0), constant(0.3, 1.0, 4.0)
    expected = run(topology, long_flows(2), "iroko", chosen)
    own = run(topology, long_flows(2, transport="iroko", policy=chosen), "cubic", other)
    for number, (got, snapshot) in enumerate(zip(own, expected, strict=True)):
        assert_equal(got, snapshot, f"of step {number}")


def test_only_what_is_capable_is_marked() -> None:
    """Cubic's packets find the same queue above its threshold and are never marked; DCTCP's are."""
    topology = link(2, ecn_packets=5)
    flows = [replace(flow, transport=transport) for flow, transport in zip(long_flows(2), ("cubic", "dctcp"), strict=True)]
    snapshots = run(topology, flows, "udp", steps=40)
    marks, echoes = sum(int(s.port_marks.sum()) for s in snapshots), sum(s.host_echoes for s in snapshots)
    assert marks > 100
    assert echoes[0] == 0 and echoes[1] > 100


def test_udp_beside_tcp_counts_losses_of_both() -> None:
    topology = dumbbell(num_left=2, num_right=2, rate_bps=1e8, delay_s=1e-4, queue_bytes=30 * FRAME_BYTES)
    flows = [Flow("h0", "h2", transport="udp"), Flow("h1", "h3", 0.001), Flow("h0", "h3", 0.01, 100_000)]
    snapshots = run(topology, flows, "reno", steps=40)
    losses, drops = sum(s.host_losses for s in snapshots), sum(int(s.port_drops.sum()) for s in snapshots)
    assert losses[0] > 20 and losses[1] > 0
    assert losses.sum() == pytest.approx(drops, abs=300)
