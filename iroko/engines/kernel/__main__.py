"""The far end of the `mininet` engine, as a process: `python -m iroko.engines.kernel DESCRIPTOR`."""

import signal
import sys

from iroko.engines.kernel.serve import serve_kernel

# Ctrl-C in the terminal is for the near end, which then closes the channel and with it ends this process.
signal.signal(signal.SIGINT, signal.SIG_IGN)
serve_kernel(int(sys.argv[1]), virtual=False)
