"""The scores of each transport of a run whose flows mix them, from run folders made up by hand."""

import json
import math
from pathlib import Path

import pytest

from iroko.analysis.groups import score_groups
from iroko.analysis.score_table import to_json
from iroko.analysis.scores import score_schemes
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import RunData, read_run
from tests.analysis.test_completions import last_s, make_finite_config, write_finite_run
from tests.fake_run import INTERVAL_S, make_frames, make_run, make_run_config, printed

STEPS = 4


def write_mixed(path: Path) -> RunData:
    """On the dumbbell flow 0 runs over dctcp and delivers three times what flow 1 does, over the scheme's transport."""
    config = make_run_config(agents=["static"], baselines=["nv"], episodes=2)
    folder = RunFolder(path, config)
    for scheme in config.schemes:
        steps, flows = make_frames(config, scheme, num_steps=STEPS)
        flows["transport"] = ["dctcp", "nv" if scheme == "nv" else "udp"] * 2
        flows.loc[flows["flow"] == 0, "delivered_bytes"] *= 3
        folder.write_scores(scheme, steps, flows)
    folder.join_scores()
    folder.mark(COMPLETE)
    folder.close()
    return read_run(path)


def test_each_transport_is_scored(tmp_path: Path) -> None:
    run = write_mixed(tmp_path / "run")
    groups = score_groups(run)
    assert [(group.scheme, group.transport, group.flows) for group in groups] == [
        ("static", "dctcp", 2), ("static", "udp", 2), ("nv", "dctcp", 2), ("nv", "nv", 2),
    ]  # fmt: skip
    assert [group.bytes_share for group in groups] == [0.75, 0.25, 0.75, 0.25]
    rate_bps = 0.5 * 10e6  # half of the link's, by `make_frames`
    assert [group.rate_bps for group in groups] == pytest.approx([3 * rate_bps, rate_bps] * 2, rel=1e-6)
    assert all(math.isnan(group.jain) and group.completion is None for group in groups)  # one flow of each in an episode
    assert run.steps["interval_s"].sum() == 2 * 2 * STEPS * INTERVAL_S


def test_json_and_terminal_show_them(tmp_path: Path) -> None:
    run = write_mixed(tmp_path / "run")
    shown = json.loads(to_json(run, score_schemes(run)))["groups"]
    assert shown[0]["bytes_share"] == 0.75 and shown[0]["jain"] is None and "classes" not in shown[0]
    text = printed(run, 100)
    assert "flows by transport" in text and "15 Mbit/s" in text and "slowdown" not in text


def test_finite_flows_of_a_group_are_scored_by_size(tmp_path: Path) -> None:
    config = make_finite_config(tmp_path, [1000, 2000, 50_000, 60_000], agents=[], baselines=["nv"])
    run = write_finite_run(tmp_path / "plain", config)
    assert score_groups(run) == []
    mixed = run.flows.assign(transport=["nv", "dctcp", "nv", "dctcp"])
    groups = score_groups(RunData(run.path, run.config, run.steps, mixed, run.learning))
    assert [group.transport for group in groups] == ["dctcp", "nv"]
    for group in groups:
        assert group.completion is not None and group.completion.total.flows == 2
        assert group.completion.total.slowdown == pytest.approx((3.0, 3.0))
        assert [each.flows for each in group.completion.classes][:2] == [1, 1]
    assert last_s(1000, True) > 0


def test_runs_of_one_transport_have_no_groups(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert score_groups(run) == [] and "groups" not in json.loads(to_json(run, score_schemes(run)))
    assert "flows by transport" not in printed(run)
