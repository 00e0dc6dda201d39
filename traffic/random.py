"""Every host sends to random other hosts."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import check_num_flows, check_range, connect, draw_others


def random(
    topology: Topology,
    rng: np.random.Generator,
    flows_per_host: int = 1,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """Each host sends `flows_per_host` flows, each to another host drawn evenly; several may meet at one receiver.

    Args:
        flows_per_host: 1 to 1000.
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    check_range("flows_per_host", flows_per_host, 1, 1000, "flows from each host")
    check_num_flows(topology.num_hosts * flows_per_host, f"random with flows_per_host={flows_per_host}")
    sources = np.repeat(np.arange(topology.num_hosts), flows_per_host)
    targets = draw_others(rng, sources, topology.num_hosts)
    pairs = zip(sources.tolist(), targets.tolist(), strict=True)
    return connect(topology, rng, pairs, start_s, start_spread_s, size_bytes)
