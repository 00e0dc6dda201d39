"""What a captured packet is: from its link to the TCP or UDP segment, or fragment of one, that it carries.

Of a tunnel (IP in IP, GRE, VXLAN, Geneve) and below MPLS, VLAN tags and PPPoE the inner packet counts, since applications exchange that;
the tunnel's own addresses are no flow.
"""

import struct
from typing import NamedTuple

TCP, UDP = 6, 17
FIN, SYN, RST, ACK = 1, 2, 4, 16
LINKS = {0: "BSD loopback", 1: "Ethernet", 9: "PPP", 12: "raw IP", 14: "raw IP", 101: "raw IP", 108: "OpenBSD loopback",
         113: "Linux cooked", 228: "IPv4", 229: "IPv6", 276: "Linux cooked v2"}  # fmt: skip
"""Types of links that are read, LINKTYPE_ numbers of the pcap format."""
OTHER_LINKS = {105: "IEEE 802.11", 119: "IEEE 802.11", 127: "IEEE 802.11", 163: "IEEE 802.11", 192: "IEEE 802.11 (PPI)"}
"""Types of links that are often met and not read: their frames can be encrypted, repeated and joined."""
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN, _MPLS, _PPPOE, _BRIDGED = (0x8100, 0x88A8, 0x9100, 0x9200), (0x8847, 0x8848), 0x8864, 0x6558
_PPP = {0x0021: _IPV4, 0x0057: _IPV6}
_EXTENSIONS, _AUTHENTICATION, _FRAGMENT = (0, 43, 60, 135, 139, 140), 51, 44
_IP_IN_IP, _IPV6_IN_IP, _GRE = 4, 41, 47
_VXLAN_PORTS, _GENEVE_PORT = (4789, 8472), 6081
MAX_DEPTH = 8
"""Headers of IP in each other that are followed."""


class Segment(NamedTuple):
    """A TCP segment or UDP datagram.

    Attributes:
        source, destination: addresses, 4 or 16 bytes.
        protocol: `TCP` or `UDP`.
        ports: of source and destination.
        payload_bytes: application bytes, of a fragment those in the header's fragment are not yet known.
        header_bytes: of TCP or UDP.
        sequence, acknowledgement, flags: of TCP, else 0.
    """

    source: bytes
    destination: bytes
    protocol: int
    ports: tuple[int, int]
    payload_bytes: int
    header_bytes: int
    sequence: int = 0
    acknowledgement: int = 0
    flags: int = 0


class Fragment(NamedTuple):
    """A part of an IP packet.

    Attributes:
        key: of the packet: addresses, protocol and identification.
        start, end: the bytes of the packet's payload that it holds.
        is_last: whether the packet ends with it.
        segment: what the header says, in the first fragment only.
    """

    key: tuple[bytes, bytes, int, int]
    start: int
    end: int
    is_last: bool
    segment: Segment | None


def parse(data: bytes, link: int, wire_bytes: int) -> Segment | Fragment | None:
    """The segment or fragment in a packet; None: none of TCP or UDP over IP, or too little of it was captured."""
    try:
        start = _of_link(data, link)
        return None if start is None else _ip(data, start, wire_bytes, 0)
    except (struct.error, IndexError):
        return None


def _of_link(data: bytes, link: int) -> int | None:
    """Where the IP header begins; None: there is none."""
    if link in (0, 108):
        return 4
    if link == 113:
        return _of_type(data, struct.unpack_from(">H", data, 14)[0], 16)
    if link == 276:
        return _of_type(data, struct.unpack_from(">H", data, 0)[0], 20)
    if link == 1:
        return _of_ethernet(data, 0)
    if link == 9:
        at = 2 if data[:2] == b"\xff\x03" else 0
        return _of_type(data, _PPP.get(struct.unpack_from(">H", data, at)[0], 0), at + 2)
    return 0


def _of_ethernet(data: bytes, at: int) -> int | None:
    return _of_type(data, struct.unpack_from(">H", data, at + 12)[0], at + 14)


def _of_type(data: bytes, kind: int, at: int) -> int | None:
    """Step over tags and labels; every step goes on in the data, so that it ends."""
    while True:
        if kind in (_IPV4, _IPV6):
            return at
        if kind in _VLAN:
            kind, at = struct.unpack_from(">H", data, at + 2)[0], at + 4
        elif kind in _MPLS:
            while not data[at + 2] & 1:  # until the bottom of the stack
                at += 4
            at += 4
            kind = {4: _IPV4, 6: _IPV6}.get(data[at] >> 4, 0)
        elif kind == _PPPOE:
            kind, at = _PPP.get(struct.unpack_from(">H", data, at + 6)[0], 0), at + 8
        elif kind <= 1500 and data[at : at + 6] == b"\xaa\xaa\x03\0\0\0":  # a length, then LLC and SNAP
            kind, at = struct.unpack_from(">H", data, at + 6)[0], at + 8
        elif kind == _BRIDGED:
            kind, at = struct.unpack_from(">H", data, at + 12)[0], at + 14
        else:
            return None


