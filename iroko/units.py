"""Reading and writing physical quantities: `10M` is a rate, `100ms` a time, `64k` a size.

Inside Iroko a rate is in bit/s, a time in seconds, a size in bytes, and the name of a value ends in its unit.
"""

import math
import re

from iroko.errors import InputError
from iroko.names import show

_MOST_CHARACTERS = 100
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-zµ/]*)\s*")
_RATE = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_TIME = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_SIZE = {"": 1.0, "b": 1.0, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9,
         "ki": 1024.0, "kib": 1024.0, "mi": 1024.0**2, "mib": 1024.0**2}  # fmt: skip

ETHERNET_HEADER_BYTES = 14
"""A port's rate counts whole Ethernet frames, without preamble, checksum and gap: what Linux's shapers count."""
MAX_RATE_BPS = 400e9


def _parse(value: str | float, units: dict[str, float], what: str, example: str) -> float:
    if isinstance(value, bool):
        raise InputError(f"{what} {value!r}: expected a number such as {example}")
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError as error:
            raise InputError(f"{what}: expected a finite number such as {example}") from error
    else:
        match = _NUMBER.fullmatch(value) if len(value) <= _MOST_CHARACTERS else None
        unit = match[2].lower() if match else None
        if what == "rate" and unit:
            unit = re.sub(r"(bit/s|bps|bit)$", "", unit)
        if match is None or unit is None or unit not in units:
            raise InputError(f"{what} {show(value)}: expected a number such as {example}")
        number = float(match[1]) * units[unit]
    if not math.isfinite(number):
        raise InputError(f"{what} {show(value)}: expected a finite number such as {example}")
    return number


def parse_rate(value: str | float) -> float:
    """Read a rate in bit/s: `10M`, `1G`, `2.5Gbit/s`, 1e7."""
    return _parse(value, _RATE, "rate", "10M or 1G (bit/s)")


def parse_time(value: str | float) -> float:
    """Read a time in seconds: `100ms`, `0.5s`, `20us`, 0.1."""
    return _parse(value, _TIME, "time", "100ms or 0.5s")


def parse_size(value: str | float) -> int:
    """Read a size in bytes: `64k` (64,000), `64KiB` (65,536), 1500."""
    number = _parse(value, _SIZE, "size", "64k or 1.5MB (bytes)")
    if number != round(number):
        raise InputError(f"size {show(value)}: expected a whole number of bytes")
    return round(number)


def _scale(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    for factor, unit in steps:
        if abs(value) >= factor:
            return f"{value / factor:.4g} {unit}"
    return f"{value:.4g} {steps[-1][1]}" if steps[-1][0] == 1 else f"{value / steps[-1][0]:.4g} {steps[-1][1]}"


def format_rate(rate_bps: float) -> str:
    return _scale(rate_bps, ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1, "bit/s")))


def format_time(time_s: float) -> str:
    return _scale(time_s, ((1, "s"), (1e-3, "ms"), (1e-6, "us")))


def format_size(size_bytes: float) -> str:
    return _scale(size_bytes, ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")))
