"""Links in the folders of runs and experiments: what they lead to is never opened, emptied, replaced, removed or given away."""

import os
from pathlib import Path

import pandas as pd
import pytest

from iroko.agent import Agent
from iroko.errors import InputError
from iroko.experiment.folder import LOCK, ExperimentFolder
from iroko.experiment.pool import JobProcess, worker_environment
from iroko.run.train import load_checkpoint, save_checkpoint
from iroko.rundir.config import make_config
from iroko.rundir.folder import RunFolder, write_beside
from iroko.rundir.reader import read_run
from iroko.system.privileges import hand_over
from iroko.system.safe_folder import MAX_DEPTH, SafeFolder, check_folder

CONFIG = make_config({"topology": {"name": "dumbbell"}, "run": {"agents": ["static"], "baselines": [], "engine": "sim"}})
USER, GROUP = 65534, 65533


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody's, with a file; the test fails when either was touched."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "file").write_text("precious")
    yield folder  # type: ignore[misc]
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "precious" and (folder / "file").stat().st_uid == os.geteuid()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    folder = RunFolder(path, CONFIG)
    folder.write_scores("static", pd.DataFrame({"scheme": ["static"]}), pd.DataFrame({"scheme": ["static"]}))
    folder.close()
    return path


@pytest.mark.parametrize("place", ["schemes/extra", "model", "checkpoint", "figures", "tensorboard/ppo", "report.html", "a/b/c"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_run_folder_with_a_link_is_refused(run: Path, victim: Path, place: str, whole: bool) -> None:
    (run / place).parent.mkdir(parents=True, exist_ok=True)
    (run / place).symlink_to(victim if whole else victim / "file")
    for use in (lambda: RunFolder(run, CONFIG, resume=True), lambda: read_run(run), lambda: check_folder(run)):
        with pytest.raises(InputError, match=f"{place} is a link"):
            use()


def test_special_files_and_endless_folders_are_refused(run: Path) -> None:
    os.mkfifo(run / "pipe")
    with pytest.raises(InputError, match="pipe is no plain file"):
        check_folder(run)
    (run / "pipe").unlink()
    run.joinpath(*["d"] * (MAX_DEPTH + 2)).mkdir(parents=True)
    with pytest.raises(InputError, match="deep"):
        check_folder(run)


def test_links_that_come_while_a_run_writes_are_not_followed(tmp_path: Path, victim: Path) -> None:
    path = tmp_path / "run"
    folder = RunFolder(path, CONFIG)
    frame = pd.DataFrame({"scheme": ["static"]})
    try:
        (path / "schemes").symlink_to(victim)
        with pytest.raises(InputError, match="schemes is a link"):
            folder.write_scores("static", frame, frame)
        (path / "model").symlink_to(victim)
        with pytest.raises(OSError, match=r"Not a directory|symbolic"):
            folder.write_model("static", lambda part: (part / "weights").write_text("x"))
        (path / "checkpoint").symlink_to(victim)
        with pytest.raises(OSError, match=r"Not a directory|symbolic"):
            folder.checkpoint("static")
        (path / "manifest.json").unlink()
        (path / "manifest.json").symlink_to(victim / "file")
        folder.mark("incomplete")
        assert not (path / "manifest.json").is_symlink()
        (path / "figures").symlink_to(victim)
        with pytest.raises(InputError, match="figures is a link"):
            write_beside(path / "figures" / "a.svg", lambda part: part.write_text("x"), path)
    finally:
        folder.close()


class Saver(Agent):
    def act(self, observation: object) -> object:  # type: ignore[override]
        return None

    def save(self, folder: Path, to_go_on: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights.pt").write_text("weights")

    def load(self, folder: Path) -> None:
        assert (folder / "weights.pt").read_text() == "weights"


@pytest.mark.parametrize("kind", ["new", "old"])
def test_a_checkpoint_is_not_written_through_a_link(tmp_path: Path, victim: Path, kind: str) -> None:
    folder = tmp_path / "checkpoint" / "saver"
    folder.parent.mkdir()
    folder.with_name(f"saver.{kind}").symlink_to(victim)
    with pytest.raises(InputError, match=f"saver.{kind} is a link"):
        load_checkpoint(Saver("saver"), folder)
    save_checkpoint(Saver("saver"), pd.DataFrame({"step": [1]}), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["curve.csv", "weights.pt"]
    assert [path.name for path in folder.parent.iterdir()] == ["saver"]
    assert load_checkpoint(Saver("saver"), folder)


@pytest.mark.parametrize("place", [LOCK, "jobs", "jobs/a", "logs", "logs/a.txt", "replaced", "tables"])
def test_an_experiments_folder_with_a_link_is_refused(tmp_path: Path, victim: Path, place: str) -> None:
    path = tmp_path / "experiment"
    ExperimentFolder(path).close()
    if place in (LOCK, "jobs"):
        (path / place).unlink() if place == LOCK else (path / place).rmdir()
    (path / place).parent.mkdir(exist_ok=True)
    (path / place).symlink_to(victim / "file" if place in (LOCK, "logs/a.txt") else victim)
    with pytest.raises(InputError, match=r"is a link|is no folder of an experiment"):
        ExperimentFolder(path)


def test_a_log_is_not_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.txt").symlink_to(victim / "file")
    os.link(victim / "file", tmp_path / "logs" / "b.txt")
    with SafeFolder(tmp_path) as folder:
        for name in "ab":
            with pytest.raises(OSError, match=r"symbolic|second name"):
                JobProcess(name, {}, folder, f"logs/{name}.txt", worker_environment())
    (tmp_path / "logs" / "b.txt").unlink()


@pytest.mark.parametrize("files", [("lock",), ("lock", "status"), ("experiment.toml",), ("jobs.json", "lock")])
def test_another_programs_folder_is_no_experiments(tmp_path: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match="exists already and is no folder of an experiment"):
        ExperimentFolder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_a_folder_of_an_experiment_is_known_again(tmp_path: Path) -> None:
    ExperimentFolder(tmp_path / "out").close()
    ExperimentFolder(tmp_path / "out").close()
    older = tmp_path / "older"  # before the marker had its name
    (older / "jobs").mkdir(parents=True)
    for name in ("lock", "experiment.toml", "jobs.json"):
        (older / name).write_text("")
    ExperimentFolder(older).close()
    assert (older / LOCK).is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_nothing_is_given_by_way_of_a_link_in_the_middle(tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(USER))
    monkeypatch.setenv("SUDO_GID", str(GROUP))
    run = tmp_path / "run"
    run.mkdir()
    (run / "figures").symlink_to(tmp_path)
    for owner in (USER, 4321):
        os.chown(run / "figures", owner, owner, follow_symlinks=False)
        hand_over(run / "figures" / "victim")
        hand_over(run / "figures" / "victim" / "file")
    assert {path.stat().st_uid for path in (victim, victim / "file")} == {0}
    # The caller's own link to a folder of theirs, such as of a larger disk.
    (tmp_path / "disk" / "new").mkdir(parents=True)
    os.chown(tmp_path / "disk", USER, GROUP)
    os.chown(run / "figures", USER, GROUP, follow_symlinks=False)
    (tmp_path / "disk" / "new" / "file").write_text("x")
    hand_over(run / "figures" / "disk" / "new")
    assert {path.stat().st_uid for path in (tmp_path / "disk" / "new", tmp_path / "disk" / "new" / "file")} == {USER}


def test_the_folder_itself_may_be_named_by_a_link(tmp_path: Path, run: Path) -> None:
    (tmp_path / "latest").symlink_to(run)
    RunFolder(tmp_path / "latest", CONFIG, resume=True).close()
