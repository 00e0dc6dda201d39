"""Flow sizes as published: piecewise linear distributions, given by points of the cumulative distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError

from ._common import Indices

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SizeDistribution:
    """Sizes whose cumulative distribution is linear from each point to the next.

    Two points of one size are a step: that share of the flows has exactly this size.

    Attributes:
        sizes_bytes: of the points, from 0 up, none less than the one before.
        shares: of the flows that are no larger, from 0 to 1, each more than the one before.

    Raises:
        InputError: the points are no cumulative distribution.
    """

    sizes_bytes: Sequence[float]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.sizes_bytes) != len(self.shares) or len(self.shares) < 2:
            raise InputError(f"a distribution of {len(self.sizes_bytes)} sizes and {len(self.shares)} shares: expected 2 or more of each")
        if self.shares[0] != 0 or self.shares[-1] != 1 or any(low >= high for low, high in pairwise(self.shares)):
            raise InputError(f"shares={tuple(self.shares)}: expected numbers that rise from 0 to 1")
        if self.sizes_bytes[0] < 0 or any(not low <= high for low, high in pairwise(self.sizes_bytes)):
            raise InputError(f"sizes_bytes={tuple(self.sizes_bytes)}: expected numbers from 0 up, none less than the one before")

    @property
    def mean_bytes(self) -> float:
        """The mean: within a segment the sizes are spread evenly, so that its middle counts by its share."""
        middles = (np.array(self.sizes_bytes[:-1]) + np.array(self.sizes_bytes[1:])) / 2
        return float(np.diff(self.shares) @ middles)

    def quantiles_bytes(self, shares: npt.ArrayLike) -> Floats:
        """The sizes that these shares of the flows do not exceed; same shape."""
        return np.asarray(np.interp(np.asarray(shares, dtype=float), self.shares, self.sizes_bytes), dtype=float)

    def share_of_flows(self, size_bytes: float) -> float:
        """The share of the flows that are no larger than this."""
        # Of a step the upper end counts, which is the last of the points with that size.
        index = int(np.searchsorted(self.sizes_bytes, size_bytes, side="right"))
        if index in (0, len(self.shares)):
            return float(index > 0)
        (low, high), (below, above) = self.sizes_bytes[index - 1 : index + 1], self.shares[index - 1 : index + 1]
        return float(below + (above - below) * (size_bytes - low) / (high - low))

    def share_of_bytes(self, size_bytes: float) -> float:
        """The share of all bytes that is in flows no larger than this."""
        total = 0.0
        for (low, high), (below, above) in zip(pairwise(self.sizes_bytes), pairwise(self.shares), strict=True):
            if low == high:
                total += low * (above - below) * (size_bytes >= low)
            else:
                end = min(max(size_bytes, low), high)
                total += (above - below) / (high - low) * (end * end - low * low) / 2
        return total / self.mean_bytes

    def draw(self, rng: np.random.Generator, num_flows: int, scale: float = 1.0) -> Indices:
        """Draw sizes in whole bytes, each times `scale` and 1 at least; shape `(num_flows,)`."""
        sizes = np.rint(self.quantiles_bytes(rng.random(num_flows)) * scale)
        return np.maximum(sizes, 1).astype(np.int64)
