"""The `sim` engine: one simulation behind the interface that all engines have."""

from collections.abc import Sequence

from iroko.engines.base import Clock
from iroko.engines.sim.batch import Batch
from iroko.flows import Flow
from iroko.policy.format import Policy
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology


class SimEngine:
    """The network in the packet-level simulator.

    Attributes:
        batch: the same as a batch of one, see `Engine`.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.batch = Batch([topology], workers=1)

    @property
    def clock(self) -> Clock:
        """Virtual and real time."""
        return self.batch.clocks[0]

    def reset(self, flows: Sequence[Flow], transport: str, seed: int, policy: Policy | None = None) -> Snapshot:
        """See `Engine.reset`; `policy` is of the flows over `iroko` that name none, None: the built-in one."""
        self.batch.reset(0, flows, transport, seed, policy)
        return self._first(self.batch.snapshot())

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """See `Engine.begin_step`; the work is done in `finish_step`."""
        self.batch.begin_step(limits_bps[None], interval_s)

    def finish_step(self) -> Snapshot:
        """See `Engine.finish_step`."""
        return self._first(self.batch.finish_step())

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """See `Engine.step`."""
        self.begin_step(limits_bps, interval_s)
        return self.finish_step()

    def packet_hops(self) -> int:
        """How many wires packets have crossed since the last reset."""
        return self.batch.packet_hops()

    def close(self) -> None:
        """See `Engine.close`."""
        self.batch.close()

    def describe(self) -> dict[str, str]:
        """See `Engine.describe`."""
        return self.batch.describe()

    def _first(self, snapshot: Snapshot) -> Snapshot:
        """Of a batch's snapshot, whose arrays of flows stay as wide as the longest episode's so far."""
        return snapshot.row(0, int(self.batch.num_flows[0]))
