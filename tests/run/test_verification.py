"""Verifying a run: an equal one is verified, and whatever was changed is named."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from iroko.run import command, verification
from iroko.run.differences import compare_file, compare_models, first_unlike
from iroko.rundir import provenance
from iroko.rundir.folder import write_frame
from iroko.rundir.manifest import Manifest
from iroko.rundir.reader import read_manifest

SHORT = ["--topo", "dumbbell", "--agent", "ppo", "--engine", "sim", "--interval", "100ms", "--episode", "1s", "--episodes", "1",
         "--steps", "200", "--envs", "2"]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "run"
    options = [*SHORT, "--baseline", "maxmin", "--baseline", "reno", "--out", str(path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iroko.analysis.plots.draw_all", lambda run: None)
        assert command.main(options) == 0
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "run"
    shutil.copytree(original, path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return path


def test_an_equal_run_is_verified_and_left_alone(copy: Path, original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert verification.main([str(copy)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "equal    table", "equal    steps.parquet", "equal    flows.parquet", "equal    learning.parquet", "equal    model ppo",
        "verified: all is equal",
    ]  # fmt: skip
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert not list((copy.parent / "temporary").iterdir())


def test_the_saved_models_alone_give_the_same_scores(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verification.main([str(copy), "--scores-only"]) == 0
    captured = capsys.readouterr()
    assert "model" not in captured.out and "train" not in captured.err.replace(str(copy), "")


def edit_steps(path: Path) -> None:
    steps = pd.read_parquet(path / "steps.parquet")
    steps.loc[3, "reward"] += 1e-12
    write_frame(path / "steps.parquet", steps)


def edit_flows(path: Path) -> None:
    flows = pd.read_parquet(path / "flows.parquet")
    write_frame(path / "flows.parquet", flows.iloc[:-1])


def edit_config(path: Path) -> None:
    text = (path / "config.toml").read_text()
    assert "\nrate_bps = 10000000.0\n" in text
    (path / "config.toml").write_text(text.replace("\nrate_bps = 10000000.0\n", "\nrate_bps = 20000000.0\n"))


def edit_model(path: Path) -> None:
    file = path / "model" / "ppo" / "weights.pt"
    state = torch.load(file, weights_only=True)
    weights = state["modules"]["policy"]["action_net.bias"]
    weights += 1.0
    torch.save(state, file)


@pytest.mark.parametrize(("edit", "options", "words"), [
    (edit_steps, [], ["DIFFERS  steps.parquet: differs first in scheme ppo, episode 0, step 3: reward", "CHANGED  steps.parquet was"]),
    (edit_flows, [], ["DIFFERS  flows.parquet: has", "rows there", "CHANGED  flows.parquet"]),
    (edit_config, ["--scores-only"], ["DIFFERS  steps.parquet", "CHANGED  config.toml was changed after the run was complete"]),
    (edit_model, [], ["DIFFERS  model ppo: modules policy action_net.bias differs by 1 at most", "CHANGED  model/ppo/weights.pt"]),
    (edit_model, ["--scores-only"], ["DIFFERS  table: schemes ppo goodput_share", "DIFFERS  steps.parquet", "CHANGED  model/ppo"]),
])  # fmt: skip
def test_what_was_changed_is_named(
    copy: Path, capsys: pytest.CaptureFixture[str], edit: Callable[[Path], None], options: list[str], words: list[str]
) -> None:
    edit(copy)
    assert verification.main([str(copy), *options]) == 1
    said = capsys.readouterr().out
    assert all(word in said for word in words), said
    assert said.splitlines()[-1].startswith("not verified: files of the run were changed")


def edit_manifest(path: Path, **values: object) -> None:
    table = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(table | values))


def test_another_version_is_named_also_where_all_is_equal(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = read_manifest(copy)
    other = manifest.packages | {"numpy": "1.0"}
    edit_manifest(copy, packages=other, sources="0123456789abcdef", machine=manifest.machine | {"processor": "Other 9000", "cores": "99"})
    assert verification.main([str(copy), "--scores-only"]) == 0
    said = capsys.readouterr().out
    assert f"here     numpy: 1.0 there, {manifest.packages['numpy']} here" in said
    assert "here     processor: Other 9000 there" in said and "here     sources: 0123456789abcdef there" in said
    assert "cores" not in said  # results do not depend on them
    assert said.splitlines()[-1] == "verified: all is equal, although ingredients differ"


def test_where_results_and_ingredients_differ_the_ingredients_are_blamed(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_steps(copy)
    from iroko.rundir.folder import hash_results

    edit_manifest(copy, files=hash_results(copy), python="3.0.0")
    assert verification.main([str(copy), "--scores-only"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "not verified: the ingredients that differ are python"
    edit_manifest(copy, python=sys.version.split()[0], starts=3)
    assert verification.main([str(copy), "--scores-only"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("was stopped and went on, 3 starts in all")
    edit_manifest(copy, starts=1)
    assert verification.main([str(copy), "--scores-only"]) == 1
    assert "please report this" in capsys.readouterr().out.splitlines()[-1]


def cut(name: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        (path / name).write_bytes((path / name).read_bytes()[:40])

    return edit


def remove(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def empty_model(path: Path) -> None:
    (path / "model" / "ppo" / "weights.pt").write_bytes(b"nothing")


@pytest.mark.parametrize(("edit", "words"), [
    (shutil.rmtree, "no such folder"),
    (remove("config.toml"), "is no run folder"),
    (remove("manifest.json"), "cannot be read"),
    (remove("steps.parquet"), "has no steps.parquet"),
    (cut("steps.parquet"), "is broken"),
    (cut("manifest.json"), "cannot be read"),
    (cut("config.toml"), ""),
    (lambda path: edit_manifest(path, status="incomplete", reason="stopped by SIGINT"), "incomplete (stopped by SIGINT): finish it"),
    (lambda path: edit_manifest(path, sources="", files={}), "run it anew"),
    (lambda path: edit_manifest(path, packages=[1]), "cannot be read: packages=[1]: expected a value like {}"),
    (lambda path: edit_manifest(path, machine={"kernel": 5}), "cannot be read: machine: expected texts"),
    (lambda path: edit_manifest(path, nonsense=1), "cannot be read"),
    (lambda path: (path / "manifest.json").write_text("[]"), "cannot be read"),
    (empty_model, "is broken"),
])  # fmt: skip
def test_a_broken_folder_is_one_clear_line(
    copy: Path, capsys: pytest.CaptureFixture[str], edit: Callable[[Path], None], words: str
) -> None:
    edit(copy)
    assert verification.main([str(copy), "--scores-only"]) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("iroko: running ") and ", again" not in line]
    assert len(err) == 1 and err[0].startswith("iroko: ") and words in err[0], err
    assert not list((copy.parent / "temporary").iterdir())


def test_a_model_that_lost_its_folder_is_trained_anew_only_when_asked(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy / "model")
    assert verification.main([str(copy), "--scores-only"]) == 2
    assert "has no model of ppo" in capsys.readouterr().err


@pytest.mark.parametrize(("engine", "train", "options", "words"), [
    ("mininet", "sim", [], "scored on engine mininet, in real time, which does not repeat"),
    ("mininet", "sim", ["--scores-only"], "scored on engine mininet"),
    ("sim", "mininet", [], "with --scores-only"),
])  # fmt: skip
def test_real_time_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], engine: str, train: str, options: list[str], words: str
) -> None:
    text = (copy / "config.toml").read_text()
    text = text.replace('\nengine = "sim"', f'\nengine = "{engine}"').replace('train_engine = "sim"', f'train_engine = "{train}"')
    (copy / "config.toml").write_text(text.replace("envs = 2\n", "envs = 1\n"))
    edit_manifest(copy, engines={engine: {}, train: {}})
    assert verification.main([str(copy), *options]) == 2
    assert words in capsys.readouterr().err


def test_scores_are_verified_where_the_training_was_in_real_time(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (copy / "config.toml").read_text().replace('train_engine = "sim"', 'train_engine = "mininet"')
    (copy / "config.toml").write_text(text.replace("envs = 2\n", "envs = 1\n"))
    assert verification.main([str(copy), "--scores-only"]) == 1
    said = capsys.readouterr().out
    assert "equal    table" in said and "equal    steps.parquet" in said and "CHANGED  config.toml" in said


def test_a_manifest_names_no_place_and_no_person(original: Path) -> None:
    text = (original / "manifest.json").read_text()
    assert str(Path.home()) not in text or str(Path.home()) == "/"
    import getpass
    import socket

    assert f'"{getpass.getuser()}"' not in text and socket.gethostname() not in json.loads(text)["machine"].values()
    manifest = Manifest(seed=1, reason=f"no such file: {Path.home()}/secret", warnings=[f"{Path.home()}/x"])
    assert manifest.to_table()["reason"] == "no such file: ~/secret" and manifest.to_table()["warnings"] == ["~/x"]
    assert manifest.reason.startswith("no such file: /")


def test_a_manifest_holds_every_ingredient(original: Path) -> None:
    told = read_manifest(original).ingredients()
    for name in ("iroko", "commit", "sources", "python", "architecture", "libc", "processor", "features", "numba", "torch", "numpy"):
        assert told[name], name
    assert "kernel" not in told and "cores" not in told  # the simulator runs on every kernel
    manifest = read_manifest(original)
    manifest.engines["guest"] = {}
    manifest.guest_kernel = {"key": "k", "sha256": "s", "source": "Linux 6.12.1", "compiler": "gcc"}
    told = manifest.ingredients()
    assert [told[f"guest kernel's {key}"] for key in ("key", "sha256", "source", "compiler")] == ["k", "s", "Linux 6.12.1", "gcc"]
    manifest.guest_kernel["compiler"] = "clang"
    assert provenance.differences(told, manifest.ingredients()) == ["guest kernel's compiler: gcc there, clang here"]
    manifest.engines["mininet"] = {}
    assert manifest.ingredients()["kernel"]


def test_sources_are_hashed_with_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = provenance.hash_files(tmp_path, [tmp_path / "b", tmp_path / "a"])
    assert before == provenance.hash_files(tmp_path, [tmp_path / "a", tmp_path / "b"])
    (tmp_path / "a").write_text("2")
    (tmp_path / "b").write_text("1")
    assert before != provenance.hash_files(tmp_path, [tmp_path / "a", tmp_path / "b"])
    assert provenance.sources_hash() == provenance.sources_hash()


def test_a_run_that_goes_on_elsewhere_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(seed=1)
    manifest.describe_machine()
    manifest.describe_machine()
    assert manifest.starts == 2 and not manifest.warnings
    monkeypatch.setattr(provenance, "packages", lambda: {"numpy": "0.1"})
    manifest.describe_machine()
    assert any(line.startswith("the run went on with another numpy: ") and line.endswith(", 0.1 now") for line in manifest.warnings)


def test_the_first_difference_is_found(tmp_path: Path) -> None:
    assert first_unlike({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.0}]}) is None
    assert first_unlike({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.5}]}) == "a 1 b: 2.0 there, 2.5 here"
    assert first_unlike({"a": 1}, {"a": True}) == "a: 1 there, True here"
    assert first_unlike({"a": 1}, {"a": 1, "b": 2}) == "b: None there, 2 here"
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    frame = pd.DataFrame({"step": [0, 1], "x": [np.array([1, 2]), np.array([3, 4])], "y": [np.nan, 1.0]})
    write_frame(one, frame)
    write_frame(other, frame)
    assert compare_file(one, other) is None
    frame.to_parquet(other, compression="gzip")
    assert compare_file(one, other) == "holds equal values, written in other bytes"
    frame.at[1, "x"] = np.array([3, 5])  # noqa: PD008 - a list goes into one cell
    write_frame(other, frame)
    assert compare_file(one, other) == "differs first in step 1: x[1] 4 there, 5 here"
    write_frame(other, frame.rename(columns={"y": "z"}))
    assert compare_file(one, other) == "has the columns step, x, y there, step, x, z here"
    other.unlink()
    assert compare_file(one, other) == "is missing here" and compare_file(other, one) == "is missing there"


def test_weights_are_compared_in_every_digit(tmp_path: Path) -> None:
    for name, bias in (("a", 1.0), ("b", 1.0), ("c", 1.0 + 2**-20)):
        (tmp_path / name).mkdir()
        torch.save({"net": [torch.tensor([bias, 2.0])], "steps": 5}, tmp_path / name / "weights.pt")
    assert compare_models(tmp_path / "a", tmp_path / "b") is None
    assert compare_models(tmp_path / "a", tmp_path / "c") == "net 0 differs by 9.54e-07 at most"
    torch.save({"net": [torch.tensor([1.0, 2.0])], "steps": 6}, tmp_path / "b" / "weights.pt")
    assert compare_models(tmp_path / "a", tmp_path / "b") == "steps is 5 there, 6 here"


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.usefixtures("guest_kernel")
def test_a_run_on_the_guest_is_verified(tmp_path: Path) -> None:
    options = ["--topo", "dumbbell", "--agent", "ppo", "--steps", "400", "--episode", "1s", "--episodes", "1", "--baseline", "nv"]
    path = str(tmp_path / "run")
    for arguments in (["iroko.run", *options, "--out", path], ["iroko.verify", path]):
        result = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=240)
        assert result.returncode == 0, result.stdout + result.stderr
    # Where somebody edits the sources meanwhile, it says so too.
    assert result.stdout.splitlines()[-1].startswith("verified: all is equal")
    assert "equal    steps-sim.parquet" in result.stdout
    manifest = read_manifest(tmp_path / "run")
    assert manifest.ingredients()["guest kernel's key"] and manifest.ingredients()["guest kernel's sha256"]
