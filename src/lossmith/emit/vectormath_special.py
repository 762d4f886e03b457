"""Functions of statistics in float64, one number at a time; and the sum of a chunk with its error.

Comes in: float64 scalars (or the terms of a chunk) inside a Numba kernel. Goes out: float64. The special functions
branch and call the C library, so a loop over them is not vectorised; the sum is.
"""

from __future__ import annotations

import math

from lossmith.emit.vectormath64 import INF, NAN, log_f64
from lossmith.emit.vectormath_words import Word, fma, inlined, magnitude, nearest, select, two_sum

LANES = 32
"""Independent sums that a chunk is added up in: two cache lines of partial sums for 512-bit vectors."""


@inlined
def add_up(values: Word, n: Word, lanes: Word, sums: Word, c: Word) -> None:
    """Write the sum of `values[:n]` to `sums[c]` as (hi, lo), about 106 bits of it; `lanes` is scratch of length 64.

    An infinite or NaN term gives (that, 0), so that merging sums does not turn infinity into NaN.
    """
    high, low = lanes[:LANES], lanes[LANES : 2 * LANES]
    for j in range(LANES):
        high[j] = 0.0
        low[j] = 0.0
    whole = n // LANES
    for b in range(whole):
        block = values[LANES * b : LANES * b + LANES]
        for j in range(LANES):
            high[j], e = two_sum(high[j], block[j])
            low[j] += e
    rest = values[LANES * whole : n]
    for j in range(rest.shape[0]):
        high[j], e = two_sum(high[j], rest[j])
        low[j] += e
    plain, hi, lo = 0.0, 0.0, 0.0
    for j in range(LANES):
        plain += high[j]
        hi, e = two_sum(hi, high[j])
        lo += e + low[j]
    hi, lo = two_sum(hi, lo)
    finite = magnitude(hi) < INF
    sums[c, 0] = select(finite, hi, plain)
    sums[c, 1] = select(finite, lo, 0.0)


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
