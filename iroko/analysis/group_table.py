"""The block of the main job's table that scores the flows of each transport, where an episode mixes several."""

import math
from collections.abc import Sequence

from rich.console import Console

from iroko.analysis.completions import PERCENTS
from iroko.analysis.groups import GroupScore
from iroko.analysis.text_table import print_columns
from iroko.units import format_rate


def print_groups(groups: Sequence[GroupScore], console: Console) -> None:
    """Print one row for each transport of each scheme; nothing without groups."""
    if not groups:
        return
    finite = any(group.completion for group in groups)
    headings = ["scheme", "flows over", "flows  ", "share of\nbytes  ", "rate of\na flow  ", "Jain  "]
    headings += [f"slowdown\n{percent} %  " for percent in PERCENTS] + ["not\ndone  "] if finite else []
    caption = "means over the flows of a transport in all episodes; rate: bytes over the time from a flow's start to its end"
    print_columns(console, "flows by transport", caption, headings, [group_cells(group, finite) for group in groups], num_names=2)


def group_cells(group: GroupScore, finite: bool) -> list[str]:
    """The cells of a row.

    Args:
        finite: whether there are columns for completions.
    """
    cells = [f"{group.flows:,}", f"{group.bytes_share:.3f}", format_rate(group.rate_bps), _number(group.jain, 3)]
    if finite:
        total = None if group.completion is None else group.completion.total
        cells += ["-" if total is None else _number(value, 2) for value in (total.slowdown if total else [math.nan] * len(PERCENTS))]
        cells.append("-" if total is None else f"{total.unfinished:,}")
    return [group.scheme, group.transport, *(f"{cell}  " for cell in cells)]


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else "∞" if math.isinf(value) else f"{value:.{digits}f}"
