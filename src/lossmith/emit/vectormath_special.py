"""Functions of statistics in float64, one number at a time.

Comes in: float64 scalars inside a Numba kernel. Goes out: float64. They branch and call the C library, so that a loop
over them is not vectorised.
"""

from __future__ import annotations

import math

from lossmith.emit.vectormath64 import INF, NAN, log_f64
from lossmith.emit.vectormath_words import Word, fma, inlined, nearest


@inlined
def lgamma_f64(x: Word) -> Word:
    """log |gamma(x)|, from the C library."""
    return math.lgamma(x)


@inlined
def erf_f64(x: Word) -> Word:
    """The error function, from the C library."""
    return math.erf(x)


@inlined
def _digamma_positive(x: Word) -> Word:
    """Upwards by psi(x) = psi(x+1) - 1/x to 10, there the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    steps = 0.0
    while x < 10.0:
        steps += 1.0 / x
        x += 1.0
    q = 1.0 / (x * x)
    series = fma(q, fma(q, fma(q, -1.0 / 12.0, 691.0 / 32760.0), -1.0 / 132.0), 1.0 / 240.0)
    series = q * fma(q, fma(q, fma(q, series, -1.0 / 252.0), 1.0 / 120.0), -1.0 / 12.0)
    return log_f64(x) - (0.5 / x - series) - steps


@inlined
def digamma_f64(x: Word) -> Word:
    """The derivative of lgamma; NaN at its poles 0, -1, -2 …"""
    if x > 0.0:
        return _digamma_positive(x)
    part = x - nearest(x)
    if part == 0.0 or x != x or x == -INF:
        return NAN
    return _digamma_positive(1.0 - x) - math.pi / math.tan(math.pi * part)
