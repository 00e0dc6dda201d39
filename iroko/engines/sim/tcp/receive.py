"""TCP's receiver: what it acknowledges and when, and its echo of ECN marks as DCTCP wants it (RFC 8257).

While segments are missing, the first three ACKs that tell of others go out at once, so that the sender recovers; what those that follow
would tell waits for the next ACK, some 100 us at most (Linux's compression of selective acknowledgements). Where a round trip takes
as long as that, the sender learns of its losses in lumps, and a flow with a large window is held back more than one with a small.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.hooks import trait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.ports import push
from iroko.engines.sim.tcp.timers import on_wheel, slot_of, wake_at

QUICK_ACKS_AT_ONCE = 16
"""Segments that are acknowledged one by one, at the start and after a duplicate; and so is each by which the receive window grows."""
UNREAD_COST, COST_SHIFT, GROWTH = 2408 * 153, 8, 2 * w.MSS
"""How the receive window (`iroko.engines.tcp_window`) grows: by two segments for each that arrives, to the end of its room, of which what
the application has not read takes 2408 bytes a segment times 153/256."""
LOW_WATER_BYTES = 65_536
"""The kernel engine's receiver reads when so much has arrived, and at the end of each step."""
DELAYED_ACK_MS = 40
FIRST_DUPLICATES, MOST_MERGED, MERGED_BLOCKS = 3, 44, 2
MERGE_SLACK_NS, MOST_MERGE_NS, MERGE_SHARE = 100_000, 1_000_000, 20
"""Linux's timer for merged ACKs: 5% of the round-trip time, at most 1 ms, and 100 us by which it may be late and mostly is."""


@inlined
def expect(s: Sim, f: int, now: int) -> None:
    """A SYN has arrived."""
    flows = s.flows
    flows[f + w.SYN_ACK_AT] = now
    flows[f + w.QUICK_ACKS] = QUICK_ACKS_AT_ONCE
    flows[f + w.RCV_ROOM] = s.head[w.FIRST_ROOM]


