"""What a host sees of its own flows, worked out by hand."""

import numpy as np
import pytest

from iroko.arrays import FabricArrays, FlowArrays
from iroko.envs.host_observation import HALF_FRAMES, HISTORY_STEPS, HOST_VIEW, KEPT, HostObserver
from iroko.flows import Flow
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from tests.fake_engine import make_snapshot

TOPOLOGY = dumbbell()
FLOWS = [Flow("h0", "h2"), Flow("h0", "h3"), Flow("h1", "h3")]
NUM = len(HOST_VIEW)
FRAME_S = 1514 * 8 / 10e6


def make_observer() -> HostObserver:
    observer = HostObserver(TOPOLOGY)
    observer.start(FlowArrays.of(TOPOLOGY, FLOWS))
    observer.observe(make_snapshot(TOPOLOGY, 3, interval_s=0.0), None)
    return observer


def seen(observation: np.ndarray, host: int, feature: str, age: int = 0) -> float:
    return float(observation[host, age * NUM + HOST_VIEW.index(feature)])


def snapshot(**values: object) -> Snapshot:
    return make_snapshot(TOPOLOGY, 3, **values)


def test_each_feature_by_hand() -> None:
    observer = make_observer()
    first = snapshot(host_rtt_s=[0.010, np.nan, np.nan, np.nan])
    observer.observe(first, first)
    observation = observer.observe(
        snapshot(
            limits_bps=[5e6, 1e7, 1e7, 1e7],
            host_sent_bytes=[500_000, 1_250_000, 0, 0],
            flow_bytes=[100_000, 200_000, 625_000],
            host_losses=[50, -20, 0, 0],
            host_echoes=[40, 0, 0, 0],
            host_rtt_s=[0.010 + HALF_FRAMES * FRAME_S, np.nan, np.nan, np.nan],
        ),
        first,
    )
    assert observation.shape == (4, NUM * HISTORY_STEPS) and observation.dtype == np.float32
    assert [seen(observation, host, "limit") for host in range(4)] == [0.5, 1, 1, 1]
    assert [seen(observation, host, "sent") for host in range(4)] == pytest.approx([0.4, 1, 0, 0])
    # Of a host's own flows, wherever they go: not what arrives at it.
    assert [seen(observation, host, "delivered") for host in range(4)] == pytest.approx([0.24, 0.5, 0, 0])
    assert [seen(observation, host, "losses") for host in range(4)] == pytest.approx([50 * FRAME_S, -20 * FRAME_S, 0, 0])
    assert [seen(observation, host, "missing") for host in range(4)] == pytest.approx([50 / 66, 0, 0, 0])
    assert [seen(observation, host, "echoes") for host in range(4)] == pytest.approx([40 * FRAME_S, 0, 0, 0])
    assert [seen(observation, host, "queueing") for host in range(4)] == pytest.approx([0.5, 0, 0, 0])


def test_missing_sums_up_and_forgets() -> None:
    observer = make_observer()
    empty = snapshot()
    expected = 0.0
    for losses in (30, 10, -25, -40, 8):
        expected = max(KEPT * expected + losses, 0)
        observation = observer.observe(snapshot(host_losses=[losses, 0, 0, 0]), empty)
        assert seen(observation, 0, "missing") == pytest.approx(expected / (expected + HALF_FRAMES), abs=1e-6)
        assert seen(observation, 1, "missing") == 0
    assert expected == 8


def test_the_last_steps_stand_there_latest_first_until_a_reset() -> None:
    observer = make_observer()
    empty = snapshot()
    for share in (0.1, 0.2, 0.3, 0.4):
        observation = observer.observe(snapshot(limits_bps=[share * 1e7] * 4), empty)
    assert [seen(observation, 2, "limit", age) for age in range(3)] == pytest.approx([0.4, 0.3, 0.2])
    assert not observer.observe(empty, None).any()
    observation = observer.observe(snapshot(limits_bps=[5e6] * 4), empty)
    assert [seen(observation, 2, "limit", age) for age in range(3)] == pytest.approx([0.5, 0, 0])


