"""The event loop: take what happens next, let it happen, let the flow that may now send do so."""

from typing import Any

from iroko.engines.sim import layout as w
from iroko.engines.sim.event_queue import set_leaf
from iroko.engines.sim.hooks import call, trait
from iroko.engines.sim.jit import fetch, inlined, section
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.ports import depart, enqueue, next_departure, push
from iroko.engines.sim.rings import kind_of, ring_slot
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
    rings = section(memory, memory[w.RINGS_AT])
    return Sim(
        memory[w.LEAF_BITS],
        memory[w.PATH_BITS],
        memory[w.NUM_PORTS],
        memory[w.NUM_HOSTS],
        section(memory, 0),
        section(memory, memory[w.TREE_AT]),
        section(memory, memory[w.PORTS_AT]),
        section(memory, memory[w.QUEUES_AT]),
        section(memory, memory[w.KINDS_AT]),
        section(memory, memory[w.HOSTS_AT]),
        section(memory, memory[w.FLOWS_AT]),
        section(memory, memory[w.PATHS_AT]),
        section(memory, memory[w.TRANSPORTS_AT]),
        section(memory, memory[w.FAIR_AT]),
        rings,
        rings,
    )


@inlined
def arrive(s: Sim, port: int, now: int) -> int:
    """The first packet on a port's wire reaches the far end: the next port's queue, or its destination.

    Returns:
        The flow that may send because of it, or `NOBODY`.
    """
    p = port * w.PORT
    ports, packets = s.ports, s.packets
    first, ring = ports[p + w.FIRST], ports[p + w.RING]
    slot = ring_slot(ring, first)
    word, number, count = packets[slot + w.WORD], packets[slot + w.NUMBER], packets[slot + w.COUNT]
    first += 1
    ports[p + w.FIRST] = first
    ports[p + w.OUT] += word & w.SIZE_MASK
    # What stands in a host's queue has no arrival time yet: a host's port has no rate of its own.
    end = ports[p + w.TAIL] if s.kinds[kind_of(ring) + w.COST] else s.queues[port * w.QUEUE + w.GONE]
    row = word >> w.ROW_SHIFT
    onward = s.paths[(row << s.path_bits) + (word >> w.HOP_SHIFT & w.HOP_MASK) + 1]
    set_leaf(s, port, packets[ring_slot(ring, first) + w.ARRIVAL] if first < end else w.NEVER)
    # Most likely this is what happens next: its memory comes while the present packet is dealt with.
    after = s.tree[1] & ((1 << s.leaf_bits) - 1)
    if after < s.num_ports:
        fetch(s.ports, after * w.PORT)
    if onward >= 0:
        enqueue(s, onward, word + w.NEXT_HOP, number, count, now)
        return NOBODY
    s.head[w.CONSUMED] += 1
    f = (row >> 1) * w.FLOW
    kind = word >> w.KIND_SHIFT & w.KIND_MASK
    if kind == w.DATA:
        if trait(s, f, w.IS_UDP):
            on_datagram(s, f, word & w.SIZE_MASK, now)
        else:
            on_data(s, f, number, word & w.CE != 0, word & w.CWR_FLAG != 0, now)
        return NOBODY
    if kind == w.ACK:
        if row & 1:
            on_ack(s, f, number, count, word & w.ECE != 0, now)
            return f
        note_handshake(s, f, now)
        return NOBODY
    return shake_hands(s, f, kind, now)


@inlined
def shake_hands(s: Sim, f: int, kind: int, now: int) -> int:
    """A SYN is answered; its answer opens the connection, with an ACK before the first segment."""
    flows = s.flows
    row = f // w.FLOW * 2
    if kind == w.SYN:
        expect(s, f, now)
        word = ((row | 1) << w.ROW_SHIFT) | (w.SYN_ACK << w.KIND_SHIFT) | w.SYN_BYTES | trait(s, f, w.ECN)
        push(s, flows[f + w.TO], word, 0, 0, now)
        return NOBODY
    if flows[f + w.STATE] != w.OPENING:
        return NOBODY
    flows[f + w.STATE] = w.RUNNING
    flows[f + w.TIMER_AT] = w.NEVER
    rtt_us = now // 1000 - flows[f + w.LAST_SENT]
    flows[f + w.MIN_RTT] = rtt_us if rtt_us > 0 else 1000
    measure_rtt(s, f, rtt_us)
    size_small_queue(s, f)
    if flows[f + w.TIMEOUTS] > 2:
        flows[f + w.CWND] = 1  # more than one SYN was lost (RFC 5681)
    flows[f + w.TIMEOUTS] = 0
    flows[f + w.ACK_NOW] = now
    call(s, f, w.ON_BEGIN, 0)
    word = (row << w.ROW_SHIFT) | (w.ACK << w.KIND_SHIFT) | w.TCP_HEADERS | trait(s, f, w.ECN)
    push(s, flows[f + w.FROM], word, 0, 0, now)
    flows[f + w.LAST_SENT] = now // MS
    return f