@inlined
def note_handshake(s: Sim, f: int, now: int) -> None:
    """The answer to the SYN-ACK is here: from the round-trip time, the only one that a receiver measures, follows how long ACKs merge."""
    flows = s.flows
    if flows[f + w.MERGE_NS] == 0:
        rtt_us = now // 1000 - flows[f + w.SYN_ACK_AT] // 1000
        flows[f + w.MERGE_NS] = min(rtt_us * 1000 // MERGE_SHARE, MOST_MERGE_NS) + MERGE_SLACK_NS


@inlined
def send_ack(s: Sim, f: int, number: int, now: int) -> None:
    """Acknowledge all below `number`; up to three blocks of what came early make the packet longer."""
    flows = s.flows
    blocks = min(flows[f + w.BLOCKS], 3)
    size = w.TCP_HEADERS + (4 + 8 * blocks if blocks else 0)
    word = ((f // w.FLOW * 2 + 1) << w.ROW_SHIFT) | (w.ACK << w.KIND_SHIFT) | size
    ecn = trait(s, f, w.ECN)
    if ecn:
        word |= ecn | (w.ECE if flows[f + w.CE_STATE] else 0)
    push(s, flows[f + w.TO], word, number, flows[f + w.EARLY_COUNT], now)
    if number == flows[f + w.RCV_NXT]:
        flows[f + w.QUICK_ACKS] = max(flows[f + w.QUICK_ACKS] - 1, 0)
        flows[f + w.ACK_AT] = w.NEVER
    flows[f + w.RCV_ACKED] = number
    flows[f + w.MERGED] = 0


@inlined
def take_in(s: Sim, f: int, seq: int, now: int) -> None:
    """Put a segment where it belongs: the next one moves `RCV_NXT` on over all that had come early; an early one is noted.

    Before one that begins a third block, or a later one, what was merged goes out: an ACK has room for three.
    """
    flows, segments = s.flows, s.segments
    if seq == flows[f + w.RCV_NXT]:
        nxt = seq + 1
        if flows[f + w.BLOCKS]:
            while nxt < flows[f + w.NXT] and segments[slot_of(s, f, nxt) + w.SENT] & w.RECEIVED_BIT:
                nxt += 1
            if nxt > seq + 1:
                flows[f + w.BLOCKS] -= 1
        flows[f + w.RCV_NXT] = nxt
    else:
        segments[slot_of(s, f, seq) + w.SENT] |= w.RECEIVED_BIT
        left = seq - 1 >= flows[f + w.RCV_NXT] and segments[slot_of(s, f, seq - 1) + w.SENT] & w.RECEIVED_BIT != 0
        right = seq + 1 < flows[f + w.NXT] and segments[slot_of(s, f, seq + 1) + w.SENT] & w.RECEIVED_BIT != 0
        if flows[f + w.MERGED] > 0 and flows[f + w.BLOCKS] >= MERGED_BLOCKS and not (left or right):
            send_ack(s, f, flows[f + w.RCV_NXT], now)
        flows[f + w.BLOCKS] += 1 - (1 if left else 0) - (1 if right else 0)
        segments[slot_of(s, f, flows[f + w.EARLY_COUNT]) + w.EARLY] = seq
        flows[f + w.EARLY_COUNT] += 1


@inlined
def grow_window(s: Sim, f: int) -> None:
    """A segment has arrived: if there is room, the receive window grows, and the sender is told at once.

    Growth ends when the room that a full buffer leaves is used, and goes on for some segments after each time the application reads.
    """
    flows = s.flows
    unread = flows[f + w.RCV_NXT] - flows[f + w.RCV_READ]
    room = flows[f + w.RCV_ROOM] - ((unread * UNREAD_COST + (1 << COST_SHIFT) - 1) >> COST_SHIFT)
    if room > 0:
        flows[f + w.RCV_ROOM] -= min(room, GROWTH)
        flows[f + w.QUICK_ACKS] |= 1


@inlined
def may_merge(s: Sim, f: int) -> bool:
    """Whether the ACK for an early segment may wait for others: not the first three since the first gap moved, and not too many."""
    flows = s.flows
    if flows[f + w.MERGED] >= MOST_MERGED:
        return False
    if flows[f + w.DUPLICATES_OF] != flows[f + w.RCV_NXT]:
        flows[f + w.DUPLICATES_OF] = flows[f + w.RCV_NXT]
        flows[f + w.DUPLICATES] = 0
    if flows[f + w.DUPLICATES] < FIRST_DUPLICATES:
        flows[f + w.DUPLICATES] += 1
        return False
    return True


@inlined
def on_data(s: Sim, f: int, seq: int, marked: bool, reducing: bool, now: int) -> None:
    """A segment arrives at its destination: count it, and acknowledge it now or later.

    Args:
        reducing: whether it has the CWR flag; the window may be very small then, so the ACK goes out at once, as in Linux.
    """
    flows = s.flows
    expected = flows[f + w.RCV_NXT]
    if seq < expected or (seq > expected and s.segments[slot_of(s, f, seq) + w.SENT] & w.RECEIVED_BIT):
        flows[f + w.QUICK_ACKS] = QUICK_ACKS_AT_ONCE
        send_ack(s, f, expected, now)
        return
    note_handshake(s, f, now)
    missing = flows[f + w.BLOCKS] > 0
    take_in(s, f, seq, now)
    grow_window(s, f)
    nxt = flows[f + w.RCV_NXT]
    still_missing = flows[f + w.BLOCKS] > 0
    at_once = nxt - flows[f + w.RCV_ACKED] >= 2 or flows[f + w.QUICK_ACKS] > 0 or (missing and not still_missing)
    if trait(s, f, w.ECN):
        state = 1 if marked else 0
        if state != flows[f + w.CE_STATE]:
            # The sender has to learn which segments were marked: first acknowledge what came before the change.
            if flows[f + w.ACK_AT] < w.NEVER and flows[f + w.MERGED] == 0:
                send_ack(s, f, flows[f + w.LAST_RCV_NXT], now)
            flows[f + w.CE_STATE] = state
            at_once = True
        at_once = at_once or reducing
        flows[f + w.LAST_RCV_NXT] = nxt
    flows[f + w.DELIVERED] = nxt * w.MSS
    if nxt >= flows[f + w.SEGMENTS]:
        flows[f + w.DELIVERED] = (flows[f + w.SEGMENTS] - 1) * w.MSS + flows[f + w.LAST_BYTES]
        if flows[f + w.DONE] < 0:
            flows[f + w.DONE] = now - flows[f + w.START]
            flows[f + w.DONE_ECHOES], flows[f + w.DONE_RESENT] = flows[f + w.DELIVERED_CE], flows[f + w.RESENT_COUNT]
        at_once = True
    if at_once or (still_missing and not may_merge(s, f)):
        send_ack(s, f, nxt, now)
    elif still_missing:
        flows[f + w.MERGED] += 1
        if flows[f + w.ACK_AT] == w.NEVER:
            flows[f + w.ACK_AT] = now + flows[f + w.MERGE_NS]
            wake_at(s, f, flows[f + w.ACK_AT])
    elif flows[f + w.ACK_AT] == w.NEVER:
        flows[f + w.ACK_AT] = on_wheel(now, DELAYED_ACK_MS)
        wake_at(s, f, flows[f + w.ACK_AT])
    if (nxt - flows[f + w.RCV_READ]) * w.MSS >= LOW_WATER_BYTES:
        flows[f + w.RCV_READ] = nxt
