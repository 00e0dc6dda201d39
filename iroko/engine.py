"""The one interface behind which a network runs, and the way to open it by name."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from iroko.errors import UnsupportedError
from iroko.flows import Flow
from iroko.names import check_name
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology

ENGINES = ("guest", "mininet")


@dataclass
class Clock:
    """How an engine's time ran against real time, and what it says of its own trustworthiness.

    Attributes:
        virtual_s: time that has passed in the network.
        real_s: real time that the engine took for it.
        lateness_s: how late the engine's loop woke at worst; 0 in virtual time.
        foreign_drops: packets lost outside the fabric's queues.
    """

    virtual_s: float = 0.0
    real_s: float = 0.0
    lateness_s: float = 0.0
    foreign_drops: int = 0
    warnings: list[str] = field(default_factory=list)


class Engine(Protocol):
    """A network that can be stepped.

    `begin_step` and `finish_step` are the two halves of `step`, so that several engines can run side by side.
    """

    topology: Topology
    clock: Clock

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        """Start an episode: no packet, connection or limit of the last one is left.

        Raises:
            UnsupportedError: the engine has no such transport.
        """
        ...

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """Set each host's limit, shape `(num_hosts,)` in bit/s, and let the interval start."""
        ...

    def finish_step(self) -> Snapshot:
        """Wait until the interval is over and say what happened in it."""
        ...

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """`begin_step`, then `finish_step`."""
        ...

    def close(self) -> None:
        """Undo exactly what was made; safe twice and after an error."""
        ...

    def describe(self) -> dict[str, str]:
        """What ran: kernel version, build and settings, for the manifest."""
        ...


def open_engine(name: str, topology: Topology, seed: int = 0) -> Engine:
    """Open the engine of this name for a topology.

    Args:
        name: `guest` (Linux in virtual time), `mininet` (this machine's kernel, in real time, needs root).
        seed: from it the guest draws its entropy; equal seeds and calls give equal runs there.

    Raises:
        InputError: no engine has this name.
        UnsupportedError: this machine lacks what the engine needs.
    """
    check_name("engine", name, ENGINES)
    if name == "guest":
        from iroko.guest.engine import GuestEngine

        return GuestEngine(topology, seed)
    from iroko.kernel.engine import MininetEngine

    return MininetEngine(topology)


def default_engine() -> str:
    """`guest` on x86-64 Linux; elsewhere there is none yet that needs no root."""
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        return "guest"
    raise UnsupportedError(
        f"the guest engine needs Linux on x86-64, this is {platform.system()} on {platform.machine()}: "
        "use --engine mininet (Linux, as root)"
    )
