"""The ends of flows: sockets in the hosts' namespaces, served without blocking.

A system call is what traffic costs, so each end makes few: UDP hands the kernel 44 packets at once and lets the socket's buffer hold it
back; TCP writes large pieces and wakes for large reads, which discard what they count (`MSG_TRUNC`).
"""

import contextlib
import errno
import math
import select
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from iroko.engines.addressing import TCP_PORT
from iroko.engines.kernel.namespaces import Namespace
from iroko.engines.kernel.sockets import open_socket, set_congestion_control
from iroko.errors import EngineError
from iroko.flows import LEARNED, Flow

UDP_PAYLOAD_BYTES = 1472
ECN_TRANSPORTS = ("dctcp", LEARNED)
"""The transports for which switches mark; their packets alone can be marked."""
_UDP_SEGMENT, _UDP_SEGMENTS = 103, 44
_UDP_HEADER_BYTES, _LAST_MARK = 8, 1
_UDP_BUFFER_BYTES = 200_000
_UDP_SENDS = 16
"""In one go, more than the buffer holds: a port that empties it as fast as this process fills it must not keep it from all else."""
_SO_MEMINFO, _DROPS, _SO_ATTACH_FILTER = 55, 8, 26
_TCP_LOW_WATER_BYTES = 65_536
_SO_RCVBUFFORCE = 33
"""Accepted connections inherit a receive window that is large from the start (`iroko.engines.tcp_window`): what is left unread up to the
low-water mark does not close it."""
_TCP_PAYLOAD = bytes(1 << 18)
_UDP_PAYLOAD = bytes(UDP_PAYLOAD_BYTES * _UDP_SEGMENTS)
_SINK = bytearray(1 << 20)
_TCP_INFO_BYTES = 200
_UNCONNECTED = (2, 7)
"""The states SYN_SENT and CLOSE."""


class Poller(Protocol):
    """Where the ends register what they wait for."""

    def watch(self, descriptor: int, events: int, handler: Callable[[], None]) -> None: ...

    def forget(self, descriptor: int) -> None: ...

    def now_ns(self) -> int: ...


class End:
    """One flow in the kernel.

    Attributes:
        delivered: application bytes that have arrived since the episode began; right after `settle`.
        completion_s: from the flow's start to its last byte's arrival, or NaN.
        arrived: packets that have arrived, of UDP; right after `settle`.
        rtt_s, echoes, resent: what TCP's sender knows: its smoothed round-trip time, or NaN while it has none; since the episode began the
            packets that arrived with an ECN mark and the segments sent again; right after `ask`.
    """

    def __init__(self, flow: Flow, poller: Poller, source: Namespace, destination: Namespace) -> None:
        self.flow, self.poller, self.source, self.destination = flow, poller, source, destination
        self.sockets: list[socket.socket] = []
        self.delivered = self.arrived = self.echoes = self.resent = 0
        self.completion_s = self.rtt_s = math.nan
        self.left = flow.size_bytes if flow.size_bytes is not None else -1
        self.started_ns = 0

    def start(self) -> None:
        """Begin to send."""
        raise NotImplementedError

    def settle(self) -> None:
        """Bring `delivered` up to this moment."""
        raise NotImplementedError

    def ask(self) -> None:
        """Bring what the sender knows up to this moment; UDP's knows nothing."""

    def _arrived(self, count: int) -> None:
        self.delivered += count
        self._check_done()

    def _check_done(self) -> None:
        if self.delivered == self.flow.size_bytes:
            self.completion_s = (self.poller.now_ns() - self.started_ns) / 1e9
            self.ask()
            self.rtt_s = math.nan
            self.close()

    def close(self) -> None:
        """Close the sockets at once; TCP resets the connection, so that nothing of it lingers."""
        for made in self.sockets:
            self.poller.forget(made.fileno())
            if made.type == socket.SOCK_STREAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            made.close()
        self.sockets = []


class UdpEnd(End):
    """Datagrams of one packet each, as fast as the host's port takes them.

    The receiver refuses datagrams in a socket filter and counts refusals: no wake-up, no copy, and every datagram has the same size.
    Only the last one of a finite flow, which begins with a byte of its own, is let in, so that its arrival is known: packets of a flow
    keep their order. What is lost is not sent again, so a flow that lost anything does not complete.
    """

    def __init__(
        self, flow: Flow, poller: Poller, source: Namespace, destination: Namespace, address: str, source_address: str, port: int
    ) -> None:
        super().__init__(flow, poller, source, destination)
        self.receiver = open_socket(destination, socket.SOCK_DGRAM)
        self.sender = open_socket(source, socket.SOCK_DGRAM)
        self.sockets = [self.receiver, self.sender]
        self.sender.bind((source_address, port))
        self.receiver.bind((address, port))
        self.sender.connect((address, port))
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UDP_BUFFER_BYTES)
        self.sender.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, UDP_PAYLOAD_BYTES)
        self.last_bytes = 0
        _refuse_all_but_last(self.receiver)

    def start(self) -> None:
        self.started_ns = self.poller.now_ns()
        if self.flow.size_bytes is not None:
            self.poller.watch(self.receiver.fileno(), select.EPOLLIN, self._take_last)
        self.poller.watch(self.sender.fileno(), select.EPOLLOUT, self._send)

    def _send(self) -> None:
        try:
            for _ in range(_UDP_SENDS):
                if not self.left:
                    break
                sent = self.sender.send(self._last_datagrams() if 0 < self.left <= len(_UDP_PAYLOAD) else _UDP_PAYLOAD)
                if self.left > 0:
                    self.left -= sent
        except BlockingIOError:
            return
        if not self.left:
            self.poller.forget(self.sender.fileno())

    def _last_datagrams(self) -> bytes:
        datagrams = bytearray(self.left)
        datagrams[(self.left - 1) // UDP_PAYLOAD_BYTES * UDP_PAYLOAD_BYTES] = _LAST_MARK
        return bytes(datagrams)

    def _take_last(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.last_bytes = self.receiver.recv_into(_SINK)
            self.settle()

    def settle(self) -> None:
        if not self.sockets or not self.started_ns:
            return
        memory = self.receiver.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        refused = struct.unpack_from("<I", memory, 4 * _DROPS)[0]
        self.arrived = refused + (self.last_bytes > 0)
        self.delivered = refused * UDP_PAYLOAD_BYTES + self.last_bytes
        self._check_done()


def _refuse_all_but_last(receiver: socket.socket) -> None:
    """Attach a classic BPF program: of a datagram that begins with the mark keep everything, of any other nothing."""
    from ctypes import addressof, create_string_buffer

    load, skip, keep, refuse = (0x30, 0, 0, _UDP_HEADER_BYTES), (0x15, 0, 1, _LAST_MARK), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)
    program = create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in (load, skip, keep, refuse)))
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", 4, addressof(program)))


