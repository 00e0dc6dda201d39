"""One contract, every engine."""

import dataclasses
import os
import time
from contextlib import closing

import numpy as np
import pytest

from iroko.engines.addressing import MAX_KERNEL_FLOWS
from iroko.engines.open import missing_transports, open_engine
from iroko.errors import ClosedError, EngineError, InputError, UnsupportedError
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell
from iroko.topology import build_topology
from tests.engines.driver import Driver, fabric

FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]


def children() -> set[int]:
    """Processes that descend from this one."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(name)] = int(fields[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def test_reset_starts_from_nothing(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    try:
        driver = Driver(engine)
        for _ in range(2):
            first = engine.reset(FLOWS, "udp", 1)
            assert first.port_bytes.sum() == first.flow_bytes.sum() == first.backlog_bytes.sum() == first.port_drops.sum() == 0
            assert first.limits_bps == pytest.approx(driver.full)
            assert np.isnan(first.flow_completion_s).all() and not first.all_done
            for _ in range(8):
                last = engine.step(driver.full, 0.1)
            assert last.backlog_bytes.max() > 100_000  # a queue for the next reset to empty
            assert last.port_drops.shape == (10,) and last.flow_bytes.shape == (2,) and last.limits_bps.shape == (4,)
    finally:
        engine.close()


def test_step_takes_its_interval_and_measures_it(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    try:
        engine.reset(FLOWS, "udp", 1)
        limits = np.array([4e6, 4e6, 1e7, 1e7])
        snapshots = [engine.step(limits, 0.1) for _ in range(12)]
        assert [s.interval_s for s in snapshots] == pytest.approx([0.1] * 12, rel=0.2)
        sent = sum(s.host_sent_bytes for s in snapshots[2:]) * 8 / sum(s.interval_s for s in snapshots[2:])
        assert sent[:2] == pytest.approx([4e6, 4e6], rel=0.03)
        assert sent[2:].sum() == 0
        assert engine.clock.virtual_s == pytest.approx(1.2, rel=0.2)
    finally:
        engine.close()


def test_halves_of_a_step_equal_the_step(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    try:
        engine.reset(FLOWS, "udp", 1)
        engine.begin_step(Driver(engine).full, 0.05)
        with pytest.raises(EngineError, match="twice"):
            engine.begin_step(Driver(engine).full, 0.05)
        assert engine.finish_step().flow_bytes.sum() > 0
        with pytest.raises(EngineError, match="without begin_step"):
            engine.finish_step()
    finally:
        engine.close()


def test_long_names_and_numbers_of_numpy_run(engine_name: str) -> None:
    # Linux's interface names have 15 bytes, without "/" or ":"; numpy's numbers are not JSON's.
    hosts = ["rack-0123456789/host-0123456789:1", "ärack1-host2"]
    links = [(hosts[0], "top-of-rack-1"), (hosts[1], "top-of-rack-1")]
    topology = build_topology("named", hosts, ["top-of-rack-1"], links, rate_bps=np.float64(10e6), delay_s=0.0,
                              queue_bytes=np.int64(757_000), ecn_bytes=None, routing="static")  # fmt: skip
    flows = [Flow(*hosts, np.float64(0.0), np.int64(20_000))]
    with closing(open_engine(engine_name, fabric(engine_name, topology))) as engine:
        engine.reset(flows, "cubic", np.int64(3))
        for _ in range(50):  # in real time a loaded machine needs some
            last = engine.step(Driver(engine).full, 0.1)
            if last.all_done:
                break
    assert last.flow_completion_s[0] > 0.0


@pytest.mark.parametrize("transport", ["udp", "cubic", "reno", "bbr"])
def test_flows_of_every_common_transport_finish(engine_name: str, transport: str) -> None:
    if (engine_name, transport) == ("sim", "bbr"):
        with closing(open_engine("sim", dumbbell())) as engine, pytest.raises(UnsupportedError, match=r"'bbr'.*guest"):
            engine.reset(FLOWS, "bbr", 1)
        return
    engine = open_engine(engine_name, fabric(engine_name, dumbbell(rate_bps=100e6)))
    try:
        driver = Driver(engine)
        flows = [Flow("h0", "h2", 0.0, 100_000), Flow("h3", "h1", 0.05, 50_001)]
        snapshots = driver.run(flows, transport, 10)
        assert snapshots[-1].all_done
        delivered, received = sum(s.flow_bytes for s in snapshots), sum(s.host_received_bytes for s in snapshots)
        assert received.tolist() == [0, delivered[1], delivered[0], 0]
        if engine_name != "mininet":  # in real time some arrives between the steps, while nobody measures
            assert delivered.tolist() == [100_000, 50_001]
        assert 0.003 < snapshots[-1].flow_completion_s[1] < 0.2
    finally:
        engine.close()


def test_a_host_learns_round_trip_times_and_echoes_of_its_own_flows(engine_name: str) -> None:
    if engine_name == "mininet" and missing_transports("mininet", ["dctcp"]):
        pytest.skip("this kernel lacks dctcp")
    delay_s = 0.002
    engine = open_engine(engine_name, fabric(engine_name, dumbbell(delay_s=delay_s)))
    try:
        first = engine.reset(FLOWS, "dctcp", 1)
        assert np.isnan(first.host_rtt_s).all()
        assert first.host_echoes.sum() == first.host_losses.sum() == 0
        snapshots = [engine.step(Driver(engine).full, 0.1) for _ in range(20)]
        for snapshot in snapshots[2:]:
            # Three links there and three back, and behind the others' packets no longer than the queue was.
            queues_s = snapshot.backlog_peak_bytes.sum() * 8 / 10e6
            assert (snapshot.host_rtt_s[:2] > 6 * delay_s).all()
            assert (snapshot.host_rtt_s[:2] < 6 * delay_s + 0.02 + 2 * queues_s).all()
            assert np.isnan(snapshot.host_rtt_s[2:]).all()
        echoes, marks = sum(s.host_echoes for s in snapshots), sum(s.port_marks for s in snapshots)
        assert (echoes[:2] > 0).all()
        assert echoes[2:].sum() == 0
        # A mark is told a round trip later, and some tell of one packet more than was marked.
        assert echoes.sum() == pytest.approx(marks.sum(), rel=0.15, abs=20)
        assert sum(s.host_losses for s in snapshots).sum() == 0
    finally:
        engine.close()


def test_a_host_learns_what_it_had_to_send_again(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell(queue_bytes=15_000, ecn_bytes=None)))
    try:
        engine.reset(FLOWS, "cubic", 1)
        # At less than the bottleneck's rate no host alone can keep its queue full, and so lock the other out from one timeout to the next.
        snapshots = [engine.step(Driver(engine).full * 0.8, 0.1) for _ in range(20)]
        losses, drops = sum(s.host_losses for s in snapshots), sum(s.port_drops for s in snapshots)
        assert losses[:2].sum() > 0
        assert losses[2:].sum() == sum(s.host_echoes for s in snapshots).sum() == 0
        assert 0.7 * drops.sum() - 10 <= losses.sum() <= 1.3 * drops.sum() + 10
    finally:
        engine.close()


def test_what_udp_hosts_miss_is_lost_or_under_way(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell(queue_bytes=60_000)))
    try:
        driver = Driver(engine)
        engine.reset(FLOWS, "udp", 1)
        snapshots = [engine.step(driver.full, 0.1) for _ in range(10)]
        slow = [engine.step(driver.full * 0.2, 0.1) for _ in range(5)]
        assert all(np.isnan(s.host_rtt_s).all() and s.host_echoes.sum() == 0 for s in snapshots)
        switch_ports = list(engine.topology.switch_ports)
        if engine_name != "mininet":  # in real time some is sent between the steps, while nobody measures
            missing = sum(s.host_losses for s in snapshots).sum() - sum(s.port_drops for s in snapshots)[switch_ports].sum()
            under_way = snapshots[-1].backlog_bytes[switch_ports].sum() / 1514
            assert missing == pytest.approx(under_way, abs=4)
            assert sum(s.host_losses for s in slow).sum() == pytest.approx(-under_way, abs=4)
        assert sum(s.host_losses for s in snapshots)[2:].sum() == 0
    finally:
        engine.close()


def test_a_finished_flow_has_no_round_trip_time(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    try:
        snapshots = Driver(engine).run([Flow("h0", "h2", 0.0, 300_000), Flow("h1", "h3", 0.55)], "cubic", 10)
        assert not np.isnan(snapshots[0].host_rtt_s[0])
        assert np.isnan(snapshots[0].host_rtt_s[1])
        assert snapshots[-1].flow_completion_s[0] > 0
        assert np.isnan(snapshots[-1].host_rtt_s[0])
        assert snapshots[-1].host_rtt_s[1] > 0
    finally:
        engine.close()


def test_unknown_transport_is_said_and_the_engine_lives_on(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    try:
        with pytest.raises(UnsupportedError, match="'nosuch'"):
            engine.reset(FLOWS, "nosuch", 1)
        engine.reset(FLOWS, "udp", 1)
        assert engine.step(Driver(engine).full, 0.1).flow_bytes.sum() > 0
    finally:
        engine.close()


def test_close_ends_everything_and_is_safe_twice(engine_name: str) -> None:
    before = children()
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    engine.reset(FLOWS, "cubic", 1)
    assert engine_name == "sim" or children() - before
    engine.close()
    engine.close()
    deadline = time.monotonic() + 5
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children() <= before
    with pytest.raises(ClosedError):
        engine.reset(FLOWS, "udp", 1)
    with pytest.raises(ClosedError):
        engine.step(np.ones(4), 0.1)


def test_close_in_the_middle_of_a_step(engine_name: str) -> None:
    engine = open_engine(engine_name, fabric(engine_name, dumbbell()))
    engine.reset(FLOWS, "udp", 1)
    engine.begin_step(Driver(engine).full, 5.0)
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 12


def test_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(InputError, match="guest"):
        open_engine("gest", dumbbell())


@pytest.mark.root
@pytest.mark.usefixtures("root")
def test_mininet_with_fair_queues_runs_or_names_the_way_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/proc/kallsyms") as file:
        if " fq_enqueue" in file.read():
            monkeypatch.setattr("iroko.engines.kernel.capabilities._in_namespace", lambda attempt: False)
    with pytest.raises(UnsupportedError, match=r'no queue fq.*modprobe sch_fq.*host_queue = "fifo".*--engine guest'):
        open_engine("mininet", dumbbell())


@pytest.mark.root
@pytest.mark.usefixtures("root")
def test_mininet_says_what_the_hosts_kernel_lacks() -> None:
    from iroko.engines.kernel import missing_transports

    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        available = file.read().split()
    missing = missing_transports(["udp", "cubic", "nv", "dctcp"])
    assert not {"udp", "cubic"} & set(missing)
    for name in set(missing) - set(available):
        assert f"tcp_{name}" in missing[name] or "sch_red" in missing[name]
    engine = open_engine("mininet", dumbbell(host_queue="fifo"))
    try:
        for name in missing:
            with pytest.raises(UnsupportedError, match="modprobe"):
                engine.reset(FLOWS, name, 1)
        assert engine.reset(FLOWS, "cubic", 1).time_s < 0.1
    finally:
        engine.close()


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_more_flows_than_port_numbers_are_refused_and_the_engine_goes_on() -> None:
    engine = open_engine("guest", dumbbell())
    try:
        with pytest.raises(InputError, match=r"35,537 flows: expected at most 35,536 .* --engine sim"):
            engine.reset([Flow("h0", "h2", 0, 1)] * (MAX_KERNEL_FLOWS + 1), "udp", 1)
        assert Driver(engine).run(FLOWS, "udp", 1)[0].flow_bytes.sum() > 0
    finally:
        engine.close()


def test_snapshot_fields_have_the_topologys_shapes(engine_name: str) -> None:
    topology = dumbbell(num_left=3, num_right=1)
    engine = open_engine(engine_name, fabric(engine_name, topology))
    try:
        snapshot = engine.reset([Flow("h0", "h3")], "udp", 1)
        shapes = {"port": (topology.num_ports,), "back": (topology.num_ports,), "host": (4,), "limi": (4,), "flow": (1,)}
        for field in dataclasses.fields(snapshot):
            value = getattr(snapshot, field.name)
            assert np.shape(value) == shapes.get(field.name[:4], ()), field.name
    finally:
        engine.close()
