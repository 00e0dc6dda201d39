"""The one interface behind which a network runs, and the way to open it by name."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from iroko.errors import InputError
from iroko.flows import LEARNED, Flow
from iroko.names import check_name, list_names, show
from iroko.ownership import reclaim
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

THREADS = "IROKO_THREADS"
"""Environment variable: threads of one simulation, where several trainings share a machine. Results do not depend on it."""
ENGINES = ("guest", "mininet", "sim")
LATE_SHARE = 0.1
"""Of an interval: a step in real time that woke later than this is late, and its numbers are of a machine that stalled."""


@dataclass
class Clock:
    """How an engine's time ran against real time, and what it says of its own trustworthiness.

    Attributes:
        virtual_s: time that has passed in the network.
        real_s: real time that the engine took for it.
        lateness_s: how late the engine's loop woke at worst within a step; 0 in virtual time. This and what follows is known once the
            engine is closed.
        steps, late_steps: all steps in real time, and those in which it woke later than `LATE_SHARE` of the interval.
        foreign_drops: packets lost outside the fabric's queues.
    """

    virtual_s: float = 0.0
    real_s: float = 0.0
    lateness_s: float = 0.0
    steps: int = 0
    late_steps: int = 0
    foreign_drops: int = 0

    @classmethod
    def together(cls, clocks: Iterable["Clock"]) -> "Clock":
        """The sum of several, with the worst lateness."""
        known = list(clocks)
        values = {each.name: [getattr(clock, each.name) for clock in known] for each in fields(cls)}
        return cls(**{name: (max if name == "lateness_s" else sum)(each or [0]) for name, each in values.items()})

    @property
    def warnings(self) -> list[str]:
        """What to be wary of, a line each."""
        lines = []
        if self.late_steps:
            lines.append(
                f"this machine did not keep up with real time: in {self.late_steps:,} of {self.steps:,} steps its timers were more than "
                f"{LATE_SHARE:.0%} of the interval late, at worst {self.lateness_s * 1e3:,.0f} ms; stop what else runs on it, "
                "give a longer --interval or a lower --rate, or take --engine guest, which no load disturbs"
            )
        if self.foreign_drops:
            lines.append(f"{self.foreign_drops:,} packets were lost in this machine's own input queues, outside the fabric")
        return lines


class Engine(Protocol):
    """A network that can be stepped.

    `begin_step` and `finish_step` are the two halves of `step`, so that several engines can run side by side.
    """

    topology: Topology

    @property
    def clock(self) -> Clock:
        """How the time of all its episodes ran."""
        ...

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


class Batch(Protocol):
    """Many simulated networks of one shape that step together; snapshots have a first axis of `num_envs`.

    Attributes:
        num_flows: flows of each one's present episode, shape `(num_envs,)`; the snapshot's arrays of flows are as wide as the most, with
            0 bytes and NaN beyond a row's own.
    """

    num_envs: int
    num_flows: Integers
    clocks: list[Clock]

    def reset(self, index: int, flows: Sequence[Flow], transport: str, seed: int) -> None:
        """Start an episode in one network; its row of the next snapshot is an empty interval."""
        ...

    def step(self, limits_bps: Floats, interval_s: float | Floats) -> Snapshot:
        """Set the limits, shape `(num_envs, num_hosts)`, let an interval pass everywhere and say what happened."""
        ...

    def snapshot(self) -> Snapshot:
        """What was measured last."""
        ...

    def describe(self) -> dict[str, str]:
        """What ran."""
        ...

    def close(self) -> None:
        """End its threads; safe twice."""
        ...


def open_batch(topologies: Sequence[Topology], workers: int | None = None) -> Batch:
    """Open simulators that step together on all cores; only the engine `sim` has this.

    Args:
        topologies: one for each; hosts and links have to be equal, rates, delays and queues may differ.
        workers: threads; None: as many as the environment variable `IROKO_THREADS` says, or else one for each processor.
    """
    reclaim()
    _tell_first_use("sim")
    from iroko.sim.batch import Batch as SimBatch

    return SimBatch(topologies, _threads() if workers is None else workers)


def _threads() -> int | None:
    said = os.environ.get(THREADS, "")
    if said and (not said.isascii() or not said.isdigit() or len(said) > 4 or int(said) < 1):
        raise InputError(f"environment variable {THREADS}={show(said)}: expected a whole number of threads, 1 to 9999, or none")
    return int(said) if said else None


def open_engine(name: str, topology: Topology, seed: int = 0) -> Engine:
    """Open the engine of this name for a topology; what killed runs of this user have left on the machine is undone first.

    Args:
        name: `guest` (Linux in virtual time), `mininet` (this machine's kernel, in real time, needs root), `sim` (the packet-level
            simulator).
        seed: from it the guest draws its entropy; equal seeds and calls give equal runs there. The simulator needs none.

    Raises:
        InputError: no engine has this name.
        UnsupportedError: this machine lacks what the engine needs.
    """
    check_name("engine", name, ENGINES)
    reclaim()
    if name == "sim":
        _tell_first_use(name)
        from iroko.sim.engine import SimEngine

        return SimEngine(topology)
    if name == "guest":
        from iroko.guest.engine import GuestEngine

        return GuestEngine(topology, seed)
    from iroko.kernel.engine import MininetEngine

    return MininetEngine(topology)


def default_engine() -> str:
    """`guest` where it runs, on x86-64 Linux; elsewhere `sim`, which runs everywhere."""
    return "guest" if platform.system() == "Linux" and platform.machine() == "x86_64" else "sim"


def missing_transports(name: str, transports: Iterable[str]) -> dict[str, str]:
    """Which of these transports the engine of this name lacks here, each with a line that says what to do; for `mininet` as root."""
    transports = list(transports)
    if name == "sim":
        known = list_names("iroko.sim.transports")
        line = f"engine sim has no transport {{!r}}, only {', '.join(known)}: use engine guest, which has every one of Linux"
        return {transport: line.format(transport) for transport in transports if transport not in known}
    if LEARNED in transports:
        rest = missing_transports(name, [transport for transport in transports if transport != LEARNED])
        return rest | {LEARNED: f"engine {name} has no transport {LEARNED!r} yet: use engine sim"}
    if name == "mininet":
        from iroko.kernel import missing_transports as missing_in_kernel

        return missing_in_kernel(transports)
    return {}


def first_use(name: str) -> str | None:
    """What an engine has to do before it can start for the first time, and how long that takes, in words; None: nothing.

    Who asks tells it to the user; else opening the engine does, on standard error.
    """
    _asked.add(name)
    if name == "sim":
        from iroko.sim.compiled import is_compiled

        return None if is_compiled() else "compiling the simulator, once: about 15 seconds"
    return None


_asked: set[str] = set()
"""The engines whose first use has been asked for."""


def _tell_first_use(name: str) -> None:
    if name not in _asked and (work := first_use(name)) is not None:
        print(f"iroko: {work}", file=sys.stderr, flush=True)
