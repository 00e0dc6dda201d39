"""The event loop: take what happens next, let it happen, let the flow that may now send do so."""

from typing import Any

from iroko.engines.sim.event_queue import set_leaf
from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import fetch, inlined, section
from iroko.engines.sim.layout import (
    ACK,
    ACK_AT,
    ACK_NOW,
    ARRIVAL,
    CE,
    CONSUMED,
    COST,
    COUNT,
    CWND,
    CWR_FLAG,
    DATA,
    ECE,
    ECN,
    FAIR_AT,
    FIRST,
    FLOW,
    FLOWS_AT,
    FROM,
    FULL_FLOW,
    FULL_PORT,
    GONE,
    HOP_MASK,
    HOP_SHIFT,
    HOST,
    HOSTS_AT,
    IS_UDP,
    KIND_MASK,
    KIND_SHIFT,
    KINDS_AT,
    LAST_SENT,
    LEAF_BITS,
    MIN_RTT,
    NEVER,
    NEXT_HOP,
    NIC_PORT,
    NONE,
    NUM_HOSTS,
    NUM_PORTS,
    NUMBER,
    ON_BEGIN,
    OPENING,
    OUT,
    PATH_BITS,
    PATHS_AT,
    PORT,
    PORTS_AT,
    PROBE,
    QUEUE,
    QUEUES_AT,
    RCV_NXT,
    REORDER,
    RESENT_COUNT,
    RESUME,
    RESUME_AT,
    RETRANSMIT,
    RING,
    RINGS_AT,
    ROW_SHIFT,
    RTO_MS,
    RUNNING,
    SEND_AT,
    SIZE_MASK,
    STATE,
    SYN,
    SYN_ACK,
    SYN_BYTES,
    TAIL,
    TCP_HEADERS,
    TIMEOUTS,
    TIMER_AT,
    TIMER_KIND,
    TO,
    TRANSPORTS_AT,
    TREE_AT,
    WAITING,
    WORD,
    Sim,
)
from iroko.engines.sim.ports import depart, enqueue, kind_of, next_departure, push, ring_slot
from iroko.engines.sim.tcp.ack import on_ack
from iroko.engines.sim.tcp.loss import on_probe, on_reorder_timer, on_timeout
from iroko.engines.sim.tcp.receive import expect, note_handshake, on_data, send_ack
from iroko.engines.sim.tcp.send import send, size_small_queue
from iroko.engines.sim.tcp.timers import MS, measure_rtt, start_timer
from iroko.engines.sim.udp import on_datagram, send_bursts

NOBODY, LINEAR_SYNS = -1, 4


@inlined
def view(memory: Any) -> Sim:
    """Cut a simulation's memory into its sections."""
    rings = section(memory, memory[RINGS_AT])
    return Sim(
        memory[LEAF_BITS],
        memory[PATH_BITS],
        memory[NUM_PORTS],
        memory[NUM_HOSTS],
        section(memory, 0),
        section(memory, memory[TREE_AT]),
        section(memory, memory[PORTS_AT]),
        section(memory, memory[QUEUES_AT]),
        section(memory, memory[KINDS_AT]),
        section(memory, memory[HOSTS_AT]),
        section(memory, memory[FLOWS_AT]),
        section(memory, memory[PATHS_AT]),
        section(memory, memory[TRANSPORTS_AT]),
        section(memory, memory[FAIR_AT]),
        rings,
        rings,
    )


@inlined
def arrive(s: Sim, port: int, now: int) -> int:
    """The first packet on a port's wire reaches the far end: the next port's queue, or its destination.

    Returns:
        The flow that may send because of it, or `NOBODY`.
    """
    p = port * PORT
    ports, packets = s.ports, s.packets
    first, ring = ports[p + FIRST], ports[p + RING]
    slot = ring_slot(ring, first)
    word, number, count = packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT]
    first += 1
    ports[p + FIRST] = first
    ports[p + OUT] += word & SIZE_MASK
    # What stands in a host's queue has no arrival time yet: a host's port has no rate of its own.
    end = ports[p + TAIL] if s.kinds[kind_of(ring) + COST] else s.queues[port * QUEUE + GONE]
    row = word >> ROW_SHIFT
    onward = s.paths[(row << s.path_bits) + (word >> HOP_SHIFT & HOP_MASK) + 1]
    set_leaf(s, port, packets[ring_slot(ring, first) + ARRIVAL] if first < end else NEVER)
    # Most likely this is what happens next: its memory comes while the present packet is dealt with.
    after = s.tree[1] & ((1 << s.leaf_bits) - 1)
    if after < s.num_ports:
        fetch(s.ports, after * PORT)
    if onward >= 0:
        enqueue(s, onward, word + NEXT_HOP, number, count, now)
        return NOBODY
    s.head[CONSUMED] += 1
    f = (row >> 1) * FLOW
    kind = word >> KIND_SHIFT & KIND_MASK
    if kind == DATA:
        if trait(s, f, IS_UDP):
            on_datagram(s, f, word & SIZE_MASK, now)
        else:
            on_data(s, f, number, word & CE != 0, word & CWR_FLAG != 0, now)
        return NOBODY
    if kind == ACK:
        if row & 1:
            on_ack(s, f, number, count, word & ECE != 0, now)
            return f
        note_handshake(s, f, now)
        return NOBODY
    return shake_hands(s, f, kind, now)


