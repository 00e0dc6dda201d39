"""TCP's receiver: which segments it holds, what it acknowledges and when (Linux's quick ACKs, RFC 8257's echo of marks)."""

from typing import Any

from tests.sim.reference.network import Packet
from tests.sim.reference.timers import on_wheel

MSS, HEADERS = 1448, 66
DELAY_MS, QUICK_ACKS, FIRST_QUICK_ACKS = 40, 16, 295


class Receiver:
    """The receiving end of a `flow`, with its own host's interface and the path back."""

    def __init__(self, flow: Any) -> None:
        self.flow = flow
        self.next = 0  # all segments below have arrived
        self.early: list[int] = []  # which above have, in the order of arrival
        self.acknowledged = 0
        self.seen_data = False
        self.quick_acks = 0  # how many more segments are acknowledged at once
        self.ack_at: int | None = None
        self.marks_seen = False
        self.next_before = 0  # `next` after the last segment but the one in hand

    @property
    def num_gaps(self) -> int:
        """How many runs of segments lie beyond a gap."""
        return sum(seq - 1 not in self.early for seq in self.early)

    def receive(self, seq: int, marked: bool) -> None:
        flow = self.flow
        if seq < self.next or seq in self.early:
            self.quick_acks = QUICK_ACKS
            self.acknowledge(self.next)
            return
        if not self.seen_data:
            self.seen_data = True
            self.quick_acks = FIRST_QUICK_ACKS
        had_gaps = bool(self.early)
        if seq == self.next:
            self.next += 1
            while self.next in self.early:
                self.early.remove(self.next)
                self.next += 1
        else:
            self.early.append(seq)
        at_once = had_gaps or bool(self.early) or self.next - self.acknowledged >= 2 or self.quick_acks > 0
        if flow.control.ecn:
            if marked != self.marks_seen:
                # The sender has to learn which segments were marked.
                if self.ack_at is not None:
                    self.acknowledge(self.next_before)
                self.marks_seen = marked
                at_once = True
            self.next_before = self.next
        if self.next == flow.num_segments:
            flow.delivered = flow.size_bytes
            flow.done = flow.network.now - flow.start
            flow.last_feedback = flow.feedback
            at_once = True
        else:
            flow.delivered = self.next * MSS
        if at_once:
            self.acknowledge(self.next)
        elif self.ack_at is None:
            self.ack_at = on_wheel(flow.network.now, DELAY_MS)
            flow.wake_at(self.ack_at)

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