def _ip(data: bytes, start: int, wire_bytes: int, depth: int) -> Segment | Fragment | None:
    version = data[start] >> 4
    if depth >= MAX_DEPTH or version not in (4, 6):
        return None
    fragment: tuple[int, int, bool] | None = None  # identification, offset, whether it is the last
    if version == 4:
        header_bytes, (length, identification, flags) = (data[start] & 15) * 4, struct.unpack_from(">HHH", data, start + 2)
        protocol, source, destination = data[start + 9], data[start + 12 : start + 16], data[start + 16 : start + 20]
        inner = start + header_bytes
        # A host that leaves segmentation to its interface may capture a length of 0.
        end = start + length if length else wire_bytes
        if header_bytes < 20 or end < inner or len(destination) != 4:
            return None
        if flags & 0x3FFF:
            fragment = identification, (flags & 0x1FFF) * 8, not flags & 0x2000
    else:
        protocol, source, destination = data[start + 6], data[start + 8 : start + 24], data[start + 24 : start + 40]
        length, inner = struct.unpack_from(">H", data, start + 4)[0], start + 40
        end = inner + length if length else wire_bytes
        if len(destination) != 16:
            return None
        while protocol in (*_EXTENSIONS, _FRAGMENT):
            following, size = data[inner], 8
            if protocol == _FRAGMENT:
                offset, identification = struct.unpack_from(">HI", data, inner + 2)
                # A packet in one fragment is whole.
                fragment = (identification, offset & 0xFFF8, not offset & 1) if offset & 0xFFF9 else None
            else:
                size = (data[inner + 1] + 1) * 8
            protocol, inner = following, inner + size
            if fragment is not None:
                break
    while protocol == _AUTHENTICATION and fragment is None:
        protocol, inner = data[inner], inner + (data[inner + 1] + 2) * 4
    if fragment is not None:
        identification, offset, is_last = fragment
        if protocol not in (TCP, UDP) or end < inner:
            return None
        head = _segment(data, inner, end, source, destination, protocol) if offset == 0 else None
        return Fragment((source, destination, protocol, identification), offset, offset + end - inner, is_last, head)
    if protocol in (_IP_IN_IP, _IPV6_IN_IP):
        return _ip(data, inner, wire_bytes, depth + 1)
    if protocol == _GRE:
        at = _of_gre(data, inner)
        return None if at is None else _ip(data, at, wire_bytes, depth + 1)
    segment = _segment(data, inner, end, source, destination, protocol)
    if segment is not None and protocol == UDP:
        at = _of_overlay(data, inner + 8, segment.ports[1])
        if at is not None:
            return _ip(data, at, wire_bytes, depth + 1)
    return segment


def _segment(data: bytes, inner: int, end: int, source: bytes, destination: bytes, protocol: int) -> Segment | None:
    """Read a header of TCP or UDP. Lengths in headers count, as a capture may hold the beginnings of packets alone."""
    if protocol == UDP:
        *ports, length = struct.unpack_from(">HHH", data, inner)
        payload_bytes = max(0, (min(length, end - inner) if length >= 8 else end - inner) - 8)
        return Segment(source, destination, UDP, (ports[0], ports[1]), payload_bytes, 8)
    if protocol == TCP:
        *ports, sequence, acknowledgement, offset, flags = struct.unpack_from(">HHIIBB", data, inner)
        header_bytes = (offset >> 4) * 4
        if header_bytes < 20:
            return None
        payload_bytes = max(0, end - inner - header_bytes)
        return Segment(source, destination, TCP, (ports[0], ports[1]), payload_bytes, header_bytes, sequence, acknowledgement, flags)
    return None


def _of_gre(data: bytes, at: int) -> int | None:
    """Where the IP header in a GRE packet of version 0 begins (RFC 2784 and 2890)."""
    flags, kind = struct.unpack_from(">HH", data, at)
    if flags & 7:
        return None
    return _of_type(data, kind, at + 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000)))


def _of_overlay(data: bytes, at: int, port: int) -> int | None:
    """Where the inner IP header of VXLAN (RFC 7348) or Geneve (RFC 8926) begins; None: it is neither."""
    try:
        if port in _VXLAN_PORTS and data[at] == 0x08 and data[at + 1 : at + 4] == b"\0\0\0" and data[at + 7] == 0:
            inner = _of_ethernet(data, at + 8)
        elif port == _GENEVE_PORT and data[at] >> 6 == 0:
            inner = _of_type(data, struct.unpack_from(">H", data, at + 2)[0], at + 8 + (data[at] & 0x3F) * 4)
        else:
            return None
        return inner if inner is not None and data[inner] >> 4 in (4, 6) else None
    except (struct.error, IndexError):
        return None
