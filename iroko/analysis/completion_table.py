"""The second block of the main job's table: how the finite flows completed under each scheme."""

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from iroko.analysis.best import best_scheme
from iroko.analysis.completions import PERCENTS, CompletionScore
from iroko.analysis.text_table import print_columns
from iroko.flows import UDP


def print_completions(scores: Sequence[CompletionScore], agents: Sequence[str], console: Console) -> None:
    """Print the slowdowns by size class, and in words what keeps flows from finishing; nothing without scores.

    Args:
        agents: schemes whose names are set off.
    """
    if not scores:
        return
    caption = (
        "* best of its column, the oracle aside; median and 99th percentile of completion time over that of the flow alone; "
        "∞: so many flows did not finish"
    )
    rows = [[*score.classes, score.total] for score in scores]
    used = [index for index in range(len(rows[0])) if any(row[index].flows for row in rows)]
    headings = [f"{rows[0][index].name}  \nn={max(row[index].flows for row in rows):,}  " for index in used]
    headings = ["scheme", "", *headings, "FCT  \n(ms)  ", "not  \ndone  "]
    names = [score.scheme for score in scores]

    def column(values: Sequence[float]) -> list[Text]:
        return _column(dict(zip(names, values, strict=True)))

    columns = [[column([row[index].slowdown[which] for row in rows]) for index in used] for which in range(len(PERCENTS))]
    times = [column([score.total.completion_s[which] * 1e3 for score in scores]) for which in range(len(PERCENTS))]
    unfinished = column([score.total.unfinished for score in scores])
    lines: list[list[str | Text]] = []
    for number, score in enumerate(scores):
        for which, percent in enumerate(PERCENTS):
            name = Text("" if which else score.scheme, style="bold" if score.scheme in agents else "")
            cells = [each[number] for each in [*columns[which], times[which]]]
            lines.append([name, f" {percent} %", *cells, Text() if which else unfinished[number]])
    print_columns(console, "completion: slowdown by flow size", caption, headings, lines, num_names=2)
    for line in explain(scores):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def explain(scores: Sequence[CompletionScore]) -> list[str]:
    """What a reader has to know of flows that did not finish, a line each."""
    lines = []
    if late := max(score.late for score in scores):
        lines.append(f"{late:,} flows start at or after the end of the episode and are not counted")
    if over_udp := [score.scheme for score in scores if score.transport == UDP and score.drops and score.total.unfinished]:
        lines.append(
            f"{', '.join(over_udp)}: over udp, which sends nothing again, so that a flow that lost a packet never finishes; "
            "--transport dctcp lets agents limit a transport that does"
        )
    return lines


def _column(values: Mapping[str, float]) -> list[Text]:
    """The cells of a column whose least value is the best."""
    cells = {scheme: (value, _write(value)) for scheme, value in values.items()}
    best = best_scheme(cells, least=True)
    return [Text(f"{text} *", style="bold") if scheme == best else Text(f"{text}  ") for scheme, (_, text) in cells.items()]


def _write(value: float) -> str:
    """A count whole, any other number with three digits."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "∞"
    return f"{value:,.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}"
