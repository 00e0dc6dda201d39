"""What runs in the guest: `python -m iroko.guest.server`, the kernel engine behind the guest's synchronous channel."""

import os
import select

from iroko.kernel import serve_kernel
from iroko.kernel.timer import Timer

_BOOTED_NS = 1_000_000_000


def _leave_the_boot_behind() -> None:
    """Sleep until a time by which every boot is over.

    A boot takes some virtual microseconds more or less, by the files that it reads. All that is begun after this, with every timer of the
    kernel that belongs to it, begins in each guest at the same nanosecond.
    """
    timer = Timer()
    timer.set(_BOOTED_NS)
    select.select([timer.descriptor], [], [])
    timer.close()


if __name__ == "__main__":
    _leave_the_boot_behind()
    serve_kernel(os.open("/dev/dsp", os.O_RDWR), virtual=True)
