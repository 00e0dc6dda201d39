"""The three-tier fat-tree of k-port switches."""

from iroko.errors import InputError
from iroko.topology import Topology, build_topology


def fattree(
    k: int = 4,
    rate_bps: float = 10e6,
    delay_s: float = 0.0,
    queue_bytes: int = 757_000,
    ecn_bytes: int | None = 30_280,
    routing: str = "static",
    host_queue: str = "fifo",
) -> Topology:
    """k pods of k/2 edge switches `eP_I` and k/2 aggregation switches `aP_I`, joined by (k/2)^2 core switches `cI`.

    There are k^3/4 hosts, 5k^2/4 switches and 3k^3/4 links. Hosts are numbered by pod, then edge switch, then position.
    Aggregation switch i of every pod reaches the core switches i k/2 to (i + 1) k/2 - 1.

    Al-Fares, Loukissas, Vahdat: A Scalable, Commodity Data Center Network Architecture, SIGCOMM 2008, section 3.
    The links are theirs; the routes are the shortest paths of `Topology`, not their two-level tables.

    Args:
        k: ports of each switch, even, 2 to 48.
        rate_bps, delay_s, queue_bytes, ecn_bytes: of every link; a host's own queue is longer and does not mark.
        routing: `static` or `ecmp`.
        host_queue: `fifo`, one queue for all flows of a host, or `fq`, one per flow.
    """
    if k % 2 or not 2 <= k <= 48:
        raise InputError(f"k={k}: expected an even number of ports, 2 to 48, for a fat-tree")
    half = k // 2
    cores = [f"c{i}" for i in range(half * half)]
    aggregations = [f"a{pod}_{i}" for pod in range(k) for i in range(half)]
    edges = [f"e{pod}_{i}" for pod in range(k) for i in range(half)]
    hosts = [f"h{i}" for i in range(len(edges) * half)]
    links = [(host, edges[i // half]) for i, host in enumerate(hosts)]
    links += [(f"e{pod}_{i}", f"a{pod}_{j}") for pod in range(k) for i in range(half) for j in range(half)]
    links += [(f"a{pod}_{i}", cores[i * half + j]) for pod in range(k) for i in range(half) for j in range(half)]
    return build_topology("fattree", hosts, cores + aggregations + edges, links, rate_bps=rate_bps, delay_s=delay_s,
                          queue_bytes=queue_bytes, ecn_bytes=ecn_bytes, routing=routing, host_queue=host_queue)  # fmt: skip
