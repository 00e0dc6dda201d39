"""Fragments of IP packets, put together by their lengths alone."""

from collections import OrderedDict

from ._intervals import Intervals
from ._packets import Fragment, Segment

MAX_PACKETS = 16_384
"""Packets of which some fragments have come; of more the oldest is taken as it is."""
TIMEOUT_NS = 30_000_000_000
"""After this time a fragment belongs to a new packet (RFC 791 and 8200 let a receiver wait 15 to 60 s)."""

Timed = tuple[int, Segment]


class _Packet:
    """What has come of a packet."""

    __slots__ = ("end", "parts", "segment", "time_ns")

    def __init__(self, time_ns: int) -> None:
        self.time_ns, self.parts = time_ns, Intervals()
        self.segment: Segment | None = None
        self.end: int | None = None

    def whole(self) -> bool:
        return self.end is not None and self.segment is not None and self.parts.covers(0, self.end)

    def finish(self) -> Timed | None:
        """The segment with the payload of all fragments; None: the first, which has the ports, did not come."""
        if self.segment is None:
            return None
        payload_bytes = max(0, self.parts.added - self.segment.header_bytes)
        return self.time_ns, self.segment._replace(payload_bytes=payload_bytes)


class Reassembly:
    """Turns fragments into segments, each at the time of its first fragment."""

    def __init__(self) -> None:
        self._packets: OrderedDict[tuple[bytes, bytes, int, int], _Packet] = OrderedDict()

    def add(self, time_ns: int, fragment: Fragment) -> list[Timed]:
        """Add a fragment; returns the segments that are complete, or were waited for too long."""
        done: list[Timed | None] = []
        packet = self._packets.get(fragment.key)
        if packet is not None and abs(time_ns - packet.time_ns) > TIMEOUT_NS:
            done.append(self._packets.pop(fragment.key).finish())
            packet = None
        if packet is None:
            packet = self._packets[fragment.key] = _Packet(time_ns)
        packet.parts.add(fragment.start, fragment.end)
        packet.segment = packet.segment or fragment.segment
        if fragment.is_last:
            packet.end = fragment.end
        if packet.whole():
            done.append(self._packets.pop(fragment.key).finish())
        elif len(self._packets) > MAX_PACKETS:
            done.append(self._packets.popitem(last=False)[1].finish())
        return [timed for timed in done if timed is not None]

    def rest(self) -> list[Timed]:
        """The segments of which not all has come, by what has."""
        return [timed for packet in self._packets.values() if (timed := packet.finish()) is not None]
