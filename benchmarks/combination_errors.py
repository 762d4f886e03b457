"""The error of a prediction and weights that depend on it, in rigorous balls with two derivatives.

Comes in: targets and raw predictions. Goes out: `Number`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from flint import arb

from benchmarks.combination_numbers import (
    BALL,
    Balls,
    Number,
    apply,
    fixed,
    known,
    number,
    of,
    plus,
    sizes,
    times_exact,
)


def error_of(y: Balls, u: Number, link: str) -> Number:
    """y - p; through a link it is a sum of two terms, without one the difference of two given numbers."""
    if link == "exp":
        return plus(known(y), times_exact(BALL(np.array([[[-1.0]]])), apply(lambda x: x.exp(), u)))
    return number(y - u.v, -u.a, -u.b, -u.h)


def holds(mask: Any) -> Any:
    return np.asarray(mask, dtype=np.bool_)


def slopes(u: Number, scale: Balls) -> tuple[Any, Any, Any]:
    return sizes(u.a / scale), sizes(u.b / scale), sizes(u.h / scale)


def _pieces(v: Balls, f0: Balls, f1: Balls) -> tuple[Balls, ...]:
    zero = np.full(v.shape, arb(0), dtype=object)
    return f0, f1, zero, zero


def _beside_absolute(e: Number) -> Number:
    sign = np.frompyfunc(lambda x: x.sgn(), 1, 1)(e.v)
    return of(_pieces(e.v, 1 + sign * e.v, sign), e)


def _stepped(e: Number) -> Number:
    near = holds(_absolute(e.v) < 1)
    return of(_pieces(e.v, np.where(near, arb(2), arb(0.5)), np.full(e.v.shape, arb(0), dtype=object)), e)


_absolute = np.frompyfunc(abs, 1, 1)


def _bell(e: Number) -> Number:
    f = np.frompyfunc(lambda x: (-(x * x)).exp(), 1, 1)(e.v)
    x, size, square = e.v, sizes(f), sizes(e.v) ** 2
    series = (f, -2 * x * f, (4 * x * x - 2) * f, (12 * x - 8 * x * x * x) * f)
    return of(series, e, (size, sizes(series[1]), (4 * square + 2) * size))


def _hill(e: Number) -> Number:
    x, w = e.v, 1 / (1 + e.v * e.v)
    series = (w, -2 * x * w * w, (6 * x * x - 2) * w * w * w, 24 * x * (1 - x * x) * w * w * w * w)
    own = (6 * sizes(x) ** 2 + 2) * sizes(w) ** 3
    return of(series, e, (sizes(w), sizes(series[1]), own))


ERROR_WEIGHTS: Final[Mapping[str, Callable[[Number], Number]]] = {
    "1 + abs(e)": _beside_absolute,
    "where(abs(e) < 1, 2, 0.5)": _stepped,
    "exp(-e**2)": _bell,
    "1/(1 + e**2)": _hill,
    "stop_gradient(1 + abs(e))": lambda e: fixed(_beside_absolute(e)),
    "1 + e**2": lambda e: apply(lambda x: 1 + x * x, e),
}
