"""95% bootstrap intervals of a mean over seeds, the same at every reading."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
EXACT_UP_TO = 6
"""Up to so many values all n^n resamples are taken (46,656 of six), so that nothing is drawn; beyond, `RESAMPLES` with a fixed seed."""
RESAMPLES = 10_000


def mean_interval(values: Sequence[float] | npt.NDArray[np.float64], level: float = LEVEL) -> tuple[float, float, float]:
    """The mean of some values and the percentile bootstrap interval of it.

    Efron, Tibshirani: An Introduction to the Bootstrap, 1993, section 13.3. With few seeds it is a little too narrow: of five values
    drawn from a normal distribution it holds the true mean in about 83 of 100 cases.

    Args:
        values: one for each seed, shape `(n,)`; what is not a number is left out.

    Returns:
        Mean, lower and upper end; the ends are NaN for fewer than two values, all three for none.
    """
    given = np.asarray(values, dtype=float)
    given = np.sort(given[np.isfinite(given)])
    if given.size == 0:
        return (float("nan"),) * 3
    mean = float(given.mean())
    if given.size == 1:
        return mean, float("nan"), float("nan")
    low, high = np.quantile(given[_choices(given.size)].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    # Of equal values the means of resamples differ by rounding.
    return mean, min(float(low), mean), max(float(high), mean)


def _choices(count: int) -> npt.NDArray[np.intp]:
    """The resamples as indices, shape `(num_resamples, count)`."""
    if count <= EXACT_UP_TO:
        return np.array(list(itertools.product(range(count), repeat=count)))
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
