"""A host's fair queue: which packets wait in queues of their flows, and whose turn it is, as in Linux's `fq`.

While a host is little busy its packets wait in the ring of its port, as in a FIFO; the others wait here. A flow has a queue in each of its
two hosts: one of segments, one of ACKs. The row of its path is the number of its record in `fair`. Its packets are in nodes behind
the ring of the host's port: as many packets as the ring holds, then a link for each, to the next node of the same queue. All
numbers of nodes and rows are one more than they count, so that 0 is none. Settings: `iroko.engines.fair_queue`.
"""

from iroko.engines.fair_queue import QUANTUM_BYTES, REFILL_MS
from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import called, inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.rings import ring_size, ring_start

NODE_WORDS = w.PACKET + 1
"""Words of a node, with its link."""
MS = 1_000_000


@inlined
def node_slot(ring: int, node: int) -> int:
    """Return the offset of node number `node` of a port in `packets`."""
    return ring_start(ring) + (ring_size(ring) + node - 1) * w.PACKET


@inlined
def _link(ring: int, node: int) -> int:
    """Return the offset of that node's link in `packets`."""
    return ring_start(ring) + ring_size(ring) * 2 * w.PACKET + node - 1


@inlined
def _take_turn(s: Sim, h: int, turns: int, row: int) -> None:
    """Put a flow at the end of one of a host's lists, `NEW_TURNS` or `OLD_TURNS`."""
    hosts, fair = s.hosts, s.fair
    if hosts[h + turns + w.FIRST_TURN]:
        fair[(hosts[h + turns + w.LAST_TURN] - 1) * w.LINE + w.NEXT_ROW] = row
    else:
        hosts[h + turns + w.FIRST_TURN] = row
    hosts[h + turns + w.LAST_TURN] = row
    fair[(row - 1) * w.LINE + w.NEXT_ROW] = 0


@called
def wait(s: Sim, host: int, word: int, number: int, count: int, now: int) -> None:
    """Append a packet to the queue of its flow; there are as many nodes as places in the ring, so one is free."""
    h = host * w.HOST
    hosts, fair, packets = s.hosts, s.fair, s.packets
    port = hosts[h + w.NIC_PORT]
    ring = s.ports[port * w.PORT + w.RING]
    node = hosts[h + w.FREE_NODE]
    if node:
        hosts[h + w.FREE_NODE] = packets[_link(ring, node)]
    else:
        hosts[h + w.NODES_USED] += 1
        node = hosts[h + w.NODES_USED]
    slot = node_slot(ring, node)
    packets[slot + w.ARRIVAL], packets[slot + w.WORD], packets[slot + w.NUMBER], packets[slot + w.COUNT] = now, word, number, count
    packets[_link(ring, node)] = 0
    row = (word >> w.ROW_SHIFT) + 1
    line = (row - 1) * w.LINE
    if fair[line + w.FIRST_NODE]:
        packets[_link(ring, fair[line + w.LAST_NODE])] = node
    else:
        fair[line + w.FIRST_NODE] = node
    fair[line + w.LAST_NODE] = node
    if fair[line + w.IN_TURN] == 0:
        fair[line + w.IN_TURN] = 1
        _take_turn(s, h, w.NEW_TURNS, row)
        if now // MS > fair[line + w.AWAY_MS] + REFILL_MS:
            fair[line + w.CREDIT] = max(fair[line + w.CREDIT], QUANTUM_BYTES)
    s.queues[port * w.QUEUE + w.POOLED] += 1


@called
def take(s: Sim, host: int, slot: int, now: int) -> None:
    """Move the packet whose turn it is to a place in the ring; only while one waits."""
    h = host * w.HOST
    hosts, fair, packets = s.hosts, s.fair, s.packets
    port = hosts[h + w.NIC_PORT]
    q, ring = port * w.QUEUE, s.ports[port * w.PORT + w.RING]
    while True:
        turns = w.NEW_TURNS if hosts[h + w.NEW_TURNS + w.FIRST_TURN] else w.OLD_TURNS
        row = hosts[h + turns + w.FIRST_TURN]
        line = (row - 1) * w.LINE
        if fair[line + w.CREDIT] <= 0:
            fair[line + w.CREDIT] += QUANTUM_BYTES
            hosts[h + turns + w.FIRST_TURN] = fair[line + w.NEXT_ROW]
            _take_turn(s, h, w.OLD_TURNS, row)
            continue
        node = fair[line + w.FIRST_NODE]
        if node:
            break
        hosts[h + turns + w.FIRST_TURN] = fair[line + w.NEXT_ROW]
        if turns == w.NEW_TURNS:  # once through the old ones, so that a flow of single packets starves nobody
            _take_turn(s, h, w.OLD_TURNS, row)
        else:
            fair[line + w.IN_TURN], fair[line + w.AWAY_MS] = 0, now // MS | 1
    source = node_slot(ring, node)
    for word in range(w.PACKET):
        packets[slot + word] = packets[source + word]
    fair[line + w.CREDIT] -= packets[source + w.WORD] & w.SIZE_MASK
    fair[line + w.FIRST_NODE] = packets[_link(ring, node)]
    packets[source + w.WORD] = 0  # what `measure` takes for free
    packets[_link(ring, node)] = hosts[h + w.FREE_NODE]
    hosts[h + w.FREE_NODE] = node
    s.queues[q + w.POOLED] -= 1
    if s.queues[q + w.POOLED] == 0:
        hosts[h + w.FREE_NODE] = hosts[h + w.NODES_USED] = 0
