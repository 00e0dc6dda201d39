"""The memory of a simulation: how an episode is written into it, and how its rings grow.

Sections stand one after the other in one array of int64 (`layout.Sim`); the rings of ports and flows come last, so that a ring that is full
can be copied to the end at twice its size.
"""

from collections.abc import Sequence

import numpy as np

from iroko.engines.fair_queue import FIRST_QUANTUM_BYTES
from iroko.engines.jitter import half_span_ns
from iroko.engines.sim import layout as w
from iroko.engines.sim.fair_queue import NODE_WORDS
from iroko.engines.sim.jitter import first_words
from iroko.engines.sim.paths import Paths
from iroko.engines.sim.roster import Roster
from iroko.engines.tcp_window import tcp_window
from iroko.errors import InputError
from iroko.flows import Flow
from iroko.policy.words import RECORD
from iroko.seeds import flow_states, jitter_seed
from iroko.snapshot import Floats, Integers
from iroko.topology import Topology

_HOST_RING, _PORT_RING, _SEGMENT_RING = 16, 8, 16
_UNIT = 1 << (w.COST_BITS + w.TIME_BITS)
_INITIAL_CWND, _INITIAL_SMALL_QUEUE = 10, 1820


def byte_costs(rates_bps: Floats) -> Integers:
    """How long a byte takes at each rate, in the unit of `COST`; as in the kernel engine, no rate is less than a byte a second."""
    costs: Integers = np.maximum(1, np.rint(8e9 * _UNIT / np.maximum(rates_bps, 8))).astype(np.int64)
    return costs


def byte_cost(rate_bps: float) -> int:
    """As `byte_costs`, for one rate."""
    return int(byte_costs(np.array([rate_bps]))[0])


