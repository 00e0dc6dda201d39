"""One switch with hosts around it."""

from iroko.errors import InputError
from iroko.topology import Topology, build_topology


def star(
    num_hosts: int = 4,
    rate_bps: float = 10e6,
    delay_s: float = 0.0,
    queue_bytes: int = 757_000,
    ecn_bytes: int | None = 30_280,
    routing: str = "static",
    host_queue: str = "fifo",
) -> Topology:
    """Hosts `h0...` on the switch `s0`: flows meet only at the port of a common receiver.

    Args:
        num_hosts: 2 to 1000.
        rate_bps, delay_s, queue_bytes, ecn_bytes: of every link; a host's own queue is longer and does not mark.
        routing: has no effect here, there is one path.
        host_queue: `fifo`, one queue for all flows of a host, or `fq`, one per flow.
    """
    if not 2 <= num_hosts <= 1000:
        raise InputError(f"num_hosts={num_hosts}: expected 2 to 1000 hosts on a star")
    hosts = [f"h{i}" for i in range(num_hosts)]
    links = [(host, "s0") for host in hosts]
    return build_topology("star", hosts, ["s0"], links, rate_bps=rate_bps, delay_s=delay_s,
                          queue_bytes=queue_bytes, ecn_bytes=ecn_bytes, routing=routing, host_queue=host_queue)  # fmt: skip
