"""The `sim` engine: one simulation behind the interface that all engines have."""

from collections.abc import Sequence

from iroko.engines.base import Clock
from iroko.engines.sim.batch import Batch
from iroko.errors import EngineError
from iroko.flows import Flow
from iroko.policy.format import Policy
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology


class SimEngine:
    """The network in the packet-level simulator."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._batch = Batch([topology], workers=1)
        self._pending: tuple[Floats, float] | None = None

    @property
    def clock(self) -> Clock:
        """Virtual and real time."""
        return self._batch.clocks[0]

    def reset(self, flows: Sequence[Flow], transport: str, seed: int, policy: Policy | None = None) -> Snapshot:
        """See `Engine.reset`; `policy` is of the flows over `iroko` that name none, None: the built-in one."""
        self._pending = None
        self._batch.reset(0, flows, transport, seed, policy)
        return self._first(self._batch.snapshot())

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """See `Engine.begin_step`; the work is done in `finish_step`."""
        if self._pending is not None:
            raise EngineError("begin_step twice: call finish_step first")
        self._pending = (limits_bps, interval_s)

    def finish_step(self) -> Snapshot:
        """See `Engine.finish_step`."""
        if self._pending is None:
            raise EngineError("finish_step without begin_step")
        pending, self._pending = self._pending, None
        return self._first(self._batch.step(pending[0][None], pending[1]))

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """See `Engine.step`."""
        self.begin_step(limits_bps, interval_s)
        return self.finish_step()

    def packet_hops(self) -> int:
        """How many wires packets have crossed since the last reset."""
        return self._batch.packet_hops()

    def close(self) -> None:
        """See `Engine.close`."""
        self._batch.close()

    def describe(self) -> dict[str, str]:
        """See `Engine.describe`."""
        return self._batch.describe()

    def _first(self, snapshot: Snapshot) -> Snapshot:
        """The first simulation's part of a batch's snapshot, whose arrays of flows stay as wide as the longest episode's so far."""
        parts = {name: value[0] for name, value in vars(snapshot).items()}
        own = {name: parts[name][: self._batch.num_flows[0]] for name in ("flow_bytes", "flow_completion_s")}
        return Snapshot(**parts | own | {"time_s": float(parts["time_s"]), "interval_s": float(parts["interval_s"])})
