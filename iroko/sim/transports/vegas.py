"""`vegas`: keep two to four packets in the queue, told from the round-trip time.

Brakmo, Peterson, TCP Vegas, IEEE JSAC 1995. As Linux's `tcp_vegas.c`: the smallest round-trip time of each round is compared with the
smallest ever; alpha 2, beta 4, gamma 1; what was learnt is thrown away when a segment is sent and nothing was in flight.
"""

from iroko.sim.compiled import hook, inlined
from iroko.sim.layout import ACK_RTT, CWND, NEVER, NXT, OPEN, PRIVATE, SSTHRESH, UNA, Hooks
from iroko.sim.transports._window import Flows, grow_like_reno, halve, slow_start

ECN = False
ACTIVE, ROUND_END, BASE_RTT, ROUND_RTT, SAMPLES = range(PRIVATE, PRIVATE + 5)
ALPHA, BETA, GAMMA = 2, 4, 1


@inlined
def _new_round(flows: Flows, f: int) -> None:
    flows[f + ACTIVE] = 1
    flows[f + ROUND_END] = flows[f + NXT]
    flows[f + SAMPLES] = 0
    flows[f + ROUND_RTT] = NEVER


def _begin(flows: Flows, f: int, value: int) -> int:
    flows[f + BASE_RTT] = NEVER
    _new_round(flows, f)
    return 0


def _acked(flows: Flows, f: int, value: int) -> int:
    if flows[f + ACK_RTT] >= 0:
        rtt = flows[f + ACK_RTT] + 1
        flows[f + BASE_RTT] = min(flows[f + BASE_RTT], rtt)
        flows[f + ROUND_RTT] = min(flows[f + ROUND_RTT], rtt)
        flows[f + SAMPLES] += 1
    return 0


def _grow(flows: Flows, f: int, value: int) -> int:
    if flows[f + ACTIVE] == 0:
        grow_like_reno(flows, f, value)
        return 0
    cwnd = flows[f + CWND]
    if flows[f + UNA] <= flows[f + ROUND_END]:
        if cwnd < flows[f + SSTHRESH]:
            slow_start(flows, f, value)
        return 0
    flows[f + ROUND_END] = flows[f + NXT]
    if flows[f + SAMPLES] <= 2:
        grow_like_reno(flows, f, value)
    else:
        rtt, base = flows[f + ROUND_RTT], flows[f + BASE_RTT]
        target = cwnd * base // rtt
        queued = cwnd * (rtt - base) // base
        starting = cwnd < flows[f + SSTHRESH]
        if queued > GAMMA and starting:
            cwnd = min(cwnd, target + 1)
            flows[f + SSTHRESH] = min(flows[f + SSTHRESH], cwnd)
        elif starting:
            slow_start(flows, f, value)
            cwnd = flows[f + CWND]
        elif queued > BETA:
            cwnd -= 1
            flows[f + SSTHRESH] = min(flows[f + SSTHRESH], cwnd)
        elif queued < ALPHA:
            cwnd += 1
        cwnd = max(cwnd, 2)
        flows[f + CWND] = cwnd
        # As Linux: the threshold follows at three quarters of the window.
        flows[f + SSTHRESH] = max(flows[f + SSTHRESH], (cwnd >> 1) + (cwnd >> 2))
    flows[f + SAMPLES] = 0
    flows[f + ROUND_RTT] = NEVER
    return 0


def _phase(flows: Flows, f: int, value: int) -> int:
    if value == OPEN:
        _new_round(flows, f)
    else:
        flows[f + ACTIVE] = 0
    return 0


def _restart(flows: Flows, f: int, value: int) -> int:
    flows[f + BASE_RTT] = NEVER
    _new_round(flows, f)
    return 0


HOOKS = Hooks(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=halve, phase=hook(_phase), restart=hook(_restart))
