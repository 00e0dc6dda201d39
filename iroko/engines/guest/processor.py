"""Which processor a guest runs on.

A guest is one processor, but several processes on the host that hand over to each other at every system call. On one core a hand-over is a
switch of context; across cores it is an interrupt between processors, and the guest runs three times slower. So each guest is pinned.
"""

import contextlib
import os

from iroko.engines.guest.build import KERNEL_NAME


def _pinned_guests() -> list[int]:
    """For each running guest of any user the one processor that it is pinned to."""
    found: list[int] = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/comm") as file:
                    if file.read().strip() != KERNEL_NAME:
                        continue
                allowed = os.sched_getaffinity(int(entry.name))
            except OSError:
                continue
            if len(allowed) == 1:
                found += allowed
    return found


def choose_processor() -> int:
    """The processor, of those that this process may use, with the fewest guests on it; the last of them first."""
    taken = _pinned_guests()
    return max(os.sched_getaffinity(0), key=lambda number: (-taken.count(number), number))


def pin() -> None:
    """Let the calling thread, and what it starts, run on one processor only.

    Where the host refuses that, the guest runs on any: its numbers are the same, and it is slower. The doctor warns.
    """
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {choose_processor()})
