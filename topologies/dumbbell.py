"""Two switches and one link between them, with hosts on either side."""

from iroko.errors import InputError
from iroko.topology import Topology, build_topology


def dumbbell(
    num_left: int = 2,
    num_right: int = 2,
    rate_bps: float = 10e6,
    delay_s: float = 0.0,
    queue_bytes: int = 757_000,
    ecn_bytes: int | None = 30_280,
    routing: str = "static",
    host_queue: str = "fifo",
) -> Topology:
    """Hosts `h0...` on the left switch `s0`, the rest on the right switch `s1`; the link between is the bottleneck.

    Args:
        num_left, num_right: hosts on each side, 1 to 500 each.
        rate_bps, delay_s, queue_bytes, ecn_bytes: of every link; the queue of 500 packets is that of the 2018 paper.
        routing: has no effect here, there is one path.
        host_queue: `fifo`, one queue for all flows of a host, or `fq`, one per flow.
    """
    for name, count in (("num_left", num_left), ("num_right", num_right)):
        if not 1 <= count <= 500:
            raise InputError(f"{name}={count}: expected 1 to 500 hosts on each side of a dumbbell")
    hosts = [f"h{i}" for i in range(num_left + num_right)]
    links = [(host, "s0" if i < num_left else "s1") for i, host in enumerate(hosts)] + [("s0", "s1")]
    return build_topology("dumbbell", hosts, ["s0", "s1"], links, rate_bps=rate_bps, delay_s=delay_s,
                          queue_bytes=queue_bytes, ecn_bytes=ecn_bytes, routing=routing, host_queue=host_queue)  # fmt: skip
