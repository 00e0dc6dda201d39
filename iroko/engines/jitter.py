"""The jitter of UDP senders: each packet leaves its host up to one frame time late, drawn from the episode's seed.

Perfectly even senders of equal rate keep their phase: at a full queue the one that comes first after each departure wins every time, and
the others are locked out. Real hosts jitter. The jitter is equal in simulator and guest, where netem adds it to the host's link; packets
keep their order. TCP needs none, and an engine in real time has its own.
"""

from iroko.port import Port

_FRAME_BYTES = 1514
_MAX_HALF_NS = 500_000_000
"""Half of the longest jitter; netem takes at most 2^31 ns."""


def half_span_ns(port: Port) -> int:
    """Half of the range of a host's jitter: of the time that a full frame takes at the rate of the host's link."""
    return max(1, min(round(_FRAME_BYTES * 4e9 / port.rate_bps), _MAX_HALF_NS))
