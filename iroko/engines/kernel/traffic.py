"""The loop that serves every flow of the fabric, in one process."""

import select
import time
from collections.abc import Callable, Sequence

from iroko.engines.addressing import MAX_KERNEL_FLOWS, flow_ports
from iroko.engines.kernel.endpoints import ECN_TRANSPORTS, End, Listener, TcpEnd, UdpEnd
from iroko.engines.kernel.network import Fabric
from iroko.engines.kernel.timer import Timer
from iroko.errors import InputError
from iroko.flows import UDP, Flow, transports_of


class Traffic:
    """An episode's flows, and the loop that moves time on while they send."""

    def __init__(self, fabric: Fabric, watch_lateness: bool) -> None:
        self.fabric, self.watch_lateness = fabric, watch_lateness
        self.ends: list[End] = []
        self.listeners: dict[str, Listener] = {}
        self.poll = select.epoll()
        self.handlers: dict[int, Callable[[], None]] = {}
        self.timer = Timer()
        self.poll.register(self.timer.descriptor, select.EPOLLIN)
        self.waiting: list[tuple[int, End]] = []
        self.lateness_ns = 0

    def watch(self, descriptor: int, events: int, handler: Callable[[], None]) -> None:
        self.handlers[descriptor] = handler
        self.poll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        if self.handlers.pop(descriptor, None):
            self.poll.unregister(descriptor)

    def now_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def open(self, flows: Sequence[Flow], transport: str, seed: int, policies: Sequence[int] = ()) -> None:
        """Make the ends of an episode's flows; they start with `begin`.

        Args:
            transport: of flows that name none.
            seed: chooses the port numbers, and with them the paths that equal-cost multipath gives.
            policies: for each flow the number of its policy; empty: all have the first.

        Raises:
            InputError: there are too many.
        """
        if len(flows) > MAX_KERNEL_FLOWS:
            raise InputError(
                f"{len(flows):,} flows: expected at most {MAX_KERNEL_FLOWS:,} in an episode on a kernel, which has no more port numbers; "
                "take a lower load or a shorter episode, or --engine sim"
            )
        self.close_flows()
        fabric, receivers = self.fabric, _choose_receivers(flows, transport)
        for number, flow in enumerate(flows):
            source, destination = (fabric.nodes[name].namespace for name in (flow.source, flow.destination))
            address, source_address = fabric.addresses[flow.destination], fabric.addresses[flow.source]
            own = flow.transport or transport
            port, _ = flow_ports(own == UDP, seed, number)
            if own == UDP:
                self.ends.append(UdpEnd(flow, self, source, destination, address, source_address, port))
                continue
            listener = self.listeners.get(flow.destination)
            if listener is None:
                listener = self.listeners[flow.destination] = Listener(
                    self, destination, address, receivers[flow.destination], fabric.tcp_buffer_bytes
                )
            policy = policies[number] if policies else 0
            self.ends.append(TcpEnd(flow, self, source, destination, address, source_address, port, listener, own, policy))

    def begin(self, time_ns: int) -> None:
        """The episode begins at that time; flows start relative to it."""
        starts = [(time_ns + round(end.flow.start_s * 1e9), end) for end in self.ends]
        self.waiting = sorted(starts, key=lambda pair: pair[0], reverse=True)

    def run(self, until_ns: int | None, stop: int | None = None) -> bool:
        """Serve the flows until that time, or, with None, until the descriptor `stop` can be read.

        Returns:
            Whether `stop` can be read.
        """
        if stop is not None:
            self.poll.register(stop, select.EPOLLIN)
        try:
            return self._run(until_ns, stop)
        finally:
            if stop is not None:
                self.poll.unregister(stop)

    def _run(self, until_ns: int | None, stop: int | None) -> bool:
        timer, handlers = self.timer.descriptor, self.handlers
        while True:
            while self.waiting and self.waiting[-1][0] <= self.now_ns():
                self.waiting.pop()[1].start()
            deadline = until_ns
            if self.waiting and (deadline is None or self.waiting[-1][0] < deadline):
                deadline = self.waiting[-1][0]
            if deadline is not None:
                self.timer.set(deadline)
            fired = stopped = False
            while not (fired or stopped):
                for descriptor, _ in self.poll.poll():
                    if descriptor == timer:
                        fired = True
                    elif descriptor == stop:
                        stopped = True  # the other events of this round are told once only: serve them first
                    elif handler := handlers.get(descriptor):
                        handler()
            if stopped:
                return True
            if deadline is None:
                self.timer.clear()  # it was an earlier run's
                continue
            if self.watch_lateness:
                self.lateness_ns = max(self.lateness_ns, self.now_ns() - deadline)
            if deadline == until_ns:
                return False

    def settle(self) -> None:
        """Bring every end's count up to this moment."""
        for end in self.ends:
            end.settle()

    def close_flows(self) -> None:
        """End every flow and connection."""
        self.waiting = []
        for end in self.ends:
            end.close()
        for listener in self.listeners.values():
            listener.close()
        self.ends, self.listeners = [], {}

    def close(self) -> None:
        self.close_flows()
        self.timer.close()
        self.poll.close()


def _choose_receivers(flows: Sequence[Flow], transport: str) -> dict[str, str]:
    """The congestion control of each destination's listener, and so of the receiving ends: that of its flows.

    Where they have several, it is one that answers every mark, if any of them has marks: a flow without marks gets no echo.
    """
    of_hosts: dict[str, list[Flow]] = {}
    for flow in flows:
        of_hosts.setdefault(flow.destination, []).append(flow)
    chosen = {}
    for host, own in of_hosts.items():
        names = transports_of(own, transport)
        chosen[host] = next((name for name in names if name in ECN_TRANSPORTS), names[0])
    return chosen
