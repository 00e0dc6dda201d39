"""Tables as TOML."""

import datetime as dt
import re
from typing import Any


def format_toml(table: dict[str, Any]) -> str:
    """Write tables of numbers, text, truth values, dates, lists and None (as `"none"`) as TOML."""
    return "\n".join(_toml_lines(table, "")).lstrip("\n") + "\n"


def _toml_lines(table: dict[str, Any], prefix: str) -> list[str]:
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            inner = _toml_lines(value, f"{prefix}{_toml_key(key)}.")
            has_values = not value or any(not isinstance(item, dict) for item in value.values())
            lines += (["", f"[{prefix}{_toml_key(key)}]"] if has_values else []) + inner
    return lines


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"no TOML for {value!r}")
