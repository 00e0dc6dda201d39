"""Flows of a data mining cluster, arriving at random."""

import numpy as np

from iroko.flows import Flow
from iroko.topology import Topology

from ._poisson import poisson_flows
from ._sizes import SizeDistribution

PACKET_BYTES = 1460
SIZES = SizeDistribution(
    tuple(PACKET_BYTES * packets for packets in (1, 1, 2, 3, 7, 267, 2107, 66_667, 666_667)),
    (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)


def datamining(
    topology: Topology,
    rng: np.random.Generator,
    load: float = 0.5,
    duration_s: float = 10.0,
    size_scale: float = 0.01,
    max_flows: int = 10_000,
) -> list[Flow]:
    """Poisson arrivals between random pairs of hosts, sizes as in a data mining cluster.

    Greenberg et al.: VL2, SIGCOMM 2009, figure 2. The points are those of pFabric's simulations (Alizadeh et al., SIGCOMM 2013,
    `CDF_vl2.tcl`; `conf/CDF_vl2.txt` in github.com/HKUST-SING/TrafficGenerator has them too), which count packets of 1460 bytes, linear
    in between. As published the mean is 7.47 MB and the largest flow 973 MB; half of the flows are one packet, and 3.6% of them, those
    above 35 MB, have 95% of the bytes.

    Args:
        load: what the hosts offer in application bytes over what their links carry, 0.001 to 1.
        duration_s: how long flows arrive; the rest of the episode is for them to finish.
        size_scale: factor for every size. The default suits links of 10 Mbit/s, on which the largest flow as published would take a
            quarter of an hour; use 1 from 1 Gbit/s up.
        max_flows: refuse a scenario in which more flows than this arrive on average.

    Raises:
        InputError: see `traffic._poisson.poisson_flows`.
    """
    return poisson_flows(topology, rng, SIZES, load, duration_s, size_scale, max_flows)
