"""What an installation with certain extras brings, and Python processes that see nothing else."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
USERS = ("train", "report", "kernel", "hosts")
"""The extras of the usual installation: all but `ray` and `dev`."""
CORE: tuple[str, ...] = ()
OWN = {"iroko", "topologies", "traffic", "agents"}
_HIDER = '''"""Hides what an installation lacks."""
import sys
from importlib.machinery import PathFinder


class Hider(PathFinder):
    hidden = frozenset({hidden!r})

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.hidden else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Hider
'''


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return normal(found[0])


@cache
def packages_distributions() -> Mapping[str, list[str]]:
    """For each top-level module that is installed here the distributions that have it; looking takes a while."""
    return metadata.packages_distributions()


@cache
def brought_distributions(extras: tuple[str, ...] = USERS) -> frozenset[str]:
    """The distributions that Iroko with these extras depends on, and those that these depend on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    wanted, found = [distribution_name(each) for each in requirements], {"iroko-net"}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
        wanted += [distribution_name(each) for each in requirements if "extra ==" not in each]
    return frozenset(found)


@cache
def hidden_modules(extras: tuple[str, ...] = USERS) -> frozenset[str]:
    """Top-level modules that are installed here and would not be with these extras alone."""
    return frozenset(
        module
        for module, distributions in packages_distributions().items()
        if not {normal(each) for each in distributions} & brought_distributions(extras) and module not in OWN
    )


def write_hider(folder: Path, extras: tuple[str, ...] = USERS) -> Path:
    """A folder for PYTHONPATH that hides those modules from a Python process."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_HIDER.format(hidden=sorted(hidden_modules(extras))), encoding="utf-8")
    return folder
