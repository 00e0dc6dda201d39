"""Paths of users' files in the tables of a run."""

from collections.abc import Callable, Mapping
from typing import Any

from iroko.system.places import expand
from iroko.user_files import check_allowed, is_path

_CODE = {"topology": ("name",), "traffic": ("name",), "run": ("agents", "baselines")}
"""Sections and keys that can name a user's file."""
_PATHS = _CODE | {"traffic": ("name", "file")}
"""Sections and keys that can hold a path."""


def map_paths(table: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Tables with `change` applied to every path of a user's file: of topology, traffic and agents, and the traffic's `file`."""

    def changed(key: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [changed(key, item) for item in value]
        return change(value) if is_path(value) or (key == "file" and isinstance(value, str) and value) else value

    result = dict(table)
    for section, keys in _PATHS.items():
        inner = result.get(section)
        if isinstance(inner, dict):
            result[section] = inner | {key: changed(key, inner[key]) for key in keys if key in inner}
    return result


def check_files_allowed(table: Mapping[str, Any]) -> None:
    """Refuse a file's tables if they name code that the user did not name: see `iroko.user_files.check_allowed`."""
    for section, keys in _CODE.items():
        inner = table.get(section)
        values = [inner.get(key) for key in keys] if isinstance(inner, dict) else []
        for listed in values:
            for value in listed if isinstance(listed, list) else [listed]:
                if isinstance(value, str) and is_path(value):
                    check_allowed("agent" if section == "run" else section, str(expand(value)))
