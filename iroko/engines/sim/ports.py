"""Ports: what a packet meets at the end of a wire, and the interface through which a host sends.

A switch's port is a token bucket above a queue limited in bytes, as in the kernel engine: the bucket holds one full frame and what 2 us
earn, so the first packet of an idle port passes at once and the port is then busy for the packet's time. When a packet arrives, the
moment at which it will leave is known, so a hop costs one event: its arrival at the next node. A host's interface differs: its rate
changes with the agent's limit, so a packet leaves it in an event of its own. Its queue is a FIFO, or fair among its flows.
"""

from iroko.engines.fair_queue import SHARED_PACKETS
from iroko.engines.sim import layout as w
from iroko.engines.sim.event_queue import lower_leaf, set_leaf
from iroko.engines.sim.fair_queue import take, wait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.jitter import draw_jitter
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.rings import kind_of, ring_size, ring_slot

TAKEN = -1
RETRY_NS = 1_000_000
SLACK = 2000 << w.TIME_BITS
"""How much longer than one frame a bucket lasts: 2 us, in 1/256 ns."""


@inlined
def settle(s: Sim, port: int, now: int) -> int:
    """Count what has left the queue of a switch's port.

    Returns:
        The bytes that are in the queue now.
    """
    p, q = port * w.PORT, port * w.QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    gone, left = queues[q + w.GONE], queues[q + w.LEFT]
    if gone < ports[p + w.FIRST]:  # what has arrived at the far end has left for sure
        gone, left = ports[p + w.FIRST], ports[p + w.OUT]
    tail, ring = ports[p + w.TAIL], ports[p + w.RING]
    delay = s.kinds[kind_of(ring) + w.DELAY]
    while gone < tail:
        slot = ring_slot(ring, gone)
        if packets[slot + w.ARRIVAL] - delay > now:
            break
        left += packets[slot + w.WORD] & w.SIZE_MASK
        gone += 1
    queues[q + w.GONE], queues[q + w.LEFT] = gone, left
    return ports[p + w.ENTERED] - left


@inlined
def take_care(s: Sim, port: int) -> None:
    """Set from how many bytes on a packet needs a closer look: it may be dropped, marked, or make a new peak."""
    queues, q = s.queues, port * w.QUEUE
    s.ports[port * w.PORT + w.CARE] = min(queues[q + w.QUEUE_BYTES], queues[q + w.MARK_BYTES], queues[q + w.PEAK])


@inlined
def look_closer(s: Sim, port: int, word: int, waits: bool, now: int) -> int:
    """A packet finds a port so full that it matters.

    Returns:
        -1: it is dropped; else the flag that it gets.
    """
    queues, q, size = s.queues, port * w.QUEUE, word & w.SIZE_MASK
    backlog = settle(s, port, now)
    if backlog + size > queues[q + w.QUEUE_BYTES]:
        queues[q + w.DROPS] += 1
        s.head[w.DISCARDED] += 1
        return -1
    if waits:
        queues[q + w.PEAK] = max(queues[q + w.PEAK], backlog + size)
        take_care(s, port)
    if backlog > queues[q + w.MARK_BYTES] and word & w.ECT:
        queues[q + w.MARKS] += 1
        return w.CE
    return 0


@inlined
def enqueue(s: Sim, port: int, word: int, number: int, count: int, now: int) -> None:
    """A packet reaches a switch's port: it is dropped, or queued, and marked if it finds too much."""
    p = port * w.PORT
    ports = s.ports
    size, now_fine, ring, busy = word & w.SIZE_MASK, now << w.TIME_BITS, ports[p + w.RING], ports[p + w.BUSY]
    kind = kind_of(ring)
    cost = s.kinds[kind + w.COST]
    leaves_fine = max(now_fine, busy + ((size - w.FRAME) * cost >> w.COST_BITS) - SLACK)
    leaves = (leaves_fine + (1 << w.TIME_BITS) - 1) >> w.TIME_BITS
    entered = ports[p + w.ENTERED] + size
    # Queue and wire together are never less than the queue: mostly this tells enough.
    if entered - ports[p + w.OUT] > ports[p + w.CARE]:
        flag = look_closer(s, port, word, leaves > now, now)
        if flag < 0:
            return
        word |= flag
    ports[p + w.ENTERED] = entered
    ports[p + w.BUSY] = max(busy, leaves_fine) + (size * cost >> w.COST_BITS)
    ports[p + w.AREA] += size * (leaves - now)
    arrival = leaves + s.kinds[kind + w.DELAY]
    tail, first = ports[p + w.TAIL], ports[p + w.FIRST]
    slot, packets = ring_slot(ring, tail), s.packets
    packets[slot + w.ARRIVAL], packets[slot + w.WORD], packets[slot + w.NUMBER], packets[slot + w.COUNT] = arrival, word, number, count
    ports[p + w.TAIL] = tail + 1
    if tail == first:
        lower_leaf(s, port, arrival)
    if tail + 1 - first == ring_size(ring):
        s.head[w.FULL_PORT] = port


