"""The simulator behaves as the kernel does, within the tolerances: a part of all cases, and every case under the marker `soak`.

Recordings of the kernel are kept on disk as `make parity` keeps them, so that a second run takes the simulator's time only.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from benchmarks.parity.cases import LIMITS, RATES, TRANSPORTS, Case, all_cases
from benchmarks.parity.recording import KernelRecorder, Recorder
from benchmarks.parity.starts import judge

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]

ALWAYS = {
    ("narrow-1", "10M", ""), ("narrow-1", "1G", ""), ("dumbbell-1", "10M", "changing"), ("dumbbell-2", "10M", ""), ("dumbbell-2", "1G", ""),
    ("dumbbell-8", "1G", "fixed"), ("permutation", "10M", ""), ("stride", "1G", "changing"), ("incast", "10M", ""), ("incast", "1G", ""),
    ("dumbbell-2", "10G", ""), ("joining", "1G", ""),
}  # fmt: skip
"""Every fabric but those of `LONG`, rate and kind of limits once or twice, with all transports: about three minutes of the guest."""
LONG = {"ecmp"}
"""Fabrics whose cases run under `soak` and in `make parity` only."""


def is_always_run(case: Case) -> bool:
    return (case.fabric, case.rate, case.limits) in ALWAYS


@pytest.fixture(scope="module")
def kernel(guest_kernel: None) -> Iterator[KernelRecorder]:
    with closing(KernelRecorder()) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def simulator() -> Iterator[Recorder]:
    with closing(Recorder("sim")) as recorder:
        yield recorder


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=() if is_always_run(case) else pytest.mark.soak) for case in all_cases()]
)
def test_the_simulator_does_what_the_kernel_does(case: Case, kernel: KernelRecorder, simulator: Recorder) -> None:
    comparisons = judge(case, kernel.record(case), simulator.record(case), "sim")
    assert not [one.sentence() for one in comparisons if not one.as_expected]
    if known := [one.sentence() for one in comparisons if one.verdict == "known"]:
        pytest.xfail("; ".join(known))


def test_what_always_runs_has_all_that_cases_are_made_of() -> None:
    chosen = [case for case in all_cases() if is_always_run(case)]
    assert {(case.fabric, case.rate, case.limits) for case in chosen} == ALWAYS
    assert {case.transport for case in chosen} == set(TRANSPORTS)
    for field, values in (("fabric", {case.fabric for case in all_cases()} - LONG), ("rate", set(RATES)), ("limits", set(LIMITS))):
        assert {getattr(case, field) for case in chosen} == values
