"""Numbers and settings as a reader of a report sees them."""

import math
from typing import Any

from iroko.analysis.looks import rate_unit, size_unit

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


def measure_text(name: str, value: float) -> str:
    """A measure as the table of a run writes it: sizes in kB with two digits, counts whole, the rest with three digits."""
    if not math.isfinite(value):
        return "\N{INFINITY}" if value > 0 else NOTHING
    if name in ("drops", "marks"):
        text = f"{value:z,.0f}"
    elif name.endswith("_bytes"):
        text = f"{value / 1e3:z,.2f}"
    else:
        text = f"{value:z,.3f}"
    return text.replace("-", MINUS)


def change_text(before: float, after: float) -> str:
    """A change in per cent, or as a difference where the first is 0."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return NOTHING
    return (f"{(after - before) / abs(before):+z.1%}" if before else f"{after - before:+z.3f}").replace("-", MINUS)


def time_text(seconds: float) -> str:
    """A time in the unit in which it reads well."""
    if seconds == 0:
        return "0 s"
    factor, unit = next(
        ((factor, unit) for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if abs(seconds) >= factor), (1e-9, "ns")
    )
    return f"{seconds / factor:,g} {unit}"


def setting_text(key: str, value: Any) -> str:
    """A setting by the unit in its key: `rate_bps`, `delay_s`, `queue_bytes`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(setting_text("", one) for one in value)
    if isinstance(value, (int, float)):
        if key.endswith("_bps"):
            factor, unit = rate_unit(value)
            return f"{value / factor:,g} {unit}"
        if key.endswith("_bytes"):
            factor, unit = size_unit(value)
            return f"{value / factor:,.10g} {unit}"
        if key.endswith("_s"):
            return time_text(value)
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return str(value)


def setting_name(key: str) -> str:
    """A key without its unit, in words."""
    for suffix in ("_bps", "_bytes", "_s"):
        key = key.removesuffix(suffix)
    return key.replace("_", " ")


def count_text(number: int, noun: str) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def join_words(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def ratio_text(value: float) -> str:
    """A slowdown or a time in milliseconds, with three digits that count."""
    if not math.isfinite(value):
        return "\N{INFINITY}" if value > 0 else NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
