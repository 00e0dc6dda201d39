"""Tables of a scenario: measures with the best of each set off, the sim-to-kernel gap, and differences to the references."""

import math
from collections.abc import Sequence

from iroko.analysis.best import best_scheme, ends_text, spread_text
from iroko.analysis.charts import Bounds
from iroko.analysis.comparison import Comparison, Entry
from iroko.analysis.experiment import Results, rows_of
from iroko.analysis.figures import gap_name
from iroko.analysis.looks import engine_label
from iroko.analysis.scores import HEADINGS, LOWER_IS_BETTER
from iroko.report.page import Cell, Column, Ink, Palette, Table
from iroko.report.text import NOTHING, change_text, count_text, measure_text, setting_name

NEITHER = ("marks",)
"""Of these neither more nor less is better."""
MEASURES = ("reward", *(name for name in HEADINGS if name != "reward"))
"""The columns: what the others explain is first."""
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
    return Cell(ink.label, ink.label.lower(), ink=ink.name)


def interval_text(measure: str, bounds: Bounds, signed: bool = False) -> str:
    """The two ends of an interval; empty where there is none, or where the values are equal."""
    if math.isnan(bounds[1]) or math.isnan(bounds[2]):
        return ""
    mean, low, high = (("+" * (signed and value > 0)) + measure_text(measure, value) for value in bounds)
    return ends_text(mean, low, high, "{} to {}")


def difference_cell(bounds: Bounds) -> Cell:
    """A difference of rewards with its sign and interval."""
    text = f"{'+' * (bounds[0] > 0)}{measure_text('reward', bounds[0])}"
    return Cell(text, bounds[0], interval_text("reward", bounds, signed=True))


def score_table(name: str, comparison: Comparison, palette: Palette) -> Table:
    """One row for each scheme of the scenario; the best of a column is set bold."""
    entries = [entry for entry in comparison.entries if not entry.trained_on]
    measures = [measure for measure in MEASURES if any(measure in entry.bounds for entry in entries)]
    best = {measure: _best(entries, measure) for measure in measures}
    rows = []
    for entry in entries:
        cells = [_cell(comparison, entry, measure, best[measure] == entry.style.key) for measure in measures]
        rows.append([scheme_cell(palette.of(entry.style)), *cells])
    counts = [len(entry.points["reward"]) for entry in entries]
    number = count_text(max(counts), comparison.each)
    if min(counts) < max(counts):
        number = f"{min(counts)} to {max(counts)} {comparison.each}s"
    spread = f", below them {comparison.spread} where the values differ" if comparison.spread else ""
    if comparison.each == "episode":
        spread += "; drops and marks are packets over all of them"
    caption = f"Means of {number}{spread}. The best of a column is set bold; the oracle does not compete, and ties are left."
    return Table(name, caption, [Column("scheme", numeric=False), *map(measure_column, measures)], rows)


def _cell(comparison: Comparison, entry: Entry, measure: str, best: bool) -> Cell:
    bounds = entry.bounds.get(measure, (math.nan, math.nan, math.nan))
    if math.isnan(bounds[0]):
        return Cell(NOTHING)
    spread = interval_text(measure, bounds)
    if comparison.each == "episode" and not math.isnan(bounds[2]):
        spread = spread_text(measure_text(measure, bounds[2] - bounds[0]))
    return Cell(measure_text(measure, bounds[0]), bounds[0], spread, best=best)


def _best(entries: Sequence[Entry], measure: str) -> str | None:
    """The key of the scheme to set off in a column."""
    if measure in NEITHER:
        return None
    known = {entry.style.key: entry.bounds[measure][0] for entry in entries if measure in entry.bounds}
    oracles = [entry.style.key for entry in entries if entry.is_oracle]
    cells = {key: (value, measure_text(measure, value)) for key, value in known.items()}
    return best_scheme(cells, measure in LOWER_IS_BETTER, oracles)


def gap_table(name: str, comparison: Comparison, palette: Palette) -> Table:
    """The reward on the engine of the training and on that of the scores."""
    train, score = comparison.config.train_engine, comparison.config.engine
    cells = []
    for entry in comparison.entries:
        if entry.before is not None and entry.gap is not None:
            before, after = entry.before[0], entry.bounds["reward"][0]
            change = (after - before) / abs(before) if before else after - before
            values = [Cell(measure_text("reward", value), value) for value in (before, after)]
            cells.append(
                [scheme_cell(palette.of(entry.style)), *values, difference_cell(entry.gap), Cell(change_text(before, after), change)]
            )
    headings = (f"reward, {engine_label(train)}", f"reward, {engine_label(score)}", gap_name(train, score), "change")
    caption = f"Reward per step: {engine_label(train)}, where agents learned, and {engine_label(score)}, where schemes are scored, "
    return Table(name, f"{caption}on the same flows.", [Column("scheme", numeric=False), *map(Column, headings)], cells)


def difference_table(name: str, results: Results, scenario: str, palette: Palette) -> list[Table]:
    """By how much each scheme's reward differs from that of each reference, seed by seed; none where no reference ran."""
    own = results.differences
    own = own[(own["scenario"] == scenario) & (own["measure"] == "reward")] if len(own) else own
    cells = {(str(row.scheme), str(row.reference)): difference_cell((row.mean, row.low, row.high)) for row in rows_of(own)}
    if not cells:
        return []
    references = list(dict.fromkeys(reference for _, reference in cells))
    schemes = [scheme for scheme in results.schemes if any(scheme in key for key in cells)]
    rows = [
        [scheme_cell(palette.ink(scheme)), *(cells.get((scheme, reference), Cell(NOTHING)) for reference in references)]
        for scheme in schemes
    ]
    columns = [Column("scheme", numeric=False), *(Column(f"less {palette.ink(reference).label}") for reference in references)]
    caption = "Reward per step less that of the references, seed by seed; where the interval does not hold 0 the seeds agree."
    return [Table(name, caption, columns, rows)]


def paired_table(name: str, results: Results, scenario: str, palette: Palette) -> list[Table]:
    """The rewards less DCTCP's, seed by seed, of the schemes that are close to it; none where no scheme is."""
    own = results.paired[results.paired["scenario"] == scenario] if len(results.paired) else results.paired
    if not len(own):
        return []
    seeds = [column for column in own.columns if column.startswith("seed ")]
    rows = []
    for row in own.to_dict("records"):
        each = [difference_cell((row[seed], math.nan, math.nan)) if row[seed] == row[seed] else Cell(NOTHING) for seed in seeds]
        rows.append([scheme_cell(palette.ink(row["scheme"])), *each, difference_cell((row["mean"], row["low"], row["high"]))])
    label = palette.ink("dctcp").label
    caption = f"Schemes close to {label}: reward per step less {label}'s for each seed, and the mean with its 95% confidence interval."
    columns = [Column("scheme", numeric=False), *map(Column, seeds), Column("mean")]
    return [Table(name, caption, columns, rows)]
