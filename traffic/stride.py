"""Every host sends a fixed distance around."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import check_range, connect


def stride(
    topology: Topology,
    rng: np.random.Generator,
    step: int | None = None,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """Host i sends to host (i + step) mod n; Al-Fares et al., SIGCOMM 2008, section 5.

    Args:
        step: 1 to the number of hosts less one; None: half the hosts, so that in a fat-tree every flow crosses the core.
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    count = topology.num_hosts
    distance = count // 2 if step is None else step
    check_range("step", distance, 1, count - 1, f"positions among {count} hosts")
    return connect(topology, rng, [(i, (i + distance) % count) for i in range(count)], start_s, start_spread_s, size_bytes)
