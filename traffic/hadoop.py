"""Flows of a Hadoop cluster, arriving at random."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._poisson import poisson_flows
from ._sizes import SizeDistribution

SIZES = SizeDistribution(
    (0, 100, 200, 300, 350, 400, 500, 600, 700, 1e3, 2e3, 7e3, 30e3, 50e3, 80e3, 120e3, 300e3, 1e6, 2e6, 10e6),
    (0.0, 0.01, 0.02, 0.05, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.67, 0.7, 0.72, 0.82, 0.87, 0.9, 0.95, 0.975, 0.99, 1.0),
)  # fmt: skip


def hadoop(
    topology: Topology,
    rng: np.random.Generator,
    load: float = 0.5,
    duration_s: float = 10.0,
    size_scale: float = 1.0,
    max_flows: int = 10_000,
) -> list[Flow]:
    """Poisson arrivals between random pairs of hosts, sizes as in a Hadoop cluster.

    Roy et al.: Inside the Social Network's (Datacenter) Network, SIGCOMM 2015, figure 6. The points are those of
    `traffic_gen/FbHdp_distribution.txt` in github.com/alibaba-edu/High-Precision-Congestion-Control (HPCC, SIGCOMM 2019), linear in
    between. The mean is 120 kB, the median 700 bytes and the largest flow 10 MB; 70% of the flows are no larger than 7 kB.

    Args:
        load: what the hosts offer in application bytes over what their links carry, 0.001 to 1.
        duration_s: how long flows arrive; the rest of the episode is for them to finish.
        size_scale: factor for every size.
        max_flows: refuse a scenario in which more flows than this arrive on average.

    Raises:
        InputError: see `traffic._poisson.poisson_flows`.
    """
    return poisson_flows(topology, rng, SIZES, load, duration_s, size_scale, max_flows)
