"""Run folders: whole files, equal bytes for equal content, locks, and going on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from iroko.errors import InputError
from iroko.rundir.folder import RunFolder, find_unfinished, join_frames, new_folder, write_beside, write_frame
from iroko.rundir.manifest import COMPLETE, INCOMPLETE, Manifest, git_commit
from iroko.rundir.reader import read_manifest, read_run
from tests.fake_run import make_frames, make_run, make_run_config


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_beside(file, lambda part: part.write_text("old"))

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_beside(file, fail)
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_equal_frames_give_equal_bytes_and_other_frames_other_bytes(tmp_path: Path) -> None:
    config = make_run_config()
    files = []
    for number, load in enumerate((0.5, 0.5, 0.4)):
        files.append(tmp_path / str(number) / "steps.parquet")
        write_frame(files[-1], make_frames(config, "ppo", load=load)[0])
    one, same, other = (file.read_bytes() for file in files)
    assert one == same != other
    assert str(tmp_path).encode() not in one


def test_lists_and_missing_values_read_back(tmp_path: Path) -> None:
    steps, flows = make_frames(make_run_config(), "ppo")
    write_frame(tmp_path / "steps.parquet", steps)
    write_frame(tmp_path / "flows.parquet", flows)
    again = pd.read_parquet(tmp_path / "steps.parquet")
    assert again["port_bytes"].map(list).tolist() == steps["port_bytes"].map(list).tolist()
    assert pd.read_parquet(tmp_path / "flows.parquet")["size_bytes"].isna().all()


def test_parts_join_in_the_order_given_also_where_one_has_only_missing_values(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.parquet", pd.DataFrame({"name": ["a"], "size": [None]}))
    write_frame(tmp_path / "b.parquet", pd.DataFrame({"name": ["b"], "size": [2.5]}))
    join_frames(tmp_path / "ba.parquet", [tmp_path / "b.parquet", tmp_path / "a.parquet"])
    joined = pd.read_parquet(tmp_path / "ba.parquet")
    assert joined["name"].tolist() == ["b", "a"] and joined["size"].isna().tolist() == [False, True]


def test_a_run_reads_back_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", baselines=["maxmin", "nv"])
    assert run.config == make_run_config(baselines=["maxmin", "nv"])
    assert run.schemes == ["ppo", "maxmin", "nv"] == run.steps["scheme"].unique().tolist()
    assert len(run.steps) == 3 * 2 * 4 and len(run.flows) == 3 * 2 * 2 and len(run.learning) == 3
    assert read_manifest(run.path).status == COMPLETE
    # Nothing is left of the files that were written beside their places.
    assert [path for path in run.path.rglob("*") if ".part" in path.name] == []


def test_scores_on_the_engine_of_the_training_stand_beside_the_others(tmp_path: Path) -> None:
    assert make_run(tmp_path / "plain").in_training is None
    run = make_run(tmp_path / "run", gain_in_training=2.0, baselines=["maxmin", "nv"])
    assert run.schemes == ["ppo", "maxmin", "nv"]
    other = run.in_training
    assert other is not None and other.in_training is None
    assert other.schemes == ["ppo", "maxmin"] and (other.path, other.config) == (run.path, run.config)
    ppo = [each.steps.loc[each.steps["scheme"] == "ppo", "reward"] for each in (run, other)]
    assert ppo[1].tolist() == (ppo[0] + 2).tolist() and len(other.flows) == 2 * 2 * 2
    assert {path.name for path in run.path.glob("*.parquet")} == {
        "steps.parquet", "flows.parquet", "steps-sim.parquet", "flows-sim.parquet", "learning.parquet"
    }  # fmt: skip


def test_a_scheme_is_scored_on_each_engine_by_itself(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", make_run_config())
    folder.write_scores("nv", *make_frames(folder.config, "nv"), "sim")
    assert folder.is_scored("nv", "sim") and not folder.is_scored("nv") and not folder.is_scored("nv", "guest")
    with pytest.raises(InputError, match="no scheme could be scored"):
        folder.join_scores()
    folder.write_scores("nv", *make_frames(folder.config, "nv"), "guest")
    assert folder.is_scored("nv") and folder.is_scored("nv", "guest")
    folder.close()


def test_a_folder_is_incomplete_until_it_is_marked(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", make_run_config())
    assert json.loads((tmp_path / "run/manifest.json").read_text())["status"] == INCOMPLETE
    with pytest.raises(InputError, match=r"has no steps\.parquet yet: finish it with --resume"):
        read_run(tmp_path / "run")
    folder.mark(COMPLETE)
    folder.close()
    assert read_manifest(tmp_path / "run").status == COMPLETE


def test_a_new_run_takes_no_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    (tmp_path / "file").touch()
    for name in ("taken", "file"):
        with pytest.raises(InputError, match="exists already"):
            RunFolder(tmp_path / name, make_run_config())
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty", make_run_config()).close()


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    config = make_run_config()
    folder = RunFolder(tmp_path / "run", config)
    with pytest.raises(InputError, match="in use by another process"):
        RunFolder(tmp_path / "run", config, resume=True)
    folder.close()
    folder.close()
    RunFolder(tmp_path / "run", config, resume=True).close()


def test_going_on_keeps_what_is_scored_and_learned(tmp_path: Path) -> None:
    config = make_run_config()
    folder = RunFolder(tmp_path / "run", config)
    folder.write_scores("nv", *make_frames(config, "nv"))
    folder.manifest.wall_s["train ppo"] = 5.0
    folder.mark(INCOMPLETE, "stopped")
    folder.close()
    folder = RunFolder(tmp_path / "run", config, resume=True)
    assert [scheme for scheme in config.schemes if folder.is_scored(scheme)] == ["nv"]
    assert folder.manifest.wall_s == {"train ppo": 5.0}
    folder.close()


def test_a_run_of_another_config_is_not_gone_on_with(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", make_run_config(seed=1)).close()
    with pytest.raises(InputError, match=r"run\.seed is 1 there and 2 here"):
        RunFolder(tmp_path / "run", make_run_config(seed=2), resume=True)
    with pytest.raises(InputError, match="is no run folder"):
        RunFolder(tmp_path / "other", make_run_config(), resume=True)


def test_a_half_scored_scheme_is_not_scored(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", make_run_config())
    write_frame(tmp_path / "run/schemes/nv-flows.parquet", make_frames(folder.config, "nv")[1])
    assert not folder.is_scored("nv")
    folder.close()


def test_a_run_without_any_score_says_why(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", make_run_config())
    folder.manifest.left_out["nv"] = "this kernel has no 'nv'"
    with pytest.raises(InputError, match="this kernel has no 'nv'"):
        folder.join_scores()
    folder.close()


def test_a_model_appears_whole_and_its_checkpoint_goes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", make_run_config())
    (folder.checkpoint("ppo") / "weights").touch()
    (folder.checkpoint("ddpg") / "weights").touch()

    def save(place: Path) -> None:
        assert not folder.model("ppo").exists()
        (place / "weights").write_text("1")

    folder.write_model("ppo", save)
    assert os.listdir(folder.path / "model") == ["ppo"] and (folder.model("ppo") / "weights").read_text() == "1"
    assert os.listdir(folder.path / "checkpoint") == ["ddpg"]
    folder.close()


def test_names_of_new_runs_are_counted(tmp_path: Path) -> None:
    config = make_run_config(agents=["ppo"], seed=7)
    assert new_folder(config, tmp_path) == tmp_path / "dumbbell-ppo-seed7"
    (tmp_path / "dumbbell-ppo-seed7").mkdir()
    assert new_folder(config, tmp_path) == tmp_path / "dumbbell-ppo-seed7-2"
    assert new_folder(make_run_config(agents=[]), tmp_path).name == "dumbbell-baselines-seed1"


def test_the_latest_unfinished_run_that_agrees_is_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no unfinished run"):
        find_unfinished(Path.exists, tmp_path)
    for number, status in enumerate((INCOMPLETE, INCOMPLETE, INCOMPLETE, COMPLETE)):
        folder = RunFolder(tmp_path / str(number), make_run_config())
        folder.mark(status)
        folder.close()
        os.utime(tmp_path / str(number) / "manifest.json", (number, number))
    assert find_unfinished(lambda path: path.name != "2", tmp_path) == tmp_path / "1"


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json cannot be read"):
        read_manifest(tmp_path)


def test_a_manifest_says_what_ran_and_warns_once() -> None:
    manifest = Manifest(seed=3)
    manifest.describe_machine()
    table = manifest.to_table()
    assert table["python"] == ".".join(map(str, sys.version_info[:3]))
    assert table["packages"]["numpy"] and table["machine"]["kernel"] and table["seed"] == 3
    assert [manifest.warn("late"), manifest.warn("late"), manifest.warn("lost")] == [True, False, True]
    assert manifest.warnings == ["late", "lost"]


def test_the_commit_is_that_of_this_source() -> None:
    source = Path(__file__).parents[2]
    if not (source / ".git").exists():
        assert git_commit() is None
        return
    head = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert git_commit() in (head, f"{head}+changes")
