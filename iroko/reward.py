"""Rewards by name: what was measured in an interval, as terms whose sum is the reward.

A reward never looks at what an agent asked for, so a learned scheme and a TCP are scored alike. The names and formulas are those
of the 2018 code (github.com/dcgym/iroko, `dc_gym/iroko_reward.py`), with four differences that hold for all of them:

- Where that code took the rates that the agent requested, these take the rates at which the senders' application bytes arrived.
  Only senders with a flow in the interval count; that code left out the hosts with a full limit instead, which is what it gave
  to idle ones.
- How even the rates are is measured over senders that had a flow under way for more than half of the interval, at their rates in that
  time (`comparable_fractions`): an index over bytes would compare the sizes of short flows.
- Where it took one sample of each queue, these take the mean backlog over the interval.
- Rates are fractions of the host's own link, and queues fractions of the port's own queue, so that links may differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from iroko.arrays import FabricArrays, FlowArrays
from iroko.flows import Flow
from iroko.metrics import Booleans, column, gini_indices, jain_indices, rate_fractions, ratio
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

STEP_QUEUE_FRACTION = 0.3
"""The reward `step` turns negative when the fullest queue is above this."""


@dataclass(frozen=True)
class RewardContext:
    """What a reward needs to know of an episode beside its snapshots.

    Stacked arrays, with an axis of environments before the others, go with stacked snapshots and give stacked terms.
    """

    fabric: FabricArrays
    flows: FlowArrays

    @classmethod
    def of(cls, topology: Topology, flows: Sequence[Flow]) -> "RewardContext":
        return cls(FabricArrays.of(topology), FlowArrays.of(topology, flows))


Terms = dict[str, Floats]
"""Numbers for one environment, arrays of shape `(num_envs,)` for several."""
Reward = Callable[[RewardContext, Snapshot], Terms]


def received_fractions(context: RewardContext, snapshot: Snapshot) -> Floats:
    """For each host the rate of the application bytes that arrived at it over its link rate, shape `(..., num_hosts)`."""
    return rate_fractions(snapshot.host_received_bytes, snapshot.interval_s, context.fabric.host_rates_bps)


def active_flows(context: RewardContext, snapshot: Snapshot) -> Booleans:
    """Whether each flow was under way in the interval: started before its end, not finished before its start; `(..., num_flows)`."""
    starts_s, end_s = context.flows.starts_s, column(snapshot.time_s)
    begin_s = end_s - column(snapshot.interval_s)
    # The completion of an unfinished flow is NaN, which compares as false.
    active: Booleans = (starts_s < end_s) & ~(starts_s + snapshot.flow_completion_s <= begin_s)
    return active


def idle_parts_s(context: RewardContext, snapshot: Snapshot) -> tuple[Floats, Floats]:
    """For each flow the parts of the interval before its start and after its completion, shape `(..., num_flows)` each.

    Both are the whole interval for a flow that was not under way in it.
    """
    interval_s = column(snapshot.interval_s)
    begin_s = column(snapshot.time_s) - interval_s
    before_s = np.minimum(np.maximum(context.flows.starts_s - begin_s, 0), interval_s)
    # The completion of an unfinished flow is NaN, of which fmax takes the 0.
    done_s = context.flows.starts_s + snapshot.flow_completion_s
    after_s = np.minimum(np.fmax(column(snapshot.time_s) - done_s, 0), interval_s)
    idle = before_s + after_s >= interval_s
    return np.where(idle, interval_s, before_s), np.where(idle, interval_s, after_s)


def active_bytes(context: RewardContext, snapshot: Snapshot) -> tuple[Floats, Booleans]:
    """The bytes that each flow would have delivered in the whole interval at its rate while it was under way.

    Returns:
        The bytes, and which flows were under way for more than half of the interval, any two of which were so together: 0 for the
        others; both of shape `(..., num_flows)`.
    """
    before_s, after_s = idle_parts_s(context, snapshot)
    return _stretch(snapshot.flow_bytes, before_s, after_s, snapshot.interval_s)


def _stretch(values: Integers | Floats, before_s: Floats, after_s: Floats, interval_s: float | Floats) -> tuple[Floats, Booleans]:
    whole_s = column(interval_s)
    active_s = whole_s - before_s - after_s
    counts: Booleans = active_s > whole_s / 2
    stretched: Floats = np.asarray(values, dtype=float) * np.divide(whole_s, active_s, out=np.zeros(active_s.shape), where=counts)
    return stretched, counts


def all_done(context: RewardContext, snapshot: Snapshot) -> Booleans:
    """Whether every flow of an environment's episode has finished, shape `(num_envs,)`; padding is no flow."""
    unfinished = context.flows.is_flow & np.isnan(snapshot.flow_completion_s)
    has_unfinished: Booleans = np.logical_or.reduce(unfinished, axis=-1)
    return context.flows.has_flows & ~has_unfinished


def delivered_fractions(context: RewardContext, snapshot: Snapshot) -> tuple[Floats, Booleans]:
    """For each sender with a flow in the interval, the rate at which its application bytes arrived over its link rate.

    Returns:
        For each host its fraction, and whether it is such a sender: 0 where not; both of shape `(..., num_hosts)`.
    """
    rates_bps, senders = context.fabric.host_rates_bps, context.flows.senders.ravel()
    sends = np.zeros(rates_bps.size, dtype=bool)
    sends[senders[active_flows(context, snapshot).ravel()]] = True
    sends = sends.reshape(rates_bps.shape) & (column(snapshot.interval_s) > 0)
    delivered_bytes = np.bincount(senders, weights=snapshot.flow_bytes.ravel(), minlength=rates_bps.size).reshape(rates_bps.shape)
    return np.where(sends, rate_fractions(delivered_bytes, snapshot.interval_s, rates_bps), 0.0), sends


