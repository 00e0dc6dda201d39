"""Recordings: what is kept of the snapshots, and what stays on disk."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks.parity import recording
from benchmarks.parity.cases import Case
from benchmarks.parity.recording import KernelRecorder, Recorder, Recording
from iroko.topology import Topology
from tests.fake_engine import FakeEngine

CASE, LIMITED, OTHER = Case("dumbbell-1", "udp", "1G"), Case("dumbbell-1", "udp", "1G", "changing"), Case("dumbbell-2", "udp", "1G")
Opened = list[tuple[str, int, FakeEngine]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Opened:
    """Fake engines in place of all, and a cache folder of the test's own."""
    engines: Opened = []

    def open_engine(name: str, topology: Topology, seed: int) -> FakeEngine:
        engines.append((name, seed, FakeEngine(topology)))
        return engines[-1][2]

    monkeypatch.setattr(recording, "open_engine", open_engine)
    monkeypatch.setattr(recording, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(recording, "kernel_path", lambda: tmp_path / "linux-1" / "kernel")
    return engines


def same(one: Recording, other: Recording) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name), equal_nan=True) for field in fields(Recording))


def test_a_recording_holds_what_the_snapshots_said(opened: Opened) -> None:
    with closing(Recorder("fake")) as recorder:
        made = recorder.record(CASE)
    timing = CASE.timing
    engine = FakeEngine(CASE.topology)
    for episode in range(timing.num_episodes):
        plan = CASE.plan(episode)
        engine.reset(plan.flows, "udp", plan.seed)
        snapshots = [engine.step(limits, timing.interval_s) for limits in plan.limits_bps]
        if episode == 0:
            assert made.trace_goodput_bps.tolist() == [s.flow_bytes.sum() * 8 / timing.interval_s for s in snapshots]
        measured = snapshots[timing.warm_up_steps :]
        assert made.flow_bytes[episode].tolist() == sum(s.flow_bytes for s in measured).tolist()
        assert made.port_bytes[episode].tolist() == sum(s.port_bytes for s in measured).tolist()
        assert made.port_backlog_bytes[episode] == pytest.approx(sum(s.backlog_mean_bytes for s in measured) / len(measured))
    assert made.measured_s == pytest.approx(timing.num_steps * timing.interval_s)
    assert made.flow_bytes.sum() > 0
    assert made.trace_backlog_bytes.shape == (timing.total_steps, len(CASE.topology.switch_ports))


def test_an_engine_stays_open_for_equal_topologies(opened: Opened) -> None:
    with closing(Recorder("fake", variant=3)) as recorder:
        for case in (CASE, LIMITED, OTHER):
            recorder.record(case)
        assert [(name, seed, engine.topology, engine.num_closes) for name, seed, engine in opened] == [
            ("fake", 3, CASE.topology, 1), ("fake", 3, OTHER.topology, 0)]  # fmt: skip
    assert opened[1][2].num_closes == 1


def test_a_recording_of_the_kernel_stays_on_disk(opened: Opened) -> None:
    with closing(KernelRecorder()) as recorder:
        assert not recorder.is_kept(CASE)
        first = recorder.record(CASE)
        assert recorder.is_kept(CASE) and not recorder.is_kept(LIMITED)
    assert [name for name, *_ in opened] == ["guest"]
    with closing(KernelRecorder()) as recorder:
        assert same(recorder.record(CASE), first)
    assert len(opened) == 1
    with closing(KernelRecorder(fresh=True)) as recorder:
        assert same(recorder.record(CASE), first)
    assert len(opened) == 2


def test_a_recording_is_named_by_all_that_it_depends_on(opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert KernelRecorder().path(CASE) == KernelRecorder().path(CASE)
    names = {KernelRecorder().path(CASE).name, KernelRecorder(variant=1).path(CASE).name}
    changes: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
        lambda patch: patch.setattr(recording, "kernel_path", lambda: tmp_path / "linux-2" / "kernel"),
        lambda patch: patch.setattr(recording, "_KERNEL_ROOMS", [Path(__file__).parent]),
        lambda patch: patch.setattr("benchmarks.parity.cases.START_SPREAD_PACKETS", 501),
        lambda patch: patch.setattr("benchmarks.parity.cases.CHANGE_EVERY", 6),
    )
    for change in changes:
        with pytest.MonkeyPatch.context() as patch:
            change(patch)
            names |= {KernelRecorder().path(CASE).name, KernelRecorder().path(LIMITED).name}
    names.add(KernelRecorder().path(LIMITED).name)
    # Of a case without limits it does not matter how often limits change.
    assert len(names) == 2 + 2 * len(changes) - 1 + 1


def test_of_ports_keeps_their_columns(opened: Opened) -> None:
    with closing(Recorder("fake")) as recorder:
        made = recorder.record(OTHER)
    part = made.of_ports([4, 1])
    assert part.port_bytes.tolist() == made.port_bytes[:, [4, 1]].tolist()
    assert part.port_backlog_bytes.tolist() == made.port_backlog_bytes[:, [4, 1]].tolist()
    assert part.flow_bytes is made.flow_bytes


def test_a_change_of_the_kernel_room_is_seen_and_a_comment_is_none(opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    source = room / "module.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(recording, "_KERNEL_ROOMS", [room])
    with closing(KernelRecorder()) as recorder:
        recorder.record(CASE)
        source.write_text("# why\nx = (\n    1\n)\n")
        recorder.record(CASE)
        assert len(opened) == 1
        source.write_text("x = 2\n")
        recorder.record(CASE)
        # Not the engine that was opened before the change.
        assert len(opened) == 2 and opened[0][2].num_closes == 1
        assert len(list((tmp_path / "parity").iterdir())) == 2
        monkeypatch.setattr(recorder._recorder, "record", lambda case: source.write_text("x = 3\n"))
        recorder.record(LIMITED)
        assert len(list((tmp_path / "parity").iterdir())) == 2
