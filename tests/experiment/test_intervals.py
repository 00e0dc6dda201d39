"""Means over seeds and their bootstrap intervals."""

import itertools
import math

import numpy as np
import pytest

from iroko.experiment.intervals import EXACT_UP_TO, mean_interval


def test_the_interval_is_that_of_all_resamples() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    means = sorted(sum(choice) / 4 for choice in itertools.product(values, repeat=4))
    mean, low, high = mean_interval(values)
    assert mean == 3.75
    assert (low, high) == tuple(np.quantile(means, [0.025, 0.975]))


def test_of_many_values_it_is_drawn_and_always_the_same() -> None:
    values = np.random.default_rng(1).normal(10, 2, 40)
    first, again = mean_interval(values), mean_interval(values[::-1])
    assert first == again
    # The normal approximation: mean +- 1.96 standard errors.
    error = 1.96 * values.std() / math.sqrt(40)
    assert first[1:] == (pytest.approx(values.mean() - error, abs=0.1), pytest.approx(values.mean() + error, abs=0.1))


@pytest.mark.parametrize("count", [2, 5, EXACT_UP_TO, 30])
def test_equal_values_give_an_interval_of_no_width(count: int) -> None:
    mean, low, high = mean_interval([0.1] * count)
    assert mean == low == high or (high - low < 1e-15 and low <= mean <= high)


def test_too_few_values_have_no_interval() -> None:
    assert mean_interval([3.0])[0] == 3.0 and all(math.isnan(end) for end in mean_interval([3.0])[1:])
    assert all(math.isnan(value) for value in mean_interval([]))
    assert mean_interval([1.0, float("nan"), 3.0]) == mean_interval([1.0, 3.0])


def test_how_often_five_values_hold_the_mean() -> None:
    # The number that the docstring gives.
    drawn = np.random.default_rng(5).normal(size=(1000, 5))
    held = np.mean([low <= 0 <= high for _, low, high in map(mean_interval, drawn)])
    assert held == pytest.approx(0.83, abs=0.03)
