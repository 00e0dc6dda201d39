"""Ports, checks and shortest-path routes of `Topology`."""

import dataclasses
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest

from iroko.errors import InputError
from iroko.port import Port
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topology import HOST_QUEUE_BYTES, Topology, build_topology


def make(links: list[tuple[str, str]], hosts: int = 2, switches: int = 2, routing: str = "static", name: str = "test") -> Topology:
    return build_topology(
        name, [f"h{i}" for i in range(hosts)], [f"s{i}" for i in range(switches)], links,
        rate_bps=1e6, delay_s=0.001, queue_bytes=15_140, ecn_bytes=3_028, routing=routing,
    )  # fmt: skip


def two_ports(owner: str, peer: str) -> tuple[Port, Port]:
    return Port(owner, peer, 1e6, 0.0, 15_140), Port(peer, owner, 1e6, 0.0, 15_140)


def slow_next_ports(topology: Topology) -> dict[str, dict[str, tuple[int, ...]]]:
    """The definition, word for word: a port is next when its peer is one nearer, and no host but the destination forwards."""
    routes: dict[str, dict[str, tuple[int, ...]]] = {node: {} for node in topology.graph}
    for host in topology.hosts:
        distance = dict(nx.single_target_shortest_path_length(topology.graph, host))
        for node in topology.graph:
            if node != host:
                routes[node][host] = tuple(
                    index for index, port in enumerate(topology.ports)
                    if port.owner == node and distance[port.peer] == distance[node] - 1
                    and (port.peer == host or port.peer not in topology.hosts)
                )  # fmt: skip
    return routes


@pytest.mark.parametrize("change", [
    {"rate_bps": 999.0}, {"rate_bps": 401e9}, {"rate_bps": float("nan")}, {"rate_bps": -1.0},
    {"delay_s": -1e-9}, {"delay_s": 10.1}, {"delay_s": float("nan")},
    {"queue_bytes": 1513}, {"queue_bytes": (1 << 30) + 1},
    {"ecn_bytes": 0}, {"ecn_bytes": 15_141},
])  # fmt: skip
def test_a_port_out_of_range_is_refused(change: dict[str, float]) -> None:
    values = {"rate_bps": 1e6, "delay_s": 0.0, "queue_bytes": 15_140, "ecn_bytes": 3_028} | change
    (name,) = change
    with pytest.raises(InputError, match=rf"{name}=.* of port h0->s0: expected"):
        Port("h0", "s0", **values)  # type: ignore[arg-type]


def test_the_limits_of_a_port_are_allowed() -> None:
    assert Port("a", "b", 1e3, 10.0, 1514, 1514).name == "a->b"
    assert Port("a", "b", 400e9, 0.0, 1 << 30).ecn_bytes is None


