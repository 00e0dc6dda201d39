"""Descriptions of figures as data for `page/chart.js`, which paints them.

A figure is a table of `name`, `title`, `note`, `kind`, `x` and `y` (axes: `label`, optionally `zero`, `log`, `cut`, `end` or `ticks`, pairs
of place and name) and `series`, each with the ink of its scheme and

    lines    `x`, `y`, optionally `low` and `high` (a band), or `level` alone (a horizontal line)
    ranges   one row each: `value`, optionally `low`, `high` and `points`, `hollow` for the second kind of mark
    scatter  `x`, `y`, each with `_low` and `_high` where known, and `points` as pairs

or `matrix` with `rows`, `columns`, `values` and `shares`.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from iroko.analysis.charts import Axis, Chart, Level, Line, Range, Series
from iroko.report.page import Palette, Spec


def number(value: Any) -> float | None:
    """A number with six digits, which is more than a figure shows; None for NaN and infinity."""
    value = float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: Iterable[Any]) -> list[float | None]:
    return [number(value) for value in values]


def to_spec(chart: Chart, prefix: str, palette: Palette) -> Spec:
    """A figure as data.

    Args:
        prefix: of its name, unique for the scenario on its page.
    """
    spec: Spec = {
        "name": f"{prefix}-{chart.name}", "title": chart.title, "kind": chart.kind, "note": chart.note,
        "summary": f"{chart.title}. {chart.note}", "x": _axis(chart.x), "y": _axis(chart.y),
        "series": [_series(series, palette) for series in chart.series],
    }  # fmt: skip
    if (matrix := chart.matrix) is not None:
        cells = {name: [numbers(row) for row in getattr(matrix, name)] for name in ("values", "shares")}
        spec["matrix"] = {"rows": list(matrix.rows), "columns": list(matrix.columns), **cells}
    return spec


def _axis(axis: Axis) -> Spec:
    return {name: value for name, value in asdict(axis).items() if value not in (None, False, ())}


def _series(series: Series, palette: Palette) -> Spec:
    spec = palette.of(series.style).spec | {"label": series.style.label}
    if isinstance(series, Line):
        spec |= {"x": numbers(series.x), "y": numbers(series.y)}
        return spec | ({"low": numbers(series.low), "high": numbers(series.high)} if len(series.low) else {})
    if isinstance(series, Level):
        return spec | {"level": number(series.value)}
    if isinstance(series, Range):
        value, low, high = numbers(series.bounds)
        spec |= {"value": value, "low": low, "high": high, "points": numbers(series.points)}
        return spec | ({"hollow": True} if series.hollow else {}) | ({"of": series.of} if series.of else {})
    sides = {f"{axis}{suffix}": value for axis, bounds in (("x", series.x), ("y", series.y))
             for suffix, value in zip(("", "_low", "_high"), numbers(bounds), strict=True)}  # fmt: skip
    return spec | sides | {"points": [numbers(point) for point in series.points]}
