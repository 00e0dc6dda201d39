"""Tables of measures: the columns of `iroko.analysis.scores`, with the best of each marked."""

import math
from collections.abc import Mapping, Sequence

from iroko.analysis.scores import HEADINGS, LOWER_IS_BETTER
from iroko.report.page import Cell, Column, Ink, Table
from iroko.report.text import NOTHING, change_text, measure_text, setting_name

NEITHER = ("marks",)
"""Of these neither more nor less is better."""
HINTS = {
    "goodput_share": "Application bytes received over what the receivers' links carry, headers too; more is better.",
    "queue_mean_bytes": "Mean backlog of the switch ports on the flows' paths; less is better.",
    "queue_p99_bytes": "99th percentile of the same backlogs; less is better.",
    "drops": "Packets dropped by the fabric's ports; fewer is better.",
    "marks": "Packets marked by the fabric's ports (ECN).",
    "jain": "Jain's fairness index of the rates of flows that run side by side; 1 is even.",
    "reward": "Reward per step; more is better.",
}


def heading(measure: str) -> str:
    """A measure's name above its column, without line breaks."""
    return HEADINGS[measure].replace("\n", " ") if measure in HEADINGS else setting_name(measure)


def measure_column(measure: str) -> Column:
    return Column(heading(measure), hint=HINTS.get(measure, ""))


def scheme_cell(ink: Ink) -> Cell:
    return Cell(ink.label, ink.label.lower(), spread=ink.scheme if ink.scheme.lower() != ink.label.lower() else "", ink=ink.name)


def score_table(name: str, caption: str, rows: Sequence[tuple[Ink, Mapping[str, tuple[float, str]]]], measures: Sequence[str]) -> Table:
    """One row for each scheme.

    Args:
        rows: for each scheme its measures: the value, and the text of its spread.
    """
    best = {measure: _best([row[measure][0] for _, row in rows if measure in row], measure) for measure in measures}
    cells = [
        [scheme_cell(ink), *(_cell(measure, *row[measure], best[measure]) if measure in row else Cell(NOTHING) for measure in measures)]
        for ink, row in rows
    ]
    return Table(name, caption, [Column("scheme", numeric=False), *map(measure_column, measures)], cells)


def _cell(measure: str, value: float, spread: str, best: str | None) -> Cell:
    text = measure_text(measure, value)
    return Cell(NOTHING) if math.isnan(value) else Cell(text, value, spread, best=text == best)


def _best(values: Sequence[float], measure: str) -> str | None:
    """What the best of a column reads; None where all read alike, or where nothing is good or bad."""
    values = [value for value in values if not math.isnan(value)]
    if measure in NEITHER or len({measure_text(measure, value) for value in values}) < 2:
        return None
    return measure_text(measure, min(values) if measure in LOWER_IS_BETTER else max(values))


def loss_table(name: str, train: str, score: str, rows: Sequence[tuple[Ink, float, float, tuple[float, float, float]]]) -> Table:
    """What the reward loses on the way from the engine of the training to that of the scores.

    Args:
        rows: for each scheme the reward on both engines, and the difference with the ends of its interval, NaN where there is none.
    """
    cells = []
    for ink, before, after, (mean, low, high) in rows:
        ends = f"{measure_text('reward', low)} to {measure_text('reward', high)}" if low == low and high == high else ""
        sign = "+" * (mean > 0)
        change = (after - before) / abs(before) if before else after - before
        cells.append([
            scheme_cell(ink), Cell(measure_text("reward", before), before), Cell(measure_text("reward", after), after),
            Cell(f"{sign}{measure_text('reward', mean)}", mean, ends), Cell(change_text(before, after), change),
        ])  # fmt: skip
    columns = [
        Column("scheme", numeric=False),
        Column(f"reward {train}"),
        Column(f"reward {score}"),
        Column("difference"),
        Column("change"),
    ]
    caption = f"Reward per step {train}, where agents learned, and {score}, where schemes are scored, on the same flows."
    return Table(name, caption, columns, cells)
