"""What transports share: growing a window, and doing nothing."""

import numpy.typing as npt
import numpy as np

from iroko.sim.compiled import hook, inlined
from iroko.sim.layout import CWND, CWND_COUNT, CWND_LIMITED, MAX_OUT, SSTHRESH

Flows = npt.NDArray[np.int64]


@inlined
def is_limited(flows: Flows, f: int) -> bool:
    """Whether the window is what holds the flow back; in slow start it may grow to twice what was used."""
    if flows[f + CWND_LIMITED]:
        return True
    return flows[f + CWND] < flows[f + SSTHRESH] and flows[f + CWND] < 2 * flows[f + MAX_OUT]


@inlined
def slow_start(flows: Flows, f: int, acked: int) -> int:
    """Grow by what was acked, up to the threshold; returns what is left of `acked`."""
    cwnd = min(flows[f + CWND] + acked, flows[f + SSTHRESH])
    acked -= cwnd - flows[f + CWND]
    flows[f + CWND] = cwnd
    return acked


@inlined
def add_one_per(flows: Flows, f: int, window: int, acked: int) -> None:
    """Grow by one segment for each `window` segments acked."""
    if flows[f + CWND_COUNT] >= window:
        flows[f + CWND_COUNT] = 0
        flows[f + CWND] += 1
    flows[f + CWND_COUNT] += acked
    if flows[f + CWND_COUNT] >= window:
        whole = flows[f + CWND_COUNT] // window
        flows[f + CWND_COUNT] -= whole * window
        flows[f + CWND] += whole


@inlined
def grow_like_reno(flows: Flows, f: int, acked: int) -> None:
    """Slow start, then one segment for each window of ACKs (Jacobson, Congestion Avoidance and Control, 1988)."""
    if is_limited(flows, f):
        if flows[f + CWND] < flows[f + SSTHRESH]:
            acked = slow_start(flows, f, acked)
        if acked > 0:
            add_one_per(flows, f, flows[f + CWND], acked)


def _nothing(flows: Flows, f: int, value: int) -> int:
    return 0


def _reno_grow(flows: Flows, f: int, value: int) -> int:
    grow_like_reno(flows, f, value)
    return 0


def _halve(flows: Flows, f: int, value: int) -> int:
    return max(flows[f + CWND] >> 1, 2)


nothing = hook(_nothing)
reno_grow = hook(_reno_grow)
halve = hook(_halve)
