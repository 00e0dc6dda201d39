"""Ports: what a packet meets at the end of a wire, and the interface through which a host sends.

A switch's port is a token bucket above a queue limited in bytes, as in the kernel engine: the bucket holds one full frame and what 2 us
earn, so the first packet of an idle port passes at once and the port is then busy for the packet's time. When a packet arrives, the
moment at which it will leave is known, so a hop costs one event: its arrival at the next node. A host's interface differs: its rate
changes with the agent's limit, so a packet leaves it in an event of its own. Its queue is a FIFO, or fair among its flows.
"""

from iroko.engines.fair_queue import SHARED_PACKETS
from iroko.engines.sim.event_queue import lower_leaf, set_leaf
from iroko.engines.sim.fair_queue import take, wait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.jitter import draw_jitter
from iroko.engines.sim.layout import (
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
    ECT,
    ENTERED,
    FIRST,
    FLOW,
    FRAME,
    FULL_PORT,
    GONE,
    HOST,
    IS_FAIR,
    JITTER_SPAN,
    KIND,
    KIND_OF_PORT_MASK,
    LEFT,
    MARK_BYTES,
    MARKS,
    MEASURED,
    NIC_COST,
    NIC_LEAF,
    NIC_PORT,
    NUMBER,
    OUT,
    PACKET,
    PEAK,
    POOLED,
    PORT,
    QUEUE,
    QUEUE_BYTES,
    QUEUED,
    RELEASE,
    RING,
    RING_SHIFT,
    RING_SIZE_MASK,
    RING_SIZE_SHIFT,
    ROW_SHIFT,
    SIZE_MASK,
    TAIL,
    TIME_BITS,
    WORD,
    Sim,
)

TAKEN = -1
RETRY_NS = 1_000_000
SLACK = 2000 << TIME_BITS
"""How much longer than one frame a bucket lasts: 2 us, in 1/256 ns."""


@inlined
def ring_slot(ring: int, index: int) -> int:
    """Where packet number `index` of a port stands in `packets`, by the port's word RING."""
    return (ring >> RING_SHIFT) + (index & ((1 << (ring >> RING_SIZE_SHIFT & RING_SIZE_MASK)) - 1)) * PACKET


@inlined
def ring_size(ring: int) -> int:
    """How many packets a ring holds."""
    return 1 << (ring >> RING_SIZE_SHIFT & RING_SIZE_MASK)


@inlined
def kind_of(ring: int) -> int:
    """Where the port's kind begins in `kinds`."""
    return (ring & KIND_OF_PORT_MASK) * KIND


@inlined
def settle(s: Sim, port: int, now: int) -> int:
    """Count what has left the queue of a switch's port.

    Returns:
        The bytes that are in the queue now.
    """
    p, q = port * PORT, port * QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    gone, left = queues[q + GONE], queues[q + LEFT]
    if gone < ports[p + FIRST]:  # what has arrived at the far end has left for sure
        gone, left = ports[p + FIRST], ports[p + OUT]
    tail, ring = ports[p + TAIL], ports[p + RING]
    delay = s.kinds[kind_of(ring) + DELAY]
    while gone < tail:
        slot = ring_slot(ring, gone)
        if packets[slot + ARRIVAL] - delay > now:
            break
        left += packets[slot + WORD] & SIZE_MASK
        gone += 1
    queues[q + GONE], queues[q + LEFT] = gone, left
    return ports[p + ENTERED] - left


@inlined
def take_care(s: Sim, port: int) -> None:
    """Set from how many bytes on a packet needs a closer look: it may be dropped, marked, or make a new peak."""
    queues, q = s.queues, port * QUEUE
    s.ports[port * PORT + CARE] = min(queues[q + QUEUE_BYTES], queues[q + MARK_BYTES], queues[q + PEAK])


@inlined
def look_closer(s: Sim, port: int, word: int, waits: bool, now: int) -> int:
    """A packet finds a port so full that it matters.

    Returns:
        -1: it is dropped; else the flag that it gets.
    """
    queues, q, size = s.queues, port * QUEUE, word & SIZE_MASK
    backlog = settle(s, port, now)
    if backlog + size > queues[q + QUEUE_BYTES]:
        queues[q + DROPS] += 1
        s.head[DISCARDED] += 1
        return -1
    if waits:
        queues[q + PEAK] = max(queues[q + PEAK], backlog + size)
        take_care(s, port)
    if backlog > queues[q + MARK_BYTES] and word & ECT:
        queues[q + MARKS] += 1
        return CE
    return 0


