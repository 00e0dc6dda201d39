"""`cubic`: the window is a cubic function of the time since the last loss.

Ha, Rhee, Xu, CUBIC, SIGOPS OSR 2008; RFC 9438; its slow start ends early by HyStart (Ha, Rhee, 2011). As Linux's `tcp_cubic.c`: C = 0.4,
beta = 717/1024, fast convergence, never slower than Reno, both HyStart tests. Linux takes the cube root from a table, 0.2% off; here it is
exact to the integer below.
"""

from iroko.sim.compiled import hook, inlined
from iroko.sim.layout import ACK_NOW, ACK_RTT, CWND, LOSS, MSS, NEVER, NXT, PRIVATE, SRTT, SSTHRESH, UNA, Hooks
from iroko.sim.transports._window import Flows, add_one_per, is_limited, slow_start

ECN = False
(LAST_MAX, LAST_CWND, LAST_MS, ORIGIN, K, DELAY_MIN, EPOCH_MS, ACKS, RENO_CWND, PACE, FOUND, ROUND_START_US, ROUND_END, LAST_ACK_US,
 ROUND_RTT, SAMPLES) = range(PRIVATE, PRIVATE + 16)  # fmt: skip
BETA, SCALE = 717, 1024
RENO_SCALE = 8 * (SCALE + BETA) // 3 // (SCALE - BETA)
CUBE_FACTOR = (1 << 40) // 410
LOW_WINDOW, TRAIN_GAP_US, MIN_SAMPLES, LEAST_RISE_US, MOST_RISE_US = 16, 2000, 8, 4000, 16000


@inlined
def _cube_root(value: int) -> int:
    root = int(float(value) ** (1.0 / 3.0))
    while root * root * root > value:
        root -= 1
    while (root + 1) * (root + 1) * (root + 1) <= value:
        root += 1
    return root


@inlined
def _new_round(flows: Flows, f: int) -> None:
    flows[f + ROUND_START_US] = flows[f + LAST_ACK_US] = flows[f + ACK_NOW] // 1000
    flows[f + ROUND_END] = flows[f + NXT]
    flows[f + ROUND_RTT] = NEVER
    flows[f + SAMPLES] = 0


@inlined
def _forget(flows: Flows, f: int) -> None:
    for word in range(LAST_MAX, FOUND + 1):
        flows[f + word] = 0
    _new_round(flows, f)


def _begin(flows: Flows, f: int, value: int) -> int:
    _forget(flows, f)
    return 0