@pytest.mark.parametrize(("links", "message"), [
    ([("h0", "s0"), ("h1", "s0")], "cannot reach"),
    ([("h0", "s0"), ("h1", "s1")], "cannot reach"),
    ([("h0", "s0"), ("h0", "s1"), ("h1", "s0"), ("s0", "s1")], "host h0 has 2 links"),
    ([("h0", "s0"), ("s0", "s1")], "host h1 has 0 links"),
    ([("h0", "s0"), ("h1", "s1"), ("s0", "s1"), ("s1", "s0")], "is listed twice"),
    ([("h0", "s0"), ("h1", "s9"), ("s0", "s1")], "unknown node 's9'"),
])  # fmt: skip
def test_a_broken_fabric_is_refused(links: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(links)


def test_a_name_twice_one_host_and_a_one_way_link_are_refused() -> None:
    with pytest.raises(InputError, match="'x' is listed twice"):
        Topology("test", ("x", "h1"), ("x",), two_ports("h1", "x"))
    with pytest.raises(InputError, match="at least 2 hosts, got 1"):
        Topology("test", ("h0",), ("s0",), two_ports("h0", "s0"))
    with pytest.raises(InputError, match=r"s0->h1 has no port back|h1->s0 has no port back"):
        Topology("test", ("h0", "h1"), ("s0",), (*two_ports("h0", "s0"), two_ports("h1", "s0")[0]))
    with pytest.raises(InputError, match="routing='fastest': expected one of static, ecmp"):
        dumbbell(routing="fastest")
    with pytest.raises(InputError, match="host_queue='lifo': expected one of fifo, fq"):
        dumbbell(host_queue="lifo")


@pytest.mark.parametrize(("name", "message"), [
    ("", "the name '': expected letters"),
    ("-h0", "the name '-h0': expected letters, digits and any of"),
    ("h 0", "the name 'h 0'"), ("h\n", r"the name 'h\\n'"), ("h>0", "the name 'h>0'"), ("$h$", "the name"), ("..", "the name"),
    ("h" * 65, r"has 65 characters: expected 1 to 64"),
    (0, "node 0: expected a name, such as 'h0'"), (None, "node None: expected a name"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["host", "switch"])
def test_a_name_that_no_engine_can_hold_is_refused(name: Any, message: str, kind: str) -> None:
    host, switch = (name, "s0") if kind == "host" else ("h0", name)
    with pytest.raises(InputError, match=message):
        Topology("test", (host, "h1"), (switch,), (*two_ports(host, switch), *two_ports("h1", switch)))


def test_numbers_of_numpy_become_plain_ones() -> None:
    port = Port("a", "b", np.float32(1e6), np.int64(0), np.int64(15_140), np.float64(3028.0))
    assert port == Port("a", "b", 1e6, 0.0, 15_140, 3028)
    assert [type(value) for value in dataclasses.astuple(port)[2:]] == [float, int, int, int]
    for key, value in (("queue_bytes", 15_140.5), ("queue_bytes", True), ("ecn_bytes", "3k"), ("rate_bps", "1M"), ("delay_s", None)):
        with pytest.raises(InputError, match=f"{key}=.* of port a->b: expected a"):
            Port("a", "b", **({"rate_bps": 1e6, "delay_s": 0.0, "queue_bytes": 15_140} | {key: value}))


def test_indices_agree_with_the_ports() -> None:
    topology = fattree(4)
    for index, host in enumerate(topology.hosts):
        assert topology.host_index[host] == index
        assert topology.ports[topology.host_ports[index]].owner == host
    assert {topology.ports[i].owner for i in topology.switch_ports} == set(topology.switches)
    assert sorted(topology.switch_ports + topology.host_ports) == list(range(topology.num_ports))
    assert topology.host_rates_bps == (10e6,) * 16


def test_a_host_s_own_queue_is_long_and_does_not_mark() -> None:
    for port in dumbbell().ports:
        if port.owner.startswith("h"):
            assert (port.queue_bytes, port.ecn_bytes) == (HOST_QUEUE_BYTES, None)
        else:
            assert (port.queue_bytes, port.ecn_bytes) == (757_000, 30_280)


@pytest.mark.parametrize("topology", [
    dumbbell(1, 3), fattree(2), fattree(4), fattree(6),
    make([("h0", "s0"), ("h1", "s3"), ("h2", "s1"), ("s0", "s1"), ("s1", "s3"), ("s0", "s2"), ("s2", "s3"), ("s0", "s3")], 3, 4),
    make([("h0", "s0"), ("h1", "s2"), ("s0", "s1"), ("s1", "s2"), ("s2", "s3"), ("s3", "s4"), ("s4", "s0")], 2, 5),
], ids=lambda topology: f"{topology.name}{topology.num_hosts}")  # fmt: skip
def test_next_ports_agree_with_the_definition(topology: Topology) -> None:
    assert topology.next_ports == slow_next_ports(topology)


@pytest.mark.parametrize("topology", [dumbbell(2, 2), fattree(4), fattree(6)], ids=lambda topology: f"{topology.name}{topology.num_hosts}")
def test_static_paths_are_shortest_and_follow_from_the_destination(topology: Topology) -> None:
    for source in topology.hosts:
        distance = nx.single_source_shortest_path_length(topology.graph, source)
        for destination in topology.hosts:
            if source != destination:
                path = [topology.ports[index] for index in topology.static_path(source, destination)]
                assert len(path) == distance[destination]
                assert (path[0].owner, path[-1].peer) == (source, destination)
                assert all(first.peer == second.owner for first, second in pairwise(path))
                for port in path:
                    index = topology.graph.edges[port.owner, port.peer]["index"]
                    assert topology.static_port(port.owner, destination) == index


@pytest.mark.parametrize("k", [4, 8])
def test_static_paths_of_all_pairs_use_every_port(k: int) -> None:
    """A hash that is linear in the names repeats its choice from switch to switch and leaves ports of the core idle."""
    topology = fattree(k)
    load = Counter(index for a in topology.hosts for b in topology.hosts if a != b for index in topology.static_path(a, b))
    core = [load[index] for index, port in enumerate(topology.ports) if port.owner.startswith("c")]
    assert min(core) > 0
    assert max(core) < 2.5 * sum(core) / len(core)


def test_static_paths_stay_the_same_from_version_to_version() -> None:
    # Results depend on these choices: a change of the hash is a change of results.
    topology = fattree(4)
    for ends, nodes in {
        ("h0", "h3"): "e0_0 a0_0 e0_1",
        ("h0", "h8"): "e0_0 a0_1 c3 a2_1 e2_0",
        ("h5", "h15"): "e1_0 a1_1 c2 a3_1 e3_1",
        ("h9", "h2"): "e2_0 a2_0 c1 a0_0 e0_1",
        ("h14", "h4"): "e3_1 a3_1 c2 a1_1 e1_0",
        ("h1", "h12"): "e0_0 a0_0 c0 a3_0 e3_0",
    }.items():
        assert " ".join(topology.ports[index].peer for index in topology.static_path(*ends)[:-1]) == nodes


def test_ecmp_shares_by_hand() -> None:
    topology = fattree(4, routing="ecmp")
    named = {topology.ports[index].name: share for index, share in topology.ecmp_shares("h0", "h15").items()}
    assert named == {
        "h0->e0_0": 1, "e0_0->a0_0": 0.5, "e0_0->a0_1": 0.5,
        "a0_0->c0": 0.25, "a0_0->c1": 0.25, "a0_1->c2": 0.25, "a0_1->c3": 0.25,
        "c0->a3_0": 0.25, "c1->a3_0": 0.25, "c2->a3_1": 0.25, "c3->a3_1": 0.25,
        "a3_0->e3_1": 0.5, "a3_1->e3_1": 0.5, "e3_1->h15": 1,
    }  # fmt: skip


def test_ecmp_splits_at_each_switch_and_not_by_path() -> None:
    # s0 has two ways, of which one splits again: 1/2 and 1/4 + 1/4, not 1/3 each.
    links = [
        ("h0", "s0"),
        ("h1", "s5"),
        ("s0", "s1"),
        ("s0", "s2"),
        ("s1", "s3"),
        ("s2", "s3"),
        ("s2", "s4"),
        ("s3", "s5"),
        ("s4", "s5"),
    ]
    topology = make(links, 2, 6, "ecmp")
    named = {topology.ports[index].name: share for index, share in topology.ecmp_shares("h0", "h1").items()}
    assert (named["s0->s1"], named["s2->s3"], named["s2->s4"], named["s3->s5"]) == (0.5, 0.25, 0.25, 0.75)


def test_levels() -> None:
    levels = fattree(4).levels
    assert {name[0]: level for name, level in levels.items()} == {"h": 0, "e": 1, "a": 2, "c": 3}


def test_routes_of_a_large_fabric_come_quickly() -> None:
    started = time.process_time()
    topology = fattree(8)
    assert sum(len(routes) for routes in topology.next_ports.values()) == 128 * (128 + 80 - 1)
    assert time.process_time() - started < 1.0


def test_a_path_does_not_need_the_whole_table() -> None:
    topology = fattree(24)
    started = time.process_time()
    assert len(topology.static_path("h0", "h3455")) == 6
    assert time.process_time() - started < 1.0


def test_a_topology_is_immutable() -> None:
    with pytest.raises(AttributeError):
        dumbbell().name = "other"  # type: ignore[misc]
