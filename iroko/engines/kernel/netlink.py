"""Netlink, as far as a fabric needs it: messages packed by hand, sent many at a time.

A fabric of 200 nodes takes ten thousand routes and a step reads every queue, so a message is a few bytes joined, not an object. Every
message is acknowledged: the kernel's own error number and text come back as `NetlinkError`, and nothing is set in silence.
Layouts and names: `iroko.engines.kernel.uapi`.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable

from iroko.engines.kernel.uapi import (
    IFA,
    IFADDRMSG,
    IFF_UP,
    IFINFOMSG,
    IFLA,
    NDA,
    NDMSG,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NLA_TYPE_MASK,
    NLM,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    NLMSGHDR,
    NUD_PERMANENT,
    RT_SCOPE_LINK,
    RT_SCOPE_UNIVERSE,
    RT_TABLE_MAIN,
    RTA,
    RTM,
    RTMSG,
    RTN_UNICAST,
    RTNEXTHOP,
    RTNH_F_ONLINK,
    RTPROT_STATIC,
    SOL_NETLINK,
    VETH_INFO_PEER,
)

_BATCH = 64


class NetlinkError(OSError):
    """The kernel refused a message; `errno` and its own words say why."""


class Netlink:
    """A route-netlink socket of the network namespace that the caller is in when it is made."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
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
        length, kind, flags, _, _ = NLMSGHDR.unpack_from(data)
        number = -struct.unpack_from("<i", data, 16)[0]
        if kind != NLMSG_ERROR:
            return NetlinkError(errno.EPROTO, f"unexpected netlink message of type {kind}")
        if number == 0:
            return None
        text = os.strerror(number)
        if flags & NLM.ACK_TLVS and length > 40:  # the kernel explains
            size, attribute = struct.unpack_from("<HH", data, 36)
            if attribute == NLMSGERR_ATTR_MSG:
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
                length, kind, *_ = NLMSGHDR.unpack_from(data, offset)
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("<i", data, offset + 16)[0]
                    raise NetlinkError(number, os.strerror(number))
                found.append(data[offset : offset + length])
                offset += (length + 3) & ~3

    def close(self) -> None:
        self.socket.close()


def message(kind: int, body: bytes, *, create: bool = False, replace: bool = False, dump: bool = False) -> bytes:
    """A netlink request around a fixed header and attributes."""
    flags = NLM.REQUEST | (NLM.DUMP if dump else NLM.ACK)
    if create:
        flags |= NLM.CREATE | (NLM.REPLACE if replace else NLM.EXCL)
    return NLMSGHDR.pack(16 + len(body), kind, flags, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def attributes(data: memoryview, offset: int = 0) -> dict[int, memoryview]:
    """Split a run of attributes into type -> value."""
    found = {}
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("<HH", data, offset)
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _interface(index: int, name: str, mac: bytes, extra: bytes = b"") -> bytes:
    head = IFINFOMSG.pack(0, 0, index, 0, 0) + attribute(IFLA.IFNAME, text(name)) + attribute(IFLA.ADDRESS, mac)
    # One buffer is one packet on the wire; without it queues would count packets of 64 kB.
    return head + attribute(IFLA.GSO_MAX_SEGS, struct.pack("<I", 1)) + extra


def add_veth(ends: list[tuple[int, str, bytes]], peer_namespace: int) -> bytes:
    """A pair of virtual interfaces, down; each end is (index, name, MAC), the second is made in the namespace of that descriptor."""
    peer = attribute(VETH_INFO_PEER, _interface(*ends[1], attribute(IFLA.NET_NS_FD, struct.pack("<I", peer_namespace))))
    data = attribute(IFLA.LINKINFO, attribute(IFLA.INFO_KIND, text("veth")) + attribute(IFLA.INFO_DATA, peer))
    return message(RTM.NEWLINK, _interface(*ends[0], data), create=True)


def add_ifb(index: int, name: str) -> bytes:
    """An intermediate functional block: an interface through which arriving packets can be led."""
    body = IFINFOMSG.pack(0, 0, index, IFF_UP, IFF_UP) + attribute(IFLA.IFNAME, text(name))
    return message(RTM.NEWLINK, body + attribute(IFLA.LINKINFO, attribute(IFLA.INFO_KIND, text("ifb"))), create=True)


def set_link_up(index: int) -> bytes:
    return message(RTM.NEWLINK, IFINFOMSG.pack(0, 0, index, IFF_UP, IFF_UP))


def add_address(index: int, address: str) -> bytes:
    packed = socket.inet_aton(address)
    body = IFADDRMSG.pack(socket.AF_INET, 32, 0, RT_SCOPE_UNIVERSE, index)
    return message(RTM.NEWADDR, body + attribute(IFA.LOCAL, packed) + attribute(IFA.ADDRESS, packed), create=True)


def add_neighbour(index: int, address: str, mac: bytes) -> bytes:
    """A permanent entry, so that no address resolution runs in the fabric."""
    body = NDMSG.pack(socket.AF_INET, index, NUD_PERMANENT, 0, 0)
    return message(RTM.NEWNEIGH, body + attribute(NDA.DST, socket.inet_aton(address)) + attribute(NDA.LLADDR, mac), create=True)


def add_route(destination: str | None, next_hops: list[tuple[int, str | None]]) -> bytes:
    """A route to one address (None: to all) over equal-cost next hops, each (interface index, gateway or None if it is the end)."""
    scope = RT_SCOPE_UNIVERSE if next_hops[0][1] else RT_SCOPE_LINK
    flags = RTNH_F_ONLINK if len(next_hops) == 1 and scope == RT_SCOPE_UNIVERSE else 0
    prefix = 32 if destination else 0
    body = RTMSG.pack(socket.AF_INET, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, flags)
    if destination:
        body += attribute(RTA.DST, socket.inet_aton(destination))
    if len(next_hops) == 1:
        index, gateway = next_hops[0]
        body += attribute(RTA.OIF, struct.pack("<i", index))
        body += attribute(RTA.GATEWAY, socket.inet_aton(gateway)) if gateway else b""
    else:
        hops = b""
        for index, gateway in next_hops:
            via = attribute(RTA.GATEWAY, socket.inet_aton(gateway)) if gateway else b""
            hops += RTNEXTHOP.pack(RTNEXTHOP.size + len(via), RTNH_F_ONLINK, 0, index) + via
        body += attribute(RTA.MULTIPATH, hops)
    return message(RTM.NEWROUTE, body, create=True)
