"""Functions at a single float, between two floats: by balls of arb, rounded outwards.

Comes in: the name of a function and a float. Goes out: floats below and above the exact value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from flint import arb, ctx

from lossmith.interpret import normal

LARGEST: Final = float(np.finfo(np.float64).max)
PRECISION: Final = 120

_BALLS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "exp": lambda x: x.exp(),
    "expm1": lambda x: x.expm1(),
    "log": lambda x: x.log(),
    "log1p": lambda x: x.log1p(),
    "sqrt": lambda x: x.sqrt(),
    "tanh": lambda x: x.tanh(),
    "sinh": lambda x: x.sinh(),
    "cosh": lambda x: x.cosh(),
    "erf": lambda x: x.erf(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()) if x >= 0 else x.exp() / (1 + x.exp()),
    "softplus": lambda x: x.max(arb(0)) + (-abs(x)).exp().log1p(),
    "log_cosh": lambda x: (2 * (x / 2).sinh() ** 2).log1p() if x < 1 else x - arb(2).log() + (-2 * x).exp().log1p(),
    "digamma": lambda x: x.digamma(),
    "trigamma": lambda x: -(arb(2).zeta(x)),
    "normal_cdf": normal.normal_cdf,
    "log_normal_cdf": normal.log_normal_cdf,
    "normal_hazard": lambda x: -normal.normal_hazard(x),
    "normal_gap": normal.normal_gap,
    "lgamma": lambda x: x.lgamma(),
}


@lru_cache(maxsize=200_000)
def ends_of(name: str, x: float) -> tuple[float, float]:
    """Floats below and above the function at a finite float."""
    with ctx.workprec(PRECISION):
        ball = _BALLS[name](arb(x))
        low, high = ball.lower(), ball.upper()
        a, b = float(low), float(high)
        a = a if arb(a) <= low else math.nextafter(a, -math.inf)
        b = b if arb(b) >= high else math.nextafter(b, math.inf)
    return (-math.inf if math.isnan(a) else min(a, LARGEST), math.inf if math.isnan(b) else max(b, -LARGEST))


WAVES: Final[Mapping[str, float]] = {"sin": 0.25, "cos": 0.0}  # the share of a turn at which a wave is at its top
FARTHEST: Final = 1e6  # beyond it a wave is anything between -1 and 1
SURE: Final = 1e-9  # a top this many turns outside a box is outside it for certain


def wave_ends(name: str, low: float, high: float) -> tuple[float, float]:
    """Floats below and above a sine or cosine from one float to another."""
    if not (-FARTHEST < low <= high < FARTHEST):
        return -1.0, 1.0
    first, last = low / math.tau - WAVES[name], high / math.tau - WAVES[name]
    tops, bottoms = (math.floor(last - s + SURE) >= math.ceil(first - s - SURE) for s in (0.0, 0.5))
    ends = ends_of(name, low), ends_of(name, high)
    return -1.0 if bottoms else min(a for a, _ in ends), 1.0 if tops else max(b for _, b in ends)


@lru_cache(maxsize=100_000)
def power_ends(x: float, b: float) -> tuple[float, float]:
    if x == 0.0 or x == math.inf:
        return x, x
    with ctx.workprec(PRECISION):
        ball = arb(x) ** arb(b)
        a, c = float(ball.lower()), float(ball.upper())
    return max(math.nextafter(a, -math.inf), 0.0), math.nextafter(c, math.inf)
