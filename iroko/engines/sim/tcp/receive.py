"""TCP's receiver: what it acknowledges and when, and its echo of ECN marks as DCTCP wants it (RFC 8257).

While segments are missing, the first three ACKs that tell of others go out at once, so that the sender recovers; what those that follow
would tell waits for the next ACK, some 100 us at most (Linux's compression of selective acknowledgements). Where a round trip takes
as long as that, the sender learns of its losses in lumps, and a flow with a large window is held back more than one with a small.
"""

from iroko.engines.sim.hooks import trait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import (
    ACK,
    ACK_AT,
    BLOCKS,
    CE_STATE,
    DELIVERED,
    DELIVERED_CE,
    DONE,
    DONE_ECHOES,
    DONE_RESENT,
    DUPLICATES,
    DUPLICATES_OF,
    EARLY,
    EARLY_COUNT,
    ECE,
    ECN,
    FIRST_ROOM,
    FLOW,
    KIND_SHIFT,
    LAST_BYTES,
    LAST_RCV_NXT,
    MERGE_NS,
    MERGED,
    MSS,
    NEVER,
    NXT,
    QUICK_ACKS,
    RCV_ACKED,
    RCV_NXT,
    RCV_READ,
    RCV_ROOM,
    RECEIVED_BIT,
    RESENT_COUNT,
    ROW_SHIFT,
    SEGMENTS,
    SENT,
    START,
    SYN_ACK_AT,
    TCP_HEADERS,
    TO,
    Sim,
)
from iroko.engines.sim.ports import push
from iroko.engines.sim.tcp.timers import on_wheel, slot_of, wake_at

QUICK_ACKS_AT_ONCE = 16
"""Segments that are acknowledged one by one, at the start and after a duplicate; and so is each by which the receive window grows."""
UNREAD_COST, COST_SHIFT, GROWTH = 2408 * 153, 8, 2 * MSS
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
    flows[f + SYN_ACK_AT] = now
    flows[f + QUICK_ACKS] = QUICK_ACKS_AT_ONCE
    flows[f + RCV_ROOM] = s.head[FIRST_ROOM]


