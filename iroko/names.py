"""From names to objects, in one way: the file of that name in its folder holds the function or class of that name."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any

from iroko.errors import InputError


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is known.

    Raises:
        InputError: it is not; the message lists the known names, the nearest first.
    """
    known = sorted(known)
    if name in known:
        return name
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}")


def list_names(folder: str) -> list[str]:
    """Names of what the package `folder` offers: its modules, less those that begin with an underscore."""
    package = importlib.import_module(folder)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def load(folder: str, kind: str, name: str) -> Any:
    """The object called `name` in the module of that name in the package `folder`.

    Args:
        kind: what it is in a user's words, for the error message.

    Raises:
        InputError: there is no such module.
    """
    check_name(kind, name, list_names(folder))
    return getattr(importlib.import_module(f"{folder}.{name}"), name)
