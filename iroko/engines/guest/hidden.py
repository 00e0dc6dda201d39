"""Host folders that the guest's own file systems would hide, such as a checkout below /run/media or /dev/shm.

The guest mounts a tmpfs on /run and on /dev/shm. Where Python's folders are below one of them, the boot script keeps a second view of the
host's files, and binds these folders from there to their places.
"""

import os
import shlex
import sys
from collections.abc import Iterable

_HIDDEN = ("/run", "/dev")
_VIEW = "/dev/host"


def python_folders() -> list[str]:
    """The folders that this Python and its modules are in, by the names that it uses and by their real ones."""
    named = [*sys.path, sys.prefix, sys.base_prefix, os.path.dirname(sys.executable)]  # an empty one is the working folder
    return list(dict.fromkeys(other for path in named for other in (os.path.abspath(path), os.path.realpath(path))))


def show_hidden(folders: Iterable[str]) -> tuple[str, str]:
    """Shell lines for before and after the guest mounts its own file systems; empty where no folder is hidden."""
    hidden = sorted(folder for folder in folders if folder.startswith(tuple(f"{place}/" for place in _HIDDEN)) and os.path.isdir(folder))
    outermost = [folder for folder in hidden if not any(folder.startswith(f"{other}/") for other in hidden)]
    if not outermost:
        return "", ""
    lines = [f"mkdir -p {shlex.quote(folder)}; mount --bind {shlex.quote(_VIEW + folder)} {shlex.quote(folder)}\n" for folder in outermost]
    return f"mkdir -p {_VIEW}; mount --bind / {_VIEW}\n", "".join(lines) + f"umount {_VIEW}\n"
