"""`nv`: New Vegas, which bounds the window by the rate that was reached and the smallest round-trip time.

Brakmo, TCP-NV: An Update to TCP-Vegas, Linux Plumbers 2010. As Linux's `tcp_nv.c`: at most 10 packets are to wait in the network; a
round trip's highest rate times the smallest round-trip time says what the window ought to be; it shrinks by 30% of what is above that,
after 60 ACKs and two round trips, and on loss to 80%. The smallest round-trip time is forgotten every 3.75 to 6.25 s; Linux draws that
period from its entropy, here it follows from the flow's seed.
"""

from iroko.sim.compiled import hook, inlined
from iroko.sim.layout import (
    ACK_DELIVERED,
    ACK_NOW,
    ACK_RTT,
    CWND,
    CWR,
    DISORDER,
    LOSS,
    MSS,
    NEVER,
    NXT,
    OPEN,
    PHASE,
    PRIVATE,
    RANDOM,
    RECOVERY,
    SSTHRESH,
    UNA,
    Hooks,
)
from iroko.sim.transports._window import Flows, add_one_per, is_limited, nothing, slow_start

ECN = False
(RESET_AT_MS, GROWTH, MAY_GROW, RESET, CATCH_UP, CALLS, LEAST_WINDOW, ROUNDS, AVERAGE_RTT, LEAST_RTT, NEXT_LEAST_RTT, TOP_RATE, ROUND_END,
 LAST_UNA, CALM) = range(PRIVATE, PRIVATE + 15)  # fmt: skip
PAD, PAD_BUFFER, RESET_S, MIN_CWND, FIRST_LEAST_WINDOW, LEAST_WINDOW_BOUND = 10, 2, 5, 2, 4, 80
SHRINK, LOSS_FACTOR = 38, 819
DECREASE_CALLS, INCREASE_CALLS, SLOW_START_CALLS, STOP_ROUNDS, MIN_ROUNDS, CALM_ROUNDS = 60, 20, 30, 10, 2, 8


@inlined
def _forget(flows: Flows, f: int) -> None:
    flows[f + RESET] = 0
    flows[f + CALM] = 0
    flows[f + ROUNDS] = 0
    flows[f + AVERAGE_RTT] = 0
    flows[f + TOP_RATE] = 0
    flows[f + ROUND_END] = flows[f + UNA]
    flows[f + CALLS] = 0
    flows[f + LAST_UNA] = flows[f + UNA]


def _begin(flows: Flows, f: int, value: int) -> int:
    _forget(flows, f)
    flows[f + MAY_GROW] = 1
    flows[f + RESET_AT_MS] = flows[f + ACK_NOW] // 1_000_000 + 2000
    flows[f + LEAST_RTT] = NEVER
    flows[f + NEXT_LEAST_RTT] = NEVER
    flows[f + LEAST_WINDOW] = FIRST_LEAST_WINDOW
    flows[f + CATCH_UP] = 0
    flows[f + GROWTH] = 0
    return 0


def _grow(flows: Flows, f: int, value: int) -> int:
    if is_limited(flows, f) and flows[f + MAY_GROW]:
        if flows[f + CWND] < flows[f + SSTHRESH]:
            value = slow_start(flows, f, value)
        if value > 0:
            if flows[f + GROWTH] < 0:
                add_one_per(flows, f, flows[f + CWND] << -flows[f + GROWTH], value)
            else:
                add_one_per(flows, f, max(4, flows[f + CWND] >> flows[f + GROWTH]), value)
    return 0


def _reduce(flows: Flows, f: int, value: int) -> int:
    return max(flows[f + CWND] * LOSS_FACTOR >> 10, 2)


def _phase(flows: Flows, f: int, value: int) -> int:
    if value == OPEN and flows[f + RESET]:
        _forget(flows, f)
    elif value == LOSS or value == CWR or value == RECOVERY:
        flows[f + RESET] = 1
        flows[f + MAY_GROW] = 0
        if value == LOSS:
            flows[f + GROWTH] = min(flows[f + GROWTH], 0)
            if flows[f + GROWTH] > -8:
                flows[f + GROWTH] -= 1
    return 0


