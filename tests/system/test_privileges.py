"""Under sudo: what programs that are started see, and whose the files are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iroko.errors import UnsupportedError
from iroko.rundir.folder import write_beside
from iroko.rundir.manifest import Manifest, git_commit
from iroko.system import privileges
from iroko.system.cache import cache_folder, hand_over_cache, make_cache_folder
from iroko.system.privileges import SYSTEM_PATH, allowed_environment, clean_environment, hand_over

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
USER, GROUP = 65534, 65533
DANGEROUS = (
    "PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV", "IFS",
    "GIT_DIR", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_COUNT", "MAKEFLAGS", "CC", "CFLAGS", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
    "PERL5OPT", "EDITOR", "PAGER", "GLIBC_TUNABLES", "TORCH_LOGS",
)  # fmt: skip


@pytest.fixture
def sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(USER))
    monkeypatch.setenv("SUDO_GID", str(GROUP))


def test_programs_see_what_is_allowed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DANGEROUS:
        monkeypatch.setenv(name, "/tmp/evil")
    monkeypatch.setenv("IROKO_THREADS", "3")
    monkeypatch.setenv("LC_ALL", "C")
    kept = allowed_environment({"PYTHONPATH": "/mine"})
    assert kept["PYTHONPATH"] == "/mine" and kept["IROKO_THREADS"] == "3" and kept["LC_ALL"] == "C"
    assert not (set(kept) & set(DANGEROUS)) - {"PYTHONPATH"}
    assert "/tmp/evil" not in kept.values()


def test_root_finds_programs_in_roots_folders_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o777)
    monkeypatch.setenv("PATH", f"{tmp_path}:.::/usr/bin:/absent")
    assert allowed_environment()["PATH"] == "/usr/bin"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert allowed_environment()["PATH"] == SYSTEM_PATH
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert allowed_environment()["PATH"] == str(tmp_path)


@pytest.mark.usefixtures("sudo")
def test_under_sudo_the_process_itself_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ, LD_PRELOAD="/tmp/evil", TERM="dumb"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    clean_environment()
    assert os.environ["LD_PRELOAD"] == "/tmp/evil"  # an ordinary user's own affair
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    clean_environment()
    assert "LD_PRELOAD" not in os.environ and os.environ["TERM"] == "dumb"


@pytest.mark.usefixtures("sudo")
def test_without_root_or_without_sudo_nothing_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[object] = []
    monkeypatch.setattr(os, "fchown", lambda *arguments: given.append(arguments))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    hand_over(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for text in ("", "-1", "x", "1 2"):
        monkeypatch.setenv("SUDO_UID", text)
        hand_over(tmp_path)
    assert given == []


@needs_root
@pytest.mark.usefixtures("sudo")
def test_files_go_to_the_user_who_called_sudo(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    (run / "inner").mkdir(parents=True)
    outside.mkdir()
    for file in (run / "file", run / "inner" / "file", run / "others", outside / "kept", outside / "named"):
        file.write_text("x")
    os.chown(run / "others", 12345, 12345)
    (run / "link").symlink_to(outside / "kept")
    (run / "inner" / "folder").symlink_to(outside)
    os.link(outside / "named", run / "second-name")
    os.mkfifo(run / "pipe")
    hand_over(run)
    owners = {path.name: path.lstat().st_uid for path in (run, *run.rglob("*"))}
    assert owners == {"run": USER, "inner": USER, "file": USER, "others": 12345, "link": 0, "folder": 0, "second-name": 0, "pipe": 0}
    assert (run / "file").stat().st_gid == GROUP
    assert {path.stat().st_uid for path in (outside, outside / "kept", outside / "named")} == {0}


@needs_root
@pytest.mark.usefixtures("sudo")
def test_what_is_written_beside_belongs_to_the_caller_and_follows_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    folder = tmp_path / "run"
    write_beside(folder / "deep" / "one.json", lambda part: part.write_text("1"))
    assert {path.stat().st_uid for path in (folder, folder / "deep", folder / "deep" / "one.json")} == {USER}
    (folder / ".two.part.json").symlink_to(victim)
    write_beside(folder / "two.json", lambda part: part.write_text("2"))
    assert victim.read_text() == "kept" and victim.stat().st_uid == 0 and (folder / "two.json").read_text() == "2"


def test_a_cache_that_another_user_can_write_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What lies there is run: the guest's kernel, and compiled code.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "iroko"
    (tmp_path / "iroko").mkdir(mode=0o755)
    assert cache_folder() == tmp_path / "iroko"
    (tmp_path / "iroko").chmod(0o777)
    with pytest.raises(UnsupportedError, match="can be written by another user: set XDG_CACHE_HOME"):
        cache_folder()


def test_a_cache_is_made_for_its_user_alone_under_any_umask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "deep" / "cache"))
    before = os.umask(0)
    try:
        make_cache_folder("sim")
        make_cache_folder("sim/code")
    finally:
        os.umask(before)
    for folder in (cache_folder(), cache_folder() / "sim", cache_folder() / "sim" / "code"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_who_has_no_home_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)  # Python asks for this user's entry
    with pytest.raises(UnsupportedError, match="has no home folder: set HOME, or XDG_CACHE_HOME to a folder of your own"):
        cache_folder()
    assert Manifest(seed=1, reason="why").to_table()["reason"] == "why"


@needs_root
def test_root_takes_the_cache_of_the_caller_but_of_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "iroko").mkdir(mode=0o755)
    os.chown(tmp_path / "iroko", USER, GROUP)
    monkeypatch.delenv("SUDO_UID", raising=False)
    with pytest.raises(UnsupportedError, match="another user"):
        cache_folder()
    monkeypatch.setenv("SUDO_UID", str(USER))
    monkeypatch.setenv("SUDO_GID", str(GROUP))
    assert cache_folder() == tmp_path / "iroko"
    (tmp_path / "iroko" / "compiled").write_text("x")
    hand_over_cache()
    assert (tmp_path / "iroko" / "compiled").stat().st_uid == 0  # the folder around it is root's
    os.chown(tmp_path, USER, GROUP)
    hand_over_cache()
    assert (tmp_path / "iroko" / "compiled").stat().st_uid == USER


@needs_root
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_the_checkouts_configuration_starts_no_program_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # git starts what `core.fsmonitor` of the checkout names.
    source, proof = tmp_path / "source", tmp_path / "proof"
    (source / "iroko" / "rundir").mkdir(parents=True)
    proof.mkdir(mode=0o777)
    proof.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (source / "iroko" / "rundir" / "manifest.py").write_text("x")
    hook = source / "hook"
    hook.write_text(f"#!/bin/sh\nid -u > {proof}/$(id -u)\n")
    hook.chmod(0o755)
    git = ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=b"]
    for command in (["init", "-q"], ["add", "iroko"], ["commit", "-q", "-m", "x"], ["config", "core.fsmonitor", str(hook)]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    for path in (source, *source.rglob("*")):
        os.chown(path, USER, GROUP)
    monkeypatch.setattr(sys.modules["iroko.rundir.manifest"], "__file__", str(source / "iroko" / "rundir" / "manifest.py"))
    commit = git_commit()
    assert commit is not None and len(commit.partition("+")[0]) == 40
    assert {path.name for path in proof.iterdir()} <= {str(USER)}
    assert {path.stat().st_uid for path in (source / ".git").rglob("*")} == {USER}


def test_every_program_gets_an_environment_of_its_own() -> None:
    root = Path(privileges.__file__).parents[1]
    starts = [path for path in root.rglob("*.py") if "subprocess." in path.read_text()]
    for path in starts:
        text = path.read_text()
        calls = text.count("subprocess.run(") + text.count("subprocess.Popen(")
        assert text.count("env=") >= calls, f"{path.relative_to(root)} starts a program with the whole environment"
        assert "shell=True" not in text and "os.system" not in text and "os.popen" not in text
    assert len(starts) >= 5


@needs_root
def test_a_run_under_sudo_belongs_to_the_caller(tmp_path: Path) -> None:
    options = ["--topo", "dumbbell", "--agent", "ppo", "--engine", "sim", "--episode", "1s", "--episodes", "1", "--steps", "200"]
    environment = os.environ | {"SUDO_UID": str(USER), "SUDO_GID": str(GROUP), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "iroko.run", *options, "--out", str(tmp_path / "deep" / "run")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    made = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert len(made) > 15
    assert [path for path in made if path.lstat().st_uid != USER] == []
