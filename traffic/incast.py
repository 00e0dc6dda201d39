"""Many senders, one receiver."""

import numpy as np

from iroko.flows import Flow
from iroko.registry import check_name
from iroko.topology import Topology

from ._common import check_range, connect


def incast(
    topology: Topology,
    rng: np.random.Generator,
    num_senders: int | None = None,
    receiver: str | None = None,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """`num_senders` hosts send to one receiver at once, as the workers of a partition-aggregate job do.

    Args:
        num_senders: 1 to the number of hosts less one, drawn from the other hosts; None: all of them.
        receiver: name of the receiving host; None: drawn.
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    others = topology.num_hosts - 1
    if num_senders is not None:
        check_range("num_senders", num_senders, 1, others, "hosts that send to one other")
    if receiver is None:
        target = int(rng.integers(topology.num_hosts))
    else:
        target = topology.host_index[check_name("host as receiver", receiver, topology.hosts)]
    candidates = np.delete(np.arange(topology.num_hosts), target)
    senders = candidates if num_senders is None else np.sort(rng.choice(candidates, num_senders, replace=False))
    return connect(topology, rng, [(i, target) for i in senders.tolist()], start_s, start_spread_s, size_bytes)
