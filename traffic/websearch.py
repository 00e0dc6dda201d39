"""Flows of a web search cluster, arriving at random."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._poisson import poisson_flows
from ._sizes import SizeDistribution

SIZES = SizeDistribution(
    (0, 10e3, 20e3, 30e3, 50e3, 80e3, 200e3, 1e6, 2e6, 5e6, 10e6, 30e6),
    (0.0, 0.15, 0.2, 0.3, 0.4, 0.53, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0),
)  # fmt: skip


def websearch(
    topology: Topology,
    rng: np.random.Generator,
    load: float = 0.5,
    duration_s: float = 10.0,
    size_scale: float = 0.1,
    max_flows: int = 10_000,
) -> list[Flow]:
    """Poisson arrivals between random pairs of hosts, sizes as in a web search cluster.

    Alizadeh et al.: Data Center TCP (DCTCP), SIGCOMM 2010, figure 4. The points are those of `traffic_gen/WebSearch_distribution.txt` in
    github.com/alibaba-edu/High-Precision-Congestion-Control (HPCC, SIGCOMM 2019) and of `conf/DCTCP_CDF.txt` in
    github.com/HKUST-SING/TrafficGenerator, linear in between. As published the mean is 1.71 MB, the median 73 kB and the largest flow
    30 MB; 30% of the flows, those above 1 MB, have 95% of the bytes.

    Args:
        load: what the hosts offer in application bytes over what their links carry, 0.001 to 1.
        duration_s: how long flows arrive; the rest of the episode is for them to finish.
        size_scale: factor for every size. The default suits links of 10 Mbit/s, on which the largest flow as published would take half
            a minute; use 1 from 100 Mbit/s up.
        max_flows: refuse a scenario in which more flows than this arrive on average.

    Raises:
        InputError: see `traffic._poisson.poisson_flows`.
    """
    return poisson_flows(topology, rng, SIZES, load, duration_s, size_scale, max_flows)
