"""`policy.h` for the simulator: the same integers, compiled by numba.

Every function has the name and arithmetic of its counterpart in the header. `p` is a policy, `f` the state of a flow and `x` the
features, each an array or a pointer to 64-bit integers, in the layout of `iroko.policy.words`.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

from iroko.policy.words import (
    ACTION,
    ALPHA,
    ALPHA_SHIFT,
    CONGESTED,
    CWND,
    CWND_CNT,
    DELIVERED_THEN,
    FEATURES,
    FIRST_WINDOW,
    GAIN,
    GUARD,
    HIDDEN,
    HIDDEN_BIAS,
    HIDDEN_WEIGHTS,
    INFINITE_SSTHRESH,
    LOST_THEN,
    MARKED_THEN,
    MAX_ACTIVATION,
    MAX_ALPHA,
    MAX_CWND,
    MAX_GROWTH,
    MAX_WAIT_US,
    MIN_CWND,
    ONE,
    OUTPUT,
    OUTPUT_BIAS,
    PRIOR_CWND,
    PRIOR_RTT_US,
    PRR_DELIVERED,
    RTT_US,
    SKIP,
    SSTHRESH,
    STEP,
    WINDOW,
)

Words = Any


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into its callers; nothing here allocates, so nothing is counted (`_nrt`)."""
    return njit(forceinline=True, nogil=True, error_model="numpy", boundscheck=False, _nrt=False)(function)


@inlined
def log2(x: int) -> int:
    """Logarithm of base 2 in Q16 for 0 <= x < 2^62; of 0 it is 0."""
    if x == 0:
        return 0
    whole, rest = 0, x
    if rest >> 32:
        whole, rest = 32, rest >> 32
    if rest >> 16:
        whole, rest = whole + 16, rest >> 16
    if rest >> 8:
        whole, rest = whole + 8, rest >> 8
    if rest >> 4:
        whole, rest = whole + 4, rest >> 4
    if rest >> 2:
        whole, rest = whole + 2, rest >> 2
    if rest >> 1:
        whole += 1
    part = (x >> (whole - 16) if whole > 16 else x << (16 - whole)) & 65535
    return (whole << 16) + part + ((part * (65536 - part) >> 16) * 22656 >> 16)


@inlined
def exp2(a: int) -> int:
    """2^a in Q16 for -1 <= a <= 1 in Q16."""
    fraction = a & 65535
    e = 14823 + (5130 * fraction >> 16)
    e = 45583 + (e * fraction >> 16)
    e = ONE + (e * fraction >> 16)
    if a >= ONE:
        return 2 * ONE
    return e >> 1 if a < 0 else e


@inlined
def clamp(x: int, least: int, most: int) -> int:
    return least if x < least else most if x > most else x


