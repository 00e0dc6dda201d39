"""What TCP's sender learns from an ACK, in Linux's order: scoreboard, round-trip time, loss, window, timer."""

from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import (
    ACK_DELIVERED,
    ACK_NOW,
    ACK_RTT,
    CWND,
    CWR,
    DELIVERED_CE,
    DELIVERED_COUNT,
    DELIVERED_THEN,
    EARLY,
    EARLY_SEEN,
    EVER_RETRANSMITTED,
    FLAG_BITS,
    FRTO,
    HIGH_SEQ,
    LOSS,
    LOST,
    LOST_COUNT,
    LOST_OUT,
    MIN_RTT,
    NEVER,
    NEW_FIRST,
    NXT,
    ON_ACKED,
    ON_GROW,
    OPEN,
    OWNS_WINDOW,
    PHASE,
    PROBE_RESENT,
    PROBE_SEQ,
    RECOVERY,
    RETRANS_OUT,
    RETRANSMITTED,
    SACKED,
    SACKED_OUT,
    SEND_END,
    SENT,
    SSTHRESH,
    TIMEOUTS,
    UNA,
    Sim,
)
from iroko.engines.sim.tcp.loss import (
    begin_reduction,
    enter_recovery,
    keep_open,
    look_for_losses,
    note_delivered,
    reduce_window,
    set_phase,
    undo_timeout,
)
from iroko.engines.sim.tcp.send import size_small_queue
from iroko.engines.sim.tcp.timers import measure_rtt, restart_rto, sent_time, slot_of, start_probe


