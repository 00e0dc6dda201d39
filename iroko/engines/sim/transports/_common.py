"""What a transport is, and what transports share: growing a window, and doing nothing."""

from typing import Any, NamedTuple

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined

Flow = Any
"""A flow's record: words at the offsets of `layout`."""


@inlined
def is_limited(flow: Flow) -> bool:
    """Whether the window is what holds the flow back; in slow start it may grow to twice what was used."""
    if flow[w.CWND_LIMITED]:
        return True
    return flow[w.CWND] < flow[w.SSTHRESH] and flow[w.CWND] < 2 * flow[w.MAX_OUT]


@inlined
def slow_start(flow: Flow, acked: int) -> int:
    """Grow by what was acked, up to the threshold; returns what is left of `acked`."""
    cwnd = min(flow[w.CWND] + acked, flow[w.SSTHRESH])
    acked -= cwnd - flow[w.CWND]
    flow[w.CWND] = cwnd
    return acked


@inlined
def add_one_per(flow: Flow, window: int, acked: int) -> None:
    """Grow by one segment for each `window` segments acked."""
    if flow[w.CWND_COUNT] >= window:
        flow[w.CWND_COUNT] = 0
        flow[w.CWND] += 1
    flow[w.CWND_COUNT] += acked
    if flow[w.CWND_COUNT] >= window:
        whole = flow[w.CWND_COUNT] // window
        flow[w.CWND_COUNT] -= whole * window
        flow[w.CWND] += whole


@inlined
def grow_like_reno(flow: Flow, acked: int) -> None:
    """Slow start, then one segment for each window of ACKs (Jacobson, Congestion Avoidance and Control, 1988)."""
    if is_limited(flow):
        if flow[w.CWND] < flow[w.SSTHRESH]:
            acked = slow_start(flow, acked)
        if acked > 0:
            add_one_per(flow, flow[w.CWND], acked)


def _nothing(flow: Flow, value: int) -> int:
    return 0


def _reno_grow(flow: Flow, value: int) -> int:
    grow_like_reno(flow, value)
    return 0


def _halve(flow: Flow, value: int) -> int:
    return max(flow[w.CWND] >> 1, 2)


nothing = hook(_nothing)
reno_grow = hook(_reno_grow)
halve = hook(_halve)


class Transport(NamedTuple):
    """A transport: its functions, each `function(flow, value) -> int`; one that is not named does nothing.

    Attributes:
        ecn: whether its packets can be marked.
        datagrams: whether it sends bursts and hears nothing of them, as UDP.
        owns_window: whether it alone sets the window, as Linux's `cong_control`: `grow` is called at the end of every ACK and returns 1 to
            leave the window to TCP's proportional rate reduction; of itself TCP sets it after a timeout only.
        begin: called when the connection is open.
        acked: for each ACK, after the scoreboard, with the number of segments acked; `ACK_NOW` in ns, `ACK_RTT` in us (-1: none) and
            `ACK_DELIVERED`, the segments delivered since the last one acked was sent, are fresh.
        grow: when the window may grow, with the number of segments delivered.
        reduce: when it has to shrink; the value is `CWR` for a loss or mark, `LOSS` for a timeout; returns the new threshold.
        phase: before the phase changes, with the new one; `PHASE` is the old one.
        restart: when a segment is sent and nothing is in flight, with the ms since the last one was sent.
    """

    ecn: bool = False
    datagrams: bool = False
    owns_window: bool = False
    begin: Any = nothing
    acked: Any = nothing
    grow: Any = nothing
    reduce: Any = nothing
    phase: Any = nothing
    restart: Any = nothing
