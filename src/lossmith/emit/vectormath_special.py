"""Functions of statistics in float64, one number at a time.

Comes in: float64 scalars inside a Numba kernel. Goes out: float64. They branch and call the C library, so that a loop
over them is not vectorised.
"""

from __future__ import annotations

import math

from lossmith.emit.vectormath64 import INF, NAN, exp_dw_f64, log1p_f64, log_f64
from lossmith.emit.vectormath_words import Word, fma, inlined, magnitude, nearest, two_prod


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


@inlined
def _normal_density(z: Word) -> Word:
    """e**(-z**2 / 2) / sqrt(2 pi), the square in two words."""
    square, rest = two_prod(-0.5 * z, z)
    return exp_dw_f64(square, rest if square > -1e4 else 0.0) * 0.3989422804014327


@inlined
def _normal_share(z: Word) -> Word:
    """The share below z > -1.5; what rounding takes from z / sqrt(2) is given back."""
    x = z * -0.7071067811865476
    taken = fma(x, 1.4142135623730951, z) - x * 9.667293313452913e-17
    return 0.5 * math.erfc(x) + (_normal_density(z) * taken if magnitude(x) < 100.0 else 0.0)


@inlined
def normal_gap_f64(z: Word) -> Word:
    """z + the hazard; for z < -1.5 by Laplace's continued fraction, as many terms as its size takes."""
    if not z < -1.5:
        return z + _normal_density(z) / _normal_share(z)
    rest = -z
    for k in range(int(12.0 + 460.0 / (z * z)), 1, -1):
        rest = k / rest - z
    return 1.0 / rest


@inlined
def normal_hazard_f64(z: Word) -> Word:
    """The density of a standard normal over the share below z."""
    return normal_gap_f64(z) - z if z < -1.5 else _normal_density(z) / _normal_share(z)


@inlined
def normal_cdf_f64(z: Word) -> Word:
    """The share of a standard normal below z."""
    return _normal_density(z) / normal_hazard_f64(z) if z < -1.5 else _normal_share(z)


@inlined
def log_normal_cdf_f64(z: Word) -> Word:
    """The logarithm of that share."""
    if z < -1.5:
        return -0.5 * z * z - 0.9189385332046728 - log_f64(normal_hazard_f64(z))
    return log_f64(_normal_share(z)) if z < 0.0 else log1p_f64(-normal_cdf_f64(-z))
