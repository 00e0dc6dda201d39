"""Every host sends to one other and receives from one other."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import connect


def permutation(
    topology: Topology,
    rng: np.random.Generator,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """A random permutation of the hosts in which none sends to itself, each such permutation equally likely.

    Args:
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    sources = np.arange(topology.num_hosts)
    # A share of about 1/e of all permutations fits, so that drawing again until one does takes e tries on average.
    while ((targets := rng.permutation(topology.num_hosts)) == sources).any():
        pass
    return connect(topology, rng, enumerate(targets.tolist()), start_s, start_spread_s, size_bytes)