@inlined
def note_handshake(s: Sim, f: int, now: int) -> None:
    """The answer to the SYN-ACK is here: from the round-trip time, the only one that a receiver measures, follows how long ACKs merge."""
    flows = s.flows
    if flows[f + MERGE_NS] == 0:
        rtt_us = now // 1000 - flows[f + SYN_ACK_AT] // 1000
        flows[f + MERGE_NS] = min(rtt_us * 1000 // MERGE_SHARE, MOST_MERGE_NS) + MERGE_SLACK_NS


@inlined
def send_ack(s: Sim, f: int, number: int, now: int) -> None:
    """Acknowledge all below `number`; up to three blocks of what came early make the packet longer."""
    flows = s.flows
    blocks = min(flows[f + BLOCKS], 3)
    size = TCP_HEADERS + (4 + 8 * blocks if blocks else 0)
    word = ((f // FLOW * 2 + 1) << ROW_SHIFT) | (ACK << KIND_SHIFT) | size
    ecn = trait(s, f, ECN)
    if ecn:
        word |= ecn | (ECE if flows[f + CE_STATE] else 0)
    push(s, flows[f + TO], word, number, flows[f + EARLY_COUNT], now)
    if number == flows[f + RCV_NXT]:
        flows[f + QUICK_ACKS] = max(flows[f + QUICK_ACKS] - 1, 0)
        flows[f + ACK_AT] = NEVER
    flows[f + RCV_ACKED] = number
    flows[f + MERGED] = 0


@inlined
def take_in(s: Sim, f: int, seq: int, now: int) -> None:
    """Put a segment where it belongs: the next one moves `RCV_NXT` on over all that had come early; an early one is noted.

    Before one that begins a third block, or a later one, what was merged goes out: an ACK has room for three.
    """
    flows, segments = s.flows, s.segments
    if seq == flows[f + RCV_NXT]:
        nxt = seq + 1
        if flows[f + BLOCKS]:
            while nxt < flows[f + NXT] and segments[slot_of(s, f, nxt) + SENT] & RECEIVED_BIT:
                nxt += 1
            if nxt > seq + 1:
                flows[f + BLOCKS] -= 1
        flows[f + RCV_NXT] = nxt
    else:
        segments[slot_of(s, f, seq) + SENT] |= RECEIVED_BIT
        left = seq - 1 >= flows[f + RCV_NXT] and segments[slot_of(s, f, seq - 1) + SENT] & RECEIVED_BIT != 0
        right = seq + 1 < flows[f + NXT] and segments[slot_of(s, f, seq + 1) + SENT] & RECEIVED_BIT != 0
        if flows[f + MERGED] > 0 and flows[f + BLOCKS] >= MERGED_BLOCKS and not (left or right):
            send_ack(s, f, flows[f + RCV_NXT], now)
        flows[f + BLOCKS] += 1 - (1 if left else 0) - (1 if right else 0)
        segments[slot_of(s, f, flows[f + EARLY_COUNT]) + EARLY] = seq
        flows[f + EARLY_COUNT] += 1


@inlined
def grow_window(s: Sim, f: int) -> None:
    """A segment has arrived: if there is room, the receive window grows, and the sender is told at once.

    Growth ends when the room that a full buffer leaves is used, and goes on for some segments after each time the application reads.
    """
    flows = s.flows
    unread = flows[f + RCV_NXT] - flows[f + RCV_READ]
    room = flows[f + RCV_ROOM] - ((unread * UNREAD_COST + (1 << COST_SHIFT) - 1) >> COST_SHIFT)
    if room > 0:
        flows[f + RCV_ROOM] -= min(room, GROWTH)
        flows[f + QUICK_ACKS] |= 1


@inlined
def may_merge(s: Sim, f: int) -> bool:
    """Whether the ACK for an early segment may wait for others: not the first three since the first gap moved, and not too many."""
    flows = s.flows
    if flows[f + MERGED] >= MOST_MERGED:
        return False
    if flows[f + DUPLICATES_OF] != flows[f + RCV_NXT]:
        flows[f + DUPLICATES_OF] = flows[f + RCV_NXT]
        flows[f + DUPLICATES] = 0
    if flows[f + DUPLICATES] < FIRST_DUPLICATES:
        flows[f + DUPLICATES] += 1
        return False
    return True


@inlined
def on_data(s: Sim, f: int, seq: int, marked: bool, reducing: bool, now: int) -> None:
    """A segment arrives at its destination: count it, and acknowledge it now or later.

    Args:
        reducing: whether it has the CWR flag; the window may be very small then, so the ACK goes out at once, as in Linux.
    """
    flows = s.flows
    expected = flows[f + RCV_NXT]
    if seq < expected or (seq > expected and s.segments[slot_of(s, f, seq) + SENT] & RECEIVED_BIT):
        flows[f + QUICK_ACKS] = QUICK_ACKS_AT_ONCE
        send_ack(s, f, expected, now)
        return
    note_handshake(s, f, now)
    missing = flows[f + BLOCKS] > 0
    take_in(s, f, seq, now)
    grow_window(s, f)
    nxt = flows[f + RCV_NXT]
    still_missing = flows[f + BLOCKS] > 0
    at_once = nxt - flows[f + RCV_ACKED] >= 2 or flows[f + QUICK_ACKS] > 0 or (missing and not still_missing)
    if trait(s, f, ECN):
        state = 1 if marked else 0
        if state != flows[f + CE_STATE]:
            # The sender has to learn which segments were marked: first acknowledge what came before the change.
            if flows[f + ACK_AT] < NEVER and flows[f + MERGED] == 0:
                send_ack(s, f, flows[f + LAST_RCV_NXT], now)
            flows[f + CE_STATE] = state
            at_once = True
        at_once = at_once or reducing
        flows[f + LAST_RCV_NXT] = nxt
    flows[f + DELIVERED] = nxt * MSS
    if nxt >= flows[f + SEGMENTS]:
        flows[f + DELIVERED] = (flows[f + SEGMENTS] - 1) * MSS + flows[f + LAST_BYTES]
        if flows[f + DONE] < 0:
            flows[f + DONE] = now - flows[f + START]
            flows[f + DONE_ECHOES], flows[f + DONE_RESENT] = flows[f + DELIVERED_CE], flows[f + RESENT_COUNT]
        at_once = True
    if at_once or (still_missing and not may_merge(s, f)):
        send_ack(s, f, nxt, now)
    elif still_missing:
        flows[f + MERGED] += 1
        if flows[f + ACK_AT] == NEVER:
            flows[f + ACK_AT] = now + flows[f + MERGE_NS]
            wake_at(s, f, flows[f + ACK_AT])
    elif flows[f + ACK_AT] == NEVER:
        flows[f + ACK_AT] = on_wheel(now, DELAYED_ACK_MS)
        wake_at(s, f, flows[f + ACK_AT])
    if (nxt - flows[f + RCV_READ]) * MSS >= LOW_WATER_BYTES:
        flows[f + RCV_READ] = nxt
