"""The `mininet` engine: Mininet on this machine's kernel, in real time; needs root.

The network and its traffic live in a process of their own, so that packets flow while the agent thinks. When this process ends, by
whatever cause, the other sees the channel close and ends too, and the kernel takes namespaces, interfaces and queues with it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from iroko.errors import UnsupportedError
from iroko.flows import Flow
from iroko.kernel.support import check_topology, missing_transports, require_root
from iroko.privileges import allowed_environment
from iroko.remote import Channel, RemoteEngine
from iroko.snapshot import Snapshot
from iroko.topology import Topology

_TIMEOUT_S = 120.0
_CLOSE_S = 10.0


class MininetEngine(RemoteEngine):
    """The network on this machine's kernel.

    Raises:
        UnsupportedError: not root, or the kernel lacks a queue or delay that the topology needs.
    """

    def __init__(self, topology: Topology) -> None:
        require_root()
        check_topology(topology)
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", "iroko.kernel", str(theirs.fileno())]
            environment = allowed_environment({"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)})
            # A session of its own: the terminal's Ctrl-C reaches us only, and we close it in order.
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env=environment, start_new_session=True,
            )  # fmt: skip
        self._socket = ours
        super().__init__(topology, Channel(ours.fileno(), _TIMEOUT_S), self._stop, self._last_words)

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
            return ""
        lines = words.decode(errors="replace").strip().splitlines()
        return f"; its last words: {lines[-1]}" if lines else ""

    def _stop(self) -> None:
        self._socket.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
