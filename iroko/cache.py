"""Where Iroko keeps on this machine what is costly to make: the guest kernel, the compiled simulator."""

import os
import stat
from pathlib import Path

from iroko.errors import UnsupportedError
from iroko.privileges import caller, hand_over


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/iroko`, by default `~/.cache/iroko`; it need not exist.

    Raises:
        UnsupportedError: the user has no home folder, or it is somebody else's. What lies in it is run, so it has to be this user's,
            root's, or that of who called sudo.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iroko"
    except RuntimeError as error:  # neither HOME nor an entry in the password file, as in a container with a user number alone
        raise UnsupportedError(
            f"user {os.geteuid()} has no home folder: set HOME, or XDG_CACHE_HOME to a folder of your own, such as $(mktemp -d)"
        ) from error
    try:
        found = folder.stat()
    except OSError:
        return folder
    trusted = {0, os.geteuid(), *(caller() or ())[:1]}
    if found.st_uid not in trusted or found.st_mode & stat.S_IWOTH:
        raise UnsupportedError(f"cache folder {folder} can be written by another user: set XDG_CACHE_HOME to a folder of your own")
    return folder


def make_cache_folder(folder: Path) -> None:
    """Make a folder in the cache, with those above it; whatever the umask, nobody else can write there.

    Raises:
        UnsupportedError: it cannot be made or written.
    """
    top = cache_folder()
    try:
        top.parent.mkdir(parents=True, exist_ok=True)
        for each in (top, *(one for one in reversed((folder, *folder.parents)) if top in one.parents)):
            each.mkdir(mode=0o700, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise UnsupportedError(f"cache folder {folder}: {error.strerror}: set XDG_CACHE_HOME to a folder that you can write") from error
    if not writable:
        raise UnsupportedError(f"cache folder {folder} cannot be written: set XDG_CACHE_HOME to a folder that you can write")


def hand_over_cache() -> None:
    """Under sudo with the caller's own cache folder, give the caller what was made in it; root's own stays root's."""
    to, folder = caller(), cache_folder()
    if to is not None and folder.parent.is_dir() and folder.parent.stat().st_uid == to[0]:
        hand_over(folder)
