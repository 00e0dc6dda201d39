"""Cubic."""

import math

from tests.engines.sim.reference.acks import TcpSender
from tests.engines.sim.reference.reno import Reno
from tests.engines.sim.reference.sender import INFINITE, LOSS
from tests.engines.sim.reference.timers import MS

MOST_AWAY = 1 << 18
"""In 1/1024 s: the curve is followed no further, as its cube would not fit into 64 bits."""


class Cubic(Reno):
    """Ha, Rhee and Xu 2008 with HyStart, as Linux has it; times of the curve are in 1/1024 s."""

    def begin(self, tcp: TcpSender) -> None:
        self.last_max = self.last_cwnd = self.last_ms = self.origin = self.k = self.delay_min = self.epoch_ms = 0
        self.acks = self.reno_cwnd = self.pace = 0
        self.slow_start_over = False
        self._new_round(tcp)

    def _new_round(self, tcp: TcpSender) -> None:
        self.round_start_us = self.last_ack_us = tcp.ack_now // 1000
        self.round_end = tcp.nxt
        self.round_rtt = INFINITE
        self.num_samples = 0

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        now_ms = tcp.ack_now // MS
        if tcp.ack_rtt_us < 0 or (self.epoch_ms and now_ms - self.epoch_ms < 1000):
            return
        rtt = max(tcp.ack_rtt_us, 1)
        self.delay_min = min(self.delay_min or rtt, rtt)
        if not self.slow_start_over and tcp.cwnd < tcp.ssthresh:
            self._hystart(tcp, rtt)

    def _hystart(self, tcp: TcpSender, rtt: int) -> None:
        """End slow start when a train of ACKs is long, or round-trip times rise."""
        if tcp.una > self.round_end:
            self._new_round(tcp)
        if tcp.cwnd < 16:
            return
        now_us = tcp.ack_now // 1000
        over = False
        if now_us - self.last_ack_us <= 2000:
            self.last_ack_us = now_us
            allowance_us = min(1000, 4 * 65_536 * 1_000_000 // max(tcp.rate, 1))
            over = now_us - self.round_start_us > (self.delay_min + allowance_us) // 2
        if over:
            tcp.ssthresh = tcp.cwnd
        self.round_rtt = min(self.round_rtt, rtt)
        if self.num_samples < 8:
            self.num_samples += 1
        else:
            over = over or self.round_rtt > self.delay_min + min(max(self.delay_min // 8, 4000), 16000)
        if over:
            self.slow_start_over = True
            tcp.ssthresh = tcp.cwnd

    def grow(self, tcp: TcpSender, delivered: int) -> None:
        if self.is_limited(tcp):
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self._update(tcp, delivered)
                self.add_one_per(tcp, self.pace, delivered)

    def _update(self, tcp: TcpSender, delivered: int) -> None:
        """Set how many segments have to be delivered for the window to grow by one."""
        cwnd, now_ms = tcp.cwnd, tcp.ack_now // MS
        self.acks += delivered
        if self.last_cwnd == cwnd and now_ms - self.last_ms <= 31:
            return
        if not self.epoch_ms or now_ms != self.last_ms:
            self.last_cwnd, self.last_ms = cwnd, now_ms
            if not self.epoch_ms:
                self._begin_epoch(cwnd, now_ms, delivered)
            time = (now_ms - self.epoch_ms + -(-self.delay_min // 1000)) * 1024 // 1000
            away = time - self.k
            rise = 410 * min(abs(away), MOST_AWAY) ** 3 // (1 << 40)
            target = self.origin + (rise if away >= 0 else -rise)
            self.pace = cwnd // (target - cwnd) if target > cwnd else 100 * cwnd
            if not self.last_max:
                self.pace = min(self.pace, 20)
        # Reno's window by now, with Cubic's reduction.
        step = cwnd * 15 // 8
        while self.acks > step:
            self.acks -= step
            self.reno_cwnd += 1
        if self.reno_cwnd > cwnd:
            self.pace = min(self.pace, cwnd // (self.reno_cwnd - cwnd))
        self.pace = max(self.pace, 2)

    def _begin_epoch(self, cwnd: int, now_ms: int, delivered: int) -> None:
        self.epoch_ms = max(now_ms, 1)
        self.acks, self.reno_cwnd = delivered, cwnd
        self.origin = max(self.last_max, cwnd)
        self.k = _cube_root((1 << 40) // 410 * (self.origin - cwnd))

    def reduce(self, tcp: TcpSender, reason: int) -> int:
        self.epoch_ms = 0
        self.last_max = tcp.cwnd * (1024 + 717) // 2048 if tcp.cwnd < self.last_max else tcp.cwnd
        return max(tcp.cwnd * 717 // 1024, 2)

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        if phase == LOSS:
            self.begin(tcp)

    def restart(self, tcp: TcpSender, idle_ms: int) -> None:
        if self.epoch_ms and idle_ms > 0:
            self.epoch_ms += idle_ms


def _cube_root(value: int) -> int:
    root = round(math.cbrt(value))
    return root if root**3 <= value else root - 1
