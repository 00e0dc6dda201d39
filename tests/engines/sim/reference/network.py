"""Packets, ports and interfaces, and the heap of events that moves them."""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FULL_FRAME = 1514
SLACK_NS = 2000
RETRY_NS = 1_000_000

FINE = 256
"""A busy time is kept in parts of a ns, so that rounding does not add up to a wrong rate."""
FINER = 4096
"""The time of a byte is kept in parts of those."""

DEPARTURES = -1
"""What leaves a queue at some moment has left for everybody else who acts at that moment."""


def byte_time(rate_bps: float) -> int:
    """How long a byte takes, in ns / FINE / FINER."""
    return max(1, round(8e9 * FINE * FINER / rate_bps))


def packet_time(size: int, time_of_byte: int) -> int:
    """How long so many bytes take, in ns / FINE, rounded down."""
    return size * time_of_byte // FINER


@dataclass(eq=False)
class Packet:
    """A packet: `kind` is `data`, `ack`, `syn` or `syn-ack`; `path` the ports before it, the one it is at first.

    Attributes:
        number: of a segment, or what an ACK acknowledges: all below.
        early: the segments above that have arrived, in the order in which they did.
        reducing: of a segment, whether it has the CWR flag.
        releases: whether its sender may hand down more when it leaves the host.
    """

    flow: Any
    kind: str
    size: int
    path: list[Any]
    number: int = 0
    early: tuple[int, ...] = ()
    capable: bool = False
    marked: bool = False
    echo: bool = False
    reducing: bool = False
    releases: bool = False


class Network:
    """The clock and the heap: events at one moment happen in the order of the numbers of what they happen to."""

    def __init__(self) -> None:
        self.now = 0
        self.heap: list[tuple[int, int, int, Callable[[], None]]] = []
        self.num_events = 0
        self.handed = self.delivered = self.dropped = self.hops = 0

    def at(self, time: int, order: int, action: Callable[[], None]) -> None:
        assert time >= self.now
        self.num_events += 1
        heapq.heappush(self.heap, (time, order, self.num_events, action))

    def run(self, until: int) -> None:
        while self.heap and self.heap[0][:2] < (until, 0):
            self.now, _, _, action = heapq.heappop(self.heap)
            action()
        self.now = until


@dataclass(eq=False)
class Queue:
    """What a port and an interface have in common: packets that wait, a wire behind them, and what is measured."""

    network: Network
    order: int
    delay_ns: int
    queue_bytes: int
    time_of_byte: int
    busy_until: int = 0  # ns / FINE
    waiting: deque[Packet] = field(default_factory=deque)
    on_wire: deque[Packet] = field(default_factory=deque)
    backlog: int = 0
    area: int = 0  # byte ns
    area_until: int = 0
    peak: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0
    drops: int = 0
    marks: int = 0

    @property
    def num_waiting(self) -> int:
        return len(self.waiting)

    def change_backlog(self, change: int) -> None:
        now = self.network.now
        self.area += self.backlog * (now - self.area_until)
        self.area_until = now
        self.backlog += change

    def leave(self) -> Packet:
        """The first packet goes onto the wire."""
        packet = self.waiting.popleft()
        self.change_backlog(-packet.size)
        self.sent_bytes += packet.size
        self.sent_packets += 1
        self.on_wire.append(packet)
        self.network.at(self.arrival(), self.order, self.arrive)
        return packet

    def arrival(self) -> int:
        """When what goes onto the wire now reaches its far end."""
        return self.network.now + self.delay_ns

    def arrive(self) -> None:
        """The first packet on the wire reaches its far end: the next port or its destination."""
        network = self.network
        network.hops += 1
        packet = self.on_wire.popleft()
        packet.path = packet.path[1:]
        if packet.path:
            packet.path[0].receive(packet)
        else:
            network.delivered += 1
            packet.flow.receive(packet)


@dataclass(eq=False)
class Port(Queue):
    """A switch's port: a token bucket of one full frame and 2 us above a queue limited in bytes."""

    ecn_bytes: int | None = None

    def receive(self, packet: Packet) -> None:
        now = self.network.now
        if self.backlog + packet.size > self.queue_bytes:
            self.drops += 1
            self.network.dropped += 1
            return
        if packet.capable and self.ecn_bytes is not None and self.backlog > self.ecn_bytes:
            packet.marked = True
            self.marks += 1
        conforms = self.busy_until + packet_time(packet.size - FULL_FRAME, self.time_of_byte) - SLACK_NS * FINE
        leaves = max(now * FINE, conforms)
        self.busy_until = max(self.busy_until, leaves) + packet_time(packet.size, self.time_of_byte)
        leaves_ns = -(-leaves // FINE)
        self.change_backlog(packet.size)
        self.waiting.append(packet)
        self.network.at(leaves_ns, DEPARTURES, self._depart)
        if leaves_ns > now:
            self.peak = max(self.peak, self.backlog)

    def _depart(self) -> None:
        self.leave()


@dataclass(eq=False)
class Interface(Queue):
    """A host's interface, shared by its flows: `order` is the number of its wire, `timer_order` its own.

    Attributes:
        held: how many packets, or bursts of packets, of each flow wait here.
        jitter: draws how late each packet leaves, in ns; packets keep their order.
    """

    timer_order: int = 0
    jitter: Callable[[], int] = lambda: 0
    last_arrival: int = 0
    held: Counter[Any] = field(default_factory=Counter)

    def is_full(self, packet: Packet) -> bool:
        return self.backlog + packet.size > self.queue_bytes

    def push(self, packet: Packet) -> int | None:
        """Take a packet from one of the host's flows.

        Returns:
            None: it was taken; else when to try again.
        """
        now = self.network.now
        if self.is_full(packet):
            return now + RETRY_NS
        self.network.handed += 1
        self._line_up(packet)
        self.held[packet.flow] += packet.releases
        self.change_backlog(packet.size)
        if self.num_waiting == 1:
            if self.busy_until <= now * FINE:
                self._send()
                return None
            self._expect()
        self.peak = max(self.peak, self.backlog)
        return None

    def _line_up(self, packet: Packet) -> None:
        self.waiting.append(packet)

    def arrival(self) -> int:
        self.last_arrival = max(self.last_arrival, self.network.now + self.delay_ns + self.jitter())
        return self.last_arrival

    def _send(self) -> Packet:
        packet = self.leave()
        self.held[packet.flow] -= packet.releases
        earliest = (self.network.now - SLACK_NS) * FINE
        self.busy_until = max(self.busy_until, earliest) + packet_time(packet.size, self.time_of_byte)
        return packet

    def _expect(self) -> None:
        self.network.at(-(-self.busy_until // FINE), self.timer_order, self._depart)

    def _depart(self) -> None:
        packet = self._send()
        if self.num_waiting:
            self._expect()
        if packet.releases:
            packet.flow.send()
