"""The output of a program whose reader has gone, as in `python -m iroko.doctor | head -1`."""

import errno
import os
import select
import signal
import sys
from contextlib import suppress
from typing import TextIO

UNREAD_CODE = 128 + signal.SIGPIPE
"""The exit code then: what a shell reports of programs that the signal ends."""


def is_broken_pipe(error: BaseException) -> bool:
    """Whether an error says that the reader of the output has gone; click and rich make a SystemExit of it."""
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return isinstance(cause, OSError) and cause.errno == errno.EPIPE


def is_unread(stream: TextIO) -> bool:
    """Whether a stream's reader has gone, or rich has noticed that and sends the rest to /dev/null."""
    try:
        found = os.fstat(stream.fileno())
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return os.path.samestat(found, os.stat(os.devnull)) or any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


def discard_output() -> None:
    """Let the rest of the output go nowhere, so that the interpreter's last flush does not fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(null, stream.fileno())
        os.close(null)
