"""What the losses of torch.nn are by their definition, in arithmetic of 60 digits: the truth for `test_compat.py`.

Comes in: the class, its arguments, nested lists of numbers. Goes out: values, gradients, and the size of the terms that
they are the sums of (an error is measured in ulp at that size where terms cancel).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

mp.mp.dps = 60


@dataclass(frozen=True)
class Exact:
    """Terms of rows, what their sum is divided by in a mean, gradients of the terms; each with the size of its parts."""

    terms: Any
    sizes: Any
    divisor: Any
    gradient: Any
    gradient_sizes: Any


def _exact(array: Any) -> Any:
    return np.vectorize(lambda x: mp.mpf(float(x)), otypes=[object])(np.asarray(array, dtype=np.float64))


def _each(function: Callable[..., Any], *arrays: Any) -> tuple[Any, ...]:
    count = len(function(*(a.reshape(-1)[0] for a in np.broadcast_arrays(*arrays))))
    return np.vectorize(function, otypes=[object] * count)(*arrays)


def softplus(z: Any) -> Any:
    """log(1 + exp(z))."""
    return mp.log1p(mp.exp(z))


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + mp.exp(-z))


def _squared(z: Any, y: Any) -> tuple[Any, ...]:
    return (z - y) ** 2, (z - y) ** 2, 2 * (z - y), abs(2 * (z - y))


def _absolute(z: Any, y: Any) -> tuple[Any, ...]:
    return abs(z - y), abs(z - y), mp.sign(z - y), abs(mp.sign(z - y))


def _smooth(z: Any, y: Any, beta: float) -> tuple[Any, ...]:
    if beta == 0:
        return _absolute(z, y)
    d, b = z - y, mp.mpf(beta)
    value = d**2 / (2 * b) if abs(d) < b else abs(d) - b / 2
    slope = d / b if abs(d) < b else mp.sign(d)
    return value, abs(value), slope, abs(slope)


def _huber(z: Any, y: Any, delta: float) -> tuple[Any, ...]:
    value, _, slope, _ = _smooth(z, y, delta)
    return value * delta, abs(value * delta), slope * delta, abs(slope * delta)


def _binary(z: Any, y: Any, w: Any, positive: Any) -> tuple[Any, ...]:
    value = w * (positive * y * softplus(-z) + (1 - y) * softplus(z))
    up, down = w * (1 - y) * sigmoid(z), w * positive * y * sigmoid(-z)
    return value, value, up - down, up + down


def _divergence(z: Any, y: Any, log_target: bool) -> tuple[Any, ...]:
    share = mp.exp(y) if log_target else y
    own = share * y if log_target else (y * mp.log(y) if y else mp.mpf(0))
    return own - share * z, abs(own) + abs(share * z), -share, share


ELEMENTWISE = {
    "MSELoss": _squared,
    "L1Loss": _absolute,
    "SmoothL1Loss": _smooth,
    "HuberLoss": _huber,
    "BCEWithLogitsLoss": _binary,
    "KLDivLoss": _divergence,
}


def exact(name: str, given: dict[str, Any], input: Any, target: Any) -> Exact:
    """The loss `torch.nn.NAME(**given)` of arrays, by its definition."""
    if name in ("CrossEntropyLoss", "NLLLoss"):
        return _by_class(name, given, input, target)
    z, y = _exact(input), _exact(target)
    extra: list[Any] = [
        np.full(z.shape, given[key], dtype=object) for key in ("beta", "delta", "log_target") if key in given
    ]
    if name == "BCEWithLogitsLoss":
        extra = [np.broadcast_to(_exact(given.get(key, 1.0)), z.shape) for key in ("weight", "pos_weight")]
    terms, sizes, slopes, slope_sizes = _each(ELEMENTWISE[name], z, y, *extra)
    return Exact(terms, sizes, mp.mpf(z.size), slopes, slope_sizes)


def _by_class(name: str, given: dict[str, Any], input: Any, target: Any) -> Exact:
    """Row by row, classes last."""
    single = np.ndim(input) == 1
    z = np.moveaxis(_exact(input)[None] if single else _exact(input), 1, -1)
    k, examples = z.shape[-1], z.shape[:-1]
    soft = np.shape(target) == np.shape(input)
    y = np.asarray(target)[None] if single else np.asarray(target)
    y = np.moveaxis(y, 1, -1) if soft else y
    weight = _exact(given["weight"]) if "weight" in given else _exact(np.ones(k))
    smooth = mp.mpf(given.get("label_smoothing", 0.0))
    found = [
        np.empty(examples, object),
        np.empty(examples, object),
        np.empty(z.shape, object),
        np.empty(z.shape, object),
    ]
    divisor = mp.mpf(0)
    for at in np.ndindex(*examples):
        absent = not soft and int(y[at]) == given.get("ignore_index", -100)
        shares = _exact(y[at]) if soft else _exact(np.arange(k) == y[at])
        shares = weight * (shares * (1 - smooth) + smooth / k) * (0 if absent else 1)
        divisor += 0 if absent else (1 if soft else weight[int(y[at])])
        for place, part in zip(found, _row(z[at], shares, name == "NLLLoss"), strict=True):
            place[at] = part
    terms, sizes, slopes, slope_sizes = found
    slopes, slope_sizes = (np.moveaxis(a, -1, 1)[0] if single else np.moveaxis(a, -1, 1) for a in (slopes, slope_sizes))
    return Exact(terms[0] if single else terms, sizes[0] if single else sizes, divisor, slopes, slope_sizes)


def _row(z: Any, shares: Any, logarithms: bool) -> tuple[Any, ...]:
    if logarithms:
        return -sum(shares * z), sum(abs(shares * z)), -shares, shares
    top = max(z)
    total = sum(mp.exp(v - top) for v in z)
    log_p = [v - top - mp.log(total) for v in z]
    p = np.array([mp.exp(v) for v in log_p], dtype=object)
    others = np.array([sum(p) - p[j] for j in range(len(p))], dtype=object)
    mass = sum(shares)
    parts = [(p[j] * (mass - shares[j]), others[j] * shares[j]) for j in range(len(p))]
    slopes = np.array([up - down for up, down in parts], dtype=object)
    return (
        -sum(shares * log_p),
        sum(shares * [-v for v in log_p]),
        slopes,
        np.array([up + down for up, down in parts], dtype=object),
    )
