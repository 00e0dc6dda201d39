"""Descriptions of figures: one for print and page, with the numbers of the scores and every scheme of the scenario."""

import dataclasses
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from iroko.analysis.charts import Axis, Chart, Level, Line, Matrix, Range, Spot, Style, lower_end
from iroko.analysis.comparison import compare_run, compare_scenario
from iroko.analysis.experiment import read_results
from iroko.analysis.figures import CURVE_POINTS, figures, learning_curves, rewards, smooth_curves, transfer_maps
from iroko.analysis.looks import look
from iroko.analysis.plots.paint import paint
from iroko.analysis.plots.style import STYLE
from iroko.analysis.scores import score_schemes
from iroko.report.charts import to_spec
from iroko.report.page import Palette
from tests.fake_run import make_run
from tests.report.test_experiment_page import make_transfers


def test_the_gap_has_both_engines_of_every_scheme_that_both_have(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", gain_in_training=0.5)
    (gap,) = figures(compare_run(run))["gap"]
    assert gap.title == "Sim-to-kernel gap"
    found = [(series.style.label, series.of, series.bounds[0], series.hollow) for series in gap.series if isinstance(series, Range)]
    assert found == [(name, of, value, of == "simulator") for name in ("PPO", "New Vegas") for of, value in
                     (("simulator", 7.0), ("guest kernel", 6.5))]  # fmt: skip


def test_every_scheme_and_every_transfer_is_in_every_figure_of_its_scenario(tmp_path: Path) -> None:
    results = read_results(make_transfers(tmp_path / "try"))
    comparison = compare_scenario(results, "small")
    assert comparison is not None
    labels = ["PPO", "New Vegas", "DCTCP", "PPO from large"]
    for name, charts in figures(comparison).items():
        for chart in charts:
            found = list(dict.fromkeys(series.style.label for series in chart.series))
            assert found == (["PPO", "New Vegas", "DCTCP"] if name == "learning" else ["PPO"] if name == "gap" else labels), chart.name
    away = next(entry for entry in comparison.entries if entry.trained_on)
    assert away.style.look.hollow and away.style.look.color == look("ppo").color


def test_a_transfer_map_has_dctcp_and_shares_of_the_best_of_each_column(tmp_path: Path) -> None:
    results = read_results(make_transfers(tmp_path / "try"))
    (chart,) = transfer_maps(results).values()
    matrix = chart.matrix
    assert matrix is not None and matrix.rows == ["large", "DCTCP"] and matrix.columns == ["small", "large"]
    known = np.isfinite(matrix.values)
    assert ((matrix.shares[known] >= 0) & (matrix.shares[known] <= 1)).all()
    for column, shares in zip(np.transpose(matrix.values), np.transpose(matrix.shares), strict=True):
        assert shares[np.nanargmax(column)] == 1
    with mpl.rc_context(STYLE):
        axes, bar = paint((chart,), chart.title).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["large", "DCTCP"] and bar.get_ylabel() == "share of the best"


@pytest.mark.parametrize(("values", "end"), [
    ([1.0, 0.5], None), ([1.0, -0.1], None), ([2.0, 1.0, -50.0], -0.3), ([-1.0, -2.0], None), ([], None), ([1.0, math.nan], None),
])  # fmt: skip
def test_an_axis_is_cut_only_below_what_is_good(values: list[float], end: float | None) -> None:
    assert lower_end(values) == (None if end is None else pytest.approx(end))


def test_print_and_page_cut_at_the_same_place_and_write_what_lies_below(tmp_path: Path) -> None:
    comparison = compare_run(make_run(tmp_path / "run"))
    comparison.entries[1].bounds["reward"] = (-500.0, -510.0, -490.0)
    chart = rewards(comparison)
    spec = to_spec(chart, "run", Palette())
    assert chart.x.cut is not None and spec["x"]["cut"] == chart.x.cut
    with mpl.rc_context(STYLE):
        figure = paint((chart,), "x")
        figure.draw_without_rendering()
        axes = figure.axes[0]
    assert axes.get_xlim()[0] == chart.x.cut and any("-500.0 [-510.0, -490.0]" in text.get_text() for text in axes.texts)
    levels = {series.style.key: series for series in learning_curves(comparison).series if isinstance(series, Level)}
    assert levels["nv"].style.label == "New Vegas (-500.0)" and levels["maxmin"].style.label == "max-min"


def test_learning_curves_of_seeds_meet_at_common_steps() -> None:
    rows = [(seed, step, float(seed)) for seed in (1, 2, 3) for step in range(seed, 601, 7)]
    steps, ends = smooth_curves(pd.DataFrame(rows, columns=["seed", "step", "reward"]))
    assert len(steps) <= CURVE_POINTS and steps[-1] == pytest.approx(max(step for _, step, _ in rows))
    assert (np.diff(steps) > 0).all()
    whole = [end for end in ends.tolist() if not math.isnan(end[1]) and end[0] == 2.0]
    assert len(whole) > CURVE_POINTS / 2 and all(low < mean < high for mean, low, high in whole)


def test_the_points_of_print_and_page_are_those_of_the_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (chart,) = figures(compare_run(run))["goodput-queue"]
    spec = to_spec(chart, "run", Palette())
    for series, one, score in zip(chart.series, spec["series"], score_schemes(run), strict=True):
        assert isinstance(series, Spot)
        assert (series.x[0], series.y[0]) == (score.queue_mean_bytes / 1e3, score.goodput_share) == (one["x"], one["y"])


def test_every_kind_is_painted_also_with_values_missing() -> None:
    style, nan = Style("ppo", "PPO", look("ppo")), math.nan
    hollow = Style("away", "PPO from x", dataclasses.replace(look("ppo"), hollow=True))
    charts = [
        Chart("lines", "t", Axis("x"), Axis("y", log=True), [Line(style, [1, 2, 3], [0.1, nan, 0.2], [-1, nan, 0.1], [1, nan, 0.3])]),
        Chart("lines", "t", Axis("x", ticks=((0, "a"), (1, "b"))), Axis("y"), [Line(hollow, [0, 1], [nan, nan]), Level(style, 2.0)]),
        Chart("ranges", "t", Axis("x"), Axis("scheme"), [Range(style, (1, nan, nan)), Range(hollow, (1, 1, 1), [1, nan])]),
        Chart("scatter", "t", Axis("x", log=True), Axis("y"), [Spot(style, (1, nan, nan), (1, 0.5, 1.5))]),
        Chart("matrix", "t", Axis("x"), Axis("y"), matrix=Matrix(["a"], ["b", "c"], np.array([[1, nan]]), np.array([[1, nan]]))),
    ]
    for chart in charts:
        with mpl.rc_context(STYLE):
            FigureCanvasAgg(paint((chart,), "title")).draw()
        assert chart.kind == chart.name == to_spec(chart, "p", Palette())["kind"]
