"""How finite flows completed: slowdown by size class, as a table and as figures. One run is a case of several seeds."""

import math
from collections.abc import Mapping, Sequence

from iroko.analysis.completion_table import explain
from iroko.analysis.completions import PERCENTS, ClassScore, CompletionScore
from iroko.analysis.intervals import mean_interval
from iroko.report.charts import figure, line
from iroko.report.page import Cell, Column, Ink, Spec, Table
from iroko.report.tables import scheme_cell
from iroko.report.text import NOTHING, ratio_text

Given = Mapping[str, Sequence[CompletionScore]]
"""For each scheme the scores of its runs, one for each seed."""


def completion_table(name: str, given: Given, inks: Mapping[str, Ink]) -> Table:
    """Median and 99th percentile of the slowdown by size class, and of the completion time of all flows."""
    used = _used(given)
    first = next(iter(given.values()))[0]
    columns = [
        Column("scheme", numeric=False), Column("of flows"),
        *(Column(f"{_classes(first)[index].name} (n={_count(given, index):,})") for index in used),
        Column("completion time (ms)"), Column("not done"),
    ]  # fmt: skip
    rows = []
    for scheme, scores in given.items():
        for which, percent in enumerate(PERCENTS):
            slowdowns = [[_classes(score)[index].slowdown[which] for score in scores] for index in used]
            times = [score.total.completion_s[which] * 1e3 for score in scores]
            undone = sum(score.total.unfinished for score in scores)
            rows.append([scheme_cell(inks[scheme]), Cell(f"{percent}%", percent), *(_cell(values) for values in [*slowdowns, times]),
                         Cell(f"{undone:,}", undone)])  # fmt: skip
    seeds = max(map(len, given.values()))
    caption = "Slowdown (completion time over that of the flow alone) by flow size, median and 99th percentile"
    caption += f": means over up to {seeds} seeds with 95% intervals." if seeds > 1 else "."
    notes = dict.fromkeys(
        note for number in range(seeds) for note in explain([scores[min(number, len(scores) - 1)] for scores in given.values()])
    )
    return Table(f"{name}-completions", " ".join([caption, *(f"{note[:1].upper()}{note[1:]}." for note in notes)]), columns, rows)


def completion_figures(name: str, given: Given, inks: Mapping[str, Ink]) -> list[Spec]:
    """The slowdown over the size classes, one figure for each percentile."""
    used = _used(given)
    ticks = [[place, _classes(next(iter(given.values()))[0])[index].name] for place, index in enumerate(used[:-1])]
    result = []
    for which, percent in enumerate(PERCENTS):
        series = []
        for scheme, scores in given.items():
            summary = [_mean([_classes(score)[index].slowdown[which] for score in scores]) for index in used[:-1]]
            means, lows, highs = zip(*summary, strict=True)
            series.append(line(inks[scheme], range(len(ticks)), means, lows, highs))
        title = "Median slowdown by flow size" if percent == 50 else f"Slowdown by flow size, {percent}th percentile"
        note = "1 is a flow alone on its path. A point is missing where so many flows did not finish that the percentile is infinite."
        result.append(figure(f"{name}-slowdown-{percent}", title, "lines", {"label": "flow size", "ticks": ticks},
                             {"label": "slowdown", "log": True}, series, note))  # fmt: skip
    return result


def _classes(score: CompletionScore) -> list[ClassScore]:
    return [*score.classes, score.total]


def _count(given: Given, index: int) -> int:
    return max(sum(_classes(score)[index].flows for score in scores) for scores in given.values())


def _used(given: Given) -> list[int]:
    """The classes that any run has flows of, and last all flows together."""
    number = len(_classes(next(iter(given.values()))[0]))
    return [index for index in range(number) if _count(given, index) or index == number - 1]


def _mean(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean over seeds with its interval; one seed without flows counts not, one that is infinite makes the mean infinite."""
    known = [value for value in values if not math.isnan(value)]
    return (math.inf, math.nan, math.nan) if math.inf in known else mean_interval(known)


def _cell(values: Sequence[float]) -> Cell:
    mean, low, high = _mean(values)
    if math.isnan(mean):
        return Cell(NOTHING)
    spread = f"{ratio_text(low)} to {ratio_text(high)}" if not math.isnan(low) else ""
    return Cell(ratio_text(mean), "Infinity" if mean == math.inf else mean, spread)
