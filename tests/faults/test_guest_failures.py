"""A guest that is killed, stopped, out of memory, in panic, or never comes up: a clear error in time, and nothing left.

A guest that ends, whatever the cause, is an error at once. One that is silent is an error after the channel's time, 120 s of real time
unless an engine is opened with another; here that is `SILENT_S`, and `SOON_S` is what a loaded machine may add.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iroko.engines.guest import build
from iroko.engines.guest import machine as machine_module
from iroko.engines.guest.engine import GuestEngine
from iroko.engines.guest.machine import Machine
from iroko.engines.remote.channel import Channel
from iroko.engines.remote.engine import RemoteEngine
from iroko.envs.vector import IrokoVecEnv, make_vector
from iroko.errors import ClosedError, EngineError, UnsupportedError
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from tests.engines.test_contract import children

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]
SILENT_S, SOON_S = 3.0, 60.0
EAT = "parts = []\nwhile True: parts.append(bytearray(1 << 20))"


def far_end(*command: str) -> RemoteEngine:
    """An engine on a guest that runs something else than its server."""
    machine = Machine(list(command), seed=1)
    return RemoteEngine(dumbbell(), Channel(machine.channel, SOON_S), machine.stop, machine.console_end)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test leaves no process and no folder."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    before = children()
    yield
    assert children() <= before
    assert not list(place.iterdir())


def give_memory(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    arguments = [f"mem={size}" if argument.startswith("mem=") else argument for argument in machine_module._ARGUMENTS]
    monkeypatch.setattr(machine_module, "_ARGUMENTS", arguments)


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
    engine._channel.timeout_s = SILENT_S  # from here on: on a loaded machine the boot alone may take longer
    assert engine.machine.process is not None
    os.killpg(engine.machine.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(EngineError, match="hangs: no answer for 3 s"):
        engine.step(np.full(4, 1e7), 0.1)
    assert SILENT_S <= time.monotonic() - started < SILENT_S + SOON_S
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


def test_guests_are_spread_over_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    from iroko.engines.guest import processor

    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor")
    first = GuestEngine(dumbbell())
    try:
        assert first.machine.process is not None
        mine = os.sched_getaffinity(first.machine.process.pid)
        assert len(mine) == 1 and len(os.sched_getaffinity(0)) > 1
        assert processor._pinned_guests().count(min(mine)) >= 1
        # Guests of other runs on this machine come and go: here this one is alone.
        monkeypatch.setattr(processor, "_pinned_guests", lambda: list(mine))
        assert processor.choose_processor() not in mine
    finally:
        first.close()


def test_a_program_that_eats_the_guests_memory_ends_it_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    give_memory(monkeypatch, "96M")
    started = time.monotonic()
    with pytest.raises(EngineError, match=r"(?s)the engine has ended.*Kernel panic - not syncing: Out of memory") as caught:
        far_end(sys.executable, "-S", "-c", EAT)
    assert time.monotonic() - started < SOON_S
    assert "[<" not in str(caught.value)  # addresses say nothing to a user


def test_a_fabric_too_large_for_the_guests_memory_is_an_error_within_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # At the brink a kernel could drop and read its programs again and again, and print nothing: that counts as out of memory.
    give_memory(monkeypatch, "72M")
    started = time.monotonic()
    with pytest.raises(EngineError, match=r"(?s)the engine has ended.*Kernel panic - not syncing: Out of memory"):
        GuestEngine(fattree(k=8), timeout_s=SOON_S)
    assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("content", [
    "b'x' * 65536",  # no message at all
    "b'N' + bytes([255, 255, 255, 255])",  # a message of 4 GB
])  # fmt: skip
def test_a_channel_full_of_what_is_no_message_is_an_error(content: str) -> None:
    script = f"import os\nchannel = os.open('/dev/dsp', os.O_RDWR)\nwhile True: os.write(channel, {content})"
    started = time.monotonic()
    with pytest.raises(EngineError, match="the engine sent what is no message"):
        far_end(sys.executable, "-S", "-c", script)
    assert time.monotonic() - started < SOON_S


def test_a_guest_that_ends_while_a_long_message_is_sent_is_an_error_at_once() -> None:
    # It reads nothing: the near end waits for room in the pseudo-terminal when the guest ends.
    machine = Machine([sys.executable, "-S", "-c", "import time; time.sleep(1)"], seed=1)
    engine_end = Channel(machine.channel, SOON_S)
    started = time.monotonic()
    try:
        with pytest.raises((EOFError, OSError)) as caught:
            engine_end.send(b"O", bytes(1 << 20))
        assert not isinstance(caught.value, TimeoutError)
        assert time.monotonic() - started < SOON_S
    finally:
        machine.stop()


def test_a_channel_that_nobody_empties_is_an_error() -> None:
    engine = GuestEngine(dumbbell())
    engine.reset(FLOWS, "udp", 1)
    engine._channel.timeout_s = SILENT_S
    assert engine.machine.process is not None
    os.killpg(engine.machine.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(EngineError, match="hangs: no answer for 3 s"):
        engine.reset(FLOWS * 20_000, "udp", 1)  # some megabytes, more than a pseudo-terminal holds
    assert SILENT_S <= time.monotonic() - started < SILENT_S + SOON_S


def other_kernel(path: Path, content: str | None) -> Path:
    if content is None:
        shutil.copy("/bin/true", path)
    else:
        path.write_text(content)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("content", "kind", "message"), [
    ("this is no program", UnsupportedError, "Exec format error: build it anew"),
    (None, EngineError, "the engine has ended"),
    ("#!/bin/sh\necho this kernel gives up\nexit 3\n", EngineError, "(?s)the engine has ended.*this kernel gives up"),
    ("#!/bin/sh\necho this kernel waits\nexec sleep 1000\n", EngineError, "(?s)hangs: no answer for 3 s.*this kernel waits"),
])  # fmt: skip
def test_a_wrong_kernel_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, kind: type[Exception], message: str
) -> None:
    kernel = other_kernel(tmp_path / "linux", content)
    monkeypatch.setattr(machine_module, "kernel_path", lambda: kernel)
    started = time.monotonic()
    with pytest.raises(kind, match=message):
        GuestEngine(dumbbell(), timeout_s=SILENT_S)
    assert time.monotonic() - started < SILENT_S + SOON_S


def kill_guest(vector: IrokoVecEnv, index: int) -> None:
    process = vector.envs[index].engine.machine.process  # type: ignore[attr-defined]
    os.killpg(process.pid, signal.SIGKILL)


def test_when_one_guest_dies_the_others_end_or_go_on() -> None:
    scenario, actions = Scenario(episode_s=0.3, traffic="random"), np.ones((2, 4), dtype=np.float32)
    for on_failure in ("end", "replace"):
        vector = make_vector(scenario, 2, engine="guest", seed=1, on_failure=on_failure)
        assert isinstance(vector, IrokoVecEnv)
        vector.reset()
        vector.step(actions)
        kill_guest(vector, 1)
        if on_failure == "end":
            with pytest.raises(EngineError, match="environment 1: the engine has ended"):
                vector.step(actions)
            with pytest.raises(ClosedError):
                vector.step(actions)
            continue
        _, rewards, dones, infos = vector.step(actions)
        assert dones.tolist() == [False, True] and rewards[1] == 0 and "the engine has ended" in infos[1]["engine_error"]
        steps = [vector.step(actions) for _ in range(3)]
        assert [step[2].tolist() for step in steps] == [[True, False], [False, False], [False, True]]
        assert all(step[3][1]["goodput_bps"] >= 0 and "engine_error" not in step[3][1] for step in steps)
        vector.close()
