"""The memory of a simulation: how an episode is written into it, and how its rings grow.

Sections stand one after the other in one array of int64 (`layout.Sim`); the rings of ports and flows come last, so that a ring that is full
can be copied to the end at twice its size.
"""

from collections.abc import Sequence

import numpy as np

from iroko.engines.fair_queue import FIRST_QUANTUM_BYTES
from iroko.engines.jitter import half_span_ns
from iroko.engines.sim import layout as at
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
_UNIT = 1 << (at.COST_BITS + at.TIME_BITS)
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
        if len(kinds) > at.KIND_OF_PORT_MASK:
            raise InputError(f"topology {topology.name}: {len(kinds)} different rates and delays: expected at most {at.KIND_OF_PORT_MASK}")

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
        if longest > at.HOP_MASK or len(flows) * 2 >= 1 << (62 - at.ROW_SHIFT):
            raise InputError(f"{len(flows)} flows over {longest} hops: expected at most {at.HOP_MASK} hops and 2^36 flows")
        ring_sizes = [_HOST_RING if port in self._host_of_port else _PORT_RING for port in range(topology.num_ports)]
        port_rings = sum(self._ring_words(port, size) for port, size in enumerate(ring_sizes))
        rings = port_rings + (len(flows) - sum(over_udp)) * _SEGMENT_RING * at.SEGMENT
        lines = 2 * len(flows) if self._is_fair else 0
        sections = [at.HEAD, 2 << leaf_bits, topology.num_ports * at.PORT, topology.num_ports * at.QUEUE, len(self._kinds) * at.KIND,
                    topology.num_hosts * at.HOST, max(len(flows), 1) * at.FLOW,
                    2 * max(len(flows), 1) << path_bits, len(roster.transports) * at.TRANSPORT_RECORD, roster.num_pairs,
                    len(roster.policies) * RECORD, lines * at.LINE, rings]  # fmt: skip
        starts = np.cumsum([0, *(-(-size // 8) * 8 for size in sections)])
        memory = np.zeros(starts[-1], dtype=np.int64)
        head = memory[: at.HEAD]
        head[at.TREE_AT : at.END_AT + 1] = starts[1:]
        head[at.NUM_PORTS], head[at.NUM_HOSTS] = topology.num_ports, topology.num_hosts
        head[at.NUM_FLOWS] = len(flows)
        head[at.LEAF_BITS], head[at.PATH_BITS] = leaf_bits, path_bits
        head[at.WINDOW], head[at.FIRST_ROOM] = self._window.largest_bytes, self._window.largest_bytes - self._window.first_bytes
        head[at.FULL_PORT] = head[at.FULL_FLOW] = head[at.RESUME] = at.NONE
        head[at.IS_FAIR] = self._is_fair
        memory[starts[1] : starts[2]] = at.NEVER
        memory[head[at.FAIR_AT] :][: lines * at.LINE].reshape(-1, at.LINE)[:, at.CREDIT] = FIRST_QUANTUM_BYTES
        self._write_ports(memory, ring_sizes, any(transport.ecn for transport in roster.transports))
        self._write_hosts(memory, starts[5])
        self._write_jitter(memory, starts[5], {flow.source for flow, udp in zip(flows, over_udp, strict=True) if udp}, seed)
        roster.write(memory)
        ring = port_rings
        states = flow_states(seed, len(flows))
        for number, flow in enumerate(flows):
            record = memory[starts[6] + number * at.FLOW :][: at.FLOW]
            self._write_flow(record, flow, at.UDP_PAYLOAD if over_udp[number] else at.MSS, int(states[number]))
            roster.write_flow(memory, number, record)
            if not over_udp[number]:
                record[at.SLOTS], record[at.SLOT_MASK] = ring, _SEGMENT_RING - 1
                ring += _SEGMENT_RING * at.SEGMENT
            for way, path in enumerate(found[number]):
                row = starts[7] + ((2 * number + way) << path_bits)
                memory[row : row + (1 << path_bits)] = -1
                memory[row : row + len(path)] = path
        _build_tree(memory, starts[1], leaf_bits, topology.num_ports + topology.num_hosts, flows)
        return memory

    def _write_ports(self, memory: Integers, ring_sizes: list[int], ecn: bool) -> None:
        ring = 0
        for (cost, delay), kind in self._kinds.items():
            start = int(memory[at.KINDS_AT]) + kind * at.KIND
            memory[start + at.COST], memory[start + at.DELAY] = cost, delay
        for index, port in enumerate(self.topology.ports):
            record = memory[int(memory[at.QUEUES_AT]) + index * at.QUEUE :][: at.QUEUE]
            record[at.QUEUE_BYTES] = port.queue_bytes
            record[at.MARK_BYTES] = at.NEVER if port.ecn_bytes is None or not ecn else port.ecn_bytes
            size_bits = ring_sizes[index].bit_length() - 1
            word = (ring << at.RING_SHIFT) | (size_bits << at.RING_SIZE_SHIFT) | self._kinds[self._kind(index)]
            memory[int(memory[at.PORTS_AT]) + index * at.PORT + at.RING] = word
            ring += self._ring_words(index, ring_sizes[index])

    def _ring_words(self, port: int, size: int) -> int:
        """What the ring of a port takes, with the nodes of a fair queue behind it."""
        return size * (at.PACKET + NODE_WORDS * (self._is_fair and port in self._host_of_port))

    def _kind(self, index: int) -> tuple[int, int]:
        """Cost of a byte and delay of a port; the rate of a host's port stands in the host's record."""
        port = self.topology.ports[index]
        return 0 if index in self._host_of_port else byte_cost(port.rate_bps), round(port.delay_s * 1e9)

    def _write_hosts(self, memory: Integers, start: int) -> None:
        for host, port in enumerate(self.topology.host_ports):
            record = memory[start + host * at.HOST :][: at.HOST]
            record[at.NIC_PORT], record[at.NIC_LEAF] = port, self.topology.num_ports + host
            record[at.NIC_COST] = byte_cost(self.topology.ports[port].rate_bps)

    def _write_jitter(self, memory: Integers, start: int, senders: set[str], seed: int) -> None:
        """Only hosts that send datagrams have a jitter."""
        for host, port in enumerate(self.topology.host_ports):
            if self.topology.hosts[host] not in senders:
                continue
            record = memory[start + host * at.HOST :][: at.HOST]
            record[at.JITTER_SPAN] = 2 * half_span_ns(self.topology.ports[port])
            record[at.JITTER_LOW], record[at.JITTER_HIGH] = first_words(jitter_seed(seed, host))

    def _write_flow(self, record: Integers, flow: Flow, payload: int, random_state: int) -> None:
        hosts = self.topology.host_index
        record[at.FROM], record[at.TO] = hosts[flow.source], hosts[flow.destination]
        record[at.START] = record[at.SEND_AT] = round(flow.start_s * 1e9)
        record[at.DONE] = -1
        record[at.TIMER_AT] = record[at.ACK_AT] = at.NEVER
        record[at.SEGMENTS], record[at.LAST_BYTES] = at.NEVER, payload
        if flow.size_bytes is not None:
            record[at.SEGMENTS] = -(-flow.size_bytes // payload)
            record[at.LAST_BYTES] = flow.size_bytes - (record[at.SEGMENTS] - 1) * payload
        record[at.SEND_END] = record[at.SEGMENTS]
        record[at.CWND], record[at.SSTHRESH] = _INITIAL_CWND, at.NEVER
        record[at.MIN_RTT] = at.NEVER
        record[at.RTO_MS] = 1000
        record[at.SMALL_QUEUE] = _INITIAL_SMALL_QUEUE
        record[at.RESEND_HINT] = at.NEVER
        record[at.RANDOM] = random_state


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
    words = int(memory[at.END_AT])
    if memory[at.FULL_PORT] != at.NONE:
        ring = int(memory[int(memory[at.PORTS_AT]) + int(memory[at.FULL_PORT]) * at.PORT + at.RING])
        words += (2 << (ring >> at.RING_SIZE_SHIFT & at.RING_SIZE_MASK)) * (at.PACKET + NODE_WORDS * _has_nodes(memory, ring))
    if memory[at.FULL_FLOW] != at.NONE:
        slots = int(memory[int(memory[at.FLOWS_AT]) + int(memory[at.FULL_FLOW]) + at.SLOT_MASK]) + 1
        words += 2 * slots * at.SEGMENT
    return words


def _has_nodes(memory: Integers, ring: int) -> bool:
    """Whether the nodes of a fair queue stand behind a port's ring, by the port's word RING."""
    kind = int(memory[at.KINDS_AT]) + (ring & at.KIND_OF_PORT_MASK) * at.KIND
    return bool(memory[at.IS_FAIR]) and memory[kind + at.COST] == 0


def grow(memory: Integers) -> None:
    """Double the rings that `FULL_PORT` and `FULL_FLOW` name, by copies after the end of what is used."""
    if memory[at.FULL_PORT] != at.NONE:
        record = int(memory[at.PORTS_AT]) + int(memory[at.FULL_PORT]) * at.PORT
        word = int(memory[record + at.RING])
        size_bits = word >> at.RING_SIZE_SHIFT & at.RING_SIZE_MASK
        parts = [(0, at.PACKET, int(memory[record + at.FIRST]), int(memory[record + at.TAIL]))]
        old = word >> at.RING_SHIFT
        offset = _double(memory, old, 1 << size_bits, parts)
        if _has_nodes(memory, word):
            _double_nodes(memory, old, 1 << size_bits)
        word = (offset << at.RING_SHIFT) | (size_bits + 1 << at.RING_SIZE_SHIFT) | (word & at.KIND_OF_PORT_MASK)
        memory[record + at.RING], memory[at.FULL_PORT] = word, at.NONE
    if memory[at.FULL_FLOW] != at.NONE:
        record = int(memory[at.FLOWS_AT]) + int(memory[at.FULL_FLOW])
        # Three rings share a flow's slots: its segments, which of them came early, which were sent again.
        uses = ((at.SENT, 2, at.UNA, at.NXT), (at.EARLY, 1, at.EARLY_SEEN, at.EARLY_COUNT), (at.RESENT, 1, at.RESENT_FIRST, at.RESENT_NEXT))
        parts = [(word, width, int(memory[record + first]), int(memory[record + last])) for word, width, first, last in uses]
        slots = int(memory[record + at.SLOT_MASK]) + 1
        offset = _double(memory, int(memory[record + at.SLOTS]), slots, parts)
        memory[record + at.SLOTS], memory[record + at.SLOT_MASK], memory[at.FULL_FLOW] = offset, 2 * slots - 1, at.NONE


def _double(memory: Integers, offset: int, slots: int, parts: Sequence[tuple[int, int, int, int]]) -> int:
    """Copy a ring to the end at twice its size; a part is a first word, a number of words, and the first and last index in use.

    Returns:
        Where the ring begins among the rings now.
    """
    words = sum(width for _, width, _, _ in parts)
    rings, end = int(memory[at.RINGS_AT]), int(memory[at.END_AT])
    old = memory[rings + offset :][: slots * words].reshape(slots, words)
    new = np.zeros((2 * slots, words), dtype=np.int64)
    for word, width, first, last in parts:
        indices = np.arange(first, last)
        new[indices % (2 * slots), word : word + width] = old[indices % slots, word : word + width]
    memory[end : end + new.size] = new.reshape(-1)
    memory[at.END_AT] = end + new.size
    return end - rings


def _double_nodes(memory: Integers, offset: int, slots: int) -> None:
    """Copy the nodes behind a ring of `slots` packets to the end, behind the ring of twice the size: they keep their numbers."""
    rings, end = int(memory[at.RINGS_AT]), int(memory[at.END_AT])
    old = memory[rings + offset + slots * at.PACKET :]
    new = memory[end:]
    packets = slots * at.PACKET
    new[: 2 * slots * NODE_WORDS] = 0
    new[:packets] = old[:packets]
    new[2 * packets : 2 * packets + slots] = old[packets : packets + slots]
    memory[at.END_AT] = end + 2 * slots * NODE_WORDS
