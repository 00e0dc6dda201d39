"""Where a user's records of ownership are: a folder that nobody else can write or replace."""

import contextlib
import os
import stat
import sys
from pathlib import Path

from iroko.errors import UnsupportedError


def places() -> list[Path]:
    """Where this user's records may be, the best place first; not the TMPDIR of the environment, which may differ from start to start.

    None on Windows, where Iroko makes nothing outside the process: its environments run in the simulator there.
    """
    if sys.platform == "win32":
        return []
    user = os.geteuid()
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [Path(named) / "iroko"] if os.path.isabs(named) else []
    # Whoever can write in /tmp cannot own or replace it: `is_ours` looks.
    shared = Path(f"/tmp/iroko-{user}")  # nosec B108
    places += [Path(f"/run/user/{user}/iroko"), *([Path("/run/iroko")] if user == 0 else []), shared]
    return list(dict.fromkeys(places))


def is_ours(place: Path) -> bool:
    """Whether a folder of records is this user's alone: no link, and nobody else can write or replace it."""
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077 and _is_safe(place.parent)


def _is_safe(parent: Path) -> bool:
    """Whether nobody but root and this user can replace what this user makes in a folder."""
    try:
        found = parent.stat()
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    return found.st_uid in (0, os.geteuid()) and not others


def runtime_folder() -> Path:
    """Where this process puts its records; made if need be.

    Raises:
        UnsupportedError: no place is there and safe.
    """
    if sys.platform == "win32":
        raise UnsupportedError("Windows has the simulator and its environments only: runs, experiments and kernels need Linux or macOS")
    for place in places():
        if _is_safe(place.parent):  # under sudo the caller's run-time folder may be named, where root leaves nothing
            with contextlib.suppress(OSError):
                place.mkdir(mode=0o700)
        if is_ours(place) and os.access(place, os.W_OK):
            return place
    raise UnsupportedError(
        f"no run-time folder: {', '.join(map(str, places()))} cannot be made or are not this user's alone: "
        "set XDG_RUNTIME_DIR to a folder that only you can write"
    )
