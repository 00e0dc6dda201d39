"""TCP's sender: what may go out, and what goes out.

New segments are held back by the window and by Linux's small-queue limit: about 1 ms of a flow's rate, at least two packets, may wait in
its own host. What was lost goes first.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.ports import TAKEN, fits, push
from iroko.engines.sim.tcp.timers import MS, restart_rto, slot_of, start_probe, start_timer, wake_at

TRUESIZE = 2304
"""What Linux accounts for a buffer of one full segment, bytes."""
MOST_QUEUED_BYTES = 4 << 20
SPARE = 4
"""Slots that stay free in each ring of a flow, for what its timers send."""


@inlined
def in_flight(s: Sim, f: int) -> int:
    """Return the segments that are believed to be in the network (the pipe of RFC 6675, section 4)."""
    flows = s.flows
    return flows[f + w.NXT] - flows[f + w.UNA] - flows[f + w.SACKED_OUT] - flows[f + w.LOST_OUT] + flows[f + w.RETRANS_OUT]


@inlined
def size_small_queue(s: Sim, f: int) -> None:
    """How many packets may wait in the host: 1/1024 s of twice the rate in slow start, 1.2 times the rate later."""
    flows = s.flows
    cwnd = flows[f + w.CWND]
    percent = 200 if cwnd < flows[f + w.SSTHRESH] // 2 else 120
    bytes_per_s = w.MSS * 80_000 * percent * max(cwnd, flows[f + w.NXT] - flows[f + w.UNA]) // max(flows[f + w.SRTT], 1)
    limit = min(max(2 * TRUESIZE, bytes_per_s >> 10), MOST_QUEUED_BYTES)
    flows[f + w.SMALL_QUEUE] = (limit - 1) // TRUESIZE + 1


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
        call(s, f, w.ON_RESTART, now // MS - flows[f + w.LAST_SENT])
    size = w.FRAME
    if seq >= flows[f + w.SEGMENTS] - 1:
        size = w.TCP_HEADERS + (flows[f + w.LAST_BYTES] if seq < flows[f + w.SEGMENTS] else 0)
    row = f // w.FLOW * 2
    word = (row << w.ROW_SHIFT) | (w.DATA << w.KIND_SHIFT) | w.RELEASE | size | trait(s, f, w.ECN)
    if flags == 0 and flows[f + w.QUEUE_CWR]:
        word |= w.CWR_FLAG
    flows[f + w.QUEUED] += 1
    again = push(s, flows[f + w.FROM], word, seq, 0, now)
    if again != TAKEN:
        flows[f + w.QUEUED] -= 1
        flows[f + w.SEND_AT] = again
        wake_at(s, f, again)
        return False
    slot = slot_of(s, f, seq)
    segments[slot + w.SENT] = (now << w.FLAG_BITS) | flags
    segments[slot + w.DELIVERED_THEN] = flows[f + w.DELIVERED_COUNT]
    flows[f + w.LAST_SENT] = now // MS
    if flags == 0:
        flows[f + w.QUEUE_CWR] = 0
    return True


@inlined
def still_queued(s: Sim, f: int, seq: int) -> bool:
    """Whether the first transmission of a segment waits in the host yet, so that sending it again would be foolish."""
    return s.flows[f + w.NXT] - seq <= s.flows[f + w.QUEUED]


@inlined
def has_room(s: Sim, f: int) -> bool:
    """Whether the rings of the flow and of its host's port hold all that might be sent now; else they are grown before any of it is."""
    flows = s.flows
    again = flows[f + w.LOST_OUT] - flows[f + w.RETRANS_OUT]
    most = max(min(flows[f + w.CWND] - in_flight(s, f), flows[f + w.SEND_END] - flows[f + w.NXT] + again), 0) + SPARE
    used = max(flows[f + w.NXT] - flows[f + w.UNA], flows[f + w.RESENT_NEXT] - flows[f + w.RESENT_FIRST])
    if used + most > flows[f + w.SLOT_MASK]:
        s.head[w.FULL_FLOW] = f
        return False
    return fits(s, flows[f + w.FROM], min(most, 2 * flows[f + w.SMALL_QUEUE] + SPARE))


@inlined
def retransmit(s: Sim, f: int, seq: int, now: int) -> bool:
    """Send a segment again.

    Returns:
        Whether it was sent.
    """
    flows, segments = s.flows, s.segments
    flags = segments[slot_of(s, f, seq) + w.SENT] & w.FLAG_MASK
    if flags & w.EVER_RETRANSMITTED == 0 and still_queued(s, f, seq):
        return False
    flows[f + w.RESENT_COUNT] += 1
    if not transmit(s, f, seq, flags | w.RETRANSMITTED | w.EVER_RETRANSMITTED, in_flight(s, f), now):
        return False
    if flags & w.RETRANSMITTED == 0:
        flows[f + w.RETRANS_OUT] += 1
    segments[slot_of(s, f, flows[f + w.RESENT_NEXT]) + w.RESENT] = seq
    flows[f + w.RESENT_NEXT] += 1
    return True


