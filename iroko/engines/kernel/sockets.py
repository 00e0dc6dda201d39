"""Sockets in the hosts' namespaces, and their TCP congestion controls."""

import errno
import socket

from iroko.engines.kernel.namespaces import Namespace
from iroko.errors import UnsupportedError
from iroko.flows import LEARNED


def open_socket(namespace: Namespace, kind: int) -> socket.socket:
    """Make a socket, which stays in the namespace it is made in."""
    with namespace.inside():
        made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    return made


def set_congestion_control(made: socket.socket, name: str) -> None:
    """Choose a TCP congestion control.

    Raises:
        UnsupportedError: the kernel has none of this name.
    """
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EPERM):
            raise
        raise UnsupportedError(missing_congestion_control(name)) from error


def missing_congestion_control(name: str) -> str:
    """The line that explains how to get a congestion control."""
    if name == LEARNED:
        return f"this kernel has no transport {name!r}: load it with `iroko deploy POLICY`, or use --engine guest or --engine sim"
    return (
        f"this kernel has no TCP congestion control {name!r}: load it with `modprobe tcp_{name}` "
        "(Debian: in linux-image), or use --engine guest, which has every one"
    )
