"""Flows of published sizes: against what the papers and their simulations say of them, and against the load asked for."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import Topology
from iroko.traffic import datamining as datamining_module
from iroko.traffic import hadoop as hadoop_module
from iroko.traffic import websearch as websearch_module
from iroko.traffic._sizes import SizeDistribution
from iroko.traffic.datamining import datamining
from iroko.traffic.hadoop import hadoop
from iroko.traffic.websearch import websearch

Pattern = Callable[..., list[Flow]]
SIZES = {"websearch": websearch_module.SIZES, "datamining": datamining_module.SIZES, "hadoop": hadoop_module.SIZES}
PATTERNS: dict[str, Pattern] = {"websearch": websearch, "datamining": datamining, "hadoop": hadoop}
FATTREE = fattree(4)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_web_search_is_as_published() -> None:
    sizes = SIZES["websearch"]
    # The mean that simulations with this table state; pFabric's, which rounds sizes to packets, have 1138 packets of 1460 bytes.
    assert sizes.mean_bytes == pytest.approx(1_711_250)
    assert sizes.mean_bytes == pytest.approx(1138 * 1460, rel=0.04)
    # pFabric, section 5: more than 95% of all bytes are from the 30% of the flows that are larger than 1 MB.
    assert 1 - sizes.share_of_flows(1e6) == pytest.approx(0.3)
    assert 1 - sizes.share_of_bytes(1e6) == pytest.approx(0.95, abs=0.005)
    assert sizes.quantiles_bytes([0.15, 0.53, 0.9, 1]).tolist() == [10_000, 80_000, 5e6, 30e6]


def test_data_mining_is_as_published() -> None:
    sizes = SIZES["datamining"]
    # The mean that pFabric's simulations state.
    assert sizes.mean_bytes == pytest.approx(5117 * 1460, rel=1e-3)
    # pFabric, section 5: 80% of the flows are less than 10 kB, and 3.6% of them, larger than 35 MB, have 95% of the bytes.
    assert sizes.share_of_flows(10e3) == pytest.approx(0.8, abs=0.005)
    assert 1 - sizes.share_of_flows(35e6) == pytest.approx(0.036, abs=0.0005)
    assert 1 - sizes.share_of_bytes(35e6) == pytest.approx(0.95, abs=0.002)
    # VL2, section 3.2: 99% of the flows are smaller than 100 MB, and flows go up to about 1 GB.
    assert sizes.share_of_flows(100e6) == pytest.approx(0.99, abs=0.001)
    assert sizes.quantiles_bytes(1) == pytest.approx(1e9, rel=0.03)


def test_hadoop_is_as_published() -> None:
    sizes = SIZES["hadoop"]
    # Roy et al., section 5.1: the median flow sends less than 1 kB, 70% send less than 10 kB, less than 5% more than 1 MB.
    assert sizes.quantiles_bytes(0.5) < 1000
    assert sizes.share_of_flows(10e3) == pytest.approx(0.7, abs=0.01)
    assert 1 - sizes.share_of_flows(1e6) < 0.05
    # HPCC, section 5.1: 90% of the flows are no larger than 120 kB.
    assert sizes.quantiles_bytes(0.9) == pytest.approx(120e3)


@pytest.mark.parametrize("name", SIZES)
def test_the_mean_and_the_shares_are_the_integrals_of_the_quantiles(name: str) -> None:
    sizes, shares = SIZES[name], (np.arange(2_000_000) + 0.5) / 2_000_000
    quantiles = sizes.quantiles_bytes(shares)
    assert sizes.mean_bytes == pytest.approx(quantiles.mean(), rel=1e-4)
    for size_bytes in (0, 500, 1460, 20e3, 1e6, 40e6, 2e9):
        assert sizes.share_of_flows(size_bytes) == pytest.approx((quantiles <= size_bytes).mean(), abs=1e-5), size_bytes
        part = quantiles[quantiles <= size_bytes].sum() / quantiles.sum()
        assert sizes.share_of_bytes(size_bytes) == pytest.approx(part, abs=1e-4), size_bytes


@pytest.mark.parametrize("name", SIZES)
def test_drawn_sizes_have_the_distribution(name: str) -> None:
    sizes = SIZES[name]
    drawn = sizes.draw(rng(1), 20_000)
    # Chi-squared over 20 classes of equal share; in whole bytes, and with a step where half the flows have one size.
    edges = np.unique(sizes.quantiles_bytes(np.linspace(0, 1, 21)[1:-1]))
    expected = np.diff([0.0, *(sizes.share_of_flows(edge) for edge in edges), 1.0])
    counts = np.bincount(np.searchsorted(np.rint(edges), drawn, side="left"), minlength=len(expected))
    assert stats.chisquare(counts, expected * len(drawn)).pvalue > 0.01
    deviation = np.std(drawn) / len(drawn) ** 0.5
    assert drawn.mean() == pytest.approx(sizes.mean_bytes, abs=4 * deviation)


def test_a_wrong_distribution_is_told_apart() -> None:
    # The test above would fail for sizes of another cluster.
    drawn, sizes = SIZES["hadoop"].draw(rng(1), 20_000), SIZES["websearch"]
    counts = np.bincount(np.searchsorted(sizes.quantiles_bytes(np.linspace(0, 1, 21)[1:-1]), drawn), minlength=20)
    assert stats.chisquare(counts).pvalue < 1e-6


@pytest.mark.parametrize(("sizes", "shares"), [
    ((0, 1), (0, 0.5)), ((0, 1), (0.1, 1)), ((1, 0), (0, 1)), ((0, 1, 2), (0, 0.5, 0.5)), ((0,), (1,)), ((0, 1), (0, 1, 1)),
    ((-1, 1), (0, 1)),
])  # fmt: skip
def test_what_is_no_distribution(sizes: tuple[float, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected"):
        SizeDistribution(sizes, shares)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(PATTERNS)), st.floats(0.1, 1), st.integers(2, 20))
def test_every_episode_is_made_of_possible_flows(seed: int, name: str, load: float, num_hosts: int) -> None:
    topology = star(num_hosts)
    flows = PATTERNS[name](topology, rng(seed), load=load, size_scale=1e-2, duration_s=0.5, max_flows=100_000)
    assert flows
    assert [flow.start_s for flow in flows] == sorted(flow.start_s for flow in flows)
    assert all(flow.source != flow.destination and {flow.source, flow.destination} <= set(topology.hosts) for flow in flows)
    assert all(0 <= flow.start_s < 0.5 and flow.size_bytes is not None and flow.size_bytes >= 1 for flow in flows)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("load", [0.2, 0.8])
def test_the_load_is_what_was_asked_for(name: str, load: float) -> None:
    pattern, generator, duration_s, episodes = PATTERNS[name], rng(5), 20.0, 40
    offered = [sum(flow.size_bytes or 0 for flow in pattern(FATTREE, generator, load=load, duration_s=duration_s)) for _ in range(episodes)]
    loads = np.array(offered) * 8 / duration_s / sum(FATTREE.host_rates_bps)
    deviation = loads.std(ddof=1) / episodes**0.5
    assert deviation < 0.1 * load, "too few flows to say anything"
    assert loads.mean() == pytest.approx(load, abs=3.5 * deviation)


def test_smaller_flows_are_more_flows_of_the_same_load() -> None:
    large, small = (websearch(FATTREE, rng(2), size_scale=scale, duration_s=20) for scale in (0.1, 0.02))
    assert len(small) == pytest.approx(5 * len(large), rel=0.1)
    assert np.mean([flow.size_bytes for flow in large]) == pytest.approx(5 * np.mean([flow.size_bytes for flow in small]), rel=0.15)


def test_flows_arrive_as_a_poisson_process() -> None:
    starts = np.array([flow.start_s for flow in websearch(FATTREE, rng(7), size_scale=0.02, duration_s=20)])
    gaps = np.diff(starts)
    assert stats.kstest(gaps, "expon", args=(0, 20 / len(starts))).pvalue > 0.01
    counts = [len(websearch(FATTREE, rng(seed), duration_s=2)) for seed in range(300)]
    # A Poisson number's variance is its mean.
    assert np.var(counts) == pytest.approx(np.mean(counts), rel=0.3)
    assert np.mean(counts) == pytest.approx(0.5 * 160e6 / 8 / 171_125 * 2, rel=0.02)


def test_every_pair_of_hosts_is_as_likely() -> None:
    flows = websearch(star(4), rng(3), load=1, size_scale=1e-3, duration_s=2, max_flows=100_000)
    counts = Counter((flow.source, flow.destination) for flow in flows)
    assert len(counts) == 12
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_a_host_with_a_faster_link_offers_more() -> None:
    slow = star(4)
    fast = Topology("fast", slow.hosts, slow.switches, tuple(
        type(port)(port.owner, port.peer, 3e7 if port.owner == "h0" else port.rate_bps, 0.0, port.queue_bytes) for port in slow.ports
    ))  # fmt: skip
    flows = websearch(fast, rng(3), load=0.5, size_scale=1e-3, duration_s=2, max_flows=100_000)
    counts = Counter(flow.source for flow in flows)
    assert counts["h0"] / len(flows) == pytest.approx(0.5, abs=0.02)
    assert sum(flow.size_bytes or 0 for flow in flows) * 8 / 2 / 60e6 == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("name", PATTERNS)
def test_equal_seeds_give_equal_flows(name: str) -> None:
    assert PATTERNS[name](FATTREE, rng(3)) == PATTERNS[name](FATTREE, rng(3)) != PATTERNS[name](FATTREE, rng(4))


@pytest.mark.parametrize(("parameters", "message"), [
    ({"load": 0.0}, "load=0: expected 0.001 <= load <= 1"),
    ({"load": 1.5}, "load=1.5: expected"),
    ({"load": float("nan")}, "load=nan: expected"),
    ({"duration_s": 0.0}, "duration_s=0: expected"),
    ({"size_scale": -1.0}, "size_scale=-1: expected"),
    ({"max_flows": 0}, "max_flows=0: expected"),
    ({"max_flows": 1_000_000}, "max_flows=1e.06: expected"),
    ({"duration_s": 1e-3}, "makes 0.058 flows: expected 1 or more; raise load or duration_s, or lower size_scale"),
    ({"duration_s": 3600.0}, "makes 210,373 flows: expected at most max_flows=10000; lower load or duration_s"),
    ({"size_scale": 1e-4}, "makes 584,368 flows: expected at most max_flows=10000"),
])  # fmt: skip
def test_parameters_out_of_range_and_impossible_numbers_of_flows(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        websearch(FATTREE, rng(), **parameters)  # type: ignore[arg-type]


def test_a_scenario_refuses_them_before_it_runs() -> None:
    with pytest.raises(InputError, match="expected at most max_flows=10000"):
        Scenario(topology="fattree", traffic="websearch", topology_parameters={"rate_bps": "10G"})
    scenario = Scenario(topology="fattree", traffic="datamining", traffic_parameters={"duration_s": "500ms"})
    assert scenario.traffic_parameters == {"load": 0.5, "duration_s": 0.5, "size_scale": 0.01, "max_flows": 10_000}
    assert Scenario.from_table(scenario.to_table()) == scenario


def test_an_episode_has_a_flow_at_least() -> None:
    # Two hosts of 1 Mbit/s make 1.2 flows on average: three draws in ten would have none.
    topology = star(2, rate_bps=1e6)
    assert min(len(websearch(topology, rng(seed), load=0.8, duration_s=1)) for seed in range(50)) == 1
