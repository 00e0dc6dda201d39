"""How much slower than alone flows of each size completed."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from iroko.analysis.completions import FiniteFlows, finite_flows
from iroko.analysis.plots.style import add_legend, label, look, new_figure
from iroko.metrics import rank_percentile
from iroko.rundir.reader import RunData
from iroko.snapshot import Floats
from iroko.units import format_size

MOST_GROUPS = 10
LEAST_FLOWS = 20
"""A group has at least so many flows, or there is one group."""
PANELS = {50: "median", 99: "99th percentile"}


def draw_completion(run: RunData) -> Figure:
    """Draw median and 99th percentile of the slowdown, and the share of unfinished flows, over groups of flows by size.

    The flows of all schemes, which are the same, fall into up to ten groups of equal number from the smallest to the largest; equally
    large ones stay together. Each group has an equal part of the axis, which is named by the largest size in the group. A percentile of
    which so many flows are unfinished is infinite: its line breaks off there.
    """
    topology = run.config.scenario.make_topology()
    flows = {scheme: finite_flows(run, topology, scheme) for scheme in run.schemes}
    bounds = group_bounds(next(iter(flows.values())).sizes_bytes)
    rows = len(PANELS) + any(each.unfinished.any() for each in flows.values())
    figure, all_axes = new_figure(1.25 + 1.0 * rows, rows=rows, sharex=True)
    places = np.arange(len(bounds))
    for scheme, each in flows.items():
        style = look(scheme)
        for axes, values in zip(all_axes, _curves(each, bounds), strict=False):
            axes.plot(places, values, label=label(scheme), marker=style.marker, markersize=3.5, **{**style.line, "linewidth": 0.9})
    for axes, name in zip(all_axes, PANELS.values(), strict=False):
        axes.set_yscale("log")
        axes.set_ylabel(f"slowdown\n{name}")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,), numticks=5))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    if rows > len(PANELS):
        all_axes[-1].set_ylabel("unfinished\nshare")
        all_axes[-1].set_ylim(bottom=-0.03)
    all_axes[-1].set_xticks(places, [format_size(float(f"{bound:.2g}")).replace(" ", "\n") for bound in bounds])
    all_axes[-1].set_xlabel("flow size, up to; each group has as many flows" if len(bounds) > 1 else "flow size, up to")
    figure.align_ylabels()
    add_legend(figure, all_axes[0])
    return figure


def group_bounds(sizes_bytes: npt.ArrayLike) -> Floats:
    """The largest size of each group, shape `(num_groups,)`, rising."""
    ordered = np.sort(np.asarray(sizes_bytes, dtype=float))
    groups = max(1, min(MOST_GROUPS, len(ordered) // LEAST_FLOWS))
    return np.unique([rank_percentile(ordered, 100 * (group + 1) / groups) for group in range(groups)])


def _curves(flows: FiniteFlows, bounds: Floats) -> list[Floats]:
    """For each of `PANELS` and for the unfinished share one value a group; NaN where it is infinite or there is no flow."""
    groups = np.searchsorted(bounds, flows.sizes_bytes, side="left")
    members = [groups == group for group in range(len(bounds))]
    curves = [np.array([rank_percentile(flows.slowdowns[each], percent) for each in members]) for percent in PANELS]
    shares = np.array([flows.unfinished[each].mean() if each.any() else np.nan for each in members])
    return [*(np.where(np.isfinite(curve), curve, np.nan) for curve in curves), shares]
