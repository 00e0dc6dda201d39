"""The `mininet` engine: Mininet on this machine's kernel, in real time; needs root.

The network and its traffic live in a process of their own, so that packets flow while the agent thinks. When this process ends, by
whatever cause, the other sees the channel close and ends too, and the kernel takes namespaces, interfaces and queues with it.
"""

import contextlib
import socket
import subprocess
from collections.abc import Sequence

from iroko.channel import Channel
from iroko.children import NEUTRAL_FOLDER, child_environment, python_command
from iroko.errors import UnsupportedError
from iroko.flows import Flow
from iroko.kernel.support import check_topology, missing_transports, require_root
from iroko.ownership import start_process
from iroko.remote import RemoteEngine
from iroko.snapshot import Snapshot
from iroko.topology import Topology

_TIMEOUT_S = 120.0
_CLOSE_S = 10.0


class MininetEngine(RemoteEngine):
    """The network on this machine's kernel.

    Args:
        timeout_s: real time without an answer after which the process of the network counts as hung and is ended.

    Raises:
        UnsupportedError: not root, or the kernel lacks a queue or delay that the topology needs.
    """

    def __init__(self, topology: Topology, timeout_s: float = _TIMEOUT_S) -> None:
        require_root()
        check_topology(topology)
        self._socket, theirs = socket.socketpair()
        command = python_command("iroko.kernel", str(theirs.fileno()))
        environment = child_environment()

        def start() -> "subprocess.Popen[bytes]":
            # A session of its own: the terminal's Ctrl-C reaches us only, and we close it in order.
            return subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, cwd=NEUTRAL_FOLDER, env=environment, start_new_session=True,
            )  # fmt: skip

        try:
            with theirs:
                # Where this process dies before it is on record, the other finds its channel closed, and ends.
                self._running, self._process = start_process(start)
        except BaseException:
            self._socket.close()
            raise
        super().__init__(topology, Channel(self._socket.fileno(), timeout_s), self._stop, self._last_words)

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        """See `Engine.reset`."""
        for line in missing_transports([transport]).values():
            raise UnsupportedError(line)
        return super().reset(flows, transport, seed)

    def _last_words(self) -> str:
        self._socket.close()
        try:
            _, words = self._process.communicate(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._running.undo()
            return ""
        lines = words.decode(errors="replace").strip().splitlines()
        return f"; its last words: {lines[-1]}" if lines else ""

    def _stop(self) -> None:
        with contextlib.ExitStack() as steps:  # the next ones are done also when one of them fails
            if self._process.stderr:
                steps.callback(self._process.stderr.close)
            steps.callback(self._end_process)
            steps.callback(self._socket.close)

    def _end_process(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_S)
        self._running.undo()
        self._process.wait()
