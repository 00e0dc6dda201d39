"""A full disk or a read-only folder stops a run with one line, and leaves a folder that can be gone on with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iroko.rundir.folder import hash_results
from iroko.rundir.reader import read_manifest

ROOT = Path(__file__).parents[2]
OPTIONS = ["--topo", "dumbbell", "--agent", "ppo", "--baseline", "none", "--engine", "sim", "--train-engine", "sim", "--steps", "960",
           "--envs", "16", "--interval", "100ms", "--episode", "2s", "--episodes", "2", "--json"]  # fmt: skip
MOUNT_POINT = "/mnt"


def run(out: Path | str, *more: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The main job without its figures, see `tests.faults.mortal_run`."""
    command = [*prefix, sys.executable, "-m", "tests.faults.mortal_run", "", "0", "-", "none", *OPTIONS]
    return subprocess.run(
        [*command, "--out", str(out), *more], capture_output=True, text=True, timeout=300, cwd=ROOT, stdin=subprocess.DEVNULL
    )


def one_line(result: subprocess.CompletedProcess[str], code: int, words: str, go_on: Path | str = "") -> None:
    """The run ended with this code, and with one line about it behind those on its phases."""
    assert result.returncode == code, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if words in line]
    assert len(lines) == 1 and lines[0].startswith("iroko: ") and lines == result.stderr.splitlines()[-1:], result.stderr
    assert not go_on or lines[0].endswith(f"; go on with: python -m iroko.run --resume --out {go_on}")


class Disk:
    """A file system in memory, in a mount namespace that one process holds: nobody else sees it."""

    def __init__(self, size: str) -> None:
        words = f"mount -t tmpfs -o size={size},mode=0755 tmpfs {MOUNT_POINT} && echo ready && exec cat"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            self.close()
            pytest.skip("no file system can be mounted here")

    @property
    def prefix(self) -> tuple[str, ...]:
        """Of a command that is to see it."""
        return ("nsenter", "--mount", f"--target={self.process.pid}", f"--wdns={ROOT}")

    @property
    def folder(self) -> Path:
        """Where it is seen from outside."""
        return Path(f"/proc/{self.process.pid}/root{MOUNT_POINT}")

    def remount(self, options: str) -> None:
        subprocess.run([*self.prefix, "mount", "-o", f"remount,{options}", MOUNT_POINT], check=True)

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run on a disk with room, and beside it what it printed."""
    folder = tmp_path_factory.mktemp("reference")
    result = run(folder / "run")
    assert result.returncode == 0, result.stderr
    (folder / "schemes").write_text(json.dumps(json.loads(result.stdout)["schemes"]))
    return folder


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    if not all(shutil.which(name) for name in ("unshare", "nsenter", "mount")):
        pytest.skip("unshare, nsenter or mount is missing")
    disk = Disk(request.param)
    yield disk
    disk.close()


def check_full(disk: Disk, reference: Path) -> None:
    out = f"{MOUNT_POINT}/run"
    seen = disk.folder / "run"
    one_line(run(out, prefix=disk.prefix), 1, "No space left on device", go_on=out)
    manifest = read_manifest(seen)
    assert manifest.status == "incomplete" and not list(seen.rglob("*.part*"))
    disk.remount("ro")
    one_line(run(out, "--resume", prefix=disk.prefix), 1, "Read-only file system")
    disk.remount("rw,size=50m")
    again = run(out, "--resume", prefix=disk.prefix)
    assert again.returncode == 0, again.stderr
    assert json.dumps(json.loads(again.stdout)["schemes"]) == (reference / "schemes").read_text()
    assert hash_results(seen) == hash_results(reference / "run")


@pytest.mark.root
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("disk", ["300k"], indirect=True)
def test_a_full_disk_stops_the_run_which_goes_on_when_there_is_room(disk: Disk, reference: Path) -> None:
    check_full(disk, reference)


@pytest.mark.soak
@pytest.mark.root
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("disk", [f"{size}k" for size in range(16, 720, 64)], indirect=True)
def test_a_disk_that_is_full_at_any_moment(disk: Disk, reference: Path) -> None:
    check_full(disk, reference)


@pytest.mark.root
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("disk", ["5m"], indirect=True)
def test_a_read_only_folder_is_one_line_before_anything_starts(disk: Disk) -> None:
    disk.remount("ro")
    one_line(run(f"{MOUNT_POINT}/run", prefix=disk.prefix), 2, "cannot be written: Read-only file system")


def test_a_file_that_may_not_grow_stops_the_run_which_goes_on_later(reference: Path, tmp_path: Path) -> None:
    # Without root a limit on the size of files stands for the full disk.
    if os.geteuid() == 0:
        pytest.skip("root has a full disk of its own, in the tests above")
    limited = ("prlimit", "--fsize=60000") if shutil.which("prlimit") else ()
    if not limited:
        pytest.skip("prlimit of util-linux is missing")
    out = tmp_path / "run"
    one_line(run(out, prefix=limited), 1, "File too large", go_on=out)
    assert read_manifest(out).status == "incomplete" and not list(out.rglob("*.part*"))
    again = run(out, "--resume")
    assert again.returncode == 0, again.stderr
    assert hash_results(out) == hash_results(reference / "run")
