"""The few functions that generated NumPy text calls; printed in front of it, so that it runs without Lossmith.

Comes in: float64 arrays of shape (examples, classes). Goes out: arrays of such shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _class_sum(x: Any, n_classes: int) -> Any:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim < 2 or x.shape[1] != n_classes:
        return x * float(n_classes)
    return np.sum(x, axis=1, keepdims=True)


def _first_max(x: Any) -> Any:
    return np.arange(x.shape[1])[None, :] == np.argmax(x, axis=1)[:, None]


def _axis_mean(x: Any, axis: str) -> Any:
    total = np.sum(x, axis=1 if axis == "class" else 0, keepdims=True)
    return np.divide(total, float(x.shape[1 if axis == "class" else 0]))


def _greatest(x: Any, n: Any) -> Any:
    return np.max(np.atleast_2d(x), axis=0, keepdims=True, initial=-np.inf)


def _log_total(x: Any, n: Any) -> Any:
    x = np.broadcast_to(np.atleast_2d(x), (n, np.atleast_2d(x).shape[1]))
    top = np.max(x, axis=0, keepdims=True, initial=-np.inf)
    finite = np.where(np.isfinite(top), top, 0.0)
    total = np.sum(np.exp(x - finite), axis=0, keepdims=True)
    return np.where(np.isfinite(top), finite + np.log(np.where(np.isfinite(top), total, 1.0)), top)


def _border(score: Any, mass: Any, amount: Any) -> Any:
    """The score from which on `amount` of mass is chosen, NaN first, and the share of what is just there: by halving."""
    unknown = np.isnan(score)
    lost = np.sum(mass[unknown])
    if lost > 0 and amount <= lost:
        return np.nan, max(amount / lost, 0.0)
    s, m, left = score[~unknown], mass[~unknown], amount - lost
    if left <= 0 or not len(s):
        return np.inf, 0.0
    if left >= np.sum(m):
        return np.min(s), 1.0
    while True:
        pivot = np.partition(s, len(s) // 2)[len(s) // 2]
        above, there = s > pivot, s == pivot
        more, held = np.sum(m[above]), np.sum(m[there])
        if left <= more and above.any():
            s, m = s[above], m[above]
        elif left <= more + held or not (s < pivot).any():
            return pivot, min(max((left - more) / held, 0.0), 1.0)
        else:
            left -= more + held
            s, m = s[s < pivot], m[s < pivot]


def _chosen(score: Any, border: Any, share: Any, among: Any) -> Any:
    """The share of each example, from the border alone."""
    above = (score > border) | (np.isnan(score) & ~np.isnan(border))
    there = (score == border) | (np.isnan(score) & np.isnan(border))
    return np.where(above, 1.0, np.where(there, share, 0.0)) * among


def _largest(score: Any, amount: Any, among: Any, weight: Any, groups: Any) -> Any:
    """The share of each example among the `amount` of weight with the largest scores; equal ones at the border share."""
    score, among, weight = (np.asarray(x, dtype=np.float64).reshape(-1) for x in (score, among, weight))
    n = max(len(score), len(among), len(weight))
    score, among, weight = np.broadcast_to(score, n), np.broadcast_to(among, n), np.broadcast_to(weight, n)
    mass = np.where(weight == 0, 0.0, among * weight)
    amount = np.asarray(amount, dtype=np.float64).reshape(-1)
    if groups is None:
        border, share = _border(score[mass != 0], mass[mass != 0], amount[0])
        chosen = _chosen(score, border, share, among)
    else:
        chosen = _largest_of_each(score, amount, mass, groups) * among
    return np.where(mass == 0, 0.0, chosen).reshape(-1, 1)


def _largest_of_each(score: Any, amount: Any, mass: Any, groups: Any) -> Any:
    """The same in each group, by sorting: runs of equal score, and how much of the group lies before them."""
    share = np.zeros(len(score))
    order = np.flatnonzero(mass != 0)
    if not len(order):
        return share
    unknown = np.isnan(score[order])
    order = order[np.lexsort((np.where(unknown, 0.0, -score[order]), ~unknown, groups[order]))]
    s, g, unknown = score[order], groups[order], np.isnan(score[order])
    same = (g[1:] == g[:-1]) & ((s[1:] == s[:-1]) | (unknown[1:] & unknown[:-1]))
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    held = np.add.reduceat(mass[order], starts)
    before = np.cumsum(held) - held
    first = np.searchsorted(g[starts], g[starts])
    wanted = np.broadcast_to(amount, g[-1] + 1)[g[starts]] - (before - before[first])
    found = np.minimum(np.maximum(wanted / held, 0.0), 1.0)
    share[order] = np.repeat(found, np.diff(np.concatenate([starts, [len(order)]])))
    return share


def _exp_muladd(a: Any, b: Any, c: Any) -> Any:
    """exp(a * b + c) with the product kept in two words (Dekker 1971), so that its rounding does not grow."""
    hi = np.multiply(a, b)
    safe = (np.abs(hi) < 1e4) & (np.abs(a) < 1e290) & (np.abs(b) < 1e290)
    x, y = np.where(safe, a, 0.0), np.where(safe, b, 0.0)
    x1, y1 = x * 134217729.0, y * 134217729.0
    x1, y1 = x1 - (x1 - x), y1 - (y1 - y)
    x2, y2 = x - x1, y - y1
    error = ((x1 * y1 - x * y) + x1 * y2 + x2 * y1) + x2 * y2
    total = hi + c
    part = total - hi
    rest = (hi - (total - part)) + (c - part) + np.where(safe, error, 0.0)
    grown = np.exp(total)
    ready = (np.abs(total) < 1e4) & (grown < np.inf)  # inf * 0 is NaN
    return np.where(ready, grown + grown * np.where(safe & ready, rest, 0.0), grown)


def _exp_rest(x: Any, grown: Any) -> Any:
    """e**x - grown, for grown = e**x rounded: the series to its third term in two words (error 2**-62 of e**x)."""
    ready = np.abs(x) < 700.0
    x, grown = np.where(ready, x, 0.0), np.where(ready, grown, 1.0)
    k = np.rint(x * 1.4426950408889634)
    near, far = x - k * 0.693147180369123816490, -k * 1.90821492927058770002e-10
    r = near + far
    c = far - (r - near)
    half = r * 134217729.0
    half = half - (half - r)
    low = r - half
    square = r * r
    square_rest = ((half * half - square) + 2.0 * half * low) + low * low
    cube = square * r
    part = square * 134217729.0
    part = part - (part - square)
    cube_rest = ((part * half - cube) + part * low + (square - part) * half) + (square - part) * low
    third = cube / 6.0
    cube_rest = ((cube - 4.0 * third) - 2.0 * third) + cube_rest + square_rest * r
    tail = 1.0 / 20922789888000.0
    for number in (1307674368000.0, 87178291200.0, 6227020800.0, 479001600.0, 39916800.0, 3628800.0, 362880.0,
                   40320.0, 5040.0, 720.0, 120.0, 24.0):  # fmt: skip
        tail = tail * r + 1.0 / number
    total, lost = 1.0 - np.ldexp(grown, -k.astype(np.int64)), cube_rest / 6.0 + 0.5 * square_rest + c * np.exp(r)
    for term in (r, 0.5 * square, third):
        sum_ = total + term
        back = sum_ - total
        total, lost = sum_, lost + ((total - (sum_ - back)) + (term - back))
    return np.where(ready, np.ldexp((total + square * square * tail) + lost, k.astype(np.int64)), 0.0)


def _erf(x: Any) -> Any:
    from scipy import special

    return special.erf(x)


def _lgamma(x: Any) -> Any:
    from scipy import special

    return special.gammaln(x)


def _digamma(x: Any) -> Any:
    from scipy import special

    return special.psi(x)


def _trigamma(x: Any) -> Any:
    from scipy import special

    return special.polygamma(1, x)


def _normal_density(z: Any) -> Any:
    """e**(-z**2 / 2) / sqrt(2 pi)."""
    return _exp_muladd(-0.5 * z, z, 0.0) * 0.3989422804014327


def _normal_left(z: Any) -> Any:
    """The density over the share below z, for z <= -0.7."""
    from scipy import special

    return 0.7978845608028654 / special.erfcx(z * -0.7071067811865476)


def _normal_cdf(z: Any) -> Any:
    """The share of a standard normal below z."""
    from scipy import special

    near = 0.5 * special.erfc(np.maximum(z, -0.7) * -0.7071067811865476)
    return np.where(np.less(z, -0.7), _normal_density(z) / _normal_left(np.minimum(z, -0.7)), near)


def _log_normal_cdf(z: Any) -> Any:
    from scipy import special

    return np.where(np.less(z, 0.0), special.log_ndtr(np.minimum(z, 0.0)), np.log1p(-_normal_cdf(-np.abs(z))))


def _normal_hazard(z: Any) -> Any:
    """The density over the share below z."""
    return np.where(
        np.less(z, -0.7), _normal_left(np.minimum(z, -0.7)), _normal_density(z) / _normal_cdf(np.maximum(z, -0.7))
    )


def _normal_gap(z: Any) -> Any:
    """z + _normal_hazard(z); for z < -1.5 by Laplace's continued fraction, whose 215 terms are exact from there on."""
    t = np.maximum(-z, 1.5)
    rest = t
    for k in range(216, 1, -1):
        rest = t + k / rest
    return np.where(np.less(z, -1.5), 1.0 / rest, z + _normal_hazard(np.maximum(z, -1.5)))
