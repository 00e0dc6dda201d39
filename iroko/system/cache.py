"""Where Iroko keeps on this machine what is costly to make: the guest kernel, the compiled simulator.

What lies there is run: a kernel, machine code, and numba's index, which is a pickle. So nobody else may be able to change it.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from iroko.errors import UnsupportedError
from iroko.system.places import home_folder
from iroko.system.privileges import caller, hand_over


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/iroko`, by default `~/.cache/iroko`; it need not exist. On Windows the folder `iroko` in `%LOCALAPPDATA%`.

    Raises:
        UnsupportedError: another user can change the folder, one above it or one directly in it, or a link on the way to it; or the
            user has no home folder.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "iroko"
    home = home_folder()
    parent = os.environ.get("XDG_CACHE_HOME") or (None if home is None else home / ".cache")
    if parent is None:
        raise UnsupportedError(
            f"user {os.geteuid()} has no home folder: set HOME, or XDG_CACHE_HOME to a folder of your own, such as $(mktemp -d)"
        )
    folder = Path(parent) / "iroko"
    for place, found in _way(folder):
        _check(place, found, is_last=place == folder)
    return folder


def keep_torch_cache() -> None:
    """Let torch make its compiler's cache in the cache folder; torch makes one as soon as an optimiser is used, by default in TMPDIR."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torchinductor"))


def make_cache_folder(name: str = "") -> Path:
    """The cache folder, or one of this name in it, made if need be; whatever the umask, nobody else can write in it.

    Raises:
        UnsupportedError: see `cache_folder`.
        OSError: it cannot be made.
    """
    folder = cache_folder() / name
    for each in reversed([folder, *folder.parents]):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
    return folder


def check_cached(path: Path) -> Path:
    """Check a file or folder in the cache, with all that is in it, before it is run.

    Raises:
        UnsupportedError: another user can change it, or it holds a link.
    """
    if sys.platform == "win32" or _is_closed(cache_folder()):
        return path  # nobody else comes in
    waiting = [path]
    while waiting:
        place = waiting.pop()
        if not os.path.lexists(place):
            continue
        found = place.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise UnsupportedError(f"cache {place} is a link: expected a file or folder; remove it")
        _check(place, found, is_last=True)
        if stat.S_ISDIR(found.st_mode) and not _is_closed(place):
            waiting += place.iterdir()
    return path


def hand_over_cache() -> None:
    """Under sudo with the caller's own cache folder, give the caller what was made in it; root's own stays root's."""
    to, folder = caller(), cache_folder()
    if to is not None and folder.parent.is_dir() and folder.parent.stat().st_uid == to[0]:
        hand_over(folder)


def _check(place: Path, found: os.stat_result, is_last: bool) -> None:
    """Refuse what another user can change.

    Args:
        is_last: this is what is used, no folder on the way to it, where a sticky one keeps what is in it.
    """
    trusted = {0, os.geteuid(), *(caller() or ())[:1]}
    if found.st_uid in trusted and not _others_write(found, trusted, is_last):
        return
    raise UnsupportedError(
        f"cache folder {place} can be written by another user: set XDG_CACHE_HOME to a folder of your own, or chmod go-w it"
    )


def _is_closed(folder: Path) -> bool:
    """Whether only its owner can enter a folder."""
    try:
        return not folder.lstat().st_mode & 0o011
    except OSError:
        return False


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder and link that decides what a path leads to, as far as it exists."""
    place, rest, hops = Path("/"), list(Path(os.path.abspath(path)).parts[1:]), 0
    yield place, place.lstat()
    while rest:
        step = place / rest.pop(0)
        try:
            found = step.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UnsupportedError(f"cache folder {path}: {error.strerror}: set XDG_CACHE_HOME to a folder of your own") from error
        yield step, found
        if not stat.S_ISLNK(found.st_mode):
            place = step
            continue
        hops += 1
        if hops > 40:
            raise UnsupportedError(f"cache folder {path}: too many links: set XDG_CACHE_HOME to a folder of your own")
        rest[:0] = Path(os.path.normpath(place / os.readlink(step))).parts[1:]
        place = Path("/")


def _others_write(found: os.stat_result, trusted: set[int], is_last: bool) -> bool:
    """Whether others than the trusted users can write."""
    if stat.S_ISLNK(found.st_mode):
        return False
    if not is_last and stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return False  # nobody can replace what is somebody else's there
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_private(found.st_gid, trusted)


def _is_private(group: int, trusted: set[int]) -> bool:
    """Whether a group is root's or the private one of a trusted user: of the user's name, and with nobody else in it."""
    import grp
    import pwd

    if group == 0:
        return True
    users = set()
    for user in trusted:
        with contextlib.suppress(KeyError):
            users.add(pwd.getpwuid(user).pw_name)
    try:
        entry = grp.getgrgid(group)
    except KeyError:
        return False
    return entry.gr_name in users and set(entry.gr_mem) <= users
