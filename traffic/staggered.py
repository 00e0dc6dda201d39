"""Every host sends near or far with given probabilities."""

import numpy as np

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.topology import Topology

from ._common import Indices, check_range, connect, host_distances

EDGE_HOPS = 2
POD_HOPS = 4
_CLASSES = (
    ("edge_share", 1, EDGE_HOPS, "on its own edge switch"),
    ("pod_share", EDGE_HOPS + 1, POD_HOPS, f"in its pod ({EDGE_HOPS + 1} or {POD_HOPS} links away)"),
    ("the share beyond", POD_HOPS + 1, 1 << 30, f"beyond its pod ({POD_HOPS + 1} links away or more)"),
)


def staggered(
    topology: Topology,
    rng: np.random.Generator,
    edge_share: float = 0.2,
    pod_share: float = 0.3,
    start_s: float = 0.0,
    start_spread_s: float = 0.0,
    size_bytes: int | None = None,
) -> list[Flow]:
    """Every host sends to a random host of its edge switch, of its pod, or beyond, drawn by the shares.

    Distances tell which is which, so that any topology serves: a host on the same edge switch is 2 links away, one in the pod at
    most 4, every other is beyond. Al-Fares et al.: Hedera, NSDI 2010, section 6.

    Args:
        edge_share: probability of the host's own edge switch, 0 to 1.
        pod_share: probability of the pod, 0 to 1 - edge_share; what is left goes beyond.
        start_s, start_spread_s: each flow starts at a time drawn evenly from this span.
        size_bytes: application bytes of each flow; None: endless.

    Raises:
        InputError: a share is out of range, or is above 0 where a host has no host at that distance.
    """
    check_range("edge_share", edge_share, 0, 1, "of the hosts")
    check_range("pod_share", pod_share, 0, 1, "of the hosts")
    if edge_share + pod_share > 1 + 1e-9:
        raise InputError(f"edge_share={edge_share:g} and pod_share={pod_share:g}: expected a sum of at most 1")
    beyond_share = max(0.0, 1 - edge_share - pod_share)
    # Shares such as 0.7 + 0.3 that miss 1 by rounding leave nothing beyond.
    shares = np.array([edge_share, pod_share, beyond_share if beyond_share > 1e-9 else 0.0])
    shares /= shares.sum()
    drawn = rng.choice(len(shares), topology.num_hosts, p=shares)
    cache: dict[str, Indices] = {}
    targets = []
    for host in range(topology.num_hosts):
        distances = host_distances(topology, host, cache)
        reach = [np.flatnonzero((distances >= low) & (distances <= high)) for _, low, high, _ in _CLASSES]
        # Every class is looked at, not only the drawn one, so that an impossible share fails for every seed.
        for (name, _, _, where), share, members in zip(_CLASSES, shares, reach, strict=True):
            if share > 0 and not len(members):
                raise InputError(
                    f"{name}={share:g}: host {topology.hosts[host]} of {topology.name} has no other host {where}: "
                    "expected 0; shift it to the other shares (edge_share + pod_share = 1 sends nothing beyond)"
                )
        targets.append(int(rng.choice(reach[drawn[host]])))
    return connect(topology, rng, enumerate(targets), start_s, start_spread_s, size_bytes)
