"""From segments to flows: where a connection begins and ends, and which of its bytes are new."""

from ._intervals import Intervals
from ._packets import ACK, FIN, RST, SYN, UDP, Segment

UDP_IDLE_NS = 60_000_000_000
"""A pair of UDP ports that was silent for longer begins a new flow."""
_FAR = 1 << 24
"""Sequence numbers further apart than this, after a connection has ended, are of another one: what repeats the old one is near its end."""
_MODULUS, _HALF = 1 << 32, 1 << 31

Direction = tuple[bytes, bytes, int, int, int]


class Flow:
    """One direction of a connection, or of a pair of UDP ports.

    Attributes:
        start_ns: time of its first packet.
        size_bytes: application bytes, each counted once.
    """

    __slots__ = ("acknowledged", "bytes", "destination", "finished", "first", "last_ns", "source", "start_ns", "top")

    def __init__(self, time_ns: int, source: bytes, destination: bytes) -> None:
        self.start_ns = self.last_ns = time_ns
        self.source, self.destination = source, destination
        self.bytes = Intervals()
        self.first: int | None = None  # where data begins, not wrapped; None: the SYN was not captured
        self.top: int | None = None  # the highest sequence number so far, not wrapped
        self.acknowledged: int | None = None  # what it acknowledged last of the other direction
        self.finished = False

    @property
    def size_bytes(self) -> int:
        return self.bytes.added

    def see(self, time_ns: int) -> None:
        self.start_ns, self.last_ns = min(self.start_ns, time_ns), max(self.last_ns, time_ns)

    def unwrap(self, sequence: int) -> int:
        """A sequence number on a line instead of a circle of 2^32, the nearest to the highest so far."""
        if self.top is None:
            return _MODULUS + sequence
        return self.top + (sequence - self.top + _HALF) % _MODULUS - _HALF

    def begin(self, sequence: int) -> None:
        """Note the initial sequence number of a SYN; what lies below is no data, such as the byte of a keep-alive."""
        self.first = self.unwrap(sequence) + 1
        self.top = max(self.top or 0, self.first)

    def add_range(self, sequence: int, length: int) -> None:
        """Add the bytes of a segment; those that came before do not count again."""
        start = self.unwrap(sequence)
        self.bytes.add(start if self.first is None else max(start, self.first), start + length)
        self.top = max(self.top or 0, start + length)


class Connections:
    """The flows of a capture, from its segments in the order of the file.

    A TCP connection begins with its SYN, or with the first packet that was captured. A later SYN of another initial sequence number begins
    a new one; so do, after RST or both FIN, sequence numbers that are far from the old ones.

    Attributes:
        num_flows: flows with a byte or more so far, of which the last ones may be of open connections.
    """

    def __init__(self) -> None:
        self._flows: dict[Direction, Flow] = {}
        self._ended: list[Flow] = []
        self.num_flows = 0

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, time_ns: int, segment: Segment) -> None:
        """Add a segment."""
        key: Direction = (segment.source, segment.destination, segment.protocol, *segment.ports)
        if segment.protocol == UDP:
            flow = self._flows.get(key)
            if flow is not None and time_ns - flow.last_ns > UDP_IDLE_NS:
                self._end(key)
            flow = self._flow(key, time_ns)
            before = flow.size_bytes
            flow.bytes.added += segment.payload_bytes
        else:
            back: Direction = (segment.destination, segment.source, segment.protocol, segment.ports[1], segment.ports[0])
            if self._is_new(key, back, segment):
                self._end(key)
                self._end(back)
            flow = self._flow(key, time_ns)
            before = flow.size_bytes
            self._add_tcp(flow, back, segment)
        self.num_flows += before == 0 and flow.size_bytes > 0

    def all(self) -> list[Flow]:
        """The flows with a byte or more, in the order of their starts."""
        flows = [*self._ended, *self._flows.values()]
        return sorted((flow for flow in flows if flow.size_bytes > 0), key=lambda flow: flow.start_ns)

    def _flow(self, key: Direction, time_ns: int) -> Flow:
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = Flow(time_ns, key[0], key[1])
        flow.see(time_ns)
        return flow

    def _end(self, key: Direction) -> None:
        flow = self._flows.pop(key, None)
        if flow is not None and flow.size_bytes > 0:
            self._ended.append(flow)

    def _is_new(self, key: Direction, back: Direction, segment: Segment) -> bool:
        """Whether a segment is of another connection than the one that these addresses and ports had."""
        flow, other = self._flows.get(key), self._flows.get(back)
        if flow is None:
            # The answer to a SYN, or the first of a direction: of the same connection unless that has ended.
            return other is not None and bool(segment.flags & SYN) and not segment.flags & ACK and other.finished
        over = flow.finished and (other is None or other.finished)
        if segment.flags & SYN:
            sequence = flow.unwrap(segment.sequence)
            if flow.first is not None:  # the same number again is a repetition, unless what it began has ended
                return flow.first != sequence + 1 or (over and not segment.flags & ACK)
            # Data that overtook its SYN begins right behind it.
            return over or (flow.top is not None and not 0 <= flow.top - sequence <= _FAR)
        return over and segment.payload_bytes > 0 and flow.top is not None and abs(flow.unwrap(segment.sequence) - flow.top) > _FAR

    def _add_tcp(self, flow: Flow, back: Direction, segment: Segment) -> None:
        other = self._flows.get(back)
        if segment.flags & RST:  # what it carries is a reason, no data
            flow.finished = True
            if other is not None:
                other.finished = True
            return
        sequence = segment.sequence
        if segment.flags & SYN:
            flow.begin(sequence)
            sequence = (sequence + 1) % _MODULUS  # a SYN takes a number; data may come with it (RFC 7413)
        if segment.flags & ACK:
            flow.acknowledged = segment.acknowledgement
        # A keep-alive may repeat one old byte, which the other end acknowledges again (RFC 9293, section 3.8.4).
        keep_alive = (segment.payload_bytes == 1 and flow.size_bytes == 0 and other is not None
                      and other.acknowledged == (sequence + 1) % _MODULUS)  # fmt: skip
        if segment.payload_bytes and not keep_alive:
            flow.add_range(sequence, segment.payload_bytes)
        elif flow.top is None:
            flow.top = flow.unwrap(sequence)
        flow.finished |= bool(segment.flags & FIN)
