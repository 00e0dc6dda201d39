"""Flows from a capture of packets, pcap or pcapng."""

import socket

from iroko.errors import InputError
from iroko.registry import show

from ._connections import Connections
from ._fragments import Reassembly
from ._packets import LINKS, OTHER_LINKS, Segment, parse
from ._pcap import MAGICS as MAGICS
from ._pcap import read_packets
from ._records import Record

MAX_CONNECTIONS = 500_000
"""Directions that are followed at a time, those without a byte too."""


def read_capture(path: str, max_flows: int) -> list[Record]:
    """Read the flows of a capture, in the order of their starts.

    A flow is what one end of a TCP connection or of a pair of UDP ports sends to the other, so that a connection is two flows, one each
    way. It starts with its first packet. Of TCP each byte counts once, by its sequence number, however often it was sent;
    `traffic._connections` has where a connection ends and the next one on the same ports begins. Of UDP all payloads count; after 60 s of
    silence the same ports begin a new flow. Fragments are put together. Of a tunnel the inner packets count; see `traffic._packets`. Sizes
    come from the headers, since a capture may hold the beginnings of packets alone. What was captured twice (on two interfaces) counts
    twice for UDP. No flow are: a direction without payload, such as one of acknowledgements alone; what a machine sends to itself;
    fragments whose first one is missing; protocols other than TCP and UDP. Times count from the first flow's start.

    Raises:
        InputError: the file is no capture, is cut off or damaged, is of a type of link that is not read, or has no flow or too many.
    """
    connections, reassembly = Connections(), Reassembly()
    to_itself = 0

    def add(time_ns: int, segment: Segment) -> None:
        nonlocal to_itself
        if segment.source == segment.destination:
            to_itself += 1
            return
        connections.add(time_ns, segment)
        if connections.num_flows > max_flows:
            raise InputError(f"{path} holds more than max_flows={max_flows} flows: raise max_flows, or cut the capture")
        if len(connections) > MAX_CONNECTIONS:
            raise InputError(f"{path} holds more than {MAX_CONNECTIONS:,} connections: cut the capture")

    try:
        with open(path, "rb") as file:
            for time_ns, link, data, wire_bytes in read_packets(path, file):
                if link not in LINKS:
                    raise _unread(path, link)
                found = parse(data, link, wire_bytes)
                if found is None:
                    continue
                if isinstance(found, Segment):
                    add(time_ns, found)
                    continue
                for start_ns, segment in reassembly.add(time_ns, found):
                    add(start_ns, segment)
        for start_ns, segment in reassembly.rest():
            add(start_ns, segment)
    except OSError as error:
        raise InputError(f"file={show(path)} of traffic replay: {error.strerror or error}") from error
    flows = connections.all()
    if not flows:
        why = f"; {to_itself:,} packets are from an address to itself" if to_itself else ""
        raise InputError(f"capture {path} has no TCP or UDP packet with a payload{why}: expected at least one flow")
    return [
        Record(_name(flow.source), _name(flow.destination), (flow.start_ns - flows[0].start_ns) / 1e9, flow.size_bytes,
               f"{path}, flow {number}")
        for number, flow in enumerate(flows, 1)
    ]  # fmt: skip


def _unread(path: str, link: int) -> InputError:
    if link in OTHER_LINKS:
        return InputError(
            f"capture {path} has packets of link type {link} ({OTHER_LINKS[link]}), whose frames can be encrypted, repeated and joined: "
            "capture on the wired side, or without monitor mode"
        )
    kinds = ", ".join(dict.fromkeys(LINKS.values()))
    return InputError(f"capture {path} has packets of link type {link}: expected one of {kinds}")


def _name(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
