"""Rewards against numbers worked out by hand."""

import dataclasses

import numpy as np
import pytest

from iroko.flows import Flow
from iroko.reward import REWARDS, RewardContext
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from iroko.topology import Topology
from tests.fake_engine import make_snapshot

# A dumbbell of 2 + 2 hosts has 6 switch ports: one to each of the 4 hosts and two between the switches. Links carry 10 Mbit/s, so
# 1,250,000 bytes in the second of `make_snapshot`. h0 delivers 500,000 bytes to h2 (0.4 of its link), h1 250,000 to h3 (0.2).
FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]
QUEUE_BYTES = 100_000


@pytest.fixture
def topology() -> Topology:
    return dumbbell(queue_bytes=QUEUE_BYTES, ecn_bytes=None)


@pytest.fixture
def context(topology: Topology) -> RewardContext:
    return RewardContext.of(topology, FLOWS)


def port_values(topology: Topology, values: dict[str, float]) -> np.ndarray:
    return np.array([values.get(port.name, 0.0) for port in topology.ports])


def measured(topology: Topology, backlogs: dict[str, float]) -> Snapshot:
    return make_snapshot(
        topology,
        num_flows=2,
        backlog_mean_bytes=port_values(topology, backlogs),
        host_received_bytes=[0, 0, 500_000, 250_000],
        flow_bytes=[500_000, 250_000],
    )


# Queues of 0.2 and 0.1: the fullest is 0.2. A host's own queue is not a switch's and counts nowhere.
LIGHT = {"s0->s1": 20_000.0, "s1->h2": 10_000.0, "h0->s0": 90_000.0}
HEAVY = {"s0->s1": 50_000.0}
# The senders' rates are 0.4 and 0.2: mean 0.3, deviation 0.1, Jain 0.6^2 / (2 (0.16 + 0.04)) = 0.9,
# Gini ((-1) 0.2 + (1) 0.4) / (2 * 0.6) = 1/6.
CASES = [
    # Received 0.4 + 0.2 = 0.6; 6 switch ports, so the weight is 3: 3 (0.2^2 + 0.1^2) = 0.15.
    ("iroko2018", LIGHT, {"bandwidth": 0.6, "queue": -0.15}),
    # 3 * 0.5^2 = 0.75.
    ("iroko2018", HEAVY, {"bandwidth": 0.6, "queue": -0.75}),
    ("action", LIGHT, {"rate": 0.3}),
    ("fairness", LIGHT, {"fairness": 0.9}),
    ("gini", LIGHT, {"fairness": 5 / 6}),
    # 0.3 - 0.2 * 0.3 + 0.9 (1 - 0.2).
    ("fair_queue", LIGHT, {"rate": 0.3, "queue": -0.06, "fairness": 0.72}),
    # 0.3 - 2 * 0.2 * 0.3; with 0.5 it is 0.
    ("joint_queue", LIGHT, {"rate": 0.3, "queue": -0.12}),
    ("joint_queue", HEAVY, {"rate": 0.3, "queue": -0.3}),
    # 0.3 (1 - 1/6) = 0.25, less the fullest queue; turned round above 0.3.
    ("step", LIGHT, {"rate": 0.25, "queue": -0.2}),
    ("step", HEAVY, {"rate": -0.25, "queue": -0.5}),
    ("std_dev", LIGHT, {"deviation": -0.1}),
    # (0.2 + 0.1)^2, where the sum of squares would be 0.05.
    ("queue", LIGHT, {"queue": -0.09}),
]


@pytest.mark.parametrize(("name", "backlogs", "terms"), CASES)
def test_rewards_by_hand(
    topology: Topology, context: RewardContext, name: str, backlogs: dict[str, float], terms: dict[str, float]
) -> None:
    assert REWARDS[name](context, measured(topology, backlogs)) == pytest.approx(terms)


def test_every_reward_is_worked_out() -> None:
    assert {case[0] for case in CASES} == set(REWARDS)


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_rewards_do_not_depend_on_what_was_asked_for(topology: Topology, context: RewardContext, name: str) -> None:
    snapshot = measured(topology, LIGHT)
    asked_less = dataclasses.replace(snapshot, limits_bps=snapshot.limits_bps * 0.1)
    assert REWARDS[name](context, asked_less) == REWARDS[name](context, snapshot)


def test_the_weight_of_the_queues_grows_with_the_fabric() -> None:
    # 2 + 6 hosts have 10 switch ports: 5 * 0.2^2 = 0.2.
    wide = dumbbell(2, 6, queue_bytes=QUEUE_BYTES, ecn_bytes=None)
    snapshot = make_snapshot(wide, backlog_mean_bytes=port_values(wide, {"s0->s1": 20_000.0}))
    assert REWARDS["iroko2018"](RewardContext.of(wide, []), snapshot) == pytest.approx({"bandwidth": 0.0, "queue": -0.2})


def test_the_measured_time_counts_not_a_second(topology: Topology, context: RewardContext) -> None:
    # The same bytes in half a second are twice the rate.
    snapshot = dataclasses.replace(measured(topology, LIGHT), interval_s=0.5)
    assert REWARDS["iroko2018"](context, snapshot)["bandwidth"] == pytest.approx(1.2)
    assert REWARDS["action"](context, snapshot)["rate"] == pytest.approx(0.6)


def test_only_senders_with_a_flow_under_way_count(topology: Topology) -> None:
    # In the second from 4 to 5: h0 sends, h1 begins at 5, h2 was done at 3, h3 at 4.6 (it counts, with nothing delivered here).
    flows = [Flow("h0", "h2"), Flow("h1", "h3", start_s=5.0), Flow("h2", "h0", 1.0, 9), Flow("h3", "h1", 1.0, 9)]
    snapshot = make_snapshot(topology, 4, time_s=5.0, flow_bytes=[500_000, 0, 0, 0], flow_completion_s=[np.nan, np.nan, 2.0, 3.6])
    context = RewardContext.of(topology, flows)
    assert REWARDS["action"](context, snapshot) == pytest.approx({"rate": 0.2})
    assert REWARDS["fairness"](context, snapshot) == pytest.approx({"fairness": 0.5})


def test_flows_of_one_sender_count_together(topology: Topology) -> None:
    context = RewardContext.of(topology, [Flow("h0", "h2"), Flow("h0", "h3"), Flow("h1", "h3")])
    snapshot = make_snapshot(topology, 3, flow_bytes=[250_000, 250_000, 500_000])
    assert REWARDS["fairness"](context, snapshot) == pytest.approx({"fairness": 1.0})
    assert REWARDS["action"](context, snapshot) == pytest.approx({"rate": 0.4})


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_rewards_of_no_traffic_and_of_no_time_are_finite(topology: Topology, name: str) -> None:
    for interval_s in (0.0, 1.0):
        terms = REWARDS[name](RewardContext.of(topology, []), make_snapshot(topology, interval_s=interval_s))
        assert np.isfinite(list(terms.values())).all()
