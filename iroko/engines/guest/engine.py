"""The `guest` engine: the kernel engine in a Linux kernel of its own, in virtual time."""

import sys

from iroko.engines.guest.machine import Machine
from iroko.engines.kernel import check_rates
from iroko.engines.remote.channel import Channel
from iroko.engines.remote.engine import RemoteEngine
from iroko.topology import Topology

_TIMEOUT_S = 120.0


class GuestEngine(RemoteEngine):
    """The network in a guest.

    Args:
        seed: of the guest's entropy; equal seeds and calls give equal runs, to the packet.
        timeout_s: real time without an answer after which the guest counts as hung and is ended.

    Raises:
        UnsupportedError: not Linux on x86-64, the guest kernel has not been built, or its shapers cannot hold a link's rate.
        EngineError: the guest did not come up; with the end of its console.
    """

    def __init__(self, topology: Topology, seed: int = 0, timeout_s: float = _TIMEOUT_S) -> None:
        check_rates(topology)
        self.machine = Machine([sys.executable, "-m", "iroko.engines.guest.server"], seed)
        machine = self.machine
        # In the middle of a step there is nothing worth waiting for; the guest's state is thrown away with it.
        super().__init__(topology, Channel(machine.channel, timeout_s), machine.stop, lambda: _last_words(machine))


def _last_words(machine: Machine) -> str:
    words = machine.console_end()
    return f"; the end of its console:\n{words}" if words else ""
