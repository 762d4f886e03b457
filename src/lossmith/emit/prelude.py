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