class Listener:
    """Accepts a host's connections and hands each to the flow that it belongs to."""

    def __init__(self, poller: Poller, namespace: Namespace, address: str, congestion_control: str, buffer_bytes: int) -> None:
        self.poller = poller
        self.socket = open_socket(namespace, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes // 2)
        set_congestion_control(self.socket, congestion_control)
        self.socket.bind((address, TCP_PORT))
        self.socket.listen(4096)
        self.expected: dict[tuple[str, int], TcpEnd] = {}
        poller.watch(self.socket.fileno(), select.EPOLLIN, self._accept)

    def _accept(self) -> None:
        try:
            while True:
                connection, peer = self.socket.accept()
                self.expected[peer].accepted(connection)
        except BlockingIOError:
            pass

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            self.poller.forget(self.socket.fileno())
            self.socket.close()


class TcpEnd(End):
    """A TCP connection, opened when the flow starts; the handshake counts as part of its completion time."""

    def __init__(self, flow: Flow, poller: Poller, source: Namespace, destination: Namespace, address: str, source_address: str, port: int,
                 listener: Listener, congestion_control: str, policy: int = 0) -> None:  # fmt: skip
        super().__init__(flow, poller, source, destination)
        self.address = address
        self.receiver: socket.socket | None = None
        self.low_water = 1
        self.sender = open_socket(source, socket.SOCK_STREAM)
        self.sockets = [self.sender]
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        set_congestion_control(self.sender, congestion_control)
        if policy:
            self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, policy)
        self.sender.bind((source_address, port))
        listener.expected[source_address, port] = self

    def start(self) -> None:
        self.started_ns = self.poller.now_ns()
        result = self.sender.connect_ex((self.address, TCP_PORT))
        if result not in (0, errno.EINPROGRESS):
            raise EngineError(f"flow {self.flow.source}->{self.flow.destination}: connect: {errno.errorcode.get(result, result)}")
        self.poller.watch(self.sender.fileno(), select.EPOLLOUT | select.EPOLLET, self._send)

    def _send(self) -> None:
        if failure := self.sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.receiver is None else 0:
            raise EngineError(f"flow {self.flow.source}->{self.flow.destination}: {errno.errorcode.get(failure, failure)}")
        try:
            while self.left:
                sent = self.sender.send(_TCP_PAYLOAD if self.left < 0 else _TCP_PAYLOAD[: self.left])
                if self.left > 0:
                    self.left -= sent
        except BlockingIOError:
            return
        self.poller.forget(self.sender.fileno())
        self.sender.shutdown(socket.SHUT_WR)

    def ask(self) -> None:
        if not self.sockets:
            return
        info = self.sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        if len(info) < _TCP_INFO_BYTES:
            raise EngineError("this kernel does not count ECN echoes (TCP_INFO is too short): expected Linux 4.18 or later")
        self.resent, self.echoes = struct.unpack_from("<I", info, 100)[0], struct.unpack_from("<I", info, 196)[0]
        self.rtt_s = math.nan if info[0] in _UNCONNECTED else struct.unpack_from("<I", info, 68)[0] / 1e6

    def accepted(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.receiver = connection
        self.sockets.append(connection)
        self._set_low_water(_TCP_LOW_WATER_BYTES)
        self.poller.watch(connection.fileno(), select.EPOLLIN, self.settle)

    def _set_low_water(self, count: int) -> None:
        """Wake when so many bytes have arrived, and for the last byte, behind which nothing else would wake us but the FIN."""
        assert self.receiver is not None
        if self.flow.size_bytes is not None:
            count = min(count, self.flow.size_bytes - self.delivered)
        if count != self.low_water:
            self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            self.low_water = count

    def settle(self) -> None:
        if self.receiver is None or not self.sockets:
            return
        try:
            while count := self.receiver.recv_into(_SINK, 0, socket.MSG_TRUNC):
                self._arrived(count)
                if not self.sockets:
                    return
        except BlockingIOError:
            self._set_low_water(_TCP_LOW_WATER_BYTES)
            return
        raise EngineError(f"flow {self.flow.source}->{self.flow.destination} ended after {self.delivered} bytes")
