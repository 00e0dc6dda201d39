"""Goodput against queue: every scheme is a point, and the best corner is at the top left."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from iroko.analysis.plots.style import add_legend, label, look, new_figure, size_unit
from iroko.analysis.scores import Score


def draw_tradeoff(scores: list[Score]) -> Figure:
    """Draw each scheme's goodput share over its mean queue, with the standard deviations over the episodes as bars."""
    longest = max(score.queue_mean_bytes + score.deviations.get("queue_mean_bytes", 0.0) for score in scores)
    byte, byte_name = size_unit(longest)
    figure, axes = new_figure(2.4)
    for score in scores:
        style, deviations, x, y = look(score.scheme), score.deviations, score.queue_mean_bytes / byte, score.goodput_share
        if deviations:
            axes.errorbar(x, y, xerr=deviations["queue_mean_bytes"] / byte, yerr=deviations["goodput_share"], fmt="none",
                          ecolor=style.color, elinewidth=0.7, capsize=2, capthick=0.7)  # fmt: skip
        axes.plot([x], [y], label=label(score.scheme), color=style.color, marker=style.marker, markersize=6, linestyle="none",
                  markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip
    # A queue is never below 0, so what an error bar says there is cut off.
    axes.set_xlim(-0.04 * max(longest, 1.0) / byte, 1.06 * max(longest, 1.0) / byte)
    axes.margins(y=0.12)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(f"mean queue ({byte_name}), less is better")
    axes.set_ylabel("goodput share, more is better")
    add_legend(figure, axes)
    return figure
