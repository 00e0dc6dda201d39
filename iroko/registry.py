"""From names to objects, in one way: the file of that name in its folder holds the function or class of that name.

Topologies, traffic and agents are also what users write, in files of their own: a reference is the name of one of Iroko's or of a file
in a user's folder, the path of a file, or the name of an entry point of an installed package (groups `iroko.topologies`,
`iroko.traffic` and `iroko.agents`). What goes wrong in a user's code is an `InputError` that names file and line.
"""

import difflib
import importlib
import pkgutil
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from iroko import user_files
from iroko.errors import InputError, IrokoError, UnknownArgumentError
from iroko.extras import explain_import

MOST_SHOWN = 200
"""Characters of a value in a message; more do not help to find it."""
MOST_KNOWN = 40
"""Names in a message, of which a large fabric has thousands."""


def show(value: Any) -> str:
    """A value as a message shows it: in one line, and of a long one the beginning."""
    try:
        # Of what is long the whole would be written only to be cut.
        is_cut = isinstance(value, (str, bytes, list, tuple)) and len(value) > MOST_SHOWN
        text = " ".join(repr(value[:MOST_SHOWN] if is_cut else value).split())
    except Exception:  # numbers of thousands of digits, lists nested too deep, a user's own class
        return f"a {type(value).__name__} that is too large to show"
    return text if not is_cut and len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def printable(text: str) -> str:
    """A text from elsewhere as a terminal may show it: what would move its cursor, recolour or reorder is written as an escape."""
    return "".join(sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode("ascii") for sign in text)


@contextmanager
def in_users_code(what: str, kind: type[IrokoError] = InputError) -> Iterator[None]:
    """Raise what goes wrong in a file that a user can write as one error with file and line.

    Iroko's own errors say what they mean already; a full disk or memory is not the file's fault.
    """
    try:
        yield
    except (IrokoError, OSError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, ImportError) and (explained := explain_import(error, what.partition(":")[0])) is not None:
            raise explained from error
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
        places = [(Path(frame.filename), frame.lineno) for frame in frames]
        own = [place for place in places if place[0].parent.name in user_files.SUBFOLDERS or place[0] in user_files.loaded()]
        file, line = own[-1] if own else places[-1]
        if isinstance(error, SyntaxError):
            file, line = Path(error.filename or ""), error.lineno
        where = f"{file.name}, line {line}"
        if not isinstance(error, SyntaxError) and (file, line) != places[-1]:  # in what this code called, whosever fault it is
            inner, inner_line = places[-1]
            where += f"; raised in {inner.parent.name}/{inner.name}, line {inner_line}"
        said = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:MOST_SHOWN]
        raise kind(f"{what} failed: {type(error).__name__}{f': {said}' if said else ''} ({where})") from error


def check_path(kind: str, path: Path) -> Path:
    """Return a path if the libraries that write files can write below it.

    Raises:
        InputError: it, or the working folder that it starts from, is not UTF-8.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{kind}={show(str(path.absolute()))}: expected a path in UTF-8: rename the folder, or name another one"
        ) from error
    return path


def check_name(kind: str, name: str, known: Iterable[str], error: type[InputError] = InputError) -> str:
    """Return `name` if it is known.

    Args:
        kind: what it names, for the message.
        error: the class to raise: `InputError` for a value, `UnknownArgumentError` for a key or a mode.

    Raises:
        InputError: it is not; the message lists the known names, the nearest first.
    """
    known = sorted(known)
    if isinstance(name, str) and name in known:
        return name
    raise error(f"unknown {kind} {show(name)}.{_advice(name, known)}")


def check_arguments(callee: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Check the names of keyword arguments.

    Raises:
        UnknownArgumentError: one is unknown. The message begins as Python's own does: TorchRL drops an argument that is named so.
    """
    known = sorted(known)
    for name in names:
        if name not in known:
            raise UnknownArgumentError(f"{callee} got an unexpected keyword argument {show(name)}.{_advice(name, known)}")


