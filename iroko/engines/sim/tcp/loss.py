"""TCP's loss recovery: RACK (RFC 8985) tells what is lost, proportional rate reduction (RFC 6937) how the window shrinks.

A segment is lost when one that was sent later has arrived. Segments sent once stand in the order of their numbers, so `LOSS_SCAN` says how
far they have been judged; those sent again stand in the order of sending in a ring of their own, from `RESENT_FIRST`.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.tcp.send import in_flight, retransmit, transmit
from iroko.engines.sim.tcp.timers import MARGIN_US, MAX_RTO_MS, restart_rto, slot_of, start_timer

DUPLICATES = 3


@inlined
def set_phase(s: Sim, f: int, phase: int) -> None:
    call(s, f, w.ON_PHASE, phase)
    s.flows[f + w.PHASE] = phase


@inlined
def note_delivered(s: Sim, f: int, seq: int, word: int, now: int) -> None:
    """Remember the segment, of those that have arrived, that was sent last (RACK, RFC 8985, section 6.2, steps 1 and 2)."""
    flows = s.flows
    sent = word >> w.FLAG_BITS
    rtt_us = now // 1000 - sent // 1000
    if word & w.EVER_RETRANSMITTED and rtt_us < flows[f + w.MIN_RTT]:
        return  # too soon for an answer to the retransmission: the first transmission had arrived after all
    flows[f + w.RACK_ADVANCED] = 1
    flows[f + w.RACK_RTT] = rtt_us
    if sent > flows[f + w.RACK_TIME] or (sent == flows[f + w.RACK_TIME] and seq > flows[f + w.RACK_SEQ]):
        flows[f + w.RACK_TIME] = sent
        flows[f + w.RACK_SEQ] = seq


@inlined
def mark_lost(s: Sim, f: int, seq: int) -> None:
    flows, segments = s.flows, s.segments
    at = slot_of(s, f, seq) + w.SENT
    if segments[at] & w.LOST:
        if segments[at] & w.RETRANSMITTED:
            segments[at] &= ~w.RETRANSMITTED
            flows[f + w.RETRANS_OUT] -= 1
            flows[f + w.LOST_COUNT] += 1
    else:
        segments[at] |= w.LOST
        flows[f + w.LOST_OUT] += 1
        flows[f + w.LOST_COUNT] += 1
    flows[f + w.RESEND_HINT] = min(flows[f + w.RESEND_HINT], seq)


@inlined
def went_later(s: Sim, f: int, seq: int, sent: int) -> bool:
    """Whether a segment went out after the latest of those that have arrived, or is that one."""
    flows = s.flows
    return sent > flows[f + w.RACK_TIME] or (sent == flows[f + w.RACK_TIME] and seq >= flows[f + w.RACK_SEQ])


@inlined
def patience_left_us(s: Sim, f: int, sent: int, patience_us: int, now: int) -> int:
    """Return how long a segment that was overtaken may still take before it counts as lost (RFC 8985, section 6.2, step 5)."""
    return s.flows[f + w.RACK_RTT] + patience_us - (now // 1000 - sent // 1000)


@called
def detect_losses(s: Sim, f: int, now: int) -> int:
    """Mark as lost what was sent before the latest arrival, and long enough ago (RFC 8985, section 6.2, steps 4 and 5).

    Returns:
        After how many us to look again, because some may merely be reordered; 0: not needed.
    """
    flows, segments = s.flows, s.segments
    patience_us = min(flows[f + w.MIN_RTT] >> 2, flows[f + w.SRTT] >> 3)
    if flows[f + w.PHASE] >= w.RECOVERY or flows[f + w.SACKED_OUT] >= DUPLICATES:
        patience_us = 0
    wait_us = 0
    seq, judged = max(flows[f + w.LOSS_SCAN], flows[f + w.UNA]), True
    while seq < flows[f + w.NXT]:
        word = segments[slot_of(s, f, seq) + w.SENT]
        if word & (w.SACKED | w.LOST | w.EVER_RETRANSMITTED) == 0:
            sent = word >> w.FLAG_BITS
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
            flows[f + w.LOSS_SCAN] = seq
    at, judged = flows[f + w.RESENT_FIRST], True
    while at < flows[f + w.RESENT_NEXT]:
        seq = segments[slot_of(s, f, at) + w.RESENT]
        if seq >= flows[f + w.UNA]:
            word = segments[slot_of(s, f, seq) + w.SENT]
            if word & w.RETRANSMITTED and word & w.SACKED == 0:
                sent = word >> w.FLAG_BITS
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
            flows[f + w.RESENT_FIRST] = at
    return wait_us


@inlined
def look_for_losses(s: Sim, f: int, now: int) -> bool:
    """Find losses after an ACK, or arm the reordering timer (RFC 8985, section 6.2).

    Returns:
        Whether the timer was armed.
    """
    flows = s.flows
    if flows[f + w.RACK_ADVANCED] == 0:
        return False
    flows[f + w.RACK_ADVANCED] = 0
    wait_us = detect_losses(s, f, now)
    if wait_us > 0:
        start_timer(s, f, w.REORDER, (wait_us + MARGIN_US + 999) // 1000, now)
    return wait_us > 0


@inlined
def begin_reduction(s: Sim, f: int) -> None:
    """Record the window, and ask the transport for its threshold (RFC 6937, section 3: at the start of recovery)."""
    flows = s.flows
    flows[f + w.HIGH_SEQ] = flows[f + w.NXT]
    flows[f + w.PROBE_SEQ] = 0
    flows[f + w.CWND_COUNT] = 0
    flows[f + w.PRIOR_CWND] = flows[f + w.CWND]
    flows[f + w.PRR_DELIVERED] = 0
    flows[f + w.PRR_OUT] = 0
    flows[f + w.SSTHRESH] = call(s, f, w.ON_REDUCE, w.CWR)
    flows[f + w.QUEUE_CWR] = trait(s, f, w.ECN)


@inlined
def reduce_window(s: Sim, f: int, delivered: int, lost: int, advanced: bool) -> None:
    """Send in proportion to what arrives, until the window has its new size (proportional rate reduction, RFC 6937, section 3)."""
    flows = s.flows
    if delivered <= 0:
        return
    flying = in_flight(s, f)
    room = flows[f + w.SSTHRESH] - flying
    flows[f + w.PRR_DELIVERED] += delivered
    if room < 0:
        prior = flows[f + w.PRIOR_CWND]
        may = (flows[f + w.SSTHRESH] * flows[f + w.PRR_DELIVERED] + prior - 1) // prior - flows[f + w.PRR_OUT]
    else:
        may = max(flows[f + w.PRR_DELIVERED] - flows[f + w.PRR_OUT], delivered)
        if advanced and lost == 0:
            may += 1
        may = min(room, may)
    flows[f + w.CWND] = flying + max(may, 0 if flows[f + w.PRR_OUT] else 1)


@inlined
def enter_recovery(s: Sim, f: int) -> None:
    flows = s.flows
    if flows[f + w.PHASE] != w.CWR:
        begin_reduction(s, f)
    set_phase(s, f, w.RECOVERY)


@inlined
def keep_open(s: Sim, f: int) -> None:
    """Enter the phase without a reduction: disorder while anything is missing, else open."""
    flows = s.flows
    phase = w.DISORDER if flows[f + w.SACKED_OUT] + flows[f + w.LOST_OUT] + flows[f + w.RETRANS_OUT] else w.OPEN
    if phase != flows[f + w.PHASE]:
        set_phase(s, f, phase)
        flows[f + w.HIGH_SEQ] = flows[f + w.NXT]


@called
def undo_timeout(s: Sim, f: int) -> None:
    """Undo a spurious timeout (F-RTO, RFC 5682, section 3): nothing is lost, the window is what it was."""
    flows, segments = s.flows, s.segments
    for seq in range(flows[f + w.UNA], flows[f + w.NXT]):
        segments[slot_of(s, f, seq) + w.SENT] &= ~w.LOST
    flows[f + w.LOST_OUT] = 0
    flows[f + w.LOSS_SCAN] = flows[f + w.UNA]
    flows[f + w.CWND] = max(flows[f + w.CWND], flows[f + w.PRIOR_CWND])
    if flows[f + w.PRIOR_SSTHRESH] > flows[f + w.SSTHRESH]:
        flows[f + w.SSTHRESH] = flows[f + w.PRIOR_SSTHRESH]
        flows[f + w.QUEUE_CWR] = 0
    flows[f + w.TIMEOUTS] = 0
    flows[f + w.FRTO] = 0
    set_phase(s, f, w.OPEN)


@called
def on_timeout(s: Sim, f: int, now: int) -> None:
    """Handle a retransmission timeout: what is out counts as lost, the window starts from one segment (RFC 5681, section 3.1), the timeout
    doubles (RFC 6298, section 5).
    """
    flows, segments = s.flows, s.segments
    una = flows[f + w.UNA]
    if una == flows[f + w.NXT]:
        return
    fresh = flows[f + w.PHASE] < w.RECOVERY
    for seq in range(una, flows[f + w.NXT]):
        word = segments[slot_of(s, f, seq) + w.SENT]
        waited_us = now // 1000 - (word >> w.FLAG_BITS) // 1000
        if word & w.SACKED == 0 and (seq == una or flows[f + w.RACK_RTT] <= waited_us):
            mark_lost(s, f, seq)
    flows[f + w.RESEND_HINT] = una
    phase = flows[f + w.PHASE]
    if phase <= w.DISORDER or flows[f + w.HIGH_SEQ] <= una or (phase == w.LOSS and flows[f + w.TIMEOUTS] == 0):
        flows[f + w.PRIOR_SSTHRESH] = flows[f + w.SSTHRESH]
        flows[f + w.PRIOR_CWND] = flows[f + w.CWND]
        flows[f + w.SSTHRESH] = call(s, f, w.ON_REDUCE, w.LOSS)
    flows[f + w.CWND] = in_flight(s, f) + 1
    flows[f + w.CWND_COUNT] = 0
    set_phase(s, f, w.LOSS)
    flows[f + w.HIGH_SEQ] = flows[f + w.NXT]
    flows[f + w.PROBE_SEQ] = 0
    flows[f + w.QUEUE_CWR] = trait(s, f, w.ECN)
    flows[f + w.FRTO] = 1 if fresh or flows[f + w.TIMEOUTS] else 0
    flows[f + w.TIMEOUTS] += 1
    retransmit(s, f, una, now)
    flows[f + w.RTO_MS] = min(2 * flows[f + w.RTO_MS], MAX_RTO_MS)
    start_timer(s, f, w.RETRANSMIT, flows[f + w.RTO_MS], now)


@called
def on_probe(s: Sim, f: int, now: int) -> None:
    """Send a tail loss probe: one more segment, new or the last one again, so that an ACK reveals what is missing (RFC 8985, 7.3)."""
    flows = s.flows
    nxt = flows[f + w.NXT]
    flows[f + w.TIMER_AT] = now  # counts as armed yet: what follows is measured from when the first segment was sent
    if flows[f + w.PROBE_SEQ] == 0 and flows[f + w.UNA] < nxt:
        flows[f + w.PROBE_RESENT] = 0
        if nxt < flows[f + w.SEND_END]:
            probed = transmit(s, f, nxt, 0, in_flight(s, f), now)
            if probed:
                flows[f + w.NXT] = nxt + 1
        else:
            probed = retransmit(s, f, nxt - 1, now)
            if probed:
                flows[f + w.PROBE_RESENT] = 1
        if probed:
            flows[f + w.PROBE_SEQ] = flows[f + w.NXT]
            flows[f + w.TIMER_AT] = w.NEVER
    restart_rto(s, f, now)


@called
def on_reorder_timer(s: Sim, f: int, now: int) -> None:
    """Handle the reordering timer: what has not arrived by now is lost (RFC 8985, section 6.3)."""
    flows = s.flows
    flying, lost = in_flight(s, f), flows[f + w.LOST_COUNT]
    flows[f + w.TIMER_AT] = now
    detect_losses(s, f, now)
    if in_flight(s, f) != flying and flows[f + w.PHASE] != w.RECOVERY:
        enter_recovery(s, f)
        reduce_window(s, f, 1, flows[f + w.LOST_COUNT] - lost, False)
    if flows[f + w.TIMER_KIND] != w.RETRANSMIT or flows[f + w.TIMER_AT] == now:
        restart_rto(s, f, now)
