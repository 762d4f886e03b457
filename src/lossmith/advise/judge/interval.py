"""A mean with an honest interval: values per row and the block of each row come in, mean, error and margin go out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_and_error(values: NDArray[np.float64], blocks: NDArray[np.int64]) -> tuple[float, float, int]:
    """Return the mean of `values`, its standard error, and the degrees of freedom (blocks less one).

    Rows of one block may depend on each other: the error is that of a ratio of block sums (Cochran 1977, eq. 6.13).

    >>> mean_and_error(np.array([1.0, 3.0]), np.array([0, 1]))
    (2.0, 1.0, 1)
    """
    count = np.bincount(blocks)
    used = count > 0
    sums, count = np.bincount(blocks, weights=values)[used], count[used]
    mean = float(values.mean())
    freedom = len(sums) - 1
    if freedom < 1 or not np.isfinite(mean):
        return mean, float("nan"), max(freedom, 0)
    spread = float(np.sum((sums - mean * count) ** 2))
    return mean, float(np.sqrt(spread * len(sums) / freedom)) / len(values), freedom


def margin(error: float, freedom: int, comparisons: int = 1, level: float = 0.95) -> float:
    """Return the half-width of an interval that holds for `comparisons` intervals together (Bonferroni)."""
    from scipy.stats import t

    if freedom < 1:
        return float("nan")
    return float(t.ppf(1 - (1 - level) / (2 * comparisons), freedom)) * error
