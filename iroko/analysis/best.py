"""The best scheme of a column, which tables mark, and spreads of 0, which they leave out."""

import math
from collections.abc import Collection, Mapping

ORACLES = ("maxmin",)
"""Schemes that know the traffic. They bound what is possible and do not compete."""


def best_scheme(cells: Mapping[str, tuple[float, str]], least: bool, oracles: Collection[str] = ORACLES) -> str | None:
    """Find the scheme to set off in a column.

    Args:
        cells: for each scheme its value and the text that the table shows.
        least: whether the least value is the best.
        oracles: schemes that do not compete.

    Returns:
        None where fewer than two schemes compete, or where two of them read as the best.
    """
    rivals = {scheme: cell for scheme, cell in cells.items() if scheme not in oracles and not math.isnan(cell[0])}
    if len(rivals) < 2:
        return None
    best = (min if least else max)(rivals, key=lambda scheme: rivals[scheme][0])
    texts = [text for _, text in rivals.values()]
    return best if texts.count(rivals[best][1]) == 1 else None


def spread_text(text: str) -> str:
    """A standard deviation after its sign; empty where it reads as 0, which is no spread."""
    return f"± {text}" if any(digit in text for digit in "123456789") else ""


def ends_text(mean: str, low: str, high: str, form: str) -> str:
    """The ends of an interval by a format such as `{} to {}`; empty where both read as the mean."""
    return "" if low == mean == high else form.format(low, high)
