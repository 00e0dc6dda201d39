"""TCP's receive window, sized from the fabric and equal in every engine: how much a connection may have in flight.

A receiver's buffer holds the longest path's bandwidth x delay and what its queues hold, so that the congestion control alone holds a flow
back. It is at least 8 MiB, a window of 5.0 MB, and at most what gives each host an equal part of the memory that a guest has for TCP: a
window of 256 MB over the number of hosts. Where the cap is less than the fabric needs, it limits goodput to window / round-trip time.
"""

import math
from dataclasses import dataclass

from iroko.topology import Topology

MIN_BUFFER_BYTES = 8 << 20
MAX_TOTAL_WINDOW_BYTES = 256_000_000
"""Of one window for each host: with the sender's copy and the kernel's overhead it takes about 0.9 GB of the guest's 1 GiB for TCP."""
_MSS_BYTES = 1448
_FIRST_SCALE, _SCALE, _SCALE_BITS = 128, 153, 8
"""Linux counts 128/256 of a buffer as window until the first segment has arrived, then 153/256 for segments of a full frame
(`tcp_win_from_space`)."""


@dataclass(frozen=True)
class TcpWindow:
    """The receive window of a connection.

    Attributes:
        buffer_bytes: of the receiver, as Linux counts it: twice what is set as `SO_RCVBUF`.
    """

    buffer_bytes: int

    @property
    def first_bytes(self) -> int:
        """What the receiver offers at first; one segment is reserved."""
        return (self.buffer_bytes * _FIRST_SCALE >> _SCALE_BITS) - _MSS_BYTES

    @property
    def largest_bytes(self) -> int:
        """What the window grows to, by two segments for each that arrives."""
        return self.buffer_bytes * _SCALE >> _SCALE_BITS


def tcp_window(topology: Topology) -> TcpWindow:
    """The window of every connection on a fabric."""
    num_ports = topology.longest_path_ports
    rate_bps = max(topology.host_rates_bps)
    delay_s = 2 * num_ports * max(port.delay_s for port in topology.ports)
    queue_bytes = (num_ports - 1) * max((topology.ports[index].queue_bytes for index in topology.switch_ports), default=0)
    needed = min(rate_bps / 8 * delay_s + queue_bytes, MAX_TOTAL_WINDOW_BYTES / topology.num_hosts)
    buffer_mib = math.ceil(needed * (1 << _SCALE_BITS) / _SCALE / (1 << 20))
    return TcpWindow(max(MIN_BUFFER_BYTES, buffer_mib << 20))
