"""The congestion controls, each an object of its connection's own; `tcp` is the sender that it steers.

`begin` is called when the connection is open, `acked` for each ACK, `grow` when the window may grow, `reduce` for the threshold when it
has to shrink, `change_phase` before the phase changes, `restart` when a segment is sent and nothing is in flight.
"""

import math
from typing import Any

from tests.sim.reference.receiver import MSS
from tests.sim.reference.sender import CWR, DISORDER, INFINITE, LOSS, OPEN, RECOVERY
from tests.sim.reference.timers import MS


class Reno:
    """Jacobson 1988, as Linux has it; what the others build upon. `random` is the state of a flow's own random numbers."""

    ecn = False

    def __init__(self, random: int) -> None:
        self.random = random
        self.count = 0

    def begin(self, tcp: Any) -> None:
        pass

    def acked(self, tcp: Any, num_acked: int) -> None:
        pass

    def grow(self, tcp: Any, delivered: int) -> None:
        if self.is_limited(tcp):
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self.add_one_per(tcp, tcp.cwnd, delivered)

    def reduce(self, tcp: Any, reason: int) -> int:
        return max(tcp.cwnd // 2, 2)

    def change_phase(self, tcp: Any, phase: int) -> None:
        pass

    def restart(self, tcp: Any, idle_ms: int) -> None:
        pass

    def is_limited(self, tcp: Any) -> bool:
        """Whether the window holds the flow back; in slow start it may grow to twice what was used."""
        return bool(tcp.limited or (tcp.cwnd < tcp.ssthresh and tcp.cwnd < 2 * tcp.most_out))

    def slow_start(self, tcp: Any, delivered: int) -> int:
        """Grow by what was delivered, up to the threshold; returns what is left."""
        step = max(0, min(delivered, tcp.ssthresh - tcp.cwnd))
        tcp.cwnd += step
        return delivered - step

    def add_one_per(self, tcp: Any, window: int, delivered: int) -> None:
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

    def begin(self, tcp: Any) -> None:
        self.alpha = 1024
        self._new_round(tcp)

    def _new_round(self, tcp: Any) -> None:
        self.round_end = tcp.nxt
        self.delivered_then, self.marked_then = tcp.num_delivered, tcp.num_delivered_marked

    def acked(self, tcp: Any, num_acked: int) -> None:
        if tcp.una >= self.round_end:
            delivered = tcp.num_delivered - self.delivered_then
            marked = tcp.num_delivered_marked - self.marked_then
            self.alpha -= self.alpha // 16 or self.alpha
            if marked:
                self.alpha = min(1024, self.alpha + marked * 64 // max(1, delivered))
            self._new_round(tcp)

    def reduce(self, tcp: Any, reason: int) -> int:
        cut = tcp.cwnd // 2 if reason == LOSS else None
        return max(cut if cut is not None else tcp.cwnd - tcp.cwnd * self.alpha // 2048, 2)

    def change_phase(self, tcp: Any, phase: int) -> None:
        if phase == RECOVERY and tcp.phase != RECOVERY:
            tcp.ssthresh = max(tcp.cwnd // 2, 2)


class Vegas(Reno):
    """Brakmo and Peterson 1995, as Linux has it."""

    def begin(self, tcp: Any) -> None:
        self.base_rtt = INFINITE
        self._enable(tcp)

    def _enable(self, tcp: Any) -> None:
        self.active = True
        self.round_end = tcp.nxt
        self.samples: list[int] = []

    def acked(self, tcp: Any, num_acked: int) -> None:
        if tcp.ack_rtt_us >= 0:
            self.samples.append(tcp.ack_rtt_us + 1)
            self.base_rtt = min(self.base_rtt, tcp.ack_rtt_us + 1)

    def grow(self, tcp: Any, delivered: int) -> None:
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

    def _judge_round(self, tcp: Any, delivered: int) -> None:
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

    def change_phase(self, tcp: Any, phase: int) -> None:
        if phase == OPEN:
            self._enable(tcp)
        else:
            self.active = False

    def restart(self, tcp: Any, idle_ms: int) -> None:
        self.begin(tcp)


class Cubic(Reno):
    """Ha, Rhee and Xu 2008 with HyStart, as Linux has it; times of the curve are in 1/1024 s."""

    def begin(self, tcp: Any) -> None:
        self.last_max = self.last_cwnd = self.last_ms = self.origin = self.k = self.delay_min = self.epoch_ms = 0
        self.acks = self.reno_cwnd = self.pace = 0
        self.slow_start_over = False
        self._new_round(tcp)

    def _new_round(self, tcp: Any) -> None:
        self.round_start_us = self.last_ack_us = tcp.ack_now // 1000
        self.round_end = tcp.nxt
        self.round_rtt = INFINITE
        self.num_samples = 0

    def acked(self, tcp: Any, num_acked: int) -> None:
        now_ms = tcp.ack_now // MS
        if tcp.ack_rtt_us < 0 or (self.epoch_ms and now_ms - self.epoch_ms < 1000):
            return
        rtt = max(tcp.ack_rtt_us, 1)
        self.delay_min = min(self.delay_min or rtt, rtt)
        if not self.slow_start_over and tcp.cwnd < tcp.ssthresh:
            self._hystart(tcp, rtt)

    def _hystart(self, tcp: Any, rtt: int) -> None:
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

    def grow(self, tcp: Any, delivered: int) -> None:
        if self.is_limited(tcp):
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self._update(tcp, delivered)
                self.add_one_per(tcp, self.pace, delivered)

    def _update(self, tcp: Any, delivered: int) -> None:
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
            rise = 410 * abs(away) ** 3 // (1 << 40)
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

    def reduce(self, tcp: Any, reason: int) -> int:
        self.epoch_ms = 0
        self.last_max = tcp.cwnd * (1024 + 717) // 2048 if tcp.cwnd < self.last_max else tcp.cwnd
        return max(tcp.cwnd * 717 // 1024, 2)

    def change_phase(self, tcp: Any, phase: int) -> None:
        if phase == LOSS:
            self.begin(tcp)

    def restart(self, tcp: Any, idle_ms: int) -> None:
        if self.epoch_ms and idle_ms > 0:
            self.epoch_ms += idle_ms


def _cube_root(value: int) -> int:
    root = round(math.cbrt(value))
    return root if root**3 <= value else root - 1


class NewVegas(Reno):
    """Brakmo 2010, as Linux has it."""

    def begin(self, tcp: Any) -> None:
        self._forget(tcp)
        self.may_grow = True
        self.reset_at_ms = tcp.now // MS + 2000
        self.least_rtt = self.next_least_rtt = INFINITE
        self.least_window = 4
        self.growth = 0

    def _forget(self, tcp: Any) -> None:
        self.reset = False
        self.calm = self.rounds = self.average_rtt = self.top_rate = self.calls = 0
        self.round_end = self.last_una = tcp.una

    def grow(self, tcp: Any, delivered: int) -> None:
        if self.is_limited(tcp) and self.may_grow:
            delivered = self.slow_start(tcp, delivered)
            if delivered:
                self.add_one_per(tcp, tcp.cwnd * 2**-self.growth if self.growth < 0 else max(4, tcp.cwnd), delivered)

    def reduce(self, tcp: Any, reason: int) -> int:
        return max(tcp.cwnd * 819 // 1024, 2)

    def change_phase(self, tcp: Any, phase: int) -> None:
        if phase == OPEN and self.reset:
            self._forget(tcp)
        elif phase in (CWR, RECOVERY, LOSS):
            self.reset, self.may_grow = True, False
            if phase == LOSS:
                self.growth = max(self.growth - 1, -8)

    def acked(self, tcp: Any, num_acked: int) -> None:
        if tcp.ack_rtt_us < 0 or tcp.phase > DISORDER:
            return
        acked, self.last_una = tcp.una - self.last_una, tcp.una
        if not tcp.ack_delivered:
            return
        self._learn_rtt(tcp)
        if tcp.una > self.round_end:
            self._end_round(tcp, acked)

    def _learn_rtt(self, tcp: Any) -> None:
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

    def _end_round(self, tcp: Any, acked: int) -> None:
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


CONTROLS = {"reno": Reno, "cubic": Cubic, "vegas": Vegas, "nv": NewVegas, "dctcp": Dctcp}
