"""What printed figures share: sizes, type, legends and files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

COLUMN_INCHES = 3.5
"""Width of one column of a two-column paper."""
CHARACTER_INCHES, HANDLE_INCHES = 0.058, 0.47
"""Widths in a legend: of a character, and of a line with the space around it."""
STYLE: Any = {
    "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "pdf.fonttype": 42, "svg.hashsalt": "iroko",
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "axes.grid": True, "grid.linewidth": 0.4, "grid.color": "0.88", "axes.axisbelow": True, "lines.linewidth": 1.2,
    "lines.markersize": 4, "legend.frameon": False, "legend.handlelength": 2.6, "figure.dpi": 100, "savefig.dpi": 300,
    "axes.formatter.useoffset": False, "axes.unicode_minus": True,
}  # fmt: skip


def new_figure(height_inches: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure one column wide that lays itself out; without pyplot, so that no window system and no global state is touched."""
    figure = Figure(figsize=(COLUMN_INCHES, height_inches), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def legend_columns(labels: Sequence[str]) -> int:
    """The most columns of a legend that fit, at most four."""
    for columns in range(min(4, len(labels)), 1, -1):
        widest = [max(map(len, labels[column::columns])) for column in range(columns)]
        if CHARACTER_INCHES * sum(widest) + HANDLE_INCHES * columns <= COLUMN_INCHES:
            return columns
    return 1


def add_legend(figure: Figure, axes: Any) -> None:
    """The series of `axes` once, above the data, in their order from left to right and line by line."""
    handles, labels = axes.get_legend_handles_labels()
    columns = legend_columns(labels)
    # Matplotlib fills column by column.
    order = [index for column in range(columns) for index in range(column, len(labels), columns)]
    handles, labels = [handles[index] for index in order], [labels[index] for index in order]
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=1.2)


def shorten(text: str, most: int = 58) -> str:
    """A title that fits a column."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def save(figure: Figure, file: Path) -> None:
    """Write a figure; equal figures give equal files, which carry no date."""
    metadata = {"CreationDate": None, "Creator": "Iroko", "Producer": None} if file.suffix == ".pdf" else {"Software": None}
    figure.savefig(file, metadata=metadata)
