"""What must come out by arithmetic: of the simulator, and of the kernel in the guest, where time is exact and every transport at hand."""

import numpy as np
import pytest

from iroko.flows import Flow
from iroko.metrics import jain_index
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import Topology
from tests.engines.driver import Open

FRAME, UDP_DATA, TCP_DATA = 1514, 1472, 1448  # Ethernet 14, IP 20, UDP 8 or TCP 20 with 12 of time stamps


def port(topology: Topology, owner: str, peer: str) -> int:
    return next(i for i, p in enumerate(topology.ports) if (p.owner, p.peer) == (owner, peer))


@pytest.mark.parametrize(("rate_bps", "steps"), [(10e6, 50), (100e6, 20), (1e9, 5)])
def test_tcp_goodput_is_what_headers_leave(drive: Open, rate_bps: float, steps: int) -> None:
    driver = drive(dumbbell(num_left=1, num_right=1, rate_bps=rate_bps))
    snapshots = driver.run([Flow("h0", "h1")], "cubic", steps, warm_up=10)
    assert driver.goodput_bps(snapshots)[0] == pytest.approx(rate_bps * TCP_DATA / FRAME, rel=0.01)


@pytest.mark.parametrize("num_flows", [30, 40])
def test_windows_of_two_packets_keep_every_other_round_half(drive: Open, num_flows: int) -> None:
    """All packets are marked, so each window begins with the CWR flag, which is acknowledged alone; the second packet waits for a third.

    In every other round trip one of the two packets waits at the receiver: 1.5 packets of each flow are under way, 5 of all on the wires.
    """
    driver = drive(star(num_flows + 1, 1e9, 15e-6, queue_bytes=700_000, ecn_bytes=20 * FRAME))
    flows = [Flow(f"h{i}", f"h{num_flows}", 0.0007 * i) for i in range(num_flows)]
    snapshots = driver.run(flows, "dctcp", 2, warm_up=4, interval_s=0.05)
    queue_packets = np.mean([snapshot.backlog_mean_bytes.max() for snapshot in snapshots]) / FRAME
    assert queue_packets == pytest.approx(1.5 * num_flows - 5, rel=0.03)


def test_a_lone_segment_that_is_lost_needs_no_timeout(drive: Open) -> None:
    """The FIN behind it finds room in the full queue and shows the loss: only a second loss takes the 200 ms of a timeout."""
    driver = drive(star(4, 1e9, 2e-6, queue_bytes=60_000, ecn_bytes=None))
    rng = np.random.default_rng(3)
    short = [Flow("h2", "h3", float(start), TCP_DATA) for start in rng.uniform(0.1, 0.8, 600)]
    last = driver.run([Flow("h0", "h3"), Flow("h1", "h3"), *short], "cubic", 1, warm_up=11)[-1]
    times_s = last.flow_completion_s[2:]
    num_lost, num_timeouts = np.count_nonzero(times_s > 0.0025), np.count_nonzero(times_s > 0.15)
    assert num_lost > 50
    assert num_timeouts < 0.3 * num_lost


def test_idle_path_takes_its_delays(drive: Open) -> None:
    """One way over three links of 5 ms is 15 ms; a byte over TCP waits for the handshake too, one and a half round trips."""
    driver = drive(dumbbell(num_left=1, num_right=1, rate_bps=100e6, delay_s=5e-3))
    for transport, expected_s in (("udp", 0.015), ("cubic", 0.045)):
        last = driver.run([Flow("h0", "h1", 0.01, 1)], transport, 2)[-1]
        assert last.flow_completion_s[0] == pytest.approx(expected_s, rel=0.02), transport
        assert last.all_done


def test_idle_path_delays_differ_by_link(drive: Open) -> None:
    """Delays are on the wire, behind the sender's queue, and are held for each direction of each link on its own."""
    base = dumbbell(num_left=1, num_right=1, rate_bps=100e6)
    import dataclasses

    delays = {
        ("h0", "s0"): 1e-3,
        ("s0", "s1"): 2e-3,
        ("s1", "h1"): 4e-3,
        ("h1", "s1"): 8e-3,
        ("s1", "s0"): 16e-3,
        ("s0", "h0"): 32e-3,
    }
    ports = tuple(dataclasses.replace(p, delay_s=delays[p.owner, p.peer]) for p in base.ports)
    driver = drive(dataclasses.replace(base, ports=ports))
    there = driver.run([Flow("h0", "h1", 0, 1)], "udp", 1)[-1].flow_completion_s[0]
    back = driver.run([Flow("h1", "h0", 0, 1)], "udp", 1)[-1].flow_completion_s[0]
    assert (there, back) == (pytest.approx(7e-3, rel=0.02), pytest.approx(56e-3, rel=0.02))


