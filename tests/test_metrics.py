"""Measures against closed forms."""

from typing import Any

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.metrics import (
    TCP_HEADERS_BYTES,
    UDP_HEADERS_BYTES,
    gini_index,
    gini_indices,
    goodput_bps,
    goodput_share,
    goodputs_bps,
    ideal_completion_s,
    jain_index,
    jain_indices,
    queue_percentiles,
    rate_fractions,
    ratio,
    running_sum,
    slowdown,
    wire_sizes,
)
from iroko.topology import Port


def path(*hops: tuple[float, float]) -> list[Port]:
    return [Port(f"n{i}", f"n{i + 1}", rate_bps, delay_s, 100_000) for i, (rate_bps, delay_s) in enumerate(hops)]


def simulated_completion_s(size_bytes: int, ports: list[Port], headers_bytes: int) -> float:
    """The slow reference: every frame over every link, one after the other."""
    payload = 1514 - headers_bytes
    left, frames = size_bytes, []
    while left:
        frames.append(min(payload, left) + headers_bytes)
        left -= min(payload, left)
    free_s, arrival_s = [0.0] * len(ports), 0.0
    for frame in frames:
        arrival_s = 0.0
        for j, port in enumerate(ports):
            free_s[j] = max(arrival_s, free_s[j]) + frame * 8 / port.rate_bps
            arrival_s = free_s[j] + port.delay_s
    return arrival_s


def test_jain_index() -> None:
    assert jain_index([3, 3, 3]) == pytest.approx(1)
    assert jain_index([5, 0, 0, 0]) == pytest.approx(1 / 4)
    assert jain_index([1, 2, 3]) == pytest.approx(36 / (3 * 14))
    assert jain_index([0, 0]) == 1
    assert jain_index([]) == 1


def test_gini_index() -> None:
    assert gini_index([2, 2, 2]) == pytest.approx(0)
    assert gini_index([0, 0, 0, 7]) == pytest.approx(3 / 4)
    # x = 1, 2, 3: ((-2) 1 + 0 2 + 2 3) / (3 * 6) = 4/18, in any order.
    assert gini_index([3, 1, 2]) == pytest.approx(4 / 18)
    assert gini_index([0, 0]) == 0
    assert gini_index([]) == 0


def test_gini_index_is_half_the_relative_mean_difference() -> None:
    values = np.random.default_rng(1).random(20)
    differences = np.abs(values[:, None] - values[None, :]).mean()
    assert gini_index(values) == pytest.approx(differences / (2 * values.mean()))


@pytest.mark.parametrize(("many", "single"), [(jain_indices, jain_index), (gini_indices, gini_index)])
def test_indices_of_many_leave_out_what_does_not_count(many: Any, single: Any) -> None:
    rng = np.random.default_rng(2)
    values, counts = rng.random((3, 40, 21)) * 1e7, rng.random((3, 40, 21)) < 0.6
    counts[0, 0], values[0, 1] = False, 0
    result = many(values, counts)
    assert result.shape == (3, 40)
    expected = [single(row[mask]) for row, mask in zip(values.reshape(-1, 21), counts.reshape(-1, 21), strict=True)]
    assert result.ravel() == pytest.approx(expected, rel=1e-12)


def test_padding_changes_no_digit_of_jains_index() -> None:
    # Sums of many values that are no whole numbers: numpy's own would add them in another order in the longer array.
    values = np.random.default_rng(4).random((50, 37)) * 1e9
    padded = np.concatenate([values, np.full((50, 30), 7.0)], axis=1)
    counts = np.arange(67) < 37
    assert np.array_equal(jain_indices(padded, np.broadcast_to(counts, padded.shape)), [jain_index(row) for row in values])
    assert not np.array_equal(np.where(counts, padded, 0).sum(axis=1), values.sum(axis=1)), "these values prove nothing"


def test_running_sum() -> None:
    assert running_sum(np.array([[1.0, 2.0], [3.0, 5.0]])).tolist() == [3, 8]
    assert running_sum(np.zeros((2, 0))).tolist() == [0, 0]


def test_ratio_of_numbers_and_arrays() -> None:
    assert ratio(np.array([1.0, 1.0, 3.0]), np.array([2.0, 0.0, -1.0]), 7.0).tolist() == [0.5, 7, 7]
    assert ratio(1.0, np.float64(2), 7.0) == 0.5
    assert ratio(1.0, 0.0, 7.0) == 7