@inlined
def enqueue(s: Sim, port: int, word: int, number: int, count: int, now: int) -> None:
    """A packet reaches a switch's port: it is dropped, or queued, and marked if it finds too much."""
    p = port * PORT
    ports = s.ports
    size, now_fine, ring, busy = word & SIZE_MASK, now << TIME_BITS, ports[p + RING], ports[p + BUSY]
    kind = kind_of(ring)
    cost = s.kinds[kind + COST]
    leaves_fine = max(now_fine, busy + ((size - FRAME) * cost >> COST_BITS) - SLACK)
    leaves = (leaves_fine + (1 << TIME_BITS) - 1) >> TIME_BITS
    entered = ports[p + ENTERED] + size
    # Queue and wire together are never less than the queue: mostly this tells enough.
    if entered - ports[p + OUT] > ports[p + CARE]:
        flag = look_closer(s, port, word, leaves > now, now)
        if flag < 0:
            return
        word |= flag
    ports[p + ENTERED] = entered
    ports[p + BUSY] = max(busy, leaves_fine) + (size * cost >> COST_BITS)
    ports[p + AREA] += size * (leaves - now)
    arrival = leaves + s.kinds[kind + DELAY]
    tail, first = ports[p + TAIL], ports[p + FIRST]
    slot, packets = ring_slot(ring, tail), s.packets
    packets[slot + ARRIVAL], packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT] = arrival, word, number, count
    ports[p + TAIL] = tail + 1
    if tail == first:
        lower_leaf(s, port, arrival)
    if tail + 1 - first == ring_size(ring):
        s.head[FULL_PORT] = port


@inlined
def depart(s: Sim, host: int, now: int) -> int:
    """A host's interface sends the first packet of its queue.

    Returns:
        The record of the flow whose packet, or burst of packets, has left by this; -1: none.
    """
    h = host * HOST
    port = s.hosts[h + NIC_PORT]
    p, q = port * PORT, port * QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    gone, ring = queues[q + GONE], ports[p + RING]
    slot = ring_slot(ring, gone)
    pooled = queues[q + POOLED]
    if pooled and ports[p + TAIL] - gone == pooled:
        take(s, host, slot, now)
    word = packets[slot + WORD]
    size = word & SIZE_MASK
    ports[p + AREA] += size * (now - max(packets[slot + ARRIVAL], s.head[MEASURED]))
    arrival = now + s.kinds[kind_of(ring) + DELAY]
    if s.hosts[h + JITTER_SPAN]:
        arrival += draw_jitter(s, h)
        if gone > ports[p + FIRST]:  # packets keep their order on the wire
            arrival = max(arrival, packets[ring_slot(ring, gone - 1) + ARRIVAL])
    packets[slot + ARRIVAL] = arrival
    queues[q + GONE] = gone + 1
    queues[q + LEFT] += size
    ports[p + BUSY] = max(ports[p + BUSY], (now << TIME_BITS) - SLACK) + (size * s.hosts[h + NIC_COST] >> COST_BITS)
    if gone == ports[p + FIRST]:
        lower_leaf(s, port, arrival)
    if word & RELEASE:
        f = (word >> ROW_SHIFT >> 1) * FLOW
        s.flows[f + QUEUED] -= 1
        return f
    return -1


@inlined
def fits(s: Sim, host: int, num: int) -> bool:
    """Whether so many packets fit into the ring of a host's port; else it is grown before anything else happens."""
    port = s.hosts[host * HOST + NIC_PORT]
    p = port * PORT
    if s.ports[p + TAIL] - s.ports[p + FIRST] + num <= ring_size(s.ports[p + RING]):
        return True
    s.head[FULL_PORT] = port
    return False


@inlined
def push(s: Sim, host: int, word: int, number: int, count: int, now: int) -> int:
    """A flow's end hands a packet to its host; it leaves at once if the interface is idle.

    Returns:
        `TAKEN`, or, when the queue is full, when to try again.
    """
    h = host * HOST
    port = s.hosts[h + NIC_PORT]
    p, q = port * PORT, port * QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    size, tail, ring = word & SIZE_MASK, ports[p + TAIL], ports[p + RING]
    used = tail - ports[p + FIRST]
    backlog = ports[p + ENTERED] - queues[q + LEFT] + size
    if s.head[IS_FAIR]:
        pooled = queues[q + POOLED]
        if (pooled + 1) * FRAME > queues[q + QUEUE_BYTES]:
            return now + RETRY_NS
        shared = pooled == 0 and tail - queues[q + GONE] < SHARED_PACKETS
    else:
        if backlog > queues[q + QUEUE_BYTES]:
            return now + RETRY_NS
        shared = True
    if shared:
        slot = ring_slot(ring, tail)
        packets[slot + ARRIVAL], packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT] = now, word, number, count
    else:
        wait(s, host, word, number, count, now)
    ports[p + TAIL] = tail + 1
    ports[p + ENTERED] += size
    if used >= ring_size(ring) >> 1:
        s.head[FULL_PORT] = port  # early, so that a single packet, such as an ACK, always finds room
    if queues[q + GONE] == tail:
        if ports[p + BUSY] <= now << TIME_BITS:
            depart(s, host, now)
            return TAKEN
        set_leaf(s, s.hosts[h + NIC_LEAF], (ports[p + BUSY] + (1 << TIME_BITS) - 1) >> TIME_BITS)
    queues[q + PEAK] = max(queues[q + PEAK], backlog)
    return TAKEN


@inlined
def next_departure(s: Sim, host: int) -> int:
    """When the interface may send the first packet of its queue; only while it holds one."""
    return (s.ports[s.hosts[host * HOST + NIC_PORT] * PORT + BUSY] + (1 << TIME_BITS) - 1) >> TIME_BITS
