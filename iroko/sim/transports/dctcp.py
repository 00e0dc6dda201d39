"""`dctcp`: shrink in proportion to the share of marked segments.

Alizadeh et al., Data Center TCP, SIGCOMM 2010; RFC 8257. As Linux's `tcp_dctcp.c`: the share is averaged once a round trip with weight
1/16 in 1/1024ths and starts at 1; the reduction is spread over a round trip (RFC 6937); a loss halves the window.
"""

from iroko.sim.compiled import hook
from iroko.sim.layout import CWND, DELIVERED_CE, DELIVERED_COUNT, LOSS, NXT, PHASE, PRIVATE, RECOVERY, SSTHRESH, UNA, Hooks
from iroko.sim.transports._window import Flows, nothing, reno_grow

ECN = True
ALPHA, ROUND_END, DELIVERED_THEN, MARKED_THEN = range(PRIVATE, PRIVATE + 4)
ONE, WEIGHT_BITS = 1024, 4


def _begin(flows: Flows, f: int, value: int) -> int:
    flows[f + ALPHA] = ONE
    flows[f + ROUND_END] = flows[f + NXT]
    flows[f + DELIVERED_THEN] = flows[f + DELIVERED_COUNT]
    flows[f + MARKED_THEN] = flows[f + DELIVERED_CE]
    return 0


def _acked(flows: Flows, f: int, value: int) -> int:
    if flows[f + UNA] >= flows[f + ROUND_END]:
        delivered = flows[f + DELIVERED_COUNT] - flows[f + DELIVERED_THEN]
        marked = flows[f + DELIVERED_CE] - flows[f + MARKED_THEN]
        alpha = flows[f + ALPHA]
        alpha -= alpha >> WEIGHT_BITS if alpha >> WEIGHT_BITS else alpha
        if marked:
            alpha = min(alpha + (marked << (10 - WEIGHT_BITS)) // max(1, delivered), ONE)
        flows[f + ALPHA] = alpha
        flows[f + ROUND_END] = flows[f + NXT]
        flows[f + DELIVERED_THEN] = flows[f + DELIVERED_COUNT]
        flows[f + MARKED_THEN] = flows[f + DELIVERED_CE]
    return 0


def _reduce(flows: Flows, f: int, value: int) -> int:
    cwnd = flows[f + CWND]
    if value == LOSS:
        return max(cwnd >> 1, 2)
    return max(cwnd - (cwnd * flows[f + ALPHA] >> 11), 2)


def _phase(flows: Flows, f: int, value: int) -> int:
    if value == RECOVERY and flows[f + PHASE] != RECOVERY:
        flows[f + SSTHRESH] = max(flows[f + CWND] >> 1, 2)
    return 0


HOOKS = Hooks(begin=hook(_begin), acked=hook(_acked), grow=reno_grow, reduce=hook(_reduce), phase=hook(_phase), restart=nothing)
