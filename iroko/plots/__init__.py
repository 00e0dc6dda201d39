"""Figures for a paper, drawn from run folders alone: one file each, a function of a run and its scores.

All are one column wide, in 8 pt type with embedded fonts, and differ in line style and marker as well as in colour.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from iroko.store import RunData, hand_over, write_beside
from iroko.table import Score, score_schemes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[RunData, list[Score]], "Figure"]


def figures(run: RunData) -> Iterator[tuple[str, Draw]]:
    """The names of a run's figures and what draws them; there is one drawing of the fabric for each scheme."""
    from iroko.plots.fabric import draw_fabric
    from iroko.plots.learning import draw_learning
    from iroko.plots.queues import draw_queue_cdf
    from iroko.plots.timeline import draw_timeline
    from iroko.plots.tradeoff import draw_tradeoff

    if len(run.learning):
        yield "learning", draw_learning
    yield "timeline", draw_timeline
    yield "queue-cdf", draw_queue_cdf
    yield "goodput-queue", draw_tradeoff
    for scheme in (name for name in run.config.schemes if name in set(run.steps["scheme"])):
        yield f"fabric-{scheme}", lambda run, scores, scheme=scheme: draw_fabric(run, scheme)  # type: ignore[misc]


def draw_all(run: RunData, on_figure: Callable[[str], None] = lambda name: None, formats: Iterable[str] = ("pdf", "png")) -> list[Path]:
    """Draw every figure of a run into its folder `figures/`.

    Args:
        on_figure: called with each figure's name before it is drawn.

    Returns:
        The files, in the order they were drawn.
    """
    import matplotlib

    from iroko.plots.style import STYLE, save

    scores = score_schemes(run)
    files = []
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        for name, draw in figures(run):
            on_figure(name)
            figure = draw(run, scores)
            for kind in formats:
                file = run.path / "figures" / f"{name}.{kind}"
                write_beside(file, lambda part, figure=figure: save(figure, part))
                files.append(file)
    hand_over(run.path / "figures")
    return files
