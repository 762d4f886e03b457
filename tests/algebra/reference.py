"""Losses of one row as their papers write them, in numbers of sixty digits; and how close a loss must come to them.

Comes in: formulas of a target and a raw prediction. Goes out: `check_rows`, which compares value, gradient and hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

import lossmith as ls

mp.mp.dps = 60
SPACING = float(np.finfo(np.float64).eps)
# The contract: 16 units in the last place for each of value, gradient and hessian. A unit of the mantissa is up to twice
# the spacing of 1; soft labels are mixtures, whose parts may cancel: points are chosen away from that.
ULPS = 16
Row = Callable[..., Any]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def softmax(z: Any) -> list[Any]:
    parts = [mp.exp(x) for x in z]
    return [part / sum(parts) for part in parts]


def log_loss(y: Any, z: Any) -> Any:
    return -y * mp.log(sigmoid(z)) - (1 - y) * mp.log(1 - sigmoid(z))


def cross_entropy(y: Any, z: Any) -> Any:
    return -sum(share * mp.log(p) for share, p in zip(y, softmax(z), strict=True))


def _close(found: float, exact: Any, scale: Any, ulps: float, where: Any) -> None:
    off = abs(mp.mpf(float(found)) - exact) / (SPACING * max(abs(exact), scale, mp.mpf(2) ** -1000))
    assert off <= ulps, f"off by {mp.nstr(off, 4)} units at {where}: {found!r}, not {mp.nstr(exact, 20)}"


def check_rows(loss: ls.Loss, row: Row, y: Any, raw: Any, ulps: float = ULPS, hessian: bool = True) -> None:
    """Value, gradient and hessian of every row of a loss of one number, or value and gradient of a row of classes."""
    y, raw = np.asarray(y, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    loss = loss.using("numpy")
    value = loss.per_example(y, raw)
    gradient, second = loss.per_example_gradient_and_hessian(y, raw)
    for i, (t, z) in enumerate(zip(y, raw, strict=True)):
        if raw.ndim == 2:
            _check_classes(row, value[i], gradient[i], [mp.mpf(x) for x in t], [mp.mpf(x) for x in z], ulps)
            continue
        target, place = mp.mpf(t), mp.mpf(z)
        slopes = [mp.diff(lambda x, target=target: row(target, x), place, order) for order in (1, 2)]
        _close(value[i], row(target, place), 0, ulps, (t, z))
        _close(gradient[i], slopes[0], abs(place * slopes[1]) / 4, ulps, (t, z))
        if hessian:
            _close(second[i], slopes[1], abs(slopes[0]), ulps, (t, z))


def _check_classes(row: Row, value: float, gradient: Any, y: list[Any], z: list[Any], ulps: float) -> None:
    _close(value, row(y, z), 0, ulps, z)
    for k in range(len(z)):
        slope = mp.diff(lambda x, k=k: row(y, [*z[:k], x, *z[k + 1 :]]), z[k])
        largest = max(abs(float(g)) for g in gradient)
        _close(gradient[k], slope, largest, ulps, (y, z, k))
