"""A TCP connection: its handshake, and the moments at which its two ends look at their timers."""

from typing import Any

from tests.engines.sim.reference.acks import TcpSender
from tests.engines.sim.reference.network import Interface, Network, Packet
from tests.engines.sim.reference.receiver import HEADERS, MSS, Receiver
from tests.engines.sim.reference.timers import MS

SYN_BYTES, LINEAR_SYNS = 74, 4


class TcpFlow:
    """A flow over TCP; `there` and `back` are the ports of its two paths, the first of each a host's interface."""

    def __init__(
        self,
        network: Network,
        order: int,
        there: list[Any],
        back: list[Any],
        start: int,
        size_bytes: int | None,
        control: Any,
        buffer_bytes: int,
    ) -> None:
        self.network, self.order, self.there, self.back, self.start, self.size_bytes = network, order, there, back, start, size_bytes
        self.source: Interface = there[0]
        self.destination: Interface = back[0]
        self.num_segments = float("inf") if size_bytes is None else -(-size_bytes // MSS)
        self.control = control
        self.buffer_bytes = buffer_bytes  # of the receiver
        self.state = "waiting"
        self.delivered = 0
        self.done: int | None = None
        self.last_feedback = (0, 0)  # when it was done
        self.syn_at_us = self.num_syns = 0
        self.sender = TcpSender(self)
        self.receiver = Receiver(self)
        network.at(start, order, self._open)

    @property
    def feedback(self) -> tuple[int, int]:
        """What the sender knows: how many segments had arrived with a mark, and how often it sent one again, a SYN too."""
        return self.sender.num_delivered_marked, self.sender.num_resent + max(self.num_syns - 1, 0)

    def wake_at(self, time: int) -> None:
        self.network.at(time, self.order, self._wake)

    def _open(self) -> None:
        """Send a SYN, again each second, and from the fifth on after twice the time of before."""
        self.state = "opening"
        self.syn_at_us = self.network.now // 1000
        self.source.push(Packet(self, "syn", SYN_BYTES, self.there, capable=self.control.ecn))
        self.sender.start_timer("retransmit", self.sender.rtt.rto_ms)
        self.num_syns += 1
        if self.num_syns > LINEAR_SYNS:
            self.sender.rtt.rto_ms *= 2

    def receive(self, packet: Packet) -> None:
        if packet.kind == "data":
            self.receiver.receive(packet.number, packet.marked, packet.reducing)
        elif packet.kind == "syn":
            self.receiver.syn_ack_at = self.network.now
            self.destination.push(Packet(self, "syn-ack", SYN_BYTES, self.back, capable=self.control.ecn))
        elif packet.kind == "handshake":
            self.receiver.opened()
        elif packet.kind == "syn-ack" and self.state == "opening":
            self._established()
        elif packet.kind == "ack":
            self.sender.on_ack(packet.number, packet.early, packet.echo)
            self.send()

    def _established(self) -> None:
        self.state = "running"
        sender = self.sender
        sender.timer_at = None
        rtt_us = self.network.now // 1000 - self.syn_at_us
        sender.rtt.least = rtt_us or 1000
        sender.rtt.measure(rtt_us, 0, 0)
        sender.size_small_queue()
        if self.num_syns > 2:
            sender.cwnd = 1
        sender.ack_now = self.network.now
        self.control.begin(sender)
        self.source.push(Packet(self, "handshake", HEADERS, self.there, capable=self.control.ecn))
        sender.last_sent_ms = self.network.now // MS
        self.send()

    def send(self) -> None:
        if self.state == "running":
            self.sender.send()

    def _wake(self) -> None:
        """Do what is due; what was put off meanwhile is due later."""
        now, sender, receiver = self.network.now, self.sender, self.receiver
        again = sender.send_at is not None and sender.send_at <= now
        delayed_ack = receiver.ack_at is not None and receiver.ack_at <= now
        timer = sender.timer_at is not None and sender.timer_at <= now
        if again:
            sender.send_at = None
        if delayed_ack:
            receiver.acknowledge(receiver.next)
        if timer and self.state == "opening":
            self._open()
        elif timer:
            sender.on_timer()
        if again or timer or delayed_ack:
            self.send()
