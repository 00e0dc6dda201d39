"""What a guest may change on the host: its own folder and its memory, whatever runs in it.

Three walls, each of which holds without the others:

- The guest kernel's file system for the host's files has no function that changes one, however the guest's root mounts it (`guest.patch`).
- Landlock, a security module of the host's kernel (5.13 and later) that needs no privileges, lets the guest's process open nothing outside
  its folders for writing, and of the terminals only its own channel.
- A seccomp filter (`iroko.engines.guest.syscalls`) leaves that process no call for permissions, owners, times and names, which
  Landlock does not cover, and none for sockets and other processes.
"""

import ctypes
import gc
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from iroko.engines.guest.syscalls import has_seccomp, restrict_system_calls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_WRITE_FILE, _REMOVE_FILE, _MAKE_REGULAR, _TRUNCATE = 1 << 1, 1 << 5, 1 << 8, 1 << 14
# Writing; then removing and making of every kind of file; then moving from one folder to another.
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13)) | 1 << 13
_TCP = 1 << 0 | 1 << 1  # LANDLOCK_ACCESS_NET_BIND_TCP, _CONNECT_TCP
_SCOPED = 1 << 0 | 1 << 1  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, _SIGNAL: only to processes that are confined with it
_libc = ctypes.CDLL(None, use_errno=True)
_start = threading.Lock()
Result = TypeVar("Result")


def landlock_version() -> int:
    """Version of the host kernel's Landlock; 0: it has none, or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def start_confined(
    folder: Path, memory: Path, prepare: Callable[[], object], start: Callable[[], Result], terminal: int | None = None
) -> Result:
    """Call `start` in a thread whose processes may change files below `folder`, and make and remove some in `memory`, nowhere else.

    The confinement is the thread's and its processes', for good; the caller's thread stays free. Where the kernel lacks Landlock or
    seccomp, that one confines nothing; the doctor warns.

    Args:
        prepare: called in that thread before it is confined.
        terminal: descriptor of the one terminal that the processes may open.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            prepare()
            _confine(folder, memory, terminal)
            results.append(start())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="iroko-guest-start")
    with _start:
        # A collection of garbage in that thread would run the finalizers of others' objects without the right to do what they do.
        collects = gc.isenabled()
        gc.disable()
        try:
            thread.start()
            thread.join()
        finally:
            if collects:
                gc.enable()
    if errors:
        raise errors[0]
    return results[0]


def _confine(folder: Path, memory: Path, terminal: int | None) -> None:
    version, filters = landlock_version(), has_seccomp()
    if (version or filters) and _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no new privileges")
    if version:
        _restrict_files(version, folder, memory, terminal)
    if filters:
        restrict_system_calls()


def _restrict_files(version: int, folder: Path, memory: Path, terminal: int | None) -> None:
    # Older versions know fewer kinds of changes, and refuse what they do not know.
    handled = _CHANGES & ~(0 if version >= 2 else 1 << 13) | (_TRUNCATE if version >= 3 else 0)
    files = handled & (_WRITE_FILE | _TRUNCATE)
    attributes = struct.pack("<QQQ", handled, _TCP if version >= 4 else 0, _SCOPED if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    try:
        _allow(ruleset, folder, handled)
        _allow(ruleset, memory, files | _MAKE_REGULAR | _REMOVE_FILE)
        _allow(ruleset, Path("/dev/null"), files)
        if terminal is not None:
            _allow(ruleset, Path(f"/proc/self/fd/{terminal}"), files)
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
