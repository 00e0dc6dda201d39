"""What every port's queue has done, read from the kernel.

Two ways to the same `Counters`: `WatchedCounters` reads the guest kernel's `/proc/iroko_ports`, one read for the whole fabric with the
exact integral and peak of each backlog; `SampledCounters` asks any Linux over netlink, one question for each node, and takes mean
and peak from samples within the interval.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from iroko.engines.kernel.namespaces import Namespace
from iroko.engines.kernel.netlink import Netlink, attributes
from iroko.engines.kernel.qdiscs import DUMP_QUEUES
from iroko.engines.kernel.uapi import TC_H_ROOT
from iroko.errors import EngineError
from iroko.snapshot import Floats, Integers

WATCHED_PATH = "/proc/iroko_ports"
_ROW = np.dtype([("namespace", "<u4"), ("index", "<u4"), ("bytes", "<u8"), ("packets", "<u8"), ("drops", "<u8"), ("marks", "<u8"),
                 ("backlog", "<u8"), ("area", "<u8"), ("peak", "<u8")])  # fmt: skip


@dataclass(frozen=True)
class Counters:
    """Per port, shape `(num_ports,)`: totals since the fabric was built, and the queue now."""

    bytes: Integers
    packets: Integers
    drops: Integers
    marks: Integers
    backlog: Integers


@dataclass(frozen=True)
class Interval:
    """Per port, shape `(num_ports,)`: what happened since the interval was begun."""

    bytes: Integers
    packets: Integers
    drops: Integers
    marks: Integers
    backlog: Integers
    backlog_mean: Floats
    backlog_peak: Integers


class Reader(Protocol):
    """Counts for each port, over intervals; times are of CLOCK_MONOTONIC in ns."""

    samples: int
    """How often within an interval `sample` wants to be called."""

    def begin(self, time_ns: int) -> None: ...

    def sample(self, time_ns: int) -> None: ...

    def end(self, time_ns: int) -> Interval: ...

    def backlog(self) -> Integers: ...

    def close(self) -> None: ...


def _difference(old: Counters, new: Counters) -> dict[str, Integers]:
    values = {field.name: getattr(new, field.name) - getattr(old, field.name) for field in fields(Counters)}
    return values | {"backlog": new.backlog}


class WatchedCounters:
    """The guest kernel's own record: one read, exact mean and peak."""

    samples = 0

    def __init__(self, ports: list[tuple[Namespace, int]]) -> None:
        self.file = os.open(WATCHED_PATH, os.O_RDONLY | os.O_CLOEXEC)
        self.size = 2 * (len(ports) + 8) * _ROW.itemsize  # delays have queues of their own
        rows = self._read()
        where = {(int(row["namespace"]), int(row["index"])): position for position, row in enumerate(rows)}
        self.order = np.array([where[namespace.inode, index] for namespace, index in ports])
        self.expected = len(rows)
        self.rows = rows[self.order]
        self.began_ns = 0

    def _read(self) -> np.ndarray:
        rows = np.frombuffer(os.pread(self.file, self.size, 0), _ROW)
        if hasattr(self, "expected") and len(rows) != self.expected:
            raise EngineError(f"the kernel reports {len(rows)} queues, the fabric has {self.expected}")
        return rows

    def begin(self, time_ns: int) -> None:
        self.rows = self._read()[self.order]
        self.began_ns = time_ns

    def sample(self, time_ns: int) -> None:
        """Nothing to do: the kernel watches."""

    def end(self, time_ns: int) -> Interval:
        old, self.rows = self.rows, self._read()[self.order]
        new, elapsed_ns = self.rows, time_ns - self.began_ns
        self.began_ns = time_ns
        change = {name: (new[name] - old[name]).astype(np.int64) for name in ("bytes", "packets", "drops", "marks")}
        area = new["area"] - old["area"]  # in uint64, so that a wrapped integral still gives the right difference
        mean = area / elapsed_ns if elapsed_ns > 0 else new["backlog"].astype(float)
        return Interval(**change, backlog=new["backlog"].astype(np.int64), backlog_mean=mean, backlog_peak=new["peak"].astype(np.int64))

    def backlog(self) -> Integers:
        backlog: Integers = self._read()[self.order]["backlog"].astype(np.int64)
        return backlog

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class SampledCounters:
    """Any Linux: a dump of each namespace's queues; mean and peak backlog from samples, so a peak between two samples is missed."""

    samples = 10

    def __init__(self, ports: list[tuple[Namespace, int]], sockets: dict[int, Netlink], marks: Callable[[], dict[int, int]]) -> None:
        self.sockets, self.marks = sockets, marks
        self.position = {(namespace.inode, index): position for position, (namespace, index) in enumerate(ports)}
        self.start = self._read()
        self._restart(0)

    def _restart(self, time_ns: int) -> None:
        self.began_ns = self.last_ns = time_ns
        self.area = np.zeros(len(self.position))
        self.peak = self.start.backlog.copy()
        self.last = self.start.backlog

    def _read(self) -> Counters:
        values = np.zeros((5, len(self.position)), dtype=np.int64)
        seen = 0
        for inode, netlink in self.sockets.items():
            for data in netlink.dump(DUMP_QUEUES):
                index, _, parent = struct.unpack_from("<iII", data, 20)
                position = self.position.get((inode, index))
                if position is None:
                    continue
                found = attributes(data, 36)
                if parent == TC_H_ROOT:
                    values[[0, 1, 2, 4], position] = self._queue(attributes(found[7]))
                    seen += 1
                elif bytes(found[1]).rstrip(b"\0") == b"red":
                    values[3, position] = struct.unpack_from("<I", attributes(found[7])[4], 12)[0]
        for position, count in self.marks().items():
            values[3, position] = count
        if seen != len(self.position):
            raise EngineError(f"the kernel reports {seen} queues, the fabric has {len(self.position)}")
        return Counters(*values)

    @staticmethod
    def _queue(statistics: dict[int, memoryview]) -> tuple[int, int, int, int]:
        """Bytes, packets, drops and backlog of one discipline, from TCA_STATS2."""
        sent_bytes, packets = struct.unpack_from("<QI", statistics[1])
        if 8 in statistics:  # TCA_STATS_PKT64
            packets = struct.unpack_from("<Q", statistics[8])[0]
        _, backlog, drops = struct.unpack_from("<III", statistics[3])
        return sent_bytes, packets, drops, backlog

    def begin(self, time_ns: int) -> None:
        self.start = self._read()
        self._restart(time_ns)

    def sample(self, time_ns: int) -> None:
        self._add(self._read().backlog, time_ns)

    def _add(self, backlog: Integers, time_ns: int) -> None:
        self.area += (self.last + backlog) / 2 * (time_ns - self.last_ns)
        self.peak = np.maximum(self.peak, backlog)
        self.last, self.last_ns = backlog, time_ns

    def end(self, time_ns: int) -> Interval:
        now = self._read()
        self._add(now.backlog, time_ns)
        elapsed_ns = time_ns - self.began_ns
        mean = self.area / elapsed_ns if elapsed_ns > 0 else now.backlog.astype(float)
        interval = Interval(**_difference(self.start, now), backlog_mean=mean, backlog_peak=self.peak)
        self.start = now
        self._restart(time_ns)
        return interval

    def backlog(self) -> Integers:
        return self._read().backlog

    def close(self) -> None:
        """The sockets belong to the network."""


def open_counters(ports: list[tuple[Namespace, int]], sockets: dict[int, Netlink], marks: Callable[[], dict[int, int]]) -> Reader:
    """The best reader that this kernel has.

    Args:
        ports: for each port its namespace and interface index.
        sockets: for each namespace's inode number an open netlink socket in it.
        marks: gives the marks of ports whose queueing discipline does not count them.
    """
    if os.path.exists(WATCHED_PATH):
        return WatchedCounters(ports)
    return SampledCounters(ports, sockets, marks)
