"""One contract, every engine."""

import dataclasses
import os
import time
from contextlib import closing

import numpy as np
import pytest

from iroko.engine import open_engine
from iroko.errors import ClosedError, EngineError, InputError, UnsupportedError
from iroko.flows import Flow
from tests.engines.driver import Driver
from topologies.dumbbell import dumbbell

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
    engine = open_engine(engine_name, dumbbell())
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
    engine = open_engine(engine_name, dumbbell())
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
    engine = open_engine(engine_name, dumbbell())
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


@pytest.mark.parametrize("transport", ["udp", "cubic", "reno", "bbr"])
def test_flows_of_every_common_transport_finish(engine_name: str, transport: str) -> None:
    if (engine_name, transport) == ("sim", "bbr"):
        with closing(open_engine("sim", dumbbell())) as engine, pytest.raises(UnsupportedError, match=r"'bbr'.*guest"):
            engine.reset(FLOWS, "bbr", 1)
        return
    engine = open_engine(engine_name, dumbbell(rate_bps=100e6))
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


def test_unknown_transport_is_said_and_the_engine_lives_on(engine_name: str) -> None:
    engine = open_engine(engine_name, dumbbell())
    try:
        with pytest.raises(UnsupportedError, match="'nosuch'"):
            engine.reset(FLOWS, "nosuch", 1)
        engine.reset(FLOWS, "udp", 1)
        assert engine.step(Driver(engine).full, 0.1).flow_bytes.sum() > 0
    finally:
        engine.close()


def test_close_ends_everything_and_is_safe_twice(engine_name: str) -> None:
    before = children()
    engine = open_engine(engine_name, dumbbell())
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
    engine = open_engine(engine_name, dumbbell())
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
def test_mininet_says_what_the_hosts_kernel_lacks() -> None:
    from iroko.kernel import missing_transports

    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        available = file.read().split()
    missing = missing_transports(["udp", "cubic", "nv", "dctcp"])
    assert not {"udp", "cubic"} & set(missing)
    for name in set(missing) - set(available):
        assert f"tcp_{name}" in missing[name] or "sch_red" in missing[name]
    engine = open_engine("mininet", dumbbell())
    try:
        for name in missing:
            with pytest.raises(UnsupportedError, match="modprobe"):
                engine.reset(FLOWS, name, 1)
        assert engine.reset(FLOWS, "cubic", 1).time_s < 0.1
    finally:
        engine.close()


def test_snapshot_fields_have_the_topologys_shapes(engine_name: str) -> None:
    topology = dumbbell(num_left=3, num_right=1)
    engine = open_engine(engine_name, topology)
    try:
        snapshot = engine.reset([Flow("h0", "h3")], "udp", 1)
        shapes = {"port": (topology.num_ports,), "back": (topology.num_ports,), "host": (4,), "limi": (4,), "flow": (1,)}
        for field in dataclasses.fields(snapshot):
            value = getattr(snapshot, field.name)
            assert np.shape(value) == shapes.get(field.name[:4], ()), field.name
    finally:
        engine.close()
