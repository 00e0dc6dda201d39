"""The rows of the table of groups."""

import io
import math

from rich.console import Console

from iroko.analysis.completions import ClassScore, CompletionScore
from iroko.analysis.group_table import group_cells, print_groups
from iroko.analysis.groups import GroupScore

TOTAL = ClassScore("all", 40, 2, (0.1, math.inf), (1.5, math.inf))
FINITE = GroupScore("iroko", "dctcp", 40, 0.25, 2.5e6, math.nan, CompletionScore("iroko", "dctcp", (), TOTAL, 0, 0))
ENDLESS = GroupScore("iroko", "iroko", 3, 0.75, 1e9, 0.98765, None)


def test_a_row_shows_what_there_is() -> None:
    assert [cell.strip() for cell in group_cells(FINITE, True)] == [
        "iroko", "dctcp", "40", "0.250", "2.5 Mbit/s", "-", "1.50", "∞", "2",
    ]  # fmt: skip
    assert [cell.strip() for cell in group_cells(ENDLESS, True)][2:] == ["3", "0.750", "1 Gbit/s", "0.988", "-", "-", "-"]
    assert [cell.strip() for cell in group_cells(ENDLESS, False)][2:] == ["3", "0.750", "1 Gbit/s", "0.988"]


def test_without_groups_nothing_is_printed() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    print_groups([], console)
    assert console.export_text() == ""
    print_groups([FINITE, ENDLESS], console)
    text = console.export_text()
    assert "slowdown" in text and text.count("iroko") == 3
