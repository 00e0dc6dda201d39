"""Tidy frames: the same from a run and from an experiment, with the numbers of the scores."""

from pathlib import Path

import pandas as pd
import pytest

import iroko
from iroko.analysis.experiment import read_results
from iroko.analysis.scores import score_schemes
from iroko.analysis.tidy import KEYS
from iroko.errors import InputError
from tests.fake_run import make_run
from tests.report.test_experiment_page import make_transfers


def test_a_run_has_one_row_for_each_step_flow_and_score(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    frames = iroko.read_run(tmp_path / "run")
    assert list(frames.steps)[:6] == [*KEYS, "episode", "step"] and len(frames.steps) == len(run.steps)
    assert list(frames.flows)[:6] == [*KEYS, "episode", "flow"] and len(frames.flows) == len(run.flows)
    assert not frames.steps.duplicated([*KEYS, "episode", "step"]).any() and set(frames.steps["seed"]) == {run.config.seed}
    assert list(frames.learning) == [*KEYS, "step", "reward"] and set(frames.learning["scheme"]) == {"ppo"}
    for row, score in zip(frames.scores.to_dict("records"), score_schemes(run), strict=True):
        assert {name: row[name] for name in score.measures} == score.measures and row["scheme"] == score.scheme
    means = frames.episodes.groupby("scheme")["reward"].mean()
    assert means.to_dict() == frames.scores.set_index("scheme")["reward"].to_dict()
    assert (frames.summary["n"] == 1).all() and frames.summary["low"].isna().all()


def test_an_experiment_gives_the_frames_of_its_runs(tmp_path: Path) -> None:
    folder = make_transfers(tmp_path / "try")
    frames, results = iroko.read_run(folder), read_results(folder)
    home = frames.scores[frames.scores["trained_on"] == ""].drop(columns="trained_on")
    expected = results.measures.drop(columns="reward_in_training")
    pd.testing.assert_frame_equal(home.reset_index(drop=True), expected)
    away = frames.steps[frames.steps["trained_on"] != ""]
    assert set(away["trained_on"]) == {"large"} and set(away["scenario"]) == {"small"} and set(away["scheme"]) == {"ppo"}
    assert not frames.steps.duplicated([*KEYS, "episode", "step"]).any()
    own = frames.summary[frames.summary["trained_on"] == ""].drop(columns="trained_on").reset_index(drop=True)
    summary = results.summary[results.summary["measure"] != "reward_in_training"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, summary)


def test_another_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run folder"):
        iroko.read_run(tmp_path)
