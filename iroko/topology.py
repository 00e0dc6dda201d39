"""A fabric as plain data: hosts, switches, ports and the shortest paths between hosts.

`Topology` knows nothing of the engine that runs it. A port is one direction of a link with its queue at the sending end; the
ports stand in one fixed order, and every per-port array of Iroko follows it.
"""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import networkx as nx

from iroko.errors import InputError
from iroko.port import Port
from iroko.registry import show

ROUTINGS = ("static", "ecmp")
HOST_QUEUES = ("fifo", "fq")
MAX_PATH_SWITCHES = 254
"""IP counts hops down from at most 255, and what arrives with 1 is not forwarded."""
MAX_NAME_CHARACTERS = 64
_NODE_NAME = re.compile(r"\w[\w.:/@+-]*")
HOST_QUEUE_BYTES = 16_000_000
"""A host's own queue holds what its sockets hand down; they block before it is full, so that a host drops none of its packets."""


def check_node_name(topology: str, name: Any) -> str:
    """Return the name of a host or switch if every engine, table and figure can hold it.

    Raises:
        InputError: it is no text, is too long, or has a character that is not allowed.
    """
    if not isinstance(name, str):
        raise InputError(f"topology {topology}: node {show(name)}: expected a name, such as 'h0'")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InputError(f"topology {topology}: the name {show(name)} has {len(name)} characters: expected 1 to {MAX_NAME_CHARACTERS}")
    if not _NODE_NAME.fullmatch(name):
        raise InputError(
            f"topology {topology}: the name {show(name)}: expected letters, digits and any of _ . : / - @ +, the first a letter, digit or _"
        )
    return str(name)


