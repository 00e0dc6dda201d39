"""One scenario on a page, of a run or of an experiment: its tables and charts, and the recordings of its fabric."""

from collections.abc import Sequence

from iroko.analysis.charts import Chart
from iroko.analysis.comparison import Comparison, Entry, Watch
from iroko.analysis.episodes import Episode
from iroko.analysis.figures import figures
from iroko.report.charts import to_spec
from iroko.report.completions import completion_table
from iroko.report.page import Palette, Spec, Table
from iroko.report.recordings import Fabric, Plan, record
from iroko.report.tables import gap_table, score_table
from iroko.topology import Topology


def recorder(fabric: Fabric, palette: Palette, title: str, topology: Topology, kept: Plan) -> Watch:
    """A function that records the episodes that a page keeps, while the runs are read."""
    number, first_seeds = fabric.add_topology(title, topology), dict[str, int]()

    def watch(entry: Entry, episode: Episode) -> None:
        if kept.keeps(episode.episode, episode.seed, first_seeds.setdefault(entry.style.key, episode.seed)):
            fabric.recordings.append(record(episode, topology, kept.frames, palette.of(entry.style), number))

    return watch


def tables(comparison: Comparison, prefix: str, palette: Palette, more: Sequence[Table] = ()) -> list[Table]:
    """The tables of a scenario.

    Args:
        prefix: of their names.
        more: tables that follow the scores.
    """
    found = [score_table(f"{prefix}-scores", comparison, palette), *more]
    if any(entry.gap for entry in comparison.entries):
        found.append(gap_table(f"{prefix}-gap", comparison, palette))
    return found + completion_table(prefix, comparison, palette)


def charts(comparison: Comparison, prefix: str, palette: Palette) -> list[Spec]:
    """The charts of a scenario."""
    panels: list[Chart] = [chart for panel in figures(comparison).values() for chart in panel]
    return [to_spec(chart, prefix, palette) for chart in panels]
