"""How the terms of a reduction over the rows are put together by the NumPy reference, over all rows or group by group.

Comes in: terms, (n, classes or 1). Goes out: double words, (groups or 1, classes or 1).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.emit import prelude
from lossmith.kernel.rows import Rows
from lossmith.numerics.double_word import Pair, pair, total

Array = NDArray[Any]


def tall(array: Array) -> Array:
    return array[:, None] if array.ndim == 1 else array


def shaped(pair: Pair) -> Pair:
    return Pair(np.atleast_2d(pair.hi), np.atleast_2d(pair.lo))


def _log_total(terms: Array) -> Pair:
    return pair(prelude._log_total(terms, len(terms)))


def _greatest(terms: Array) -> Pair:
    return pair(prelude._greatest(terms, len(terms)))


def _added(terms: Array) -> Pair:
    return shaped(total(terms, axis=0))


# How the terms (n, classes or 1) of a reduction are put together.
REDUCERS: Final[dict[str, Callable[[Array], Pair]]] = {
    "example_sum": _added,
    "example_count": _added,
    "example_max": _greatest,
    "example_logsumexp": _log_total,
}


def grouped(terms: Array, rows: Rows, reduce: Callable[[Array], Pair] = _added) -> Pair:
    """One number per group, in the order of the rows."""
    assert rows.groups is not None
    order = np.argsort(rows.groups, kind="stable")
    borders = np.searchsorted(rows.groups[order], np.arange(rows.n_groups + 1))
    if not rows.n_groups:
        return Pair(np.zeros((0, terms.shape[1])), np.zeros((0, terms.shape[1])))
    parts = [reduce(terms[order[a:b]]) for a, b in pairwise(borders)]
    return Pair(np.concatenate([p.hi for p in parts]), np.concatenate([p.lo for p in parts]))
