"""A timer descriptor: epoll's own time-out is in whole milliseconds, a step's end is not."""

import contextlib
import ctypes
import os
import select

_libc = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC, _ABSOLUTE = 1, 0o4000 | 0o2000000, 1


class _Spec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")]


class Timer:
    """Becomes readable at a given time of CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self.descriptor: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _Spec()

    def set(self, time_ns: int) -> None:
        """Arm for that time, in ns; a time that has passed fires at once. Clears an earlier one."""
        self._spec.value_s, self._spec.value_ns = divmod(max(time_ns, 1), 1_000_000_000)
        if _libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(self._spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Take back that it has fired."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def wait_until(time_ns: int) -> None:
    """Sleep until that time of CLOCK_MONOTONIC, in ns."""
    timer = Timer()
    timer.set(time_ns)
    select.select([timer.descriptor], [], [])
    timer.close()
