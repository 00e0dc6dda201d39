"""Figures for a paper, painted from run folders and experiments alone: one file each.

All are one column wide, in 8 pt type with embedded fonts, and differ in line style and marker as well as in colour.
`iroko.analysis.figures` describes what they show.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iroko.analysis.comparison import compare_run, comparisons
from iroko.analysis.experiment import Results
from iroko.analysis.figures import figures, transfer_maps
from iroko.rundir.folder import hand_over, write_beside
from iroko.rundir.reader import RunData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png")
Drawing = tuple[str, "Callable[[], Figure]"]
"""The name of a figure and what draws it."""


def run_drawings(run: RunData) -> Iterator[Drawing]:
    """The figures of a run; there is one drawing of the fabric for each scheme."""
    from iroko.analysis.plots.fabric import draw_fabric
    from iroko.analysis.plots.paint import paint

    comparison = compare_run(run)
    for name, charts in figures(comparison).items():
        yield name, partial(paint, charts, comparison.title)
    for scheme in run.schemes:
        yield f"fabric-{scheme}", partial(draw_fabric, run, scheme)


def experiment_drawings(results: Results) -> Iterator[Drawing]:
    """The figures of an experiment; one of a single scenario does not repeat its name."""
    from iroko.analysis.plots.paint import paint

    for comparison in comparisons(results):
        suffix = f"-{comparison.name}" if len(results.scenarios) > 1 else ""
        for name, charts in figures(comparison).items():
            yield f"{name}{suffix}", partial(paint, charts, comparison.title)
    for name, chart in transfer_maps(results).items():
        yield f"transfer-{name}", partial(paint, (chart,), chart.title)


def draw_all(run: RunData) -> list[Path]:
    """Draw every figure of a run into its folder `figures/`; returns the files, in the order they were drawn."""
    files = _draw(run_drawings(run), run.path / "figures", run.path)
    hand_over(run.path / "figures")
    return files


def draw_experiment(results: Results, folder: Path) -> list[Path]:
    """Draw every figure of an experiment into a folder; returns the files."""
    return _draw(experiment_drawings(results), folder, None)


def _draw(drawings: Iterator[Drawing], folder: Path, root: Path | None) -> list[Path]:
    import matplotlib as mpl

    from iroko.analysis.plots.style import STYLE, save

    files = []
    with mpl.rc_context(STYLE):
        for name, draw in drawings:
            figure = draw()
            for kind in FORMATS:
                files.append(folder / f"{name}.{kind}")
                write_beside(files[-1], partial(save, figure), root)
    return files
