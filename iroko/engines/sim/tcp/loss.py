"""TCP's loss recovery: RACK (RFC 8985) tells what is lost, proportional rate reduction (RFC 6937) how the window shrinks.

A segment is lost when one that was sent later has arrived. Segments sent once stand in the order of their numbers, so `LOSS_SCAN` says how
far they have been judged; those sent again stand in the order of sending in a ring of their own, from `RESENT_FIRST`.
"""

from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import (
    CWND,
    CWND_COUNT,
    CWR,
    DISORDER,
    ECN,
    EVER_RETRANSMITTED,
    FLAG_BITS,
    FRTO,
    HIGH_SEQ,
    LOSS,
    LOSS_SCAN,
    LOST,
    LOST_COUNT,
    LOST_OUT,
    MIN_RTT,
    NEVER,
    NXT,
    ON_PHASE,
    ON_REDUCE,
    OPEN,
    PHASE,
    PRIOR_CWND,
    PRIOR_SSTHRESH,
    PROBE_RESENT,
    PROBE_SEQ,
    PRR_DELIVERED,
    PRR_OUT,
    QUEUE_CWR,
    RACK_ADVANCED,
    RACK_RTT,
    RACK_SEQ,
    RACK_TIME,
    RECOVERY,
    REORDER,
    RESEND_HINT,
    RESENT,
    RESENT_FIRST,
    RESENT_NEXT,
    RETRANS_OUT,
    RETRANSMIT,
    RETRANSMITTED,
    RTO_MS,
    SACKED,
    SACKED_OUT,
    SEND_END,
    SENT,
    SRTT,
    SSTHRESH,
    TIMEOUTS,
    TIMER_AT,
    TIMER_KIND,
    UNA,
    Sim,
)
from iroko.engines.sim.tcp.send import in_flight, retransmit, transmit
from iroko.engines.sim.tcp.timers import MARGIN_US, MAX_RTO_MS, restart_rto, slot_of, start_timer

DUPLICATES = 3


@inlined
def set_phase(s: Sim, f: int, phase: int) -> None:
    call(s, f, ON_PHASE, phase)
    s.flows[f + PHASE] = phase


@inlined
def note_delivered(s: Sim, f: int, seq: int, word: int, now: int) -> None:
    """RACK: remember the segment, of those that have arrived, that was sent last."""
    flows = s.flows
    sent = word >> FLAG_BITS
    rtt_us = now // 1000 - sent // 1000
    if word & EVER_RETRANSMITTED and rtt_us < flows[f + MIN_RTT]:
        return  # too soon for an answer to the retransmission: the first transmission had arrived after all
    flows[f + RACK_ADVANCED] = 1
    flows[f + RACK_RTT] = rtt_us
    if sent > flows[f + RACK_TIME] or (sent == flows[f + RACK_TIME] and seq > flows[f + RACK_SEQ]):
        flows[f + RACK_TIME] = sent
        flows[f + RACK_SEQ] = seq


@inlined
def mark_lost(s: Sim, f: int, seq: int) -> None:
    flows, segments = s.flows, s.segments
    at = slot_of(s, f, seq) + SENT
    if segments[at] & LOST:
        if segments[at] & RETRANSMITTED:
            segments[at] &= ~RETRANSMITTED
            flows[f + RETRANS_OUT] -= 1
            flows[f + LOST_COUNT] += 1
    else:
        segments[at] |= LOST
        flows[f + LOST_OUT] += 1
        flows[f + LOST_COUNT] += 1
    flows[f + RESEND_HINT] = min(flows[f + RESEND_HINT], seq)


@inlined
def went_later(s: Sim, f: int, seq: int, sent: int) -> bool:
    """Whether a segment went out after the latest of those that have arrived, or is that one."""
    flows = s.flows
    return sent > flows[f + RACK_TIME] or (sent == flows[f + RACK_TIME] and seq >= flows[f + RACK_SEQ])


