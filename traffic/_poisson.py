"""Flows that arrive at random times at a given load, their sizes drawn from a distribution."""

import numpy as np

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.topology import Topology

from ._common import MAX_FLOWS, check_range, draw_others
from ._sizes import SizeDistribution


def poisson_flows(
    topology: Topology,
    rng: np.random.Generator,
    sizes: SizeDistribution,
    load: float,
    duration_s: float,
    size_scale: float,
    max_flows: int,
) -> list[Flow]:
    """Draw flows between random pairs of hosts, in the order of their starts.

    All hosts together start load * (sum of their link rates) / (8 * mean size) flows a second, as a Poisson process from 0 to
    `duration_s`. A flow's source is drawn in proportion to the hosts' link rates, so that each host offers `load` times its link rate
    on average; its destination is drawn evenly from the other hosts.

    Args:
        sizes: of the flows, before `size_scale`.
        load: what the hosts offer over what their links carry, 0.001 to 1. Application bytes count: the headers of full frames add
            another 4.6% of them under TCP and 2.9% under UDP. What crosses the fabric depends on the pairs, so that links
            inside it may have to carry more than `load`.
        duration_s: how long flows arrive; an episode that is longer gives the last ones time to finish.
        size_scale: factor for every size, 1e-5 to 1000; at equal load smaller flows are more flows.
        max_flows: refuse a scenario in which more than this arrive on average, 1 to 100,000.

    Raises:
        InputError: a parameter out of range, or a scenario with less than one flow or more than `max_flows` on average.
    """
    check_range("load", load, 0.001, 1, "of the hosts' link rates, in application bytes")
    check_range("duration_s", duration_s, 1e-6, 86400, "seconds in which flows arrive")
    check_range("size_scale", size_scale, 1e-5, 1000, "times the published sizes")
    check_range("max_flows", max_flows, 1, MAX_FLOWS, "flows in an episode")
    rates_bps = np.array(topology.host_rates_bps)
    mean_bytes = sizes.mean_bytes * size_scale
    expected = load * float(rates_bps.sum()) / 8 / mean_bytes * duration_s
    what = f"load={load:g} for duration_s={duration_s:g} with flows of {mean_bytes:,.0f} bytes on average makes"
    if expected < 1:
        raise InputError(f"{what} {expected:.2g} flows: expected 1 or more; raise load or duration_s, or lower size_scale")
    if expected > max_flows:
        raise InputError(
            f"{what} {expected:,.0f} flows: expected at most max_flows={max_flows}; "
            "lower load or duration_s, or raise size_scale or max_flows"
        )
    # Given their number, the times of a Poisson process are spread evenly. An episode of no flow at all would be none.
    num_flows = max(1, int(rng.poisson(expected)))
    starts_s = np.sort(rng.uniform(0.0, duration_s, num_flows))
    sources = rng.choice(topology.num_hosts, num_flows, p=rates_bps / rates_bps.sum())
    targets = draw_others(rng, sources, topology.num_hosts)
    drawn = zip(sources.tolist(), targets.tolist(), starts_s.tolist(), sizes.draw(rng, num_flows, size_scale).tolist(), strict=True)
    return [Flow(topology.hosts[a], topology.hosts[b], start_s, size_bytes) for a, b, start_s, size_bytes in drawn]
