"""`dctcp`: shrink in proportion to the share of marked segments.

Alizadeh et al., Data Center TCP, SIGCOMM 2010; RFC 8257. As Linux's `tcp_dctcp.c`: the share is averaged once a round trip with weight
1/16 in 1/1024ths and starts at 1; the reduction is spread over a round trip (RFC 6937); a loss halves the window.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined
from iroko.engines.sim.transports._common import Flow, Transport, reno_grow

ALPHA, ROUND_END, DELIVERED_THEN, MARKED_THEN = range(w.PRIVATE, w.PRIVATE + 4)
ONE, WEIGHT_BITS = 1024, 4


@inlined
def _new_round(flow: Flow) -> None:
    flow[ROUND_END] = flow[w.NXT]
    flow[DELIVERED_THEN] = flow[w.DELIVERED_COUNT]
    flow[MARKED_THEN] = flow[w.DELIVERED_CE]


def _begin(flow: Flow, value: int) -> int:
    flow[ALPHA] = ONE
    _new_round(flow)
    return 0


def _acked(flow: Flow, value: int) -> int:
    if flow[w.UNA] >= flow[ROUND_END]:
        delivered = flow[w.DELIVERED_COUNT] - flow[DELIVERED_THEN]
        marked = flow[w.DELIVERED_CE] - flow[MARKED_THEN]
        alpha = flow[ALPHA]
        alpha -= alpha >> WEIGHT_BITS if alpha >> WEIGHT_BITS else alpha
        if marked:
            alpha = min(alpha + (marked << (10 - WEIGHT_BITS)) // max(1, delivered), ONE)
        flow[ALPHA] = alpha
        _new_round(flow)
    return 0


def _reduce(flow: Flow, value: int) -> int:
    cwnd = flow[w.CWND]
    if value == w.LOSS:
        return max(cwnd >> 1, 2)
    return max(cwnd - (cwnd * flow[ALPHA] >> 11), 2)


def _phase(flow: Flow, value: int) -> int:
    if value == w.RECOVERY and flow[w.PHASE] != w.RECOVERY:
        flow[w.SSTHRESH] = max(flow[w.CWND] >> 1, 2)
    return 0


TRANSPORT = Transport(ecn=True, begin=hook(_begin), acked=hook(_acked), grow=reno_grow, reduce=hook(_reduce), phase=hook(_phase))