@pytest.mark.parametrize("k", [6, 8])
def test_large_fabric_carries_from_the_first_moment(drive: Open, k: int) -> None:
    """A kernel puts the queues of 100 interfaces in force a second, unless they are set on links that are up: k=6 has 324."""
    driver = drive(fattree(k=k))
    hosts = driver.engine.topology.hosts
    flows = [Flow(host, hosts[(number + k * k // 4) % len(hosts)]) for number, host in enumerate(hosts)]
    # So slow that the flows that share a link fit into it.
    limits = driver.full / (k + 1)
    snapshots = driver.run(flows, "udp", 5, limits=limits)
    assert driver.goodput_bps(snapshots) == pytest.approx(limits * UDP_DATA / FRAME, rel=0.02)


@pytest.mark.parametrize(("transport", "data"), [("udp", UDP_DATA), ("cubic", TCP_DATA)])
@pytest.mark.parametrize("limit_bps", [1e6, 7.3e6])
def test_limit_holds_over_the_hosts_flows_together(drive: Open, transport: str, data: int, limit_bps: float) -> None:
    driver = drive(star(num_hosts=4))
    limits = np.array([limit_bps, 10e6, 10e6, 10e6])
    snapshots = driver.run([Flow("h0", "h1"), Flow("h0", "h2")], transport, 50, warm_up=20, limits=limits)
    sent_bps = sum(s.host_sent_bytes[0] for s in snapshots) * 8 / 5
    assert sent_bps == pytest.approx(limit_bps, rel=0.01)
    assert driver.goodput_bps(snapshots).sum() == pytest.approx(limit_bps * data / FRAME, rel=0.01)


def test_limit_that_changes_each_step_is_held(drive: Open) -> None:
    driver = drive(star(num_hosts=4))
    driver.engine.reset([Flow("h0", "h1")], "udp", 1)
    wanted, sent = 0.0, 0
    for step in range(60):
        limits = driver.full * (0.2 + 0.1 * (step % 7))
        snapshot = driver.engine.step(limits, 0.1)
        assert snapshot.limits_bps == pytest.approx(limits)
        if step:
            wanted += limits[0] * 0.1 / 8
            sent += snapshot.host_sent_bytes[0]
    assert sent == pytest.approx(wanted, rel=0.01)


def test_udp_overload_fills_the_queue_and_drops_the_rest(drive: Open) -> None:
    topology = dumbbell(queue_bytes=100 * FRAME)
    driver = drive(topology)
    limits = np.array([8e6, 7e6, 10e6, 10e6])
    snapshots = driver.run([Flow("h0", "h2"), Flow("h1", "h3")], "udp", 50, warm_up=20, limits=limits)
    bottleneck = port(topology, "s0", "s1")
    assert snapshots[-1].backlog_peak_bytes[bottleneck] == 100 * FRAME
    assert np.mean([s.backlog_mean_bytes[bottleneck] for s in snapshots]) == pytest.approx(100 * FRAME, rel=0.02)
    drops = sum(s.port_drops[bottleneck] for s in snapshots)
    assert drops * FRAME * 8 / 5 == pytest.approx(15e6 - 10e6, rel=0.02)
    assert sum(s.port_bytes[bottleneck] for s in snapshots) * 8 / 5 == pytest.approx(10e6, rel=0.01)


def test_queue_grows_at_offered_less_capacity(drive: Open) -> None:
    topology = dumbbell()
    driver = drive(topology)
    limits = np.array([6e6, 5e6, 10e6, 10e6])
    snapshots = driver.run([Flow("h0", "h2"), Flow("h1", "h3")], "udp", 20, warm_up=5, limits=limits)
    backlog = [s.backlog_bytes[port(topology, "s0", "s1")] for s in snapshots]
    assert (backlog[-1] - backlog[0]) * 8 / 1.9 == pytest.approx(1e6, rel=0.02)
    # A queue that grows evenly has its mean in the middle of the interval: this is the integral, not a sample.
    middle = (backlog[9] + backlog[10]) / 2
    assert snapshots[10].backlog_mean_bytes[port(topology, "s0", "s1")] == pytest.approx(middle, abs=FRAME)


def test_dctcp_marks_above_k_and_holds_its_queue_there(drive: Open) -> None:
    k_bytes = 20 * FRAME
    topology = dumbbell(ecn_bytes=k_bytes)
    driver = drive(topology)
    snapshots = driver.run([Flow("h0", "h2"), Flow("h1", "h3")], "dctcp", 100, warm_up=50)
    bottleneck = port(topology, "s0", "s1")
    mean = np.mean([s.backlog_mean_bytes[bottleneck] for s in snapshots])
    assert 0.5 * k_bytes < mean < 1.5 * k_bytes
    assert sum(s.port_drops.sum() for s in snapshots) == 0
    marked = sum(s.port_marks[bottleneck] for s in snapshots) / sum(s.port_packets[bottleneck] for s in snapshots)
    assert 0.02 < marked < 0.9
    assert sum(s.port_marks.sum() for s in snapshots) == sum(s.port_marks[bottleneck] for s in snapshots)


def test_nothing_is_marked_for_a_transport_without_ecn_or_below_k(drive: Open) -> None:
    driver = drive(dumbbell(ecn_bytes=20 * FRAME))
    flows = [Flow("h0", "h2"), Flow("h1", "h3")]
    assert sum(s.port_marks.sum() for s in driver.run(flows, "cubic", 20)) == 0
    assert sum(s.port_marks.sum() for s in driver.run(flows, "dctcp", 20, limits=driver.full * 0.4)) == 0


@pytest.mark.parametrize("transport", ["reno", "cubic", "dctcp", "nv"])
def test_two_flows_of_one_tcp_share_alike(drive: Open, transport: str) -> None:
    driver = drive(dumbbell(queue_bytes=50 * FRAME, ecn_bytes=20 * FRAME))
    snapshots = driver.run([Flow("h0", "h2"), Flow("h1", "h3")], transport, 400, warm_up=50)
    assert jain_index(driver.goodput_bps(snapshots)) > 0.95
    assert driver.goodput_bps(snapshots).sum() == pytest.approx(10e6 * TCP_DATA / FRAME, rel=0.03)


@pytest.mark.parametrize("transport", ["udp", "cubic"])
def test_bytes_in_are_bytes_out_queued_or_dropped(drive: Open, transport: str) -> None:
    topology = dumbbell(queue_bytes=30 * FRAME)
    driver = drive(topology)
    snapshots = driver.run([Flow("h0", "h2"), Flow("h1", "h3")], transport, 50)
    into = sum(s.port_bytes[[port(topology, "h0", "s0"), port(topology, "h1", "s0")]].sum() for s in snapshots)
    bottleneck = port(topology, "s0", "s1")
    out = sum(s.port_bytes[bottleneck] for s in snapshots)
    drops = sum(s.port_drops[bottleneck] for s in snapshots)
    assert drops > 0
    # A port's counter runs when a packet leaves; what TCP loses here are full packets, as are all of UDP.
    on_wire = into - (out + snapshots[-1].backlog_bytes[bottleneck] + drops * FRAME)
    # The jitter of UDP senders keeps at most one packet of each on its way.
    assert on_wire in ((0, FRAME, 2 * FRAME) if transport == "udp" else (0,))


def test_finite_udp_flow_takes_size_over_rate(drive: Open) -> None:
    driver = drive(dumbbell())
    packets = 100
    last = driver.run([Flow("h0", "h2", 0.0, packets * UDP_DATA)], "udp", 5)[-1]
    # A token bucket lets the first packet through at once, so the last one leaves after the others' time.
    assert last.flow_completion_s[0] == pytest.approx((packets - 1) * FRAME * 8 / 10e6, rel=0.01)


def test_a_thousand_flows_at_once(drive: Open) -> None:
    driver = drive(star(num_hosts=4, rate_bps=100e6))
    flows = [Flow(f"h{i % 3}", "h3", i * 1e-4, 10_000) for i in range(1000)]
    snapshots = driver.run(flows, "cubic", 30)
    assert snapshots[-1].all_done
    assert sum(s.flow_bytes for s in snapshots).tolist() == [10_000] * 1000
    assert sum(s.host_received_bytes for s in snapshots).tolist() == [0, 0, 0, 10_000_000]
