"""Network namespaces, held by a descriptor: nothing has a name on the machine, so nothing is left when the process ends."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
    """A new network namespace. The calling thread returns to its own one; `inside` enters it for a while."""

    def __init__(self) -> None:
        home = _current()
        try:
            _check(_libc.unshare(_CLONE_NEWNET), "new network namespace")
            try:
                self.descriptor = _current()
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET), "return from the new network namespace")
        finally:
            os.close(home)
        self.inode = os.fstat(self.descriptor).st_ino

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets, processes and `/proc/sys/net` of the calling thread belong to this namespace meanwhile."""
        home = _current()
        try:
            _check(_libc.setns(self.descriptor, _CLONE_NEWNET), "enter network namespace")
            try:
                yield
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET), "leave network namespace")
        finally:
            os.close(home)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def write_settings(settings: dict[str, str]) -> None:
    """Write sysctls below `/proc/sys/net` of the namespace that the caller is in; those of IPv6 only where there is IPv6."""
    for name, value in settings.items():
        path = f"/proc/sys/net/{name}"
        if name.startswith("ipv6") and not os.path.exists(path):
            continue
        with open(path, "w") as file:
            file.write(value)
