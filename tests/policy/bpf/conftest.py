"""A machine whose kernel takes the learned control, and flows on its loopback interface."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from iroko.engines.kernel.namespaces import Namespace, write_settings
from iroko.engines.kernel.netlink import Netlink, set_link_up
from iroko.errors import UnsupportedError
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.bpf.support import choose_object, missing_capabilities


@pytest.fixture
def host() -> None:
    """Skip, saying why, where nothing can be deployed."""
    if os.geteuid() != 0:
        pytest.skip("iroko deploy needs root")
    try:
        choose_object()
    except UnsupportedError as error:
        pytest.skip(str(error))
    if missing := missing_capabilities():
        pytest.skip(f"this process lacks {', '.join(missing)}")
    if found := Deployment.find():
        found.close()
        pytest.skip("a policy is deployed on this machine already")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A network namespace with its own loopback interface."""
    made = Namespace()
    with made.inside():
        netlink = Netlink()
        netlink.send([set_link_up(1)])
        netlink.close()
    yield made
    made.close()


@contextmanager
def open_flow(namespace: Namespace, control: str = "iroko", receiver: str = "iroko", ecn: str = "2",
              mark: int = 0) -> Iterator[socket.socket]:  # fmt: skip
    """A connection over loopback that is read as fast as it can be; gives the sending socket.

    Args:
        ecn: the namespace's `tcp_ecn`; with 0 the far end has none.
        mark: the sender's SO_MARK.
    """
    with namespace.inside():
        write_settings({"ipv4/tcp_ecn": ecn})
        listener = socket.socket()
        sender = socket.socket()
    for made, name in ((listener, receiver), (sender, control)):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    sender.connect(listener.getsockname())
    accepted, _ = listener.accept()
    stop = threading.Event()

    def read() -> None:
        with suppress(OSError):
            while accepted.recv(1 << 20):
                pass

    def write() -> None:
        with suppress(OSError):
            while not stop.is_set():
                sender.send(bytes(1 << 18))
                stop.wait(0.001)

    threads = [threading.Thread(target=one, daemon=True) for one in (read, write)]
    for thread in threads:
        thread.start()
    try:
        yield sender
    finally:
        stop.set()
        sender.close()
        for thread in threads:
            thread.join(5)
        accepted.close()
        listener.close()


def control_of(sender: socket.socket) -> str:
    """The congestion control that a socket has now."""
    return sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).split(b"\0")[0].decode()
