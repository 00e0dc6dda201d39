"""The process of a job: what it tells, and how it ends."""

import io
import json
from pathlib import Path

import pytest

from iroko.experiment.worker import serve
from iroko.job import fill_in
from iroko.options import RunConfig, make_config


def make(**run: object) -> RunConfig:
    table = {
        "topology": {"name": "dumbbell"},
        "environment": {"interval_s": 0.1, "episode_s": 1},
        "run": {"engine": "sim", "agents": ["reinforce"], "baselines": [], "steps": 100, "envs": 2, "episodes": 1} | run,
    }
    return fill_in(make_config(table))


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
