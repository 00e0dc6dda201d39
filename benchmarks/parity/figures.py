"""What the table says as figures: how far apart all cases are, and what one flow does over time on both engines."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.parity.cases import FABRICS, RATES, TRANSPORTS, Case
from benchmarks.parity.measures import MEASURES, Comparison
from benchmarks.parity.recording import Recording
from iroko.analysis.looks import label, look, rate_unit
from iroko.analysis.plots import FORMATS
from iroko.analysis.plots.style import COLUMN_INCHES, STYLE, add_legend, new_figure, save
from iroko.metrics import MTU_FRAME_BYTES
from iroko.port import Port

Results = Sequence[tuple[Case, Recording, Recording]]
_FARTHEST = 3.0
"""Differences beyond so many tolerances stand at the edge, as triangles."""
_TRACED = "narrow-1"
_SMOOTH_STEPS = 10
_COLORS = {"kernel": "#0b0405", "simulator": "#d1851b"}


def draw_differences(comparisons: Sequence[Comparison]) -> Figure:
    """Draw every comparison's difference in units of what is allowed, a row for each measure, a column for each fabric."""
    measures = [key for key in MEASURES if any(c.measure.key == key for c in comparisons)]
    fabrics = [name for name in FABRICS if any(c.case.fabric == name for c in comparisons)]
    figure, axes = new_figure(0.95 * len(measures) + 0.8, rows=len(measures), sharex=True, squeeze=False)
    figure.set_size_inches(2 * COLUMN_INCHES, figure.get_figheight())
    for row, key in zip(axes[:, 0], measures, strict=True):
        row.axhspan(-1, 1, color="0.93", zorder=0, linewidth=0)
        row.axhline(0, color="0.6", linewidth=0.6)
        for transport in TRANSPORTS:
            own = [c for c in comparisons if c.measure.key == key and c.case.transport == transport]
            _scatter(row, own, fabrics, transport)
        row.set_ylim(-_FARTHEST - 0.4, _FARTHEST + 0.4)
        row.set_yticks([-3, -1, 0, 1, 3])
        row.set_title(f"{key} (band: {MEASURES[key].tolerance})", loc="left", fontsize=7, pad=2)
        row.xaxis.grid(False)
    axes[-1, 0].set_xticks(range(len(fabrics)), fabrics)
    axes[-1, 0].set_xlim(-0.5, len(fabrics) - 0.5)
    figure.supylabel("difference / what is allowed", fontsize=8)
    handles = [Line2D([], [], color=look(t).color, marker=look(t).marker, linestyle="", label=label(t)) for t in TRANSPORTS]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.2)
    return figure


def _scatter(row: Any, comparisons: Sequence[Comparison], fabrics: Sequence[str], transport: str) -> None:
    """The points of one transport: a place of its own within each fabric's column, in which the rates stand side by side."""
    style, width = look(transport), 0.8 / len(TRANSPORTS)
    for comparison in comparisons:
        place = fabrics.index(comparison.case.fabric) - 0.4 + width * (TRANSPORTS.index(transport) + 0.5)
        place += width * 0.22 * (1 if comparison.case.rate == RATES[-1] else -1)
        height = float(np.clip(comparison.tolerances, -_FARTHEST, _FARTHEST))
        beyond = abs(comparison.tolerances) > _FARTHEST
        marker = ("^" if height > 0 else "v") if beyond else style.marker
        face = style.color if comparison.within or beyond else "none"
        row.plot(place, height, marker=marker, markersize=3, color=style.color, markerfacecolor=face, markeredgewidth=0.7, linestyle="")


def draw_traces(results: Results, rate: str, simulator: str) -> Figure:
    """Draw goodput and queue of the busiest port over time, a row for each case; a twentieth of the time again as the start-up.

    Args:
        simulator: what the line beside the kernel's is called.
    """
    chosen = sorted((r for r in results if r[0].rate == rate), key=lambda r: TRANSPORTS.index(r[0].transport))
    figure = Figure(figsize=(2 * COLUMN_INCHES, 1.15 * len(chosen) + 0.7), layout="constrained")
    axes = figure.subplots(len(chosen), 4, squeeze=False)
    for row, (case, kernel, other) in zip(axes, chosen, strict=True):
        time_s = case.timing.interval_s * np.arange(1, case.timing.total_steps + 1)
        for name, recording in (("kernel", kernel), ("simulator", other)):
            line = {"color": _COLORS[name], "linewidth": 0.9, "linestyle": "-" if name == "kernel" else (0, (3, 1.2)),
                    "label": name if name == "kernel" else simulator}  # fmt: skip
            _draw_trace(row, time_s, recording, case, line)
        row[0].set_ylabel(label(case.transport))
    for column, title in enumerate((f"goodput ({rate_unit(chosen[0][0].rate_bps)[1]})", "", "queue (packets)", "")):
        axes[0, column].set_title(title or "start-up", fontsize=7, pad=3)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    add_legend(figure, axes[0, 0])
    return figure


def _draw_trace(row: Any, time_s: Any, recording: Recording, case: Case, line: dict[str, Any]) -> None:
    """Four panels: goodput, its start-up, queue, its start-up."""
    start = max(2, len(time_s) // 20)
    busiest = int(recording.trace_backlog_bytes.mean(axis=0).argmax())
    unit, _ = rate_unit(case.rate_bps)
    goodput, queue = recording.trace_goodput_bps / unit, recording.trace_backlog_bytes[:, busiest] / MTU_FRAME_BYTES
    # A step holds a few packets only.
    smooth = np.convolve(goodput, np.ones(_SMOOTH_STEPS) / _SMOOTH_STEPS)[: len(goodput)]
    for axis, values in zip(row, (smooth, goodput[:start], queue, queue[:start]), strict=True):
        axis.plot(time_s[: len(values)], values, **line)
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
    # What a retransmission lets through at once, of all that waited for it, would dwarf the rest.
    for axis in row[:2]:
        axis.set_ylim(top=1.3 * sum(port.rate_bps for port in _bottlenecks(case)) / unit)


def _bottlenecks(case: Case) -> list[Port]:
    """For each flow's path the slowest port, once."""
    ports = case.topology.ports
    slowest = {min(case.topology.static_path(f.source, f.destination), key=lambda i: ports[i].rate_bps) for f in case.plan(0).flows}
    return [ports[index] for index in slowest]


def write(comparisons: Sequence[Comparison], results: Results, folder: Path, simulator: str) -> list[Path]:
    """Draw what can be drawn of these cases into a folder, as PDF and PNG; returns the files."""
    drawings = {"differences": partial(draw_differences, comparisons)}
    for rate in RATES:
        if traced := [result for result in results if result[0].rate == rate and result[0].fabric == _TRACED]:
            drawings[f"traces-{rate}"] = partial(draw_traces, traced, rate, simulator)
    if len(results) == 1:
        drawings["trace"] = partial(draw_traces, results, results[0][0].rate, simulator)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with mpl.rc_context(STYLE):
        for name, draw in drawings.items():
            figure = draw()
            for kind in FORMATS:
                files.append(folder / f"{name}.{kind}")
                save(figure, files[-1])
    return files
