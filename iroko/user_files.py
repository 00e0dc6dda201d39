"""Users' own Python files: a topology, a traffic or an agent outside Iroko, named by a path or found in a folder.

A folder for them has subfolders `topologies`, `traffic` and `agents`. `--path` and the environment variable `IROKO_PATH` name such
folders. A file is imported by its place, under a private module name, and may import its neighbours (`from ._shared import x`).

Such files are code. A run folder from elsewhere can name any file, so `check_allowed` refuses what the user has not named or put into
one of those folders.
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Set
from pathlib import Path
from types import ModuleType

from iroko import others_write_under_sudo
from iroko.errors import InputError

PATH_VARIABLE = "IROKO_PATH"
"""Environment variable: folders of users' files, separated as in PATH."""
SUBFOLDERS = ("topologies", "traffic", "agents")
"""Of a folder of users' files, and the packages of `iroko` that have its own."""
_folders: list[Path] = []
_allowed: set[Path] = set()
_hashes: dict[Path, str] = {}


def is_path(reference: object) -> bool:
    """Whether a reference is the path of a file, not a name."""
    return isinstance(reference, str) and (reference.endswith(".py") or "/" in reference or os.sep in reference)


def name_of(reference: str) -> str:
    """The name that tables and figures use: of a path the file's name without `.py`."""
    return Path(reference).stem if is_path(reference) else reference


def place_of(folder: str, reference: str) -> str:
    """The place of a reference in messages: folder and file."""
    path = Path(reference)
    return f"{path.parent.name}/{path.name}" if is_path(reference) else f"{folder}/{reference}.py"


def add_folder(folder: Path) -> None:
    """Search a folder for users' files in this process.

    Raises:
        InputError: there is no such folder, or it has none of the subfolders.
    """
    place = Path(os.path.normpath(folder.expanduser().absolute()))
    if not any((place / name).is_dir() for name in SUBFOLDERS):
        raise InputError(f"--path {folder}: expected a folder with one of the subfolders {', '.join(SUBFOLDERS)}")
    if place not in _folders:
        _folders.append(place)


def search_folders() -> list[Path]:
    """The folders that are searched: those added in this process, then those of the environment variable."""
    named = [Path(text).expanduser().absolute() for text in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if text]
    return list(dict.fromkeys([*_folders, *named]))


def find_files(folder: str) -> dict[str, list[Path]]:
    """For each name the files of that name in the subfolder `folder` of the searched folders; `_NAME.py` is hidden."""
    found: dict[str, list[Path]] = {}
    for place in search_folders():
        for path in sorted((place / folder).glob("[!_]*.py")):
            found.setdefault(path.stem, []).append(path)
    return found


def locate(kind: str, reference: str) -> Path:
    """The file that a path names, as an absolute path.

    Raises:
        InputError: there is no such file, or it cannot be imported by its name.
    """
    path = Path(reference).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"{kind} {reference}: no such file; expected a Python file, such as ./mine.py, or a name")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InputError(f"{kind} {reference}: expected the name of a Python function followed by .py, such as my_{kind}.py")
    return Path(os.path.normpath(path))


def allow(path: Path) -> None:
    """Note that the user named a file in this process."""
    _allowed.add(path.resolve())


def check_allowed(kind: str, reference: str) -> None:
    """Refuse a file that a run folder or configuration names and the user did not.

    Raises:
        InputError: the user neither named the file nor a folder that it is in; the message gives the option that allows it.
    """
    path = Path(reference).expanduser().resolve()
    if path not in _allowed and not any(path.is_relative_to(folder.resolve()) for folder in search_folders()):
        parent = Path(reference).parent
        folder = parent.parent if parent.name in SUBFOLDERS else parent
        raise InputError(
            f"{kind} {reference}: this file is code that would run: if you trust it, name its folder in {PATH_VARIABLE}, "
            f"as in {PATH_VARIABLE}={folder}"
        )


def import_file(path: Path) -> ModuleType:
    """Import a file by its place, once in this process."""
    _check_owner(path)
    allow(path)
    package = f"_iroko_files_{hashlib.sha256(str(path.parent).encode()).hexdigest()[:16]}"
    if package not in sys.modules:
        module = ModuleType(package, "A folder of users' files.")
        module.__path__ = [str(path.parent)]
        sys.modules[package] = module
    if path not in _hashes:
        _hashes[path] = hash_file(path)
        importlib.invalidate_caches()
    return importlib.import_module(f"{package}.{path.stem}")


def loaded() -> Set[Path]:
    """The users' files that this process has imported."""
    return _hashes.keys()


def hash_loaded(path: Path) -> str:
    """The hash of a file when it was imported; of one that was not, its hash now."""
    return _hashes.get(path) or hash_file(path)


def hash_file(path: Path) -> str:
    """A hash of a file and of those beside it that it can share with others: `_NAME.py`.

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for each in (path, *sorted(path.parent.glob("_*.py"))):
            content = each.read_bytes()
            digest.update(f"{each.name}\0{len(content)}\0".encode() + content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return digest.hexdigest()[:16]


def _check_owner(path: Path) -> None:
    """Under sudo, refuse a file that others than root and the caller can change: it would run as root."""
    for place in (path, path.parent):
        if others_write_under_sudo(str(place)):
            raise InputError(f"{place} can be written by another user, and would run as root: chmod go-w it, or use a folder of your own")
