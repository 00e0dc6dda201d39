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
    ideal_completions_s,
    jain_index,
    jain_indices,
    last_frames_s,
    queue_percentiles,
    rank_percentile,
    rate_fractions,
    ratio,
    running_sum,
    size_classes,
    slowdowns,
)


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


def lone_completion_s(size_bytes: int, rates_bps: list[float], delay_s: float, headers_bytes: int) -> float:
    """The slow reference for a flow alone: every frame over every link, which lets a frame through when it is free, at once."""
    payload = 1514 - headers_bytes
    left, free_s, arrival_s = size_bytes, [0.0] * len(rates_bps), 0.0
    while left:
        frame, left = min(payload, left) + headers_bytes, left - min(payload, left)
        arrival_s = 0.0
        for hop, rate_bps in enumerate(rates_bps):
            arrival_s = max(arrival_s, free_s[hop])
            free_s[hop] = arrival_s + frame * 8 / rate_bps
    return arrival_s + delay_s


def test_ideal_completion_of_one_frame_is_its_time_on_the_slowest_link_and_the_delays() -> None:
    # 100 bytes and 42 of headers: 142 * 8 bits over 1 Mbit/s, and 6 ms.
    assert ideal_completions_s([100], [1e6], [6e-3], UDP_HEADERS_BYTES) == pytest.approx([142 * 8 / 1e6 + 6e-3])


def test_ideal_completion_counts_the_headers_of_every_frame() -> None:
    # 1448 bytes are one frame, a byte more makes two; 1000 full frames at 10 Mbit/s.
    ideals = ideal_completions_s([1448, 1449, 1_448_000], [10e6] * 3, [0.0] * 3)
    assert ideals * 10e6 / 8 == pytest.approx([1514, 1514 + 67, 1_514_000])
    assert last_frames_s([1448, 1449, 1_448_000], [10e6] * 3) * 10e6 / 8 == pytest.approx([1514, 67, 1514])


def test_ideal_completion_over_tcp_waits_for_the_handshake() -> None:
    without = ideal_completions_s([1000], [10e6], [3e-3])
    # A round trip, then the ACK of 66 bytes before the data; on a path without delay the SYN of 74 bytes is in the way instead.
    assert ideal_completions_s([1000], [10e6], [3e-3], round_trips_s=[6e-3]) - without == pytest.approx(6e-3 + 66 * 8 / 10e6)
    assert ideal_completions_s([1000], [10e6], [3e-3], round_trips_s=[0.0]) - without == pytest.approx((74 + 66) * 8 / 10e6)


@pytest.mark.parametrize("headers_bytes", [TCP_HEADERS_BYTES, UDP_HEADERS_BYTES])
@pytest.mark.parametrize("size_bytes", [1, 1448, 1449, 2896, 2897, 50_000, 144_800])
def test_a_flow_alone_on_equal_links_has_a_slowdown_of_1(size_bytes: int, headers_bytes: int) -> None:
    rates = [10e6] * 4
    completion_s = lone_completion_s(size_bytes, rates, 7e-3, headers_bytes)
    ideals, last = ideal_completions_s([size_bytes], [10e6], [7e-3], headers_bytes), last_frames_s([size_bytes], [10e6], headers_bytes)
    assert slowdowns([completion_s], ideals, last) == pytest.approx([1.0], rel=1e-12)
    if size_bytes == 1:
        assert slowdowns([completion_s], ideals)[0] < 1 - 1e-3, "without the last frame's time a small flow would be faster than possible"


@pytest.mark.parametrize("rates", [[10e6, 1e6, 10e6], [1e6, 10e6], [10e6, 1e6]])
@pytest.mark.parametrize("size_bytes", [1, 1448, 1449, 50_000])
def test_the_slowest_link_decides(rates: list[float], size_bytes: int) -> None:
    completion_s = lone_completion_s(size_bytes, rates, 0.0, TCP_HEADERS_BYTES)
    ideals, last = ideal_completions_s([size_bytes], [1e6], [0.0]), last_frames_s([size_bytes], [1e6])
    assert slowdowns([completion_s], ideals, last) == pytest.approx([1.0], rel=1e-12)


def test_slowdowns() -> None:
    result = slowdowns([2.0, np.nan, 0.5], [1.0, 1.0, 0.5])
    assert result[[0, 2]] == pytest.approx([2, 1])
    assert result[1] == np.inf
    with pytest.raises(InputError, match="above 0"):
        slowdowns([1.0], [0.0])
    with pytest.raises(InputError, match="equal shapes"):
        slowdowns([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="sizes_bytes=0: expected 1 or more"):
        ideal_completions_s([5, 0], [1e6, 1e6], [0, 0])
    with pytest.raises(InputError, match="rates_bps=-1: expected"):
        last_frames_s([5], [-1])


def test_percentiles_by_rank_take_what_is_infinite() -> None:
    assert [rank_percentile([30, 10, 20], percent) for percent in (0, 33, 34, 50, 67, 100)] == [10, 10, 20, 20, 30, 30]
    # 2 of 200 are the last 1%: the 99th percentile is the 198th, and with a third one the first that is infinite.
    assert rank_percentile([*range(1, 199), np.inf, np.inf], 99) == 198
    assert rank_percentile([*range(1, 198), np.inf, np.inf, np.inf], 99) == np.inf
    assert rank_percentile([np.inf, 1.0], 50) == 1
    assert np.isnan(rank_percentile([], 50))
    with pytest.raises(InputError, match="percent=101"):
        rank_percentile([1], 101)


def test_percentiles_by_rank_are_those_of_the_inverted_distribution() -> None:
    values = np.random.default_rng(3).random(137)
    for percent in range(1, 100):
        assert rank_percentile(values, percent) == np.percentile(values, percent, method="inverted_cdf"), percent


def test_size_classes_include_their_bound() -> None:
    assert size_classes([1, 10, 11, 100, 101], (10, 100)).tolist() == [0, 0, 1, 1, 2]
    assert size_classes([5], ()).tolist() == [0]
    for bounds in ((10, 10), (0,), (-1, 5), (5, float("nan"))):
        with pytest.raises(InputError, match="expected sizes in bytes that rise"):
            size_classes([1], bounds)
