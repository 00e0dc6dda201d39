"""95% confidence intervals of a mean over seeds: Student's t.

With the n values x of n seeds, their mean m and standard deviation s (n - 1 in its denominator), the interval is m ± t s / sqrt(n), where
t is the quantile of Student's distribution with n - 1 degrees of freedom: 2.776 for 5 seeds, 2.262 for 10. Student: The Probable Error
of a Mean, Biometrika 6, 1908. Differences between schemes are paired: the values are the differences of each seed.

The interval holds the true mean in 95 of 100 cases where the values are normal. The simulated coverage for 5 and 10 seeds is 93 to 97%
for uniform, heavy-tailed (Laplace, Student's t with 3 degrees of freedom) and moderately skewed values (log-normal with sigma 0.25, gamma
with shape 4), and less for strongly skewed ones: 88 and 90% for exponential, 82 and 84% for log-normal values with sigma 1. The mean of
several episodes is less skewed than one of them. `tests/analysis/test_intervals.py` repeats the simulation.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
_HALVINGS = 64
"""More halvings than an angle of 64 bits has digits."""


def mean_interval(values: Sequence[float] | npt.NDArray[np.float64], level: float = LEVEL) -> tuple[float, float, float]:
    """The mean of some values and Student's interval of it.

    Args:
        values: one for each seed, shape `(n,)`; NaN and infinite ones are left out.
        level: how often the interval holds the true mean of normal values, above 0 and below 1.

    Returns:
        Mean, lower and upper end; the ends are NaN for fewer than two values, all three for none.
    """
    given = np.asarray(values, dtype=float)
    given = np.sort(given[np.isfinite(given)])  # the order of seeds changes no digit
    if given.size == 0:
        return math.nan, math.nan, math.nan
    # The mean of equal values differs from them by rounding.
    mean = min(max(float(given.mean()), float(given[0])), float(given[-1]))
    if given.size == 1:
        return mean, math.nan, math.nan
    deviation = float(given.std(ddof=1)) if given[0] < given[-1] else 0.0
    half = student_quantile(level, given.size - 1) * deviation / math.sqrt(given.size)
    return mean, mean - half, mean + half


@lru_cache(maxsize=1024)
def student_quantile(level: float, degrees: int) -> float:
    """The t for which a value of Student's distribution is between -t and t with probability `level`.

    Found by halving the angle atan(t / sqrt(degrees)).

    Args:
        degrees: of freedom, 1 or more.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _probability_within(middle, degrees) < level else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(degrees)


def _probability_within(angle: float, degrees: int) -> float:
    """The probability that |t| < sqrt(degrees) tan(angle): a finite sum for a whole number of degrees of freedom.

    Abramowitz, Stegun: Handbook of Mathematical Functions, 1964, 26.7.3 (odd degrees) and 26.7.4 (even).
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for power in range(2 + odd, degrees + 1, 2):
        total += term
        term *= cosine * cosine * (power - 1) / power
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
