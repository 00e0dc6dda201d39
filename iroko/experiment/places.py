"""Paths in an experiment's file: they begin at its folder, and jobs run in another one."""

import os
from functools import partial
from pathlib import Path

from iroko.rundir.config import Table, read_setting
from iroko.rundir.user_paths import map_paths
from iroko.system.places import expand, shorten_home
from iroko.user_files import is_path


def place_tables(table: Table, base: Path) -> Table:
    """An experiment's tables with absolute paths; jobs run in another folder. What has a wrong form is left for the checks."""
    placed = partial(_place, base)
    result = map_paths(table, placed)
    for key in ("scenarios", "schemes"):
        if isinstance(entries := table.get(key), list):
            result[key] = [map_paths(entry, placed) if isinstance(entry, dict) else entry for entry in entries]
    for index, entry in enumerate(result.get("schemes", []) if isinstance(result.get("schemes"), list) else []):
        if is_path(entry):
            result["schemes"][index] = {"agent": placed(entry)}
        elif isinstance(entry, dict) and is_path(entry.get("agent")):
            entry["agent"] = placed(entry["agent"])
    if isinstance(settings := table.get("set"), list):
        result["set"] = [place_setting(setting, base) if isinstance(setting, str) else setting for setting in settings]
    return result


def place_setting(text: str, base: Path) -> str:
    """A `SECTION.KEY=VALUE` with an absolute path, if it is one of a path."""
    setting = read_setting(text)
    placed = map_paths(setting, partial(_place, base))
    if placed == setting:
        return text
    return f"{text.partition('=')[0].strip()}={next(iter(next(iter(placed.values())).values()))}"


def _place(base: Path, text: str) -> str:
    return shorten_home(os.path.normpath(base / expand(text)))
