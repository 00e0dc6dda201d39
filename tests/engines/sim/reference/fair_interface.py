"""The interface of a host with Linux's `fq`: a queue for each of its flows."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.engines.sim.reference.network import FULL_FRAME, Interface, Packet

QUANTUM, FIRST_QUANTUM = 2 * FULL_FRAME, 10 * FULL_FRAME
SHARED = 8
REFILL_MS = 40
MS = 1_000_000


@dataclass(eq=False)
class Line:
    """What one flow has waiting, and what it may still send in this turn."""

    credit: int = FIRST_QUANTUM
    packets: deque[Packet] = field(default_factory=deque)
    away_since_ms: int = 0


@dataclass(eq=False)
class FairInterface(Interface):
    """An interface that serves its flows in turn; `waiting` is the queue for all, which goes first.

    Attributes:
        lines: of each flow that ever had one.
        new, old: the flows in turn.
    """

    lines: dict[Any, Line] = field(default_factory=dict)
    new: deque[Line] = field(default_factory=deque)
    old: deque[Line] = field(default_factory=deque)

    @property
    def num_lined_up(self) -> int:
        return sum(len(line.packets) for line in self.lines.values())

    @property
    def num_waiting(self) -> int:
        return len(self.waiting) + self.num_lined_up

    def is_full(self, packet: Packet) -> bool:
        return self.num_lined_up >= self.queue_bytes // FULL_FRAME

    def _line_up(self, packet: Packet) -> None:
        if self.num_lined_up == 0 and len(self.waiting) < SHARED:
            self.waiting.append(packet)
            return
        line = self.lines.setdefault(packet.flow, Line())
        line.packets.append(packet)
        if line not in self.new and line not in self.old:
            self.new.append(line)
            if self.network.now // MS > line.away_since_ms + REFILL_MS:
                line.credit = max(line.credit, QUANTUM)

    def leave(self) -> Packet:
        if not self.waiting:
            self.waiting.append(self._next_in_turn())
        return super().leave()

    def _next_in_turn(self) -> Packet:
        while True:
            turns = self.new or self.old
            line = turns[0]
            if line.credit <= 0:
                line.credit += QUANTUM
                self.old.append(turns.popleft())
            elif line.packets:
                line.credit -= line.packets[0].size
                return line.packets.popleft()
            elif turns is self.new:
                self.old.append(turns.popleft())
            else:
                turns.popleft()
                line.away_since_ms = self.network.now // MS | 1
