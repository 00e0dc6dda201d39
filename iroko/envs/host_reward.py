"""What a host is rewarded for when it decides for itself: its own part of the reward, as far as it can be credited or blamed.

With `iroko2018` a host gets what its own flows delivered over the receivers' link rates, less for every switch port (P/2)
(backlog/queue)^2 times the share of its traffic that goes through that port. So the credits of all hosts are the bandwidth term of the
common reward, and every host on the way to a queue feels the whole price of it, as the common reward does when this host alone sends
more or less: dividing the price among those who share a queue would make it cheap to fill. Under the common reward alone a host would
have to find its own effect in the noise of all others.

Any other reward is common to all hosts: each gets the whole of it.

Only learning uses this, and it may know the paths; the hosts do not see them. Schemes are scored by the common reward.
"""

from collections.abc import Sequence

import numpy as np

from iroko.fairness import Paths, path_loads
from iroko.flows import Flow
from iroko.metrics import column, ratio
from iroko.reward import RewardContext, Terms, active_flows, queue_fractions
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology

Episode = tuple[Topology, Sequence[Flow]]
"""The topology and the flows of one environment's episode."""


class HostRewards:
    """Rewards for each host.

    Args:
        reward: the name of the common reward.
    """

    def __init__(self, reward: str) -> None:
        self._is_common = reward != "iroko2018"
        self._known: dict[int, tuple[Topology, Paths]] = {}

    def start(self, episodes: Sequence[Episode], num_columns: int) -> None:
        """Take the flows of an episode in each environment.

        Args:
            num_columns: of flows in the snapshots to come.
        """
        if self._is_common:
            return
        first = episodes[0][0]
        switch_port = np.full(first.num_ports, -1)
        switch_port[list(first.switch_ports)] = np.arange(len(first.switch_ports))
        flows, ports, shares, rates_bps = [], [], [], np.ones((len(episodes), num_columns))
        for row, (topology, episode) in enumerate(episodes):
            flow, port, share = path_loads(topology, episode, self._paths(topology))
            in_switch = switch_port[port] >= 0
            flows.append(row * num_columns + flow[in_switch])
            ports.append(row * len(first.switch_ports) + switch_port[port[in_switch]])
            shares.append(share[in_switch])
            host_rates_bps = topology.host_rates_bps
            rates_bps[row, : len(episode)] = [host_rates_bps[topology.host_index[each.destination]] for each in episode]
        self._flow, self._port, self._share = np.concatenate(flows), np.concatenate(ports), np.concatenate(shares)
        self._receiver_rates_bps: Floats = rates_bps

    def _paths(self, topology: Topology) -> Paths:
        # By identity: a topology is large to compare, and equal ones are one object here.
        return self._known.setdefault(id(topology), (topology, {}))[1]

    def __call__(self, context: RewardContext, snapshot: Snapshot, terms: Terms) -> Floats:
        """The rewards of an interval, shape `(..., num_hosts)`.

        Args:
            terms: of the common reward.
        """
        shape = context.fabric.host_rates_bps.shape
        if self._is_common:
            return np.broadcast_to(column(sum(terms.values(), np.zeros(shape[:-1]))), shape).copy()
        senders, size = context.flows.senders.ravel(), context.fabric.host_rates_bps.size
        seconds = column(ratio(8.0, snapshot.interval_s, 0.0))
        fractions = snapshot.flow_bytes * seconds / self._receiver_rates_bps.reshape(snapshot.flow_bytes.shape)
        credit = np.bincount(senders, fractions.ravel(), size)
        queues = queue_fractions(context, snapshot)
        price = queues.shape[-1] / 2 * queues * queues
        active = active_flows(context, snapshot).ravel()
        # A host has one limit for all its flows: of what it sends more, each gets an equal part.
        number = np.bincount(senders, active, size)
        cost = np.bincount(self._flow, self._share * price.ravel()[self._port], len(senders)) * active
        blame = np.bincount(senders, cost, size) / np.maximum(number, 1)
        rewards: Floats = (credit - blame).reshape(shape)
        return rewards
