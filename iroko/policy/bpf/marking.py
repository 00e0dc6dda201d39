"""Marks at the queues of interfaces, for kernels without RED."""

import ctypes
import os
import socket
import struct
from pathlib import Path

from iroko.policy.bpf.libbpf import Object, call

_PROGRAM = Path(__file__).parent / "mark.bpf.o"
_BPF_TCX_EGRESS = 47
_SO_NETNS_COOKIE = 71
_KEY, _VALUE = struct.Struct("<QII"), struct.Struct("<QQ")


class Marking:
    """Interfaces that mark packets which find more than a threshold in their queue, until `close` or the end of this process.

    Raises:
        BpfError: this kernel (before Linux 6.6) or process cannot.
    """

    def __init__(self) -> None:
        self._object = Object(_PROGRAM)
        self._links: list[int] = []
        try:
            self._object.load()
            self._program = self._object.program_descriptor("iroko_mark_port")
            self._map = self._object.map_descriptor("iroko_marks")
        except BaseException:
            self._object.close()
            raise

    def add(self, interface: int, threshold_bytes: int) -> bytes:
        """Let an interface of the caller's namespace mark; returns the port's key."""
        with socket.socket() as made:
            cookie = struct.unpack("<Q", made.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8))[0]
        key = _KEY.pack(cookie, interface, 0)
        call("threshold of a port", "bpf_map_update_elem", self._map, key, _VALUE.pack(threshold_bytes, 0), 0)
        link = call("marking at a port (Linux 6.6 or later)", "bpf_link_create", self._program, interface, _BPF_TCX_EGRESS, None)
        self._links.append(link)
        return key

    def count(self, key: bytes) -> int:
        """The packets that a port has marked."""
        value = ctypes.create_string_buffer(_VALUE.size)
        call("marks of a port", "bpf_map_lookup_elem", self._map, key, value)
        return int(_VALUE.unpack(value.raw)[1])

    def close(self) -> None:
        """Detach everything; safe twice."""
        while self._links:
            os.close(self._links.pop())
        self._object.close()
