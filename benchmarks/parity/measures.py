"""From a recording to a few numbers, and how far the simulator's may be from the kernel's.

The functions take a recording of the switch ports alone: the queue of a host drops and marks nothing.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.parity.cases import Case
from benchmarks.parity.deviations import known_deviation
from benchmarks.parity.recording import Recording
from iroko.engines.kernel.endpoints import ECN_TRANSPORTS
from iroko.metrics import MTU_FRAME_BYTES, jain_index


def goodput_bps(recording: Recording) -> float:
    """Application bytes delivered, of all flows together."""
    return float(recording.flow_bytes.sum()) * 8 / (len(recording.flow_bytes) * recording.measured_s)


def queue_packets(recording: Recording) -> float:
    """Mean backlog over time and episodes of the port where it is greatest, in packets of 1514 bytes.

    The mean over all ports on the flows' paths would be mostly zeros in a fat-tree, and hide in the allowance of 2 packets.
    """
    return float(recording.port_backlog_bytes.mean(axis=0).max()) / MTU_FRAME_BYTES


def drops(recording: Recording) -> float:
    """Packets dropped by all ports, in all episodes."""
    return float(recording.port_drops.sum())


def drops_by_chance(recording: Recording) -> float:
    """One packet in 10,000 of those delivered, and at least 10.

    Drops come in bursts, one for each time that a queue overflows. A few such bursts more or fewer, in a run in which hardly anything is
    lost, are a matter of when it began and ended.
    """
    return max(10.0, 1e-4 * float(recording.flow_bytes.sum()) / MTU_FRAME_BYTES)


def marked_share(recording: Recording) -> float:
    """Packets marked over packets sent, of the ports with at least 1% of all marks.

    A port with a few marks is left out: its many packets would count in one engine and not in the other.
    """
    marks, packets = recording.port_marks.sum(axis=0), recording.port_packets.sum(axis=0)
    marking = (marks > 0) & (marks >= 0.01 * marks.sum())
    return float(marks[marking].sum() / packets[marking].sum()) if marking.any() else 0.0


def jain(recording: Recording) -> float:
    """Jain's index of the flows' delivered bytes, mean over the episodes.

    It applies to endless flows that start before the measured time: over equal times bytes compare as rates do.
    """
    return float(np.mean([jain_index(delivered) for delivered in recording.flow_bytes]))


def _completion_s(recording: Recording, percent: float) -> float:
    # "higher" interpolates nothing: a flow that never ended counts as endless, not as no number.
    times = np.nan_to_num(recording.flow_completion_s.ravel(), nan=math.inf)
    return float(np.percentile(times, percent, method="higher"))


def median_completion_s(recording: Recording) -> float:
    """Median completion time of all flows of all episodes."""
    return _completion_s(recording, 50)


def p99_completion_s(recording: Recording) -> float:
    """99th percentile of the same."""
    return _completion_s(recording, 99)


@dataclass(frozen=True)
class Measure:
    """A number of a recording, and how far two engines may differ in it: by a share of the kernel's, or by an amount.

    Attributes:
        scale, unit: how it is written: the number over `scale`, in `unit`.
        relative: allowed share of the kernel's number.
        absolute: allowed amount, where that is more; or what it is for the kernel's recording.
        amount: how `absolute` is written.
        applies: to which cases; None: to all.
    """

    key: str
    function: Callable[[Recording], float]
    relative: float
    absolute: float | Callable[[Recording], float]
    amount: str
    scale: float
    unit: str
    applies: Callable[[Case], bool] | None = None

    @property
    def tolerance(self) -> str:
        """As a text, an amount in `unit`."""
        return " or ".join(filter(None, (f"{self.relative:.0%}" if self.relative else "", self.amount)))

    def allowance(self, kernel: Recording) -> float:
        """The amount that is allowed whatever the kernel's number is."""
        return self.absolute(kernel) if callable(self.absolute) else self.absolute