@inlined
def depart(s: Sim, host: int, now: int) -> int:
    """A host's interface sends the first packet of its queue.

    Returns:
        The record of the flow whose packet, or burst of packets, has left by this; -1: none.
    """
    h = host * w.HOST
    port = s.hosts[h + w.NIC_PORT]
    p, q = port * w.PORT, port * w.QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    gone, ring = queues[q + w.GONE], ports[p + w.RING]
    slot = ring_slot(ring, gone)
    pooled = queues[q + w.POOLED]
    if pooled and ports[p + w.TAIL] - gone == pooled:
        take(s, host, slot, now)
    word = packets[slot + w.WORD]
    size = word & w.SIZE_MASK
    ports[p + w.AREA] += size * (now - max(packets[slot + w.ARRIVAL], s.head[w.MEASURED]))
    arrival = now + s.kinds[kind_of(ring) + w.DELAY]
    if s.hosts[h + w.JITTER_SPAN]:
        arrival += draw_jitter(s, h)
        if gone > ports[p + w.FIRST]:  # packets keep their order on the wire
            arrival = max(arrival, packets[ring_slot(ring, gone - 1) + w.ARRIVAL])
    packets[slot + w.ARRIVAL] = arrival
    queues[q + w.GONE] = gone + 1
    queues[q + w.LEFT] += size
    ports[p + w.BUSY] = max(ports[p + w.BUSY], (now << w.TIME_BITS) - SLACK) + (size * s.hosts[h + w.NIC_COST] >> w.COST_BITS)
    if gone == ports[p + w.FIRST]:
        lower_leaf(s, port, arrival)
    if word & w.RELEASE:
        f = (word >> w.ROW_SHIFT >> 1) * w.FLOW
        s.flows[f + w.QUEUED] -= 1
        return f
    return -1


@inlined
def fits(s: Sim, host: int, num: int) -> bool:
    """Whether so many packets fit into the ring of a host's port; else it is grown before anything else happens."""
    port = s.hosts[host * w.HOST + w.NIC_PORT]
    p = port * w.PORT
    if s.ports[p + w.TAIL] - s.ports[p + w.FIRST] + num <= ring_size(s.ports[p + w.RING]):
        return True
    s.head[w.FULL_PORT] = port
    return False


@inlined
def push(s: Sim, host: int, word: int, number: int, count: int, now: int) -> int:
    """A flow's end hands a packet to its host; it leaves at once if the interface is idle.

    Returns:
        `TAKEN`, or, when the queue is full, when to try again.
    """
    h = host * w.HOST
    port = s.hosts[h + w.NIC_PORT]
    p, q = port * w.PORT, port * w.QUEUE
    ports, queues, packets = s.ports, s.queues, s.packets
    size, tail, ring = word & w.SIZE_MASK, ports[p + w.TAIL], ports[p + w.RING]
    used = tail - ports[p + w.FIRST]
    backlog = ports[p + w.ENTERED] - queues[q + w.LEFT] + size
    if s.head[w.IS_FAIR]:
        pooled = queues[q + w.POOLED]
        if (pooled + 1) * w.FRAME > queues[q + w.QUEUE_BYTES]:
            return now + RETRY_NS
        shared = pooled == 0 and tail - queues[q + w.GONE] < SHARED_PACKETS
    else:
        if backlog > queues[q + w.QUEUE_BYTES]:
            return now + RETRY_NS
        shared = True
    if shared:
        slot = ring_slot(ring, tail)
        packets[slot + w.ARRIVAL], packets[slot + w.WORD], packets[slot + w.NUMBER], packets[slot + w.COUNT] = now, word, number, count
    else:
        wait(s, host, word, number, count, now)
    ports[p + w.TAIL] = tail + 1
    ports[p + w.ENTERED] += size
    if used >= ring_size(ring) >> 1:
        s.head[w.FULL_PORT] = port  # early, so that a single packet, such as an ACK, always finds room
    if queues[q + w.GONE] == tail:
        if ports[p + w.BUSY] <= now << w.TIME_BITS:
            depart(s, host, now)
            return TAKEN
        set_leaf(s, s.hosts[h + w.NIC_LEAF], (ports[p + w.BUSY] + (1 << w.TIME_BITS) - 1) >> w.TIME_BITS)
    queues[q + w.PEAK] = max(queues[q + w.PEAK], backlog)
    return TAKEN


@inlined
def next_departure(s: Sim, host: int) -> int:
    """When the interface may send the first packet of its queue; only while it holds one."""
    return (s.ports[s.hosts[host * w.HOST + w.NIC_PORT] * w.PORT + w.BUSY] + (1 << w.TIME_BITS) - 1) >> w.TIME_BITS
