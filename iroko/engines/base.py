"""The interface behind which networks run: `Engine` for one, `Batch` for several that step together, and the `Clock` of either."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from iroko.flows import Flow
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

LATE_SHARE = 0.1
"""Of an interval: a step in real time that woke later than this is late, and its numbers are of a machine that stalled."""


@dataclass
class Clock:
    """How an engine's time ran against real time, and what casts doubt on its measurements.

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

    An engine that is a batch of one inside has it as an attribute `batch`, so that nobody takes its snapshots apart and together again.
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
        """Wait until the interval is over and return its measurements."""
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
    """Networks of one shape that step together; snapshots have a first axis of `num_envs`.

    The simulator has many in one; `iroko.engines.side_by_side.SideBySide` makes one of any engines.

    Attributes:
        num_envs: how many networks.
    """

    num_envs: int

    @property
    def num_flows(self) -> Integers:
        """Flows of each one's present episode, shape `(num_envs,)`.

        The snapshot's arrays of flows are as wide as the most, with 0 bytes and NaN beyond a row's own.
        """
        ...

    @property
    def clocks(self) -> list[Clock]:
        """How the time of each ran."""
        ...

    def reset(self, index: int, flows: Sequence[Flow], transport: str, seed: int) -> None:
        """Start an episode in one network; its row of the next snapshot is an empty interval."""
        ...

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """Set the limits, shape `(num_envs, num_hosts)` in bit/s, and let the interval start everywhere."""
        ...

    def finish_step(self) -> Snapshot:
        """Wait until the interval is over everywhere and return what happened in it."""
        ...

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """`begin_step`, then `finish_step`."""
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
