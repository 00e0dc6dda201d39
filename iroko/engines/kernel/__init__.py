"""The engine on a Linux kernel: Mininet with fast nodes, Linux routers, one process for all traffic.

Public here: `MininetEngine`, the `mininet` engine; `serve_kernel`, its far end; `open_fabric`, a fabric with Mininet's command line;
`missing_transports`, what this machine's kernel lacks; `wait_until`, a sleep to the nanosecond; `check_rates`, which links its shapers
can hold.
"""

from typing import TYPE_CHECKING

from iroko.engines.lazy import offer

if TYPE_CHECKING:
    from iroko.engines.kernel.capabilities import missing_transports as missing_transports
    from iroko.engines.kernel.mininet import MininetEngine as MininetEngine
    from iroko.engines.kernel.rates import check_rates as check_rates
    from iroko.engines.kernel.serve import open_fabric as open_fabric
    from iroko.engines.kernel.serve import serve_kernel as serve_kernel
    from iroko.engines.kernel.timer import wait_until as wait_until

__getattr__ = offer(__name__, {
    "MininetEngine": "mininet", "serve_kernel": "serve", "open_fabric": "serve", "missing_transports": "capabilities",
    "wait_until": "timer", "check_rates": "rates",
})  # fmt: skip
