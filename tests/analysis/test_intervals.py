"""Means over seeds and Student's intervals of them."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from iroko.analysis.intervals import mean_interval, student_quantile

Floats = npt.NDArray[np.float64]


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (120, 1.980)])
def test_the_quantiles_are_those_of_the_printed_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.95, degrees) == pytest.approx(quantile, abs=5e-4)


def test_the_quantiles_are_scipys() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: it comes with the extra dev")
    for degrees in [*range(1, 40), 99, 100, 999, 1000, 9999]:
        for level in (0.5, 0.9, 0.95, 0.99, 0.999):
            assert student_quantile(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)


def test_the_interval_by_hand() -> None:
    # Mean 3, standard deviation sqrt(10 / 4), standard error sqrt(0.5).
    assert mean_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx((3.0, 3 - 2.7764451 * math.sqrt(0.5), 3 + 2.7764451 * math.sqrt(0.5)))


def test_the_order_of_seeds_changes_nothing() -> None:
    values = np.random.default_rng(1).normal(10, 2, 40)
    assert mean_interval(values) == mean_interval(values[::-1])


@pytest.mark.parametrize("count", [2, 5, 7, 30])
def test_equal_values_give_an_interval_of_no_width(count: int) -> None:
    assert mean_interval([0.1] * count) == (0.1, 0.1, 0.1)


def test_too_few_values_have_no_interval() -> None:
    assert mean_interval([3.0])[0] == 3.0 and all(math.isnan(end) for end in mean_interval([3.0])[1:])
    assert all(math.isnan(value) for value in mean_interval([]))
    assert mean_interval([1.0, float("nan"), 3.0, math.inf]) == mean_interval([1.0, 3.0])


Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
COVERED: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.uniform(size=shape), 0.5),
    "laplace": (lambda rng, shape: rng.laplace(size=shape), 0.0),
    "heavy, t with 3 degrees": (lambda rng, shape: rng.standard_t(3, size=shape), 0.0),
    "log-normal, sigma 0.25": (lambda rng, shape: rng.lognormal(0, 0.25, shape), math.exp(0.25**2 / 2)),
    "gamma, shape 4": (lambda rng, shape: rng.gamma(4, size=shape), 4.0),
}
SKEWED: dict[str, tuple[Draw, float, dict[int, float]]] = {
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0, {5: 0.88, 10: 0.90}),
    "log-normal, sigma 1": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5), {5: 0.82, 10: 0.84}),
}
EXPERIMENTS = 20_000
"""The standard error of a coverage of 95% is 0.15%."""


def coverage(draw: Draw, mean: float, num_seeds: int) -> float:
    """How often the interval holds the true mean.

    The formula is applied to all experiments at once, and to the first 200 one by one with `mean_interval`, which has to agree.
    """
    values = draw(np.random.default_rng(num_seeds), (EXPERIMENTS, num_seeds))
    half = student_quantile(0.95, num_seeds - 1) * values.std(axis=1, ddof=1) / math.sqrt(num_seeds)
    held: npt.NDArray[np.bool_] = np.abs(values.mean(axis=1) - mean) <= half
    own = [low <= mean <= high for _, low, high in map(mean_interval, values[:200])]
    assert held[:200].tolist() == own
    return float(held.mean())


@pytest.mark.parametrize("num_seeds", [5, 10])
@pytest.mark.parametrize("name", COVERED)
def test_the_interval_holds_the_mean_as_often_as_it_claims(name: str, num_seeds: int) -> None:
    assert 0.93 - 0.003 <= coverage(*COVERED[name], num_seeds) <= 0.97


@pytest.mark.parametrize("num_seeds", [5, 10])
@pytest.mark.parametrize("name", SKEWED)
def test_of_strongly_skewed_values_it_holds_the_mean_as_rarely_as_the_module_says(name: str, num_seeds: int) -> None:
    draw, mean, expected = SKEWED[name]
    assert coverage(draw, mean, num_seeds) == pytest.approx(expected[num_seeds], abs=0.01)


@pytest.mark.parametrize("num_seeds", [5, 10])
def test_a_paired_difference_is_covered_too(num_seeds: int) -> None:
    # Two schemes on the same seeds: what a seed adds to both cancels, as in `pair_differences`.
    def difference(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        common = 10 * rng.normal(size=shape)
        return (common + rng.normal(1, 1, shape)) - (common + rng.uniform(-1, 1, shape))

    assert 0.93 <= coverage(difference, 1.0, num_seeds) <= 0.97