@inlined
def _update(flows: Flows, f: int, acked: int) -> None:
    """Set `PACE`: how many segments have to be acked for the window to grow by one."""
    cwnd, now_ms = flows[f + CWND], flows[f + ACK_NOW] // 1_000_000
    flows[f + ACKS] += acked
    if flows[f + LAST_CWND] == cwnd and now_ms - flows[f + LAST_MS] <= 1000 // 32:
        return
    if flows[f + EPOCH_MS] == 0 or now_ms != flows[f + LAST_MS]:
        flows[f + LAST_CWND] = cwnd
        flows[f + LAST_MS] = now_ms
        if flows[f + EPOCH_MS] == 0:
            flows[f + EPOCH_MS] = max(now_ms, 1)
            flows[f + ACKS] = acked
            flows[f + RENO_CWND] = cwnd
            if flows[f + LAST_MAX] <= cwnd:
                flows[f + K] = 0
                flows[f + ORIGIN] = cwnd
            else:
                flows[f + K] = _cube_root(CUBE_FACTOR * (flows[f + LAST_MAX] - cwnd))
                flows[f + ORIGIN] = flows[f + LAST_MAX]
        time = (now_ms - flows[f + EPOCH_MS] + (flows[f + DELAY_MIN] + 999) // 1000 << 10) // 1000
        away = abs(time - flows[f + K])
        rise = 410 * away * away * away >> 40
        target = flows[f + ORIGIN] - rise if time < flows[f + K] else flows[f + ORIGIN] + rise
        flows[f + PACE] = cwnd // (target - cwnd) if target > cwnd else 100 * cwnd
        if flows[f + LAST_MAX] == 0:
            flows[f + PACE] = min(flows[f + PACE], 20)
    # What Reno's window would be by now.
    step = cwnd * RENO_SCALE >> 3
    if flows[f + ACKS] > step:
        grown = (flows[f + ACKS] - 1) // step
        flows[f + ACKS] -= grown * step
        flows[f + RENO_CWND] += grown
    if flows[f + RENO_CWND] > cwnd:
        flows[f + PACE] = min(flows[f + PACE], cwnd // (flows[f + RENO_CWND] - cwnd))
    flows[f + PACE] = max(flows[f + PACE], 2)


def _grow(flows: Flows, f: int, value: int) -> int:
    if is_limited(flows, f):
        if flows[f + CWND] < flows[f + SSTHRESH]:
            value = slow_start(flows, f, value)
        if value > 0:
            _update(flows, f, value)
            add_one_per(flows, f, flows[f + PACE], value)
    return 0


def _reduce(flows: Flows, f: int, value: int) -> int:
    cwnd = flows[f + CWND]
    flows[f + EPOCH_MS] = 0
    flows[f + LAST_MAX] = cwnd * (SCALE + BETA) // (2 * SCALE) if cwnd < flows[f + LAST_MAX] else cwnd
    return max(cwnd * BETA // SCALE, 2)


def _phase(flows: Flows, f: int, value: int) -> int:
    if value == LOSS:
        _forget(flows, f)
    return 0


@inlined
def _ack_delay_us(flows: Flows, f: int) -> int:
    """What four of the largest buffers take at the pacing rate, at most 1 ms: an allowance for ACKs that come in trains."""
    percent = 200 if flows[f + CWND] < flows[f + SSTHRESH] // 2 else 120
    bytes_per_s = MSS * 80_000 * percent * max(flows[f + CWND], flows[f + NXT] - flows[f + UNA]) // max(flows[f + SRTT], 1)
    return min(1000, 65_536 * 4 * 1_000_000 // max(bytes_per_s, 1))


@inlined
def _hystart(flows: Flows, f: int, rtt: int) -> None:
    """End slow start when ACKs come for longer than half the smallest round-trip time, or that of this round has risen by 4 to 16 ms."""
    if flows[f + UNA] > flows[f + ROUND_END]:
        _new_round(flows, f)
    if flows[f + CWND] < LOW_WINDOW:
        return
    now_us = flows[f + ACK_NOW] // 1000
    if now_us - flows[f + LAST_ACK_US] <= TRAIN_GAP_US:
        flows[f + LAST_ACK_US] = now_us
        if now_us - flows[f + ROUND_START_US] > (flows[f + DELAY_MIN] + _ack_delay_us(flows, f)) >> 1:
            flows[f + FOUND] = 1
            flows[f + SSTHRESH] = flows[f + CWND]
    flows[f + ROUND_RTT] = min(flows[f + ROUND_RTT], rtt)
    if flows[f + SAMPLES] < MIN_SAMPLES:
        flows[f + SAMPLES] += 1
    elif flows[f + ROUND_RTT] > flows[f + DELAY_MIN] + min(max(flows[f + DELAY_MIN] >> 3, LEAST_RISE_US), MOST_RISE_US):
        flows[f + FOUND] = 1
        flows[f + SSTHRESH] = flows[f + CWND]


def _acked(flows: Flows, f: int, value: int) -> int:
    rtt, now_ms = flows[f + ACK_RTT], flows[f + ACK_NOW] // 1_000_000
    if rtt < 0 or (flows[f + EPOCH_MS] and now_ms - flows[f + EPOCH_MS] < 1000):
        return 0
    rtt = max(rtt, 1)
    if flows[f + DELAY_MIN] == 0 or rtt < flows[f + DELAY_MIN]:
        flows[f + DELAY_MIN] = rtt
    if flows[f + FOUND] == 0 and flows[f + CWND] < flows[f + SSTHRESH]:
        _hystart(flows, f, rtt)
    return 0


def _restart(flows: Flows, f: int, value: int) -> int:
    if flows[f + EPOCH_MS] and value > 0:
        flows[f + EPOCH_MS] += value
    return 0


HOOKS = Hooks(begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=hook(_reduce), phase=hook(_phase), restart=hook(_restart))
