"""What the schemes lose on the way from the engine of the training to that of the scores."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from iroko.analysis.plots.style import add_legend, label, look, new_figure, size_unit
from iroko.analysis.scores import Score
from iroko.rundir.reader import RunData


def draw_engines(run: RunData, before: list[Score], after: list[Score]) -> Figure:
    """Draw reward, goodput and mean queue of each scheme on both engines, joined by a line: a level line has lost nothing.

    Args:
        before, after: scores on `run.config.train_engine` and on `run.config.engine`; a scheme that only one of them has is left out.
    """
    elsewhere = {score.scheme: score for score in before}
    pairs = [(elsewhere[score.scheme], score) for score in after if score.scheme in elsewhere]
    byte, byte_name = size_unit(max(score.queue_mean_bytes for pair in pairs for score in pair))
    panels = {"reward": ("reward\nper step", 1.0), "goodput_share": ("goodput\nshare", 1.0),
              "queue_mean_bytes": (f"mean queue\n({byte_name})", byte)}  # fmt: skip
    figure, all_axes = new_figure(2.3, columns=len(panels))
    for axes, (name, (title, unit)) in zip(all_axes, panels.items(), strict=True):
        for pair in pairs:
            style = look(pair[1].scheme)
            axes.plot([0, 1], [getattr(score, name) / unit for score in pair], label=label(pair[1].scheme), marker=style.marker,
                      markeredgecolor="white", markeredgewidth=0.3, **style.line)  # fmt: skip
        axes.set_xticks([0, 1], [run.config.train_engine, run.config.engine])
        axes.set_xlim(-0.3, 1.3)
        axes.margins(y=0.1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(title)
        axes.grid(axis="x", visible=False)
    add_legend(figure, all_axes[0])
    return figure
