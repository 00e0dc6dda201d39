"""Every host sends to every other."""

import itertools

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import check_num_flows, connect


def all_to_all(
    topology: Topology,
    rng: np.random.Generator,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """One flow for each ordered pair of hosts, as in the shuffle of a MapReduce job; n hosts make n(n - 1) flows.

    Args:
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    count = topology.num_hosts
    check_num_flows(count * (count - 1), f"all_to_all on {count} hosts")
    return connect(topology, rng, itertools.permutations(range(count), 2), start_s, start_spread_s, size_bytes)
