"""What runs in the guest: `python -m iroko.engines.guest.server`, the kernel engine behind the guest's synchronous channel."""

import os

from iroko.engines.kernel import serve_kernel, wait_until

_BOOTED_NS = 1_000_000_000
"""By then every boot is over. A boot takes some virtual microseconds more or less, by the files that it reads. All that is begun after this
time, with every timer of the kernel that belongs to it, begins in each guest at the same nanosecond."""

if __name__ == "__main__":
    wait_until(_BOOTED_NS)
    serve_kernel(os.open("/dev/dsp", os.O_RDWR), virtual=True)
