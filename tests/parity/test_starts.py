"""What misses is run again with other starts: chance goes, a difference stays."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.parity import deviations, starts
from benchmarks.parity.recording import KERNEL, Recording
from tests.parity.test_measures import CASE, recording

RIGHT, FAR, NEAR = 1_000_000, 1_100_000, 960_000


class Recorded:
    """In place of an engine: delivers what a function says of each variant."""

    def __init__(self, bytes_of: Callable[[int], int], asked: list[int], variant: int) -> None:
        self.bytes_of, self.asked, self.variant = bytes_of, asked, variant

    def record(self, case: object) -> Recording:
        self.asked.append(self.variant)
        return of(self.bytes_of(self.variant))

    def close(self) -> None:
        pass


def of(delivered: int) -> Recording:
    return recording(flow_bytes=np.full((2, 2), delivered))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The variants that the kernel was recorded in, which delivers the same in all."""
    variants: list[int] = []
    monkeypatch.setattr(starts, "KernelRecorder", lambda variant, fresh: Recorded(lambda _: RIGHT, variants, variant))
    return variants


@pytest.mark.parametrize(("simulated", "verdict", "variants"), [
    (lambda variant: RIGHT, "ok", []),
    (lambda variant: NEAR if variant else FAR, "chance", [1, 2, 3]),
    (lambda variant: FAR if variant < 4 else RIGHT, "chance", list(range(1, 16))),
    (lambda variant: FAR, "MISS", list(range(1, 16))),
])  # fmt: skip
def test_starts_are_added_while_something_misses(
    asked: list[int], monkeypatch: pytest.MonkeyPatch, simulated: Callable[[int], int], verdict: str, variants: list[int]
) -> None:
    monkeypatch.setattr(starts, "Recorder", lambda engine, variant: Recorded(simulated, [], variant))
    first, *others = starts.judge(CASE, of(RIGHT), of(simulated(0)), "sim")
    assert first.verdict == verdict and asked == variants
    assert first.simulator == of(simulated(0)).flow_bytes.sum() * 8 / 20  # the first start's, whatever the others say
    assert all(other.verdict == "ok" and other.over_starts is None for other in others)


def test_a_known_deviation_is_one_over_all_starts(asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviations, "KNOWN", {("dumbbell-2 dctcp 10M", "goodput"): "because"})
    monkeypatch.setattr(starts, "Recorder", lambda engine, variant: Recorded(lambda _: FAR, [], variant))
    # Within by chance in the first start alone.
    assert starts.judge(CASE, of(RIGHT), of(RIGHT), "sim")[0].verdict == "known" and asked == [1, 2, 3]
    monkeypatch.setattr(starts, "Recorder", lambda engine, variant: Recorded(lambda _: RIGHT, [], variant))
    assert starts.judge(CASE, of(RIGHT), of(FAR), "sim")[0].verdict == "KNOWN?"


def test_the_kernel_against_itself_has_one_start(asked: list[int]) -> None:
    assert starts.judge(CASE, of(RIGHT), of(FAR), KERNEL)[0].verdict == "MISS" and asked == []


def test_pooled_are_all_episodes_with_the_first_trace() -> None:
    one, other = of(RIGHT), replace(of(FAR), trace_goodput_bps=np.ones(3))
    pooled = Recording.pool([one, other])
    assert pooled.flow_bytes.tolist() == [[RIGHT] * 2] * 2 + [[FAR] * 2] * 2
    assert pooled.port_drops.shape == (4, CASE.topology.num_ports) and pooled.trace_goodput_bps is one.trace_goodput_bps
