"""Tables as TOML: read with bounds on what a file may hold, and written."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from iroko.errors import InputError

_MAX_FILE_BYTES = 1_000_000
_MAX_DEPTH = 16
_MAX_DOTS_SQUARED = 4_000**2
"""Over all lines. Python's parser takes time by the square of a dotted key's parts: 4,000 in one line are a quarter of a second."""


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: there is no such file, or it is not TOML; the message has the line.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"config {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MAX_FILE_BYTES:
        raise InputError(f"config {path}: expected at most {_MAX_FILE_BYTES:,} bytes")
    try:
        table = parse_toml(content.decode())
    except (ValueError, InputError) as error:
        raise InputError(f"config {path} is not TOML: {error}") from error
    return table


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML, whose whole numbers have 64 bits and whose tables and lists lie in each other a few deep.

    Raises:
        InputError: it is not TOML, or goes beyond that.
    """
    if sum(line.count(".") ** 2 for line in text.split("\n")) > _MAX_DOTS_SQUARED:
        raise InputError("expected keys and lines of some words: a line of a table's name or of numbers has thousands of dots")
    try:
        table = tomllib.loads(text)
    # A number of thousands of digits is a plain ValueError, brackets nested too deep are a RecursionError.
    except (ValueError, RecursionError) as error:
        raise InputError(" ".join(str(error).split())) from error
    level: list[Any] = [table]
    for _ in range(_MAX_DEPTH):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        if any(isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 for value in level):
            raise InputError("expected whole numbers of at most 64 bits")
        level = [value for value in level if isinstance(value, (dict, list))]
        if not level:
            return table
    raise InputError(f"expected tables and lists that lie in each other at most {_MAX_DEPTH} deep")


def format_toml(table: dict[str, Any]) -> str:
    """Write tables of numbers, text, truth values, dates, lists and None (as `"none"`) as TOML."""
    return tomli_w.dumps(_without_none(table))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value]
    return "none" if value is None else value
