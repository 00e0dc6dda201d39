"""TCP's timers, and the round-trip times from which they are set.

As in Linux a connection has one timer for sending (retransmission, loss probe or reordering: whichever was armed last) and one for the
delayed ACK. Both stand on a wheel of 1 ms, coarser for what is far away, so they fire late by up to an eighth of their length.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.event_queue import lower_leaf
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import Sim

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
    lower_leaf(s, s.num_ports + s.num_hosts + f // w.FLOW, time)


@inlined
def slot_of(s: Sim, f: int, seq: int) -> int:
    """Where segment `seq` of a flow stands in `segments`."""
    return s.flows[f + w.SLOTS] + (seq & s.flows[f + w.SLOT_MASK]) * w.SEGMENT


@inlined
def sent_time(s: Sim, f: int, seq: int) -> int:
    """When segment `seq` was last sent."""
    return s.segments[slot_of(s, f, seq) + w.SENT] >> w.FLAG_BITS


@inlined
def start_timer(s: Sim, f: int, kind: int, ms: int, now: int) -> None:
    at = on_wheel(now, min(ms, MAX_RTO_MS))
    s.flows[f + w.TIMER_KIND] = kind
    s.flows[f + w.TIMER_AT] = at
    wake_at(s, f, at)


@inlined
def restart_rto(s: Sim, f: int, now: int) -> None:
    """Set the retransmission timer (RFC 6298, section 5); in place of a probe's or reordering's from when the first segment was sent."""
    flows = s.flows
    una = flows[f + w.UNA]
    if una == flows[f + w.NXT]:
        flows[f + w.TIMER_AT] = w.NEVER
        return
    rto = flows[f + w.RTO_MS]
    if flows[f + w.TIMER_KIND] != w.RETRANSMIT and flows[f + w.TIMER_AT] < w.NEVER:
        left_us = (sent_time(s, f, una) + rto * MS - now) // 1000
        rto = max((left_us + 999) // 1000, 1)
    start_timer(s, f, w.RETRANSMIT, rto, now)


@inlined
def start_probe(s: Sim, f: int, advancing: bool, now: int) -> bool:
    """Arm the tail loss probe, two round trips from now, or the retransmission timeout if that comes first (RFC 8985, section 7.2).

    Args:
        advancing: whether an ACK just moved the window on, so that a timeout would count from now.
    """
    flows = s.flows
    phase = flows[f + w.PHASE]
    if flows[f + w.UNA] == flows[f + w.NXT] or (phase != w.OPEN and phase != w.CWR):
        return False
    wait_us = flows[f + w.SRTT] >> 2
    wait_us += MIN_RTO_US if flows[f + w.NXT] - flows[f + w.UNA] == 1 else MARGIN_US
    left_us = flows[f + w.RTO_MS] * 1000
    if not advancing:
        left_us = (sent_time(s, f, flows[f + w.UNA]) + flows[f + w.RTO_MS] * MS - now) // 1000
    if left_us > 0:
        wait_us = min(wait_us, left_us)
    start_timer(s, f, w.PROBE, (wait_us + 999) // 1000, now)
    return True


@inlined
def measure_rtt(s: Sim, f: int, rtt_us: int) -> None:
    """Smooth a round-trip time and set the timeout from it (RFC 6298, section 2, with Linux's slower decay of the variance)."""
    flows = s.flows
    srtt, mdev = flows[f + w.SRTT], flows[f + w.MDEV]
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
        if mdev > flows[f + w.MDEV_MAX]:
            flows[f + w.MDEV_MAX] = mdev
            flows[f + w.RTTVAR] = max(flows[f + w.RTTVAR], mdev)
        if flows[f + w.UNA] > flows[f + w.RTT_SEQ]:
            if flows[f + w.MDEV_MAX] < flows[f + w.RTTVAR]:
                flows[f + w.RTTVAR] -= (flows[f + w.RTTVAR] - flows[f + w.MDEV_MAX]) >> 2
            flows[f + w.RTT_SEQ] = flows[f + w.NXT]
            flows[f + w.MDEV_MAX] = MIN_RTO_US
    else:
        srtt = rtt_us << 3
        mdev = rtt_us << 1
        flows[f + w.RTTVAR] = max(mdev, MIN_RTO_US)
        flows[f + w.MDEV_MAX] = flows[f + w.RTTVAR]
        flows[f + w.RTT_SEQ] = flows[f + w.NXT]
    flows[f + w.SRTT] = max(1, srtt)
    flows[f + w.MDEV] = mdev
    flows[f + w.RTO_MS] = min(((flows[f + w.SRTT] >> 3) + flows[f + w.RTTVAR] + 999) // 1000, MAX_RTO_MS)
