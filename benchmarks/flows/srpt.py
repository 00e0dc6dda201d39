"""A bound for finite flows: the shortest remaining size first on a fabric that queues nothing.

The fabric is one big switch: a flow takes capacity of its source's and its destination's link only. Of all unfinished flows the one with
the least left gets all that both its links have free, then the next one, and so on, as a fluid. It is the ideal of Alizadeh et al.,
pFabric, SIGCOMM 2013, section 2: it knows sizes, needs no round trip to react, and no switch inside is ever a bottleneck. No optimum is
known; greedy by size is within a factor of two of the least mean.
"""

import numpy as np

from iroko.envs.flow_trials import Trial
from iroko.metrics import TCP_HEADERS_BYTES
from iroko.snapshot import Floats

PAYLOAD_BYTES = 1448


def srpt_waits_s(starts_s: Floats, work_s: Floats, sources: list[int], destinations: list[int]) -> Floats:
    """How much later than alone each flow ends, in seconds; all links have one rate.

    Args:
        starts_s: when flows start, ascending, shape `(num_flows,)`.
        work_s: how long each takes alone.
        sources, destinations: numbers of hosts.
    """
    left = work_s.astype(float).copy()
    ends_s = np.zeros(len(left))
    under_way: list[int] = []
    time_s, arrived = 0.0, 0
    while under_way or arrived < len(left):
        served = _served(under_way, left, sources, destinations)
        until_done_s = min((left[flow] for flow in served), default=np.inf)
        until_arrival_s = starts_s[arrived] - time_s if arrived < len(left) else np.inf
        passed_s = min(until_done_s, until_arrival_s)
        time_s += passed_s
        for flow in served:
            left[flow] -= passed_s
        if until_done_s <= until_arrival_s:
            done = [flow for flow in served if left[flow] <= 1e-15]
            ends_s[done] = time_s
            under_way = [flow for flow in under_way if flow not in done]
        else:
            time_s = float(starts_s[arrived])
            under_way.append(arrived)
            arrived += 1
    return np.maximum(ends_s - starts_s - work_s, 0.0)


def _served(under_way: list[int], left: Floats, sources: list[int], destinations: list[int]) -> list[int]:
    """The flows that send, at full rate each: the least left first, one for each sender and receiver."""
    sending: set[int] = set()
    receiving: set[int] = set()
    served = []
    for flow in sorted(under_way, key=lambda each: (left[each], each)):
        if sources[flow] not in sending and destinations[flow] not in receiving:
            sending.add(sources[flow])
            receiving.add(destinations[flow])
            served.append(flow)
    return served


def srpt_slowdowns(trial: Trial) -> Floats:
    """The slowdown of each flow of a trial under the bound, shape `(num_flows,)`: its wait over its time alone, plus 1."""
    hosts = {name: number for number, name in enumerate(trial.topology.hosts)}
    starts_s = np.array([flow.start_s for flow in trial.flows])
    order = np.argsort(starts_s, kind="stable")
    wire_bytes = trial.sizes_bytes + np.ceil(trial.sizes_bytes / PAYLOAD_BYTES) * TCP_HEADERS_BYTES
    work_s = wire_bytes * 8 / np.array(trial.topology.host_rates_bps)[[hosts[flow.source] for flow in trial.flows]]
    waits_s = np.zeros(len(order))
    waits_s[order] = srpt_waits_s(
        starts_s[order], work_s[order],
        [hosts[trial.flows[i].source] for i in order], [hosts[trial.flows[i].destination] for i in order],
    )  # fmt: skip
    return 1 + waits_s / trial.ideals_s