@inlined
def shake_hands(s: Sim, f: int, kind: int, now: int) -> int:
    """A SYN is answered; its answer opens the connection, with an ACK before the first segment."""
    flows = s.flows
    row = f // FLOW * 2
    if kind == SYN:
        expect(s, f, now)
        word = ((row | 1) << ROW_SHIFT) | (SYN_ACK << KIND_SHIFT) | SYN_BYTES | trait(s, f, ECN)
        push(s, flows[f + TO], word, 0, 0, now)
        return NOBODY
    if flows[f + STATE] != OPENING:
        return NOBODY
    flows[f + STATE] = RUNNING
    flows[f + TIMER_AT] = NEVER
    rtt_us = now // 1000 - flows[f + LAST_SENT]
    flows[f + MIN_RTT] = rtt_us if rtt_us > 0 else 1000
    measure_rtt(s, f, rtt_us)
    size_small_queue(s, f)
    if flows[f + TIMEOUTS] > 2:
        flows[f + CWND] = 1  # more than one SYN was lost (RFC 5681)
    flows[f + TIMEOUTS] = 0
    flows[f + ACK_NOW] = now
    call(s, f, ON_BEGIN, 0)
    word = (row << ROW_SHIFT) | (ACK << KIND_SHIFT) | TCP_HEADERS | trait(s, f, ECN)
    push(s, flows[f + FROM], word, 0, 0, now)
    flows[f + LAST_SENT] = now // MS
    return f


@inlined
def open_flow(s: Sim, f: int, now: int) -> None:
    """A flow starts: UDP at once, TCP with a SYN, which is sent again each second, after the fifth time at twice the interval of before."""
    flows = s.flows
    if trait(s, f, IS_UDP):
        flows[f + STATE] = RUNNING
        return
    flows[f + STATE] = OPENING
    flows[f + LAST_SENT] = now // 1000  # in us until the connection is open
    word = (f // FLOW * 2 << ROW_SHIFT) | (SYN << KIND_SHIFT) | SYN_BYTES | trait(s, f, ECN)
    push(s, flows[f + FROM], word, 0, 0, now)
    start_timer(s, f, RETRANSMIT, flows[f + RTO_MS], now)
    flows[f + RESENT_COUNT] = flows[f + TIMEOUTS]
    flows[f + TIMEOUTS] += 1
    if flows[f + TIMEOUTS] > LINEAR_SYNS:
        flows[f + RTO_MS] *= 2


@inlined
def wake(s: Sim, leaf: int, now: int) -> int:
    """A flow's leaf fires: see which of its timers are due, and set the leaf to the next."""
    flows = s.flows
    f = (leaf - s.num_ports - s.num_hosts) * FLOW
    due = min(flows[f + SEND_AT], flows[f + ACK_AT], flows[f + TIMER_AT]) <= now
    if flows[f + SEND_AT] <= now:
        flows[f + SEND_AT] = NEVER
        if flows[f + STATE] == WAITING:
            open_flow(s, f, now)
    if flows[f + ACK_AT] <= now:
        send_ack(s, f, flows[f + RCV_NXT], now)
    if flows[f + TIMER_AT] <= now:
        if flows[f + STATE] == OPENING:
            open_flow(s, f, now)
        elif flows[f + TIMER_KIND] == PROBE:
            on_probe(s, f, now)
        elif flows[f + TIMER_KIND] == REORDER:
            on_reorder_timer(s, f, now)
        else:
            flows[f + TIMER_AT] = NEVER
            on_timeout(s, f, now)
    set_leaf(s, leaf, min(flows[f + SEND_AT], flows[f + ACK_AT], flows[f + TIMER_AT]))
    return f if due else NOBODY


@inlined
def serve(s: Sim, f: int, now: int) -> None:
    """Let a flow send what it may; if a ring is too small, it is grown and the flow goes on before anything else happens."""
    if s.flows[f + STATE] != RUNNING:
        return
    served = send_bursts(s, f, now) if trait(s, f, IS_UDP) else send(s, f, now)
    if not served:
        s.head[RESUME], s.head[RESUME_AT] = f, now


@inlined
def run(s: Sim, until: int) -> bool:
    """Let everything happen that happens before `until`.

    Returns:
        Whether it is done; else a ring is full (`FULL_PORT`, `FULL_FLOW`) and has to be grown first.
    """
    head, tree = s.head, s.tree
    bits, num_ports, num_hosts = s.leaf_bits, s.num_ports, s.num_hosts
    f, now = head[RESUME], head[RESUME_AT]
    head[RESUME] = NONE
    while True:
        if f != NOBODY:
            serve(s, f, now)
        if head[FULL_PORT] & head[FULL_FLOW] != NONE:
            return False
        key = tree[1]
        now = key >> bits
        if now >= until:
            return True
        leaf = key & ((1 << bits) - 1)
        if leaf < num_ports:
            f = arrive(s, leaf, now)
        elif leaf < num_ports + num_hosts:
            host = leaf - num_ports
            f = depart(s, host, now)
            port = s.hosts[host * HOST + NIC_PORT]
            more = s.queues[port * QUEUE + GONE] < s.ports[port * PORT + TAIL]
            set_leaf(s, leaf, next_departure(s, host) if more else NEVER)
        else:
            f = wake(s, leaf, now)
