"""Reno, what the other congestion controls build upon, and DCTCP. Each is an object of its connection's own; `tcp` is the sender it steers.

`begin` is called when the connection is open, `acked` for each ACK, `grow` when the window may grow, `reduce` for the threshold when it
has to shrink, `change_phase` before the phase changes, `restart` when a segment is sent and nothing is in flight.
"""

from tests.engines.sim.reference.acks import TcpSender
from tests.engines.sim.reference.sender import LOSS, RECOVERY


class Reno:
    """Jacobson 1988, as Linux has it; what the others build upon. `random` is the state of a flow's own random numbers."""

    ecn = False
    owns_window = False

    def __init__(self, random: int) -> None:
        self.random = random
        self.count = 0

    def begin(self, tcp: TcpSender) -> None:
        pass

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        pass

    def grow(self, tcp: TcpSender, delivered: int) -> None:
        if self.is_limited(tcp):
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self.add_one_per(tcp, tcp.cwnd, delivered)

    def reduce(self, tcp: TcpSender, reason: int) -> int:
        return max(tcp.cwnd // 2, 2)

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        pass

    def restart(self, tcp: TcpSender, idle_ms: int) -> None:
        pass

    def is_limited(self, tcp: TcpSender) -> bool:
        """Whether the window holds the flow back; in slow start it may grow to twice what was used."""
        return tcp.limited or (tcp.cwnd < tcp.ssthresh and tcp.cwnd < 2 * tcp.most_out)

    def slow_start(self, tcp: TcpSender, delivered: int) -> int:
        """Grow by what was delivered, up to the threshold; returns what is left."""
        step = max(0, min(delivered, tcp.ssthresh - tcp.cwnd))
        tcp.cwnd += step
        return delivered - step

    def add_one_per(self, tcp: TcpSender, window: int, delivered: int) -> None:
        """Grow by one for each `window` segments; a count that a larger window has left behind gives one at once."""
        if self.count >= window:
            self.count = 0
            tcp.cwnd += 1
        self.count += delivered
        tcp.cwnd += self.count // window
        self.count %= window


class Dctcp(Reno):
    """RFC 8257, as Linux has it."""

    ecn = True

    def begin(self, tcp: TcpSender) -> None:
        self.alpha = 1024
        self._new_round(tcp)

    def _new_round(self, tcp: TcpSender) -> None:
        self.round_end = tcp.nxt
        self.delivered_then, self.marked_then = tcp.num_delivered, tcp.num_delivered_marked

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        if tcp.una >= self.round_end:
            delivered = tcp.num_delivered - self.delivered_then
            marked = tcp.num_delivered_marked - self.marked_then
            self.alpha -= self.alpha // 16 or self.alpha
            if marked:
                self.alpha = min(1024, self.alpha + marked * 64 // max(1, delivered))
            self._new_round(tcp)

    def reduce(self, tcp: TcpSender, reason: int) -> int:
        cwnd = tcp.cwnd // 2 if reason == LOSS else tcp.cwnd - tcp.cwnd * self.alpha // 2048
        return max(cwnd, 2)

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        if phase == RECOVERY and tcp.phase != RECOVERY:
            tcp.ssthresh = max(tcp.cwnd // 2, 2)
