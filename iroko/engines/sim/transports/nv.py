"""`nv`: New Vegas, which bounds the window by the rate that was reached and the smallest round-trip time.

Brakmo, TCP-NV: An Update to TCP-Vegas, Linux Plumbers 2010. As Linux's `tcp_nv.c`: at most 10 packets are to wait in the network; a
round trip's highest rate times the smallest round-trip time says what the window ought to be; it shrinks by 30% of what is above that,
after 60 ACKs and two round trips, and on loss to 80%. The smallest round-trip time is forgotten every 3.75 to 6.25 s; Linux draws that
period from its entropy, here it follows from the flow's seed.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined
from iroko.engines.sim.transports._common import Flow, Transport, add_one_per, is_limited, slow_start

(RESET_AT_MS, GROWTH, MAY_GROW, RESET, CATCH_UP, CALLS, LEAST_WINDOW, ROUNDS, AVERAGE_RTT, LEAST_RTT, NEXT_LEAST_RTT, TOP_RATE, ROUND_END,
 LAST_UNA, CALM) = range(w.PRIVATE, w.PRIVATE + 15)  # fmt: skip
PAD, PAD_BUFFER, RESET_S, MIN_CWND, FIRST_LEAST_WINDOW, LEAST_WINDOW_BOUND = 10, 2, 5, 2, 4, 80
SHRINK, LOSS_FACTOR = 38, 819
DECREASE_CALLS, INCREASE_CALLS, SLOW_START_CALLS, STOP_ROUNDS, MIN_ROUNDS, CALM_ROUNDS = 60, 20, 30, 10, 2, 8


@inlined
def _forget(flow: Flow) -> None:
    flow[RESET] = 0
    flow[CALM] = 0
    flow[ROUNDS] = 0
    flow[AVERAGE_RTT] = 0
    flow[TOP_RATE] = 0
    flow[ROUND_END] = flow[w.UNA]
    flow[CALLS] = 0
    flow[LAST_UNA] = flow[w.UNA]


def _begin(flow: Flow, value: int) -> int:
    _forget(flow)
    flow[MAY_GROW] = 1
    flow[RESET_AT_MS] = flow[w.ACK_NOW] // 1_000_000 + 2000
    flow[LEAST_RTT] = w.NEVER
    flow[NEXT_LEAST_RTT] = w.NEVER
    flow[LEAST_WINDOW] = FIRST_LEAST_WINDOW
    flow[CATCH_UP] = 0
    flow[GROWTH] = 0
    return 0


def _grow(flow: Flow, value: int) -> int:
    if is_limited(flow) and flow[MAY_GROW]:
        if flow[w.CWND] < flow[w.SSTHRESH]:
            value = slow_start(flow, value)
        if value > 0:
            if flow[GROWTH] < 0:
                add_one_per(flow, flow[w.CWND] << -flow[GROWTH], value)
            else:
                add_one_per(flow, max(4, flow[w.CWND] >> flow[GROWTH]), value)
    return 0


def _reduce(flow: Flow, value: int) -> int:
    return max(flow[w.CWND] * LOSS_FACTOR >> 10, 2)


def _phase(flow: Flow, value: int) -> int:
    if value == w.OPEN and flow[RESET]:
        _forget(flow)
    elif value in (w.LOSS, w.CWR, w.RECOVERY):
        flow[RESET] = 1
        flow[MAY_GROW] = 0
        if value == w.LOSS:
            flow[GROWTH] = min(flow[GROWTH], 0)
            if flow[GROWTH] > -8:
                flow[GROWTH] -= 1
    return 0


@inlined
def _learn_rtt(flow: Flow) -> int:
    """Average the round-trip time, keep the smallest, and forget the smallest from time to time; returns the average in us."""
    rtt = flow[w.ACK_RTT]
    if flow[AVERAGE_RTT] > 0:
        rtt = (rtt + flow[AVERAGE_RTT]) >> 1
    else:
        flow[LEAST_RTT] = rtt << 1
    flow[AVERAGE_RTT] = rtt
    flow[TOP_RATE] = max(flow[TOP_RATE], flow[w.ACK_DELIVERED] * w.MSS * 80_000 // max(rtt, 1))
    flow[CALLS] = min(flow[CALLS] + 1, 255)
    flow[LEAST_RTT] = min(flow[LEAST_RTT], rtt)
    flow[NEXT_LEAST_RTT] = min(flow[NEXT_LEAST_RTT], rtt)
    now_ms = flow[w.ACK_NOW] // 1_000_000
    if now_ms >= flow[RESET_AT_MS]:
        flow[LEAST_RTT] = flow[NEXT_LEAST_RTT]
        flow[NEXT_LEAST_RTT] = w.NEVER
        random = (flow[w.RANDOM] * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        flow[w.RANDOM] = random
        flow[RESET_AT_MS] = now_ms + (RESET_S * (384 + (random >> 16 & 255)) * 1000 >> 9)
        flow[LEAST_WINDOW] = max(flow[LEAST_WINDOW] // 2, FIRST_LEAST_WINDOW)
    return rtt


def _acked(flow: Flow, value: int) -> int:
    if flow[w.ACK_RTT] < 0 or flow[w.PHASE] > w.DISORDER:
        return 0
    if flow[CATCH_UP] and flow[w.CWND] >= MIN_CWND:
        flow[CATCH_UP] = 0
        flow[MAY_GROW] = 0
    acked = flow[w.UNA] - flow[LAST_UNA]
    flow[LAST_UNA] = flow[w.UNA]
    if flow[w.ACK_DELIVERED] == 0:
        return 0
    _learn_rtt(flow)
    if flow[ROUND_END] < flow[w.UNA]:
        _end_round(flow, acked)
    return 0


@inlined
def _end_round(flow: Flow, acked: int) -> None:
    """Once a round trip: compare the window with what the rate and the smallest round-trip time make it."""
    flow[ROUND_END] = flow[w.NXT]
    flow[ROUNDS] = min(flow[ROUNDS] + 1, 255)
    least = flow[LEAST_WINDOW]
    if flow[CALLS] == 1 and acked >= least - 1 and least < LEAST_WINDOW_BOUND + 1:
        least = min(least + 2, LEAST_WINDOW_BOUND + 1)
        flow[LEAST_WINDOW] = least
        flow[ROUND_END] = flow[w.NXT] + least
        flow[CALLS] = 0
        flow[MAY_GROW] = 1
        return
    cwnd = flow[w.CWND]
    most = flow[TOP_RATE] * flow[LEAST_RTT] // (80_000 * w.MSS) + PAD
    if cwnd > most:
        if flow[ROUNDS] < MIN_ROUNDS:
            return
        if flow[w.SSTHRESH] == w.NEVER:
            if flow[CALLS] < SLOW_START_CALLS:
                return
        elif flow[CALLS] < DECREASE_CALLS:
            if flow[MAY_GROW] and flow[ROUNDS] > STOP_ROUNDS:
                flow[MAY_GROW] = 0
            return
        flow[MAY_GROW] = 0
        flow[w.SSTHRESH] = most
        cwnd = cwnd - max(2, (cwnd - most) * SHRINK >> 7) if cwnd - most > 2 else most
        flow[GROWTH] = min(flow[GROWTH], 0)
        flow[CALM] = 0
    elif cwnd <= most - PAD_BUFFER:
        if flow[CALLS] < INCREASE_CALLS:
            return
        flow[MAY_GROW] = 1
        flow[CALM] += 1
        if flow[GROWTH] < 0 and flow[CALM] > CALM_ROUNDS:
            flow[GROWTH] += 1
            flow[CALM] = 0
    else:
        return
    flow[CALLS] = 0
    flow[ROUNDS] = 0
    flow[TOP_RATE] = 0
    flow[w.CWND] = max(cwnd, MIN_CWND)


TRANSPORT = Transport(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=hook(_reduce), phase=hook(_phase))
