"""Ports: what a packet meets at the end of a wire, and the interface through which a host sends.

A switch's port is a token bucket above a queue limited in bytes, as in the kernel engine: the bucket holds one full frame and what 2 us
earn, so the first packet of an idle port passes at once and the port is then busy for the packet's time. When a packet arrives, the
moment at which it will leave is known, so a hop costs one event: its arrival at the next node. A host's interface differs: its rate
changes with the agent's limit, so a packet leaves it in an event of its own.
"""

from typing import Any

from iroko.sim.compiled import called, inlined
from iroko.sim.layout import (
    AREA,
    ARRIVAL,
    BUSY,
    CARE,
    CE,
    COST,
    COST_BITS,
    COUNT,
    DELAY,
    DISCARDED,
    DROPS,
    ENTERED,
    FIRST,
    FLOW,
    FRAME,
    FULL_PORT,
    GONE,
    HOST,
    LEFT,
    MARK_BYTES,
    MARKS,
    MASK,
    MEASURED,
    NIC_COST,
    NIC_LEAF,
    NIC_PORT,
    NUMBER,
    OUT,
    PACKET,
    PEAK,
    PORT,
    QUEUE_BYTES,
    QUEUED,
    RELEASE,
    RING,
    ROW_SHIFT,
    SIZE_MASK,
    TAIL,
    TIME_BITS,
    WORD,
    Sim,
)
from iroko.sim.tree import lower_leaf, set_leaf

TAKEN = -1
RETRY_NS = 1_000_000
SLACK = 2000 << TIME_BITS
"""How much longer than one frame a bucket lasts: 2 us, in 1/256 ns."""


@inlined
def settle(s: Sim, p: int, now: int) -> int:
    """Count what has left the queue of the switch port whose record begins at `p`.

    Returns:
        The bytes that are in the queue now.
    """
    ports, packets = s.ports, s.packets
    gone, left = ports[p + GONE], ports[p + LEFT]
    if gone < ports[p + FIRST]:  # what has arrived at the far end has left for sure
        gone, left = ports[p + FIRST], ports[p + OUT]
    tail, ring, mask, delay = ports[p + TAIL], ports[p + RING], ports[p + MASK], ports[p + DELAY]
    while gone < tail:
        slot = ring + (gone & mask) * PACKET
        if packets[slot + ARRIVAL] - delay > now:
            break
        left += packets[slot + WORD] & SIZE_MASK
        gone += 1
    ports[p + GONE], ports[p + LEFT] = gone, left
    return ports[p + ENTERED] - left


@inlined
def take_care(ports: Any, p: int) -> None:
    """Set from how many bytes on a packet needs a closer look: it may be dropped, marked, or make a new peak."""
    ports[p + CARE] = min(ports[p + QUEUE_BYTES], ports[p + MARK_BYTES], ports[p + PEAK])


@called
def look_closer(s: Sim, port: int, size: int, waits: bool, now: int) -> int:
    """A packet finds a port so full that it matters.

    Returns:
        -1: it is dropped; else the flag that it gets.
    """
    p = port * PORT
    ports = s.ports
    backlog = settle(s, p, now)
    if backlog + size > ports[p + QUEUE_BYTES]:
        ports[p + DROPS] += 1
        s.head[DISCARDED] += 1
        return -1
    if waits:
        ports[p + PEAK] = max(ports[p + PEAK], backlog + size)
        take_care(ports, p)
    if backlog > ports[p + MARK_BYTES]:
        ports[p + MARKS] += 1
        return CE
    return 0


