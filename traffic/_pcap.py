"""Packets of a capture file: pcap and pcapng, read in one pass with little memory."""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from iroko.errors import InputError

MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")
"""What a capture begins with: pcap in either byte order, in us or ns, and pcapng."""
MAX_BLOCK_BYTES = 1 << 24
"""Of a packet or block of a capture."""
MAX_INTERFACES = 4096
"""Of a section of a pcapng."""
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_IF_TSRESOL, _IF_TSOFFSET = 9, 14
_NS = 1_000_000_000


class Packet(NamedTuple):
    """One packet as it was captured.

    Attributes:
        time_ns: when, since 1970.
        link: the type of the link, a LINKTYPE_ number of the pcap format.
        data: what was captured of it.
        wire_bytes: its length on the wire.
    """

    time_ns: int
    link: int
    data: bytes
    wire_bytes: int


class _Interface(NamedTuple):
    """An interface of a pcapng: time stamps count `1 / units_per_s` seconds from `offset_s` on."""

    link: int
    units_per_s: int
    offset_s: int


def read_packets(path: str, file: IO[bytes]) -> Iterator[Packet]:
    """Read the packets of a capture in the order of the file.

    Raises:
        InputError: the file is no capture, or is cut off or damaged.
    """
    magic = file.read(4)
    if magic == MAGICS[-1]:
        return _read_pcapng(path, file)
    return _read_pcap(path, file, magic)


def damaged(path: str, what: str) -> InputError:
    return InputError(f"capture {path} is cut off or damaged ({what}): expected a whole one; capinfos and editcap can mend it")


def _read(path: str, file: IO[bytes], length: int, what: str) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise damaged(path, f"it ends in {what}")
    return data


def _read_pcap(path: str, file: IO[bytes], magic: bytes) -> Iterator[Packet]:
    order = "<" if magic in (MAGICS[1], MAGICS[3]) else ">"
    unit_ns = 1 if magic in MAGICS[2:4] else 1000
    header = file.read(20)
    if len(header) != 20:
        raise InputError(f"{path} is no capture that can be read: it ends in its header")
    link = struct.unpack_from(f"{order}I", header, 16)[0] & 0xFFFF  # above it: whether frames have their checksum
    record = struct.Struct(f"{order}IIII")
    while start := file.read(16):
        if len(start) != 16:
            raise damaged(path, "it ends in the header of a packet")
        seconds, fraction, captured, wire_bytes = record.unpack(start)
        if captured > MAX_BLOCK_BYTES:
            raise damaged(path, f"a packet of {captured:,} bytes")
        yield Packet(seconds * _NS + fraction * unit_ns, link, _read(path, file, captured, "a packet"), wire_bytes)


def _read_pcapng(path: str, file: IO[bytes]) -> Iterator[Packet]:
    kind_bytes = MAGICS[-1]
    order, interfaces = "<", list[_Interface]()
    while kind_bytes:
        if len(kind_bytes) != 4:
            raise damaged(path, "it ends in the header of a block")
        length_bytes = _read(path, file, 4, "the header of a block")
        body = b""
        if kind_bytes == MAGICS[-1]:  # the same in either byte order, which follows
            body = _read(path, file, 4, "the header of a section")
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(body, "")
            if not order:
                raise InputError(f"{path} is no capture that can be read: a section of a pcapng has no byte order")
            interfaces = []
        (kind,), (length,) = struct.unpack(f"{order}I", kind_bytes), struct.unpack(f"{order}I", length_bytes)
        if not 12 + len(body) <= length <= MAX_BLOCK_BYTES or length % 4:
            raise damaged(path, f"a block of {length:,} bytes")
        body += _read(path, file, length - 12 - len(body), "a block")
        if _read(path, file, 4, "a block") != length_bytes:
            raise damaged(path, "a block has two lengths")
        try:
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body))
                if len(interfaces) > MAX_INTERFACES:
                    raise damaged(path, f"more than {MAX_INTERFACES:,} interfaces")
            elif kind in (_PACKET, _OLD_PACKET):
                yield _packet(path, order, body, interfaces, kind)
            elif kind == _SIMPLE_PACKET:
                raise InputError(f"capture {path} has packets without a time (simple packet blocks): expected one with times")
        except struct.error as error:
            raise damaged(path, "a block is too short") from error
        kind_bytes = file.read(4)


def _interface(order: str, body: bytes) -> _Interface:
    link, _, _ = struct.unpack_from(f"{order}HHI", body)
    units_per_s, offset_s, at = 1_000_000, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _IF_TSRESOL and length == 1:
            units_per_s = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
        elif code == _IF_TSOFFSET and length == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + (length + 3) // 4 * 4
    return _Interface(link, units_per_s, offset_s)


def _packet(path: str, order: str, body: bytes, interfaces: list[_Interface], kind: int) -> Packet:
    index = struct.unpack_from(f"{order}{'H' if kind == _OLD_PACKET else 'I'}", body)[0]
    high, low, captured, wire_bytes = struct.unpack_from(f"{order}IIII", body, 4)
    if index >= len(interfaces):
        raise damaged(path, f"a packet of interface {index}, which is not described")
    if 20 + captured > len(body):
        raise damaged(path, f"a packet of {captured:,} bytes in a block of {len(body):,}")
    interface = interfaces[index]
    time_ns = (high << 32 | low) * _NS // interface.units_per_s + interface.offset_s * _NS
    return Packet(time_ns, interface.link, body[20 : 20 + captured], wire_bytes)
