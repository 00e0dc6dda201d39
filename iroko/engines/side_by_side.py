"""Engines of one network each, side by side, as a batch: begin the interval in all, then wait for all.

A guest runs in a process of its own, so all guests of a batch run at once. This module alone decides how the
others go on when one engine fails.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from iroko.engines.base import Batch, Clock, Engine
from iroko.errors import ClosedError, EngineError, IrokoError
from iroko.flows import Flow
from iroko.registry import check_name
from iroko.snapshot import Floats, Integers, Snapshot

ON_FAILURE = ("end", "replace")


@dataclass
class Slot:
    """The place of one engine.

    Attributes:
        open: opens an engine with a seed; None: the engine was given, and its owner closes it.
        seed: of the engine to open.
        engine: None: not opened yet, or closed.
        num_episodes: episodes that the present engine has begun.
        is_replacement: whether it took the place of one that failed.
    """

    open: Callable[[int], Engine] | None
    seed: int = 0
    engine: Engine | None = None
    num_episodes: int = 0
    is_replacement: bool = False

    def close(self) -> None:
        """Close the engine, unless it was given; safe twice."""
        if self.engine is not None and self.open is not None:
            engine, self.engine = self.engine, None
            engine.close()


class SideBySide:
    """An `iroko.engines.base.Batch` of engines.

    An engine that fails ends all, and the error names its environment. With `on_failure="replace"` the others go on: `failures` has the
    error, the row of the engine repeats its last snapshot, and `replace` opens a new engine for its next episode. One that fails before
    the end of the first episode of a new engine ends all.

    Attributes:
        num_envs: how many engines.
        slots: their places.
        failures: the error of each engine that has failed and was not replaced yet, by its index.
    """

    def __init__(self, slots: Sequence[Slot], on_failure: str = "end") -> None:
        """Take the places; an engine is opened at its first `reset`.

        Args:
            on_failure: `end` or `replace`.
        """
        self.slots = list(slots)
        self.num_envs = len(self.slots)
        self.failures: dict[int, EngineError] = {}
        self._replaces = check_name("on_failure", on_failure, ON_FAILURE) == "replace"
        self._rows: list[Snapshot | None] = [None] * self.num_envs
        self._only: Batch | None = None

    @property
    def num_flows(self) -> Integers:
        """Flows of each one's present episode, shape `(num_envs,)`."""
        return np.array([0 if row is None else len(row.flow_bytes) for row in self._rows], dtype=np.int64)

    @property
    def clocks(self) -> list[Clock]:
        """How the time of each open engine ran."""
        return [slot.engine.clock for slot in self.slots if slot.engine is not None]

    def reset(self, index: int, flows: Sequence[Flow], transport: str, seed: int) -> None:
        """See `Batch.reset`; opens the engine where there is none yet."""
        slot = self.slots[index]
        with self._guarding(index, is_expected=slot.num_episodes > 0):
            if slot.engine is None:
                assert slot.open is not None, "a given engine is there"
                slot.engine = slot.open(slot.seed)
            if self.num_envs == 1 and not self._replaces:
                self._only = getattr(slot.engine, "batch", None)
            slot.num_episodes += 1
            self._rows[index] = slot.engine.reset(flows, transport, seed)

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """See `Batch.begin_step`."""
        if self._only is not None:
            self._only.begin_step(limits_bps, interval_s)
            return
        for index, slot in enumerate(self.slots):
            with self._guarding(index, slot.num_episodes > 1 or not slot.is_replacement):
                if index not in self.failures:
                    self._engine(index).begin_step(limits_bps[index], interval_s)

    def finish_step(self) -> Snapshot:
        """See `Batch.finish_step`."""
        if self._only is not None:
            return self._only.finish_step()
        for index, slot in enumerate(self.slots):
            with self._guarding(index, slot.num_episodes > 1 or not slot.is_replacement):
                if index not in self.failures:
                    self._rows[index] = self._engine(index).finish_step()
        return self.snapshot()

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """See `Batch.step`."""
        self.begin_step(limits_bps, interval_s)
        return self.finish_step()

    def snapshot(self) -> Snapshot:
        """See `Batch.snapshot`."""
        if self._only is not None:
            return self._only.snapshot()
        return Snapshot.stack([row for row in self._rows if row is not None])

    def replace(self, index: int, seed: int) -> None:
        """Let the next `reset` of one that has failed open a new engine.

        Args:
            seed: of the new engine.

        Raises:
            ClosedError: the engine was given, so another one has to be given too.
        """
        slot = self.slots[index]
        with self._guarding(index, is_expected=False):
            if slot.open is None:
                raise ClosedError("the environment's engine was given: make a new environment with an engine that works")
        self.slots[index] = Slot(slot.open, seed, is_replacement=True)
        del self.failures[index]

    def describe(self) -> dict[str, str]:
        """What ran in the first of them."""
        return self._engine(0).describe()

    def close(self) -> None:
        """Close every engine that was opened here, also when closing one of them fails; safe twice."""
        failures = []
        for slot in self.slots:
            try:
                slot.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _engine(self, index: int) -> Engine:
        engine = self.slots[index].engine
        if engine is None:
            raise ClosedError("the engine is not open: call reset first")
        return engine

    @contextmanager
    def _guarding(self, index: int, is_expected: bool) -> Iterator[None]:
        """Record the failure of an engine that is to be replaced; in any other error, name the environment.

        Args:
            is_expected: whether a failure here may be followed by a replacement.
        """
        try:
            yield
        except BaseException as error:
            if self._replaces and is_expected and isinstance(error, EngineError):
                self.failures[index] = error
                self.slots[index].close()
                return
            if self.num_envs == 1:
                raise
            if isinstance(error, IrokoError):
                raise type(error)(f"environment {index}: {error}") from error
            error.add_note(f"in environment {index} of {self.num_envs}")
            raise
