"""The max-min fair rates of flows on their paths: what an all-knowing allocator would give."""

from collections.abc import Sequence

import numpy as np

from iroko.flows import Flow
from iroko.snapshot import Floats, Integers
from iroko.topology import Topology

FULL = 1e-9
"""A port whose load is within this part of its rate counts as full: equal bottlenecks fill in one round in spite of rounding."""


def max_min_rates(topology: Topology, flows: Sequence[Flow]) -> Floats:
    """The max-min fair rate of each flow by progressive filling.

    All rates rise together from 0; when a port is full, the flows through it keep their rate, and the others rise on. So no rate
    can grow without taking from a flow that has no more.

    Bertsekas, Gallager: Data Networks, 2nd edition, section 6.5.2. Under `ecmp` routing we differ: a flow is a fluid that every
    switch splits evenly over its shortest paths, and loads each port with its share. Start times and sizes have no effect: give
    the flows that are active at once.

    Returns:
        Rates in bit/s of Ethernet frames, shape `(num_flows,)`.
    """
    rates_bps = np.zeros(len(flows))
    flow, port, share = path_loads(topology, flows)
    capacity_bps = np.array([port.rate_bps for port in topology.ports])
    rising = np.ones(len(flows), dtype=bool)
    while rising.any():
        fixed_bps = np.bincount(port, np.where(rising[flow], 0.0, rates_bps[flow]) * share, topology.num_ports)
        weight = np.bincount(port, rising[flow] * share, topology.num_ports)
        # Ports without a rising flow bound nothing.
        level_bps = np.full(topology.num_ports, np.inf)
        np.divide(capacity_bps - fixed_bps, weight, out=level_bps, where=weight > 0)
        lowest_bps = max(0.0, float(level_bps.min()))
        full = level_bps <= lowest_bps * (1 + FULL)
        rates_bps[rising] = lowest_bps
        rising[flow[full[port]]] = False
    return rates_bps


def max_min_limits(topology: Topology, flows: Sequence[Flow]) -> Floats:
    """The sum of each host's max-min fair rates; a host that sends nothing gets the rate of its link.

    Returns:
        Limits in bit/s of Ethernet frames, shape `(num_hosts,)`.
    """
    source = np.array([topology.host_index[flow.source] for flow in flows], dtype=np.int64)
    limits_bps = np.bincount(source, max_min_rates(topology, flows), topology.num_hosts)
    idle = np.bincount(source, minlength=topology.num_hosts) == 0
    link_bps = np.array(topology.host_rates_bps)
    # A sum of rates may exceed the link by a rounding error.
    return np.where(idle, link_bps, np.minimum(limits_bps, link_bps))


Paths = dict[tuple[str, str], tuple[Integers, Floats]]
"""For a source and a destination the ports of their paths, and what share of a flow each carries."""


def path_loads(topology: Topology, flows: Sequence[Flow], known: Paths | None = None) -> tuple[Integers, Integers, Floats]:
    """Which flow loads which port with what share of its rate: three arrays of one length.

    Args:
        known: paths found before, to which new ones are added.
    """
    paths: Paths = {} if known is None else known
    for pair in {(flow.source, flow.destination) for flow in flows} - paths.keys():
        if topology.routing == "static":
            used = topology.static_path(*pair)
            paths[pair] = np.array(used, dtype=np.int64), np.ones(len(used))
        else:
            shares = topology.ecmp_shares(*pair)
            paths[pair] = np.fromiter(shares, np.int64, len(shares)), np.fromiter(shares.values(), float, len(shares))
    found = [paths[flow.source, flow.destination] for flow in flows]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    flow_index = np.repeat(np.arange(len(flows)), [len(ports) for ports, _ in found])
    return flow_index, np.concatenate([ports for ports, _ in found]), np.concatenate([shares for _, shares in found])
