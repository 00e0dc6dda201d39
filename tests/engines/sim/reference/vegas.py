"""The congestion controls that go by round-trip times: Vegas and New Vegas."""

from tests.engines.sim.reference.acks import TcpSender
from tests.engines.sim.reference.receiver import MSS
from tests.engines.sim.reference.reno import Reno
from tests.engines.sim.reference.sender import CWR, DISORDER, INFINITE, LOSS, OPEN, RECOVERY
from tests.engines.sim.reference.timers import MS


class Vegas(Reno):
    """Brakmo and Peterson 1995, as Linux has it."""

    def begin(self, tcp: TcpSender) -> None:
        self.base_rtt = INFINITE
        self._enable(tcp)

    def _enable(self, tcp: TcpSender) -> None:
        self.active = True
        self.round_end = tcp.nxt
        self.samples: list[int] = []

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        if tcp.ack_rtt_us >= 0:
            self.samples.append(tcp.ack_rtt_us + 1)
            self.base_rtt = min(self.base_rtt, tcp.ack_rtt_us + 1)

    def grow(self, tcp: TcpSender, delivered: int) -> None:
        if not self.active:
            super().grow(tcp, delivered)
        elif tcp.una <= self.round_end:
            self.slow_start(tcp, delivered)
        else:
            self.round_end = tcp.nxt
            if len(self.samples) <= 2:
                super().grow(tcp, delivered)
            else:
                self._judge_round(tcp, delivered)
            self.samples = []

    def _judge_round(self, tcp: TcpSender, delivered: int) -> None:
        rtt = min(self.samples)
        queued = tcp.cwnd * (rtt - self.base_rtt) // self.base_rtt
        if tcp.cwnd < tcp.ssthresh:
            if queued > 1:
                tcp.cwnd = min(tcp.cwnd, tcp.cwnd * self.base_rtt // rtt + 1)
                tcp.ssthresh = min(tcp.ssthresh, tcp.cwnd)
            else:
                self.slow_start(tcp, delivered)
        elif queued > 4:
            tcp.cwnd -= 1
            tcp.ssthresh = min(tcp.ssthresh, tcp.cwnd)
        elif queued < 2:
            tcp.cwnd += 1
        tcp.cwnd = max(tcp.cwnd, 2)
        tcp.ssthresh = max(tcp.ssthresh, tcp.cwnd // 2 + tcp.cwnd // 4)

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        if phase == OPEN:
            self._enable(tcp)
        else:
            self.active = False

    def restart(self, tcp: TcpSender, idle_ms: int) -> None:
        self.begin(tcp)


class NewVegas(Reno):
    """Brakmo 2010, as Linux has it."""

    def begin(self, tcp: TcpSender) -> None:
        self._forget(tcp)
        self.may_grow = True
        self.reset_at_ms = tcp.now // MS + 2000
        self.least_rtt = self.next_least_rtt = INFINITE
        self.least_window = 4
        self.growth = 0

    def _forget(self, tcp: TcpSender) -> None:
        self.reset = False
        self.calm = self.rounds = self.average_rtt = self.top_rate = self.calls = 0
        self.round_end = self.last_una = tcp.una

    def grow(self, tcp: TcpSender, delivered: int) -> None:
        if self.is_limited(tcp) and self.may_grow:
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self.add_one_per(tcp, tcp.cwnd * 2**-self.growth if self.growth < 0 else max(4, tcp.cwnd), delivered)

    def reduce(self, tcp: TcpSender, reason: int) -> int:
        return max(tcp.cwnd * 819 // 1024, 2)

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        if phase == OPEN and self.reset:
            self._forget(tcp)
        elif phase in (CWR, RECOVERY, LOSS):
            self.reset, self.may_grow = True, False
            if phase == LOSS:
                self.growth = max(self.growth - 1, -8)

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        if tcp.ack_rtt_us < 0 or tcp.phase > DISORDER:
            return
        acked, self.last_una = tcp.una - self.last_una, tcp.una
        if not tcp.ack_delivered:
            return
        self._learn_rtt(tcp)
        if tcp.una > self.round_end:
            self._end_round(tcp, acked)

    def _learn_rtt(self, tcp: TcpSender) -> None:
        rtt = tcp.ack_rtt_us
        if self.average_rtt:
            rtt = (rtt + self.average_rtt) // 2
        else:
            self.least_rtt = 2 * rtt
        self.average_rtt = rtt
        self.top_rate = max(self.top_rate, tcp.ack_delivered * MSS * 80_000 // max(rtt, 1))
        self.calls = min(self.calls + 1, 255)
        self.least_rtt, self.next_least_rtt = min(self.least_rtt, rtt), min(self.next_least_rtt, rtt)
        now_ms = tcp.ack_now // MS
        if now_ms >= self.reset_at_ms:
            self.least_rtt, self.next_least_rtt = self.next_least_rtt, INFINITE
            self.random = (self.random * 1_103_515_245 + 12_345) % (1 << 31)
            self.reset_at_ms = now_ms + 5 * (384 + self.random // 65_536 % 256) * 1000 // 512
            self.least_window = max(self.least_window // 2, 4)

    def _end_round(self, tcp: TcpSender, acked: int) -> None:
        """Once a round trip: compare the window with what the rate and the smallest round-trip time make it."""
        self.round_end = tcp.nxt
        self.rounds = min(self.rounds + 1, 255)
        if self.calls == 1 and acked >= self.least_window - 1 and self.least_window < 81:
            self.least_window = min(self.least_window + 2, 81)
            self.round_end = tcp.nxt + self.least_window
            self.calls = 0
            self.may_grow = True
            return
        most = self.top_rate * self.least_rtt // (80_000 * MSS) + 10
        cwnd = tcp.cwnd
        if cwnd > most:
            if self.rounds < 2 or (tcp.ssthresh == INFINITE and self.calls < 30):
                return
            if tcp.ssthresh != INFINITE and self.calls < 60:
                if self.rounds > 10:
                    self.may_grow = False
                return
            self.may_grow = False
            tcp.ssthresh = most
            cwnd = cwnd - max(2, (cwnd - most) * 38 // 128) if cwnd - most > 2 else most
            self.growth = min(self.growth, 0)
            self.calm = 0
        elif cwnd <= most - 2:
            if self.calls < 20:
                return
            self.may_grow = True
            self.calm += 1
            if self.growth < 0 and self.calm > 8:
                self.growth += 1
                self.calm = 0
        else:
            return
        self.calls = self.rounds = self.top_rate = 0
        tcp.cwnd = max(cwnd, 2)
