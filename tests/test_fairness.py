"""Max-min fair rates against hand-made answers, and against the definition."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.fairness import max_min_limits, max_min_rates
from iroko.flows import Flow
from iroko.port import Port
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import Topology
from iroko.traffic.pairs import pairs
from iroko.traffic.random import random
from iroko.traffic.stride import stride


def flows_of(*ends: str) -> list[Flow]:
    """`h0>h1` and so on."""
    return [Flow(source, destination) for source, destination in (text.split(">") for text in ends)]


def chain(*rates_bps: float, routing: str = "static") -> Topology:
    """A parking lot: switches s0, s1, ... in a row, joined by links of these rates, with two hosts each on 1 Gbit/s links.

    Hosts `hi` and `gi` stand at switch `si`.
    """
    num_switches = len(rates_bps) + 1
    hosts = tuple(f"{kind}{i}" for i in range(num_switches) for kind in "hg")
    links = [(host, f"s{host[1:]}", 1e9) for host in hosts]
    links += [(f"s{i}", f"s{i + 1}", rate_bps) for i, rate_bps in enumerate(rates_bps)]
    ports = [Port(*ends, rate_bps, 0.0, 15_140) for first, second, rate_bps in links for ends in ((first, second), (second, first))]
    return Topology("chain", hosts, tuple(f"s{i}" for i in range(num_switches)), tuple(ports), routing)


def assert_is_max_min(topology: Topology, flows: list[Flow], rates_bps: np.ndarray) -> None:
    """No port is overloaded, and every flow has a full port on its way where no other flow is faster: this defines max-min.

    Bertsekas and Gallager, Data Networks, section 6.5.2, proposition.
    """
    shares = [
        dict.fromkeys(topology.static_path(flow.source, flow.destination), 1.0) if topology.routing == "static"
        else topology.ecmp_shares(flow.source, flow.destination)
        for flow in flows
    ]  # fmt: skip
    load_bps = [0.0] * topology.num_ports
    fastest_bps = [0.0] * topology.num_ports
    for used, rate_bps in zip(shares, rates_bps, strict=True):
        for port, share in used.items():
            load_bps[port] += share * rate_bps
            fastest_bps[port] = max(fastest_bps[port], rate_bps)
    for end, load in zip(topology.ports, load_bps, strict=True):
        assert load <= end.rate_bps * (1 + 1e-6), f"{end.name} carries {load:g} bit/s of {end.rate_bps:g}"
    for flow, used, rate_bps in zip(flows, shares, rates_bps, strict=True):
        assert any(
            load_bps[port] >= topology.ports[port].rate_bps * (1 - 1e-6) and rate_bps >= fastest_bps[port] * (1 - 1e-6) for port in used
        ), f"{flow} at {rate_bps:g} bit/s has no bottleneck"


def test_one_flow_gets_its_path() -> None:
    assert max_min_rates(chain(5e6, 3e6), flows_of("h0>h2")) == pytest.approx([3e6])


def test_dumbbell_is_shared_alike() -> None:
    topology = dumbbell(4, 4)
    assert max_min_rates(topology, pairs(topology, np.random.default_rng(0))) == pytest.approx([2.5e6] * 4)


def test_two_directions_do_not_disturb_each_other() -> None:
    assert max_min_rates(dumbbell(1, 1), flows_of("h0>h1", "h1>h0")) == pytest.approx([10e6, 10e6])


def test_parking_lot() -> None:
    rates_bps = max_min_rates(chain(10e6, 10e6, 10e6), flows_of("h0>h3", "g0>h1", "h1>h2", "h2>g3"))
    assert rates_bps == pytest.approx([5e6, 5e6, 5e6, 5e6])


def test_parking_lot_with_one_crowded_link() -> None:
    # The second link has three flows: 10/3 each. What the long flow leaves of the first link goes to the short one there.
    rates_bps = max_min_rates(chain(10e6, 10e6), flows_of("h0>h2", "g0>h1", "h1>g2", "g1>g2"))
    assert rates_bps == pytest.approx([10e6 / 3, 20e6 / 3, 10e6 / 3, 10e6 / 3])


def test_parking_lot_of_unequal_links_fills_in_rounds() -> None:
    # 4 Mbit/s over two flows: 2 each; then 10 - 2 over two others: 4 each; then 30 - 2 - 4 = 24 for the last.
    topology = chain(4e6, 10e6, 30e6)
    rates_bps = max_min_rates(topology, flows_of("h0>h3", "g0>g1", "h1>g3", "g1>g2", "h2>h3"))
    assert rates_bps == pytest.approx([2e6, 2e6, 4e6, 4e6, 24e6])


def test_incast_and_what_it_leaves() -> None:
    # Five flows into h0 get 2 each; the sixth flow, from a host of the crowd, takes what is left of that host's link.
    topology = star(7)
    flows = flows_of("h1>h0", "h2>h0", "h3>h0", "h4>h0", "h5>h0", "h5>h6")
    assert max_min_rates(topology, flows) == pytest.approx([2e6] * 5 + [8e6])
    assert max_min_limits(topology, flows) == pytest.approx([10e6, 2e6, 2e6, 2e6, 2e6, 10e6, 10e6])


def test_two_flows_between_the_same_hosts_share() -> None:
    topology = star(3)
    flows = flows_of("h0>h1", "h0>h1", "h2>h1")
    assert max_min_rates(topology, flows) == pytest.approx([10e6 / 3] * 3)
    assert max_min_limits(topology, flows) == pytest.approx([20e6 / 3, 10e6, 10e6 / 3])


def test_fattree_flows_that_meet_in_the_core() -> None:
    # Static routes send the first three over a0_0->c0; the fourth leaves h0 by a0_1 and gets the rest of h0's link.
    topology = fattree(4)
    flows = flows_of("h0>h4", "h1>h5", "h2>h10", "h0>h8")
    assert max_min_rates(topology, flows) == pytest.approx([10e6 / 3, 10e6 / 3, 10e6 / 3, 20e6 / 3])


def test_idle_hosts_keep_their_link_rate() -> None:
    topology = fattree(4, rate_bps=1e9)
    assert max_min_rates(topology, []).shape == (0,)
    assert max_min_limits(topology, []) == pytest.approx([1e9] * 16)


def test_ecmp_splits_a_flow_over_the_core() -> None:
    # Every way up holds the same: a permutation over pods gets the whole link, however it falls.
    topology = fattree(4, routing="ecmp")
    assert max_min_rates(topology, stride(topology, np.random.default_rng(0))) == pytest.approx([10e6] * 16)


def test_ecmp_share_bounds_a_flow() -> None:
    # A flow of two ways, one of 1 and one of 10 Mbit/s: the even split holds it to twice the slower.
    ports = []
    for first, second, rate_bps in (("h0", "s0", 1e9), ("s0", "s1", 1e6), ("s0", "s2", 1e7), ("s1", "s3", 1e9), ("s2", "s3", 1e9),
                                    ("h1", "s3", 1e9)):  # fmt: skip
        ports += [Port(first, second, rate_bps, 0.0, 15_140), Port(second, first, rate_bps, 0.0, 15_140)]
    topology = Topology("diamond", ("h0", "h1"), ("s0", "s1", "s2", "s3"), tuple(ports), "ecmp")
    assert max_min_rates(topology, flows_of("h0>h1")) == pytest.approx([2e6])


FABRICS = [
    dumbbell(3, 4), star(6), chain(4e6, 10e6, 30e6), chain(1e9, 1e3), fattree(4), fattree(4, routing="ecmp"),
    fattree(6, rate_bps=1e9, routing="ecmp"),
]  # fmt: skip


@given(st.data())
def test_the_rates_are_max_min_on_any_fabric_and_traffic(data: st.DataObject) -> None:
    topology = data.draw(st.sampled_from(FABRICS))
    pair = st.permutations(topology.hosts).map(lambda hosts: Flow(hosts[0], hosts[1]))
    flows = data.draw(st.lists(pair, min_size=1, max_size=40))
    rates_bps = max_min_rates(topology, flows)
    assert (rates_bps > 0).all()
    assert_is_max_min(topology, flows, rates_bps)
    limits_bps = max_min_limits(topology, flows)
    assert (limits_bps <= np.array(topology.host_rates_bps)).all()
    senders = {flow.source for flow in flows}
    sent_bps = sum(limit for host, limit in zip(topology.hosts, limits_bps, strict=True) if host in senders)
    assert sent_bps == pytest.approx(rates_bps.sum())


def test_the_checker_of_this_file_refuses_wrong_rates() -> None:
    topology, flows = star(4), flows_of("h1>h0", "h2>h0", "h3>h0")
    for wrong in ([5e6, 4e6, 2e6], [2e6, 2e6, 2e6], [4e6, 3e6, 3e6]):
        with pytest.raises(AssertionError):
            assert_is_max_min(topology, flows, np.array(wrong))


@pytest.mark.parametrize("routing", ["static", "ecmp"])
def test_a_thousand_flows_take_under_a_second(routing: str) -> None:
    topology = fattree(8, routing=routing)
    flows = random(topology, np.random.default_rng(1), flows_per_host=8)
    started = time.process_time()
    rates_bps = max_min_rates(topology, flows)
    assert time.process_time() - started < 1.0
    assert_is_max_min(topology, flows, rates_bps)
