"""The engine on the kernel it runs on: fabric, traffic and counters, stepped. Runs in a process of its own, or in the guest."""

from collections.abc import Sequence

import numpy as np

from iroko.engines.base import LATE_SHARE, Clock
from iroko.engines.kernel.counters import open_counters
from iroko.engines.kernel.endpoints import ECN_TRANSPORTS
from iroko.engines.kernel.feedback import Feedback
from iroko.engines.kernel.network import Fabric
from iroko.engines.kernel.policies import DecisionLog, EpisodePolicies, number_policies
from iroko.engines.kernel.qdiscs import host_limit
from iroko.engines.kernel.traffic import Traffic
from iroko.errors import EngineError
from iroko.flows import LEARNED, UDP, Flow, expect_udp_alone, transports_of
from iroko.policy.builtin import dctcp_like
from iroko.policy.log import Decisions
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology

_REAL_TIME_BURST_S = 250e-6
_EPISODE_GRID_NS = 4_096_000_000
"""In virtual time an episode begins at a multiple of this. The kernel rounds the ends of timers of up to 258 s to multiples of 4,096 ticks
of 1 ms and of whole fractions of it, so every timer of an episode ends at the same time relative to its start."""
_SEED_PATH = "/proc/iroko_seed"
"""The guest kernel's own: from a write on, all random numbers follow from the number written."""
_MAX_SEED = 2**64 - 1


