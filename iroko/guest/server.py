"""What runs in the guest: `python -m iroko.guest.server`, the kernel engine behind the guest's synchronous channel."""

import os

from iroko.kernel import serve_kernel

if __name__ == "__main__":
    serve_kernel(os.open("/dev/dsp", os.O_RDWR), virtual=True)
