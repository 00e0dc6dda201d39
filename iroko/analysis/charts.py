"""Descriptions of figures: what a figure shows, before anything draws it.

`iroko.analysis.figures` makes them. `iroko.analysis.plots` paints them for print and `iroko.report` on a page, so that both show the same
numbers, cuts, names and order.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iroko.analysis.looks import Look

Bounds = tuple[float, float, float]
"""A value with the lower and the upper end of its spread; NaN where there is none."""
Floats = npt.NDArray[np.float64]
CUT = 0.15
"""Where rewards are positive, an axis ends this share of the greatest below 0: full queues cost many times what bandwidth earns."""
MOST_POINTS = 200
"""Points of a line, more than either painter resolves."""


@dataclass(frozen=True)
class Style:
    """Whose numbers a series shows.

    Attributes:
        key: unique among the schemes of a scenario.
        label: the printed name.
    """

    key: str
    label: str
    look: Look


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        zero: whether it begins at 0.
        cut: its lower end; what lies below is written at the edge. None: no cut.
        end: its upper end; None: that of the data.
        ticks: places and names, in place of numbers.
    """

    label: str
    log: bool = False
    zero: bool = False
    cut: float | None = None
    end: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Line:
    """A line through points, with a band from `low` to `high` where given; it breaks at NaN."""

    style: Style
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Level:
    """A horizontal line over the whole width."""

    style: Style
    value: float


@dataclass(frozen=True)
class Range:
    """A value in a row of its scheme, its spread, and the values that it summarises.

    Attributes:
        of: distinguishes it from another value in the same row.
    """

    style: Style
    bounds: Bounds
    points: Sequence[float] = ()
    hollow: bool = False
    of: str = ""


@dataclass(frozen=True)
class Spot:
    """A point in the plane with its spreads, and the points that it summarises."""

    style: Style
    x: Bounds
    y: Bounds
    points: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Matrix:
    """A coloured table.

    Attributes:
        rows, columns: names.
        values: what the cells read, shape `(num_rows, num_columns)`; NaN for none.
        shares: their colours, from 0 to 1.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Floats
    shares: Floats


Series = Line | Level | Range | Spot


@dataclass(frozen=True)
class Chart:
    """One figure, or one panel of a figure.

    Attributes:
        name: unique in its scenario.
        title: what it shows, in a few words.
        note: how to read it, in sentences.
        series: in the order of the legend.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    series: Sequence[Series] = ()
    matrix: Matrix | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """`matrix`, `ranges`, `scatter` or `lines`."""
        if self.matrix is not None:
            return "matrix"
        first = self.series[0] if self.series else None
        return "ranges" if isinstance(first, Range) else "scatter" if isinstance(first, Spot) else "lines"


def lower_end(rewards: Iterable[float]) -> float | None:
    """Where an axis of rewards is cut so that the good ones remain distinct; None: nowhere."""
    values = [value for value in rewards if math.isfinite(value)]
    end = -CUT * max(values, default=0.0)
    return end if end < 0 and min(values) < end else None


def group_size(count: int, most: int = MOST_POINTS) -> int:
    """How many neighbours make one point so that at most `most` points are left."""
    return max(1, math.ceil(count / most))


def thin(values: Floats, group: int) -> Floats:
    """Means of `group` neighbours along the last axis, of fewer at the end; NaN is left out of a mean."""
    if group == 1:
        return values
    parts = [values[..., start : start + group] for start in range(0, values.shape[-1], group)]
    return np.stack([mean_over(part, -1) for part in parts], axis=-1)


def mean_over(values: Floats, axis: int) -> Floats:
    """The mean of the numbers along an axis; NaN where there is none."""
    known = np.isfinite(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    means: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
