"""What runs in a guest changes nothing on the host but in its own folder: not by the paths it sees, nor by mounting them anew."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from iroko.guest import confine
from iroko.guest.machine import Machine

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]

# The guest kernel has no messages of its own on this console; each line tells one attempt.
ATTEMPT = """
import os, subprocess, sys
mount = sys.argv[1] == "mount"
if mount:
    print("remount", subprocess.run(["mount", "-o", "remount,rw", "/"]).returncode)
    os.makedirs("/run/again")
    print("again", subprocess.run(["mount", "-t", "hostfs", "-o", "/", "none", "/run/again"]).returncode)
for root in ("/", "/run/again/") if mount else ("/",):
    for path in sys.argv[2:]:
        file = root + path.lstrip("/")
        for what, attempt in (
            ("make", lambda: open(file + "/made", "w").write("x")),
            ("write", lambda: open(file + "/kept", "r+").write("x")),
            ("append", lambda: open(file + "/kept", "a").write("x")),
            ("cut", lambda: os.truncate(file + "/kept", 0)),
            ("remove", lambda: os.unlink(file + "/kept")),
            ("rename", lambda: os.rename(file + "/kept", file + "/moved")),
            ("link", lambda: os.symlink("/etc", file + "/link")),
            ("folder", lambda: os.mkdir(file + "/folder")),
        ):
            try:
                attempt()
                print("DONE", what, file)
            except OSError as error:
                print("refused", what, error.errno)
print("end")
"""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Path]]:
    """Folders on the host that no guest may touch, one of them in the home of the user."""
    with tempfile.TemporaryDirectory(prefix=".iroko-test-", dir=Path.home()) as home:
        folders = [tmp_path, Path(home)]
        for folder in folders:
            (folder / "kept").write_text("mine")
        yield folders


def attempt(kind: str, places: list[Path]) -> str:
    machine = Machine([sys.executable, "-u", "-c", ATTEMPT, kind, *map(str, places)], seed=1)
    try:
        assert machine.process is not None
        machine.process.wait(60)
        return machine.console.read_text(errors="replace")
    finally:
        machine.stop()


def check_untouched(places: list[Path], said: str) -> None:
    assert "end" in said.split(), said
    assert "DONE" not in said, said
    for place in places:
        assert [path.name for path in place.iterdir()] == ["kept"] and (place / "kept").read_text() == "mine"


def test_the_hosts_files_are_read_only(places: list[Path]) -> None:
    said = attempt("plain", places)
    check_untouched(places, said)
    assert said.count("refused") == 16


@pytest.mark.skipif(confine.landlock_version() == 0, reason="this kernel has no Landlock")
def test_mounting_them_again_does_not_help(places: list[Path]) -> None:
    said = attempt("mount", places)
    assert "remount 0" in said or "again 0" in said, f"the test tried nothing: {said}"
    check_untouched(places, said)
    assert said.count("refused") == 32


def test_without_landlock_a_mount_would_write(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # So the test above cannot pass for another reason.
    monkeypatch.setattr(confine, "landlock_version", lambda: 0)
    assert "DONE" in attempt("mount", places)


def test_the_caller_stays_free(tmp_path: Path) -> None:
    machine = Machine([sys.executable, "-c", "pass"], seed=1)
    machine.stop()
    (tmp_path / "file").write_text("still here")
    assert (tmp_path / "file").read_text() == "still here"


def test_an_error_of_the_start_reaches_the_caller(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no kernel")

    with pytest.raises(ValueError, match="no kernel"):
        confine.start_confined(tmp_path, tmp_path, fail)
