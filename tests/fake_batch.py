"""A test double of the simulator's batch: test doubles of the engine in a row, their snapshots stacked and padded."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from iroko.engines.base import Clock
from iroko.flows import Flow
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology
from tests.fake_engine import FakeEngine

PADDING = {"flow_bytes": 0, "flow_completion_s": np.nan}


class FakeBatch:
    """An `iroko.engines.base.Batch`.

    Args:
        extra_columns: columns of padding beyond what the longest episode needs.

    Attributes:
        engines: those of the environments.
        num_closes: how often `close` was called.
    """

    def __init__(self, topologies: Sequence[Topology], extra_columns: int = 0) -> None:
        self.engines: list[FakeEngine] = [FakeEngine(topology) for topology in topologies]
        self.extra_columns = extra_columns
        self.num_envs = len(self.engines)
        self.num_closes = 0
        self._rows: list[Snapshot | None] = [None] * self.num_envs

    @property
    def num_flows(self) -> npt.NDArray[np.int64]:
        return np.array([0 if row is None else len(row.flow_bytes) for row in self._rows])

    @property
    def clocks(self) -> list[Clock]:
        return [engine.clock for engine in self.engines]

    def reset(self, index: int, flows: Sequence[Flow], transport: str, seed: int) -> None:
        self._rows[index] = self.engines[index].reset(flows, transport, seed)

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        self._pending = limits_bps, interval_s

    def finish_step(self) -> Snapshot:
        return self.step(*self._pending)

    def step(self, limits_bps: Floats, interval_s: Floats | float) -> Snapshot:
        intervals_s = np.broadcast_to(np.asarray(interval_s, dtype=float), self.num_envs).tolist()
        self._rows = [engine.step(*parts) for engine, *parts in zip(self.engines, limits_bps, intervals_s, strict=True)]
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        rows = [row for row in self._rows if row is not None]
        assert len(rows) == self.num_envs, "reset every environment first"
        width = int(self.num_flows.max()) + self.extra_columns
        fields = {}
        for field in dataclasses.fields(Snapshot):
            values = [np.asarray(getattr(row, field.name)) for row in rows]
            if field.name in PADDING:
                values = [np.pad(value, (0, width - len(value)), constant_values=PADDING[field.name]) for value in values]
            fields[field.name] = np.stack(values)
        return Snapshot(**fields)

    def describe(self) -> dict[str, str]:
        return {"engine": "fake"}

    def close(self) -> None:
        self.num_closes += 1
        for engine in self.engines:
            engine.close()


def fake_batch_opener(opened: list[FakeBatch]) -> Callable[[Sequence[Topology]], FakeBatch]:
    """A stand-in for `open_batch` that remembers what it opened."""

    def open_fake(topologies: Sequence[Topology], workers: int | None = None) -> FakeBatch:
        opened.append(FakeBatch(topologies))
        return opened[-1]

    return open_fake
