"""A test double of the engine: fluid flows through first-come queues, so that the environment's tests need no guest.

Each host splits its limit evenly over its flows; each port serves what waits in it in proportion; the excess over the queue is
dropped and sent again. It has no round trips, so it is no model of any transport.
"""

from collections.abc import Callable, Sequence

import numpy as np

from iroko.engines.base import Clock
from iroko.errors import ClosedError, EngineError
from iroko.flows import Flow
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

FRAME_BYTES, PAYLOAD_BYTES = 1514, 1472
TICKS = 10
"""Parts of an interval that the fluid moves in."""


class FakeEngine:
    """An `iroko.engines.base.Engine`.

    Args:
        fail_at: number of the step, counted from 1 over all episodes, whose `finish_step` raises EngineError; None: none.

    Attributes:
        resets: the arguments of every `reset`.
        num_closes: how often `close` was called.
    """

    def __init__(self, topology: Topology, fail_at: int | None = None) -> None:
        self.topology = topology
        self.clock = Clock()
        self.fail_at = fail_at
        self.resets: list[tuple[tuple[Flow, ...], str, int]] = []
        self.num_closes = self.num_steps = 0
        self._pending: tuple[Floats, float] | None = None

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        if self.num_closes:
            raise ClosedError("reset after close")
        self.resets.append((tuple(flows), transport, seed))
        self._flows = list(flows)
        self._paths = [self.topology.static_path(flow.source, flow.destination) for flow in flows]
        self._sources = np.array([self.topology.host_index[flow.source] for flow in flows], dtype=int)
        self._waiting = np.zeros((self.topology.num_ports, len(flows)))  # frame bytes of each flow in each queue
        self._left = np.array([np.inf if flow.size_bytes is None else flow.size_bytes for flow in flows]) * FRAME_BYTES / PAYLOAD_BYTES
        self._missing = self._left.copy()
        self._completion_s = np.full(len(flows), np.nan)
        self._pending = None
        self._totals: dict[str, Floats] = {}
        self.time_s = 0.0
        return self._snapshot(0.0, np.array(self.topology.host_rates_bps))

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        assert self._pending is None and limits_bps.shape == (self.topology.num_hosts,)
        self._pending = limits_bps.copy(), interval_s

    def finish_step(self) -> Snapshot:
        assert self._pending is not None
        (limits_bps, interval_s), self._pending = self._pending, None
        self.num_steps += 1
        if self.num_steps == self.fail_at:
            raise EngineError(f"the fake engine was told to fail at step {self.fail_at}")
        self._totals = {}
        for _ in range(TICKS):
            self._tick(limits_bps, interval_s / TICKS)
        return self._snapshot(interval_s, limits_bps)

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        self.begin_step(limits_bps, interval_s)
        return self.finish_step()

    def close(self) -> None:
        self.num_closes += 1

    def describe(self) -> dict[str, str]:
        return {"engine": "fake"}

    def _add(self, name: str, index: int, size: int, amount: float) -> None:
        self._totals.setdefault(name, np.zeros(size))[index] += amount

    def _tick(self, limits_bps: Floats, tick_s: float) -> None:
        topology, num_ports, num_flows = self.topology, self.topology.num_ports, len(self._flows)
        active = np.array([flow.start_s < self.time_s + tick_s / 2 for flow in self._flows], dtype=bool) & (self._left > 0)
        shares = np.bincount(self._sources[active], minlength=topology.num_hosts)
        for flow in np.flatnonzero(active).tolist():
            host = self._sources[flow]
            amount = min(limits_bps[host] / shares[host] * tick_s / 8, self._left[flow])
            self._left[flow] -= amount
            self._waiting[self._paths[flow][0], flow] += amount
        self.time_s += tick_s
        for hop in range(max((len(path) for path in self._paths), default=0)):
            for port in {path[hop] for path in self._paths if hop < len(path)}:
                self._serve(port, tick_s)
        for port in range(num_ports):
            backlog = self._waiting[port].sum()
            self._add("mean", port, num_ports, backlog / TICKS)
            peaks = self._totals.setdefault("peak", np.zeros(num_ports))
            peaks[port] = max(peaks[port], backlog)
        for flow in range(num_flows):
            if self._missing[flow] <= 1e-6 and np.isnan(self._completion_s[flow]):
                self._completion_s[flow] = self.time_s - self._flows[flow].start_s

    def _serve(self, index: int, tick_s: float) -> None:
        port, waiting, num_ports = self.topology.ports[index], self._waiting[index], self.topology.num_ports
        backlog = waiting.sum()
        if backlog == 0:
            return
        served = waiting * min(1.0, port.rate_bps * tick_s / 8 / backlog)
        waiting -= served
        kept = min(1.0, port.queue_bytes / max(waiting.sum(), 1e-9))
        dropped = waiting * (1 - kept)
        waiting *= kept
        self._left += dropped
        self._add("bytes", index, num_ports, served.sum())
        self._add("drops", index, num_ports, dropped.sum() / FRAME_BYTES)
        if port.ecn_bytes is not None and waiting.sum() > port.ecn_bytes:
            self._add("marks", index, num_ports, served.sum() / FRAME_BYTES)
        for flow in np.flatnonzero(served).tolist():
            path = self._paths[flow]
            if index == path[-1]:
                self._missing[flow] -= served[flow]
                self._add("delivered", flow, len(self._flows), served[flow] * PAYLOAD_BYTES / FRAME_BYTES)
            else:
                self._waiting[path[path.index(index) + 1], flow] += served[flow]

    def _snapshot(self, interval_s: float, limits_bps: Floats) -> Snapshot:
        num_ports, num_hosts, num_flows = self.topology.num_ports, self.topology.num_hosts, len(self._flows)

        def whole(name: str, size: int) -> Integers:
            totals: Integers = np.rint(self._totals.get(name, np.zeros(size))).astype(np.int64)
            return totals

        port_bytes, flow_bytes = whole("bytes", num_ports), whole("delivered", num_flows)
        received = np.zeros(num_hosts, dtype=np.int64)
        np.add.at(received, [self.topology.host_index[flow.destination] for flow in self._flows], flow_bytes)
        # As over UDP.
        sent_packets = np.rint(port_bytes[list(self.topology.host_ports)] / FRAME_BYTES).astype(np.int64)
        arrived = np.zeros(num_hosts)
        np.add.at(arrived, self._sources, flow_bytes / PAYLOAD_BYTES)
        arrived_packets = np.rint(arrived).astype(np.int64)
        return Snapshot(
            time_s=self.time_s,
            interval_s=interval_s,
            port_bytes=port_bytes,
            port_packets=-(-port_bytes // FRAME_BYTES),
            port_drops=whole("drops", num_ports),
            port_marks=whole("marks", num_ports),
            backlog_bytes=np.rint(self._waiting.sum(axis=1)).astype(np.int64),
            backlog_mean_bytes=self._totals.get("mean", np.zeros(num_ports)).copy(),
            backlog_peak_bytes=whole("peak", num_ports),
            host_sent_bytes=port_bytes[list(self.topology.host_ports)],
            host_received_bytes=received,
            limits_bps=limits_bps,
            host_rtt_s=np.full(num_hosts, np.nan),
            host_echoes=np.zeros(num_hosts, dtype=np.int64),
            host_losses=sent_packets - arrived_packets,
            flow_bytes=flow_bytes,
            flow_completion_s=self._completion_s.copy(),
        )


def fake_opener(opened: list[FakeEngine]) -> Callable[[str, Topology, int], FakeEngine]:
    """A stand-in for `open_engine` that remembers what it opened."""

    def open_fake(name: str, topology: Topology, seed: int = 0) -> FakeEngine:
        opened.append(FakeEngine(topology))
        return opened[-1]

    return open_fake


def make_snapshot(topology: Topology, num_flows: int = 0, **values: object) -> Snapshot:
    """A snapshot of one second with zeros for what is not given; a list stands for an array."""
    ports, hosts = topology.num_ports, topology.num_hosts
    fields: dict[str, object] = {"time_s": 1.0, "interval_s": 1.0, "limits_bps": np.array(topology.host_rates_bps)}
    for name in ("port_bytes", "port_packets", "port_drops", "port_marks", "backlog_bytes", "backlog_peak_bytes"):
        fields[name] = np.zeros(ports, dtype=np.int64)
    fields["backlog_mean_bytes"] = np.zeros(ports)
    for name in ("host_sent_bytes", "host_received_bytes", "host_echoes", "host_losses"):
        fields[name] = np.zeros(hosts, dtype=np.int64)
    fields["host_rtt_s"] = np.full(hosts, np.nan)
    fields["flow_bytes"] = np.zeros(num_flows, dtype=np.int64)
    fields["flow_completion_s"] = np.full(num_flows, np.nan)
    for name, value in values.items():
        fields[name] = np.array(value) if isinstance(value, list) else value
    return Snapshot(**fields)  # type: ignore[arg-type]
