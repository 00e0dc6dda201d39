"""Flows from a capture of packets, pcap or pcapng."""

import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from iroko.errors import InputError
from iroko.names import show

from ._records import Record

MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")
"""What a capture begins with: pcap in either byte order, in us or ns, and pcapng."""
MOST_BLOCK_BYTES = 1 << 24
"""Of a packet or block of a capture."""
_ETHERNET, _LINUX_COOKED, _LINUX_COOKED_2 = 1, 113, 276
_IP_LINKS = {12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}
"""Link types that carry IP: how many bytes stand before it."""
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
_IPV4, _IPV6, _TCP, _UDP = 0x0800, 0x86DD, 6, 17

Key = tuple[bytes, bytes, int, int, int]


def read_capture(path: str, max_flows: int) -> list[Record]:
    """Read the flows of a capture, in the order of their first packets.

    A flow is what one end of a TCP connection or of a pair of UDP ports sends to the other: packets of equal source, destination,
    protocol and ports, so that a connection is two flows, one each way. It starts with its first packet; its size is the sum of its
    packets' payloads, retransmissions too. A direction without payload, such as one of acknowledgements alone, is no flow. Fragments
    but the first, and what is neither TCP nor UDP over IPv4 or IPv6, are not looked at. Times count from the first flow's start.

    Raises:
        InputError: the file is no capture, is cut off or damaged, or has no flow or too many.
    """
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapNgReader, RawPcapReader

    found: dict[Key, list[int]] = {}
    try:
        with open(path, "rb") as raw, _listen_to_scapy() as complaints:
            file = _Watched(raw)
            ng = raw.read(4) == MAGICS[-1]
            raw.seek(0)
            reader = (RawPcapNgReader if ng else RawPcapReader)(file)
            for data, about in reader:
                time_ns, link = _time_and_link(path, reader, about)
                _add(found, time_ns, _parse(data, link, about.wirelen))
                if len(found) > 2 * max_flows:
                    raise InputError(f"{path} holds more than max_flows={max_flows} flows: raise max_flows, or cut the capture")
            if file.short or complaints or raw.read(1):
                what = f" ({complaints[0]})" if complaints else ""
                raise InputError(f"capture {path} is cut off or damaged{what}: expected a whole one; capinfos and editcap can mend it")
    except OSError as error:
        raise InputError(f"file={show(path)} of traffic replay: {error.strerror or error}") from error
    except (Scapy_Exception, EOFError, struct.error) as error:
        raise InputError(f"{path} is no capture that can be read: {error or 'it ends in its header'}") from error
    flows = [(key, start_ns, size_bytes) for key, (start_ns, size_bytes) in found.items() if size_bytes]
    if not flows:
        raise InputError(f"capture {path} has no TCP or UDP packet with a payload: expected at least one flow")
    if len(flows) > max_flows:
        raise InputError(f"{path} holds {len(flows)} flows: expected at most max_flows={max_flows}; raise it, or cut the capture")
    first_ns = min(start_ns for _, start_ns, _ in flows)
    return [
        Record(_name(key[0]), _name(key[1]), (start_ns - first_ns) / 1e9, size_bytes, f"{path}, flow {number}")
        for number, (key, start_ns, size_bytes) in enumerate(flows, 1)
    ]


class _Watched:
    """A file that notes when it gave less than was asked: in a whole capture that never happens but at its end, with nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.short, self.name = file, False, file.name

    def read(self, size: int) -> bytes:
        # A damaged length may ask for gigabytes, which would be set aside before the file is seen to end.
        data = self.file.read(min(size, MOST_BLOCK_BYTES))
        self.short |= 0 < len(data) < size
        return data


@contextmanager
def _listen_to_scapy() -> Iterator[list[str]]:
    """Scapy tells of damage by its log alone, which would go to the terminal."""
    complaints: list[str] = []
    log = logging.getLogger("scapy.runtime")
    handler = logging.Handler()
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    before = log.handlers, log.filters, log.propagate
    # Its filter would leave out what it has said lately.
    log.handlers, log.filters, log.propagate = [handler], [], False
    try:
        yield complaints
    finally:
        log.handlers, log.filters, log.propagate = before


def _time_and_link(path: str, reader: Any, about: Any) -> tuple[int, int]:
    """When a packet was captured, in ns, and the type of its link."""
    if hasattr(about, "sec"):
        return about.sec * 1_000_000_000 + about.usec * (1 if reader.nano else 1000), reader.linktype
    if about.tshigh is None:
        raise InputError(f"capture {path} has packets without a time (simple packet blocks): expected one with times")
    return ((about.tshigh << 32) + about.tslow) * 1_000_000_000 // about.tsresol, about.linktype


def _add(found: dict[Key, list[int]], time_ns: int, parsed: tuple[Key, int] | None) -> None:
    if parsed is None:
        return
    key, payload_bytes = parsed
    flow = found.setdefault(key, [time_ns, 0])
    flow[0] = min(flow[0], time_ns)
    flow[1] += payload_bytes


def _parse(data: bytes, link: int, wire_bytes: int) -> tuple[Key, int] | None:
    """The addresses, protocol and ports of a packet, and its payload in bytes; None: it is none of a flow."""
    try:
        start = _ip_at(data, link)
        if start is None:
            return None
        version = data[start] >> 4
        if version == 4:
            length, fragment = struct.unpack_from(">H", data, start + 2)[0], struct.unpack_from(">H", data, start + 6)[0] & 0x1FFF
            if fragment:
                return None
            protocol, addresses, inner = data[start + 9], data[start + 12 : start + 20], start + (data[start] & 15) * 4
            # A host that leaves segmentation to its interface may capture a length of 0.
            end = start + length if length else wire_bytes
        elif version == 6:
            protocol, addresses, inner = data[start + 6], data[start + 8 : start + 40], start + 40
            length = struct.unpack_from(">H", data, start + 4)[0]
            end = inner + length if length else wire_bytes
        else:
            return None
        if protocol not in (_TCP, _UDP):
            return None
        ports = struct.unpack_from(">HH", data, inner)
        # The lengths in the headers count, as a capture may hold the beginnings of packets alone.
        header_bytes = 8 if protocol == _UDP else (data[inner + 12] >> 4) * 4
    except (struct.error, IndexError):
        return None
    half = len(addresses) // 2
    key = addresses[:half], addresses[half:], protocol, ports[0], ports[1]
    return None if key[0] == key[1] else (key, max(0, end - inner - header_bytes))


def _ip_at(data: bytes, link: int) -> int | None:
    """Where the IP header begins; None: there is none."""
    if link in _IP_LINKS:
        return _IP_LINKS[link]
    if link == _LINUX_COOKED:
        kind, at = struct.unpack_from(">H", data, 14)[0], 16
    elif link == _LINUX_COOKED_2:
        kind, at = struct.unpack_from(">H", data, 0)[0], 20
    elif link == _ETHERNET:
        kind, at = struct.unpack_from(">H", data, 12)[0], 14
        while kind in _VLAN_TYPES:
            kind, at = struct.unpack_from(">H", data, at + 2)[0], at + 4
    else:
        return None
    return at if kind in (_IPV4, _IPV6) else None


def _name(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