@inlined
def patience_left_us(s: Sim, f: int, sent: int, patience_us: int, now: int) -> int:
    """How long a segment that was overtaken may still take before it counts as lost."""
    return s.flows[f + RACK_RTT] + patience_us - (now // 1000 - sent // 1000)


@called
def detect_losses(s: Sim, f: int, now: int) -> int:
    """Mark as lost what was sent before the latest arrival, and long enough ago.

    Returns:
        After how many us to look again, because some may merely be reordered; 0: not needed.
    """
    flows, segments = s.flows, s.segments
    patience_us = min(flows[f + MIN_RTT] >> 2, flows[f + SRTT] >> 3)
    if flows[f + PHASE] >= RECOVERY or flows[f + SACKED_OUT] >= DUPLICATES:
        patience_us = 0
    wait_us = 0
    seq, judged = max(flows[f + LOSS_SCAN], flows[f + UNA]), True
    while seq < flows[f + NXT]:
        word = segments[slot_of(s, f, seq) + SENT]
        if word & (SACKED | LOST | EVER_RETRANSMITTED) == 0:
            sent = word >> FLAG_BITS
            if went_later(s, f, seq, sent):
                break
            left_us = patience_left_us(s, f, sent, patience_us, now)
            if left_us <= 0:
                mark_lost(s, f, seq)
            else:
                wait_us = max(wait_us, left_us)
                judged = False
        seq += 1
        if judged:
            flows[f + LOSS_SCAN] = seq
    at, judged = flows[f + RESENT_FIRST], True
    while at < flows[f + RESENT_NEXT]:
        seq = segments[slot_of(s, f, at) + RESENT]
        if seq >= flows[f + UNA]:
            word = segments[slot_of(s, f, seq) + SENT]
            if word & RETRANSMITTED and word & SACKED == 0:
                sent = word >> FLAG_BITS
                left_us = patience_left_us(s, f, sent, patience_us, now)
                if went_later(s, f, seq, sent):
                    judged = False  # go on all the same: a segment that was sent again twice stands here with its latest time
                elif left_us <= 0:
                    mark_lost(s, f, seq)
                else:
                    wait_us = max(wait_us, left_us)
                    judged = False
        at += 1
        if judged:
            flows[f + RESENT_FIRST] = at
    return wait_us


@inlined
def look_for_losses(s: Sim, f: int, now: int) -> bool:
    """After an ACK: find losses, or arm the reordering timer.

    Returns:
        Whether the timer was armed.
    """
    flows = s.flows
    if flows[f + RACK_ADVANCED] == 0:
        return False
    flows[f + RACK_ADVANCED] = 0
    wait_us = detect_losses(s, f, now)
    if wait_us > 0:
        start_timer(s, f, REORDER, (wait_us + MARGIN_US + 999) // 1000, now)
    return wait_us > 0


@inlined
def begin_reduction(s: Sim, f: int) -> None:
    """Note where the window stands, and ask the transport how far it shall shrink."""
    flows = s.flows
    flows[f + HIGH_SEQ] = flows[f + NXT]
    flows[f + PROBE_SEQ] = 0
    flows[f + CWND_COUNT] = 0
    flows[f + PRIOR_CWND] = flows[f + CWND]
    flows[f + PRR_DELIVERED] = 0
    flows[f + PRR_OUT] = 0
    flows[f + SSTHRESH] = call(s, f, ON_REDUCE, CWR)
    flows[f + QUEUE_CWR] = trait(s, f, ECN)


@inlined
def reduce_window(s: Sim, f: int, delivered: int, lost: int, advanced: bool) -> None:
    """Proportional rate reduction: send in proportion to what arrives, until the window is at its new size."""
    flows = s.flows
    if delivered <= 0:
        return
    flying = in_flight(s, f)
    room = flows[f + SSTHRESH] - flying
    flows[f + PRR_DELIVERED] += delivered
    if room < 0:
        may = (flows[f + SSTHRESH] * flows[f + PRR_DELIVERED] + flows[f + PRIOR_CWND] - 1) // flows[f + PRIOR_CWND] - flows[f + PRR_OUT]
    else:
        may = max(flows[f + PRR_DELIVERED] - flows[f + PRR_OUT], delivered)
        if advanced and lost == 0:
            may += 1
        may = min(room, may)
    flows[f + CWND] = flying + max(may, 0 if flows[f + PRR_OUT] else 1)


@inlined
def enter_recovery(s: Sim, f: int) -> None:
    flows = s.flows
    if flows[f + PHASE] != CWR:
        begin_reduction(s, f)
    set_phase(s, f, RECOVERY)


@inlined
def keep_open(s: Sim, f: int) -> None:
    """The calm phases: disorder while anything is missing, else open."""
    flows = s.flows
    phase = DISORDER if flows[f + SACKED_OUT] + flows[f + LOST_OUT] + flows[f + RETRANS_OUT] else OPEN
    if phase != flows[f + PHASE]:
        set_phase(s, f, phase)
        flows[f + HIGH_SEQ] = flows[f + NXT]


@called
def undo_timeout(s: Sim, f: int) -> None:
    """The timeout was spurious (RFC 5682): nothing is lost, the window is what it was."""
    flows, segments = s.flows, s.segments
    for seq in range(flows[f + UNA], flows[f + NXT]):
        segments[slot_of(s, f, seq) + SENT] &= ~LOST
    flows[f + LOST_OUT] = 0
    flows[f + LOSS_SCAN] = flows[f + UNA]
    flows[f + CWND] = max(flows[f + CWND], flows[f + PRIOR_CWND])
    if flows[f + PRIOR_SSTHRESH] > flows[f + SSTHRESH]:
        flows[f + SSTHRESH] = flows[f + PRIOR_SSTHRESH]
        flows[f + QUEUE_CWR] = 0
    flows[f + TIMEOUTS] = 0
    flows[f + FRTO] = 0
    set_phase(s, f, OPEN)


@called
def on_timeout(s: Sim, f: int, now: int) -> None:
    """The retransmission timeout: what is out counts as lost, the window starts from one, the timeout doubles."""
    flows, segments = s.flows, s.segments
    una = flows[f + UNA]
    if una == flows[f + NXT]:
        return
    fresh = flows[f + PHASE] < RECOVERY
    for seq in range(una, flows[f + NXT]):
        word = segments[slot_of(s, f, seq) + SENT]
        waited_us = now // 1000 - (word >> FLAG_BITS) // 1000
        if word & SACKED == 0 and (seq == una or flows[f + RACK_RTT] <= waited_us):
            mark_lost(s, f, seq)
    flows[f + RESEND_HINT] = una
    phase = flows[f + PHASE]
    if phase <= DISORDER or flows[f + HIGH_SEQ] <= una or (phase == LOSS and flows[f + TIMEOUTS] == 0):
        flows[f + PRIOR_SSTHRESH] = flows[f + SSTHRESH]
        flows[f + PRIOR_CWND] = flows[f + CWND]
        flows[f + SSTHRESH] = call(s, f, ON_REDUCE, LOSS)
    flows[f + CWND] = in_flight(s, f) + 1
    flows[f + CWND_COUNT] = 0
    set_phase(s, f, LOSS)
    flows[f + HIGH_SEQ] = flows[f + NXT]
    flows[f + PROBE_SEQ] = 0
    flows[f + QUEUE_CWR] = trait(s, f, ECN)
    flows[f + FRTO] = 1 if fresh or flows[f + TIMEOUTS] else 0
    flows[f + TIMEOUTS] += 1
    retransmit(s, f, una, now)
    flows[f + RTO_MS] = min(2 * flows[f + RTO_MS], MAX_RTO_MS)
    start_timer(s, f, RETRANSMIT, flows[f + RTO_MS], now)


@called
def on_probe(s: Sim, f: int, now: int) -> None:
    """The tail loss probe: one more segment, new or the last one again, so that an ACK tells what is missing."""
    flows = s.flows
    nxt = flows[f + NXT]
    flows[f + TIMER_AT] = now  # counts as armed yet: what follows is measured from when the first segment was sent
    if flows[f + PROBE_SEQ] == 0 and flows[f + UNA] < nxt:
        flows[f + PROBE_RESENT] = 0
        if nxt < flows[f + SEND_END]:
            probed = transmit(s, f, nxt, 0, in_flight(s, f), now)
            if probed:
                flows[f + NXT] = nxt + 1
        else:
            probed = retransmit(s, f, nxt - 1, now)
            if probed:
                flows[f + PROBE_RESENT] = 1
        if probed:
            flows[f + PROBE_SEQ] = flows[f + NXT]
            flows[f + TIMER_AT] = NEVER
    restart_rto(s, f, now)


@called
def on_reorder_timer(s: Sim, f: int, now: int) -> None:
    """Reordering had its time: what has not arrived is lost."""
    flows = s.flows
    flying, lost = in_flight(s, f), flows[f + LOST_COUNT]
    flows[f + TIMER_AT] = now
    detect_losses(s, f, now)
    if in_flight(s, f) != flying and flows[f + PHASE] != RECOVERY:
        enter_recovery(s, f)
        reduce_window(s, f, 1, flows[f + LOST_COUNT] - lost, False)
    if flows[f + TIMER_KIND] != RETRANSMIT or flows[f + TIMER_AT] == now:
        restart_rto(s, f, now)
