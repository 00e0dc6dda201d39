"""Finite flows in the engines whose time is exact: alone, lost, by the thousand, and of another number in each episode."""

import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.envs.core import BatchEnv
from iroko.envs.environment import IrokoEnv
from iroko.flows import Flow
from iroko.metrics import TCP_HEADERS_BYTES, UDP_HEADERS_BYTES, ideal_completions_s, last_frames_s, slowdowns
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.traffic.websearch import websearch
from tests.engines.driver import Open


@pytest.mark.parametrize("transport", ["udp", "dctcp", "nv"])
@pytest.mark.parametrize("delay_s", [0.0, 1e-3])
def test_a_flow_alone_has_a_slowdown_of_1(drive: Open, transport: str, delay_s: float) -> None:
    """Of any size: of one byte, of a whole number of frames and a byte more, and longer than the receiver waits for at once."""
    topology = dumbbell(delay_s=delay_s)
    driver, tcp = drive(topology), transport != "udp"
    headers_bytes = TCP_HEADERS_BYTES if tcp else UDP_HEADERS_BYTES
    path = [topology.ports[index] for index in topology.static_path("h0", "h2")]
    way_s = sum(port.delay_s for port in path)
    for size_bytes in (1, 100, 1448, 1449, 14_480, 65_536, 200_000):
        last = driver.run([Flow("h0", "h2", 0.05, size_bytes)], transport, 3)[-1]
        ideal = ideal_completions_s([size_bytes], [10e6], [way_s], headers_bytes, [2 * way_s] if tcp else None)
        result = slowdowns(last.flow_completion_s, ideal, last_frames_s([size_bytes], [10e6], headers_bytes))
        # A bucket lasts 2 us longer than a frame, 1.5% of the least of these; UDP's jitter makes each packet up to a frame's time late.
        jitter_s = 0.0 if tcp else 1514 * 8 / 10e6
        assert 0.985 < result[0] < 1.015 + jitter_s / ideal[0], size_bytes


def test_a_udp_flow_that_loses_a_packet_never_completes_and_every_byte_is_accounted_for(drive: Open) -> None:
    topology = dumbbell(queue_bytes=20 * 1514)
    driver = drive(topology)
    sizes = [300_000, 300_001, 1_471, 1]
    flows = [
        Flow("h0", "h2", 0.0, sizes[0]),
        Flow("h1", "h3", 0.0, sizes[1]),
        Flow("h0", "h3", 1.0, sizes[2]),
        Flow("h1", "h2", 1.0, sizes[3]),
    ]
    snapshots = driver.run(flows, "udp", 15)
    delivered, drops = sum(s.flow_bytes for s in snapshots), sum(s.port_drops.sum() for s in snapshots)
    # Two hosts at 10 Mbit/s send into one link of 10 Mbit/s, where a full queue may hit one of them alone; the small ones find it empty.
    finished = ~np.isnan(snapshots[-1].flow_completion_s)
    assert finished.tolist() == (delivered == sizes).tolist()
    assert finished[:2].sum() <= 1 and finished[2:].all()
    lost_bytes = sum(sizes) - delivered.sum()
    # Every lost packet is a full one but perhaps the last of each.
    assert drops > 100 and 1472 * (drops - 2) <= lost_bytes <= 1472 * drops
    assert not snapshots[-1].all_done


def test_a_thousand_flows_of_web_search_complete(drive: Open) -> None:
    topology = fattree()
    flows = websearch(topology, np.random.default_rng(1), load=0.8, duration_s=11)
    driver = drive(topology)
    assert len(flows) > 1000
    snapshots = driver.run(flows, "dctcp", 60, interval_s=1.0)
    assert snapshots[-1].all_done
    assert sum(s.flow_bytes for s in snapshots).tolist() == [flow.size_bytes for flow in flows]
    # A second episode, of fewer flows than the one before.
    last = driver.run(flows[:3], "dctcp", 1)[-1]
    assert last.flow_bytes.shape == last.flow_completion_s.shape == (3,)


def test_environments_side_by_side_have_flows_of_their_own_number() -> None:
    scenarios = [Scenario(traffic="websearch", traffic_parameters={"load": load, "duration_s": 1.0}, transport="dctcp", episode_s=2.0,
                          features=("backlog", "received", "pairs")) for load in (0.4, 0.9, 0.6)]  # fmt: skip
    seeds, ones = [5, 6, 7], np.ones(4, dtype=np.float32)
    many = BatchEnv(scenarios, seeds)
    single = [IrokoEnv(scenario, engine=open_engine("sim", scenario.fabric), seed=seed)
              for scenario, seed in zip(scenarios, seeds, strict=True)]  # fmt: skip
    observations, _ = many.reset(seeds)
    for row, env, seed in zip(observations, single, seeds, strict=True):
        assert np.array_equal(row, env.reset(seed=seed)[0])
    numbers, ends = set(), 0
    limits_bps = many.read_actions(np.tile(ones, (3, 1)))
    for _ in range(60):
        numbers |= {tuple(len(member.flows) for member in many.members)}
        step = many.step(limits_bps)
        over = step.terminated | step.truncated
        for index, env in enumerate(single):
            observation, reward, terminated, truncated, _ = env.step(ones)
            assert np.array_equal(step.observations[index], observation)
            assert (step.rewards[index], step.terminated[index], step.truncated[index]) == (reward, terminated, truncated)
            assert many.members[index].flows == env.flows
        if over.any():
            ends += int(over.sum())
            first, _ = many.restart(np.flatnonzero(over))
            for row, index in zip(first, np.flatnonzero(over), strict=True):
                assert np.array_equal(row, single[index].reset()[0])
    many.close()
    for env in single:
        env.close()
    assert ends > 6 and len({number for row in numbers for number in row}) > 4, "too few episodes to prove anything"


def test_a_socket_hands_down_what_its_buffer_takes_and_more_when_half_of_it_is_gone(drive: Open) -> None:
    """Four bursts of 44 datagrams at first; two more when 82 are left: a flow that joins waits for no more than that of each other."""
    topology = dumbbell()
    driver, port = drive(topology), topology.host_ports[0]
    snapshots = driver.run([Flow("h0", "h2"), Flow("h0", "h3", 0.2, 10_000)], "udp", 200, interval_s=0.002)
    held = [s.backlog_bytes[port] / 1514 for s in snapshots]
    sent_in_a_step = 10e6 * 0.002 / 8 / 1514
    assert held[0] == pytest.approx(4 * 44 - sent_in_a_step, abs=1)
    alone = held[20:100]
    assert min(alone) == pytest.approx(82, abs=2) and max(alone) == pytest.approx(82 + 2 * 44, abs=2)
    assert snapshots[-1].flow_completion_s[1] == pytest.approx(0.127, abs=0.002)
