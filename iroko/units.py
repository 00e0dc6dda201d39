"""Read and write physical quantities: `10M` is a rate, `100ms` a time, `64k` a size.

Inside Iroko a rate is in bit/s, a time in seconds, a size in bytes, and the name of a value ends in its unit.

Units are read as the SI and IEC write them, with the case of each letter: `b` or `bit` is a bit, `B` a byte, `M` is 10^6 and `Mi` 2^20. A
spelling that people use for two quantities (`Mb` as a size, `MB` or `m` as a rate) is refused with the spellings to choose from.
"""

import math
import numbers
import re
from typing import Any

from iroko.errors import InputError
from iroko.registry import show

_MOST_CHARACTERS = 100
_NUMBER = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-zµμ/]*)\s*")
_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 2.0**10, "ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_PREFIXES = _DECIMAL | _BINARY
# A size or rate of less than one is none, so that a small letter before the word "bit" can mean one thing only.
_SMALL = {"m": 1e6, "g": 1e9, "t": 1e12}
_BIT_RATES = {f"{prefix}{unit}": factor for prefix, factor in (_PREFIXES | _SMALL).items() for unit in ("bit", "bit/s", "bps", "bits/s")}
_BIT_RATES |= {f"{prefix}b/s": factor for prefix, factor in _PREFIXES.items()}
_BYTE_RATES = {f"{prefix}{unit}": 8 * factor for prefix, factor in _PREFIXES.items() for unit in ("B/s", "Bps")}
_RATE = _BIT_RATES | _BYTE_RATES | _DECIMAL | {"g": 1e9}
_TIME = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_SIZE = _PREFIXES | {f"{prefix}B": factor for prefix, factor in _PREFIXES.items()} | {"g": 1e9}

ETHERNET_HEADER_BYTES = 14
"""A port's rate counts whole Ethernet frames, without preamble, checksum and gap: what Linux's shapers count."""
MAX_RATE_BPS = 400e9


def plain(value: Any) -> Any:
    """A number of numpy, of any type and without axes, as Python's own number; anything else as it is."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "dtype") and hasattr(value, "item")
    return value.item() if is_scalar else value


def whole(value: Any) -> int | None:
    """A whole number of any type (3, 3.0, numpy's) as Python's own; None: it is something else."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (isinstance(value, float) and not value.is_integer()):
        return None
    return int(value)


def _parse(value: str | float, units: dict[str, float], what: str, example: str) -> float:
    given: Any = plain(value)
    if isinstance(given, bool) or not isinstance(given, (str, numbers.Real)):
        raise InputError(f"{what} {show(given)}: expected a number such as {example}")
    if not isinstance(given, str):
        try:
            number = float(given)
        except OverflowError as error:
            raise InputError(f"{what}: expected a finite number such as {example}") from error
    else:
        value = given
        match = _NUMBER.fullmatch(value) if len(value) <= _MOST_CHARACTERS else None
        if match is None or match[2] not in units:
            raise InputError(f"{what} {show(value)}: expected a number such as {example}")
        number = float(match[1]) * units[match[2]]
    if not math.isfinite(number):
        raise InputError(f"{what} {show(value)}: expected a finite number such as {example}")
    return number


def parse_rate(value: str | float) -> float:
    """Read a rate in bit/s: `10M`, `1G`, `2.5Gbit/s`, 1e7; `10MB/s` and `10MBps` are bytes, 80 Mbit/s."""
    return _parse(value, _RATE, "rate", "10M, 1Gbit/s or 100Mbps (bits), or 10MB/s (bytes)")


def parse_time(value: str | float) -> float:
    """Read a time in seconds: `100ms`, `0.5s`, `20us`, 0.1."""
    return _parse(value, _TIME, "time", "100ms, 20us, 0.5s, 2min or 1h")


def parse_size(value: str | float) -> int:
    """Read a size in bytes: `64k` and `64kB` (64,000), `64KiB` (65,536), 1500."""
    number = _parse(value, _SIZE, "size", "64k, 1.5MB or 64KiB (bytes, with a capital B)")
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
