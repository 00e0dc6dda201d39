"""TCP's timers, and the round-trip times from which they are set.

As in Linux a connection has one timer for sending (retransmission, loss probe or reordering: whichever was armed last) and one for the
delayed ACK. Both stand on a wheel of 1 ms, coarser for what is far away, so they fire late by up to an eighth of their length.
"""

from iroko.engines.sim.event_queue import lower_leaf
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import (
    CWR,
    FLAG_BITS,
    FLOW,
    MDEV,
    MDEV_MAX,
    NEVER,
    NXT,
    OPEN,
    PHASE,
    PROBE,
    RETRANSMIT,
    RTO_MS,
    RTT_SEQ,
    RTTVAR,
    SEGMENT,
    SENT,
    SLOT_MASK,
    SLOTS,
    SRTT,
    TIMER_AT,
    TIMER_KIND,
    UNA,
    Sim,
)

MS = 1_000_000
MIN_RTO_US, MAX_RTO_MS, MARGIN_US, SYN_RTO_MS = 200_000, 120_000, 2_000, 1_000


@inlined
def on_wheel(now: int, ms: int) -> int:
    """When a timer that is set to `ms` from now fires: the wheel's slots are 1 ms wide, and 8 times wider at each level."""
    expires = now // MS + ms
    shift = 0
    while ms >= 63:
        ms >>= 3
        shift += 3
    return (((expires >> shift) + 1) << shift) * MS


@inlined
def wake_at(s: Sim, f: int, time: int) -> None:
    """Let the flow's leaf fire at `time` at the latest; a leaf that fires early looks again at what is due."""
    lower_leaf(s, s.num_ports + s.num_hosts + f // FLOW, time)


@inlined
def slot_of(s: Sim, f: int, seq: int) -> int:
    """Where segment `seq` of a flow stands in `segments`."""
    return s.flows[f + SLOTS] + (seq & s.flows[f + SLOT_MASK]) * SEGMENT


@inlined
def sent_time(s: Sim, f: int, seq: int) -> int:
    """When segment `seq` was last sent."""
    return s.segments[slot_of(s, f, seq) + SENT] >> FLAG_BITS


@inlined
def start_timer(s: Sim, f: int, kind: int, ms: int, now: int) -> None:
    at = on_wheel(now, min(ms, MAX_RTO_MS))
    s.flows[f + TIMER_KIND] = kind
    s.flows[f + TIMER_AT] = at
    wake_at(s, f, at)


@inlined
def restart_rto(s: Sim, f: int, now: int) -> None:
    """Set the retransmission timer; in place of a probe's or reordering's it counts from when the first segment was sent."""
    flows = s.flows
    una = flows[f + UNA]
    if una == flows[f + NXT]:
        flows[f + TIMER_AT] = NEVER
        return
    rto = flows[f + RTO_MS]
    if flows[f + TIMER_KIND] != RETRANSMIT and flows[f + TIMER_AT] < NEVER:
        left_us = (sent_time(s, f, una) + rto * MS - now) // 1000
        rto = max((left_us + 999) // 1000, 1)
    start_timer(s, f, RETRANSMIT, rto, now)


@inlined
def start_probe(s: Sim, f: int, advancing: bool, now: int) -> bool:
    """Arm the tail loss probe, two round trips from now, or the retransmission timeout if that comes first (RFC 8985).

    Args:
        advancing: whether an ACK just moved the window on, so that a timeout would count from now.
    """
    flows = s.flows
    phase = flows[f + PHASE]
    if flows[f + UNA] == flows[f + NXT] or (phase != OPEN and phase != CWR):
        return False
    wait_us = flows[f + SRTT] >> 2
    wait_us += MIN_RTO_US if flows[f + NXT] - flows[f + UNA] == 1 else MARGIN_US
    left_us = flows[f + RTO_MS] * 1000
    if not advancing:
        left_us = (sent_time(s, f, flows[f + UNA]) + flows[f + RTO_MS] * MS - now) // 1000
    if left_us > 0:
        wait_us = min(wait_us, left_us)
    start_timer(s, f, PROBE, (wait_us + 999) // 1000, now)
    return True


@inlined
def measure_rtt(s: Sim, f: int, rtt_us: int) -> None:
    """Smooth a round-trip time (Jacobson 1988, with Linux's slower decay of the variance) and set the timeout from it."""
    flows = s.flows
    srtt, mdev = flows[f + SRTT], flows[f + MDEV]
    if srtt > 0:
        error = rtt_us - (srtt >> 3)
        srtt += error
        if error < 0:
            error = -error - (mdev >> 2)
            if error > 0:
                error >>= 3
        else:
            error -= mdev >> 2
        mdev += error
        if mdev > flows[f + MDEV_MAX]:
            flows[f + MDEV_MAX] = mdev
            flows[f + RTTVAR] = max(flows[f + RTTVAR], mdev)
        if flows[f + UNA] > flows[f + RTT_SEQ]:
            if flows[f + MDEV_MAX] < flows[f + RTTVAR]:
                flows[f + RTTVAR] -= (flows[f + RTTVAR] - flows[f + MDEV_MAX]) >> 2
            flows[f + RTT_SEQ] = flows[f + NXT]
            flows[f + MDEV_MAX] = MIN_RTO_US
    else:
        srtt = rtt_us << 3
        mdev = rtt_us << 1
        flows[f + RTTVAR] = max(mdev, MIN_RTO_US)
        flows[f + MDEV_MAX] = flows[f + RTTVAR]
        flows[f + RTT_SEQ] = flows[f + NXT]
    flows[f + SRTT] = max(1, srtt)
    flows[f + MDEV] = mdev
    flows[f + RTO_MS] = min(((flows[f + SRTT] >> 3) + flows[f + RTTVAR] + 999) // 1000, MAX_RTO_MS)
