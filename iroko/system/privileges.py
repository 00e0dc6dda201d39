"""Running with sudo: which of the caller's variables programs may see, and to whom the files belong that were made.

Iroko needs root for the engine `mininet` alone. A variable such as `LD_PRELOAD`, `PYTHONSTARTUP` or `GIT_SSH_COMMAND` makes programs run
code that a file holds, so programs are started with an environment that is made from a list of what they may have. What acts on Python
itself before its first line, such as `PYTHONPATH`, sudo takes away unless it is told to keep it.
"""

import errno
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from iroko.system.safe_folder import walk

ALLOWED = (
    "COLUMNS", "HOME", "LANG", "LANGUAGE", "LINES", "LOGNAME", "MKL_NUM_THREADS", "NO_COLOR",
    "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "SHELL", "SUDO_GID", "SUDO_UID",
    "SUDO_USER", "TERM", "TMPDIR", "TZ", "USER", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip
"""Variables that programs may see; with them go those whose names begin with one of `ALLOWED_PREFIXES`, and `NUMERIC`."""
ALLOWED_PREFIXES = ("IROKO_", "LC_", "RAY_")
NUMERIC = (
    "ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT", "NUMBA_ENABLE_AVX", "NUMBA_OPT",
    "OPENBLAS_CORETYPE",
)  # fmt: skip
"""Settings of the mathematical libraries that choose other instructions and so other last digits."""
if sys.platform != "win32":  # which has no sudo
    _LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_LINKS = 40
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def caller() -> tuple[int, int] | None:
    """User and group of who called sudo; None: this is not root, or not by sudo."""
    if sys.platform == "win32":
        return None
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() != 0 or not user.isdecimal() or not group.isdecimal():
        return None
    return int(user), int(group)


def allowed_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a program that is started: what of this process's is allowed, and `more`.

    For root, programs are found in folders only that nobody but root can write.
    """
    kept = {key: value for key, value in os.environ.items() if key in ALLOWED or key in NUMERIC or key.startswith(ALLOWED_PREFIXES)}
    if sys.platform != "win32" and os.geteuid() == 0:
        folders = [folder for folder in kept.get("PATH", "").split(os.pathsep) if folder and _is_roots(Path(folder))]
        kept["PATH"] = os.pathsep.join(folders) or SYSTEM_PATH
    return kept | dict(more or {})


def _is_roots(folder: Path) -> bool:
    if not folder.is_absolute():
        return False
    try:
        found = folder.stat()
    except OSError:
        return False
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def clean_environment() -> None:
    """Under sudo, take from this process's environment what is not allowed, so that no program that a library starts sees it."""
    if caller() is None:
        return
    kept = allowed_environment()
    for key in set(os.environ) - set(kept):
        del os.environ[key]
    os.environ.update(kept)


def hand_over(path: Path) -> None:
    """Under sudo, give a file, or a folder with all that is in it, to the user who called sudo.

    Only what belongs to root is given, and never by way of a link: nobody can lay a link into a folder of theirs to get another file.
    """
    to = caller()
    if to is None:
        return
    try:
        descriptor = _open_way(path, to[0])
    except OSError:
        return  # a link, a socket, or gone: nothing of ours
    try:
        _give_open(descriptor, to)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            for folder, place, _ in walk(descriptor):
                give(os.path.basename(place), folder)
    finally:
        os.close(descriptor)


def give(name: str, folder: int) -> None:
    """Under sudo, give a plain file or a folder, without what is in it, to the user who called sudo.

    Args:
        folder: descriptor of the folder that it is in.
    """
    to = caller()
    if to is None:
        return
    try:
        descriptor = os.open(name, _LOOK, dir_fd=folder)
    except OSError:
        return
    try:
        _give_open(descriptor, to)
    finally:
        os.close(descriptor)


def _give_open(descriptor: int, to: tuple[int, int]) -> None:
    """Give what is open already, so that what is looked at is what is given."""
    found = os.fstat(descriptor)
    # A file with a second name may be one that lies elsewhere.
    if found.st_uid == 0 and (stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)):
        os.fchown(descriptor, *to)


def _open_way(path: Path, user: int) -> int:
    """Open what a path leads to, step by step.

    A link is followed where it belongs to root. One of the caller's is followed to what lies in a folder of theirs only.

    Raises:
        OSError: there is another link on the way, or nothing at its end.
    """
    rest = list(Path(os.path.abspath(path)).parts[1:])
    descriptor, hops, callers_link = os.open("/", _LOOK | os.O_DIRECTORY), 0, False
    try:
        while rest:
            part = rest.pop(0)
            found = os.lstat(part, dir_fd=descriptor)
            if stat.S_ISLNK(found.st_mode):
                hops += 1
                if found.st_uid not in (0, user) or hops > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                callers_link |= found.st_uid != 0
                target = os.readlink(part, dir_fd=descriptor)
                rest[:0] = [step for step in target.split("/") if step]
                if not target.startswith("/"):
                    continue
                part = "/"
            inner = os.open(part, _LOOK, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        if callers_link and not _lies_in_folder_of(descriptor, user):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lies_in_folder_of(descriptor: int, user: int) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISDIR(found.st_mode) and user in (found.st_uid, os.stat("..", dir_fd=descriptor).st_uid)
