"""The process of a job: what a run that was broken off goes on with, and how a job ends."""

import io
import json
from pathlib import Path

import pytest

from iroko.experiment.worker import PipeDisplay, run_job, serve
from iroko.job import fill_in
from iroko.manifest import COMPLETE
from iroko.options import RunConfig, make_config
from iroko.store import RunFolder, read_manifest


def make(**run: object) -> RunConfig:
    table = {
        "topology": {"name": "dumbbell"},
        "environment": {"interval_s": 0.1, "episode_s": 1},
        "run": {"engine": "sim", "agents": ["reinforce"], "baselines": [], "steps": 100, "envs": 2, "episodes": 1} | run,
    }
    return fill_in(make_config(table))


def test_a_training_that_was_broken_off_begins_anew(tmp_path: Path) -> None:
    # Killed while the trained agent was written: there is a checkpoint, and a folder of models without the model.
    config = make()
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_job(config, whole, PipeDisplay(io.StringIO(), 10))
    folder = RunFolder(broken, config)
    (folder.checkpoint("reinforce") / "agent.json").write_text('{"format": -1}')
    (broken / "model/.reinforce.part").mkdir(parents=True)
    (broken / "tensorboard/reinforce").mkdir(parents=True)
    folder.close()
    run_job(config, broken, PipeDisplay(io.StringIO(), 10))
    assert read_manifest(broken).status == COMPLETE
    assert (broken / "steps.parquet").read_bytes() == (whole / "steps.parquet").read_bytes()


@pytest.mark.parametrize(("run", "code", "words"), [
    ({"agents": ["random"]}, 0, ""),
    ({"agents": ["bbr"]}, 2, "engine sim has no transport 'bbr'"),
    ({"agents": ["reinforce"], "model": "nowhere"}, 2, "model nowhere"),
])  # fmt: skip
def test_the_last_word_of_a_job_is_how_it_ended(tmp_path: Path, run: dict[str, object], code: int, words: str) -> None:
    out = io.StringIO()
    assert serve({"path": str(tmp_path / "run"), "config": make(**run).to_table()}, out) == code
    *said, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert last["end"] == code and words in last["reason"] and (last["reason"] == "") == (code == 0)
    assert all(set(message) in ({"phase", "steps", "total", "reward"}, {"note"}) for message in said)
