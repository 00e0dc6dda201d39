"""The packages that lie beside `iroko` (topologies, traffic, agents), found by where they are and not by their names alone.

The names are common: a project may have a folder or module `agents` of its own, which Python finds first. Then the project's stays what
`import agents` gives, and Iroko's is `iroko.beside.agents`. Whatever is found there imports its neighbours relatively.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from iroko.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `iroko` and the packages."""
PACKAGES = ("topologies", "traffic", "agents")
__path__ = [str(ROOT)]  # from here on the import system looks there for iroko.beside.agents


def import_package(name: str) -> ModuleType:
    """Import one of `PACKAGES`; any other package by its name.

    Raises:
        InputError: Python finds another package of this name, and Iroko's own is not there.
    """
    if name not in PACKAGES:
        return importlib.import_module(name)
    if (other := foreign(name)) is None:
        return importlib.import_module(name)
    if not (ROOT / name / "__init__.py").is_file():
        raise InputError(f"{other} is not Iroko's package {name!r}, and {ROOT / name} is not there: rename {other}, or install Iroko again")
    return importlib.import_module(f"{__name__}.{name}")


def foreign(name: str) -> Path | None:
    """The folder or file that `import NAME` gives or would give, where that is not Iroko's package; None: it is."""
    module = sys.modules.get(name)
    if module is not None:
        folders, file = list(getattr(module, "__path__", ())), getattr(module, "__file__", None)
    else:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # a finder of somebody else's that fails
            spec = None
        folders, file = (list(spec.submodule_search_locations or ()), spec.origin) if spec else ([], None)
    if any(Path(folder).resolve() == ROOT / name for folder in folders):
        return None
    return Path(folders[0] if folders else file or name)
