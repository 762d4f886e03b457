"""The real rows that activations are measured on: handwritten digits, 8 by 8 pixels, 10 classes.

Comes in: nothing. Goes out: standardised pixels and class numbers, in a fixed random order.
Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.teach.descent.bundled import data_set

DATA: Final = "handwritten digits (1,797 rows of 64 pixels, standardised; they come with Lossmith)"


@lru_cache(maxsize=1)
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pixels of mean 0 and deviation 1 (a pixel that never changes stays 0), shape (1797, 64), and classes, (1797,).

    >>> X, y = digits()
    >>> X.shape, y.shape, round(float(X.var()), 3)
    ((1797, 64), (1797,), 0.953)
    """
    found = data_set("digits")
    order = np.random.default_rng(0).permutation(len(found.y))
    spread = found.X.std(axis=0)
    pixels = (found.X - found.X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.ascontiguousarray(pixels[order], dtype=np.float64), found.y[order].astype(np.int64)
