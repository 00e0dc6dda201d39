"""A host's fair queue: which packets wait in queues of their flows, and whose turn it is, as in Linux's `fq`.

While a host is little busy its packets wait in the ring of its port, as in a FIFO; the others wait here. A flow has a queue in each of its
two hosts: one of segments, one of ACKs. It is found by the row of its path, and its record is in `fair`. Its packets stand in nodes behind
the ring of the host's port: as many packets as the ring holds, then a link for each, to the next node of the same queue. All
numbers of nodes and rows are one more than they count, so that 0 is none. Settings: `iroko.engines.fair_queue`.
"""

from iroko.engines.fair_queue import QUANTUM_BYTES, REFILL_MS
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import (
    ARRIVAL,
    AWAY_MS,
    COUNT,
    CREDIT,
    FIRST_NODE,
    FIRST_TURN,
    FREE_NODE,
    HOST,
    IN_TURN,
    LAST_NODE,
    LAST_TURN,
    LINE,
    NEW_TURNS,
    NEXT_ROW,
    NIC_PORT,
    NODES_USED,
    NUMBER,
    OLD_TURNS,
    PACKET,
    POOLED,
    PORT,
    QUEUE,
    RING,
    RING_SHIFT,
    RING_SIZE_MASK,
    RING_SIZE_SHIFT,
    ROW_SHIFT,
    SIZE_MASK,
    WORD,
    Sim,
)

NODE_WORDS = PACKET + 1
"""What a node takes, with its link."""
MS = 1_000_000


@inlined
def node_slot(ring: int, node: int) -> int:
    """Where node number `node` of a port stands in `packets`, by the port's word RING."""
    return (ring >> RING_SHIFT) + ((1 << (ring >> RING_SIZE_SHIFT & RING_SIZE_MASK)) + node - 1) * PACKET


@inlined
def _link(ring: int, node: int) -> int:
    """Where the link of that node stands in `packets`."""
    return (ring >> RING_SHIFT) + (1 << (ring >> RING_SIZE_SHIFT & RING_SIZE_MASK)) * 2 * PACKET + node - 1


@inlined
def _take_turn(s: Sim, h: int, turns: int, row: int) -> None:
    """Put a flow at the end of one of a host's lists, `NEW_TURNS` or `OLD_TURNS`."""
    hosts, fair = s.hosts, s.fair
    if hosts[h + turns + FIRST_TURN]:
        fair[(hosts[h + turns + LAST_TURN] - 1) * LINE + NEXT_ROW] = row
    else:
        hosts[h + turns + FIRST_TURN] = row
    hosts[h + turns + LAST_TURN] = row
    fair[(row - 1) * LINE + NEXT_ROW] = 0


@called
def wait(s: Sim, host: int, word: int, number: int, count: int, now: int) -> None:
    """A packet joins the queue of its flow; the nodes are as many as the ring's places, so that there is one."""
    h = host * HOST
    hosts, fair, packets = s.hosts, s.fair, s.packets
    port = hosts[h + NIC_PORT]
    ring = s.ports[port * PORT + RING]
    node = hosts[h + FREE_NODE]
    if node:
        hosts[h + FREE_NODE] = packets[_link(ring, node)]
    else:
        hosts[h + NODES_USED] += 1
        node = hosts[h + NODES_USED]
    slot = node_slot(ring, node)
    packets[slot + ARRIVAL], packets[slot + WORD], packets[slot + NUMBER], packets[slot + COUNT] = now, word, number, count
    packets[_link(ring, node)] = 0
    row = (word >> ROW_SHIFT) + 1
    line = (row - 1) * LINE
    if fair[line + FIRST_NODE]:
        packets[_link(ring, fair[line + LAST_NODE])] = node
    else:
        fair[line + FIRST_NODE] = node
    fair[line + LAST_NODE] = node
    if fair[line + IN_TURN] == 0:
        fair[line + IN_TURN] = 1
        _take_turn(s, h, NEW_TURNS, row)
        if now // MS > fair[line + AWAY_MS] + REFILL_MS:
            fair[line + CREDIT] = max(fair[line + CREDIT], QUANTUM_BYTES)
    s.queues[port * QUEUE + POOLED] += 1


@called
def take(s: Sim, host: int, slot: int, now: int) -> None:
    """Move the packet whose turn it is to a place in the ring; only while one waits."""
    h = host * HOST
    hosts, fair, packets = s.hosts, s.fair, s.packets
    port = hosts[h + NIC_PORT]
    q, ring = port * QUEUE, s.ports[port * PORT + RING]
    while True:
        turns = NEW_TURNS if hosts[h + NEW_TURNS + FIRST_TURN] else OLD_TURNS
        row = hosts[h + turns + FIRST_TURN]
        line = (row - 1) * LINE
        if fair[line + CREDIT] <= 0:
            fair[line + CREDIT] += QUANTUM_BYTES
            hosts[h + turns + FIRST_TURN] = fair[line + NEXT_ROW]
            _take_turn(s, h, OLD_TURNS, row)
            continue
        node = fair[line + FIRST_NODE]
        if node:
            break
        hosts[h + turns + FIRST_TURN] = fair[line + NEXT_ROW]
        if turns == NEW_TURNS:  # once through the old ones, so that a flow of single packets starves nobody
            _take_turn(s, h, OLD_TURNS, row)
        else:
            fair[line + IN_TURN], fair[line + AWAY_MS] = 0, now // MS | 1
    source = node_slot(ring, node)
    for word in range(PACKET):
        packets[slot + word] = packets[source + word]
    fair[line + CREDIT] -= packets[source + WORD] & SIZE_MASK
    fair[line + FIRST_NODE] = packets[_link(ring, node)]
    packets[source + WORD] = 0  # what `measure` takes for free
    packets[_link(ring, node)] = hosts[h + FREE_NODE]
    hosts[h + FREE_NODE] = node
    s.queues[q + POOLED] -= 1
    if s.queues[q + POOLED] == 0:
        hosts[h + FREE_NODE] = hosts[h + NODES_USED] = 0
