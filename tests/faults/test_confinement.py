"""What runs in a guest changes nothing on the host but in its own folder: each of the three walls holds by itself, and all together."""

import contextlib
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from iroko.engines.guest import landlock, syscalls
from iroko.engines.guest.machine import Machine
from iroko.engines.guest.syscalls import has_seccomp
from tests.faults.attempts import ATTEMPT, COUNT, ELSEWHERE, NAMES

in_guest = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
needs_landlock = pytest.mark.skipif(landlock.landlock_version() == 0, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not has_seccomp(), reason="this kernel has no seccomp filters")


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Path]]:
    """Folders on the host that no guest may touch, one of them in the home of the user."""
    with tempfile.TemporaryDirectory(prefix=".iroko-test-", dir=Path.home()) as home:
        folders = [tmp_path, Path(home)]
        for folder in folders:
            (folder / "kept").write_text("mine")
            (folder / "kept").chmod(0o640)
            os.utime(folder / "kept", (1_000_000, 1_000_000))
        yield folders


def attempt_in_guest(kind: str, places: list[Path]) -> str:
    machine = Machine([sys.executable, "-u", "-c", ATTEMPT, kind, *map(str, places)], seed=1)
    try:
        assert machine.process is not None
        machine.process.wait(60)
        return machine.console.read_text(errors="replace")
    finally:
        machine.stop()


def run_confined(folder: Path, program: str, *arguments: str, terminal: int | None = None) -> str:
    """What a Python program prints that runs on the host as the guest's process does, with this folder as its own."""
    own = folder / "own"
    own.mkdir(exist_ok=True)

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-u", "-c", program, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=own)

    said, _ = landlock.start_confined(own, own, lambda: None, start, terminal).communicate(timeout=60)
    return said


def attempt_on_host(places: list[Path]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return run_confined(Path(folder), ATTEMPT, "plain", *map(str, places))


def check_untouched(places: list[Path], said: str) -> None:
    assert "end" in said.split(), said
    assert "DONE" not in said, said
    for place in places:
        assert [path.name for path in place.iterdir()] == ["kept"] and (place / "kept").read_text() == "mine"
        found = (place / "kept").stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_mtime) == (0o640, os.geteuid(), 1_000_000)


