"""A part of the hosts crowds a few receivers."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._common import check_range, connect, draw_others


def hotspot(
    topology: Topology,
    rng: np.random.Generator,
    hot_share: float = 0.5,
    num_hot: int = 1,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """A drawn share of the hosts each send to one of a few drawn hot hosts; each remaining host sends to a random other host.

    Args:
        hot_share: share of the hosts that are not hot themselves and send to a hot one, 0 to 1; rounded to whole hosts.
        num_hot: hot receivers, 1 to the number of hosts less one; the crowd is split over them as evenly as it goes.
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.
    """
    count = topology.num_hosts
    check_range("hot_share", hot_share, 0, 1, "of the hosts")
    check_range("num_hot", num_hot, 1, count - 1, "hot receivers")
    order = rng.permutation(count)
    hot, rest = order[:num_hot], order[num_hot:]
    crowd = rest[: round(hot_share * len(rest))]
    targets = draw_others(rng, np.arange(count), count)
    targets[crowd] = hot[np.arange(len(crowd)) % num_hot]
    return connect(topology, rng, enumerate(targets.tolist()), start_s, start_spread_s, size_bytes)
