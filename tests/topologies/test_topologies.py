"""The fabrics that Iroko brings: counts by formula, links, names, parameters."""

import inspect
from collections import Counter
from collections.abc import Callable

import networkx as nx
import pytest

from iroko.errors import InputError
from iroko.registry import list_names, load
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import HOST_QUEUE_BYTES, Topology

LINK_PARAMETERS = {"rate_bps": 10e6, "delay_s": 0.0, "queue_bytes": 757_000, "ecn_bytes": 30_280, "routing": "static", "host_queue": "fq"}


def hops(topology: Topology, source: str, destination: str) -> int:
    return int(nx.shortest_path_length(topology.graph, source, destination))


@pytest.mark.parametrize("k", [2, 4, 6, 8, 16])
def test_fattree_counts(k: int) -> None:
    topology = fattree(k)
    half = k // 2
    kinds = Counter(name[0] for name in topology.switches)
    assert topology.num_hosts == k**3 // 4
    assert len(topology.switches) == 5 * k**2 // 4
    assert kinds == {"c": half**2, "a": k * half, "e": k * half}
    assert topology.num_ports == 2 * 3 * k**3 // 4
    assert len(topology.switch_ports) == 5 * k**2 // 4 * k
    # Every switch has k links: it is built of one kind of switch.
    assert {topology.graph.out_degree(name) for name in topology.switches} == {k}


def test_the_largest_fattree_can_be_made() -> None:
    topology = fattree(48)
    assert (topology.num_hosts, len(topology.switches)) == (27_648, 2_880)


@pytest.mark.parametrize("k", [4, 6])
def test_fattree_path_lengths_and_number_of_paths(k: int) -> None:
    topology = fattree(k)
    half = k // 2
    same_edge, same_pod, beyond = f"h{half - 1}", f"h{half}", f"h{half * half}"
    assert [hops(topology, "h0", host) for host in (same_edge, same_pod, beyond)] == [2, 4, 6]
    paths = [len(list(nx.all_shortest_paths(topology.graph, "h0", host))) for host in (same_edge, same_pod, beyond)]
    assert paths == [1, half, half * half]
    lengths = Counter(nx.single_source_shortest_path_length(topology.graph, "h0")[host] for host in topology.hosts[1:])
    assert lengths == {2: half - 1, 4: half * (half - 1), 6: (k - 1) * half * half}


def test_fattree_links_by_hand() -> None:
    graph = fattree(4).graph
    assert set(graph.successors("e1_0")) == {"h4", "h5", "a1_0", "a1_1"}
    assert set(graph.successors("a2_0")) == {"e2_0", "e2_1", "c0", "c1"}
    assert set(graph.successors("a2_1")) == {"e2_0", "e2_1", "c2", "c3"}
    assert set(graph.successors("c3")) == {"a0_1", "a1_1", "a2_1", "a3_1"}


def test_fattree_survives_the_cut_that_it_promises() -> None:
    # Full bisection: k/2 edge-disjoint ways from an edge switch to one of another pod.
    assert nx.edge_connectivity(fattree(6).graph, "e0_0", "e5_2") == 3


@pytest.mark.parametrize("k", [-2, 0, 1, 3, 47, 50])
def test_fattree_refuses_other_k(k: int) -> None:
    with pytest.raises(InputError, match=f"k={k}: expected an even number of ports, 2 to 48"):
        fattree(k)


def test_dumbbell() -> None:
    topology = dumbbell(3, 2)
    assert topology.hosts == ("h0", "h1", "h2", "h3", "h4")
    assert set(topology.graph.successors("s0")) == {"h0", "h1", "h2", "s1"}
    assert set(topology.graph.successors("s1")) == {"h3", "h4", "s0"}
    assert topology.num_ports == 2 * (5 + 1)
    assert (hops(topology, "h0", "h1"), hops(topology, "h0", "h4")) == (2, 3)


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (501, 1), (1, -1)])
def test_dumbbell_refuses_other_sides(sides: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="expected 1 to 500 hosts on each side"):
        dumbbell(*sides)


@pytest.mark.parametrize("num_hosts", [2, 7, 1000])
def test_star(num_hosts: int) -> None:
    topology = star(num_hosts)
    assert topology.num_hosts == num_hosts
    assert topology.switches == ("s0",)
    assert topology.num_ports == 2 * num_hosts
    assert hops(topology, "h0", f"h{num_hosts - 1}") == 2


@pytest.mark.parametrize("num_hosts", [-1, 0, 1, 1001])
def test_star_refuses_other_sizes(num_hosts: int) -> None:
    with pytest.raises(InputError, match=f"num_hosts={num_hosts}: expected 2 to 1000"):
        star(num_hosts)


@pytest.mark.parametrize("name", list_names("topologies"))
def test_all_take_the_same_link_parameters(name: str) -> None:
    parameters = inspect.signature(load("topologies", "topology", name)).parameters
    assert LINK_PARAMETERS.items() <= {key: value.default for key, value in parameters.items()}.items()


@pytest.mark.parametrize("name", list_names("topologies"))
def test_link_parameters_reach_every_port(name: str) -> None:
    make: Callable[..., Topology] = load("topologies", "topology", name)
    topology = make(rate_bps=1e9, delay_s=5e-6, queue_bytes=30_280, ecn_bytes=None, routing="ecmp")
    assert (topology.name, topology.routing) == (name, "ecmp")
    assert {(port.rate_bps, port.delay_s, port.ecn_bytes) for port in topology.ports} == {(1e9, 5e-6, None)}
    assert {topology.ports[index].queue_bytes for index in topology.switch_ports} == {30_280}
    assert {topology.ports[index].queue_bytes for index in topology.host_ports} == {HOST_QUEUE_BYTES}


@pytest.mark.parametrize("topology", [dumbbell(500, 500), star(1000), fattree(48)], ids=lambda topology: topology.name)
def test_names_fit_an_interface(topology: Topology) -> None:
    # Linux allows 15 characters for an interface: the node's name, a dash, "eth" and a number.
    assert max(len(name) for name in topology.hosts + topology.switches) <= 9


@pytest.mark.parametrize("make", [dumbbell, star, fattree])
def test_a_bad_link_is_named(make: Callable[..., Topology]) -> None:
    with pytest.raises(InputError, match=r"rate_bps=1 of port .*: expected"):
        make(rate_bps=1.0)
