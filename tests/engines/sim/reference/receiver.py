"""TCP's receiver: which segments it holds, what it acknowledges and when (Linux's quick and merged ACKs, RFC 8257's echo of marks)."""

from typing import Any

from tests.engines.sim.reference.network import Packet
from tests.engines.sim.reference.timers import on_wheel

MSS, HEADERS = 1448, 66
DELAY_MS, QUICK_ACKS, LOW_WATER = 40, 16, 65_536
TRUESIZE, RATIO = 2408, 153
DUPLICATES, MOST_MERGED, MERGED_RUNS = 3, 44, 2


class Receiver:
    """The receiving end of a `flow`, with its own host's interface and the path back."""

    def __init__(self, flow: Any) -> None:
        self.flow = flow
        self.next = 0  # all segments below have arrived
        self.early: list[int] = []  # which above have, in the order of arrival
        self.acknowledged = 0
        self.window = flow.buffer_bytes // 2 - MSS  # what it would let the sender have on the way, bytes
        self.unread = 0  # segments that the application has not read
        self.quick_acks = QUICK_ACKS  # how many more segments are acknowledged at once
        self.ack_at: int | None = None
        self.marks_seen = False
        self.next_before = 0  # `next` after the last segment but the one in hand
        self.syn_ack_at = 0
        self.merge_ns: int | None = None  # how long ACKs merge
        self.num_merged = 0  # ACKs that wait for the next one
        self.duplicates: tuple[int, int] = (0, 0)  # of which number, and how many, were sent without waiting

    @property
    def num_gaps(self) -> int:
        """How many runs of segments lie beyond a gap."""
        return sum(seq - 1 not in self.early for seq in self.early)

    def opened(self) -> None:
        """The SYN-ACK has been answered; only the first answer tells the round-trip time."""
        if self.merge_ns is None:
            rtt_us = self.flow.network.now // 1000 - self.syn_ack_at // 1000
            self.merge_ns = min(rtt_us * 50, 1_000_000) + 100_000

    def receive(self, seq: int, marked: bool, reducing: bool) -> None:
        flow = self.flow
        if seq < self.next or seq in self.early:
            self.quick_acks = QUICK_ACKS
            self.acknowledge(self.next)
            return
        self.opened()
        next_before = self.next
        had_gaps = bool(self.early)
        if seq == self.next:
            self.next += 1
            while self.next in self.early:
                self.early.remove(self.next)
                self.next += 1
        else:
            alone = seq - 1 not in self.early and seq + 1 not in self.early
            if self.num_merged and alone and self.num_gaps >= MERGED_RUNS:
                self.acknowledge(self.next)
            self.early.append(seq)
        self.unread += self.next - next_before
        largest = (self.flow.buffer_bytes - self.unread * TRUESIZE) * RATIO // 256
        if largest > self.window:
            self.window = min(largest, self.window + 2 * MSS)
            self.quick_acks |= 1  # the sender is told of the larger window
        at_once = self.next - self.acknowledged >= 2 or self.quick_acks > 0 or (had_gaps and not self.early)
        if flow.control.ecn:
            if marked != self.marks_seen:
                # The sender has to learn which segments were marked.
                if self.ack_at is not None and not self.num_merged:
                    self.acknowledge(self.next_before)
                self.marks_seen = marked
                at_once = True
            if reducing:
                at_once = True
            self.next_before = self.next
        if self.next >= flow.num_segments:
            flow.delivered = flow.size_bytes
            if flow.done is None:
                flow.done = flow.network.now - flow.start
                flow.last_feedback = flow.feedback
            at_once = True
        else:
            flow.delivered = self.next * MSS
        if at_once or (self.early and not self._may_merge()):
            self.acknowledge(self.next)
        elif self.early:
            self.num_merged += 1
            if self.ack_at is None:
                assert self.merge_ns is not None
                self.ack_at = flow.network.now + self.merge_ns
                flow.wake_at(self.ack_at)
        elif self.ack_at is None:
            self.ack_at = on_wheel(flow.network.now, DELAY_MS)
            flow.wake_at(self.ack_at)
        if self.unread * MSS >= LOW_WATER:
            self.read()

    def read(self) -> None:
        """The application takes what has arrived in order: when that is much, and at the end of each step."""
        self.unread = 0

    def _may_merge(self) -> bool:
        """The first three ACKs behind a gap go out at once, and so does one when 44 wait."""
        if self.num_merged >= MOST_MERGED:
            return False
        number, count = self.duplicates
        if number != self.next:
            count = 0
        self.duplicates = self.next, min(count + 1, DUPLICATES)
        return count == DUPLICATES

    def acknowledge(self, number: int) -> None:
        flow = self.flow
        blocks = min(self.num_gaps, 3)
        size = HEADERS + (4 + 8 * blocks if blocks else 0)
        ecn = flow.control.ecn
        echo = ecn and self.marks_seen
        flow.destination.push(Packet(flow, "ack", size, flow.back, number, tuple(self.early), capable=ecn, echo=echo))
        if number == self.next:
            self.quick_acks = max(self.quick_acks - 1, 0)
            self.ack_at = None
        self.acknowledged = number
        self.num_merged = 0