@inlined
def open_flow(s: Sim, f: int, now: int) -> None:
    """A flow starts: UDP at once, TCP with a SYN, which is sent again each second, after the fifth time at twice the interval of before."""
    flows = s.flows
    if trait(s, f, w.IS_UDP):
        flows[f + w.STATE] = w.RUNNING
        return
    flows[f + w.STATE] = w.OPENING
    flows[f + w.LAST_SENT] = now // 1000  # in us until the connection is open
    word = (f // w.FLOW * 2 << w.ROW_SHIFT) | (w.SYN << w.KIND_SHIFT) | w.SYN_BYTES | trait(s, f, w.ECN)
    push(s, flows[f + w.FROM], word, 0, 0, now)
    start_timer(s, f, w.RETRANSMIT, flows[f + w.RTO_MS], now)
    flows[f + w.RESENT_COUNT] = flows[f + w.TIMEOUTS]
    flows[f + w.TIMEOUTS] += 1
    if flows[f + w.TIMEOUTS] > LINEAR_SYNS:
        flows[f + w.RTO_MS] *= 2


@inlined
def wake(s: Sim, leaf: int, now: int) -> int:
    """A flow's leaf fires: see which of its timers are due, and set the leaf to the next."""
    flows = s.flows
    f = (leaf - s.num_ports - s.num_hosts) * w.FLOW
    due = min(flows[f + w.SEND_AT], flows[f + w.ACK_AT], flows[f + w.TIMER_AT]) <= now
    if flows[f + w.SEND_AT] <= now:
        flows[f + w.SEND_AT] = w.NEVER
        if flows[f + w.STATE] == w.WAITING:
            open_flow(s, f, now)
    if flows[f + w.ACK_AT] <= now:
        send_ack(s, f, flows[f + w.RCV_NXT], now)
    if flows[f + w.TIMER_AT] <= now:
        if flows[f + w.STATE] == w.OPENING:
            open_flow(s, f, now)
        elif flows[f + w.TIMER_KIND] == w.PROBE:
            on_probe(s, f, now)
        elif flows[f + w.TIMER_KIND] == w.REORDER:
            on_reorder_timer(s, f, now)
        else:
            flows[f + w.TIMER_AT] = w.NEVER
            on_timeout(s, f, now)
    set_leaf(s, leaf, min(flows[f + w.SEND_AT], flows[f + w.ACK_AT], flows[f + w.TIMER_AT]))
    return f if due else NOBODY


@inlined
def serve(s: Sim, f: int, now: int) -> None:
    """Let a flow send what it may; if a ring is too small, it is grown and the flow goes on before anything else happens."""
    if s.flows[f + w.STATE] != w.RUNNING:
        return
    served = send_bursts(s, f, now) if trait(s, f, w.IS_UDP) else send(s, f, now)
    if not served:
        s.head[w.RESUME], s.head[w.RESUME_AT] = f, now


@inlined
def run(s: Sim, until: int) -> bool:
    """Let everything happen that happens before `until`.

    Returns:
        Whether it is done; else a ring is full (`FULL_PORT`, `FULL_FLOW`) and has to be grown first.
    """
    head, tree = s.head, s.tree
    bits, num_ports, num_hosts = s.leaf_bits, s.num_ports, s.num_hosts
    f, now = head[w.RESUME], head[w.RESUME_AT]
    head[w.RESUME] = w.NONE
    while True:
        if f != NOBODY:
            serve(s, f, now)
        if head[w.FULL_PORT] & head[w.FULL_FLOW] != w.NONE:
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
            port = s.hosts[host * w.HOST + w.NIC_PORT]
            more = s.queues[port * w.QUEUE + w.GONE] < s.ports[port * w.PORT + w.TAIL]
            set_leaf(s, leaf, next_departure(s, host) if more else w.NEVER)
        else:
            f = wake(s, leaf, now)
