"""Rewards by name: what was measured in an interval, as terms whose sum is the reward.

A reward never looks at what an agent asked for, so a learned scheme and a TCP are scored alike. The names and formulas are those
of the 2018 code (github.com/dcgym/iroko, `dc_gym/iroko_reward.py`), with three differences that hold for all of them:

- Where that code took the rates that the agent requested, these take the rates at which the senders' application bytes arrived.
  Only senders with a flow in the interval count; that code left out the hosts with a full limit instead, which is what it gave
  to idle ones.
- Where it took one sample of each queue, these take the mean backlog over the interval.
- Rates are fractions of the host's own link, and queues fractions of the port's own queue, so that links may differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iroko.flows import Flow
from iroko.metrics import gini_index, jain_index
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

STEP_QUEUE_FRACTION = 0.3
"""The reward `step` turns negative when the fullest queue is above this."""


@dataclass(frozen=True)
class RewardContext:
    """What a reward needs to know of an episode beside its snapshots.

    Attributes:
        host_rates_bps: link rate of each host, shape `(num_hosts,)`.
        switch_ports: indices of the ports whose queue is in a switch, shape `(num_switch_ports,)`.
        queue_bytes: the size of their queues, shape `(num_switch_ports,)`.
        flow_sources: index of each flow's sender among the hosts, shape `(num_flows,)`.
        flow_starts_s: when each flow starts, shape `(num_flows,)`.
    """

    host_rates_bps: Floats
    switch_ports: Integers
    queue_bytes: Floats
    flow_sources: Integers
    flow_starts_s: Floats

    @classmethod
    def of(cls, topology: Topology, flows: Sequence[Flow]) -> "RewardContext":
        ports = [topology.ports[index] for index in topology.switch_ports]
        return cls(
            host_rates_bps=np.array(topology.host_rates_bps, dtype=float),
            switch_ports=np.array(topology.switch_ports, dtype=np.int64),
            queue_bytes=np.array([port.queue_bytes for port in ports], dtype=float),
            flow_sources=np.array([topology.host_index[flow.source] for flow in flows], dtype=np.int64),
            flow_starts_s=np.array([flow.start_s for flow in flows], dtype=float),
        )


Reward = Callable[[RewardContext, Snapshot], dict[str, float]]


def received_fractions(context: RewardContext, snapshot: Snapshot) -> Floats:
    """For each host the rate of the application bytes that arrived at it over its link rate, shape `(num_hosts,)`."""
    if snapshot.interval_s <= 0:
        return np.zeros(len(context.host_rates_bps))
    return snapshot.host_received_bytes * (8 / snapshot.interval_s) / context.host_rates_bps


def active_flows(context: RewardContext, snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """Whether each flow was under way in the interval: started before its end, not finished before its start; `(num_flows,)`."""
    ends_s = np.where(np.isnan(snapshot.flow_completion_s), np.inf, context.flow_starts_s + snapshot.flow_completion_s)
    active: npt.NDArray[np.bool_] = (context.flow_starts_s < snapshot.time_s) & (ends_s > snapshot.time_s - snapshot.interval_s)
    return active


def delivered_fractions(context: RewardContext, snapshot: Snapshot) -> Floats:
    """For each sender with a flow in the interval, the rate at which its application bytes arrived over its link rate.

    Returns:
        Shape `(num_senders,)`, in the order of the hosts; empty when no flow was under way.
    """
    if snapshot.interval_s <= 0:
        return np.zeros(0)
    active = active_flows(context, snapshot)
    num_hosts = len(context.host_rates_bps)
    delivered_bytes = np.bincount(context.flow_sources, weights=snapshot.flow_bytes, minlength=num_hosts)
    sends = np.bincount(context.flow_sources[active], minlength=num_hosts) > 0
    return delivered_bytes[sends] * (8 / snapshot.interval_s) / context.host_rates_bps[sends]


def queue_fractions(context: RewardContext, snapshot: Snapshot) -> Floats:
    """For each switch port its mean backlog over its queue, shape `(num_switch_ports,)`."""
    return snapshot.backlog_mean_bytes[context.switch_ports] / context.queue_bytes


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def iroko2018(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """Bandwidth less queues: sum over hosts of received/link rate, less sum over switch ports of (P/2) (backlog/queue)^2.

    P is the number of switch ports, so the price of a queue grows with the fabric. Ruffy, Przystupa, Beschastnikh: Iroko, A
    Framework to Prototype Reinforcement Learning for Data Center Traffic Control, 2018; the rewards `bw` and `backlog` of its
    code together. The weight in that code changed over its commits (P over the number of hosts in some).
    """
    fractions = queue_fractions(context, snapshot)
    return {
        "bandwidth": float(received_fractions(context, snapshot).sum()),
        "queue": -len(fractions) / 2 * float(fractions @ fractions),
    }


def action(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """The mean rate of the senders."""
    return {"rate": _mean(delivered_fractions(context, snapshot))}


def fairness(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """Jain's index of the senders' rates."""
    return {"fairness": jain_index(delivered_fractions(context, snapshot))}


def gini(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """1 less the Gini coefficient of the senders' rates.

    The 2018 code returned the coefficient itself here, which rewards inequality, and used 1 less it inside `step`.
    """
    return {"fairness": 1 - gini_index(delivered_fractions(context, snapshot))}


def fair_queue(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """(rate + fairness) (1 - q), with the senders' mean rate, their Jain index, and q of the fullest queue."""
    rates = delivered_fractions(context, snapshot)
    queue = float(queue_fractions(context, snapshot).max())
    return {"rate": _mean(rates), "queue": -queue * _mean(rates), "fairness": jain_index(rates) * (1 - queue)}


def joint_queue(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """rate (1 - 2 q), with the senders' mean rate and q of the fullest queue."""
    rate = _mean(delivered_fractions(context, snapshot))
    return {"rate": rate, "queue": -2 * float(queue_fractions(context, snapshot).max()) * rate}


def step(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """r - q while q of the fullest queue is at most 0.3, else -r - q.

    r is the senders' mean rate times 1 less the Gini coefficient of their rates. An earlier version of the 2018 code had a
    threshold of 0.5 and other terms; this is the later one.
    """
    rates = delivered_fractions(context, snapshot)
    queue = float(queue_fractions(context, snapshot).max())
    rate = _mean(rates) * (1 - gini_index(rates))
    return {"rate": rate if queue <= STEP_QUEUE_FRACTION else -rate, "queue": -queue}


def std_dev(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """Less the standard deviation of the senders' rates."""
    rates = delivered_fractions(context, snapshot)
    return {"deviation": -float(rates.std()) if len(rates) else 0.0}


def queue(context: RewardContext, snapshot: Snapshot) -> dict[str, float]:
    """Less the square of the summed queues: -(sum of backlog/queue)^2; not the sum of squares, as in the 2018 code."""
    return {"queue": -(float(queue_fractions(context, snapshot).sum()) ** 2)}


REWARDS: dict[str, Reward] = {
    function.__name__: function for function in (iroko2018, action, fairness, gini, fair_queue, joint_queue, step, std_dev, queue)
}
