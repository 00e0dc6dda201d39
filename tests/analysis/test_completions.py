"""Completion times by size class against numbers worked out by hand, from run folders made up by hand."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iroko.analysis.charts import Line
from iroko.analysis.comparison import compare_run
from iroko.analysis.completion_table import explain
from iroko.analysis.completions import (
    CLASS_BOUNDS_BYTES,
    class_bounds_bytes,
    class_names,
    finite_flows,
    has_finite_flows,
    score_completions,
)
from iroko.analysis.figures import completion, figures, group_bounds
from iroko.analysis.score_table import to_json
from iroko.analysis.scores import score_schemes
from iroko.errors import InputError
from iroko.rundir.config import RunConfig, make_config
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import RunData, read_run
from tests.fake_run import make_frames, make_run, printed

RATE, FRAME = 10e6, 1514
TIMES = {"dctcp": 2.0, "nv": 3.0, "static": 1.0}


def make_finite_config(tmp_path: Path, sizes: list[int], **run: Any) -> RunConfig:
    """A dumbbell whose hosts send flows of these sizes, one each second, in turn h0 to h2 and h1 to h3."""
    file = tmp_path / "flows.csv"
    lines = [f"h{i % 2},h{i % 2 + 2},{i / 100},{size}" for i, size in enumerate(sizes)]
    file.write_text("source,destination,start_s,size_bytes\n" + "\n".join(lines) + "\n")
    defaults = {"engine": "guest", "train_engine": "guest", "agents": ["static"], "baselines": ["nv", "dctcp"], "episodes": 1}
    return make_config({
        "topology": {"name": "dumbbell", "delay_s": 1e-3}, "traffic": {"name": "replay", "file": str(file)},
        "environment": {"interval_s": 0.5, "episode_s": 2}, "run": defaults | run,
    })  # fmt: skip


def ideal_s(size_bytes: int, tcp: bool) -> float:
    """Of the flow alone over three links of 10 Mbit/s and 1 ms, with a handshake over TCP."""
    payload, headers = (1448, 66) if tcp else (1472, 42)
    wire_s = (size_bytes + headers * math.ceil(size_bytes / payload)) * 8 / RATE + 3e-3
    return wire_s + (6e-3 + 66 * 8 / RATE if tcp else 0.0)


def last_s(size_bytes: int, tcp: bool) -> float:
    payload, headers = (1448, 66) if tcp else (1472, 42)
    return ((size_bytes - 1) % payload + 1 + headers) * 8 / RATE


def write_finite_run(path: Path, config: RunConfig, unfinished: frozenset[int] = frozenset(), drops: int = 0) -> RunData:
    """Every flow takes so many times what it takes alone as `TIMES` says; of `static`, which is over UDP, some do not finish."""
    flows = config.scenario.make_flows(config.scenario.fabric, np.random.default_rng(0))
    folder = RunFolder(path, config)
    for scheme in config.schemes:
        tcp = scheme != "static"

        def complete_s(_: int, index: int, scheme: str = scheme, tcp: bool = tcp) -> float:
            size_bytes = flows[index].size_bytes
            assert size_bytes is not None
            if scheme == "static" and index in unfinished:
                return math.nan
            return TIMES[scheme] * ideal_s(size_bytes, tcp) - last_s(size_bytes, tcp)

        own_drops = drops if scheme == "static" else 0
        folder.write_scores(scheme, *make_frames(config, scheme, drops=own_drops, complete_s=complete_s))
        folder.manifest.transports[scheme] = scheme if tcp else "udp"
    folder.join_scores()
    folder.mark(COMPLETE)
    folder.close()
    return read_run(path)


@pytest.fixture
def run(tmp_path: Path) -> RunData:
    sizes = [500, 9_000, 10_000, 10_001, 90_000, 900_000, 5_000_000, 200]
    return write_finite_run(tmp_path / "run", make_finite_config(tmp_path, sizes), frozenset({6}), drops=1)


def test_each_scheme_is_slower_than_alone_by_what_it_was_made_to_be(run: RunData) -> None:
    scores = score_completions(run)
    assert [score.scheme for score in scores] == ["static", "nv", "dctcp"]
    assert [score.transport for score in scores] == ["udp", "nv", "dctcp"]
    for score in scores[1:]:
        for each in (*score.classes, score.total):
            assert each.slowdown == pytest.approx((TIMES[score.scheme],) * 2), (score.scheme, each.name)
            assert each.unfinished == 0
    assert [each.flows for each in scores[1].classes] == [4, 2, 1, 1]
    assert scores[1].total.flows == 8 and scores[1].late == 0


def test_percentiles_of_completion_times_are_ranks(run: RunData) -> None:
    times = sorted(3 * ideal_s(size, True) - last_s(size, True) for size in (200, 500, 9_000, 10_000))
    assert score_completions(run)[1].classes[0].completion_s == pytest.approx((times[1], times[3]))


def test_what_did_not_finish_is_counted_and_is_infinitely_slow(run: RunData) -> None:
    static = score_completions(run)[0]
    assert [each.unfinished for each in static.classes] == [0, 0, 0, 1]
    assert static.classes[3].slowdown == static.classes[3].completion_s == (math.inf, math.inf)
    assert static.total.unfinished == 1
    assert static.total.slowdown == (pytest.approx(1.0), math.inf)
    assert static.classes[0].slowdown == pytest.approx((1.0, 1.0))


def test_a_flow_that_starts_after_the_end_is_late_and_in_no_class(run: RunData) -> None:
    flows = run.flows.assign(start_s=run.flows["start_s"] + np.where(run.flows["flow"] == 7, 5.0, 0.0))
    score = score_completions(dataclasses.replace(run, flows=flows))[1]
    assert (score.late, score.total.flows, score.classes[0].flows) == (1, 7, 3)
    assert "1 flows start at or after the end of the episode and are not counted" in explain([score])


def test_endless_flows_have_no_completions(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert not has_finite_flows(run) and score_completions(run) == []
    assert "completions" not in json.loads(to_json(run, score_schemes(run)))
    assert "slowdown" not in printed(run)


def test_classes_scale_with_the_traffic_unless_the_run_names_them(tmp_path: Path) -> None:
    config = make_finite_config(tmp_path, [1])
    assert class_bounds_bytes(config) == CLASS_BOUNDS_BYTES
    table = config.to_table()
    table["traffic"]["size_scale"] = 0.01
    assert class_bounds_bytes(make_config(table)) == (100, 1000, 10_000)
    table["run"]["size_classes_bytes"] = ["5k", 20_000]
    named = make_config(table)
    assert class_bounds_bytes(named) == named.size_classes_bytes == (5000, 20_000)
    assert make_config(named.to_table()) == named
    assert class_names((5000, 20_000)) == ["≤ 5 kB", "≤ 20 kB", "> 20 kB"]


@pytest.mark.parametrize("wrong", [[5, 5], [5, 1], [0], [-1], "10k", ["soon"], [1.5], [None], [True]])
def test_classes_that_are_none_are_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        make_finite_config(tmp_path, [1], size_classes_bytes=wrong)


def test_under_ecmp_any_of_the_shortest_paths_serves(run: RunData) -> None:
    table = run.config.to_table()
    table["topology"]["routing"] = "ecmp"
    other = dataclasses.replace(run, config=make_config(table))
    assert score_completions(other)[1].total == score_completions(run)[1].total


def test_json_has_every_class_and_no_infinity(run: RunData) -> None:
    text = to_json(run, score_schemes(run))
    assert "Infinity" not in text and "NaN" not in text
    static, nv, _ = json.loads(text)["completions"]
    assert static["total"]["unfinished"] == 1 and static["total"]["slowdown_p99"] is None and static["drops"] > 0
    assert nv["total"]["slowdown_p50"] == pytest.approx(3.0) and nv["transport"] == "nv"
    assert [each["flows"] for each in nv["classes"]] == [4, 2, 1, 1]


def test_the_table_has_a_second_block_that_fits_a_terminal(run: RunData) -> None:
    text = printed(run)
    assert "completion: slowdown by flow size" in text and "…" not in text
    block = text[text.index("completion: slowdown") :].splitlines()
    assert max(map(len, block[:-3])) <= 80
    row = next(index for index, line in enumerate(block) if line.strip().startswith("static "))
    assert block[row].split()[:12] == ["static", "50", "%", *["1.00", "*"] * 3, "∞", "1.00", "*"]
    assert block[row].split()[-1] == "1"
    assert block[row + 1].split()[:7] == ["99", "%", "1.00", "*", "1.00", "*", "1.00"] and "∞" in block[row + 1]
    assert any(line.startswith("static: over udp, which sends nothing again") for line in block)


def test_without_drops_udp_is_not_blamed(tmp_path: Path) -> None:
    slow = write_finite_run(tmp_path / "run", make_finite_config(tmp_path, [500, 900]), frozenset({1}))
    assert score_completions(slow)[0].total.unfinished == 1
    assert explain(score_completions(slow)) == []


def test_groups_of_the_figure_have_equal_numbers() -> None:
    assert group_bounds(np.arange(1, 201)).tolist() == [20, 40, 60, 80, 100, 120, 140, 160, 180, 200]
    assert group_bounds([5, 1, 9]).tolist() == [9]
    # Half of the flows have one size and make one group.
    assert group_bounds([7] * 100 + list(range(8, 108))).tolist() == [7, 27, 47, 67, 87, 107]


def test_the_figure_draws_each_group_and_breaks_off_where_it_is_infinite(tmp_path: Path) -> None:
    config = make_finite_config(tmp_path, [100 * (i + 1) for i in range(40)])
    median, tail, unfinished = completion(compare_run(write_finite_run(tmp_path / "run", config, frozenset(range(20, 32)))))
    drawn = {series.style.label: list(series.y) for series in median.series if isinstance(series, Line)}
    assert list(drawn) == ["Static", "New Vegas", "DCTCP"]
    assert drawn["Static"] == pytest.approx([1, math.nan], nan_ok=True)
    assert drawn["New Vegas"] == pytest.approx([3, 3]) and drawn["DCTCP"] == pytest.approx([2, 2])
    assert isinstance(tail.series[0], Line) and np.isnan(tail.series[0].y[1])
    assert [list(series.y) for series in unfinished.series if isinstance(series, Line)] == [[0, 0.6], [0, 0], [0, 0]]
    whole = write_finite_run(tmp_path / "whole", config)
    assert len(completion(compare_run(whole))) == 2, "a panel of what did not finish only where something did not"


def test_slowdowns_of_a_scheme_with_no_flow_that_counts(run: RunData) -> None:
    none = dataclasses.replace(run, flows=run.flows.assign(start_s=9.0))
    assert finite_flows(none, run.config.scenario.fabric, "nv").sizes_bytes.shape == (0,)
    score = score_completions(none)[1]
    assert score.total.flows == 0 and all(map(math.isnan, score.total.slowdown))
    assert "8 flows start at or after the end" in printed(none)
    assert "completion" not in figures(compare_run(none))
    assert "completion" in figures(compare_run(run))