@inlined
def enqueue(s: Sim, port: int, word: int, number: int, count: int, now: int) -> None:
    """A packet reaches a switch's port: it is dropped, or queued, and marked if it finds too much."""
    p = port * PORT
    ports = s.ports
    size, now_fine = word & SIZE_MASK, now << TIME_BITS
    cost, busy = ports[p + COST], ports[p + BUSY]
    leaves_fine = max(now_fine, busy + ((size - FRAME) * cost >> COST_BITS) - SLACK)
    leaves = (leaves_fine + (1 << TIME_BITS) - 1) >> TIME_BITS
    entered = ports[p + ENTERED] + size
    # Queue and wire together are never less than the queue: mostly this tells enough.
    if entered - ports[p + OUT] > ports[p + CARE]:
        flag = look_closer(s, port, size, leaves > now, now)
        if flag < 0:
            return
        word |= flag
    ports[p + ENTERED] = entered
    ports[p + BUSY] = max(busy, leaves_fine) + (size * cost >> COST_BITS)
    ports[p + AREA] += size * (leaves - now)
    arrival = leaves + ports[p + DELAY]
    tail, first, mask = ports[p + TAIL], ports[p + FIRST], ports[p + MASK]
    slot = ports[p + RING] + (tail & mask) * PACKET
    packets = s.packets
    packets[slot + ARRIVAL], packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT] = arrival, word, number, count
    ports[p + TAIL] = tail + 1
    if tail == first:
        lower_leaf(s, port, arrival)
    if tail - first >= mask:
        s.head[FULL_PORT] = port


@inlined
def depart(s: Sim, host: int, now: int) -> int:
    """A host's interface sends the first packet of its queue.

    Returns:
        The record of the flow whose packet, or burst of packets, has left by this; -1: none.
    """
    h = host * HOST
    port = s.hosts[h + NIC_PORT]
    p = port * PORT
    ports, packets = s.ports, s.packets
    gone = ports[p + GONE]
    slot = ports[p + RING] + (gone & ports[p + MASK]) * PACKET
    word = packets[slot + WORD]
    size = word & SIZE_MASK
    ports[p + AREA] += size * (now - max(packets[slot + ARRIVAL], s.head[MEASURED]))
    arrival = now + ports[p + DELAY]
    packets[slot + ARRIVAL] = arrival
    ports[p + GONE] = gone + 1
    ports[p + LEFT] += size
    ports[p + BUSY] = max(ports[p + BUSY], (now << TIME_BITS) - SLACK) + (size * s.hosts[h + NIC_COST] >> COST_BITS)
    if gone == ports[p + FIRST]:
        lower_leaf(s, port, arrival)
    if word & RELEASE:
        f = (word >> ROW_SHIFT >> 1) * FLOW
        s.flows[f + QUEUED] -= 1
        return f
    return -1


@inlined
def push(s: Sim, host: int, word: int, number: int, count: int, now: int) -> int:
    """A flow's end hands a packet to its host; it leaves at once if the interface is idle.

    Returns:
        When to try again because it was not taken: at once when the ring is full, which is grown after this event, 1 ms later when the
        queue is; `TAKEN`: it was taken.
    """
    h = host * HOST
    port = s.hosts[h + NIC_PORT]
    p = port * PORT
    ports, packets = s.ports, s.packets
    size = word & SIZE_MASK
    tail = ports[p + TAIL]
    if tail - ports[p + FIRST] > ports[p + MASK]:
        s.head[FULL_PORT] = port
        return now
    backlog = ports[p + ENTERED] - ports[p + LEFT] + size
    if backlog > ports[p + QUEUE_BYTES]:
        return now + RETRY_NS
    slot = ports[p + RING] + (tail & ports[p + MASK]) * PACKET
    packets[slot + ARRIVAL], packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT] = now, word, number, count
    ports[p + TAIL] = tail + 1
    ports[p + ENTERED] += size
    if tail - ports[p + FIRST] > ports[p + MASK] >> 1:
        s.head[FULL_PORT] = port  # early, so that a single packet, such as an ACK, is never turned away for want of a ring
    if ports[p + GONE] == tail:
        if ports[p + BUSY] <= now << TIME_BITS:
            depart(s, host, now)
            return TAKEN
        set_leaf(s, s.hosts[h + NIC_LEAF], (ports[p + BUSY] + (1 << TIME_BITS) - 1) >> TIME_BITS)
    ports[p + PEAK] = max(ports[p + PEAK], backlog)
    return TAKEN


@inlined
def next_departure(s: Sim, host: int) -> int:
    """When the interface may send the first packet of its queue; only while it holds one."""
    return (s.ports[s.hosts[host * HOST + NIC_PORT] * PORT + BUSY] + (1 << TIME_BITS) - 1) >> TIME_BITS
