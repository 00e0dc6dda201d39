"""What TCP's sender learns from an ACK, in Linux's order: scoreboard, round-trip time, loss, window, timer."""

from iroko.engines.sim import layout as w
from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import Sim
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
    una = flows[f + w.UNA]
    if ack < una or una == flows[f + w.NXT]:
        return
    delivered_before, lost_before, sacked_before = flows[f + w.DELIVERED_COUNT], flows[f + w.LOST_COUNT], flows[f + w.SACKED_OUT]
    # The last segment, in order of sending, that this ACK reports, and what had been delivered when it was sent.
    latest, then = -1, 0
    first_sent = last_sent = first_sacked = last_sacked = resent_at = -1
    original = resent = False

    seen = flows[f + w.EARLY_SEEN]
    while seen < early:
        seq = segments[slot_of(s, f, seen) + w.EARLY]
        seen += 1
        at = slot_of(s, f, seq)
        word = segments[at + w.SENT]
        if seq < ack or word & w.SACKED:
            continue
        sent = word >> w.FLAG_BITS
        note_delivered(s, f, seq, word, now)
        if word & w.RETRANSMITTED:
            if word & w.LOST:
                word &= ~(w.LOST | w.RETRANSMITTED)
                flows[f + w.LOST_OUT] -= 1
                flows[f + w.RETRANS_OUT] -= 1
        else:
            if word & w.EVER_RETRANSMITTED == 0:
                original = original or seq < flows[f + w.HIGH_SEQ]
                first_sacked = sent if first_sacked < 0 else first_sacked
                last_sacked = sent
            if word & w.LOST:
                word &= ~w.LOST
                flows[f + w.LOST_OUT] -= 1
        segments[at + w.SENT] = word | w.SACKED
        flows[f + w.SACKED_OUT] += 1
        flows[f + w.DELIVERED_COUNT] += 1
        if sent >= latest:
            latest, then = sent, segments[at + w.DELIVERED_THEN]
    flows[f + w.EARLY_SEEN] = seen
    sacked_some = flows[f + w.SACKED_OUT] > sacked_before

    for seq in range(una, ack):
        at = slot_of(s, f, seq)
        word = segments[at + w.SENT]
        sent = word >> w.FLAG_BITS
        if word & w.EVER_RETRANSMITTED:
            if word & w.RETRANSMITTED:
                flows[f + w.RETRANS_OUT] -= 1
            resent = True
            resent_at = sent if resent_at < 0 else resent_at
        elif word & w.SACKED == 0:
            last_sent = sent
            first_sent = sent if first_sent < 0 else first_sent
            original = original or seq < flows[f + w.HIGH_SEQ]
        if word & w.SACKED:
            flows[f + w.SACKED_OUT] -= 1
        else:
            flows[f + w.DELIVERED_COUNT] += 1
            note_delivered(s, f, seq, word, now)
            if sent >= latest:
                latest, then = sent, segments[at + w.DELIVERED_THEN]
        if word & w.LOST:
            flows[f + w.LOST_OUT] -= 1
    flows[f + w.UNA] = ack
    advanced = ack > una
    if advanced:
        flows[f + w.TIMEOUTS] = 0
    delivered = flows[f + w.DELIVERED_COUNT] - delivered_before
    if echo:
        flows[f + w.DELIVERED_CE] += delivered

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
        flows[f + w.MIN_RTT] = min(flows[f + w.MIN_RTT], window_rtt_us if window_rtt_us > 0 else 1000)
        measure_rtt(s, f, rtt_us)
    flows[f + w.ACK_NOW], flows[f + w.ACK_RTT], flows[f + w.ACK_DELIVERED] = now, window_rtt_us, flows[f + w.DELIVERED_COUNT] - then
    call(s, f, w.ON_ACKED, ack - una)

    set_timer = advanced
    if not advanced and first_sacked >= 0:
        # Not when the first segment was sent later: else a recovery could put its own timeout off for ever.
        set_timer = first_sacked < sent_time(s, f, ack)
    if flows[f + w.PROBE_SEQ]:
        end_probe(s, f, ack, advanced, sacked_some)
    if flows[f + w.PHASE] != w.OPEN or sacked_some or echo or not advanced:
        set_timer = not alert(s, f, original, advanced, sacked_some, echo, now) and set_timer
    if set_timer and not start_probe(s, f, True, now):
        restart_rto(s, f, now)

    if trait(s, f, w.OWNS_WINDOW):
        control_window(s, f, delivered, flows[f + w.LOST_COUNT] - lost_before, advanced)
    elif flows[f + w.PHASE] == w.CWR or flows[f + w.PHASE] == w.RECOVERY:
        reduce_window(s, f, delivered, flows[f + w.LOST_COUNT] - lost_before, advanced)
    elif advanced:
        call(s, f, w.ON_GROW, delivered)
    size_small_queue(s, f)


