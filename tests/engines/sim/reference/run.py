"""An episode of the reference: made from a topology and flows, stepped and measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from iroko.engines.jitter import half_span_ns
from iroko.engines.sim.paths import Paths
from iroko.engines.tcp_window import tcp_window
from iroko.flows import LEARNED, UDP, Flow
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.seeds import flow_states, jitter_seed
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology
from tests.engines.sim.reference.controls import CONTROLS
from tests.engines.sim.reference.fair_interface import FairInterface
from tests.engines.sim.reference.flow import TcpFlow
from tests.engines.sim.reference.jitter import Jitter
from tests.engines.sim.reference.learned import Learned
from tests.engines.sim.reference.network import Interface, Network, Port, byte_time
from tests.engines.sim.reference.udp import UdpFlow

LEAST_LIMIT_BPS = 8


class Reference:
    """One simulation; `step` is that of an engine."""

    def __init__(self, topology: Topology, flows: Sequence[Flow], transport: str, seed: int, policy: Policy | None = None) -> None:
        self.topology = topology
        self.network = Network()
        self.ports: list[Any] = []
        hosts = {port: host for host, port in enumerate(topology.host_ports)}
        for index, port in enumerate(topology.ports):
            common = (self.network, index, round(port.delay_s * 1e9), port.queue_bytes, byte_time(port.rate_bps))
            if index in hosts:
                kind = FairInterface if topology.host_queue == "fq" else Interface
                self.ports.append(kind(*common, timer_order=topology.num_ports + hosts[index]))
            else:
                self.ports.append(Port(*common, ecn_bytes=port.ecn_bytes))
        self.interfaces = [self.ports[index] for index in topology.host_ports]
        for host, interface in enumerate(self.interfaces):
            if any(flow.source == topology.hosts[host] and (flow.transport or transport) == UDP for flow in flows):
                span_ns = 2 * half_span_ns(topology.ports[topology.host_ports[host]])
                interface.jitter = Jitter(jitter_seed(seed, host), span_ns)
        self.flows: list[UdpFlow | TcpFlow] = []
        self.destinations = [topology.host_index[flow.destination] for flow in flows]
        paths, states = Paths(topology), flow_states(seed, len(flows)).tolist()
        buffer_bytes = tcp_window(topology).buffer_bytes
        least_rtts: dict[tuple[str, str], list[int]] = {}
        for number, flow in enumerate(flows):
            name = flow.transport or transport
            order = topology.num_ports + topology.num_hosts + number
            ways = paths.there_and_back(flow.source, flow.destination, number, name == UDP, seed)
            there, back = ([self.ports[index] for index in way] for way in ways)
            start = round(flow.start_s * 1e9)
            if name == UDP:
                self.flows.append(UdpFlow(self.network, order, there[0], there, start, flow.size_bytes))
            else:
                control: Any
                if name == LEARNED:
                    between = least_rtts.setdefault((flow.source, flow.destination), [])
                    control = Learned(states[number], flow.policy or policy or dctcp_like(), between)
                else:
                    control = CONTROLS[name](states[number])
                self.flows.append(TcpFlow(self.network, order, there, back, start, flow.size_bytes, control, buffer_bytes))
        self.sources = [topology.host_index[flow.source] for flow in flows]
        self._reported = [0] * len(flows)
        self._counted = np.zeros((2, topology.num_hosts), dtype=np.int64)
        self._limits = np.array(topology.host_rates_bps)

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """Set the limits, let the interval pass, and say what happened in it."""
        for interface, limit in zip(self.interfaces, limits_bps, strict=True):
            interface.time_of_byte = byte_time(max(float(limit), LEAST_LIMIT_BPS))
        self._limits = np.array(limits_bps, dtype=float)
        self.network.run(self.network.now + round(interval_s * 1e9))
        return self._measure(interval_s)

    def _measure(self, interval_s: float) -> Snapshot:
        for port in self.ports:
            port.change_backlog(0)
        for flow in self.flows:
            if isinstance(flow, TcpFlow):
                flow.receiver.read()
        delivered = [flow.delivered for flow in self.flows]
        fresh = [now - before for now, before in zip(delivered, self._reported, strict=True)]
        self._reported = delivered
        received = [0] * self.topology.num_hosts
        for host, amount in zip(self.destinations, fresh, strict=True):
            received[host] += amount
        snapshot = Snapshot(
            time_s=self.network.now / 1e9,
            interval_s=interval_s,
            port_bytes=np.array([port.sent_bytes for port in self.ports]),
            port_packets=np.array([port.sent_packets for port in self.ports]),
            port_drops=np.array([port.drops for port in self.ports]),
            port_marks=np.array([port.marks for port in self.ports]),
            backlog_bytes=np.array([port.backlog for port in self.ports]),
            backlog_mean_bytes=np.array([port.area for port in self.ports]) / (interval_s * 1e9),
            backlog_peak_bytes=np.array([port.peak for port in self.ports]),
            host_sent_bytes=np.array([port.sent_bytes for port in self.interfaces]),
            host_received_bytes=np.array(received),
            limits_bps=self._limits,
            **self._feedback(),
            flow_bytes=np.array(fresh, dtype=np.int64),
            flow_completion_s=np.array([np.nan if flow.done is None else flow.done / 1e9 for flow in self.flows], dtype=float),
        )
        for port in self.ports:
            port.sent_bytes = port.sent_packets = port.drops = port.marks = port.area = 0
            port.peak = port.backlog
        return snapshot

    def _feedback(self) -> dict[str, Any]:
        """What the hosts learn: round-trip times, marks and losses."""
        num_hosts = self.topology.num_hosts
        rtts_us: list[list[int]] = [[] for _ in range(num_hosts)]
        counted = np.zeros((2, num_hosts), dtype=np.int64)
        for flow, host in zip(self.flows, self.sources, strict=True):
            if isinstance(flow, UdpFlow):
                counted[1, host] += flow.num_missing
                continue
            counted[:, host] += flow.feedback if flow.done is None else flow.last_feedback
            if flow.state == "running" and flow.done is None:
                rtts_us[host].append(flow.sender.rtt.average8 // 8)
        echoes, losses = counted - self._counted
        self._counted = counted
        return {
            "host_rtt_s": np.array([sum(rtts) / len(rtts) / 1e6 if rtts else np.nan for rtts in rtts_us]),
            "host_echoes": echoes,
            "host_losses": losses,
        }

    def lost_count(self) -> int:
        """Packets handed to hosts that are neither delivered, dropped, queued nor on a wire: 0, or this is wrong."""
        held = sum(port.num_waiting + len(port.on_wire) for port in self.ports)
        return self.network.handed - self.network.delivered - self.network.dropped - held