def _advice(name: Any, known: list[str]) -> str:
    """The known names, the one nearest to `name` first."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) if isinstance(name, str) and len(name) <= MOST_SHOWN else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    rest = f" and {len(known) - MOST_KNOWN} more" if len(known) > MOST_KNOWN else ""
    return f"{hint} Known: {', '.join(known[:MOST_KNOWN])}{rest}"


def import_package(folder: str) -> ModuleType:
    """Import one of `iroko.user_files.SUBFOLDERS` by its folder's name; any other package by its whole name."""
    return importlib.import_module(f"iroko.{folder}" if folder in user_files.SUBFOLDERS else folder)


def own_names(folder: str) -> list[str]:
    """Names of what the package `folder` itself offers: its modules, less those that begin with an underscore."""
    package = import_package(folder)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


@cache
def entry_points(folder: str) -> dict[str, EntryPoint]:
    """What installed packages offer under the entry point group `iroko.FOLDER`, by name."""
    return {point.name: point for point in metadata.entry_points(group=f"iroko.{folder}")} if folder in user_files.SUBFOLDERS else {}


def list_names(folder: str) -> list[str]:
    """Every name that is found in `folder`: Iroko's own, those of users' folders, and those of installed packages."""
    users = user_files.find_files(folder) if folder in user_files.SUBFOLDERS else {}
    return sorted({*own_names(folder), *users, *entry_points(folder)})


def resolve(folder: str, kind: str, reference: str) -> str:
    """Replace the name or path of a user's file by its absolute path, which holds in any process; any other name stays.

    Args:
        kind: what it is in a user's words, for the error message.

    Raises:
        InputError: nothing has this name, several files have it, or a file has one of Iroko's own.
    """
    if user_files.is_path(reference):
        path = user_files.locate(kind, reference)
        if path.stem in own_names(folder):
            raise InputError(f"{kind} {reference}: Iroko has a {kind} {path.stem!r} of its own: rename the file and its function")
        return str(path)
    own, points = own_names(folder), entry_points(folder)
    users = user_files.find_files(folder) if folder in user_files.SUBFOLDERS else {}
    try:
        check_name(kind, reference, {*own, *points, *users})
    except InputError as error:
        _explain_unsearched(folder, kind, reference, error)
        raise
    places = [str(path) for path in users.get(reference, [])]
    others = [*(["Iroko"] if reference in own else []), *(["an installed package"] if reference in points else [])]
    if len(places) + len(others) > 1:
        raise InputError(f"{kind} {reference!r} is in {' and in '.join([*places, *others])}: rename one, or give the path of the file")
    return places[0] if places else reference


def load(folder: str, kind: str, reference: str) -> Any:
    """The function that a name or a path stands for; it has the name of its file.

    Args:
        kind: what it is in a user's words, for the error message.

    Raises:
        InputError: there is no such file, it cannot be imported, or has no such function.
        MissingExtraError: it imports what an extra of Iroko brings.
    """
    found = resolve(folder, kind, reference)
    name, place = user_files.name_of(found), user_files.place_of(folder, found)
    with in_users_code(f"{kind} {name}: importing {place}"):
        if user_files.is_path(found):
            module = user_files.import_file(Path(found))
        elif found in entry_points(folder):
            point = entry_points(folder)[found]
            module, place = point.load(), f"entry point {point.value}"
        else:
            module = importlib.import_module(f"{import_package(folder).__name__}.{found}")
    # An entry point may name the function itself.
    function = getattr(module, name, module if not isinstance(module, ModuleType) else None)
    if not callable(function):
        raise InputError(f"{kind} {name}: {place} has no function {name}: expected one of the file's own name")
    return function


def describe(folder: str, reference: str) -> str | None:
    """What identifies the code of a user's file (a hash) or entry point (package and version); None: it is Iroko's own."""
    if user_files.is_path(reference):
        return user_files.hash_loaded(Path(reference))
    point = entry_points(folder).get(reference)
    return None if point is None else f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _explain_unsearched(folder: str, kind: str, name: str, error: InputError) -> None:
    """Raise an error with the option that finds the file, if the working folder has one of that name."""
    other, own = Path.cwd() / folder, Path(next(iter(import_package(folder).__path__)))
    if isinstance(name, str) and other.resolve() != own.resolve() and (other / f"{name}.py").is_file():
        raise InputError(f"{kind} {name!r}: {other} is not searched: add --path {other.parent}, or name {folder}/{name}.py") from error