class KernelEngine:
    """An `Engine` on this kernel, which needs root in it.

    Args:
        virtual: whether time stands still while nobody steps (the guest); else the traffic goes on between steps, unmeasured, and
            shapers allow a burst of 250 us because timers wake late.
    """

    def __init__(self, topology: Topology, virtual: bool) -> None:
        self.topology, self.virtual, self.clock = topology, virtual, Clock()
        self.burst_s = 0.0 if virtual else _REAL_TIME_BURST_S
        self.fabric = Fabric(topology, self.burst_s, jitter=virtual)
        try:
            nodes = self.fabric.nodes
            ports = [(nodes[port.owner].namespace, self.fabric.interfaces[i]) for i, port in enumerate(topology.ports)]
            sockets = {node.namespace.inode: node.netlink for node in nodes.values()}
            self.counters = open_counters(ports, sockets, self.fabric.bpf_marks)
            self.traffic = Traffic(self.fabric, watch_lateness=not virtual)
        except BaseException:
            self.fabric.close()
            raise
        self.decisions, self.policies = DecisionLog(), EpisodePolicies()
        self.limits = np.array(topology.host_rates_bps)
        self.began_ns = self.last_ns = self.planned_ns = 0
        self.drops_before = _backlog_drops()
        self.delivered = np.zeros(0, dtype=np.int64)
        self.receivers = np.zeros(0, dtype=np.int64)
        self.feedback = Feedback(topology, [], UDP)
        self.host_ports = np.array(topology.host_ports)

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        """See `Engine.reset`."""
        expect_udp_alone(flows, transport)
        named = transports_of(flows, transport)
        self.traffic.close_flows()
        self._set_limits(np.array(self.topology.host_rates_bps))
        self._drain()
        self.fabric.forget_flows()
        self.fabric.set_marking(any(name in ECN_TRANSPORTS for name in named))
        if self.virtual:
            self.fabric.set_jitter(seed if UDP in named else None)
            _seed_kernel(seed)
        policies, policy_of_flows = number_policies(flows, transport)
        if LEARNED in named:
            first = self.policies.load(policies or [dctcp_like()])
            policy_of_flows = [first + number for number in policy_of_flows]
        self.traffic.open(flows, transport, seed, policy_of_flows)
        self.feedback = Feedback(self.topology, self.traffic.ends, named[0])
        self.delivered = np.zeros(len(flows), dtype=np.int64)
        self.receivers = np.array([self.topology.host_index[flow.destination] for flow in flows], dtype=np.int64)
        start_ns = self.traffic.now_ns()
        if self.virtual:
            start_ns += _EPISODE_GRID_NS - start_ns % _EPISODE_GRID_NS
            self.traffic.run(start_ns)
        self.began_ns = self.last_ns = self.planned_ns = start_ns
        self.traffic.begin(self.began_ns)
        self.counters.begin(self.began_ns)
        return self._measure(self.began_ns)

    def _drain(self) -> None:
        """Let time pass until no packet of the last episode is left."""
        ports = self.topology.ports
        longest_s = sum(sorted((port.queue_bytes * 8 / port.rate_bps + port.delay_s for port in ports), reverse=True)[:8])
        in_flight_s = 8 * max(port.delay_s for port in ports) + 0.01
        end_ns = self.traffic.now_ns() + round((longest_s + 10) * 1e9)
        while (self.counters.backlog() > 0).any():
            if self.traffic.now_ns() > end_ns:
                raise EngineError("packets of the last episode are still in the fabric's queues")
            self.traffic.run(self.traffic.now_ns() + 20_000_000)
        self.traffic.run(self.traffic.now_ns() + round(in_flight_s * 1e9))

    def _set_limits(self, limits_bps: Floats) -> None:
        for host, index in zip(self.topology.hosts, range(len(limits_bps)), strict=True):
            if limits_bps[index] != self.limits[index]:
                interface = self.fabric.interfaces[self.topology.host_ports[index]]
                self.fabric.nodes[host].netlink.send([host_limit(interface, float(limits_bps[index]), self.burst_s)])
        self.limits = limits_bps.copy()

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """See `Engine.step`."""
        self._set_limits(limits_bps)
        start_ns = self.last_ns
        if not self.virtual:
            start_ns = self.planned_ns = self.traffic.now_ns()
            self.traffic.lateness_ns = 0  # between steps nothing is measured
            self._count()
            self.feedback.begin()
            self.counters.begin(start_ns)
        # In virtual time ends are planned from the last planned end, so that nothing that delays one adds up.
        end_ns = self.planned_ns = self.planned_ns + round(interval_s * 1e9)
        for sample in range(1, self.counters.samples):
            self.traffic.run(start_ns + (end_ns - start_ns) * sample // self.counters.samples)
            self.counters.sample(self.traffic.now_ns())
        self.traffic.run(end_ns)
        snapshot = self._measure(start_ns)
        self.clock.virtual_s += interval_s
        if not self.virtual:
            self._note_lateness(self.traffic.lateness_ns / 1e9, interval_s)
        return snapshot

    def _note_lateness(self, lateness_s: float, interval_s: float) -> None:
        self.clock.steps += 1
        self.clock.late_steps += lateness_s > LATE_SHARE * interval_s
        self.clock.lateness_s = max(self.clock.lateness_s, lateness_s)

    def _count(self) -> np.ndarray:
        """Application bytes delivered for each flow since this was last asked."""
        self.traffic.settle()
        totals = np.array([end.delivered for end in self.traffic.ends], dtype=np.int64)
        fresh, self.delivered = totals - self.delivered, totals
        return fresh

    def _measure(self, start_ns: int) -> Snapshot:
        fresh = self._count()
        now_ns = self.traffic.now_ns()
        ports = self.counters.end(now_ns)
        if self.virtual:
            now_ns = self.planned_ns  # the same, unless something in the guest polls the clock
        self.last_ns = now_ns
        rtt_s, echoes, losses = self.feedback.end(ports.packets[self.host_ports])
        received = np.bincount(self.receivers, weights=fresh, minlength=self.topology.num_hosts).astype(np.int64)
        return Snapshot(
            time_s=(now_ns - self.began_ns) / 1e9,
            interval_s=(now_ns - start_ns) / 1e9,
            port_bytes=ports.bytes,
            port_packets=ports.packets,
            port_drops=ports.drops,
            port_marks=ports.marks,
            backlog_bytes=ports.backlog,
            backlog_mean_bytes=ports.backlog_mean,
            backlog_peak_bytes=ports.backlog_peak,
            host_sent_bytes=ports.bytes[self.host_ports],
            host_received_bytes=received,
            limits_bps=self.limits.copy(),
            host_rtt_s=rtt_s,
            host_echoes=echoes,
            host_losses=losses,
            flow_bytes=fresh,
            flow_completion_s=np.array([end.completion_s for end in self.traffic.ends]),
        )

    def idle(self, stop: int) -> None:
        """In real time, serve the flows until the descriptor `stop` can be read."""
        if not self.virtual:
            self.traffic.run(None, stop)

    def read_decisions(self) -> Decisions:
        """The decisions of flows over `iroko` since this was last called; the log begins with the first call, which gives none."""
        return self.decisions.read()

    def report(self) -> Clock:
        """The clock, with drops outside the fabric's queues counted."""
        self.clock.foreign_drops = _backlog_drops() - self.drops_before
        return self.clock

    def close(self) -> None:
        """Undo what was made."""
        self.traffic.close()
        self.decisions.close()
        self.policies.close()
        self.counters.close()
        self.fabric.close()


def _seed_kernel(seed: int) -> None:
    with open(_SEED_PATH, "w") as file:
        file.write(str(seed & _MAX_SEED))


def _backlog_drops() -> int:
    """Packets that the kernel's own input queues have lost, on all processors."""
    try:
        with open("/proc/net/softnet_stat") as file:
            return sum(int(line.split()[1], 16) for line in file)
    except FileNotFoundError:
        return 0