class Layout:
    """Writes episodes of one topology into memories."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.paths = Paths(topology)
        self._window = tcp_window(topology)
        self._is_fair = topology.host_queue == "fq"
        self._host_of_port = {port: host for host, port in enumerate(topology.host_ports)}
        kinds = dict.fromkeys(self._kind(index) for index in range(topology.num_ports))
        self._kinds = {kind: number for number, kind in enumerate(kinds)}
        if len(kinds) > w.KIND_OF_PORT_MASK:
            raise InputError(f"topology {topology.name}: {len(kinds)} different rates and delays: expected at most {w.KIND_OF_PORT_MASK}")

    def write(self, flows: Sequence[Flow], roster: Roster, seed: int) -> Integers:
        """The memory of an episode that has not begun.

        Args:
            roster: the transports and policies of these flows.

        Raises:
            InputError: a flow that is too long, or too many of them.
        """
        topology = self.topology
        over_udp = [transport.datagrams for transport in roster.of_flows]
        found = [
            self.paths.there_and_back(flow.source, flow.destination, number, udp, seed)
            for number, (flow, udp) in enumerate(zip(flows, over_udp, strict=True))
        ]
        longest = max((len(path) for pair in found for path in pair), default=1)
        path_bits = longest.bit_length()
        leaves = topology.num_ports + topology.num_hosts + len(flows)
        leaf_bits = max(leaves - 1, 1).bit_length()
        if longest > w.HOP_MASK or len(flows) * 2 >= 1 << (62 - w.ROW_SHIFT):
            raise InputError(f"{len(flows)} flows over {longest} hops: expected at most {w.HOP_MASK} hops and 2^36 flows")
        ring_sizes = [_HOST_RING if port in self._host_of_port else _PORT_RING for port in range(topology.num_ports)]
        port_rings = sum(self._ring_words(port, size) for port, size in enumerate(ring_sizes))
        rings = port_rings + (len(flows) - sum(over_udp)) * _SEGMENT_RING * w.SEGMENT
        lines = 2 * len(flows) if self._is_fair else 0
        sections = [w.HEAD, 2 << leaf_bits, topology.num_ports * w.PORT, topology.num_ports * w.QUEUE, len(self._kinds) * w.KIND,
                    topology.num_hosts * w.HOST, max(len(flows), 1) * w.FLOW,
                    2 * max(len(flows), 1) << path_bits, len(roster.transports) * w.TRANSPORT_RECORD, roster.num_pairs,
                    len(roster.policies) * RECORD, lines * w.LINE, rings]  # fmt: skip
        starts = np.cumsum([0, *(-(-size // 8) * 8 for size in sections)])
        memory = np.zeros(starts[-1], dtype=np.int64)
        head = memory[: w.HEAD]
        head[w.TREE_AT : w.END_AT + 1] = starts[1:]
        head[w.NUM_PORTS], head[w.NUM_HOSTS] = topology.num_ports, topology.num_hosts
        head[w.NUM_FLOWS] = len(flows)
        head[w.LEAF_BITS], head[w.PATH_BITS] = leaf_bits, path_bits
        head[w.WINDOW], head[w.FIRST_ROOM] = self._window.largest_bytes, self._window.largest_bytes - self._window.first_bytes
        head[w.FULL_PORT] = head[w.FULL_FLOW] = head[w.RESUME] = w.NONE
        head[w.IS_FAIR] = self._is_fair
        memory[starts[1] : starts[2]] = w.NEVER
        memory[head[w.FAIR_AT] :][: lines * w.LINE].reshape(-1, w.LINE)[:, w.CREDIT] = FIRST_QUANTUM_BYTES
        self._write_ports(memory, ring_sizes, any(transport.ecn for transport in roster.transports))
        self._write_hosts(memory, starts[5])
        self._write_jitter(memory, starts[5], {flow.source for flow, udp in zip(flows, over_udp, strict=True) if udp}, seed)
        roster.write(memory)
        ring = port_rings
        states = flow_states(seed, len(flows))
        for number, flow in enumerate(flows):
            record = memory[starts[6] + number * w.FLOW :][: w.FLOW]
            self._write_flow(record, flow, w.UDP_PAYLOAD if over_udp[number] else w.MSS, int(states[number]))
            roster.write_flow(memory, number, record)
            if not over_udp[number]:
                record[w.SLOTS], record[w.SLOT_MASK] = ring, _SEGMENT_RING - 1
                ring += _SEGMENT_RING * w.SEGMENT
            for way, path in enumerate(found[number]):
                row = starts[7] + ((2 * number + way) << path_bits)
                memory[row : row + (1 << path_bits)] = -1
                memory[row : row + len(path)] = path
        _build_tree(memory, starts[1], leaf_bits, topology.num_ports + topology.num_hosts, flows)
        return memory

    def _write_ports(self, memory: Integers, ring_sizes: list[int], ecn: bool) -> None:
        ring = 0
        for (cost, delay), kind in self._kinds.items():
            start = int(memory[w.KINDS_AT]) + kind * w.KIND
            memory[start + w.COST], memory[start + w.DELAY] = cost, delay
        for index, port in enumerate(self.topology.ports):
            record = memory[int(memory[w.QUEUES_AT]) + index * w.QUEUE :][: w.QUEUE]
            record[w.QUEUE_BYTES] = port.queue_bytes
            record[w.MARK_BYTES] = w.NEVER if port.ecn_bytes is None or not ecn else port.ecn_bytes
            size_bits = ring_sizes[index].bit_length() - 1
            word = (ring << w.RING_SHIFT) | (size_bits << w.RING_SIZE_SHIFT) | self._kinds[self._kind(index)]
            memory[int(memory[w.PORTS_AT]) + index * w.PORT + w.RING] = word
            ring += self._ring_words(index, ring_sizes[index])

    def _ring_words(self, port: int, size: int) -> int:
        """What the ring of a port takes, with the nodes of a fair queue behind it."""
        return size * (w.PACKET + NODE_WORDS * (self._is_fair and port in self._host_of_port))

    def _kind(self, index: int) -> tuple[int, int]:
        """Cost of a byte and delay of a port; the rate of a host's port stands in the host's record."""
        port = self.topology.ports[index]
        return 0 if index in self._host_of_port else byte_cost(port.rate_bps), round(port.delay_s * 1e9)

    def _write_hosts(self, memory: Integers, start: int) -> None:
        for host, port in enumerate(self.topology.host_ports):
            record = memory[start + host * w.HOST :][: w.HOST]
            record[w.NIC_PORT], record[w.NIC_LEAF] = port, self.topology.num_ports + host
            record[w.NIC_COST] = byte_cost(self.topology.ports[port].rate_bps)

    def _write_jitter(self, memory: Integers, start: int, senders: set[str], seed: int) -> None:
        """Only hosts that send datagrams have a jitter."""
        for host, port in enumerate(self.topology.host_ports):
            if self.topology.hosts[host] not in senders:
                continue
            record = memory[start + host * w.HOST :][: w.HOST]
            record[w.JITTER_SPAN] = 2 * half_span_ns(self.topology.ports[port])
            record[w.JITTER_LOW], record[w.JITTER_HIGH] = first_words(jitter_seed(seed, host))

    def _write_flow(self, record: Integers, flow: Flow, payload: int, random_state: int) -> None:
        hosts = self.topology.host_index
        record[w.FROM], record[w.TO] = hosts[flow.source], hosts[flow.destination]
        record[w.START] = record[w.SEND_AT] = round(flow.start_s * 1e9)
        record[w.DONE] = -1
        record[w.TIMER_AT] = record[w.ACK_AT] = w.NEVER
        record[w.SEGMENTS], record[w.LAST_BYTES] = w.NEVER, payload
        if flow.size_bytes is not None:
            record[w.SEGMENTS] = -(-flow.size_bytes // payload)
            record[w.LAST_BYTES] = flow.size_bytes - (record[w.SEGMENTS] - 1) * payload
        record[w.SEND_END] = record[w.SEGMENTS]
        record[w.CWND], record[w.SSTHRESH] = _INITIAL_CWND, w.NEVER
        record[w.MIN_RTT] = w.NEVER
        record[w.RTO_MS] = 1000
        record[w.SMALL_QUEUE] = _INITIAL_SMALL_QUEUE
        record[w.RESEND_HINT] = w.NEVER
        record[w.RANDOM] = random_state


def _build_tree(memory: Integers, start: int, bits: int, first_leaf: int, flows: Sequence[Flow]) -> None:
    tree = memory[start : start + (2 << bits)]
    for number, flow in enumerate(flows):
        leaf = first_leaf + number
        tree[(1 << bits) + leaf] = (round(flow.start_s * 1e9) << bits) | leaf
    for level in range(bits - 1, -1, -1):
        below = tree[2 << level : 4 << level]
        tree[1 << level : 2 << level] = np.minimum(below[::2], below[1::2])


def words_to_grow(memory: Integers) -> int:
    """How long a memory has to be for `grow`."""
    words = int(memory[w.END_AT])
    if memory[w.FULL_PORT] != w.NONE:
        ring = int(memory[int(memory[w.PORTS_AT]) + int(memory[w.FULL_PORT]) * w.PORT + w.RING])
        words += (2 << (ring >> w.RING_SIZE_SHIFT & w.RING_SIZE_MASK)) * (w.PACKET + NODE_WORDS * _has_nodes(memory, ring))
    if memory[w.FULL_FLOW] != w.NONE:
        slots = int(memory[int(memory[w.FLOWS_AT]) + int(memory[w.FULL_FLOW]) + w.SLOT_MASK]) + 1
        words += 2 * slots * w.SEGMENT
    return words


def _has_nodes(memory: Integers, ring: int) -> bool:
    """Whether the nodes of a fair queue are behind a port's ring, by the port's word RING."""
    kind = int(memory[w.KINDS_AT]) + (ring & w.KIND_OF_PORT_MASK) * w.KIND
    return bool(memory[w.IS_FAIR]) and memory[kind + w.COST] == 0


def grow(memory: Integers) -> None:
    """Double the rings that `FULL_PORT` and `FULL_FLOW` name, by copies after the end of what is used."""
    if memory[w.FULL_PORT] != w.NONE:
        record = int(memory[w.PORTS_AT]) + int(memory[w.FULL_PORT]) * w.PORT
        word = int(memory[record + w.RING])
        size_bits = word >> w.RING_SIZE_SHIFT & w.RING_SIZE_MASK
        parts = [(0, w.PACKET, int(memory[record + w.FIRST]), int(memory[record + w.TAIL]))]
        old = word >> w.RING_SHIFT
        offset = _double(memory, old, 1 << size_bits, parts)
        if _has_nodes(memory, word):
            _double_nodes(memory, old, 1 << size_bits)
        word = (offset << w.RING_SHIFT) | (size_bits + 1 << w.RING_SIZE_SHIFT) | (word & w.KIND_OF_PORT_MASK)
        memory[record + w.RING], memory[w.FULL_PORT] = word, w.NONE
    if memory[w.FULL_FLOW] != w.NONE:
        record = int(memory[w.FLOWS_AT]) + int(memory[w.FULL_FLOW])
        # Three rings share a flow's slots: its segments, which of them came early, which were sent again.
        uses = ((w.SENT, 2, w.UNA, w.NXT), (w.EARLY, 1, w.EARLY_SEEN, w.EARLY_COUNT), (w.RESENT, 1, w.RESENT_FIRST, w.RESENT_NEXT))
        parts = [(word, width, int(memory[record + first]), int(memory[record + last])) for word, width, first, last in uses]
        slots = int(memory[record + w.SLOT_MASK]) + 1
        offset = _double(memory, int(memory[record + w.SLOTS]), slots, parts)
        memory[record + w.SLOTS], memory[record + w.SLOT_MASK], memory[w.FULL_FLOW] = offset, 2 * slots - 1, w.NONE


def _double(memory: Integers, offset: int, slots: int, parts: Sequence[tuple[int, int, int, int]]) -> int:
    """Copy a ring to the end at twice its size; a part is a first word, a number of words, and the first and last index in use.

    Returns:
        Where the ring begins among the rings now.
    """
    words = sum(width for _, width, _, _ in parts)
    rings, end = int(memory[w.RINGS_AT]), int(memory[w.END_AT])
    old = memory[rings + offset :][: slots * words].reshape(slots, words)
    new = np.zeros((2 * slots, words), dtype=np.int64)
    for word, width, first, last in parts:
        indices = np.arange(first, last)
        new[indices % (2 * slots), word : word + width] = old[indices % slots, word : word + width]
    memory[end : end + new.size] = new.reshape(-1)
    memory[w.END_AT] = end + new.size
    return end - rings


def _double_nodes(memory: Integers, offset: int, slots: int) -> None:
    """Copy the nodes behind a ring of `slots` packets to the end, behind the ring of twice the size: they keep their numbers."""
    rings, end = int(memory[w.RINGS_AT]), int(memory[w.END_AT])
    old = memory[rings + offset + slots * w.PACKET :]
    new = memory[end:]
    packets = slots * w.PACKET
    new[: 2 * slots * NODE_WORDS] = 0
    new[:packets] = old[:packets]
    new[2 * packets : 2 * packets + slots] = old[packets : packets + slots]
    memory[w.END_AT] = end + 2 * slots * NODE_WORDS
