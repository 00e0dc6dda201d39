"""From recordings to numbers and verdicts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.parity import deviations
from benchmarks.parity.cases import Case
from benchmarks.parity.measures import MEASURES, Comparison, compare
from benchmarks.parity.recording import Recording
from iroko.metrics import jain_index

CASE = Case("dumbbell-2", "dctcp", "10M")
PORTS, SWITCH_PORTS = CASE.topology.num_ports, list(CASE.topology.switch_ports)


def recording(case: Case = CASE, **values: object) -> Recording:
    """Two episodes of 10 s in which nothing happened, with these fields in place."""
    zeros = np.zeros((2, case.topology.num_ports), dtype=np.int64)
    flows = (2, len(case.plan(0).flows))
    made = Recording(10.0, zeros, zeros, zeros, zeros, zeros.astype(float), np.zeros(flows, dtype=np.int64), np.full(flows, np.nan),
                     np.zeros(3), np.zeros((3, len(case.topology.switch_ports))))  # fmt: skip
    return replace(made, **values)  # type: ignore[arg-type]


def at(columns: dict[int, tuple[float, float]], kind: type = int) -> np.ndarray:
    values = np.zeros((2, PORTS), dtype=kind)
    for column, pair in columns.items():
        values[:, column] = pair
    return values


def measured(key: str, made: Recording, case: Case = CASE) -> float:
    return next(one.kernel for one in compare(case, made, made) if one.measure.key == key)


def test_goodput_is_the_mean_over_episodes() -> None:
    assert measured("goodput", recording(flow_bytes=np.array([[1_000_000, 2_000_000], [3_000_000, 0]]))) == 3e6 * 8 / 10


def test_queue_is_the_switch_port_with_the_longest_mean() -> None:
    host, one, other = CASE.topology.host_ports[0], SWITCH_PORTS[0], SWITCH_PORTS[3]
    made = recording(port_backlog_bytes=at({host: (9e9, 9e9), one: (15140, 0), other: (6056, 12112)}, float))
    assert measured("queue", made) == pytest.approx(6)


def test_drops_and_marks_are_those_of_switch_ports() -> None:
    one, other, third = SWITCH_PORTS[:3]
    made = recording(
        port_drops=at({one: (3, 4), other: (5, 0)}),
        port_marks=at({one: (300, 100), other: (0, 200), third: (1, 1)}),
        port_packets=at({one: (1000, 1000), other: (500, 500), third: (10_000, 10_000)}),
    )
    assert measured("drops", made) == 12
    # The third port has 2 marks of 602.
    assert measured("marked share", made) == 600 / 3000
    assert measured("marked share", recording()) == 0


def test_jain_is_the_mean_of_the_episodes_indices() -> None:
    delivered = np.array([[10, 0], [0, 10]])
    assert measured("Jain", recording(flow_bytes=delivered)) == jain_index([1, 0]) == 0.5


def test_completion_percentiles_count_an_unfinished_flow_as_endless() -> None:
    case = Case("incast", "reno", "1G")
    times = np.linspace(0.001, 0.1, 2 * len(case.plan(0).flows)).reshape(2, -1)
    made = recording(case, flow_completion_s=times)
    assert measured("median completion", made, case) == pytest.approx(0.0505, rel=0.01)
    assert measured("99% completion", made, case) == pytest.approx(0.099, rel=0.01)
    times[0, :5] = np.nan
    assert measured("99% completion", recording(case, flow_completion_s=times), case) < math.inf
    times[0, :] = np.nan
    assert measured("99% completion", recording(case, flow_completion_s=times), case) == math.inf


@pytest.mark.parametrize(("name", "keys"), [
    ("narrow-1 cubic", ["goodput", "queue", "drops"]),
    ("dumbbell-8 cubic", ["goodput", "queue", "drops", "Jain"]),
    ("stride dctcp", ["goodput", "queue", "drops", "marked share", "Jain"]),
    ("incast dctcp", ["goodput", "queue", "drops", "marked share", "median completion", "99% completion"]),
])  # fmt: skip
def test_each_case_has_the_measures_that_mean_something(name: str, keys: list[str]) -> None:
    case = Case(*name.split(), "10M")
    made = recording(case)
    assert [one.measure.key for one in compare(case, made, made)] == keys


@pytest.mark.parametrize(("key", "kernel", "simulator", "within"), [
    ("goodput", 9.5e6, 9.75e6, True), ("goodput", 9.5e6, 9.8e6, False), ("goodput", 9.5e6, 9.2e6, False), ("goodput", 0, 0, True),
    ("goodput", 0, 1, False), ("queue", 80, 91, True), ("queue", 80, 93, False), ("queue", 0.1, 2.0, True), ("queue", 0.1, 2.2, False),
    ("drops", 1000, 1240, True), ("drops", 1000, 1260, False), ("drops", 0, 10, True), ("drops", 0, 11, False),
    ("marked share", 0.2, 0.23, True), ("marked share", 0.2, 0.25, False), ("marked share", 0.0, 0.004, True),
    ("Jain", 0.9, 0.94, True), ("Jain", 0.9, 0.84, False), ("median completion", 0.1, 0.109, True),
    ("median completion", 0.1, 0.111, False), ("99% completion", 0.1, 0.119, True), ("99% completion", 0.1, 0.121, False),
    ("99% completion", math.inf, math.inf, True),
    ("99% completion", 0.1, math.inf, False), ("99% completion", math.inf, 0.1, False),
])  # fmt: skip
def test_tolerances(key: str, kernel: float, simulator: float, within: bool) -> None:
    measure = MEASURES[key]
    assert Comparison(CASE, measure, kernel, simulator, measure.allowance(recording())).within is within


def test_a_few_drops_among_many_packets_are_chance() -> None:
    assert MEASURES["drops"].allowance(recording(flow_bytes=np.full((2, 2), 1_514_000))) == 10
    assert MEASURES["drops"].allowance(recording(flow_bytes=np.full((2, 2), 151_400_000))) == pytest.approx(40)


def test_a_known_deviation_has_to_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = recording(flow_bytes=np.full((2, 2), 1_000_000))
    far = replace(kernel, flow_bytes=np.full((2, 2), 1_100_000))

    def goodput(simulator: Recording) -> Comparison:
        return next(compare(CASE, kernel, simulator))

    assert (goodput(far).verdict, goodput(far).as_expected, goodput(kernel).verdict) == ("MISS", False, "ok")
    assert goodput(far).sentence() == ("dumbbell-2 dctcp 10M: goodput is 1.6 Mbit/s on the kernel, 1.76 in the simulator: "
                                       "difference 0.16, allowed 3%")  # fmt: skip
    monkeypatch.setattr(deviations, "KNOWN", {("dumbbell-* dctcp", "goodput"): "because"})
    assert (goodput(far).verdict, goodput(far).as_expected) == ("known", True)
    assert goodput(far).sentence().endswith("; known: because")
    assert (goodput(kernel).verdict, goodput(kernel).as_expected) == ("KNOWN?", False)
    assert "strike it from the known deviations: because" in goodput(kernel).sentence()


def test_every_known_deviation_names_a_case_and_a_measure() -> None:
    from benchmarks.parity.cases import find_cases

    for (pattern, key), reason in deviations.KNOWN.items():
        measures = {measure.key for case in find_cases([pattern]) for measure in MEASURES.values()
                    if measure.applies is None or measure.applies(case)}  # fmt: skip
        assert key in measures and reason
