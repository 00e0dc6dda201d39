"""Nothing is lost: a run that was killed, at whatever moment, and goes on has the same files and table as one that never was."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from iroko.rundir.folder import hash_results
from iroko.rundir.reader import read_manifest

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
ROOT = Path(__file__).parents[2]
MORTAL = [sys.executable, "-m", "tests.faults.mortal_run"]
OPTIONS = ["--topo", "dumbbell", "--agent", "ppo", "--engine", "guest", "--train-engine", "sim", "--steps", "960", "--envs", "16",
           "--interval", "100ms", "--episode", "1s", "--episodes", "1", "--seed", "4", "--json"]  # fmt: skip
MOMENTS = 20
Call = tuple[str, int]


class Runs:
    """Starts of one run, in folders of their own.

    Args:
        options: of the main job.
        draw: whether figures and report are made too.
    """

    def __init__(self, folder: Path, options: Sequence[str], draw: bool) -> None:
        self.folder, self.options, self.draw = folder, options, "draw" if draw else "none"
        self.list = folder / "calls"
        self.table = self.start("reference")
        self.calls = self.list.read_text().splitlines()

    def start(self, name: str, *more: str, kill_at: Call = ("", 0)) -> str:
        """Start, or start again, the run of that name; returns the schemes of its table."""
        command = [*MORTAL, kill_at[0], str(kill_at[1]), str(self.list), self.draw, *self.options, "--out", str(self.folder / name), *more]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, stdin=subprocess.DEVNULL)
        assert result.returncode == (-signal.SIGKILL if kill_at[1] else 0), f"{kill_at}: {result.returncode}, {result.stderr}"
        if kill_at[1]:
            return ""
        table = json.loads(result.stdout)
        return json.dumps({key: value for key, value in table.items() if key != "run"})

    def resume(self, name: str, *, kill_at: Call = ("", 0)) -> str:
        """Go on with the run of that name; one that was killed before it had a folder is started anew."""
        return self.start(name, *(["--resume"] if (self.folder / name / "config.toml").exists() else []), kill_at=kill_at)

    def check_equal(self, name: str) -> None:
        """Every table, model and file of a run that went on to its end is that of the reference."""
        reference, path = self.folder / "reference", self.folder / name
        assert hash_results(path) == hash_results(reference)
        assert read_manifest(path).status == "complete"
        assert files(path) == files(reference)

    def numbers(self, name: str) -> int:
        return self.calls.count(name)


def files(path: Path) -> list[str]:
    """All that a run's folder holds, but TensorBoard's logs, of which each start and section has its own."""
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if "tensorboard" not in file.parts)


@pytest.mark.slow
def test_a_run_that_was_killed_three_times_equals_one_that_never_was(tmp_path: Path) -> None:
    generator, runs = random.Random(5), Runs(tmp_path, [*OPTIONS, "--baseline", "none"], draw=False)
    saving = sorted({call for call in runs.calls if call.startswith("train.save_checkpoint/")})
    scoring = sorted({call for call in runs.calls if call.startswith("evaluate._Tables.add_step")})
    joining = sorted({call for call in runs.calls if call.startswith(("folder.RunFolder.join_scores", "folder.join_frames"))})
    runs.start("killed", kill_at=(generator.choice(saving), 2))  # while the second checkpoint is written
    name = generator.choice(scoring)
    runs.resume("killed", kill_at=(name, generator.randint(1, runs.numbers(name) // 2)))  # while the guest is stepped
    runs.resume("killed", kill_at=(generator.choice(joining), 1))  # while the tables are joined
    assert runs.resume("killed") == runs.table
    runs.check_equal("killed")


@pytest.mark.soak
def test_a_run_that_was_killed_at_any_moment_equals_one_that_never_was(tmp_path: Path) -> None:
    generator, runs = random.Random(6), Runs(tmp_path, [*OPTIONS, "--baseline", "nv"], draw=True)
    names = sorted(set(runs.calls))
    # Each part of the run is as likely, however often it is called.
    for number, name in enumerate(generator.sample(names, MOMENTS)):
        moment = name, generator.randint(1, runs.numbers(name))
        run = f"killed{number}"
        runs.start(run, kill_at=moment)
        try:
            assert runs.resume(run) == runs.table
            runs.check_equal(run)
        except AssertionError as error:
            raise AssertionError(f"killed at {moment}") from error
