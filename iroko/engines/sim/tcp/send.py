"""TCP's sender: what may go out, and what goes out.

New segments are held back by the window and by Linux's small-queue limit: about 1 ms of a flow's rate, at least two packets, may wait in
its own host. What was lost goes first.
"""

from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import (
    CWND,
    CWND_LIMITED,
    CWR,
    CWR_FLAG,
    DATA,
    DELIVERED_COUNT,
    DELIVERED_THEN,
    ECN,
    EVER_RETRANSMITTED,
    FLAG_BITS,
    FLAG_MASK,
    FLOW,
    FRAME,
    FROM,
    FRTO,
    FULL_FLOW,
    HIGH_SEQ,
    KIND_SHIFT,
    LAST_BYTES,
    LAST_SENT,
    LOST,
    LOST_OUT,
    MAX_OUT,
    MSS,
    NEW_FIRST,
    NXT,
    ON_RESTART,
    PHASE,
    PROBE,
    PRR_OUT,
    QUEUE_CWR,
    QUEUED,
    RCV_ROOM,
    RECOVERY,
    RELEASE,
    REORDER,
    RESEND_HINT,
    RESENT,
    RESENT_COUNT,
    RESENT_FIRST,
    RESENT_NEXT,
    RETRANS_OUT,
    RETRANSMIT,
    RETRANSMITTED,
    ROW_SHIFT,
    RTO_MS,
    SACKED,
    SACKED_OUT,
    SEGMENTS,
    SEND_AT,
    SEND_END,
    SENT,
    SLOT_MASK,
    SMALL_QUEUE,
    SRTT,
    SSTHRESH,
    TCP_HEADERS,
    TIMER_KIND,
    UNA,
    USAGE_SEQ,
    WINDOW,
    Sim,
)
from iroko.engines.sim.ports import TAKEN, fits, push
from iroko.engines.sim.tcp.timers import MS, restart_rto, slot_of, start_probe, start_timer, wake_at

TRUESIZE = 2304
"""What Linux accounts for a buffer of one full segment, bytes."""
MOST_QUEUED_BYTES = 4 << 20
SPARE = 4
"""Slots that stay free in each ring of a flow, for what its timers send."""


@inlined
def in_flight(s: Sim, f: int) -> int:
    """Segments that are believed to be in the network."""
    flows = s.flows
    return flows[f + NXT] - flows[f + UNA] - flows[f + SACKED_OUT] - flows[f + LOST_OUT] + flows[f + RETRANS_OUT]


@inlined
def size_small_queue(s: Sim, f: int) -> None:
    """How many packets may wait in the host: 1/1024 s of twice the rate in slow start, 1.2 times the rate later."""
    flows = s.flows
    cwnd = flows[f + CWND]
    percent = 200 if cwnd < flows[f + SSTHRESH] // 2 else 120
    bytes_per_s = MSS * 80_000 * percent * max(cwnd, flows[f + NXT] - flows[f + UNA]) // max(flows[f + SRTT], 1)
    limit = min(max(2 * TRUESIZE, bytes_per_s >> 10), MOST_QUEUED_BYTES)
    flows[f + SMALL_QUEUE] = (limit - 1) // TRUESIZE + 1


