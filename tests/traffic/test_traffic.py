"""The patterns of traffic: who sends to whom, drawn from the generator alone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.registry import list_names, load
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import Topology
from iroko.traffic.all_to_all import all_to_all
from iroko.traffic.hotspot import hotspot
from iroko.traffic.incast import incast
from iroko.traffic.pairs import pairs
from iroko.traffic.permutation import permutation
from iroko.traffic.random import random
from iroko.traffic.staggered import staggered
from iroko.traffic.stride import stride

FATTREE = fattree(4)
FINITE = ("datamining", "hadoop", "replay", "websearch")  # tests/traffic/test_finite_traffic.py and tests/traffic/test_replay.py
PATTERNS = [name for name in list_names("traffic") if name not in FINITE]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ends(flows: list[Flow]) -> list[tuple[str, str]]:
    return [(flow.source, flow.destination) for flow in flows]


def draw(name: str, topology: Topology, seed: int = 0, **parameters: Any) -> list[Flow]:
    pattern: Callable[..., list[Flow]] = load("traffic", "traffic", name)
    return pattern(topology, rng(seed), **parameters)


@pytest.mark.parametrize("name", PATTERNS)
def test_flows_join_hosts_of_the_fabric(name: str) -> None:
    flows = draw(name, FATTREE)
    assert flows
    for flow in flows:
        assert {flow.source, flow.destination} <= set(FATTREE.hosts)
        assert flow.source != flow.destination
        assert (flow.start_s, flow.size_bytes) == (0.0, None)


@pytest.mark.parametrize("name", PATTERNS)
def test_equal_seeds_give_equal_flows(name: str) -> None:
    parameters = {"start_spread_s": 1.0, "size_bytes": 1000}
    assert draw(name, FATTREE, 3, **parameters) == draw(name, FATTREE, 3, **parameters)
    assert draw(name, FATTREE, 3, **parameters) != draw(name, FATTREE, 4, **parameters)


@pytest.mark.parametrize("name", ["hotspot", "incast", "permutation", "random", "staggered"])
def test_another_seed_gives_other_pairs(name: str) -> None:
    assert len({tuple(ends(draw(name, FATTREE, seed))) for seed in range(20)}) > 5


@pytest.mark.parametrize("name", PATTERNS)
def test_starts_and_sizes(name: str) -> None:
    flows = draw(name, FATTREE, start_s=2.0, start_spread_s=0.5, size_bytes=64_000)
    assert {flow.size_bytes for flow in flows} == {64_000}
    starts = [flow.start_s for flow in flows]
    assert 2.0 <= min(starts) < max(starts) <= 2.5
    assert {flow.start_s for flow in draw(name, FATTREE, start_s=2.0)} == {2.0}


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize(("key", "value"), [
    ("start_s", -1.0), ("start_s", float("nan")), ("start_s", float("inf")), ("start_spread_s", -0.1), ("start_spread_s", 1e6),
    ("size_bytes", 0), ("size_bytes", -5),
])  # fmt: skip
def test_starts_and_sizes_out_of_range_are_refused(name: str, key: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{key}=.*expected"):
        draw(name, FATTREE, **{key: value})


@pytest.mark.parametrize("name", [name for name in PATTERNS if name != "staggered"])
def test_two_hosts_are_enough(name: str) -> None:
    assert set(ends(draw(name, star(2)))) <= {("h0", "h1"), ("h1", "h0")}


def test_pairs() -> None:
    assert ends(pairs(dumbbell(2, 2), rng())) == [("h0", "h2"), ("h1", "h3")]
    assert ends(pairs(FATTREE, rng())) == [(f"h{i}", f"h{i + 8}") for i in range(8)]
    assert ends(pairs(star(5), rng())) == [("h0", "h2"), ("h1", "h3")]


def test_incast() -> None:
    assert ends(incast(star(4), rng(), receiver="h2")) == [("h0", "h2"), ("h1", "h2"), ("h3", "h2")]
    flows = incast(FATTREE, rng(), num_senders=5)
    assert len({flow.source for flow in flows}) == 5
    assert len({flow.destination for flow in flows}) == 1
    assert len({incast(FATTREE, rng(seed))[0].destination for seed in range(40)}) > 8


def test_incast_out_of_range() -> None:
    for num_senders in (0, 16, -1):
        with pytest.raises(InputError, match=f"num_senders={num_senders}: expected 1 <= num_senders <= 15"):
            incast(FATTREE, rng(), num_senders=num_senders)
    with pytest.raises(InputError, match="unknown host as receiver 'h99'"):
        incast(FATTREE, rng(), receiver="h99")
    with pytest.raises(InputError, match="unknown host as receiver 'c0'"):
        incast(FATTREE, rng(), receiver="c0")


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_permutation_is_a_derangement(num_hosts: int, seed: int) -> None:
    topology = star(num_hosts)
    flows = permutation(topology, rng(seed))
    assert [flow.source for flow in flows] == list(topology.hosts)
    assert sorted(flow.destination for flow in flows) == sorted(topology.hosts)


def test_permutation_draws_each_derangement_alike() -> None:
    generator = rng()
    counts = Counter(tuple(ends(permutation(star(4), generator))) for _ in range(1800))
    # Four things have nine derangements; 200 each are expected, with a deviation of 13.
    assert len(counts) == 9
    assert 140 < min(counts.values()) <= max(counts.values()) < 260


def test_stride() -> None:
    assert ends(stride(star(5), rng(), step=2)) == [("h0", "h2"), ("h1", "h3"), ("h2", "h4"), ("h3", "h0"), ("h4", "h1")]
    assert ends(stride(FATTREE, rng())) == ends(stride(FATTREE, rng(), step=8))
    assert ends(stride(star(3), rng())) == [("h0", "h1"), ("h1", "h2"), ("h2", "h0")]
    for step in (0, 16, -1):
        with pytest.raises(InputError, match=f"step={step}: expected 1 <= step <= 15"):
            stride(FATTREE, rng(), step=step)


@pytest.mark.parametrize(("edge_share", "pod_share", "hops"), [(1.0, 0.0, 2), (0.0, 1.0, 4), (0.0, 0.0, 6)])
def test_staggered_sends_where_its_shares_say(edge_share: float, pod_share: float, hops: int) -> None:
    flows = staggered(FATTREE, rng(), edge_share, pod_share)
    assert [flow.source for flow in flows] == list(FATTREE.hosts)
    assert {nx.shortest_path_length(FATTREE.graph, *pair) for pair in ends(flows)} == {hops}


def test_staggered_shares_are_probabilities() -> None:
    topology = fattree(8)
    generator = rng()
    drawn = Counter(
        nx.shortest_path_length(topology.graph, *pair) for _ in range(20) for pair in ends(staggered(topology, generator, 0.5, 0.3))
    )
    total = 20 * topology.num_hosts
    # 2560 draws: a deviation of at most 1%.
    assert [drawn[hops] / total for hops in (2, 4, 6)] == pytest.approx([0.5, 0.3, 0.2], abs=0.04)


def test_staggered_works_on_other_fabrics() -> None:
    flows = staggered(dumbbell(3, 3), rng(), 0.7, 0.3)
    for source, destination in ends(flows):
        assert nx.shortest_path_length(dumbbell(3, 3).graph, source, destination) in (2, 3)
    assert len(staggered(star(3), rng(), 1.0, 0.0)) == 3


def test_staggered_says_what_is_impossible() -> None:
    for seed in range(10):
        with pytest.raises(InputError, match=r"the share beyond=0.5: host h0 of dumbbell has no other host beyond its pod"):
            staggered(dumbbell(2, 2), rng(seed))
        with pytest.raises(InputError, match=r"edge_share=0.01: host h0 of dumbbell has no other host on its own edge switch"):
            staggered(dumbbell(1, 2), rng(seed), 0.01, 0.99)
        with pytest.raises(InputError, match="pod_share=1: host h0 of star has no other host in its pod"):
            staggered(star(4), rng(seed), 0.0, 1.0)


@pytest.mark.parametrize("shares", [(-0.1, 0.5), (0.5, 1.1), (0.6, 0.5), (float("nan"), 0.1)])
def test_staggered_shares_out_of_range(shares: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        staggered(FATTREE, rng(), *shares)


@pytest.mark.parametrize(("hot_share", "num_hot"), [(0.0, 1), (0.5, 1), (1.0, 1), (0.5, 3), (1.0, 4), (1.0, 15)])
def test_hotspot(hot_share: float, num_hot: int) -> None:
    flows = hotspot(FATTREE, rng(), hot_share, num_hot)
    assert [flow.source for flow in flows] == list(FATTREE.hosts)
    into = Counter(flow.destination for flow in flows)
    hot = [host for host, _ in into.most_common(num_hot)]
    assert sum(into[host] for host in hot) >= round(hot_share * (16 - num_hot))


def test_hotspot_splits_its_crowd_evenly() -> None:
    for seed in range(10):
        into = Counter(flow.destination for flow in hotspot(FATTREE, rng(seed), hot_share=1.0, num_hot=4)).most_common(4)
        # Twelve hosts crowd four; each of the four sends one more flow, to anyone.
        assert all(3 <= count <= 7 for _, count in into)


def test_hotspot_out_of_range() -> None:
    for hot_share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match=r"hot_share=.*: expected 0 <= hot_share <= 1"):
            hotspot(FATTREE, rng(), hot_share)
    for num_hot in (0, 16):
        with pytest.raises(InputError, match=f"num_hot={num_hot}: expected 1 <= num_hot <= 15"):
            hotspot(FATTREE, rng(), 0.5, num_hot)


def test_random() -> None:
    flows = random(FATTREE, rng(), flows_per_host=50)
    assert Counter(flow.source for flow in flows) == dict.fromkeys(FATTREE.hosts, 50)
    # Each of 15 others is drawn with equal chance: after 50 draws of 16 hosts, all 240 pairs but a few have come.
    assert len(set(ends(flows))) > 210
    for flows_per_host in (0, 1001):
        with pytest.raises(InputError, match=f"flows_per_host={flows_per_host}: expected"):
            random(FATTREE, rng(), flows_per_host)
    with pytest.raises(InputError, match="makes 128000 flows: expected at most 100000"):
        random(fattree(8), rng(), 1000)


def test_all_to_all() -> None:
    flows = all_to_all(FATTREE, rng())
    assert len(flows) == len(set(ends(flows))) == 16 * 15
    with pytest.raises(InputError, match="all_to_all on 432 hosts makes 186192 flows: expected at most 100000"):
        all_to_all(fattree(12), rng())
