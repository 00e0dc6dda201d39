"""What the traffic patterns share: from pairs of hosts to flows, random other hosts, and how far hosts are apart."""

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.topology import Topology

MAX_FLOWS = 100_000
"""More flows than this in an episode are refused, before they take the memory."""

Indices = npt.NDArray[np.int64]


def check_range(name: str, value: float, low: float, high: float, what: str) -> None:
    """Refuse a parameter outside `low` to `high`, both included.

    Raises:
        InputError: it is outside, or not a number.
    """
    if not low <= value <= high:
        raise InputError(f"{name}={value:g}: expected {low:g} <= {name} <= {high:g} ({what})")


def check_num_flows(num_flows: int, what: str) -> None:
    """Refuse an episode of more than `MAX_FLOWS` flows.

    Raises:
        InputError: there would be more.
    """
    if num_flows > MAX_FLOWS:
        raise InputError(f"{what} makes {num_flows} flows: expected at most {MAX_FLOWS}; use fewer hosts or fewer flows for each")


def connect(
    topology: Topology,
    rng: np.random.Generator,
    pairs: Iterable[tuple[Any, Any]],
    start_s: float,
    start_spread_s: float,
    size_bytes: int | None,
) -> list[Flow]:
    """Make a flow of each (source, destination) pair of host indices, in their order.

    Args:
        start_s: earliest start.
        start_spread_s: each flow starts at a time drawn evenly from `start_s` to `start_s + start_spread_s`.
        size_bytes: application bytes of each flow; None: endless.

    Raises:
        InputError: a start or size out of range.
    """
    check_range("start_s", start_s, 0, 86400, "seconds from the start of the episode")
    check_range("start_spread_s", start_spread_s, 0, 86400, "seconds over which the starts are spread")
    pairs = list(pairs)
    starts = np.full(len(pairs), float(start_s))
    if start_spread_s > 0:
        starts += rng.uniform(0.0, start_spread_s, len(pairs))
    hosts = topology.hosts
    return [Flow(hosts[a], hosts[b], start, size_bytes) for (a, b), start in zip(pairs, starts.tolist(), strict=True)]


def draw_others(rng: np.random.Generator, sources: Indices, num_hosts: int) -> Indices:
    """For each source index draw evenly one of the other hosts, shape of `sources`."""
    # A draw among n - 1 that steps over the source itself.
    drawn = rng.integers(0, num_hosts - 1, sources.shape)
    return np.asarray(drawn + (drawn >= sources), dtype=np.int64)


def host_distances(topology: Topology, host: int, cache: dict[str, Indices]) -> Indices:
    """Links on the shortest paths from one host to every host, shape `(num_hosts,)`; 0 for the host itself.

    Args:
        cache: results by edge switch, which hosts on one switch share; pass the same dictionary for each host of a topology.
    """
    edge = topology.ports[topology.host_ports[host]].peer
    if edge not in cache:
        hops = nx.single_source_shortest_path_length(topology.graph, edge)
        cache[edge] = np.array([hops[name] + 1 for name in topology.hosts], dtype=np.int64)
    distances = cache[edge].copy()
    distances[host] = 0
    return distances