@inlined
def _learn_rtt(flows: Flows, f: int) -> int:
    """Average the round-trip time, keep the smallest, and forget the smallest from time to time; returns the average in us."""
    rtt = flows[f + ACK_RTT]
    if flows[f + AVERAGE_RTT] > 0:
        rtt = (rtt + flows[f + AVERAGE_RTT]) >> 1
    else:
        flows[f + LEAST_RTT] = rtt << 1
    flows[f + AVERAGE_RTT] = rtt
    flows[f + TOP_RATE] = max(flows[f + TOP_RATE], flows[f + ACK_DELIVERED] * MSS * 80_000 // max(rtt, 1))
    flows[f + CALLS] = min(flows[f + CALLS] + 1, 255)
    flows[f + LEAST_RTT] = min(flows[f + LEAST_RTT], rtt)
    flows[f + NEXT_LEAST_RTT] = min(flows[f + NEXT_LEAST_RTT], rtt)
    now_ms = flows[f + ACK_NOW] // 1_000_000
    if now_ms >= flows[f + RESET_AT_MS]:
        flows[f + LEAST_RTT] = flows[f + NEXT_LEAST_RTT]
        flows[f + NEXT_LEAST_RTT] = NEVER
        random = (flows[f + RANDOM] * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        flows[f + RANDOM] = random
        flows[f + RESET_AT_MS] = now_ms + (RESET_S * (384 + (random >> 16 & 255)) * 1000 >> 9)
        flows[f + LEAST_WINDOW] = max(flows[f + LEAST_WINDOW] // 2, FIRST_LEAST_WINDOW)
    return rtt


def _acked(flows: Flows, f: int, value: int) -> int:
    if flows[f + ACK_RTT] < 0 or flows[f + PHASE] > DISORDER:
        return 0
    if flows[f + CATCH_UP] and flows[f + CWND] >= MIN_CWND:
        flows[f + CATCH_UP] = 0
        flows[f + MAY_GROW] = 0
    acked = flows[f + UNA] - flows[f + LAST_UNA]
    flows[f + LAST_UNA] = flows[f + UNA]
    if flows[f + ACK_DELIVERED] == 0:
        return 0
    _learn_rtt(flows, f)
    if flows[f + ROUND_END] < flows[f + UNA]:
        _end_round(flows, f, acked)
    return 0


@inlined
def _end_round(flows: Flows, f: int, acked: int) -> None:
    """Once a round trip: compare the window with what the rate and the smallest round-trip time make it."""
    flows[f + ROUND_END] = flows[f + NXT]
    flows[f + ROUNDS] = min(flows[f + ROUNDS] + 1, 255)
    least = flows[f + LEAST_WINDOW]
    if flows[f + CALLS] == 1 and acked >= least - 1 and least < LEAST_WINDOW_BOUND + 1:
        least = min(least + 2, LEAST_WINDOW_BOUND + 1)
        flows[f + LEAST_WINDOW] = least
        flows[f + ROUND_END] = flows[f + NXT] + least
        flows[f + CALLS] = 0
        flows[f + MAY_GROW] = 1
        return
    cwnd = flows[f + CWND]
    most = flows[f + TOP_RATE] * flows[f + LEAST_RTT] // (80_000 * MSS) + PAD
    if cwnd > most:
        if flows[f + ROUNDS] < MIN_ROUNDS:
            return
        if flows[f + SSTHRESH] == NEVER:
            if flows[f + CALLS] < SLOW_START_CALLS:
                return
        elif flows[f + CALLS] < DECREASE_CALLS:
            if flows[f + MAY_GROW] and flows[f + ROUNDS] > STOP_ROUNDS:
                flows[f + MAY_GROW] = 0
            return
        flows[f + MAY_GROW] = 0
        flows[f + SSTHRESH] = most
        cwnd = cwnd - max(2, (cwnd - most) * SHRINK >> 7) if cwnd - most > 2 else most
        flows[f + GROWTH] = min(flows[f + GROWTH], 0)
        flows[f + CALM] = 0
    elif cwnd <= most - PAD_BUFFER:
        if flows[f + CALLS] < INCREASE_CALLS:
            return
        flows[f + MAY_GROW] = 1
        flows[f + CALM] += 1
        if flows[f + GROWTH] < 0 and flows[f + CALM] > CALM_ROUNDS:
            flows[f + GROWTH] += 1
            flows[f + CALM] = 0
    else:
        return
    flows[f + CALLS] = 0
    flows[f + ROUNDS] = 0
    flows[f + TOP_RATE] = 0
    flows[f + CWND] = max(cwnd, MIN_CWND)


HOOKS = Hooks(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=hook(_reduce), phase=hook(_phase), restart=nothing)
