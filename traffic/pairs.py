"""Disjoint pairs across the fabric."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import connect


def pairs(
    topology: Topology,
    rng: np.random.Generator,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """Host i of the first half sends to host i of the second half, west to east; of an odd number the last host is idle.

    No two flows share a sender or a receiver, so they meet only inside the fabric. Iroko of 2018 called this incast.

    Args:
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    half = topology.num_hosts // 2
    return connect(topology, rng, [(i, half + i) for i in range(half)], start_s, start_spread_s, size_bytes)
