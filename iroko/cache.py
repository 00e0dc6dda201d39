"""Where Iroko keeps on this machine what is costly to make: the guest kernel, the compiled simulator."""

import os
import stat
from pathlib import Path

from iroko.errors import UnsupportedError
from iroko.privileges import caller, hand_over


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/iroko`, by default `~/.cache/iroko`; it need not exist.

    Raises:
        UnsupportedError: it is somebody else's. What lies in it is run, so it has to be this user's, root's, or that of who called sudo.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iroko"
    try:
        found = folder.stat()
    except OSError:
        return folder
    trusted = {0, os.geteuid(), *(caller() or ())[:1]}
    if found.st_uid not in trusted or found.st_mode & stat.S_IWOTH:
        raise UnsupportedError(f"cache folder {folder} can be written by another user: set XDG_CACHE_HOME to a folder of your own")
    return folder


def keep_torch_cache() -> None:
    """Let torch make its compiler's cache in the cache folder; torch makes one as soon as an optimiser is used, by default in TMPDIR."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torchinductor"))


def hand_over_cache() -> None:
    """Under sudo with the caller's own cache folder, give the caller what was made in it; root's own stays root's."""
    to, folder = caller(), cache_folder()
    if to is not None and folder.parent.is_dir() and folder.parent.stat().st_uid == to[0]:
        hand_over(folder)
