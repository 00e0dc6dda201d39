"""The learned control in the guest's kernel: it is DCTCP under a guard of 1, and decides as the reference does."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest

from benchmarks.parity.cases import Case
from iroko.engines.guest.engine import GuestEngine
from iroko.engines.open import open_engine
from iroko.errors import EngineError, UnsupportedError
from iroko.flows import Flow
from iroko.policy import reference
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.recompute import find_differences
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from tests.policy.states import random_policy

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]

TOPOLOGY = dumbbell(2, 2, 1e9, 20e-6, ecn_bytes=30_000)
FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]


@pytest.fixture(scope="module")
def engine() -> Iterator[GuestEngine]:
    opened = GuestEngine(TOPOLOGY, 1)
    try:
        yield opened
    finally:
        opened.close()


def run(engine: GuestEngine, flows: list[Flow], transport: str, steps: int = 20, seed: int = 1) -> list[Snapshot]:
    engine.reset(flows, transport, seed)
    limits = np.array(engine.topology.host_rates_bps)
    return [engine.step(limits, 0.01) for _ in range(steps)]


def with_policy(flows: list[Flow], policy: Policy) -> list[Flow]:
    return [replace(flow, policy=policy) for flow in flows]


def assert_equal(got: Snapshot, expected: Snapshot, what: str) -> None:
    for field in fields(Snapshot):
        np.testing.assert_array_equal(getattr(got, field.name), getattr(expected, field.name), f"{field.name} {what}")


@pytest.mark.parametrize("fabric", ["dumbbell-8", "incast"])
def test_a_guard_of_one_is_dctcp_to_the_packet(fabric: str) -> None:
    case = Case(fabric, "dctcp", "1G")
    plan = case.plan(0)
    engine = GuestEngine(case.topology, 1)
    try:
        runs = []
        for transport, policy in (("dctcp", None), ("iroko", dctcp_like(1024))):
            engine.reset([replace(flow, policy=policy) for flow in plan.flows], transport, plan.seed)
            runs.append([engine.step(limits, case.timing.interval_s) for limits in plan.limits_bps[:40]])
    finally:
        engine.close()
    for number, (expected, got) in enumerate(zip(*runs, strict=True)):
        assert_equal(got, expected, f"of step {number}")


@pytest.mark.parametrize("kind", ["built in", "small", "any", "extreme"])
def test_every_decision_is_the_references(engine: GuestEngine, kind: str) -> None:
    rng = np.random.default_rng(1)
    policies = [dctcp_like(guard) for guard in (2048, 4096)] if kind == "built in" else [random_policy(rng, kind) for _ in range(2)]
    engine.read_decisions()
    run(engine, [replace(flow, policy=policy) for flow, policy in zip(FLOWS, policies, strict=True)], "iroko")
    log = engine.read_decisions()
    assert len(log) > 50 and (np.diff(log["number"].astype(np.int64)) == 1).all()
    assert set(log["policy"].tolist()) == {0, 1}
    assert find_differences(log, dict(enumerate(policies))) == []


def test_alpha_is_averaged_from_round_to_round(engine: GuestEngine) -> None:
    engine.read_decisions()
    run(engine, with_policy(FLOWS, dctcp_like()), "iroko")
    log = engine.read_decisions()
    checked = 0
    for port in set(log["source_port"]):
        rows = log[log["source_port"] == port]
        for before, row in itertools.pairwise(rows):
            if row["delivered_then"] != before["delivered"]:
                continue  # a round in recovery lies between
            state = reference.FlowState(dctcp_like(), reference.Dctcp(2), alpha=int(before["alpha"]), delivered=int(row["delivered_then"]),
                                        marked=int(row["marked_then"]))  # fmt: skip
            state.end_round(int(row["delivered"]), int(row["marked"]))
            assert state.alpha == row["alpha"]
            checked += 1
    assert checked > 50


def test_policies_stay_with_their_flows_and_make_a_difference(engine: GuestEngine) -> None:
    greedy = Policy((0,) * 10, ((0,) * 10,) * 10, (0,) * 10, (0,) * 10, 1024, replace(dctcp_like().card, guard=4096))
    snapshots = run(engine, [replace(FLOWS[0], transport="iroko", policy=greedy), replace(FLOWS[1], transport="dctcp")], "dctcp", 40)
    delivered = sum(s.flow_bytes for s in snapshots[20:])
    assert delivered[0] > 1.2 * delivered[1]


def test_ecn_marks_only_what_is_capable(engine: GuestEngine) -> None:
    snapshots = run(engine, [replace(FLOWS[0], transport="cubic"), replace(FLOWS[1], transport="iroko")], "udp", 40)
    echoes = sum(s.host_echoes for s in snapshots)
    assert echoes[0] == 0 and echoes[1] > 0
    assert min(sum(s.flow_bytes for s in snapshots)) > 0


def test_mixed_flows_to_one_host(engine: GuestEngine) -> None:
    flows = [Flow(source, "h2", transport=name) for source in ("h0", "h1") for name in ("cubic", "dctcp", "iroko", "nv")]
    snapshots = run(engine, flows, "reno")
    assert min(sum(s.flow_bytes for s in snapshots)) > 0 and sum(int(s.port_marks.sum()) for s in snapshots) > 0


def test_runs_repeat_and_reset_forgets(engine: GuestEngine) -> None:
    flows = with_policy(FLOWS, dctcp_like())
    expected = run(engine, flows, "iroko", seed=5)
    run(engine, FLOWS, "cubic")
    for number, (got, snapshot) in enumerate(zip(run(engine, flows, "iroko", seed=5), expected, strict=True)):
        assert_equal(got, snapshot, f"of step {number}")


def test_the_log_cannot_be_read_in_the_middle_of_a_step(engine: GuestEngine) -> None:
    engine.reset(FLOWS, "iroko", 1)
    engine.begin_step(np.array(TOPOLOGY.host_rates_bps), 0.01)
    with pytest.raises(EngineError, match="read_decisions"):
        engine.read_decisions()
    engine.finish_step()


def test_udp_beside_tcp_is_for_the_simulator(engine: GuestEngine) -> None:
    with pytest.raises(UnsupportedError, match="use engine sim"):
        engine.reset([replace(FLOWS[0], transport="udp"), FLOWS[1]], "iroko", 1)


def test_guest_and_simulator_agree() -> None:
    share: Counter[str] = Counter()
    queue: Counter[str] = Counter()
    for name in ("guest", "sim"):
        other = open_engine(name, TOPOLOGY, seed=1)
        other.reset(with_policy(FLOWS, dctcp_like()), "iroko", 1)
        steps = [other.step(np.array(TOPOLOGY.host_rates_bps), 0.01) for _ in range(40)][10:]
        other.close()
        share[name] = sum(int(s.flow_bytes.sum()) for s in steps)
        queue[name] = int(np.mean([s.backlog_mean_bytes.max() for s in steps]))
    assert share["guest"] == pytest.approx(share["sim"], rel=0.02)
    assert queue["guest"] == pytest.approx(queue["sim"], rel=0.2)