class TestInAGuest:
    pytestmark = in_guest

    def test_the_hosts_files_are_read_only(self, places: list[Path]) -> None:
        said = attempt_in_guest("plain", places)
        check_untouched(places, said)
        assert said.count("refused") == 2 * COUNT

    def test_mounting_them_again_does_not_help(self, places: list[Path]) -> None:
        said = attempt_in_guest("mount", places)
        assert "remount 0" in said or "again 0" in said, f"the test tried nothing: {said}"
        check_untouched(places, said)
        assert said.count("refused") == 4 * COUNT

    def test_the_guest_kernel_changes_nothing_even_where_the_host_lets_it(
        self, places: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(landlock, "_confine", lambda *_: None)
        said = attempt_in_guest("mount", places)
        assert "remount 0" in said or "again 0" in said, f"the test tried nothing: {said}"
        check_untouched(places, said)

    def test_it_cannot_choose_another_terminal(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        # As the sound driver's parameter once let it, with which the guest's root wrote to any terminal of the user's.
        monkeypatch.setattr(landlock, "_confine", lambda *_: None)
        ours, theirs = pty.openpty()
        program = """
import glob, os, sys
for path in glob.glob("/sys/module/*/parameters/*"):
    if path.endswith(("/dsp", "/mixer")):
        os.chmod(path, 0o600)
        open(path, "w").write(sys.argv[1])
        print("parameter", path)
os.write(os.open("/dev/dsp", os.O_WRONLY), b"typed by the guest")
print("end")
"""
        machine = Machine([sys.executable, "-u", "-c", program, os.ttyname(theirs)], seed=1)
        try:
            assert machine.process is not None
            machine.process.wait(60)
            said = machine.console.read_text(errors="replace")
            os.set_blocking(ours, False)
            with contextlib.suppress(BlockingIOError):
                assert os.read(ours, 100) == b""
            assert "parameter" not in said and "end" in said.split(), said
            assert os.read(machine.channel, 100) == b"typed by the guest"
        finally:
            machine.stop()
            os.close(ours)
            os.close(theirs)

    def test_it_cannot_put_bytes_into_its_terminals_input(self) -> None:
        program = """
import fcntl, os
for request in (0x5412, 0x5401, 0x540E):  # TIOCSTI, TCGETS, TIOCSCTTY
    try:
        fcntl.ioctl(os.open("/dev/dsp", os.O_RDWR), request, bytes(64))
        print("DONE", request)
    except OSError as error:
        print("refused", error.errno)
"""
        machine = Machine([sys.executable, "-u", "-c", program], seed=1)
        try:
            assert machine.process is not None
            machine.process.wait(60)
            said = machine.console.read_text(errors="replace")
            assert said.count("refused 25") == 3, said
        finally:
            machine.stop()


@needs_landlock
@needs_seccomp
def test_the_host_lets_the_process_change_nothing(places: list[Path]) -> None:
    said = attempt_on_host(places)
    check_untouched(places, said)
    assert said.count("refused") == 2 * COUNT


@needs_seccomp
def test_seccomp_alone_keeps_modes_owners_times_and_names(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "landlock_version", lambda: 0)
    said = attempt_on_host(places)
    for name in NAMES:
        assert said.count(f"refused {name} 1\n") == 2, (name, said)


@needs_landlock
def test_landlock_alone_keeps_contents(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "has_seccomp", lambda: False)
    said = attempt_on_host(places)
    for name in ("make", "write", "append", "remove", "rename", "folder", "pipe", "symlink"):
        assert said.count(f"refused {name} ") == 2, (name, said)


def test_without_walls_everything_is_done(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # So the tests above cannot pass for another reason.
    monkeypatch.setattr(landlock, "_confine", lambda *_: None)
    said = attempt_on_host(places)
    assert "refused mode" not in said and "DONE mode" in said and "DONE make" in said and "DONE remove" in said


def test_the_numbers_are_those_of_their_calls() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip(f"{header} is missing: a package of the C library's headers")
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    allowed = {**syscalls._ALLOWED, "open": syscalls._OPEN, "ioctl": syscalls._IOCTL, "clone": syscalls._CLONE, "openat": syscalls._OPENAT}
    assert {name: numbers[name] for name in allowed} == allowed
    assert not set(allowed) & {
        "chmod",
        "fchmodat",
        "chown",
        "mknod",
        "setxattr",
        "utimensat",
        "socket",
        "mount",
        "rename",
        "link",
        "symlink",
    }


@needs_landlock
@needs_seccomp
def test_the_process_reaches_its_own_terminal_and_nothing_else(tmp_path: Path) -> None:
    pairs = [pty.openpty() for _ in range(2)]
    victim = subprocess.Popen(["sleep", "100"])
    try:
        names = [os.ttyname(theirs) for _, theirs in pairs]
        said = run_confined(tmp_path, ELSEWHERE, *names, str(victim.pid), terminal=pairs[0][1])
        lines = said.splitlines()
        done = {line.removeprefix("done ") for line in lines if line.startswith("done ")}
        scoped = landlock.landlock_version() >= 6  # older versions leave signals to the user's own processes
        assert done == {"own file", "own terminal", "child"} | (set() if scoped else {"signal"}), said
        assert len(lines) == 15, said
        assert victim.poll() is None or not scoped
    finally:
        victim.kill()
        victim.wait()
        for pair in pairs:
            for descriptor in pair:
                os.close(descriptor)


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_the_caller_stays_free(tmp_path: Path) -> None:
    machine = Machine([sys.executable, "-c", "pass"], seed=1)
    machine.stop()
    (tmp_path / "file").write_text("still here")
    (tmp_path / "file").chmod(0o600)
    assert (tmp_path / "file").read_text() == "still here"


def test_an_error_of_the_start_reaches_the_caller(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no kernel")

    with pytest.raises(ValueError, match="no kernel"):
        landlock.start_confined(tmp_path, tmp_path, lambda: None, fail)
