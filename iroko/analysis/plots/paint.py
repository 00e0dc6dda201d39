"""Paint descriptions of figures with matplotlib."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from iroko.analysis.charts import Axis, Chart, Level, Line, Matrix, Range, Spot, Style
from iroko.analysis.plots.style import add_legend, legend_columns, new_figure, shorten

BAND = 0.15
MOST_LETTERS = 36
"""Names below a coloured table with more letters than this are turned."""
STEPS = (1, 2, 2.5, 5, 10)
"""Distances of ticks, times a power of ten."""


def paint(charts: Sequence[Chart], title: str) -> Figure:
    """Paint a figure of one panel, or of several one below the other.

    Args:
        title: of the scenario, above the data.
    """
    first = charts[0]
    if first.kind == "matrix":
        return _paint_matrix(first, title)
    figure, all_axes = new_figure(_height(charts), rows=len(charts), sharex=len(charts) > 1, squeeze=False)
    panels = all_axes[:, 0]
    for axes, chart in zip(panels, charts, strict=True):
        _PAINTERS[chart.kind](axes, chart)
        _set_axis(axes, "y", chart.y)
    _set_axis(panels[-1], "x", first.x)
    panels[-1].set_xlabel(_x_label(first))
    panels[0].set_title(shorten(title))
    figure.align_ylabels()
    if first.kind != "ranges":
        add_legend(figure, panels[0])
    return figure


def _height(charts: Sequence[Chart]) -> float:
    """In inches."""
    if charts[0].kind == "ranges":
        rows = len({series.style.label for series in charts[0].series})
        return 1.05 + (0.22 if len(charts[0].series) == rows else 0.3) * rows
    labels = [series.style.label for series in charts[0].series]
    legend = 0.15 * math.ceil(len(labels) / legend_columns(labels))
    return legend + (2.25 if len(charts) == 1 else 0.85 + 1.05 * len(charts))


def _x_label(chart: Chart) -> str:
    """The label of the x axis, with the meaning of open and filled marks where there are both."""
    kinds = {series.hollow: series.of for series in chart.series if isinstance(series, Range) and series.of}
    return f"{chart.x.label}\nopen: {kinds[True]}; filled: {kinds[False]}" if len(kinds) == 2 else chart.x.label


def _paint_lines(axes: Any, chart: Chart) -> None:
    for number, series in enumerate(chart.series):
        style = series.style
        if isinstance(series, Level):
            axes.axhline(series.value, label=style.label, linewidth=0.9, **style.look.line)
            continue
        assert isinstance(series, Line)
        x, y = np.asarray(series.x, float), np.asarray(series.y, float)
        if len(series.low):
            axes.fill_between(
                x, series.low, series.high, color=style.look.color, alpha=min(BAND, 2 * BAND / len(chart.series)), linewidth=0
            )
        # The markers of each scheme are at places of their own, so that equal lines remain apart.
        known = np.flatnonzero(np.isfinite(y))
        every = max(1, len(known) // 5) if len(known) > 12 else 1
        marked = known[every * (number % 4) // 4 :: every]
        axes.plot(x, y, label=style.label, markevery=marked.tolist(), linewidth=0.9, **(_mark(style, 3.5) | style.look.line))
    values = [value for series in chart.series if isinstance(series, Line) for value in series.y if value > 0 and math.isfinite(value)]
    if chart.y.log and values:  # bands may end at 0 or below
        axes.set_ylim(min(values) / 1.5, max(values) * 1.5)


def _paint_ranges(axes: Any, chart: Chart) -> None:
    labels = list(dict.fromkeys(series.style.label for series in chart.series))
    for row, name in enumerate(labels):
        own = [series for series in chart.series if isinstance(series, Range) and series.style.label == name]
        for place, series in enumerate(own):
            _paint_range(axes, series, row + (place - (len(own) - 1) / 2) * 0.32, chart.x.cut)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _paint_range(axes: Any, series: Range, y: float, cut: float | None) -> None:
    (value, low, high), style = series.bounds, series.style
    color = style.look.color
    if cut is not None and value < cut:
        words = f"{value:.1f} [{low:.1f}, {high:.1f}]" if low < high else f"{value:.1f}"
        axes.annotate(words, (cut, y), (6, 0), textcoords="offset points", va="center", fontsize=6.5, color=color)
        axes.plot([cut], [y], marker="<", color=color, markersize=4.5, linestyle="none", clip_on=False)
        return
    points = [point for point in series.points if math.isfinite(point)]
    axes.plot(points, np.full(len(points), y + 0.14), linestyle="none", marker="|", markersize=4, color=color, alpha=0.6)
    if low < high:
        axes.errorbar(value, y, xerr=[[value - low], [high - value]], fmt="none", ecolor=color, elinewidth=0.9, capsize=2)
    axes.plot([value], [y], linestyle="none", **_mark(style, 4.5, series.hollow))


def _paint_scatter(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        assert isinstance(series, Spot)
        (x, x_low, x_high), (y, y_low, y_high) = series.x, series.y
        errors = {"xerr": [[x - x_low], [x_high - x]]} if x_low < x_high else {}
        errors |= {"yerr": [[y - y_low], [y_high - y]]} if y_low < y_high else {}
        if errors:
            axes.errorbar(x, y, fmt="none", ecolor=series.style.look.color, elinewidth=0.7, capsize=2, capthick=0.7, **errors)
        axes.plot([x], [y], label=series.style.label, linestyle="none", **_mark(series.style, 6))
    axes.margins(0.1)


def _paint_matrix(chart: Chart, title: str) -> Figure:
    matrix = chart.matrix
    assert isinstance(matrix, Matrix)
    figure, axes = new_figure(1.3 + 0.3 * len(matrix.rows))
    # The dark end of the scale would hide the numbers.
    colors = LinearSegmentedColormap.from_list("share", mpl.colormaps["Blues"](np.linspace(0, 0.6, 64)))
    image = axes.imshow(matrix.shares, cmap=colors, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(matrix.values):
        if math.isfinite(value):
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7)
    axes.set_yticks(range(len(matrix.rows)), matrix.rows)
    axes.set_xticks(
        range(len(matrix.columns)),
        matrix.columns,
        **({"rotation": 30, "ha": "right"} if sum(map(len, matrix.columns)) > MOST_LETTERS else {}),
    )
    axes.grid(visible=False)
    axes.set_xlabel(chart.x.label)
    axes.set_ylabel(chart.y.label)
    axes.set_title(shorten(title))
    bar = figure.colorbar(image, ax=axes, fraction=0.06, pad=0.02, ticks=[0, 0.5, 1])
    bar.set_label("share of the best")
    bar.outline.set_linewidth(0.5)
    return figure


def _mark(style: Style, size: float, hollow: bool = False) -> dict[str, Any]:
    """Arguments of a scheme's marker."""
    if hollow or style.look.hollow:
        return {"marker": style.look.marker, "markersize": size, "color": style.look.color, "markerfacecolor": "white"}
    return {"marker": style.look.marker, "markersize": size, "color": style.look.color, "markeredgecolor": "white", "markeredgewidth": 0.4}


