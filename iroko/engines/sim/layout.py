"""The records of the simulator's memory: which word of a record means what.

A simulation is one array of int64, cut into sections (`Sim`). In `ports`, `hosts` and `flows` stands one record after the other; the names
below are offsets of words in a record. The simulator's modules import this one as `w`, for word: `s.ports[p + w.TAIL]` is the tail of the
port whose record begins at `p`. Times are in ns of the episode, sizes in bytes, TCP's own round-trip times in us as in Linux.
"""

from typing import Any, NamedTuple

NEVER = 1 << 62
"""A time that does not come; also a queue's threshold that is never reached and the number of segments of an endless flow."""


class Sim(NamedTuple):
    """A simulation: what does not change in it, and the sections of its memory, each a pointer to its first word."""

    leaf_bits: Any
    path_bits: Any
    num_ports: Any
    num_hosts: Any
    head: Any
    tree: Any
    ports: Any
    queues: Any
    kinds: Any
    hosts: Any
    flows: Any
    paths: Any
    transports: Any
    fair: Any
    segments: Any
    packets: Any


# The first words of the memory: where each section begins, and the simulation's own state.
(TREE_AT, PORTS_AT, QUEUES_AT, KINDS_AT, HOSTS_AT, FLOWS_AT, PATHS_AT, TRANSPORTS_AT, PAIRS_AT, POLICIES_AT, FAIR_AT, RINGS_AT, END_AT,
 NUM_PORTS, NUM_HOSTS, LEAF_BITS, PATH_BITS, MEASURED, FULL_PORT, FULL_FLOW, CONSUMED, DISCARDED, NUM_FLOWS, RESUME, RESUME_AT,
 WINDOW, FIRST_ROOM, IS_FAIR) = range(28)  # fmt: skip
HEAD = 32
"""WINDOW is what a receive window grows to, FIRST_ROOM how much of it is missing at first, in bytes. IS_FAIR: hosts queue by `fq`."""
NONE = -1
"""In FULL_PORT and FULL_FLOW: no ring is full; in RESUME: no flow was interrupted by that."""

# A port: a queue and the wire behind it, one ring. Packets FIRST..GONE are on the wire, GONE..TAIL in the queue. ENTERED, OUT and LEFT
# count bytes: handed to the queue, arrived at the far end, gone from the queue. What every packet touches fills one line of the cache;
# the rest is in a record of its own, in `queues`; rate and delay are in `kinds`, as few kinds of links serve many ports.
FIRST, TAIL, RING, ENTERED, OUT, CARE, BUSY, AREA = range(8)
PORT = 8
GONE, LEFT, QUEUE_BYTES, MARK_BYTES, PEAK, DROPS, MARKS, POOLED = range(8)
QUEUE = 8
"""POOLED, of a host's port: how many of the packets in the queue stand in queues of their flows and not in the ring."""
COST, DELAY = range(2)
KIND = 2
RING_SHIFT, RING_SIZE_SHIFT, RING_SIZE_MASK, KIND_OF_PORT_MASK = 24, 16, 255, 65535
"""The word RING holds where the ring begins, the logarithm of its size, and the port's kind."""
COST_BITS = 12
TIME_BITS = 8
"""BUSY counts in 1/256 ns and COST in 1/4096 of that for a byte, so that rounding does not add up to a wrong rate."""

# A host's interface: its own port's queue is not timed at arrival, because its rate changes.
NIC_PORT, NIC_LEAF, NIC_COST, JITTER_SPAN, JITTER_LOW, JITTER_HIGH, FREE_NODE, NODES_USED = range(8)
NEW_TURNS, OLD_TURNS, HOST = 8, 10, 16
FIRST_TURN, LAST_TURN = range(2)
"""JITTER_SPAN is the range of the jitter in ns, 0 without; JITTER_LOW and JITTER_HIGH are its generator. Of a fair queue: FREE_NODE is
the first of the nodes that were used and are free, NODES_USED how many were used, and two lists of flows in turn begin at NEW_TURNS and
OLD_TURNS."""

# One way of a flow in a host's fair queue: its packets, its credit in bytes, and its place in the list that it is in while IN_TURN is 1;
# AWAY_MS is when it left the lists.
FIRST_NODE, LAST_NODE, CREDIT, NEXT_ROW, IN_TURN, AWAY_MS = range(6)
LINE = 8

