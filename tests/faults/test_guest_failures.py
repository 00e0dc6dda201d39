"""A guest that is killed, stopped, or never comes up: a clear error in time, and nothing left."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from iroko.errors import ClosedError, EngineError, UnsupportedError
from iroko.flows import Flow
from iroko.guest import build
from iroko.guest.engine import GuestEngine
from iroko.guest.machine import Machine
from iroko.remote import Channel, RemoteEngine
from topologies.dumbbell import dumbbell

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]


def test_killed_guest_is_an_error_and_leaves_nothing() -> None:
    engine = GuestEngine(dumbbell())
    engine.reset(FLOWS, "udp", 1)
    assert engine.machine.process is not None
    os.killpg(engine.machine.process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="the engine has ended"):
        engine.step(np.full(4, 1e7), 0.1)
    assert not engine.machine.folder.exists()
    with pytest.raises(ClosedError):
        engine.step(np.full(4, 1e7), 0.1)
    engine.close()


def test_stopped_guest_is_found_by_the_watchdog() -> None:
    engine = GuestEngine(dumbbell())
    engine.reset(FLOWS, "udp", 1)
    engine._channel.timeout_s = 5  # from here on: on a loaded machine the boot alone may take longer
    assert engine.machine.process is not None
    os.killpg(engine.machine.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(EngineError, match="hangs: no answer for 5 s"):
        engine.step(np.full(4, 1e7), 0.1)
    assert time.monotonic() - started < 20
    assert engine.machine.process.poll() is not None
    engine.close()


def test_error_shows_the_end_of_the_console() -> None:
    machine = Machine([sys.executable, "-c", "raise SystemExit('these are my last words')"], seed=1)
    with pytest.raises(EngineError, match="these are my last words"):
        RemoteEngine(dumbbell(), Channel(machine.channel, 30), machine.stop, lambda: machine.console_end())
    assert not machine.folder.exists()


def test_no_kernel_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UnsupportedError, match="make guest"):
        GuestEngine(dumbbell())


def test_other_processors_are_told_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(UnsupportedError, match=r"x86-64, this is Linux on aarch64.*--engine mininet"):
        GuestEngine(dumbbell())


def test_missing_kernel_source_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(build.SOURCE_VARIABLE, str(tmp_path / "absent.tar.xz"))
    with pytest.raises(UnsupportedError, match=r"absent\.tar.xz: no such file"):
        build.build(lambda _: None)
    assert not list(tmp_path.glob("iroko/*-*"))


def test_guests_are_spread_over_the_processors() -> None:
    from iroko.guest.processor import choose_processor

    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor")
    first = GuestEngine(dumbbell())
    try:
        assert first.machine.process is not None
        mine = os.sched_getaffinity(first.machine.process.pid)
        assert len(mine) == 1 and len(os.sched_getaffinity(0)) > 1
        assert choose_processor() not in mine
    finally:
        first.close()
