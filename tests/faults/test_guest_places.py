"""A guest starts wherever the host has room for it, and an error names what the host refuses."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from iroko.engines.guest import host, machine, processor, syscalls
from iroko.engines.guest.engine import GuestEngine
from iroko.engines.guest.hidden import python_folders, show_hidden
from iroko.errors import UnsupportedError
from iroko.topologies.dumbbell import dumbbell

ROOT = Path(__file__).parents[2]
in_guest = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
OPEN = """
from iroko.errors import IrokoError
from iroko.engines.open import open_engine
from iroko.topologies.dumbbell import dumbbell
try:
    open_engine("guest", dumbbell()).close()
    print("opened", dumbbell.__module__)
except IrokoError as error:
    print("error", error)
"""


def open_in_shell(setting: str, place: Path = ROOT, shell: tuple[str, ...] = ("sh", "-c"), **environment: str) -> str:
    """What a program prints that opens a guest after a shell's commands, with the modules of a place."""
    command = [*shell, f'{setting}; exec "$@"', "sh", sys.executable, "-P", "-c", OPEN]
    modules = os.environ | {"PYTHONPATH": str(place)} | environment
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=modules, cwd=place)
    assert result.returncode == 0, result.stderr
    return result.stdout


def open_guest() -> None:
    engine = GuestEngine(dumbbell())
    try:
        engine.reset([], "udp", 1)
    finally:
        engine.close()


class TestWithAGuest:
    pytestmark = in_guest

    @pytest.mark.usefixtures("root")
    @pytest.mark.parametrize("options", ["size=64m,noexec,nosuid,nodev", "size=64m", "ro"])
    def test_shared_memory_as_in_a_container(self, options: str) -> None:
        said = open_in_shell(f"mount -t tmpfs -o {options} shm /dev/shm", shell=("unshare", "-m", "sh", "-c"))
        assert said.startswith("opened"), said

    @pytest.mark.usefixtures("root")
    def test_a_temporary_folder_without_programs(self, tmp_path: Path) -> None:
        said = open_in_shell(f"mount -t tmpfs -o noexec none {tmp_path}", shell=("unshare", "-m", "sh", "-c"), TMPDIR=str(tmp_path))
        assert said.startswith("opened"), said

    @pytest.mark.parametrize("shared", [True, False])
    def test_memory_in_a_folder_where_the_host_gives_no_other(self, shared: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        if not syscalls.has_seccomp():
            pytest.skip("this kernel has no seccomp filters, which take the call away")
        monkeypatch.delitem(syscalls._ALLOWED, "memfd_create")
        monkeypatch.setattr(machine, "has_nameless_memory", lambda: False)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        if not shared:
            monkeypatch.setattr(host, "_SHARED_MEMORY", tmp_path / "absent")
        open_guest()
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("parent", ["/dev/shm", "/run"])
    def test_a_checkout_below_a_folder_that_the_guest_has_of_its_own(self, parent: str) -> None:
        if not os.access(parent, os.W_OK) or host.is_noexec(Path(parent)):
            pytest.skip(f"{parent} cannot be written, or holds no programs")
        with tempfile.TemporaryDirectory(prefix="iroko test-", dir=parent) as place:
            for name in ("iroko", "topologies", "traffic", "agents"):
                shutil.copytree(ROOT / name, Path(place) / name, ignore=shutil.ignore_patterns("__pycache__"))
            said = open_in_shell(":", Path(place))
            assert said.startswith("opened"), said

    def test_soft_limits_are_raised(self) -> None:
        said = open_in_shell("ulimit -Sn 100; ulimit -Sf 100000")
        assert said.startswith("opened"), said

    @pytest.mark.parametrize(("setting", "message"), [
        ("ulimit -n 100", "ulimit -n is 100: a guest needs 256"),
        ("ulimit -f 100000", "ulimit -f is"),
    ])  # fmt: skip
    def test_a_hard_limit_is_named(self, setting: str, message: str) -> None:
        said = open_in_shell(setting)
        assert said.startswith("error") and message in said and "build" not in said, said

    def test_without_the_right_to_choose_processors_it_runs_on_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: int, __: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(processor.os, "sched_setaffinity", refuse)
        open_guest()


def test_without_any_place_for_memory_the_error_names_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "is_noexec", lambda _: True)
    monkeypatch.setattr(host, "_SHARED_MEMORY", tmp_path / "absent")
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(UnsupportedError, match=r"absent is missing; TMPDIR \(.*\) is mounted noexec; set TMPDIR to"):
        host.choose_memory_folder(own)
    monkeypatch.undo()
    monkeypatch.setattr(host, "_SHARED_MEMORY", tmp_path / "absent")
    assert host.choose_memory_folder(own) == own
    monkeypatch.setattr(host, "GUEST_BYTES", 10**18)
    with pytest.raises(UnsupportedError, match=r"MB free of"):
        host.choose_memory_folder(own)


@pytest.mark.parametrize(("number", "noexec", "message"), [
    (errno.EACCES, True, "is mounted noexec: set XDG_CACHE_HOME"),
    (errno.EACCES, False, "readable and executable"),
    (errno.EMFILE, False, "ulimit -n"),
    (errno.EAGAIN, False, "ulimit -u"),
    (errno.ENOEXEC, False, "build it anew"),
    (errno.EPERM, False, "iroko.doctor"),
])  # fmt: skip
def test_a_kernel_that_does_not_start_gets_the_true_reason(
    number: int, noexec: bool, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "is_noexec", lambda _: noexec)
    said = host.explain_refusal(tmp_path / "linux", OSError(number, os.strerror(number)))
    assert message in said and ("build" in said) == (number == errno.ENOEXEC)


def test_the_working_folder_and_real_names_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", str(link)])
    assert {str(tmp_path), str(link), str(real)} <= set(python_folders())


def test_only_hidden_folders_are_shown_again(tmp_path: Path) -> None:
    assert show_hidden(["/usr/lib/python3", "/runner/x", str(tmp_path), "/run/does-not-exist"]) == ("", "")
    if os.access("/dev/shm", os.W_OK):
        with tempfile.TemporaryDirectory(prefix="it's-", dir="/dev/shm") as place:
            inner = Path(place) / "inner"
            inner.mkdir()
            before, after = show_hidden([str(inner), place])
            assert before.startswith("mkdir -p /dev/host") and after.count("--bind") == 1 and "'\"'\"'" in after
