"""What hosts are credited with and blamed for, worked out by hand."""

import numpy as np
import pytest

from iroko.arrays import FabricArrays, FlowArrays
from iroko.envs.host_reward import HostRewards
from iroko.flows import Flow
from iroko.reward import REWARDS, RewardContext
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topology import Topology
from tests.fake_engine import make_snapshot

QUEUE_BYTES = 757_000


def rewards_of(topology: Topology, flows: list[Flow], name: str = "iroko2018", **values: object) -> tuple[np.ndarray, float]:
    """Of each host, and the common one."""
    context, snapshot = RewardContext.of(topology, flows), make_snapshot(topology, len(flows), **values)
    terms = REWARDS[name](context, snapshot)
    rewards = HostRewards(name)
    rewards.start([(topology, flows)], len(flows))
    return rewards(context, snapshot, terms), float(sum(terms.values()))


def backlog(topology: Topology, **queues: float) -> list[float]:
    """Mean backlogs, with ports named as s0_s1, as fractions of the queue."""
    names = {port.name.replace("->", "_"): index for index, port in enumerate(topology.ports)}
    result = [0.0] * topology.num_ports
    for name, fraction in queues.items():
        result[names[name]] = fraction * QUEUE_BYTES
    return result


def test_a_host_gets_what_its_own_flows_delivered() -> None:
    topology = dumbbell()
    flows = [Flow("h0", "h2"), Flow("h1", "h3"), Flow("h2", "h1")]
    received = [0, 62_500, 625_000, 250_000]
    rewards, common = rewards_of(topology, flows, flow_bytes=[625_000, 250_000, 62_500], host_received_bytes=received)
    assert rewards == pytest.approx([0.5, 0.2, 0.05, 0])
    assert rewards.sum() == pytest.approx(common)


def test_each_host_on_the_way_to_a_queue_pays_its_whole_price() -> None:
    topology = dumbbell()
    ports = len(topology.switch_ports)
    flows = [Flow("h0", "h2"), Flow("h1", "h3"), Flow("h2", "h0")]
    rewards, common = rewards_of(topology, flows, backlog_mean_bytes=backlog(topology, s0_s1=0.4, s1_h3=0.1))
    assert rewards == pytest.approx([-ports / 2 * 0.16, -ports / 2 * 0.17, 0, 0])
    assert common == pytest.approx(-ports / 2 * 0.17)


def test_of_many_flows_each_counts_by_its_part_of_the_limit() -> None:
    topology = dumbbell()
    price = len(topology.switch_ports) / 2 * 0.16
    flows = [Flow("h0", "h2"), Flow("h0", "h1"), Flow("h0", "h3", start_s=5.0)]
    rewards, _ = rewards_of(topology, flows, backlog_mean_bytes=backlog(topology, s0_s1=0.4))
    assert rewards == pytest.approx([-price / 2, 0, 0, 0])  # one of two that have started crosses the middle
    rewards, _ = rewards_of(topology, flows, backlog_mean_bytes=backlog(topology, s0_s1=0.4), time_s=6.0)
    assert rewards == pytest.approx([-price * 2 / 3, 0, 0, 0])


def test_a_queue_on_one_of_many_equal_paths_costs_its_share() -> None:
    topology = fattree(k=4, routing="ecmp")
    price = len(topology.switch_ports) / 2 * 0.25
    rewards, _ = rewards_of(topology, [Flow("h0", "h8"), Flow("h4", "h8")], backlog_mean_bytes=backlog(topology, e0_0_a0_1=0.5))
    assert rewards[0] == pytest.approx(-price / 2)
    assert not rewards[1:].any()


def test_any_other_reward_is_common_to_all() -> None:
    topology = dumbbell()
    rewards, common = rewards_of(topology, [Flow("h0", "h2"), Flow("h1", "h3")], "fair_queue", flow_bytes=[625_000, 312_500])
    assert rewards.shape == (4,)
    assert rewards == pytest.approx([common] * 4)


def test_a_host_that_alone_sends_more_sees_the_common_reward_change_as_much() -> None:
    """Why nobody divides the price: what a host gains or loses by its own doing is what all gain or lose together."""
    topology = dumbbell()
    flows = [Flow("h0", "h2"), Flow("h1", "h3")]
    found = []
    for own, queue in ((600_000, 0.10), (650_000, 0.12)):
        bytes_ = [own, 500_000]
        measured = {"host_received_bytes": [0, 0, *bytes_], "backlog_mean_bytes": backlog(topology, s0_s1=queue)}
        found.append(rewards_of(topology, flows, flow_bytes=bytes_, **measured))
    (before, common_before), (after, common_after) = found
    assert after[0] - before[0] == pytest.approx(common_after - common_before)


@pytest.mark.parametrize("name", ["iroko2018", "queue"])
def test_many_environments_are_rewarded_as_each_would_be_alone(name: str) -> None:
    rng = np.random.default_rng(2)
    topologies = [fattree(), fattree(rate_bps=1e8)]
    episodes = [[Flow("h0", "h9"), Flow("h0", "h1"), Flow("h3", "h12", 0.2)], [Flow("h5", "h2")]]
    parts, alone = [], []
    for topology, flows in zip(topologies, episodes, strict=True):
        values = {"flow_bytes": rng.integers(0, 10**5, len(flows)), "backlog_mean_bytes": rng.uniform(0, QUEUE_BYTES, topology.num_ports)}
        parts.append(make_snapshot(topology, len(flows), **values))
        alone.append(rewards_of(topology, flows, name, **values)[0])
    fabric = FabricArrays.stack(topologies)
    context = RewardContext(fabric, FlowArrays.stack([FlowArrays.of(t, f) for t, f in zip(topologies, episodes, strict=True)], 4))
    rows = []
    for part in parts:
        short = 4 - len(part.flow_bytes)
        padding = {"flow_bytes": np.pad(part.flow_bytes, (0, short)),
                   "flow_completion_s": np.pad(part.flow_completion_s, (0, short), constant_values=np.nan)}  # fmt: skip
        rows.append(vars(part) | padding)
    stacked = type(parts[0])(**{key: np.stack([np.asarray(row[key]) for row in rows]) for key in rows[0]})
    rewards = HostRewards(name)
    rewards.start(list(zip(topologies, episodes, strict=True)), 4)
    assert rewards(context, stacked, REWARDS[name](context, stacked)) == pytest.approx(np.stack(alone))
