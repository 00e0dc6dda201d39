"""How finite flows completed: slowdown by size class. One run is a case of several seeds."""

import math
from collections.abc import Sequence
from dataclasses import replace

from iroko.analysis.best import best_scheme, ends_text
from iroko.analysis.comparison import Comparison, Entry
from iroko.analysis.completion_table import explain
from iroko.analysis.completions import PERCENTS, ClassScore, CompletionScore
from iroko.analysis.intervals import mean_interval
from iroko.report.page import Cell, Column, Palette, Table
from iroko.report.tables import scheme_cell
from iroko.report.text import NOTHING, ratio_text


def completion_table(name: str, comparison: Comparison, palette: Palette) -> list[Table]:
    """Median and 99th percentile of the slowdown by size class, and of the completion time of all flows; none without finite flows."""
    entries = [entry for entry in comparison.entries if entry.completions]
    if not entries:
        return []
    used = _used(entries)
    classes = _classes(entries[0].completions[0])
    columns = [
        Column("scheme", numeric=False), Column("of flows"),
        *(Column(f"{classes[index].name} (n={_count(entries, index):,})") for index in used),
        Column("completion time (ms)"), Column("not done"),
    ]  # fmt: skip
    by_percent = [_cells(entries, used, which) for which in range(len(PERCENTS))]
    rows = []
    for place, entry in enumerate(entries):
        undone = sum(score.total.unfinished for score in entry.completions)
        for percent, cells in zip(PERCENTS, by_percent, strict=True):
            rows.append([scheme_cell(palette.of(entry.style)), Cell(f"{percent}%", percent), *cells[place], Cell(f"{undone:,}", undone)])
    seeds = max(len(entry.completions) for entry in entries)
    caption = "Slowdown (completion time over that of the flow alone) by flow size, median and 99th percentile"
    caption += f": means over up to {seeds} seeds with 95% intervals." if seeds > 1 else "."
    notes = dict.fromkeys(
        note
        for number in range(seeds)
        for note in explain([entry.completions[min(number, len(entry.completions) - 1)] for entry in entries])
    )
    return [Table(f"{name}-completions", " ".join([caption, *(f"{note[:1].upper()}{note[1:]}." for note in notes)]), columns, rows)]


def _cells(entries: Sequence[Entry], used: Sequence[int], which: int) -> list[list[Cell]]:
    """The cells of one percentile: for each scheme its slowdowns and completion time, with the best of each column set off."""
    oracles = [entry.style.key for entry in entries if entry.is_oracle]
    columns = []
    for index in [*used, None]:
        found = {}
        for entry in entries:
            values = [
                score.total.completion_s[which] * 1e3 if index is None else _classes(score)[index].slowdown[which]
                for score in entry.completions
            ]
            found[entry.style.key] = _cell(values)
        best = best_scheme({key: (_value(cell), cell.text) for key, cell in found.items()}, True, oracles)
        columns.append([replace(cell, best=key == best) for key, cell in found.items()])
    return [list(row) for row in zip(*columns, strict=True)]


def _value(cell: Cell) -> float:
    return math.nan if cell.value is None else float(cell.value)


def _classes(score: CompletionScore) -> list[ClassScore]:
    return [*score.classes, score.total]


def _count(entries: Sequence[Entry], index: int) -> int:
    return max(sum(_classes(score)[index].flows for score in entry.completions) for entry in entries)


def _used(entries: Sequence[Entry]) -> list[int]:
    """The classes that any run has flows of, and last all flows together."""
    number = len(_classes(entries[0].completions[0]))
    return [index for index in range(number) if _count(entries, index) or index == number - 1]


def _mean(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean over seeds with its interval; one seed without flows counts not, one that is infinite makes the mean infinite."""
    known = [value for value in values if not math.isnan(value)]
    return (math.inf, math.nan, math.nan) if math.inf in known else mean_interval(known)


def _cell(values: Sequence[float]) -> Cell:
    mean, low, high = _mean(values)
    if math.isnan(mean):
        return Cell(NOTHING)
    spread = "" if math.isnan(low) else ends_text(ratio_text(mean), ratio_text(low), ratio_text(high), "{} to {}")
    return Cell(ratio_text(mean), "Infinity" if mean == math.inf else mean, spread)