def _set_axis(axes: Any, which: str, axis: Axis) -> None:
    """Scale, ends and ticks of an axis; every tick is a plain number."""
    own = getattr(axes, f"{which}axis")
    set_scale, set_limits, get_limits = (getattr(axes, name.format(which)) for name in ("set_{}scale", "set_{}lim", "get_{}lim"))
    is_log = axis.log and getattr(axes.dataLim, f"interval{which}")[1] > 0  # where nothing is above 0 the axis stays linear
    if which == "y" and axis.label != "scheme":
        axes.set_ylabel(axis.label.replace(", ", "\n") if axis.log and "slowdown" in axis.label else axis.label)
    if axis.ticks:
        own.set_ticks([place for place, _ in axis.ticks], [name.replace(" ", "\n") for _, name in axis.ticks])
    elif is_log:
        set_scale("log")
        low, high = get_limits()
        own.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=8))
        own.set_minor_formatter(NullFormatter())
        own.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    elif axis.label != "scheme":
        own.set_major_locator(MaxNLocator(5 if which == "y" else 6, steps=STEPS))
        own.set_major_formatter(_Plain())
    if axis.zero and not is_log:
        set_limits(0)
    if axis.cut is not None:
        set_limits(axis.cut)
    if axis.end is not None:
        set_limits(None, axis.end)


class _Plain(ScalarFormatter):
    """Plain numbers: no powers of ten, no offset, commas between thousands."""

    def __init__(self) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(False)

    def __call__(self, value: float, position: int | None = None) -> str:
        return f"{value:,.0f}" if abs(value) >= 1000 else str(super().__call__(value, position))


_PAINTERS = {"lines": _paint_lines, "ranges": _paint_ranges, "scatter": _paint_scatter}
