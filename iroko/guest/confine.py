"""What a guest may write on the host: its own folder and its memory, whatever runs in it.

The guest mounts the host's files read-only. Whoever is root in it could mount them again to write, with the rights of the user who
started it; Landlock, a security module of the host's kernel (5.13 and later) that needs no privileges, lets no such write through. It does
not cover changes of permissions and times of files, which the read-only mount alone holds back.
"""

import ctypes
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_WRITE_FILE, _REMOVE_FILE, _MAKE_REGULAR, _TRUNCATE = 1 << 1, 1 << 5, 1 << 8, 1 << 14
# Writing; then removing and making of every kind of file; then moving from one folder to another.
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13)) | 1 << 13
_DEVICES = ("/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/pts")
_libc = ctypes.CDLL(None, use_errno=True)
Result = TypeVar("Result")


def landlock_version() -> int:
    """Version of the host kernel's Landlock; 0: it has none, or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def start_confined(folder: Path, memory: Path, start: Callable[[], Result]) -> Result:
    """Call `start` in a thread whose processes may change files below `folder`, and make and remove some in `memory`, nowhere else.

    The confinement is the thread's and its processes', for good; the caller's thread stays free. Where the kernel has no Landlock,
    nothing is confined.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _confine(folder, memory)
            results.append(start())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="iroko-guest-start")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _confine(folder: Path, memory: Path) -> None:
    version = landlock_version()
    if version == 0:
        return
    # Older versions know fewer kinds of changes, and refuse what they do not know.
    handled = _CHANGES & ~(0 if version >= 2 else 1 << 13) | (_TRUNCATE if version >= 3 else 0)
    files = handled & (_WRITE_FILE | _TRUNCATE)
    ruleset = _call(_CREATE_RULESET, struct.pack("<Q", handled), ctypes.c_size_t(8), 0)
    try:
        _allow(ruleset, folder, handled)
        _allow(ruleset, memory, files | _MAKE_REGULAR | _REMOVE_FILE)
        for device in _DEVICES:
            if os.path.exists(device):
                _allow(ruleset, Path(device), files)
        if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no new privileges")
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", access, descriptor), 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
