"""Double-word arithmetic: a number held as the unevaluated sum of two float64, for sums that do not show their splits.

Comes in: float64 arrays. Goes out: `Pair`s (hi, lo) with |lo| <= ulp(hi)/2, and sums of any length.

What is guaranteed, with u = 2**-53, S the exact sum of the values, A the sum of their absolute values, and every
partial sum within the range of float64:

- However the values are split into parts, and in whatever order the parts are merged, |hi + lo - S| is at most about
  3·d·u²·A, where d counts the additions that a value goes through (log2 of the length in `total`, one for each merge).
- If all values are multiples of some 2**k and A < 2**(k+100), nothing is rounded at all: hi + lo = S exactly and hi is
  S correctly rounded, for every split.
- Otherwise hi is S correctly rounded, the same for every split, unless S lies within that bound of the midpoint of two
  neighbouring floats. If S is smaller than the bound (cancellation by more than about 2**100), hi is as uncertain as
  the bound says.

Sources: Knuth, TAOCP 2, 4.2.2 (two_sum); Dekker, Numer. Math. 18 (1971) (two_prod); Joldes, Muller, Popescu, "Tight and
rigorous error bounds for basic building blocks of double-word arithmetic", ACM TOMS 44 (2017) (add: AccurateDWPlusDW).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.float64]
W = TypeVar("W", float, Words)

SPLITTER = 134217729.0
"""2**27 + 1: cuts 53 bits into two halves of 26."""

BLOCK = 1 << 16
"""So many rows are summed at a time: the temporary arrays of a longer sum stay small."""


class Pair(NamedTuple):
    """A double-word number, or an array of them: the exact value is `hi + lo`; rounded to float64 it is `hi`."""

    hi: Words
    lo: Words


def two_sum(a: W, b: W) -> tuple[W, W]:
    """Return s = a + b rounded and its error e: s + e equals a + b exactly, unless s overflows.

    Plain arithmetic, so that a compiler may inline it; any order of magnitudes; scalars and arrays.

    >>> two_sum(1.0, 1e-20)
    (1.0, 1e-20)
    """
    s = a + b
    b_part = s - a
    return s, (a - (s - b_part)) + (b - b_part)


def fast_two_sum(a: W, b: W) -> tuple[W, W]:
    """Return the same as `two_sum` in half the work, where |a| >= |b| or a is 0.

    >>> fast_two_sum(1.0, 1e-20)
    (1.0, 1e-20)
    """
    s = a + b
    return s, b - (s - a)


def two_prod(a: ArrayLike, b: ArrayLike) -> Pair:
    """Return a · b rounded and its error: hi + lo equals a · b exactly.

    The significands are multiplied apart from the exponents, so that nothing overflows on the way; only where |a · b|
    is below 2**-968 the error itself may be too small to hold. Where a · b overflows, or is not a number, lo is 0.

    >>> hi, lo = two_prod(1 + 2.0**-30, 1 + 2.0**-30)
    >>> (hi - 1 - 2.0**-29).item(), lo.item() == 2.0**-60
    (0.0, True)
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(all="ignore"):
        hi = x * y
        (m, i), (n, j) = np.frexp(x), np.frexp(y)
        (m1, m2), (n1, n2) = _halves(m), _halves(n)
        error = ((m1 * n1 - m * n) + m1 * n2 + m2 * n1) + m2 * n2
        lo = np.ldexp(error, i + j)
    return Pair(hi, np.where(np.isfinite(hi), lo, 0.0))


def _halves(x: Words) -> tuple[Words, Words]:
    """Cut significands into two halves whose products are exact."""
    t = SPLITTER * x
    high = t - (t - x)
    return high, x - high


def pair(values: ArrayLike) -> Pair:
    """Return single words as double words.

    >>> pair([1.0, 2.0]).lo.tolist()
    [0.0, 0.0]
    """
    hi = np.asarray(values, dtype=np.float64)
    return Pair(hi, np.zeros_like(hi))