def test_rates_of_many() -> None:
    sent_bytes, rates_bps = np.array([[100, 50], [100, 50]]), np.array([[1000.0, 1000.0], [4000.0, 1000.0]])
    assert rate_fractions(sent_bytes, np.array([1.0, 0.5]), rates_bps) == pytest.approx(np.array([[0.8, 0.4], [0.4, 0.8]]))
    assert rate_fractions(sent_bytes, np.array([0.0, 1.0]), rates_bps)[0].tolist() == [0, 0]
    assert rate_fractions(sent_bytes[0], 0.0, rates_bps[0]).tolist() == [0, 0]
    assert goodputs_bps(sent_bytes, np.array([1.0, 0.0])).tolist() == [1200, 0]


def test_goodput() -> None:
    assert goodput_bps([1000, 250], 0.1) == pytest.approx(100_000)
    assert goodput_bps([1000], 0) == 0
    assert goodput_share([1000, 250], 0.1, 200_000) == pytest.approx(0.5)
    with pytest.raises(InputError, match="fair_bps=0"):
        goodput_share([1], 1, 0)


def test_queue_percentiles() -> None:
    backlog = np.arange(101).reshape(1, 101)
    assert queue_percentiles(backlog, (0, 50, 99, 100)) == pytest.approx([0, 50, 99, 100])
    assert queue_percentiles([[0, 10]], (25,)) == pytest.approx([2.5])
    with pytest.raises(InputError, match="no backlogs"):
        queue_percentiles([])
    with pytest.raises(InputError, match="percent=101"):
        queue_percentiles([1], (101,))


def test_wire_sizes() -> None:
    assert wire_sizes(1, TCP_HEADERS_BYTES) == (0, 67)
    assert wire_sizes(1448, TCP_HEADERS_BYTES) == (0, 1514)
    assert wire_sizes(1449, TCP_HEADERS_BYTES) == (1, 67)
    assert wire_sizes(1472 * 3, UDP_HEADERS_BYTES) == (2, 1514)


def test_ideal_completion_of_one_frame_is_its_time_on_each_link_and_the_delays() -> None:
    # 100 bytes and 42 of headers: 142 * 8 bits over 1 Mbit/s and over 10 Mbit/s, and delays of 5 ms and 1 ms.
    expected_s = 142 * 8 / 1e6 + 5e-3 + 142 * 8 / 10e6 + 1e-3
    assert ideal_completion_s(100, path((1e6, 5e-3), (10e6, 1e-3)), UDP_HEADERS_BYTES) == pytest.approx(expected_s)


def test_ideal_completion_of_equal_links_is_size_over_rate_and_one_frame_for_each_further_link() -> None:
    # 1000 full frames over three links of 10 Mbit/s without delay: (1000 + 2) * 1514 * 8 / 10e6.
    assert ideal_completion_s(1448 * 1000, path(*[(10e6, 0.0)] * 3)) == pytest.approx(1002 * 1514 * 8 / 10e6)


@pytest.mark.parametrize("rates", [(10e6, 1e6, 10e6), (1e6, 10e6), (10e6, 1e6), (3e6, 2e6, 5e6, 1e6)])
@pytest.mark.parametrize("size_bytes", [1, 1448, 1449, 2896, 2897, 50_000, 144_800])
def test_ideal_completion_agrees_with_every_frame_over_every_link(rates: tuple[float, ...], size_bytes: int) -> None:
    ports = path(*[(rate_bps, 1e-3 * i) for i, rate_bps in enumerate(rates)])
    expected_s = simulated_completion_s(size_bytes, ports, TCP_HEADERS_BYTES)
    assert ideal_completion_s(size_bytes, ports) == pytest.approx(expected_s, rel=1e-12)


def test_ideal_completion_refuses_what_is_no_path() -> None:
    with pytest.raises(InputError, match="empty path"):
        ideal_completion_s(1, [])
    with pytest.raises(InputError, match="size_bytes=0"):
        ideal_completion_s(0, path((1e6, 0.0)))
    with pytest.raises(InputError, match="n0->n1 to n0->n1"):
        ideal_completion_s(1, path((1e6, 0.0)) * 2)


def test_slowdown() -> None:
    result = slowdown([2.0, np.nan, 0.5], [1.0, 1.0, 0.5])
    assert result[[0, 2]] == pytest.approx([2, 1])
    assert np.isnan(result[1])
    with pytest.raises(InputError, match="above 0"):
        slowdown([1.0], [0.0])
    with pytest.raises(InputError, match="equal shapes"):
        slowdown([1.0, 2.0], [1.0])
