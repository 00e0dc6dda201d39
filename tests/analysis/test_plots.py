"""Figures: made from a run folder alone, the same bytes each time, and fit for a paper."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection

from iroko.agent import agent_names
from iroko.agents import __path__ as agents_path
from iroko.analysis.looks import label, look, rate_unit, size_unit
from iroko.analysis.plots import draw_all, run_drawings
from iroko.analysis.plots.fabric import draw_fabric, node_positions
from iroko.analysis.plots.style import COLUMN_INCHES, STYLE, legend_columns
from iroko.rundir.reader import RunData
from iroko.topologies.fattree import fattree
from tests.fake_run import make_run

NAMES = ["reward", "goodput-queue", "learning", "gap", "timeline", "queue-ccdf", "fabric-ppo", "fabric-nv", "fabric-maxmin"]
TRAINED: dict[str, Any] = {"gain_in_training": 0.5}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    run = make_run(tmp_path_factory.mktemp("plots") / "run", **TRAINED)
    draw_all(run)
    return run


def test_every_figure_is_there_as_pdf_and_png(run: RunData) -> None:
    files = {path.name for path in (run.path / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in NAMES for kind in ("pdf", "png")}


def test_the_same_run_gives_the_same_files(run: RunData, tmp_path: Path) -> None:
    for path in draw_all(make_run(tmp_path / "again", **TRAINED)):
        assert path.read_bytes() == (run.path / "figures" / path.name).read_bytes(), path.name


def test_files_carry_no_date_and_embed_true_type_fonts(run: RunData) -> None:
    for path in (run.path / "figures").glob("*.pdf"):
        data = path.read_bytes()
        assert b"CreationDate" not in data and b"/Type3" not in data and b"/FontFile2" in data, path.name


def test_figures_are_one_column_wide(run: RunData) -> None:
    for path in (run.path / "figures").glob("*.pdf"):
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", path.read_bytes())
        assert box is not None
        assert float(box[1]) == pytest.approx(COLUMN_INCHES * 72), path.name


def test_a_run_without_learning_has_no_learning_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", learning=False, agents=["static"], baselines=["nv"])
    assert [name for name, _ in run_drawings(run)] == ["reward", "goodput-queue", "timeline", "queue-ccdf", "fabric-static", "fabric-nv"]


def test_axes_say_their_units_and_no_legend_covers_data(run: RunData) -> None:
    with mpl.rc_context(STYLE):
        drawn = {name: draw() for name, draw in run_drawings(run)}
        for name, figure in drawn.items():
            figure.draw_without_rendering()
            renderer = FigureCanvasAgg(figure).get_renderer()
            for legend in figure.legends:
                box = legend.get_window_extent(renderer)
                assert not any(box.overlaps(axes.get_window_extent(renderer)) for axes in figure.axes), name
    units = {
        "reward": ["reward per step"],
        "learning": ["training steps", "reward per step"],
        "timeline": ["time (s)", "reward per step", "mean queue (kB)", "goodput (Mbit/s)"],
        "queue-ccdf": ["queue of a port (kB)", "share of longer queues"],
        "goodput-queue": ["mean queue (kB), less is better", "goodput share, more is better"],
        "gap": ["reward per step\nopen: simulator; filled: guest kernel"],
    }
    for name, expected in units.items():
        labels = {text for axes in drawn[name].axes for text in (axes.get_xlabel(), axes.get_ylabel()) if text}
        assert labels == set(expected)
        assert drawn[name].axes[0].get_title() == "dumbbell, pairs"


def test_nothing_reaches_beyond_the_page_and_every_tick_is_a_plain_number(run: RunData) -> None:
    with mpl.rc_context(STYLE):
        for name, draw in run_drawings(run):
            figure = draw()
            figure.draw_without_rendering()
            box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
            assert box.x0 > -0.02 and box.x1 < COLUMN_INCHES + 0.02, name
            texts = [text.get_text() for axes in figure.axes for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
            assert not [text for text in texts if "^" in text or ("e" in text.lower() and any(map(str.isdigit, text)))], name


def test_legends_read_in_the_order_of_the_schemes_line_by_line(run: RunData) -> None:
    assert legend_columns(["PPO", "New Vegas", "DCTCP", "max-min"]) == 4
    assert legend_columns(["a name of thirty-five characters...."] * 4) == 1
    with mpl.rc_context(STYLE):
        figure = dict(run_drawings(run))["timeline"]()
        figure.draw_without_rendering()
        boxes = {text.get_text(): text.get_window_extent() for text in figure.legends[0].get_texts()}
    order = sorted(boxes, key=lambda name: (-round(boxes[name].y0), boxes[name].x0))
    assert order == ["PPO", "New Vegas", "max-min"]


def test_every_scheme_is_a_point_where_its_scores_are(run: RunData) -> None:
    figure = dict(run_drawings(run))["goodput-queue"]()
    points = {line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1}
    assert points["PPO"] == pytest.approx((1.0, 0.5)) and points["max-min"] == pytest.approx((3.0, 0.3))


def test_schemes_differ_in_colour_line_and_marker() -> None:
    own = [look(name) for name in ("ppo", "nv", "dctcp", "maxmin", "ddpg", "reinforce", "a2c", "sac", "td3", "cubic", "random", "static")]
    assert len({one.color for one in own}) == len({one.dashes for one in own}) == len(own)
    assert len({one.marker for one in own[:9]}) == 9


def test_the_schemes_of_the_main_job_differ_in_grey() -> None:
    greys = sorted(np.dot(mpl.colors.to_rgb(look(name).color), (0.299, 0.587, 0.114)) for name in ("maxmin", "ppo", "dctcp", "nv"))
    assert np.diff(greys).min() > 0.08


def test_an_unknown_scheme_always_looks_the_same() -> None:
    assert look("mine") == look("mine") != look("yours")
    assert label("mine") == "mine" and label("nv") == "New Vegas" and label("vegas") == "Vegas"
    assert agents_path and all(label(name) for name in agent_names())


def test_ports_are_coloured_by_their_load(run: RunData) -> None:
    topology = run.config.scenario.fabric
    figure = draw_fabric(run, "ppo")
    lines = next(item for item in figure.axes[0].collections if isinstance(item, LineCollection))
    segments, colors = lines.get_segments(), lines.get_colors()
    assert len(segments) == topology.num_ports == len({segment.tobytes() for segment in map(np.asarray, segments)})
    # Two flows of half a link meet between the switches; the way back is idle.
    assert len({tuple(color) for color in colors}) == 3
    widths = sorted(lines.get_linewidths())
    assert widths[0] == pytest.approx(0.6) and widths[-1] == pytest.approx(1.7)


def test_hosts_stand_at_the_bottom_and_no_two_nodes_at_one_place() -> None:
    topology = fattree()
    positions = node_positions(topology)
    assert {positions[host][1] for host in topology.hosts} == {0.0}
    assert all(positions[node][1] == topology.levels[node] for node in topology.switches)
    assert len(set(positions.values())) == topology.num_hosts + len(topology.switches)


def test_units_fit_the_size() -> None:
    assert rate_unit(2.5e9) == (1e9, "Gbit/s") and rate_unit(10e6) == (1e6, "Mbit/s") and rate_unit(0) == (1.0, "bit/s")
    assert size_unit(757_000) == (1e3, "kB") and size_unit(12.0) == (1.0, "B")
