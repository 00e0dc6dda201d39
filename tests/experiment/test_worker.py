"""The process of a job: what it tells, and how it ends."""

import io
import json
from pathlib import Path

import pytest

from iroko.experiment.worker import serve
from iroko.run.job import fill_in
from iroko.rundir.config import RunConfig, make_config
from iroko.topology import Topology
from tests.fake_engine import FakeEngine


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
    assert serve({"folder": str(tmp_path), "path": "run", "config": make(**run).to_table()}, out) == code
    *said, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert last["end"] == code and words in last["reason"] and (last["reason"] == "") == (code == 0)
    assert all(set(message) in ({"phase", "steps", "total", "reward"}, {"note"}) for message in said)


def test_a_guest_that_dies_ends_its_job_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_dying(name: str, topology: Topology, seed: int = 0) -> FakeEngine:
        return FakeEngine(topology, fail_at=3)

    for module in ("run.job", "run.evaluate"):
        monkeypatch.setattr(f"iroko.{module}.open_engine", open_dying)
    out = io.StringIO()
    assert serve({"folder": str(tmp_path), "path": "run", "config": make(agents=["random"], engine="guest").to_table()}, out) == 1
    # The schedule goes on with the next one: `test_schedule.test_what_fails_stops_only_what_needs_it`.
    assert json.loads(out.getvalue().splitlines()[-1]) == {"end": 1, "reason": "the fake engine was told to fail at step 3"}
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["reason"] == "the fake engine was told to fail at step 3"
