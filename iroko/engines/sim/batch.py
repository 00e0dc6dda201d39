"""Many simulations side by side: each interval is one call of compiled code on every core."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from iroko.engines.base import Clock
from iroko.engines.sim import layout as w
from iroko.engines.sim import measure, state
from iroko.engines.sim.code_cache import code_folder
from iroko.engines.sim.kernels import advance
from iroko.engines.sim.roster import Roster
from iroko.errors import ClosedError, EngineError, InputError
from iroko.flows import Flow
from iroko.policy.format import Policy
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.system.processes import count_processors
from iroko.topology import Topology

_MAX_TIME_NS = 1 << 46
_LINE = 16
_TOTALS = slice(measure.BYTES, measure.PACKETS + 1)
_HOST_TOTALS = slice(measure.ECHOES, measure.COUNTED + 1)


class Batch:
    """Simulations of topologies of one shape, each with flows, limits and a time of its own.

    Attributes:
        num_envs: how many simulations.
        num_flows: of each one's present episode, shape `(num_envs,)`.
        clocks: virtual and real time of each.
    """

    def __init__(self, topologies: Sequence[Topology], workers: int | None = None) -> None:
        """Make the simulations; `reset` gives each an episode.

        Args:
            topologies: one for each simulation; names and links have to be equal, rates, delays and queues may differ.
            workers: threads; None: one for each processor this process may use.

        Raises:
            InputError: no topology, or topologies of different shapes.
        """
        if not topologies:
            raise InputError("no topology: expected one for each simulation")
        first = topologies[0]
        for index, topology in enumerate(topologies):
            if topology.hosts != first.hosts or [p.name for p in topology.ports] != [p.name for p in first.ports]:
                raise InputError(f"topology {index}: expected the hosts and ports of topology 0")
        self.topologies = list(topologies)
        self.num_envs = len(topologies)
        self.num_flows = np.zeros(self.num_envs, dtype=np.int64)
        self.clocks = [Clock() for _ in topologies]
        self._layouts = {topology: state.Layout(topology) for topology in topologies}
        self._memories: Integers = np.zeros((self.num_envs, w.HEAD), dtype=np.int64)
        self._host_rates: Floats = np.array([topology.host_rates_bps for topology in topologies], dtype=float)
        self._most_queued = max(port.queue_bytes for topology in topologies for port in topology.ports)
        self._host_ports = np.array(first.host_ports)
        shape = (self.num_envs, measure.PORT_REPORT, first.num_ports)
        self._ports: Integers = np.zeros(shape, dtype=np.int64)
        self._totals: Integers = np.zeros((self.num_envs, 2, first.num_ports), dtype=np.int64)
        self._flows: Integers = np.zeros((self.num_envs, 2, 0), dtype=np.int64)
        self._hosts: Integers = np.zeros((self.num_envs, measure.HOST_REPORT, first.num_hosts), dtype=np.int64)
        self._host_totals: Integers = np.zeros((self.num_envs, 2, first.num_hosts), dtype=np.int64)
        self._limits = self._host_rates.copy()
        self._times: Integers = np.zeros(self.num_envs, dtype=np.int64)
        self._intervals: Floats = np.zeros(self.num_envs)
        workers = workers if workers is not None else count_processors()
        self._workers = max(1, min(workers, self.num_envs))
        self._pool = ThreadPoolExecutor(self._workers) if self._workers > 1 else None
        self._pending: tuple[Floats, float | Floats] | None = None
        self._closed = False

    def reset(self, index: int, flows: Sequence[Flow], transport: str, seed: int, policy: Policy | None = None) -> None:
        """Start an episode in one simulation; its row of the next `snapshot` is an empty interval.

        Args:
            transport, policy: of the flows that name none of their own; policy None: the built-in one.

        Raises:
            UnsupportedError: there is no such transport.
            ClosedError: the batch was closed.
        """
        self._expect_open()
        self._pending = None
        memory = self._layouts[self.topologies[index]].write(flows, Roster(flows, transport, policy), seed)
        self._store(index, memory)
        self.num_flows[index] = len(flows)
        most = int(self.num_flows.max())
        if self._flows.shape[2] < most:
            wider = np.zeros((self.num_envs, 2, most), dtype=np.int64)
            wider[:, 1] = -1
            wider[:, :, : self._flows.shape[2]] = self._flows
            self._flows = wider
        self._ports[index] = self._totals[index] = self._hosts[index] = self._host_totals[index] = 0
        self._flows[index, 0], self._flows[index, 1] = 0, -1
        self._limits[index] = self._host_rates[index]
        self._times[index], self._intervals[index] = 0, 0.0

    def begin_step(self, limits_bps: Floats, interval_s: float | Floats) -> None:
        """See `Batch.begin_step` of `iroko.engines.base`; the work is done in `finish_step`."""
        if self._pending is not None:
            raise EngineError("begin_step twice: call finish_step first")
        self._pending = limits_bps, interval_s

    def finish_step(self) -> Snapshot:
        """See `Batch.finish_step` of `iroko.engines.base`."""
        if self._pending is None:
            raise EngineError("finish_step without begin_step")
        pending, self._pending = self._pending, None
        return self.step(*pending)

    def step(self, limits_bps: Floats, interval_s: float | Floats) -> Snapshot:
        """Set the limits, let the interval pass everywhere, and say what happened.

        Args:
            limits_bps: shape `(num_envs, num_hosts)`.
            interval_s: of all, or of each, shape `(num_envs,)`.

        Raises:
            InputError: a limit or interval that cannot be simulated; nothing has happened then.
            EngineError: a simulation lost count of its packets, which is a bug; its numbers are not given out.
        """
        self._expect_open()
        limits = np.array(limits_bps, dtype=float).reshape(self._limits.shape)
        if not (np.isfinite(limits).all() and (limits > 0).all()):
            raise InputError("a limit is not a positive number of bit/s")
        intervals = np.empty(self.num_envs)
        intervals[:] = interval_s
        ends = self._times + np.rint(intervals * 1e9).astype(np.int64)
        if not (intervals > 0).all() or ends.max() > _MAX_TIME_NS:
            raise InputError(f"interval_s={interval_s}: expected more than 0, in all at most {_MAX_TIME_NS / 1e9:.0f} s")
        if float(intervals.max()) * 1e9 * self._most_queued >= 1 << 63:
            raise InputError(f"interval_s={intervals.max():g} with queues of {self._most_queued} bytes: their mean would overflow")
        started = time.perf_counter()
        changed = limits != self._limits
        costs = np.full(limits.shape, -1, dtype=np.int64)
        costs[changed] = state.byte_costs(limits[changed])
        before, host_before = self._totals, self._host_totals
        self._advance(costs, ends)
        self._totals, self._host_totals = self._ports[:, _TOTALS].copy(), self._hosts[:, _HOST_TOTALS].copy()
        self._ports[:, _TOTALS] -= before
        self._hosts[:, _HOST_TOTALS] -= host_before
        self._limits, self._times, self._intervals = limits, ends, intervals
        spent = (time.perf_counter() - started) / self.num_envs
        for clock, interval in zip(self.clocks, intervals.tolist(), strict=True):
            clock.virtual_s += interval
            clock.real_s += spent
        return self.snapshot()

    def _advance(self, costs: Integers, ends: Integers) -> None:
        """Carry every simulation to its end, growing rings on the way."""
        parts = [np.arange(worker, self.num_envs, self._workers) for worker in range(self._workers)]

        def carry(part: Integers) -> int:
            return int(advance(self._memories, part, costs, ends, self._ports, self._flows, self._hosts))

        while parts:
            results = list(self._pool.map(carry, parts)) if self._pool is not None and len(parts) > 1 else [carry(part) for part in parts]
            left = []
            for result, part in zip(results, parts, strict=True):
                if result >= len(part):
                    raise EngineError(f"simulation {part[result - len(part)]} lost count of its packets: please report this")
                if result >= 0:
                    # Only now, when no thread runs: the memories may move.
                    needed = state.words_to_grow(self._memories[part[result]])
                    if needed > (words := self._memories.shape[1]):
                        self._widen(max(needed, words + words // 4))  # in large pieces: rings come to their size one after the other
                    state.grow(self._memories[part[result]])
                    left.append(part[result:])
            parts = left

    def _store(self, index: int, memory: Integers) -> None:
        if len(memory) > self._memories.shape[1]:
            self._widen(len(memory))
        self._memories[index, : len(memory)] = memory

    def _widen(self, words: int) -> None:
        wider = _aligned(self.num_envs, words)
        wider[:, : self._memories.shape[1]] = self._memories
        self._memories = wider

    def snapshot(self) -> Snapshot:
        """The last interval of each; arrays as in `Snapshot` with a first axis of `num_envs`, of flows as many as the most have."""
        # One copy of each, of which the fields are parts.
        ports, hosts, flows = self._ports.copy(), self._hosts.copy(), self._flows.copy()
        connections = hosts[:, measure.CONNECTIONS]
        mean = ports[:, measure.QUEUE_AREA] / np.maximum(self._intervals * 1e9, 1)[:, np.newaxis]
        return Snapshot(
            time_s=self._times / 1e9,
            interval_s=self._intervals.copy(),
            port_bytes=ports[:, measure.BYTES],
            port_packets=ports[:, measure.PACKETS],
            port_drops=ports[:, measure.DROPPED],
            port_marks=ports[:, measure.MARKED],
            backlog_bytes=ports[:, measure.QUEUED],
            backlog_mean_bytes=mean,
            backlog_peak_bytes=ports[:, measure.QUEUE_PEAK],
            host_sent_bytes=ports[:, measure.BYTES][:, self._host_ports],
            host_received_bytes=hosts[:, measure.RECEIVED],
            limits_bps=self._limits.copy(),
            host_rtt_s=np.where(connections > 0, hosts[:, measure.RTT] / np.maximum(connections, 1) / 1e6, np.nan),
            host_echoes=hosts[:, measure.ECHOES],
            host_losses=hosts[:, measure.COUNTED],
            flow_bytes=flows[:, 0],
            flow_completion_s=np.where(flows[:, 1] < 0, np.nan, flows[:, 1] / 1e9),
        )

    def packet_hops(self) -> int:
        """How many wires packets have crossed since each one's last reset, summed: what a simulator's speed is counted in."""
        total = 0
        for memory in self._memories:
            start, end = int(memory[w.PORTS_AT]), int(memory[w.QUEUES_AT])
            total += int(memory[start + w.FIRST : end : w.PORT].sum())
        return total

    def describe(self) -> dict[str, str]:
        """Versions, for the manifest."""
        return {"engine": "sim", "numba": numba.__version__, "compiled": code_folder().name, "workers": str(self._workers)}

    def close(self) -> None:
        """End the threads; safe twice."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown()

    def _expect_open(self) -> None:
        if self._closed:
            raise ClosedError("the simulator is closed: open another one")


def _aligned(num: int, words: int) -> Integers:
    """Zeros of shape `(num, words or a little more)`; each row begins at a cache line, so that records do not straddle two."""
    words = -(-words // _LINE) * _LINE
    raw = np.zeros(num * words + _LINE, dtype=np.int64)
    skip = -(raw.ctypes.data // 8) % _LINE
    return raw[skip : skip + num * words].reshape(num, words)
