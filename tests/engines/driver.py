"""An engine with shorthands for tests."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from iroko.engines.base import Engine
from iroko.engines.open import open_engine
from iroko.flows import Flow
from iroko.snapshot import Snapshot
from iroko.topology import Topology

FIFO = ("--set", "topology.host_queue=fifo")
"""Options for the engine `mininet`: not every host's kernel has `fq`."""


def fabric(engine: str, topology: Topology) -> Topology:
    """A topology that the engine can build on every machine: with FIFO hosts on a host's kernel."""
    return replace(topology, host_queue="fifo") if engine == "mininet" else topology


class Driver:
    """An engine with shorthands for tests."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.full = np.array(engine.topology.host_rates_bps)

    def run(self, flows: list[Flow], transport: str, steps: int, *, warm_up: int = 0, interval_s: float = 0.1,
            limits: np.ndarray | None = None) -> list[Snapshot]:  # fmt: skip
        """Reset, let `warm_up` steps pass, and return the snapshots of the next ones."""
        self.engine.reset(flows, transport, 1)
        snapshots = [self.engine.step(self.full if limits is None else limits, interval_s) for _ in range(warm_up + steps)]
        return snapshots[warm_up:]

    def goodput_bps(self, snapshots: list[Snapshot]) -> np.ndarray:
        """For each flow, shape `(num_flows,)`."""
        return sum(s.flow_bytes for s in snapshots) * 8 / sum(s.interval_s for s in snapshots)


def open_driver(name: str, topology: Topology) -> Iterator[Driver]:
    engine = open_engine(name, topology, seed=1)
    try:
        yield Driver(engine)
    finally:
        engine.close()


Open = Callable[[Topology], Driver]