@called
def send_lost(s: Sim, f: int, now: int) -> None:
    """Send again what is believed lost, lowest first, as far as the window and twice the small queue allow."""
    flows, segments = s.flows, s.segments
    seq = max(flows[f + w.RESEND_HINT], flows[f + w.UNA])
    head_sent = False
    while seq < flows[f + w.NXT] and flows[f + w.RETRANS_OUT] < flows[f + w.LOST_OUT]:
        if in_flight(s, f) >= flows[f + w.CWND]:
            break
        flags = segments[slot_of(s, f, seq) + w.SENT] & w.FLAG_MASK
        if flags & w.LOST and flags & (w.SACKED | w.RETRANSMITTED) == 0:
            if flows[f + w.QUEUED] >= 2 * flows[f + w.SMALL_QUEUE] or not retransmit(s, f, seq, now):
                break
            if flows[f + w.PHASE] == w.CWR or flows[f + w.PHASE] == w.RECOVERY:
                flows[f + w.PRR_OUT] += 1
            head_sent = head_sent or seq == flows[f + w.UNA]
        seq += 1
    flows[f + w.RESEND_HINT] = seq
    if head_sent and flows[f + w.TIMER_KIND] != w.REORDER:
        start_timer(s, f, w.RETRANSMIT, flows[f + w.RTO_MS], now)


@inlined
def send_new(s: Sim, f: int, now: int) -> None:
    """Send new segments as far as both windows and the small queue allow, and arm the timer."""
    flows = s.flows
    una, nxt = flows[f + w.UNA], flows[f + w.NXT]
    before = nxt
    flying = in_flight(s, f)
    window_end = una + (s.head[w.WINDOW] - flows[f + w.RCV_ROOM]) // w.MSS
    while nxt < min(flows[f + w.SEND_END], window_end) and flying < flows[f + w.CWND]:
        if flows[f + w.QUEUED] >= flows[f + w.SMALL_QUEUE] and nxt - una > 1:
            break
        if not transmit(s, f, nxt, 0, flying, now):
            break
        nxt += 1
        flying += 1
        flows[f + w.NXT] = nxt
        if nxt == flows[f + w.SEGMENTS] and before == 0:
            flows[f + w.SEND_END] = nxt + 1  # no segment is left that could carry the FIN: it is one of its own
    limited = flying >= flows[f + w.CWND]
    if nxt > before or limited:
        note_usage(s, f, limited)
    if nxt > before:
        if flows[f + w.PHASE] == w.CWR or flows[f + w.PHASE] == w.RECOVERY:
            flows[f + w.PRR_OUT] += nxt - before
        # Linux sets the retransmission timer first; what a probe would replace at once is left out.
        if not start_probe(s, f, False, now) and (before == una or flows[f + w.TIMER_KIND] == w.PROBE):
            restart_rto(s, f, now)


@inlined
def note_usage(s: Sim, f: int, limited: bool) -> None:
    """Remember whether the window limited the flow in this round trip: only such a window may grow (RFC 7661, section 4)."""
    flows = s.flows
    out = flows[f + w.NXT] - flows[f + w.UNA]
    if flows[f + w.UNA] >= flows[f + w.USAGE_SEQ] or limited or (flows[f + w.CWND_LIMITED] == 0 and out > flows[f + w.MAX_OUT]):
        flows[f + w.CWND_LIMITED] = 1 if limited else 0
        flows[f + w.MAX_OUT] = out
        flows[f + w.USAGE_SEQ] = flows[f + w.NXT]


@inlined
def send(s: Sim, f: int, now: int) -> bool:
    """Send all that may go now.

    Returns:
        False: a ring is too small, nothing has been sent.
    """
    flows = s.flows
    if not has_room(s, f):
        return False
    if flows[f + w.NEW_FIRST]:
        flows[f + w.NEW_FIRST] = 0
        send_new(s, f, now)
        if flows[f + w.NXT] > flows[f + w.HIGH_SEQ]:
            return True
        flows[f + w.FRTO] = 0
    if flows[f + w.LOST_OUT] > flows[f + w.RETRANS_OUT] and in_flight(s, f) < flows[f + w.CWND]:
        send_lost(s, f, now)
    send_new(s, f, now)
    return True