@inlined
def average(alpha: int, delivered: int, marked: int) -> int:
    """DCTCP's average of the marked share, Q10: `iroko_alpha`."""
    less = alpha >> ALPHA_SHIFT
    alpha -= less if less else alpha
    if marked:
        alpha = min(alpha + (marked << (10 - ALPHA_SHIFT)) // (delivered if delivered else 1), MAX_ALPHA)
    return alpha


@inlined
def wait_us(rtt_us: int, min_rtt_us: int) -> int:
    """Time spent in queues, at most 16 s."""
    wait = rtt_us - min_rtt_us if min_rtt_us and rtt_us > min_rtt_us else 0
    return min(wait, MAX_WAIT_US)


@inlined
def idle(marked: int, lost: int, rtt_us: int, min_rtt_us: int) -> bool:
    """Whether nothing is in the way: no mark, no loss, and a queueing delay of at most 1/16."""
    return marked == 0 and lost == 0 and wait_us(rtt_us, min_rtt_us) * 16 <= min_rtt_us


@inlined
def features(f: Words, delivered: int, marked: int, lost: int, min_rtt_us: int, x: Words) -> None:
    """Fill `x`, Q16; `delivered`, `marked` and `lost` are of the round, `f` as at its end."""
    rtt_us, prior_us, window = f[RTT_US], f[PRIOR_RTT_US], f[WINDOW]
    wait = wait_us(rtt_us, min_rtt_us)
    least = min_rtt_us if min_rtt_us else 1
    relative = min((wait << 16) // least, 1024 << 16)
    queued = window * wait // (least + wait)
    x[0] = (min(marked, delivered) << 16) // delivered if delivered else 0
    x[1] = f[ALPHA] << 6
    x[2] = (log2(ONE + relative) - (16 << 16)) >> 2
    x[3] = log2(wait + 1) >> 4
    x[4] = (log2(window) - (16 << 16)) >> 3 if window > ONE else 0
    x[5] = ONE if lost else 0
    x[6] = f[ACTION]
    x[7] = (log2(ONE + queued) - (16 << 16)) >> 2
    x[8] = ONE if f[CONGESTED] else 0
    x[9] = 0
    if rtt_us and prior_us:
        change = abs(rtt_us - prior_us)
        change = (change << 16) // rtt_us if change < rtt_us else ONE
        x[9] = change if rtt_us > prior_us else -change


@inlined
def network(p: Words, x: Words) -> int:
    """The action in Q16, -1 to 1."""
    out = p[OUTPUT_BIAS] * ONE
    for j in range(HIDDEN):
        total = p[HIDDEN_BIAS + j] * ONE
        for i in range(FEATURES):
            total += p[HIDDEN_WEIGHTS + j * FEATURES + i] * x[i]
        out += p[OUTPUT + j] * clamp(total >> 10, 0, MAX_ACTIVATION)
    for i in range(FEATURES):
        out += p[SKIP + i] * x[i]
    return clamp(out >> 10, -ONE, ONE)


@inlined
def bound(p: Words, window: int, cwnd: int) -> int:
    """A window within the guard's bounds around DCTCP's, Q16."""
    guard = max(p[GUARD], 1024)
    window = min(max(window, MIN_CWND << 16), MAX_CWND << 16)
    return max(min(window, (cwnd << 16) * guard >> 10), (cwnd << 26) // guard)


@inlined
def dctcp_grow(f: Words, acked: int) -> None:
    """DCTCP's window grows as Reno's does."""
    cwnd, count = f[CWND], f[CWND_CNT]
    if cwnd < f[SSTHRESH]:
        room = min(acked, f[SSTHRESH] - cwnd)
        cwnd += room
        acked -= room
    if acked and cwnd:
        per = cwnd
        if count >= per:
            count = 0
            cwnd += 1
        count += acked
        if count >= per:
            cwnd += count // per
            count = count % per
    f[CWND], f[CWND_CNT] = min(cwnd, MAX_CWND), count


@inlined
def dctcp_reduce(f: Words) -> None:
    """A mark or loss: begin a reduction by alpha / 2, RFC 8257, section 3.3."""
    cwnd = f[CWND]
    f[PRIOR_CWND] = cwnd
    f[PRR_DELIVERED] = 0
    f[CWND_CNT] = 0
    f[SSTHRESH] = max(cwnd - (cwnd * f[ALPHA] >> 11), MIN_CWND)


@inlined
def dctcp_deliver(f: Words, delivered: int) -> None:
    """The reduction proceeds with what is delivered, as proportional rate reduction does with a full window (RFC 6937)."""
    f[PRR_DELIVERED] += delivered
    done, prior, target = f[PRR_DELIVERED], f[PRIOR_CWND], f[SSTHRESH]
    if done >= prior or target >= prior:
        f[CWND] = target
    else:
        f[CWND] = prior - done + (target * done + prior - 1) // prior


@inlined
def dctcp_lose(f: Words) -> None:
    """Recovery from a loss, or a timeout: half the window."""
    f[SSTHRESH] = max(f[CWND] >> 1, MIN_CWND)
    f[CWND_CNT] = 0


@inlined
def new_round(f: Words, delivered: int, marked: int, lost: int) -> None:
    f[DELIVERED_THEN], f[MARKED_THEN], f[LOST_THEN] = delivered, marked, lost
    f[PRIOR_RTT_US] = f[RTT_US]
    f[RTT_US] = 0


@inlined
def begin(f: Words, p: Words, cwnd: int, delivered: int, marked: int, lost: int) -> None:
    """The connection is open. The initial window is at most TCP's."""
    f[CWND] = cwnd
    f[CWND_CNT] = 0
    f[SSTHRESH] = INFINITE_SSTHRESH
    f[PRIOR_CWND] = cwnd
    f[PRR_DELIVERED] = 0
    f[WINDOW] = min(bound(p, p[FIRST_WINDOW] << 6, cwnd), cwnd << 16)
    f[GAIN] = ONE
    f[ACTION] = ONE
    f[ALPHA] = MAX_ALPHA
    f[CONGESTED] = 0
    f[RTT_US] = 0
    new_round(f, delivered, marked, lost)


@inlined
def note_rtt(f: Words, rtt_us: int) -> None:
    """A round-trip time was measured."""
    rtt_us = max(rtt_us, 1)
    if f[RTT_US] == 0 or rtt_us < f[RTT_US]:
        f[RTT_US] = rtt_us


@inlined
def end_round(f: Words, delivered: int, marked: int) -> None:
    """The round ends: take it into alpha. Totals as of now."""
    f[ALPHA] = average(f[ALPHA], delivered - f[DELIVERED_THEN], marked - f[MARKED_THEN])


@inlined
def grow(f: Words, delivered: int, marked: int) -> None:
    """Segments were delivered: grow. A mark in the round ends growth."""
    if marked != f[MARKED_THEN]:
        f[GAIN] = 0
    f[WINDOW] += f[GAIN] * min(delivered, MAX_GROWTH)


@inlined
def act(f: Words, p: Words, delivered: int, marked: int, lost: int, min_rtt_us: int, x: Words) -> None:
    """The round has ended: decide. A fall is taken at once; a rise is spread over what the next round delivers."""
    delivered -= f[DELIVERED_THEN]
    marked -= f[MARKED_THEN]
    lost -= f[LOST_THEN]
    if marked or lost:
        f[CONGESTED] = 1
    features(f, delivered, marked, lost, min_rtt_us, x)
    action = network(p, x)
    if action < 0 and idle(marked, lost, f[RTT_US], min_rtt_us):
        action = 0
    window = f[WINDOW]
    target = (window * exp2(action) >> 16) + (p[STEP] << 6)
    if marked or lost:
        target = min(target, window)
    f[ACTION] = action
    f[GAIN] = 0
    if target > window and window:
        f[GAIN] = min(((target - window) << 16) // window, ONE)
    else:
        f[WINDOW] = target


@inlined
def lose(f: Words, p: Words) -> int:
    """Recovery from a loss begins: both windows halve. Returns the threshold for the policy's, in segments."""
    dctcp_lose(f)
    f[WINDOW] = bound(p, f[WINDOW] >> 1, f[SSTHRESH])
    f[GAIN] = 0
    f[ACTION] = -ONE
    f[CONGESTED] = 1
    return f[WINDOW] >> 16


@inlined
def adopt(f: Words, cwnd: int, ssthresh: int) -> None:
    """TCP itself has set the window: a timeout, or the undoing of one."""
    f[CWND] = cwnd
    f[SSTHRESH] = min(ssthresh, INFINITE_SSTHRESH)
    f[WINDOW] = cwnd << 16
    f[GAIN] = 0
