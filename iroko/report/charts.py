"""Figures as data, for `page/chart.js` to draw.

A figure is a table of `name`, `title`, `note`, `kind`, `x` and `y` (axes: `label`, optionally `zero`, `log` or `ticks`, pairs of place and
name) and `series`, each with the ink of its scheme and

    lines    `x`, `y`, optionally `low` and `high` (a band), or `level` alone (a horizontal line)
    ranges   one row each: `value`, optionally `low`, `high` and `points`, `hollow` for the second kind of mark
    scatter  `x`, `y`, each with `_low` and `_high` where known, and `points` as pairs
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.report.page import Ink, Spec

MOST_POINTS = 200
"""Points of a line: more would not be seen at the width of a page."""


def number(value: Any) -> float | None:
    """A number with six digits, which is more than a figure shows; None for what is no number."""
    value = float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: Iterable[Any]) -> list[float | None]:
    return [number(value) for value in values]


def figure(
    name: str, title: str, kind: str, x: Spec | str, y: Spec | str, series: Sequence[Spec], note: str = "", summary: str = ""
) -> Spec:
    """A figure; an axis that has a label only may be given as that.

    Args:
        note: what it shows, below the title.
        summary: what a screen reader says of it first; by default title and note.
    """
    axes = {key: {"label": axis} if isinstance(axis, str) else axis for key, axis in (("x", x), ("y", y))}
    return {
        "name": name,
        "title": title,
        "kind": kind,
        "note": note,
        "summary": summary or f"{title}. {note}",
        **axes,
        "series": list(series),
    }


def line(ink: Ink, x: Iterable[Any], y: Iterable[Any], low: Iterable[Any] | None = None, high: Iterable[Any] | None = None) -> Spec:
    """A line, with a band from `low` to `high` where given."""
    spec = {**ink.spec, "x": numbers(x), "y": numbers(y)}
    if low is not None and high is not None:
        spec |= {"low": numbers(low), "high": numbers(high)}
    return spec


def level(ink: Ink, value: float) -> Spec:
    """A horizontal line over the whole width."""
    return {**ink.spec, "level": number(value)}


def interval(ink: Ink, value: float, low: float, high: float, points: Sequence[float] = (), hollow: bool = False, of: str = "") -> Spec:
    """A row with a value, its interval and what it was made from.

    Args:
        of: what tells it apart from another value of the same row.
    """
    spec = {**ink.spec, "value": number(value), "low": number(low), "high": number(high), "points": numbers(points)}
    return spec | ({"hollow": True} if hollow else {}) | ({"of": of} if of else {})


def spot(ink: Ink, x: Sequence[float], y: Sequence[float], points: Sequence[tuple[float, float]] = ()) -> Spec:
    """A point in the plane; `x` and `y` are value, low and high."""
    sides = {
        f"{axis}{suffix}": number(value)
        for axis, given in (("x", x), ("y", y))
        for suffix, value in zip(("", "_low", "_high"), given, strict=True)
    }
    return {**ink.spec, **sides, "points": [numbers(point) for point in points]}


def group_size(count: int, most: int = MOST_POINTS) -> int:
    """How many neighbours make one point so that at most `most` points are left."""
    return max(1, math.ceil(count / most))


def thin(values: npt.NDArray[np.float64], group: int) -> npt.NDArray[np.float64]:
    """Means of so many neighbours along the last axis each, of fewer at the end; what is not a number is left out of a mean."""
    if group == 1:
        return values
    parts = [values[..., start : start + group] for start in range(0, values.shape[-1], group)]
    return np.stack([mean_over(part, -1) for part in parts], axis=-1)


def mean_over(values: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    """The mean along an axis of what is a number; NaN where nothing is."""
    known = np.isfinite(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    means: npt.NDArray[np.float64] = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
