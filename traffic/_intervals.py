"""Disjoint intervals of whole numbers, such as the bytes of a connection that a capture has shown."""

from bisect import bisect_left, bisect_right

MAX_INTERVALS = 128


class Intervals:
    """A set of numbers as sorted intervals that do not touch; of too many the lowest gap is given up.

    Attributes:
        added: how many numbers were new when they came.
    """

    __slots__ = ("_ends", "_starts", "added")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.added = 0

    def add(self, start: int, end: int) -> int:
        """Add `start` to `end - 1`; returns how many of these are new."""
        if end <= start:
            return 0
        starts, ends = self._starts, self._ends
        if ends and start == ends[-1]:  # in order, as nearly always
            ends[-1] = end
            self.added += end - start
            return end - start
        low, high = bisect_left(ends, start), bisect_right(starts, end)
        known = sum(ends[i] - starts[i] for i in range(low, high))
        if low < high:
            start, end = min(start, starts[low]), max(end, ends[high - 1])
        starts[low:high], ends[low:high] = [start], [end]
        self.added += end - start - known
        if len(starts) > MAX_INTERVALS:
            del starts[1], ends[0]
        return end - start - known

    def covers(self, start: int, end: int) -> bool:
        """Whether `start` to `end - 1` are all in it."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and self._ends[at] >= end

    def __len__(self) -> int:
        return len(self._starts)