def test_the_least_round_trip_time_is_the_episode_s_own() -> None:
    observer = make_observer()
    empty = snapshot()
    for rtt_s in (0.02, 0.01, 0.03):
        observation = observer.observe(snapshot(host_rtt_s=[rtt_s, 0.05, np.nan, np.nan]), empty)
    extra = 0.02 / FRAME_S
    assert seen(observation, 0, "queueing") == pytest.approx(extra / (extra + HALF_FRAMES))
    assert seen(observation, 1, "queueing") == seen(observation, 2, "queueing") == 0
    observer.observe(empty, None)
    assert seen(observer.observe(snapshot(host_rtt_s=[0.03] * 4), empty), 0, "queueing") == 0


def test_bounds_hold_for_what_lies_beyond() -> None:
    observer = make_observer()
    empty = snapshot()
    wild = snapshot(
        host_sent_bytes=[9_000_000] * 4, flow_bytes=[9_000_000] * 3, host_losses=[-9000, 9000, 0, 0], host_echoes=[9000] * 4,
        host_rtt_s=[1.0, 60.0, np.nan, 0.0],
    )  # fmt: skip
    for _ in range(4):
        observation = observer.observe(wild, empty)
        assert (observer.low <= observation).all() and (observation <= observer.high).all()
    assert seen(observation, 0, "losses") == -1


def test_many_environments_see_what_each_would_alone() -> None:
    rng = np.random.default_rng(4)
    fast = dumbbell(rate_bps=1e8)
    both = HostObserver(TOPOLOGY, FabricArrays.stack([TOPOLOGY, fast]))
    alone = [HostObserver(TOPOLOGY), HostObserver(fast)]
    parts = [FlowArrays.of(TOPOLOGY, FLOWS), FlowArrays.of(fast, FLOWS[:2])]
    both.start(FlowArrays.stack(parts, 3))
    for observer, part in zip(alone, parts, strict=True):
        observer.start(part)

    def draw(interval_s: float) -> list[Snapshot]:
        return [
            make_snapshot(
                TOPOLOGY, num_flows, interval_s=interval_s, host_sent_bytes=rng.integers(0, 10**6, 4), host_echoes=rng.integers(0, 9, 4),
                host_losses=rng.integers(-9, 99, 4), host_rtt_s=rng.choice([np.nan, 0.01, 0.2], 4),
                flow_bytes=rng.integers(0, 10**6, num_flows),
            )
            for num_flows in (3, 2)
        ]  # fmt: skip

    def stacked(two: list[Snapshot]) -> Snapshot:
        padded = [np.append(two[1].flow_bytes, 0), np.append(two[1].flow_completion_s, np.nan)]
        rows = [vars(two[0]), vars(two[1]) | {"flow_bytes": padded[0], "flow_completion_s": padded[1]}]
        return Snapshot(**{name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]})

    for step in range(8):
        two = draw(0.5 if step else 0.0)
        previous = two[0] if step else None
        together = both.observe(stacked(two), stacked(two) if step else None)
        expected = [observer.observe(one, previous) for observer, one in zip(alone, two, strict=True)]
        assert np.array_equal(together, np.stack(expected))
        if step == 4:
            restarted = both.restart(stacked(two), np.array([1]))
            assert restarted.shape == (1, 4, both.size) and not restarted.any()
            assert not alone[1].observe(two[1], None).any()


def test_names_say_what_each_value_is() -> None:
    names = make_observer().names
    assert len(names) == NUM * HISTORY_STEPS
    assert (names[0], names[NUM], names[2 * NUM + 1]) == ("limit", "limit 1 step ago", "sent 2 steps ago")


def test_the_size_does_not_depend_on_the_fabric() -> None:
    assert HostObserver(fattree(k=4)).size == HostObserver(fattree(k=8)).size == HostObserver(dumbbell(num_left=1)).size
