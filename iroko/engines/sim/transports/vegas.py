"""`vegas`: keep two to four packets in the queue, told from the round-trip time.

Brakmo, Peterson, TCP Vegas, IEEE JSAC 1995. As Linux's `tcp_vegas.c`: the smallest round-trip time of each round is compared with the
smallest ever; alpha 2, beta 4, gamma 1; what was learnt is thrown away when a segment is sent and nothing was in flight.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined
from iroko.engines.sim.transports._common import Flow, Transport, grow_like_reno, halve, slow_start

ACTIVE, ROUND_END, BASE_RTT, ROUND_RTT, SAMPLES = range(w.PRIVATE, w.PRIVATE + 5)
ALPHA, BETA, GAMMA = 2, 4, 1


@inlined
def _new_round(flow: Flow) -> None:
    flow[ACTIVE] = 1
    flow[ROUND_END] = flow[w.NXT]
    flow[SAMPLES] = 0
    flow[ROUND_RTT] = w.NEVER


def _begin(flow: Flow, value: int) -> int:
    flow[BASE_RTT] = w.NEVER
    _new_round(flow)
    return 0


def _acked(flow: Flow, value: int) -> int:
    if flow[w.ACK_RTT] >= 0:
        rtt = flow[w.ACK_RTT] + 1
        flow[BASE_RTT] = min(flow[BASE_RTT], rtt)
        flow[ROUND_RTT] = min(flow[ROUND_RTT], rtt)
        flow[SAMPLES] += 1
    return 0


def _grow(flow: Flow, value: int) -> int:
    if flow[ACTIVE] == 0:
        grow_like_reno(flow, value)
        return 0
    cwnd = flow[w.CWND]
    if flow[w.UNA] <= flow[ROUND_END]:
        if cwnd < flow[w.SSTHRESH]:
            slow_start(flow, value)
        return 0
    flow[ROUND_END] = flow[w.NXT]
    if flow[SAMPLES] <= 2:
        grow_like_reno(flow, value)
    else:
        rtt, base = flow[ROUND_RTT], flow[BASE_RTT]
        target = cwnd * base // rtt
        queued = cwnd * (rtt - base) // base
        starting = cwnd < flow[w.SSTHRESH]
        if queued > GAMMA and starting:
            cwnd = min(cwnd, target + 1)
            flow[w.SSTHRESH] = min(flow[w.SSTHRESH], cwnd)
        elif starting:
            slow_start(flow, value)
            cwnd = flow[w.CWND]
        elif queued > BETA:
            cwnd -= 1
            flow[w.SSTHRESH] = min(flow[w.SSTHRESH], cwnd)
        elif queued < ALPHA:
            cwnd += 1
        cwnd = max(cwnd, 2)
        flow[w.CWND] = cwnd
        # As Linux: the threshold follows at three quarters of the window.
        flow[w.SSTHRESH] = max(flow[w.SSTHRESH], (cwnd >> 1) + (cwnd >> 2))
    flow[SAMPLES] = 0
    flow[ROUND_RTT] = w.NEVER
    return 0


def _phase(flow: Flow, value: int) -> int:
    if value == w.OPEN:
        _new_round(flow)
    else:
        flow[ACTIVE] = 0
    return 0


def _restart(flow: Flow, value: int) -> int:
    flow[BASE_RTT] = w.NEVER
    _new_round(flow)
    return 0


TRANSPORT = Transport(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=halve, phase=hook(_phase), restart=hook(_restart))
