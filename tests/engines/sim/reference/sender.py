"""TCP's sender: the segments that are out, what may go out, and the one timer."""

from dataclasses import dataclass
from typing import Any

from tests.engines.sim.reference.network import Packet
from tests.engines.sim.reference.receiver import HEADERS, MSS
from tests.engines.sim.reference.timers import MAX_RTO_MS, MIN_RTO_US, MS, RoundTripTime, on_wheel

INFINITE = 1 << 62
MARGIN_US = 2000
BUFFER_BYTES = 2304
MOST_QUEUED_BYTES = 4 << 20

OPEN, DISORDER, CWR, RECOVERY, LOSS = range(5)


@dataclass(eq=False)
class Segment:
    """What the sender knows of a segment that is out.

    Attributes:
        sent: when, the last time, in ns.
        delivered_then: how many segments had been delivered by then.
        again: whether that was not the first time.
        judged: RACK has found it lost; as in Linux it looks at it no more until it is sent again.
    """

    seq: int
    sent: int
    delivered_then: int
    again: bool = False
    judged: bool = False


class Sender:
    """What sends; `una` is the first segment that is not acknowledged, `nxt` the first that was not sent, `end` the first that never is.

    Attributes:
        out: the segments from `una` to `nxt`, by number; in the order of the numbers.
        sacked, lost, retransmitted: which of them have arrived, are believed lost (also when sent again since), were sent again and
            that one is not believed lost.
    """

    def __init__(self, flow: Any) -> None:
        self.flow, self.network, self.control = flow, flow.network, flow.control
        self.una = self.nxt = 0
        self.end = flow.num_segments
        self.out: dict[int, Segment] = {}
        self.sacked: set[int] = set()
        self.lost: set[int] = set()
        self.retransmitted: set[int] = set()
        self.cwnd, self.ssthresh = 10, INFINITE
        self.phase = OPEN
        self.rtt = RoundTripTime()
        self.timer_kind = "retransmit"
        self.timer_at: int | None = None
        self.send_at: int | None = None
        self.small_queue = 1820
        self.last_sent_ms = 0
        self.num_delivered = self.num_delivered_marked = self.num_resent = 0
        self.limited, self.most_out, self.usage_end = False, 0, 0
        self.sent_in_reduction = 0
        self.announce = False  # with the CWR flag of the next new segment, that the window is being reduced
        self.high = 0  # `nxt` when the phase was entered
        self.f_rto, self.new_first = False, False

    @property
    def now(self) -> int:
        return int(self.network.now)

    @property
    def now_us(self) -> int:
        return self.now // 1000

    @property
    def now_ms(self) -> int:
        return self.now // MS

    @property
    def in_flight(self) -> int:
        """Segments that are believed to be in the network."""
        return len(self.out) - len(self.sacked) - len(self.lost) + len(self.retransmitted)

    @property
    def rate(self) -> int:
        """Linux's pacing rate, bytes/s: twice the window a round-trip time early in slow start, 1.2 times later."""
        percent = 200 if self.cwnd < self.ssthresh // 2 else 120
        return MSS * 80_000 * percent * max(self.cwnd, len(self.out)) // max(self.rtt.average8, 1)

    def size_small_queue(self) -> None:
        """About 1 ms of the rate may wait in the host, at least two packets."""
        limit = min(max(2 * BUFFER_BYTES, self.rate // 1024), MOST_QUEUED_BYTES)
        self.small_queue = -(-limit // BUFFER_BYTES)

    # The timer: one for retransmission, loss probe and reordering.

    def start_timer(self, kind: str, ms: int) -> None:
        self.timer_kind = kind
        self.timer_at = on_wheel(self.now, min(ms, MAX_RTO_MS))
        self.flow.wake_at(self.timer_at)

    def restart_rto(self) -> None:
        """Arm the retransmission timer; in place of another kind it counts from when the first segment was sent."""
        if not self.out:
            self.timer_at = None
            return
        ms = self.rtt.rto_ms
        if self.timer_kind != "retransmit" and self.timer_at is not None:
            left_us = (self.out[self.una].sent + ms * MS - self.now) // 1000
            ms = max(-(-left_us // 1000), 1)
        self.start_timer("retransmit", ms)

    def start_probe(self, advancing: bool) -> bool:
        """Arm the tail loss probe, two round trips from now, or when the timeout comes if that is earlier."""
        if not self.out or self.phase not in (OPEN, CWR):
            return False
        wait_us = self.rtt.average8 // 4 + (MIN_RTO_US if len(self.out) == 1 else MARGIN_US)
        left_us = self.rtt.rto_ms * 1000
        if not advancing:
            left_us = (self.out[self.una].sent + self.rtt.rto_ms * MS - self.now) // 1000
        if left_us > 0:
            wait_us = min(wait_us, left_us)
        self.start_timer("probe", -(-wait_us // 1000))
        return True

    # Sending.

    def transmit(self, seq: int) -> bool:
        """Hand a segment to the host, the first time or again; returns whether it was taken."""
        if self.in_flight == 0:
            self.control.restart(self, self.now_ms - self.last_sent_ms)
        flow = self.flow
        payload = MSS
        if flow.size_bytes is not None:
            payload = min(MSS, max(flow.size_bytes - seq * MSS, 0))
        new = seq not in self.out
        packet = Packet(flow, "data", payload + HEADERS, flow.there, seq, capable=self.control.ecn, releases=True,
                        reducing=new and self.announce)  # fmt: skip
        again = flow.source.push(packet)
        if again is not None:
            self.send_at = again
            flow.wake_at(again)
            return False
        self.last_sent_ms = self.now_ms
        if not new:
            segment = self.out[seq]
            segment.sent, segment.delivered_then, segment.judged = self.now, self.num_delivered, False
        else:
            self.out[seq] = Segment(seq, self.now, self.num_delivered)
            self.nxt = seq + 1
            self.announce = False
        return True

    def retransmit(self, seq: int) -> bool:
        """Send a segment again, unless the first transmission waits in the host yet; returns whether it was sent."""
        segment = self.out[seq]
        if not segment.again and self.nxt - seq <= self.flow.source.held[self.flow]:
            return False
        self.num_resent += 1
        if not self.transmit(seq):
            return False
        segment.again = True
        self.retransmitted.add(seq)
        return True

    def send(self) -> None:
        """Send all that may go now: what is lost first, but that F-RTO asks for something new."""
        if self.new_first:
            self.new_first = False
            self.send_new()
            if self.nxt > self.high:
                return
            self.f_rto = False
        if len(self.lost) > len(self.retransmitted):
            self.send_lost()
        self.send_new()

    def send_lost(self) -> None:
        """Send again what is believed lost, lowest first, as far as the window and twice the small queue allow."""
        head_sent = False
        for seq in sorted(self.lost - self.sacked - self.retransmitted):
            too_much = self.flow.source.held[self.flow] >= 2 * self.small_queue
            if len(self.retransmitted) >= len(self.lost) or self.in_flight >= self.cwnd or too_much or not self.retransmit(seq):
                break
            if self.phase in (CWR, RECOVERY):
                self.sent_in_reduction += 1
            head_sent = head_sent or seq == self.una
        if head_sent and self.timer_kind != "reorder":
            self.start_timer("retransmit", self.rtt.rto_ms)

    def send_new(self) -> None:
        """Send new segments as far as both windows and the small queue allow."""
        before = self.nxt
        window_end = self.una + self.flow.receiver.window // MSS
        while self.nxt < min(self.end, window_end) and self.in_flight < self.cwnd:
            if self.flow.source.held[self.flow] >= self.small_queue and len(self.out) > 1:
                break
            if not self.transmit(self.nxt):
                break
            if before == 0 and self.nxt == self.flow.num_segments:
                self.end += 1  # the FIN goes alone: all that could carry it has been sent
        num_sent = self.nxt - before
        limited = self.in_flight >= self.cwnd
        if num_sent or limited:
            self._note_usage(limited)
        if num_sent:
            if before == self.una or self.timer_kind == "probe":
                self.restart_rto()
            if self.phase in (CWR, RECOVERY):
                self.sent_in_reduction += num_sent
            self.start_probe(False)

    def _note_usage(self, limited: bool) -> None:
        """Whether the window was what held the flow back in this round trip: only such a window may grow."""
        if self.una >= self.usage_end or limited or (not self.limited and len(self.out) > self.most_out):
            self.limited, self.most_out, self.usage_end = limited, len(self.out), self.nxt
