"""Figures for a paper, drawn from run folders alone: one file each, a function of a run and its scores.

All are one column wide, in 8 pt type with embedded fonts, and differ in line style and marker as well as in colour.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iroko.analysis.completions import score_completions
from iroko.analysis.scores import score_schemes
from iroko.rundir.folder import hand_over, write_beside
from iroko.rundir.reader import RunData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png")


def figures(run: RunData) -> "Iterator[tuple[str, Callable[[], Figure]]]":
    """The names of a run's figures and what draws them; there is one drawing of the fabric for each scheme."""
    from iroko.analysis.plots.completion import draw_completion
    from iroko.analysis.plots.engines import draw_engines
    from iroko.analysis.plots.fabric import draw_fabric
    from iroko.analysis.plots.learning import draw_learning
    from iroko.analysis.plots.queues import draw_queue_cdf
    from iroko.analysis.plots.timeline import draw_timeline
    from iroko.analysis.plots.tradeoff import draw_tradeoff

    scores = score_schemes(run)
    if len(run.learning):
        yield "learning", partial(draw_learning, run, scores)
    yield "timeline", partial(draw_timeline, run)
    yield "queue-cdf", partial(draw_queue_cdf, run)
    yield "goodput-queue", partial(draw_tradeoff, scores)
    if any(score.total.flows for score in score_completions(run)):
        yield "completion", partial(draw_completion, run)
    if run.in_training is not None:
        yield "engines", partial(draw_engines, run, score_schemes(run.in_training), scores)
    for scheme in run.schemes:
        yield f"fabric-{scheme}", partial(draw_fabric, run, scheme)


def draw_all(run: RunData) -> list[Path]:
    """Draw every figure of a run into its folder `figures/`; returns the files, in the order they were drawn."""
    import matplotlib as mpl

    from iroko.analysis.plots.style import STYLE, save

    files = []
    with mpl.rc_context(STYLE):
        for name, draw in figures(run):
            figure = draw()
            for kind in FORMATS:
                files.append(run.path / "figures" / f"{name}.{kind}")
                write_beside(files[-1], partial(save, figure), run.path)
    hand_over(run.path / "figures")
    return files
