"""Products of a tall matrix with a few numbers a row, in blocks small enough that the BLAS works on one thread.

Comes in: features (n, p). Goes out: what the matrix product would be. OpenBLAS shares larger products between threads,
which wait for each other in a busy loop: on two cores that other programs use too, 20,000 x 31 took 0.62 s, in blocks
0.003 s. With many features the shared product is the better one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ALONE: Final = 2**18  # OpenBLAS 0.3: interface/gemm.c keeps products of fewer multiplications on one thread
ALONE_NARROW: Final = 9_216  # and interface/gemv.c those of a matrix of fewer entries with one column
FEWEST: Final = 16  # rows in a block


def times(features: Floats, theta: Floats) -> Floats:
    """(n, p) times (p, k)."""
    rows = _rows(features, theta.shape[1])
    if not rows:
        return np.asarray(features @ theta)
    whole = len(features) - len(features) % rows
    blocks = features[:whole].reshape(-1, rows, features.shape[1]) @ theta
    return np.concatenate([blocks.reshape(whole, -1), features[whole:] @ theta])


def back(features: Floats, slopes: Floats) -> Floats:
    """The transpose of (n, p) times (n, k)."""
    return _summed(features, slopes, _rows(features, slopes.shape[1]))


def gram(features: Floats, weights: Floats) -> Floats:
    """The sum over rows of weight times the outer product of the row with itself, (p, p)."""
    return _summed(features, features * weights[:, None], _rows(features, features.shape[1]))


def _summed(left: Floats, right: Floats, rows: int) -> Floats:
    if not rows:
        return np.asarray(left.T @ right)
    whole = len(left) - len(left) % rows
    a, b = (part[:whole].reshape(-1, rows, part.shape[1]) for part in (left, right))
    return np.asarray((a.transpose(0, 2, 1) @ b).sum(axis=0) + left[whole:].T @ right[whole:])


def _rows(features: Floats, columns: int) -> int:
    """Rows in a block, or 0 where one product is best."""
    n, p = features.shape
    rows = ALONE_NARROW // p if columns == 1 else ALONE // (p * columns)
    return rows if FEWEST <= rows < n else 0
