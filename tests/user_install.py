"""What `pip install iroko` brings, without the extras `dev` and `ray`, and Python processes that see nothing else."""

import re
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
_HIDER = '''"""Hides what an install without extras lacks."""
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
def brought_distributions() -> frozenset[str]:
    """The distributions that Iroko depends on, and those that these depend on, without any extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted, found = [distribution_name(each) for each in project["dependencies"]], {"iroko"}
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
def hidden_modules() -> frozenset[str]:
    """Top-level modules that are installed here and would not be without the extras."""
    return frozenset(
        module
        for module, distributions in metadata.packages_distributions().items()
        if not {normal(each) for each in distributions} & brought_distributions()
    )


def write_hider(folder: Path) -> Path:
    """A folder for PYTHONPATH that hides those modules from a Python process."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_HIDER.format(hidden=sorted(hidden_modules())), encoding="utf-8")
    return folder