@dataclass(frozen=True)
class Topology:
    """An immutable fabric.

    Attributes:
        name: the topology's name, such as `fattree`.
        hosts: names of the hosts; per-host arrays have shape `(num_hosts,)` in this order.
        switches: names of the switches.
        ports: the ports; per-port arrays have shape `(num_ports,)` in this order.
        routing: `static` (the path follows from the destination, so that every engine takes the same one) or `ecmp` (a flow keeps
            one of the shortest paths, chosen by a hash of its addresses and port numbers).
        host_queue: how a host queues what it sends: `fifo` (one queue for all flows) or `fq` (one per flow, served in turn, as
            Linux's `fq` without pacing).

    Raises:
        InputError: a name that is bad or listed twice, a host with more or less than one link, a link to an unknown node, no path
            between two hosts, or one of more than `MAX_PATH_SWITCHES` switches.
    """

    name: str
    hosts: tuple[str, ...]
    switches: tuple[str, ...]
    ports: tuple[Port, ...]
    routing: str = "static"
    host_queue: str = "fifo"
    graph: "nx.DiGraph[str]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for key in ("hosts", "switches"):
            object.__setattr__(self, key, tuple(check_node_name(self.name, name) for name in getattr(self, key)))
        object.__setattr__(self, "ports", tuple(self.ports))
        for key, known in (("routing", ROUTINGS), ("host_queue", HOST_QUEUES)):
            if getattr(self, key) not in known:
                raise InputError(f"{key}={show(getattr(self, key))}: expected one of {', '.join(known)}")
        nodes = Counter(self.hosts + self.switches)
        if doubles := [name for name, count in nodes.items() if count > 1]:
            raise InputError(f"topology {self.name}: the name {doubles[0]!r} is listed twice")
        if len(self.hosts) < 2:
            raise InputError(f"topology {self.name}: expected at least 2 hosts, got {len(self.hosts)}")
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.hosts + self.switches)
        for index, port in enumerate(self.ports):
            if unknown := [end for end in (port.owner, port.peer) if end not in nodes]:
                raise InputError(f"topology {self.name}: port {port.name} names the unknown node {unknown[0]!r}")
            if graph.has_edge(port.owner, port.peer):
                raise InputError(f"topology {self.name}: port {port.name} is listed twice")
            graph.add_edge(port.owner, port.peer, index=index)
        for owner, peer in graph.edges:
            if not graph.has_edge(peer, owner):
                raise InputError(f"topology {self.name}: port {owner}->{peer} has no port back")
        for host in self.hosts:
            if graph.out_degree(host) != 1:
                raise InputError(f"host {host} has {graph.out_degree(host)} links: expected exactly 1")
        if not nx.is_strongly_connected(graph):
            raise InputError(f"topology {self.name}: some nodes cannot reach each other")
        object.__setattr__(self, "graph", graph)
        if len(self.switches) > MAX_PATH_SWITCHES and self.longest_path_ports > MAX_PATH_SWITCHES + 1:
            raise InputError(
                f"topology {self.name}: {self.longest_path_ports - 1} switches between two hosts: expected at most {MAX_PATH_SWITCHES}, "
                "the hops that IP can count; take shorter paths"
            )

    @property
    def num_hosts(self) -> int:
        return len(self.hosts)

    @property
    def num_ports(self) -> int:
        return len(self.ports)

    @cached_property
    def host_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.hosts)}

    @cached_property
    def host_ports(self) -> tuple[int, ...]:
        """For each host the index of its own sending port."""
        owners = {port.owner: index for index, port in enumerate(self.ports)}
        return tuple(owners[host] for host in self.hosts)

    @cached_property
    def switch_ports(self) -> tuple[int, ...]:
        """Indices of the ports whose queue is in a switch."""
        return tuple(index for index, port in enumerate(self.ports) if port.owner not in self.host_index)

    @cached_property
    def host_rates_bps(self) -> tuple[float, ...]:
        """For each host the rate of its own link."""
        return tuple(self.ports[index].rate_bps for index in self.host_ports)

    @cached_property
    def levels(self) -> dict[str, int]:
        """For each node its distance from the nearest host: 0 for hosts, 1 for edge switches, and so on."""
        distances = nx.multi_source_dijkstra_path_length(self.graph, set(self.hosts), weight=None)
        return {node: int(distance) for node, distance in distances.items()}

    @cached_property
    def longest_path_ports(self) -> int:
        """The number of ports, the host's own included, on the longest of the shortest paths between two hosts."""
        edges = {self.ports[own].peer for own in self.host_ports}
        if not edges.isdisjoint(self.host_index):
            return 1
        farthest = 0
        for edge in edges:
            distance, queue = {edge: 0}, deque([edge])
            while queue:
                at = queue.popleft()
                for _, peer in self._arriving[at]:
                    if peer not in distance:
                        distance[peer] = distance[at] + 1
                        queue.append(peer)
            farthest = max(farthest, *(distance[other] for other in edges))
        return farthest + 2

    @cached_property
    def next_ports(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """`next_ports[node][host]`: the indices of the ports of `node` that lie on a shortest path to `host`, in port order."""
        routes: dict[str, dict[str, tuple[int, ...]]] = {node: {} for node in self.graph}
        for host, own in zip(self.hosts, self.host_ports, strict=True):
            edge = self.ports[own].peer
            for node, choices in self._ports_toward(edge).items():
                routes[node][host] = choices
            del routes[host][host]
            routes[edge][host] = (self.graph.edges[edge, host]["index"],)
        return routes

    def _ports_toward(self, node: str) -> dict[str, tuple[int, ...]]:
        """For each other node its ports on shortest paths to `node`; kept, as the hosts of one edge switch share them."""
        if node not in self._toward:
            distance = {node: 0}
            queue, found = deque([node]), {}
            while queue:
                at = queue.popleft()
                for index, peer in self._arriving[at]:
                    if peer not in distance:
                        distance[peer], found[peer] = distance[at] + 1, [index]
                        # A host forwards nothing: no path leads through one.
                        if peer not in self.host_index:
                            queue.append(peer)
                    elif distance[peer] == distance[at] + 1:
                        found[peer].append(index)
            self._toward[node] = {peer: tuple(sorted(indices)) for peer, indices in found.items()}
        return self._toward[node]

    @cached_property
    def _toward(self) -> dict[str, dict[str, tuple[int, ...]]]:
        return {}

    @cached_property
    def _arriving(self) -> dict[str, list[tuple[int, str]]]:
        """For each node the ports that send to it: index and owner."""
        arriving: dict[str, list[tuple[int, str]]] = {node: [] for node in self.graph}
        for index, port in enumerate(self.ports):
            arriving[port.peer].append((index, port.owner))
        return arriving

    def static_port(self, node: str, host: str) -> int:
        """The port that `node` takes to `host` under static routing: a fixed hash of the two names picks among the shortest."""
        choices = self._choices(node, host)
        if len(choices) == 1:
            return choices[0]
        # Not a CRC: it is linear, so that switches one after another would choose alike and leave ports of the core idle.
        digest = hashlib.blake2b(f"{node}>{host}".encode(), digest_size=8).digest()
        return choices[int.from_bytes(digest, "big") % len(choices)]

    def _choices(self, node: str, host: str) -> tuple[int, ...]:
        """`next_ports[node][host]` without the whole table."""
        edge = self.ports[self.host_ports[self.host_index[host]]].peer
        return (self.graph.edges[edge, host]["index"],) if node == edge else self._ports_toward(edge)[node]

    def static_path(self, source: str, destination: str) -> tuple[int, ...]:
        """The indices of the ports from one host to another under static routing."""
        path, node = [], source
        while node != destination:
            path.append(self.static_port(node, destination))
            node = self.ports[path[-1]].peer
        return tuple(path)

    def ecmp_shares(self, source: str, destination: str) -> dict[int, float]:
        """For each port the share of a flow that it would carry if every switch split evenly over the shortest paths."""
        shares: dict[int, float] = {}
        at = {source: 1.0}
        while at:
            following: dict[str, float] = {}
            for node, amount in at.items():
                choices = self._choices(node, destination)
                for index in choices:
                    shares[index] = shares.get(index, 0.0) + amount / len(choices)
                    peer = self.ports[index].peer
                    if peer != destination:
                        following[peer] = following.get(peer, 0.0) + amount / len(choices)
            at = following
        return shares


def build_topology(
    name: str,
    hosts: Iterable[str],
    switches: Iterable[str],
    links: Iterable[tuple[str, str]],
    *,
    rate_bps: float,
    delay_s: float,
    queue_bytes: int,
    ecn_bytes: int | None,
    routing: str,
    host_queue: str = "fifo",
) -> Topology:
    """Make a topology from its links, all of one kind; each link gives two ports.

    The ports of hosts get a long queue of their own (`HOST_QUEUE_BYTES`) and no ECN threshold.
    """
    hosts = tuple(hosts)
    is_host = set(hosts)
    ports = []
    for first, second in links:
        for owner, peer in ((first, second), (second, first)):
            if owner in is_host:
                ports.append(Port(owner, peer, rate_bps, delay_s, max(HOST_QUEUE_BYTES, queue_bytes), None))
            else:
                ports.append(Port(owner, peer, rate_bps, delay_s, queue_bytes, ecn_bytes))
    return Topology(name, hosts, tuple(switches), tuple(ports), routing, host_queue)
