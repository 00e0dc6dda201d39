"""Netlink, as far as a fabric needs it: messages packed by hand, sent many at a time.

A fabric of 200 nodes takes ten thousand routes and a step reads every queue, so a message is a few bytes joined, not an object. Every
message is acknowledged: the kernel's own error number and text come back as `NetlinkError`, and nothing is set in silence.
Layouts: `linux/rtnetlink.h`, `if_link.h`, `neighbour.h`, `netlink.h`.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable

RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 16, 20, 24, 28
_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _REPLACE = 0x1, 0x4, 0x200, 0x400, 0x100
_DUMP = 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_HEADER = struct.Struct("<IHHII")
_BATCH = 64
IFF_UP = 1
ON_LINK = 4


class NetlinkError(OSError):
    """The kernel refused a message; `errno` and its own words say why."""


class Netlink:
    """A route-netlink socket of the network namespace that the caller is in when it is made."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self.socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self.socket.bind((0, 0))
        self.buffer = bytearray(1 << 18)

    def send(self, messages: Iterable[bytes]) -> None:
        """Send requests made by `message` and wait until each is done.

        Raises:
            NetlinkError: the kernel refused one; those before it are in force, some after it may be.
        """
        messages = list(messages)
        for start in range(0, len(messages), _BATCH):
            batch = messages[start : start + _BATCH]
            self.socket.send(b"".join(batch))
            failed: NetlinkError | None = None
            for _ in range(self._count(batch)):
                failed = failed or self._acknowledgement()
            if failed:
                raise failed

    @staticmethod
    def _count(batch: list[bytes]) -> int:
        count = 0
        for data in batch:
            offset = 0
            while offset < len(data):
                offset += (struct.unpack_from("<I", data, offset)[0] + 3) & ~3
                count += 1
        return count

    def _acknowledgement(self) -> NetlinkError | None:
        data = memoryview(self.buffer)[: self.socket.recv_into(self.buffer)]
        length, kind, flags, _, _ = _HEADER.unpack_from(data)
        number = -struct.unpack_from("<i", data, 16)[0]
        if kind != _NLMSG_ERROR:
            return NetlinkError(errno.EPROTO, f"unexpected netlink message of type {kind}")
        if number == 0:
            return None
        text = os.strerror(number)
        if flags & 0x200 and length > 40:  # NLM_F_ACK_TLVS: the kernel says more
            size, attribute = struct.unpack_from("<HH", data, 36)
            if attribute == 1:
                text += f" ({bytes(data[40 : 36 + size]).rstrip(bytes(1)).decode(errors='replace')})"
        return NetlinkError(number, text)

    def dump(self, request: bytes) -> list[memoryview]:
        """Send a dump request made by `message(..., dump=True)`; return the messages, headers included."""
        self.socket.send(request)
        found: list[memoryview] = []
        while True:
            data = memoryview(bytes(memoryview(self.buffer)[: self.socket.recv_into(self.buffer)]))
            offset = 0
            while offset < len(data):
                length, kind, *_ = _HEADER.unpack_from(data, offset)
                if kind == _NLMSG_DONE:
                    return found
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("<i", data, offset + 16)[0]
                    raise NetlinkError(number, os.strerror(number))
                found.append(data[offset : offset + length])
                offset += (length + 3) & ~3

    def close(self) -> None:
        self.socket.close()


def message(kind: int, body: bytes, *, create: bool = False, replace: bool = False, dump: bool = False) -> bytes:
    """A netlink request around a fixed header and attributes."""
    flags = _REQUEST | (_DUMP if dump else _ACK)
    if create:
        flags |= _CREATE | (_REPLACE if replace else _EXCLUSIVE)
    return _HEADER.pack(16 + len(body), kind, flags, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def attributes(data: memoryview, offset: int = 0) -> dict[int, memoryview]:
    """Split a run of attributes into type -> value."""
    found = {}
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("<HH", data, offset)
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _interface(index: int, name: str, mac: bytes, extra: bytes = b"") -> bytes:
    head = struct.pack("<BxHiII", 0, 0, index, 0, 0)
    # gso_max_segs=1: one buffer is one packet on the wire; without it queues would count packets of 64 kB.
    return head + attribute(3, text(name)) + attribute(1, mac) + attribute(40, struct.pack("<I", 1)) + extra


def add_veth(ends: list[tuple[int, str, bytes]], peer_namespace: int) -> bytes:
    """A pair of virtual interfaces, down; each end is (index, name, MAC), the second lands in the namespace of that descriptor."""
    peer = attribute(1, _interface(*ends[1], attribute(28, struct.pack("<I", peer_namespace))))
    data = attribute(18, attribute(1, text("veth")) + attribute(2, peer))
    return message(RTM_NEWLINK, _interface(*ends[0], data), create=True)


def add_ifb(index: int, name: str) -> bytes:
    """An intermediate functional block: an interface through which arriving packets can be led."""
    body = struct.pack("<BxHiII", 0, 0, index, IFF_UP, IFF_UP) + attribute(3, text(name))
    return message(RTM_NEWLINK, body + attribute(18, attribute(1, text("ifb"))), create=True)


def set_link_up(index: int) -> bytes:
    return message(RTM_NEWLINK, struct.pack("<BxHiII", 0, 0, index, IFF_UP, IFF_UP))


def add_address(index: int, address: str) -> bytes:
    packed = socket.inet_aton(address)
    return message(
        RTM_NEWADDR,
        struct.pack("<BBBBI", socket.AF_INET, 32, 0, 0, index) + attribute(2, packed) + attribute(1, packed),
        create=True,
    )


def add_neighbour(index: int, address: str, mac: bytes) -> bytes:
    """A permanent entry, so that no address resolution runs in the fabric."""
    body = struct.pack("<BxxxiHBB", socket.AF_INET, index, 0x80, 0, 0)
    return message(RTM_NEWNEIGH, body + attribute(1, socket.inet_aton(address)) + attribute(2, mac), create=True)


def add_route(destination: str | None, next_hops: list[tuple[int, str | None]]) -> bytes:
    """A route to one address (None: to all) over equal-cost next hops, each (interface index, gateway or None if it is the end)."""
    scope = 0 if next_hops[0][1] else 253
    body = struct.pack(
        "<BBBBBBBBI",
        socket.AF_INET,
        32 if destination else 0,
        0,
        0,
        254,
        4,
        scope,
        1,
        ON_LINK if len(next_hops) == 1 and scope == 0 else 0,
    )
    if destination:
        body += attribute(1, socket.inet_aton(destination))
    if len(next_hops) == 1:
        index, gateway = next_hops[0]
        body += attribute(4, struct.pack("<i", index))
        body += attribute(5, socket.inet_aton(gateway)) if gateway else b""
    else:
        hops = b""
        for index, gateway in next_hops:
            via = attribute(5, socket.inet_aton(gateway)) if gateway else b""
            hops += struct.pack("<HBBi", 8 + len(via), ON_LINK, 0, index) + via
        body += attribute(9, hops)
    return message(RTM_NEWROUTE, body, create=True)
