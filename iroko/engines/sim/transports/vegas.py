"""`vegas`: keep two to four packets in the queue, told from the round-trip time.

Brakmo, Peterson, TCP Vegas, IEEE JSAC 1995. As Linux's `tcp_vegas.c`: the smallest round-trip time of each round is compared with the
smallest ever; alpha 2, beta 4, gamma 1; what was learnt is thrown away when a segment is sent and nothing was in flight.
"""

from iroko.engines.sim.jit import hook, inlined
from iroko.engines.sim.layout import ACK_RTT, CWND, NEVER, NXT, OPEN, PRIVATE, SSTHRESH, UNA
from iroko.engines.sim.transports._common import Flow, Transport, grow_like_reno, halve, slow_start

ACTIVE, ROUND_END, BASE_RTT, ROUND_RTT, SAMPLES = range(PRIVATE, PRIVATE + 5)
ALPHA, BETA, GAMMA = 2, 4, 1


@inlined
def _new_round(flow: Flow) -> None:
    flow[ACTIVE] = 1
    flow[ROUND_END] = flow[NXT]
    flow[SAMPLES] = 0
    flow[ROUND_RTT] = NEVER


def _begin(flow: Flow, value: int) -> int:
    flow[BASE_RTT] = NEVER
    _new_round(flow)
    return 0


def _acked(flow: Flow, value: int) -> int:
    if flow[ACK_RTT] >= 0:
        rtt = flow[ACK_RTT] + 1
        flow[BASE_RTT] = min(flow[BASE_RTT], rtt)
        flow[ROUND_RTT] = min(flow[ROUND_RTT], rtt)
        flow[SAMPLES] += 1
    return 0


def _grow(flow: Flow, value: int) -> int:
    if flow[ACTIVE] == 0:
        grow_like_reno(flow, value)
        return 0
    cwnd = flow[CWND]
    if flow[UNA] <= flow[ROUND_END]:
        if cwnd < flow[SSTHRESH]:
            slow_start(flow, value)
        return 0
    flow[ROUND_END] = flow[NXT]
    if flow[SAMPLES] <= 2:
        grow_like_reno(flow, value)
    else:
        rtt, base = flow[ROUND_RTT], flow[BASE_RTT]
        target = cwnd * base // rtt
        queued = cwnd * (rtt - base) // base
        starting = cwnd < flow[SSTHRESH]
        if queued > GAMMA and starting:
            cwnd = min(cwnd, target + 1)
            flow[SSTHRESH] = min(flow[SSTHRESH], cwnd)
        elif starting:
            slow_start(flow, value)
            cwnd = flow[CWND]
        elif queued > BETA:
            cwnd -= 1
            flow[SSTHRESH] = min(flow[SSTHRESH], cwnd)
        elif queued < ALPHA:
            cwnd += 1
        cwnd = max(cwnd, 2)
        flow[CWND] = cwnd
        # As Linux: the threshold follows at three quarters of the window.
        flow[SSTHRESH] = max(flow[SSTHRESH], (cwnd >> 1) + (cwnd >> 2))
    flow[SAMPLES] = 0
    flow[ROUND_RTT] = NEVER
    return 0


def _phase(flow: Flow, value: int) -> int:
    if value == OPEN:
        _new_round(flow)
    else:
        flow[ACTIVE] = 0
    return 0


def _restart(flow: Flow, value: int) -> int:
    flow[BASE_RTT] = NEVER
    _new_round(flow)
    return 0


TRANSPORT = Transport(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=halve, phase=hook(_phase), restart=hook(_restart))