@inlined
def transmit(s: Sim, f: int, seq: int, flags: int, flying: int, now: int) -> bool:
    """Hand a segment to the host.

    Args:
        flags: what is known of the segment, as `SENT` holds it; 0: it is new.
        flying: how many are in flight before it.

    Returns:
        Whether it was taken.
    """
    flows, segments = s.flows, s.segments
    if flying == 0:
        call(s, f, ON_RESTART, now // MS - flows[f + LAST_SENT])
    size = FRAME
    if seq >= flows[f + SEGMENTS] - 1:
        size = TCP_HEADERS + (flows[f + LAST_BYTES] if seq < flows[f + SEGMENTS] else 0)
    row = f // FLOW * 2
    word = (row << ROW_SHIFT) | (DATA << KIND_SHIFT) | RELEASE | size | trait(s, f, ECN)
    if flags == 0 and flows[f + QUEUE_CWR]:
        word |= CWR_FLAG
    flows[f + QUEUED] += 1
    again = push(s, flows[f + FROM], word, seq, 0, now)
    if again != TAKEN:
        flows[f + QUEUED] -= 1
        flows[f + SEND_AT] = again
        wake_at(s, f, again)
        return False
    slot = slot_of(s, f, seq)
    segments[slot + SENT] = (now << FLAG_BITS) | flags
    segments[slot + DELIVERED_THEN] = flows[f + DELIVERED_COUNT]
    flows[f + LAST_SENT] = now // MS
    if flags == 0:
        flows[f + QUEUE_CWR] = 0
    return True


@inlined
def still_queued(s: Sim, f: int, seq: int) -> bool:
    """Whether the first transmission of a segment waits in the host yet, so that sending it again would be foolish."""
    return s.flows[f + NXT] - seq <= s.flows[f + QUEUED]


@inlined
def has_room(s: Sim, f: int) -> bool:
    """Whether the rings of the flow and of its host's port hold all that might be sent now; else they are grown before any of it is."""
    flows = s.flows
    again = flows[f + LOST_OUT] - flows[f + RETRANS_OUT]
    most = max(min(flows[f + CWND] - in_flight(s, f), flows[f + SEND_END] - flows[f + NXT] + again), 0) + SPARE
    used = max(flows[f + NXT] - flows[f + UNA], flows[f + RESENT_NEXT] - flows[f + RESENT_FIRST])
    if used + most > flows[f + SLOT_MASK]:
        s.head[FULL_FLOW] = f
        return False
    return fits(s, flows[f + FROM], min(most, 2 * flows[f + SMALL_QUEUE] + SPARE))


@inlined
def retransmit(s: Sim, f: int, seq: int, now: int) -> bool:
    """Send a segment again.

    Returns:
        Whether it was sent.
    """
    flows, segments = s.flows, s.segments
    flags = segments[slot_of(s, f, seq) + SENT] & FLAG_MASK
    if flags & EVER_RETRANSMITTED == 0 and still_queued(s, f, seq):
        return False
    flows[f + RESENT_COUNT] += 1
    if not transmit(s, f, seq, flags | RETRANSMITTED | EVER_RETRANSMITTED, in_flight(s, f), now):
        return False
    if flags & RETRANSMITTED == 0:
        flows[f + RETRANS_OUT] += 1
    segments[slot_of(s, f, flows[f + RESENT_NEXT]) + RESENT] = seq
    flows[f + RESENT_NEXT] += 1
    return True


@called
def send_lost(s: Sim, f: int, now: int) -> None:
    """Send again what is believed lost, lowest first, as far as the window and twice the small queue allow."""
    flows, segments = s.flows, s.segments
    seq = max(flows[f + RESEND_HINT], flows[f + UNA])
    head_sent = False
    while seq < flows[f + NXT] and flows[f + RETRANS_OUT] < flows[f + LOST_OUT]:
        if in_flight(s, f) >= flows[f + CWND]:
            break
        flags = segments[slot_of(s, f, seq) + SENT] & FLAG_MASK
        if flags & LOST and flags & (SACKED | RETRANSMITTED) == 0:
            if flows[f + QUEUED] >= 2 * flows[f + SMALL_QUEUE] or not retransmit(s, f, seq, now):
                break
            if flows[f + PHASE] == CWR or flows[f + PHASE] == RECOVERY:
                flows[f + PRR_OUT] += 1
            head_sent = head_sent or seq == flows[f + UNA]
        seq += 1
    flows[f + RESEND_HINT] = seq
    if head_sent and flows[f + TIMER_KIND] != REORDER:
        start_timer(s, f, RETRANSMIT, flows[f + RTO_MS], now)


@inlined
def send_new(s: Sim, f: int, now: int) -> None:
    """Send new segments as far as both windows and the small queue allow, and arm the timer."""
    flows = s.flows
    una, nxt = flows[f + UNA], flows[f + NXT]
    before = nxt
    flying = in_flight(s, f)
    window_end = una + (s.head[WINDOW] - flows[f + RCV_ROOM]) // MSS
    while nxt < min(flows[f + SEND_END], window_end) and flying < flows[f + CWND]:
        if flows[f + QUEUED] >= flows[f + SMALL_QUEUE] and nxt - una > 1:
            break
        if not transmit(s, f, nxt, 0, flying, now):
            break
        nxt += 1
        flying += 1
        flows[f + NXT] = nxt
        if nxt == flows[f + SEGMENTS] and before == 0:
            flows[f + SEND_END] = nxt + 1  # no segment is left that could carry the FIN: it is one of its own
    limited = flying >= flows[f + CWND]
    if nxt > before or limited:
        note_usage(s, f, limited)
    if nxt > before:
        if flows[f + PHASE] == CWR or flows[f + PHASE] == RECOVERY:
            flows[f + PRR_OUT] += nxt - before
        # Linux sets the retransmission timer first; what a probe would replace at once is left out.
        if not start_probe(s, f, False, now) and (before == una or flows[f + TIMER_KIND] == PROBE):
            restart_rto(s, f, now)


@inlined
def note_usage(s: Sim, f: int, limited: bool) -> None:
    """Remember whether the window was what held the flow back in this round trip: only such a window may grow."""
    flows = s.flows
    out = flows[f + NXT] - flows[f + UNA]
    if flows[f + UNA] >= flows[f + USAGE_SEQ] or limited or (flows[f + CWND_LIMITED] == 0 and out > flows[f + MAX_OUT]):
        flows[f + CWND_LIMITED] = 1 if limited else 0
        flows[f + MAX_OUT] = out
        flows[f + USAGE_SEQ] = flows[f + NXT]


@inlined
def send(s: Sim, f: int, now: int) -> bool:
    """Send all that may go now.

    Returns:
        False: a ring is too small, nothing has been sent.
    """
    flows = s.flows
    if not has_room(s, f):
        return False
    if flows[f + NEW_FIRST]:
        flows[f + NEW_FIRST] = 0
        send_new(s, f, now)
        if flows[f + NXT] > flows[f + HIGH_SEQ]:
            return True
        flows[f + FRTO] = 0
    if flows[f + LOST_OUT] > flows[f + RETRANS_OUT] and in_flight(s, f) < flows[f + CWND]:
        send_lost(s, f, now)
    send_new(s, f, now)
    return True
