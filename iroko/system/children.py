"""Python programs that Iroko starts: they import what this process imports, and take nothing from a folder of data.

Python puts the working folder first on its path, matplotlib and numba read settings from it. So a child runs with `-P` in a folder that is
root's, and paths reach it as absolute ones.
"""

import os
import sys
from collections.abc import Mapping

from iroko.system.privileges import allowed_environment

NEUTRAL_FOLDER = "/"
"""Working folder of every child."""
SETTINGS_FILES = {"matplotlib": "matplotlibrc", "numba": ".numba_config.yaml"}
"""For each library the file of settings that it reads from the working folder, where it is found before any other."""


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of Iroko in a process of its own."""
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of such a process: what is allowed, the modules that this process sees, and `more`."""
    modules = os.pathsep.join(dict.fromkeys(os.path.abspath(path) for path in sys.path))
    return allowed_environment({"PYTHONPATH": modules, **(more or {})})


def ignore_settings_here() -> None:
    """Keep matplotlib and numba from reading settings in the working folder, which may be a folder of data.

    A library is loaded at once where the folder has such a file, from a folder that has none; to be called before there are threads.
    """
    found = [library for library, name in SETTINGS_FILES.items() if os.path.lexists(name)]
    if not found:
        return
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir(NEUTRAL_FOLDER)
        for library in found:
            __import__(library)
        if "numba" in found:
            from numba.core import config

            # It looks for the file again whenever it compiles.
            config._config_fname = os.path.join(NEUTRAL_FOLDER, config._config_fname)
            config.reload_config()
    finally:
        os.fchdir(here)
        os.close(here)