# A transport: its traits, and the addresses of its functions. ECN is `ECT` or 0, so that it can be put into a packet's word as it is.
IS_UDP, ECN, OWNS_WINDOW, ON_BEGIN, ON_ACKED, ON_GROW, ON_REDUCE, ON_PHASE, ON_RESTART = range(9)
TRANSPORT_RECORD = 16

# A packet: when it arrives, what it is, and two numbers for the transport.
ARRIVAL, WORD, NUMBER, COUNT = range(4)
PACKET = 4
SIZE_MASK = (1 << 11) - 1
CE, ECE, RELEASE, ECT = 1 << 11, 1 << 12, 1 << 13, 1 << 14
CWR_FLAG = ECE
"""The same bit: on an ACK it echoes a mark, on a segment it announces that the window is being reduced. Only a packet with ECT gets CE."""
KIND_SHIFT, HOP_SHIFT, ROW_SHIFT = 15, 17, 25
KIND_MASK, HOP_MASK, NEXT_HOP = 3, 255, 1 << HOP_SHIFT
DATA, ACK, SYN, SYN_ACK = range(4)

# A segment of a flow, in its ring: what the sender, and in RECEIVED_BIT the receiver, know of it.
SENT, DELIVERED_THEN, EARLY, RESENT = range(4)
SEGMENT = 4
FLAG_BITS = 5
SACKED, LOST, RETRANSMITTED, EVER_RETRANSMITTED, RECEIVED_BIT = 1, 2, 4, 8, 16
FLAG_MASK = (1 << FLAG_BITS) - 1

# A flow: first what every transport has, then TCP's sender, TCP's receiver, and words for the transport's own use.
(STATE, FROM, TO, TRANSPORT, DONE, SEGMENTS, LAST_BYTES, DELIVERED, REPORTED, QUEUED, SLOTS, SLOT_MASK,
 SEND_AT, TIMER_AT, TIMER_KIND, ACK_AT, RANDOM,
 UNA, NXT, CWND, SSTHRESH, PHASE, CWND_COUNT, SACKED_OUT, LOST_OUT, RETRANS_OUT, SRTT, MIN_RTT, MDEV,
 MDEV_MAX, RTTVAR, RTT_SEQ, RTO_MS, SMALL_QUEUE, CWND_LIMITED, MAX_OUT, USAGE_SEQ, DELIVERED_COUNT, DELIVERED_CE,
 LOST_COUNT, LAST_SENT, RACK_TIME, RACK_SEQ, RACK_RTT, RACK_ADVANCED, HIGH_SEQ, LOSS_SCAN, RESEND_HINT, EARLY_SEEN, RESENT_FIRST,
 RESENT_NEXT, PRIOR_CWND, PRIOR_SSTHRESH, PRR_DELIVERED, PRR_OUT, PROBE_SEQ, PROBE_RESENT, FRTO, NEW_FIRST, TIMEOUTS, QUEUE_CWR, SEND_END,
 ACK_RTT, ACK_DELIVERED, ACK_NOW,
 RCV_NXT, RCV_ACKED, RCV_READ, RCV_ROOM, EARLY_COUNT, BLOCKS, QUICK_ACKS, CE_STATE, LAST_RCV_NXT,
 RESENT_COUNT, DONE_ECHOES, DONE_RESENT,
 SYN_ACK_AT, MERGE_NS, MERGED, DUPLICATES_OF, DUPLICATES,
 START, PAIR, POLICY) = range(85)  # fmt: skip
PRIVATE = 86
FLOW = 104
"""TRANSPORT is where the flow's transport begins in `transports`. PAIR and POLICY are distances in words from the flow's own record, as the
memory may move: to the least round-trip time between its hosts, in us (0: none), and to its policy."""

# STATE of a flow; PHASE of a TCP sender, as Linux names them; TIMER_KIND.
WAITING, OPENING, RUNNING = range(3)
OPEN, DISORDER, CWR, RECOVERY, LOSS = range(5)
RETRANSMIT, PROBE, REORDER = range(3)

# Sizes on the wire, bytes of Ethernet frames.
MSS, UDP_PAYLOAD, FRAME, TCP_HEADERS, UDP_HEADERS, SYN_BYTES = 1448, 1472, 1514, 66, 42, 74
