"""Tables of numbers on a terminal: one too wide for it is printed in parts, so that no number breaks over two lines."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

LEAST_NAME_WIDTH = 8
"""A name folds down to so many characters before a number gets no place beside it."""


def print_columns(
    console: Console,
    title: str,
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    num_names: int = 1,
) -> None:
    """Print a table, in parts side by side where the terminal is narrow; each part repeats the columns of names.

    Args:
        headings: of the columns; lines end with a line break.
        num_names: the columns in front that name a row. The first of them folds where it has to; all other cells keep their lines.
    """
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [_width([Text(heading), *column]) for heading, column in zip(headings, zip(*cells, strict=True), strict=True)]
    name_width = max(min(widths[0], console.width - _taken(widths[1:num_names], max(widths[num_names:], default=0))), LEAST_NAME_WIDTH)
    widths[0] = min(widths[0], name_width)
    parts = _split(widths, num_names, console.width)
    for number, part in enumerate(parts):
        needed = _taken([widths[column] for column in part])
        table = Table(
            title=title if number == 0 else None,
            caption=caption if number == len(parts) - 1 else None,
            box=SIMPLE_HEAD,
            padding=0,
            # A terminal narrower than one number breaks the line itself; nothing is cut off.
            width=needed if needed > console.width else None,
        )
        for column in part:
            if column == 0:
                table.add_column(headings[0], overflow="fold", width=widths[0])
            else:
                table.add_column(headings[column], justify="left" if column < num_names else "right", no_wrap=True, width=widths[column])
        for row in cells:
            table.add_row(*(row[column] for column in part))
        console.print(table, crop=False)


def _width(cells: Sequence[Text]) -> int:
    return max(cell_len(line) for cell in cells for line in cell.plain.split("\n"))


def _taken(widths: Sequence[int], more: int | None = None) -> int:
    """The characters that columns take, with a space between and at both ends; with `more`, beside one wider name and one number."""
    columns = [*widths] if more is None else [0, *widths, more]
    return sum(columns) + len(columns) + 1


def _split(widths: Sequence[int], num_names: int, available: int) -> list[list[int]]:
    """The columns of each part: the names, and as many others as fit, at least one."""
    names = list(range(num_names))
    parts = [[*names]]
    for column in range(num_names, len(widths)):
        if len(parts[-1]) > num_names and _taken([widths[each] for each in [*parts[-1], column]]) > available:
            parts.append([*names])
        parts[-1].append(column)
    return parts
