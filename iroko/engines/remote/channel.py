"""Framed messages over a byte channel: a kind (one byte), a length (four bytes) and the content."""

import contextlib
import os
import select
import struct

from iroko.errors import EngineError

_HEAD = struct.Struct("<cI")
_PIECE = 1 << 15
OPEN, RESET, STEP, DESCRIBE, CLOSE, SNAPSHOT, DONE, FAILED, DECISIONS = b"O", b"R", b"S", b"I", b"C", b"N", b"D", b"F", b"L"
_KINDS = (OPEN, RESET, STEP, DESCRIBE, CLOSE, SNAPSHOT, DONE, FAILED, DECISIONS)
_LONGEST = 1 << 28  # bytes of a message; the longest are schedules of flows


class Channel:
    """Framed messages over a descriptor that reads and writes bytes.

    Args:
        timeout_s: real time without a byte after which the other end counts as hung; None: wait for ever.
    """

    def __init__(self, descriptor: int, timeout_s: float | None = None) -> None:
        self.descriptor, self.timeout_s = descriptor, timeout_s
        # A write to one that hangs would else block for ever, however long the other may take.
        os.set_blocking(descriptor, timeout_s is None)
        self._read_ahead = b""
        self._poll = select.poll()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        data = memoryview(_HEAD.pack(kind, len(content)) + content)
        while data:
            self._wait(select.POLLOUT)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self.descriptor, data[:_PIECE]) :]

    def receive(self) -> tuple[bytes, bytes]:
        """The next message.

        Raises:
            EOFError: the other end has closed.
            TimeoutError: it said nothing for `timeout_s`.
            EngineError: what it said is no message.
        """
        kind, length = _HEAD.unpack(self._read(_HEAD.size))
        if kind not in _KINDS or length > _LONGEST:
            raise EngineError(f"the engine sent what is no message: kind {kind!r}, {length} bytes")
        return kind, self._read(length)

    def _read(self, size: int) -> bytes:
        # As much as there is in one call: in the guest a system call is dear, and a message is a head and a content.
        parts, have = [self._read_ahead], len(self._read_ahead)
        while have < size:
            self._wait(select.POLLIN)
            try:
                part = os.read(self.descriptor, _PIECE)
            except BlockingIOError:
                continue
            except OSError as error:  # a pseudo-terminal whose other end is closed
                raise EOFError(str(error)) from error
            if not part:
                raise EOFError("the other end closed the channel")
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self._read_ahead = data[size:]
        return data[:size]

    def _wait(self, events: int) -> None:
        if self.timeout_s is None:
            return
        self._poll.register(self.descriptor, events)
        ready = self._poll.poll(self.timeout_s * 1000)
        if not ready:
            raise TimeoutError(f"no answer for {self.timeout_s:g} s")
        if events == select.POLLOUT and ready[0][1] & select.POLLHUP:
            # A pseudo-terminal whose other end is closed and whose buffer is full is neither writable nor an error to write to.
            raise EOFError("the other end closed the channel")
