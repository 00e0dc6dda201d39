"""However an engine or the main job ends, at whatever moment: nothing of it is left, and nobody else's things were touched."""

import gc
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from iroko.engines.open import open_engine
from iroko.system import ownership
from iroko.topologies.dumbbell import dumbbell
from tests.faults import engine_life
from tests.faults.leftovers import Machine, adopt_orphans, bystanders, plain_mininet

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
ROOT = Path(__file__).parents[2]
LIFE = [sys.executable, "-m", "tests.faults.engine_life"]
MOMENTS = 50


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The machine with other programs on it, before a test; the test's runs have temporary and run-time folders of their own."""
    temporary, runtime = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    adopt_orphans()
    with ExitStack() as others:
        others.enter_context(bystanders(temporary))
        if os.geteuid() == 0:
            others.enter_context(plain_mininet())
        yield Machine(temporary, runtime / "iroko")


def start_life(engine: str, lives: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen([*LIFE, engine, str(lives)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def life_s(engine: str) -> float:
    """How long a life takes on this machine, as it is loaded now."""
    with start_life(engine, 1) as process:
        said, words = process.communicate(timeout=120)
    assert process.returncode == 0, words
    return float(said.split()[0])


def kill_at(engine: str, delay_s: float, number: int) -> None:
    """Send a signal to a program that opens, uses and closes engines, so long after its start."""
    with start_life(engine, 1000) as process:
        time.sleep(delay_s)
        process.send_signal(number)
        _, words = process.communicate(timeout=60)
    assert process.returncode in (128 + number, -number), words
    assert "Traceback" not in words


def start_again() -> None:
    """What undoes the things of those that were killed: the next start of any engine."""
    open_engine("sim", dumbbell()).close()


def check_moments(machine: Machine, engine: str, count: int, seed: int) -> None:
    generator, life = random.Random(seed), life_s(engine)
    for moment in range(count):
        number, delay_s = SIGNALS[moment % len(SIGNALS)], generator.uniform(0, 1.5 * life)
        kill_at(engine, delay_s, number)
        if number == signal.SIGKILL:
            start_again()
        try:
            machine.check_unchanged()
        except AssertionError as error:
            raise AssertionError(f"{signal.Signals(number).name} after {delay_s:.3f} s, of lives of {life:.3f} s") from error


def test_nothing_is_left_of_an_engine_that_was_killed(machine: Machine, engine_name: str) -> None:
    check_moments(machine, engine_name, len(SIGNALS), seed=1)


@pytest.mark.soak
def test_nothing_is_left_of_an_engine_that_was_killed_at_any_moment(machine: Machine, engine_name: str) -> None:
    check_moments(machine, engine_name, MOMENTS, seed=2)


def test_two_runs_do_not_see_each_other(machine: Machine, engine_name: str) -> None:
    with start_life(engine_name, 1) as other:
        kill_at(engine_name, 0.2, signal.SIGKILL)
        start_again()
        said, words = other.communicate(timeout=120)
    assert other.returncode == 0, words
    assert float(said.split()[1]) > 10_000
    machine.check_unchanged()


class Interruption(BaseException):
    """As Ctrl-C is one."""


def raise_at(count: int) -> list[int]:
    """From now on, raise at the call of that number among the calls of engine code in this thread; returns the running count."""
    calls = [0]
    places = tuple(
        str(ROOT / "iroko" / name) for name in ("engines", "system/ownership.py", "system/runtime_folder.py", "system/processes.py")
    )

    def trace(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(places):
            calls[0] += 1
            if calls[0] == count:
                raise Interruption(f"at call {count}, of {frame.f_code.co_qualname}")

    sys.settrace(trace)
    return calls


def interrupt(engine: str, count: int) -> int:
    """Let an exception come at that call of an engine's life; returns how many calls there were."""
    before = sys.gettrace()
    calls = raise_at(count)
    try:
        engine_life.live(engine)
    except Interruption:
        pass
    finally:
        sys.settrace(before)
    gc.collect()
    ownership._owner.undo_all()  # as the end of the program does
    return calls[0]


def check_interruptions(machine: Machine, engine: str, share: float) -> None:
    interrupt(engine, 0)  # a first life makes more calls than the others
    calls = interrupt(engine, 0)
    machine.check_unchanged()
    assert calls > 20
    for count in sorted({*range(1, calls + 1, max(1, round(calls * share))), calls}):
        interrupt(engine, count)
        try:
            machine.check_unchanged()
        except AssertionError as error:
            raise AssertionError(f"an exception at call {count} of {calls}") from error


# A process whose end was interrupted is ended, but nobody has asked how it ended.
unasked = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@unasked
def test_nothing_is_left_after_an_exception(machine: Machine, engine_name: str) -> None:
    check_interruptions(machine, engine_name, 0.23)


@unasked
@pytest.mark.soak
def test_nothing_is_left_after_an_exception_at_any_call(machine: Machine, engine_name: str) -> None:
    check_interruptions(machine, engine_name, 0)