def comparable_fractions(context: RewardContext, snapshot: Snapshot) -> tuple[Floats, Booleans]:
    """As `delivered_fractions`, of senders that can be compared, at their rates while they had a flow under way.

    The active time of a sender is from the first start to the last completion of its flows within the interval. It counts when that is
    more than half of the interval: a sender with little to send is not treated worse than the others.
    """
    fractions, _ = delivered_fractions(context, snapshot)
    before_s, after_s = (_least_of_sender(context, parts_s, snapshot) for parts_s in idle_parts_s(context, snapshot))
    return _stretch(fractions, before_s, after_s, snapshot.interval_s)


def _least_of_sender(context: RewardContext, parts_s: Floats, snapshot: Snapshot) -> Floats:
    """The least of each sender's flows; the whole interval where it has none."""
    least_s = np.broadcast_to(column(snapshot.interval_s), context.fabric.host_rates_bps.shape).flatten()
    np.minimum.at(least_s, context.flows.senders.ravel(), parts_s.ravel())
    return least_s.reshape(context.fabric.host_rates_bps.shape)


def queue_fractions(context: RewardContext, snapshot: Snapshot) -> Floats:
    """For each switch port its mean backlog over its queue, shape `(..., num_switch_ports)`."""
    return snapshot.backlog_mean_bytes.take(context.fabric.switch_ports, axis=-1) / context.fabric.queue_bytes


def _sum(values: Floats) -> Floats:
    total: Floats = np.add.reduce(values, axis=-1)
    return total


def _fullest(context: RewardContext, snapshot: Snapshot) -> Floats:
    fullest: Floats = np.maximum.reduce(queue_fractions(context, snapshot), axis=-1)
    return fullest


def _mean(rates: Floats, sends: Booleans) -> Floats:
    """Over the senders; 0 when there is none."""
    return ratio(_sum(rates), np.add.reduce(sends, axis=-1, dtype=float), 0.0)


def iroko2018(context: RewardContext, snapshot: Snapshot) -> Terms:
    """Bandwidth less queues: sum over hosts of received/link rate, less sum over switch ports of (P/2) (backlog/queue)^2.

    P is the number of switch ports, so the price of a queue grows with the fabric. Ruffy, Przystupa, Beschastnikh: Iroko, A
    Framework to Prototype Reinforcement Learning for Data Center Traffic Control, 2018; the rewards `bw` and `backlog` of its
    code together. The weight in that code changed over its commits (P over the number of hosts in some).
    """
    fractions = queue_fractions(context, snapshot)
    return {
        "bandwidth": _sum(received_fractions(context, snapshot)),
        "queue": -fractions.shape[-1] / 2 * np.vecdot(fractions, fractions),
    }


def action(context: RewardContext, snapshot: Snapshot) -> Terms:
    """The mean rate of the senders."""
    return {"rate": _mean(*delivered_fractions(context, snapshot))}


def fairness(context: RewardContext, snapshot: Snapshot) -> Terms:
    """Jain's index of the senders' rates."""
    return {"fairness": jain_indices(*comparable_fractions(context, snapshot))}


def gini(context: RewardContext, snapshot: Snapshot) -> Terms:
    """1 less the Gini coefficient of the senders' rates.

    The 2018 code returned the coefficient itself here, which rewards inequality, and used 1 less it inside `step`.
    """
    return {"fairness": 1 - gini_indices(*comparable_fractions(context, snapshot))}


def fair_queue(context: RewardContext, snapshot: Snapshot) -> Terms:
    """(rate + fairness) (1 - q), with the senders' mean rate, their Jain index, and q of the fullest queue."""
    rate, queue = _mean(*delivered_fractions(context, snapshot)), _fullest(context, snapshot)
    return {"rate": rate, "queue": -queue * rate, "fairness": jain_indices(*comparable_fractions(context, snapshot)) * (1 - queue)}


def joint_queue(context: RewardContext, snapshot: Snapshot) -> Terms:
    """rate (1 - 2 q), with the senders' mean rate and q of the fullest queue."""
    rate = _mean(*delivered_fractions(context, snapshot))
    return {"rate": rate, "queue": -2 * _fullest(context, snapshot) * rate}


def step(context: RewardContext, snapshot: Snapshot) -> Terms:
    """r - q while q of the fullest queue is at most 0.3, else -r - q.

    r is the senders' mean rate times 1 less the Gini coefficient of their rates. An earlier version of the 2018 code had a
    threshold of 0.5 and other terms; this is the later one.
    """
    queue = _fullest(context, snapshot)
    rate = _mean(*delivered_fractions(context, snapshot)) * (1 - gini_indices(*comparable_fractions(context, snapshot)))
    return {"rate": np.where(queue <= STEP_QUEUE_FRACTION, rate, -rate), "queue": -queue}


def std_dev(context: RewardContext, snapshot: Snapshot) -> Terms:
    """Less the standard deviation of the senders' rates."""
    rates, sends = comparable_fractions(context, snapshot)
    distances = np.where(sends, rates - column(_mean(rates, sends)), 0.0)
    return {"deviation": -np.sqrt(_mean(distances * distances, sends))}


def queue(context: RewardContext, snapshot: Snapshot) -> Terms:
    """Less the square of the summed queues: -(sum of backlog/queue)^2; not the sum of squares, as in the 2018 code."""
    return {"queue": -(_sum(queue_fractions(context, snapshot)) ** 2)}


REWARDS: dict[str, Reward] = {
    function.__name__: function for function in (iroko2018, action, fairness, gini, fair_queue, joint_queue, step, std_dev, queue)
}