@inlined
def on_ack(s: Sim, f: int, ack: int, early: int, echo: bool, now: int) -> None:
    """An ACK arrives.

    Args:
        ack: all segments below it have arrived.
        early: how many segments had arrived out of order; the ring `EARLY` says which, as selective acknowledgements would.
        echo: whether it says that marked packets have arrived.
    """
    flows, segments = s.flows, s.segments
    una = flows[f + UNA]
    if ack < una or una == flows[f + NXT]:
        return
    delivered_before, lost_before, sacked_before = flows[f + DELIVERED_COUNT], flows[f + LOST_COUNT], flows[f + SACKED_OUT]
    # The last segment, in order of sending, that this ACK reports, and what had been delivered when it was sent.
    latest, then = -1, 0
    first_sent = last_sent = first_sacked = last_sacked = resent_at = -1
    original = resent = False

    seen = flows[f + EARLY_SEEN]
    while seen < early:
        seq = segments[slot_of(s, f, seen) + EARLY]
        seen += 1
        at = slot_of(s, f, seq)
        word = segments[at + SENT]
        if seq < ack or word & SACKED:
            continue
        sent = word >> FLAG_BITS
        note_delivered(s, f, seq, word, now)
        if word & RETRANSMITTED:
            if word & LOST:
                word &= ~(LOST | RETRANSMITTED)
                flows[f + LOST_OUT] -= 1
                flows[f + RETRANS_OUT] -= 1
        else:
            if word & EVER_RETRANSMITTED == 0:
                original = original or seq < flows[f + HIGH_SEQ]
                first_sacked = sent if first_sacked < 0 else first_sacked
                last_sacked = sent
            if word & LOST:
                word &= ~LOST
                flows[f + LOST_OUT] -= 1
        segments[at + SENT] = word | SACKED
        flows[f + SACKED_OUT] += 1
        flows[f + DELIVERED_COUNT] += 1
        if sent >= latest:
            latest, then = sent, segments[at + DELIVERED_THEN]
    flows[f + EARLY_SEEN] = seen
    sacked_some = flows[f + SACKED_OUT] > sacked_before

    for seq in range(una, ack):
        at = slot_of(s, f, seq)
        word = segments[at + SENT]
        sent = word >> FLAG_BITS
        if word & EVER_RETRANSMITTED:
            if word & RETRANSMITTED:
                flows[f + RETRANS_OUT] -= 1
            resent = True
            resent_at = sent if resent_at < 0 else resent_at
        elif word & SACKED == 0:
            last_sent = sent
            first_sent = sent if first_sent < 0 else first_sent
            original = original or seq < flows[f + HIGH_SEQ]
        if word & SACKED:
            flows[f + SACKED_OUT] -= 1
        else:
            flows[f + DELIVERED_COUNT] += 1
            note_delivered(s, f, seq, word, now)
            if sent >= latest:
                latest, then = sent, segments[at + DELIVERED_THEN]
        if word & LOST:
            flows[f + LOST_OUT] -= 1
    flows[f + UNA] = ack
    advanced = ack > una
    if advanced:
        flows[f + TIMEOUTS] = 0
    delivered = flows[f + DELIVERED_COUNT] - delivered_before
    if echo:
        flows[f + DELIVERED_CE] += delivered

    # The round-trip time: of segments sent once; of one sent again, what its time stamp in ms tells (RFC 7323).
    rtt_us = window_rtt_us = -1
    if first_sent >= 0 and not resent:
        rtt_us, window_rtt_us = now // 1000 - first_sent // 1000, now // 1000 - last_sent // 1000
    if first_sacked >= 0:
        window_rtt_us = now // 1000 - last_sacked // 1000
        if rtt_us < 0:
            rtt_us = now // 1000 - first_sacked // 1000
    if rtt_us < 0 and advanced:
        stamp = max(resent_at, first_sent)
        rtt_us = window_rtt_us = max((now // 1_000_000 - stamp // 1_000_000) * 1000, 1000)
    if rtt_us >= 0:
        flows[f + MIN_RTT] = min(flows[f + MIN_RTT], window_rtt_us if window_rtt_us > 0 else 1000)
        measure_rtt(s, f, rtt_us)
    flows[f + ACK_NOW], flows[f + ACK_RTT], flows[f + ACK_DELIVERED] = now, window_rtt_us, flows[f + DELIVERED_COUNT] - then
    call(s, f, ON_ACKED, ack - una)

    set_timer = advanced
    if not advanced and first_sacked >= 0:
        # Not when the first segment was sent later: else a recovery could put its own timeout off for ever.
        set_timer = first_sacked < sent_time(s, f, ack)
    if flows[f + PROBE_SEQ]:
        end_probe(s, f, ack, advanced, sacked_some)
    if flows[f + PHASE] != OPEN or sacked_some or echo or not advanced:
        set_timer = not alert(s, f, original, advanced, sacked_some, echo, now) and set_timer
    if set_timer and not start_probe(s, f, True, now):
        restart_rto(s, f, now)

    if trait(s, f, OWNS_WINDOW):
        control_window(s, f, delivered, flows[f + LOST_COUNT] - lost_before, advanced)
    elif flows[f + PHASE] == CWR or flows[f + PHASE] == RECOVERY:
        reduce_window(s, f, delivered, flows[f + LOST_COUNT] - lost_before, advanced)
    elif advanced:
        call(s, f, ON_GROW, delivered)
    size_small_queue(s, f)


@called
def control_window(s: Sim, f: int, delivered: int, lost: int, advanced: bool) -> None:
    """Let a transport that owns its window set it, as Linux's `cong_control` does, or leave it to TCP's reduction."""
    if call(s, f, ON_GROW, delivered):
        reduce_window(s, f, delivered, lost, advanced)


@inlined
def alert(s: Sim, f: int, original: bool, advanced: bool, sacked_some: bool, echo: bool, now: int) -> bool:
    """An ACK that is not plain: leave a phase or enter one.

    Args:
        original: whether it reports a segment that was sent once, before the phase was entered.

    Returns:
        Whether the reordering timer was armed.
    """
    flows = s.flows
    una, high = flows[f + UNA], flows[f + HIGH_SEQ]
    if (flows[f + PHASE] == RECOVERY and una >= high) or (flows[f + PHASE] == CWR and una > high):
        if flows[f + SSTHRESH] < NEVER and trait(s, f, OWNS_WINDOW) == 0:
            flows[f + CWND] = flows[f + SSTHRESH]
        set_phase(s, f, OPEN)
    if flows[f + PHASE] == RECOVERY:
        return look_for_losses(s, f, now)
    if flows[f + PHASE] == LOSS:
        judge_timeout(s, f, original, advanced, sacked_some)
        retransmitted = flows[f + RETRANS_OUT]
        armed = look_for_losses(s, f, now)
        if flows[f + PHASE] != OPEN and flows[f + RETRANS_OUT] >= retransmitted:
            return armed
    else:
        armed = look_for_losses(s, f, now)
    if flows[f + LOST_OUT] > 0:
        enter_recovery(s, f)
        flows[f + NEW_FIRST] = 0
        return armed
    if echo and flows[f + PHASE] < CWR:
        begin_reduction(s, f)
        set_phase(s, f, CWR)
    if flows[f + PHASE] != CWR:
        keep_open(s, f)
    return armed


@inlined
def judge_timeout(s: Sim, f: int, original: bool, advanced: bool, sacked_some: bool) -> None:
    """After a timeout: was it spurious (F-RTO, RFC 5682), is it over, or does recovery go on?"""
    flows = s.flows
    recovered = flows[f + UNA] >= flows[f + HIGH_SEQ]
    if flows[f + FRTO]:
        if original:
            undo_timeout(s, f)
            return
        if flows[f + NXT] > flows[f + HIGH_SEQ]:
            if sacked_some or not advanced:
                flows[f + FRTO] = 0
        elif advanced and not recovered:
            flows[f + HIGH_SEQ] = flows[f + NXT]
            if flows[f + NXT] < flows[f + SEND_END]:
                flows[f + NEW_FIRST] = 1
                return
            flows[f + FRTO] = 0
    if recovered:
        set_phase(s, f, OPEN)


@called
def end_probe(s: Sim, f: int, ack: int, advanced: bool, sacked_some: bool) -> None:
    """What an ACK says of a tail loss probe: a segment sent again and then passed over by the ACK had been lost."""
    flows = s.flows
    if ack < flows[f + PROBE_SEQ]:
        return
    if flows[f + PROBE_RESENT] == 0:
        flows[f + PROBE_SEQ] = 0
    elif ack > flows[f + PROBE_SEQ]:
        begin_reduction(s, f)
        set_phase(s, f, CWR)
        if trait(s, f, OWNS_WINDOW) == 0:
            flows[f + CWND] = flows[f + SSTHRESH]
        keep_open(s, f)
    elif not advanced and not sacked_some:
        flows[f + PROBE_SEQ] = 0