@called
def control_window(s: Sim, f: int, delivered: int, lost: int, advanced: bool) -> None:
    """Let a transport that owns its window set it, as Linux's `cong_control` does, or leave it to TCP's reduction."""
    if call(s, f, w.ON_GROW, delivered):
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
    una, high = flows[f + w.UNA], flows[f + w.HIGH_SEQ]
    if (flows[f + w.PHASE] == w.RECOVERY and una >= high) or (flows[f + w.PHASE] == w.CWR and una > high):
        if flows[f + w.SSTHRESH] < w.NEVER and trait(s, f, w.OWNS_WINDOW) == 0:
            flows[f + w.CWND] = flows[f + w.SSTHRESH]
        set_phase(s, f, w.OPEN)
    if flows[f + w.PHASE] == w.RECOVERY:
        return look_for_losses(s, f, now)
    if flows[f + w.PHASE] == w.LOSS:
        judge_timeout(s, f, original, advanced, sacked_some)
        retransmitted = flows[f + w.RETRANS_OUT]
        armed = look_for_losses(s, f, now)
        if flows[f + w.PHASE] != w.OPEN and flows[f + w.RETRANS_OUT] >= retransmitted:
            return armed
    else:
        armed = look_for_losses(s, f, now)
    if flows[f + w.LOST_OUT] > 0:
        enter_recovery(s, f)
        flows[f + w.NEW_FIRST] = 0
        return armed
    if echo and flows[f + w.PHASE] < w.CWR:
        begin_reduction(s, f)
        set_phase(s, f, w.CWR)
    if flows[f + w.PHASE] != w.CWR:
        keep_open(s, f)
    return armed


@inlined
def judge_timeout(s: Sim, f: int, original: bool, advanced: bool, sacked_some: bool) -> None:
    """Decide after a timeout whether it was spurious (F-RTO, RFC 5682, section 3), whether it is over, or recovery goes on."""
    flows = s.flows
    recovered = flows[f + w.UNA] >= flows[f + w.HIGH_SEQ]
    if flows[f + w.FRTO]:
        if original:
            undo_timeout(s, f)
            return
        if flows[f + w.NXT] > flows[f + w.HIGH_SEQ]:
            if sacked_some or not advanced:
                flows[f + w.FRTO] = 0
        elif advanced and not recovered:
            flows[f + w.HIGH_SEQ] = flows[f + w.NXT]
            if flows[f + w.NXT] < flows[f + w.SEND_END]:
                flows[f + w.NEW_FIRST] = 1
                return
            flows[f + w.FRTO] = 0
    if recovered:
        set_phase(s, f, w.OPEN)


@called
def end_probe(s: Sim, f: int, ack: int, advanced: bool, sacked_some: bool) -> None:
    """Judge a tail loss probe by an ACK: a segment sent again and then passed over by the ACK had been lost (RFC 8985, section 7.4)."""
    flows = s.flows
    if ack < flows[f + w.PROBE_SEQ]:
        return
    if flows[f + w.PROBE_RESENT] == 0:
        flows[f + w.PROBE_SEQ] = 0
    elif ack > flows[f + w.PROBE_SEQ]:
        begin_reduction(s, f)
        set_phase(s, f, w.CWR)
        if trait(s, f, w.OWNS_WINDOW) == 0:
            flows[f + w.CWND] = flows[f + w.SSTHRESH]
        keep_open(s, f)
    elif not advanced and not sacked_some:
        flows[f + w.PROBE_SEQ] = 0
