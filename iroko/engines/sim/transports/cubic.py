"""`cubic`: the window is a cubic function of the time since the last loss.

Ha, Rhee, Xu, CUBIC, SIGOPS OSR 2008; RFC 9438; its slow start ends early by HyStart (Ha, Rhee, 2011). As Linux's `tcp_cubic.c`: C = 0.4,
beta = 717/1024, fast convergence, never slower than Reno, both HyStart tests. Linux takes the cube root from a table, 0.2% off; here it is
exact to the integer below.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined
from iroko.engines.sim.transports._common import Flow, Transport, add_one_per, is_limited, slow_start

(LAST_MAX, LAST_CWND, LAST_MS, ORIGIN, K, DELAY_MIN, EPOCH_MS, ACKS, RENO_CWND, PACE, FOUND, ROUND_START_US, ROUND_END, LAST_ACK_US,
 ROUND_RTT, SAMPLES) = range(w.PRIVATE, w.PRIVATE + 16)  # fmt: skip
BETA, SCALE = 717, 1024
RENO_SCALE = 8 * (SCALE + BETA) // 3 // (SCALE - BETA)
CUBE_FACTOR = (1 << 40) // 410
MOST_AWAY = 1 << 18
"""In 1/1024 s: the cube of more would overflow."""
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
def _new_round(flow: Flow) -> None:
    flow[ROUND_START_US] = flow[LAST_ACK_US] = flow[w.ACK_NOW] // 1000
    flow[ROUND_END] = flow[w.NXT]
    flow[ROUND_RTT] = w.NEVER
    flow[SAMPLES] = 0


@inlined
def _forget(flow: Flow) -> None:
    for word in range(LAST_MAX, FOUND + 1):
        flow[word] = 0
    _new_round(flow)


def _begin(flow: Flow, value: int) -> int:
    _forget(flow)
    return 0


@inlined
def _update(flow: Flow, acked: int) -> None:
    """Set `PACE`: how many segments have to be acked for the window to grow by one."""
    cwnd, now_ms = flow[w.CWND], flow[w.ACK_NOW] // 1_000_000
    flow[ACKS] += acked
    if flow[LAST_CWND] == cwnd and now_ms - flow[LAST_MS] <= 1000 // 32:
        return
    if flow[EPOCH_MS] == 0 or now_ms != flow[LAST_MS]:
        flow[LAST_CWND] = cwnd
        flow[LAST_MS] = now_ms
        if flow[EPOCH_MS] == 0:
            flow[EPOCH_MS] = max(now_ms, 1)
            flow[ACKS] = acked
            flow[RENO_CWND] = cwnd
            if flow[LAST_MAX] <= cwnd:
                flow[K] = 0
                flow[ORIGIN] = cwnd
            else:
                flow[K] = _cube_root(CUBE_FACTOR * (flow[LAST_MAX] - cwnd))
                flow[ORIGIN] = flow[LAST_MAX]
        time = (now_ms - flow[EPOCH_MS] + (flow[DELAY_MIN] + 999) // 1000 << 10) // 1000
        away = min(abs(time - flow[K]), MOST_AWAY)
        rise = 410 * away * away * away >> 40
        target = flow[ORIGIN] - rise if time < flow[K] else flow[ORIGIN] + rise
        flow[PACE] = cwnd // (target - cwnd) if target > cwnd else 100 * cwnd
        if flow[LAST_MAX] == 0:
            flow[PACE] = min(flow[PACE], 20)
    # What Reno's window would be by now.
    step = cwnd * RENO_SCALE >> 3
    if flow[ACKS] > step:
        grown = (flow[ACKS] - 1) // step
        flow[ACKS] -= grown * step
        flow[RENO_CWND] += grown
    if flow[RENO_CWND] > cwnd:
        flow[PACE] = min(flow[PACE], cwnd // (flow[RENO_CWND] - cwnd))
    flow[PACE] = max(flow[PACE], 2)


def _grow(flow: Flow, value: int) -> int:
    if is_limited(flow):
        if flow[w.CWND] < flow[w.SSTHRESH]:
            value = slow_start(flow, value)
        if value > 0:
            _update(flow, value)
            add_one_per(flow, flow[PACE], value)
    return 0


def _reduce(flow: Flow, value: int) -> int:
    cwnd = flow[w.CWND]
    flow[EPOCH_MS] = 0
    flow[LAST_MAX] = cwnd * (SCALE + BETA) // (2 * SCALE) if cwnd < flow[LAST_MAX] else cwnd
    return max(cwnd * BETA // SCALE, 2)


def _phase(flow: Flow, value: int) -> int:
    if value == w.LOSS:
        _forget(flow)
    return 0


@inlined
def _ack_delay_us(flow: Flow) -> int:
    """What four of the largest buffers take at the pacing rate, at most 1 ms: an allowance for ACKs that come in trains."""
    percent = 200 if flow[w.CWND] < flow[w.SSTHRESH] // 2 else 120
    bytes_per_s = w.MSS * 80_000 * percent * max(flow[w.CWND], flow[w.NXT] - flow[w.UNA]) // max(flow[w.SRTT], 1)
    return min(1000, 65_536 * 4 * 1_000_000 // max(bytes_per_s, 1))


@inlined
def _hystart(flow: Flow, rtt: int) -> None:
    """End slow start when ACKs come for longer than half the smallest round-trip time, or that of this round has risen by 4 to 16 ms."""
    if flow[w.UNA] > flow[ROUND_END]:
        _new_round(flow)
    if flow[w.CWND] < LOW_WINDOW:
        return
    now_us = flow[w.ACK_NOW] // 1000
    if now_us - flow[LAST_ACK_US] <= TRAIN_GAP_US:
        flow[LAST_ACK_US] = now_us
        if now_us - flow[ROUND_START_US] > (flow[DELAY_MIN] + _ack_delay_us(flow)) >> 1:
            flow[FOUND] = 1
            flow[w.SSTHRESH] = flow[w.CWND]
    flow[ROUND_RTT] = min(flow[ROUND_RTT], rtt)
    if flow[SAMPLES] < MIN_SAMPLES:
        flow[SAMPLES] += 1
    elif flow[ROUND_RTT] > flow[DELAY_MIN] + min(max(flow[DELAY_MIN] >> 3, LEAST_RISE_US), MOST_RISE_US):
        flow[FOUND] = 1
        flow[w.SSTHRESH] = flow[w.CWND]


def _acked(flow: Flow, value: int) -> int:
    rtt, now_ms = flow[w.ACK_RTT], flow[w.ACK_NOW] // 1_000_000
    if rtt < 0 or (flow[EPOCH_MS] and now_ms - flow[EPOCH_MS] < 1000):
        return 0
    rtt = max(rtt, 1)
    if flow[DELAY_MIN] == 0 or rtt < flow[DELAY_MIN]:
        flow[DELAY_MIN] = rtt
    if flow[FOUND] == 0 and flow[w.CWND] < flow[w.SSTHRESH]:
        _hystart(flow, rtt)
    return 0


def _restart(flow: Flow, value: int) -> int:
    if flow[EPOCH_MS] and value > 0:
        flow[EPOCH_MS] += value
    return 0


TRANSPORT = Transport(
    begin=hook(_begin), acked=hook(_acked), grow=hook(_grow), reduce=hook(_reduce), phase=hook(_phase), restart=hook(_restart)
)
