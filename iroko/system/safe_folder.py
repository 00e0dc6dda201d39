"""Files of a run or experiment folder, reached through the folder's descriptor and never by way of a link.

Such a folder can come from somebody else, and under sudo it belongs to the caller, who can change it at any time. So every step below it
is relative to a descriptor (`openat`) and refuses links: what is opened, replaced, removed or given away lies in the folder itself.

Whoever names a folder may name a link to it; below it there are only folders and plain files.
"""

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

from iroko.errors import InputError

MAX_DEPTH = 16
"""Folders in each other below a run or experiment folder, of which Iroko itself makes five."""
MAX_ENTRIES = 200_000
if sys.platform != "win32":  # which has none of these, and no run folders
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    _FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DESCRIPTORS = Path("/proc/self/fd")


class SafeFolder:
    """A folder that is held by a descriptor until `close`.

    Args:
        path: the folder itself may be named by a link.

    Raises:
        OSError: there is no such folder.
    """

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        self.path = path
        self.descriptor = os.open(path.resolve(), _FOLDER) if descriptor is None else descriptor

    def __enter__(self) -> "SafeFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the descriptor; safe twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @property
    def view(self) -> Path:
        """The folder by its descriptor, for what takes paths only; the plain path where the system has no such name."""
        return _DESCRIPTORS / str(self.descriptor) if _DESCRIPTORS.is_dir() else self.path

    def folder(self, place: str | PurePath = ".", *, make: bool = False) -> "SafeFolder":
        """A folder below this one.

        Args:
            make: make what is missing on the way to it.

        Raises:
            OSError: it is missing, or a part of the way is a link or a file.
        """
        parts = _parts(place)
        descriptor = os.open(".", _FOLDER, dir_fd=self.descriptor)
        try:
            for part in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=descriptor)
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
        except BaseException:
            os.close(descriptor)
            raise
        return SafeFolder(self.path.joinpath(*parts), descriptor)

    def open(self, place: str | PurePath, flags: int, mode: int = 0o644) -> int:
        """Open a plain file below this folder; one that is made has no second name.

        Raises:
            OSError: a part of the way is a link, or it is no plain file.
        """
        place = PurePath(place)
        with self.folder(place.parent, make=bool(flags & os.O_CREAT)) as parent:
            # Emptied only once it is seen to be a plain file without a second name.
            descriptor = os.open(place.name, (flags & ~os.O_TRUNC) | _FILE, mode, dir_fd=parent.descriptor)
        try:
            found = os.fstat(descriptor)
            writes = flags & (os.O_WRONLY | os.O_RDWR)
            if not stat.S_ISREG(found.st_mode) or (writes and found.st_nlink != 1):
                raise OSError(0, "is no plain file, or one with a second name", str(self.path / place))
            if flags & os.O_TRUNC:
                os.ftruncate(descriptor, 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def is_file(self, place: str | PurePath) -> bool:
        """Whether there is a plain file of that name, not by way of a link."""
        try:
            os.close(self.open(place, os.O_RDONLY))
        except OSError:
            return False
        return True

    def rename(self, place: str, to: str) -> None:
        """Rename what lies directly in this folder; a link is renamed, not followed."""
        os.rename(place, to, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def remove(self, place: str) -> None:
        """Remove what lies directly in this folder, with all that is in it; a link goes, and what it leads to stays."""
        try:
            found = os.lstat(place, dir_fd=self.descriptor)
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(place, dir_fd=self.descriptor)
            else:
                os.unlink(place, dir_fd=self.descriptor)
        except FileNotFoundError:
            return

    def check(self) -> None:
        """Refuse a folder in which anything but folders and plain files lies.

        Raises:
            InputError: it holds a link, a pipe, a device or a socket, or folders in each other without end; the message names it.
        """
        for _, place, found in walk(self.descriptor):
            if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
                kind = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
                raise InputError(
                    f"{self.path / place} is {kind}: expected folders and plain files only; remove it, or copy what it leads to"
                )


def walk(descriptor: int, place: str = "", depth: int = 0) -> Iterator[tuple[int, str, os.stat_result]]:
    """Everything below a folder: the descriptor of the folder that an entry is in, its place from the first folder on, and what it is.

    Raises:
        InputError: folders lie in each other deeper than `MAX_DEPTH`, or one holds more than `MAX_ENTRIES` files.
    """
    if depth > MAX_DEPTH:
        raise InputError(f"{place[:200]}: expected folders that lie in each other at most {MAX_DEPTH} deep")
    with os.scandir(descriptor) as entries:
        names = [entry.name for entry, _ in zip(entries, range(MAX_ENTRIES + 1), strict=False)]
    if len(names) > MAX_ENTRIES:
        raise InputError(f"{place or 'a folder'}: expected at most {MAX_ENTRIES:,} files")
    for name in sorted(names):
        try:
            found = os.lstat(name, dir_fd=descriptor)
        except FileNotFoundError:
            continue  # gone meanwhile
        inner_place = f"{place}/{name}" if place else name
        yield descriptor, inner_place, found
        if stat.S_ISDIR(found.st_mode):
            try:
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
            except OSError:
                continue  # gone, or not ours to look into
            try:
                yield from walk(inner, inner_place, depth + 1)
            finally:
                os.close(inner)


def check_folder(path: Path, *, itself: bool = False) -> None:
    """Refuse a folder that holds links or special files; one that is not there is fine.

    Args:
        itself: refuse also a link to a folder.

    Raises:
        InputError: see `SafeFolder.check`.
    """
    if itself and path.is_symlink():
        raise InputError(f"{path} is a link: expected a folder; remove it, or copy what it leads to")
    try:
        folder = SafeFolder(path)
    except (OSError, RuntimeError, ValueError):
        return
    with folder:
        folder.check()


@contextlib.contextmanager
def named(folder: SafeFolder) -> Iterator[None]:
    """Let an error that names a file by the folder's descriptor name it by its path."""
    try:
        yield
    except OSError as error:
        name = error.filename
        if isinstance(name, (str, PurePath)) and PurePath(name).is_relative_to(folder.view):
            error.filename = str(folder.path / PurePath(name).relative_to(folder.view))
        raise


def fill(folder: SafeFolder, write: Callable[[Path], Any], name: str = ".") -> None:
    """Let `write` fill a file or folder in this folder, named by the descriptor."""
    with named(folder):
        write(folder.view / name)


def _parts(place: str | PurePath) -> tuple[str, ...]:
    parts = PurePath(place).parts
    if ".." in parts or PurePath(place).is_absolute():
        raise OSError(0, "expected a place below the folder", str(place))
    return parts