def renormalise(hi: ArrayLike, lo: ArrayLike) -> Pair:
    """Return the same numbers with hi the rounded sum, whatever the sizes of the two words.

    An infinite or NaN sum gets lo = 0.

    >>> renormalise(1e-20, 1.0)
    Pair(hi=array(1.), lo=array(1.e-20))
    """
    with np.errstate(all="ignore"):
        s, e = two_sum(np.asarray(hi, dtype=np.float64), np.asarray(lo, dtype=np.float64))
    return _settled(s, e)


def _settled(hi: Words, lo: Words) -> Pair:
    """Clear the error of sums that are infinite or NaN, where it means nothing."""
    return Pair(np.asarray(hi), np.where(np.isfinite(hi), lo, 0.0))


def add(a: Pair, b: Pair) -> Pair:
    """Return a + b, with an error of at most 3·2**-106·|a + b| (AccurateDWPlusDW), also under cancellation.

    Infinities and NaN add up as single words do.

    >>> add(pair(1e16), pair(1.0)).lo.item()
    1.0
    """
    with np.errstate(all="ignore"):
        s, s_error = two_sum(a.hi, b.hi)
        t, t_error = two_sum(a.lo, b.lo)
        v, v_error = fast_two_sum(s, s_error + t)
        hi, lo = fast_two_sum(v, t_error + v_error)
    finite = np.isfinite(s)
    return _settled(np.where(finite, hi, s), lo)


def merge(parts: Iterable[Pair]) -> Pair:
    """Add pairs of one shape from left to right; of none at all, the sum is 0.

    >>> merge([pair(1e16), pair(1.0), pair(-1e16)]).hi.item()
    1.0
    """
    sum_so_far = pair(0.0)
    for index, part in enumerate(parts):
        sum_so_far = add(sum_so_far, part) if index else part
    return sum_so_far


def total(values: ArrayLike, axis: int | None = None) -> Pair:
    """Sum float64 values in a fixed order, along one axis or (axis=None) all of them.

    Blocks of `BLOCK` rows are halved again and again; the blocks are merged from left to right. What the result
    guarantees stands at the top of this file.

    >>> total([1e16, 1.0, -1e16]).hi.item()
    1.0
    >>> total(np.ones((3, 2)), axis=0).hi.tolist()
    [3.0, 3.0]
    """
    x = np.asarray(values, dtype=np.float64)
    rows = x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0)
    if rows.shape[0] == 0:
        return pair(np.zeros(rows.shape[1:]))
    return merge(_folded(rows[i : i + BLOCK]) for i in range(0, rows.shape[0], BLOCK))


def _folded(rows: Words) -> Pair:
    """Sum along axis 0 by adding the second half to the first until one row is left."""
    current = pair(rows)
    while (n := current.hi.shape[0]) > 1:
        half = n // 2
        first, second, rest = (_rows(current, *ends) for ends in ((0, half), (half, 2 * half), (2 * half, n)))
        folded = add(first, second)
        current = Pair(np.concatenate([folded.hi, rest.hi]), np.concatenate([folded.lo, rest.lo]))
    return Pair(current.hi[0], current.lo[0])


def _rows(x: Pair, start: int, stop: int) -> Pair:
    return Pair(x.hi[start:stop], x.lo[start:stop])


def divide(a: Pair, b: Pair) -> Words:
    """Return a / b rounded to float64, with an error of barely more than half an ulp: the last step of a mean.

    Division by zero gives what it gives for single words.

    >>> divide(total([0.1] * 10), pair(10.0)).item()
    0.1
    """
    with np.errstate(all="ignore"):
        q = np.asarray(a.hi / b.hi)
        first, second = two_prod(q, b.hi), two_prod(q, b.lo)
        rest = add(add(a, Pair(-first.hi, -first.lo)), Pair(-second.hi, -second.lo))
        better = q + rest.hi / b.hi
    return np.where(np.isfinite(q) & np.isfinite(better), better, q)
