"""The `mininet` engine: Mininet on this machine's kernel, in real time; needs root.

The network and its traffic live in a process of their own, so that packets flow while the agent thinks. When this process ends, by
whatever cause, the other sees the channel close and ends too, and the kernel takes namespaces, interfaces and queues with it.
"""

import contextlib
import socket
import subprocess
from collections.abc import Sequence

from iroko.engines.kernel.capabilities import check_topology, missing_transports, require_root
from iroko.engines.kernel.rates import check_rates
from iroko.engines.remote.channel import Channel
from iroko.engines.remote.engine import RemoteEngine
from iroko.errors import UnsupportedError
from iroko.flows import Flow, transports_of
from iroko.snapshot import Snapshot
from iroko.system.children import NEUTRAL_FOLDER, child_environment, python_command
from iroko.system.ownership import start_process
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
        check_rates(topology)
        check_topology(topology)
        self.network = _Process()
        channel = Channel(self.network.socket.fileno(), timeout_s)
        super().__init__(topology, channel, self.network.stop, self.network.last_words)

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        """See `Engine.reset`."""
        for line in missing_transports(transports_of(flows, transport)).values():
            raise UnsupportedError(line)
        return super().reset(flows, transport, seed)


class _Process:
    """The network's process and the near end of its channel."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        command = python_command("iroko.engines.kernel", str(theirs.fileno()))
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
                self._running, self.process = start_process(start)
        except BaseException:
            self.socket.close()
            raise

    def last_words(self) -> str:
        """What the process printed last, for an error; ends it."""
        self.socket.close()
        try:
            _, words = self.process.communicate(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._running.undo()
            return ""
        lines = words.decode(errors="replace").strip().splitlines()
        return f"; its last words: {lines[-1]}" if lines else ""

    def stop(self) -> None:
        """End the process; safe twice."""
        with contextlib.ExitStack() as steps:  # the next ones are done also when one of them fails
            if self.process.stderr:
                steps.callback(self.process.stderr.close)
            steps.callback(self._end)
            steps.callback(self.socket.close)

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_CLOSE_S)
        self._running.undo()
        self.process.wait()