def _several_endless_flows(case: Case) -> bool:
    return case.endless and len(case.plan(0).flows) > 1


MEASURES = {measure.key: measure for measure in (
    Measure("goodput", goodput_bps, 0.03, 0.0, "", 1e6, "Mbit/s"),
    Measure("queue", queue_packets, 0.15, 2.0, "2", 1.0, "packets"),
    Measure("drops", drops, 0.25, drops_by_chance, "1 in 10,000", 1.0, "packets"),
    # Where hardly anything is marked, one packet in 200 more is no other behaviour.
    Measure("marked share", marked_share, 0.20, 0.005, "0.5", 0.01, "%", lambda case: case.runs_over in ECN_TRANSPORTS),
    Measure("Jain", jain, 0.0, 0.05, "0.05", 1.0, "", _several_endless_flows),
    Measure("median completion", median_completion_s, 0.10, 0.0, "", 1e-3, "ms", lambda case: not case.endless),
    Measure("99% completion", p99_completion_s, 0.20, 0.0, "", 1e-3, "ms", lambda case: not case.endless),
)}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """One measure of one case on both engines.

    Attributes:
        absolute: the amount by which they may differ whatever they are.
        known: why it is known to miss; None: it should not.
        starts: of the flows, how many were counted.
        over_starts: the same over more starts of the flows, where it was asked for: see `benchmarks.parity.starts`.
    """

    case: Case
    measure: Measure
    kernel: float
    simulator: float
    absolute: float
    known: str | None = None
    starts: int = 1
    over_starts: "Comparison | None" = None

    @property
    def allowance(self) -> float:
        """How far the numbers may be apart."""
        share = self.measure.relative * abs(self.kernel)
        return max(share if math.isfinite(share) else 0.0, self.absolute)

    @property
    def difference(self) -> float:
        return 0.0 if self.simulator == self.kernel else self.simulator - self.kernel

    @property
    def tolerances(self) -> float:
        """The difference in units of what is allowed: -1 to 1 is within."""
        if self.difference == 0:
            return 0.0
        return self.difference / self.allowance if self.allowance else math.copysign(math.inf, self.difference)

    @property
    def within(self) -> bool:
        return abs(self.tolerances) <= 1

    @property
    def verdict(self) -> str:
        """`ok`; `chance`, which more starts bring within; `MISS`; `known` for a miss that is known, `KNOWN?` for one that is none."""
        settled = self.over_starts or self
        if self.known is not None:
            return "KNOWN?" if settled.within else "known"
        return "ok" if self.within else "chance" if settled.within else "MISS"

    @property
    def as_expected(self) -> bool:
        return self.verdict in ("ok", "chance", "known")

    def sentence(self) -> str:
        """All of it in a line, for a message."""
        measure = self.measure
        kernel, simulator, difference = (f"{value / measure.scale:.5g}" for value in (self.kernel, self.simulator, self.difference))
        line = f"{self.case.name}: {measure.key} is {kernel} {measure.unit} on the kernel, {simulator} in the simulator: "
        line += f"difference {difference}, allowed {measure.tolerance}"
        if self.over_starts:
            line += f", and over {self.over_starts.starts} starts {self.over_starts.tolerances:+.2f} of what is allowed"
        if self.verdict == "KNOWN?":
            return f"{line}; it is within, so strike it from the known deviations: {self.known}"
        return line + (f"; known: {self.known}" if self.known else "")


def compare(case: Case, kernel: Recording, simulator: Recording) -> Iterator[Comparison]:
    """Every measure that applies to the case."""
    kernel, simulator = (recording.of_ports(case.topology.switch_ports) for recording in (kernel, simulator))
    for measure in MEASURES.values():
        if measure.applies is None or measure.applies(case):
            known = known_deviation(case, measure.key)
            yield Comparison(case, measure, measure.function(kernel), measure.function(simulator), measure.allowance(kernel), known)
