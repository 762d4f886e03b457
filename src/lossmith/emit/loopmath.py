"""The names that generated Numba loops call: our inlined float64 functions, and the double-word sum of a buffer.

Comes in: float64 numbers. Goes out: float64 numbers. Imported by generated kernels only (it needs Numba).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from lossmith.emit.vectormath64 import exp_dw_f64, exp_f64, expm1_f64, log1p_f64, log_f64, pow_f64, tanh_f64
from lossmith.emit.vectormath_words import inlined, magnitude, maximum, minimum, root, select, two_prod, two_sum

exp, expm1, log, log1p, power, tanh = exp_f64, expm1_f64, log_f64, log1p_f64, pow_f64, tanh_f64


@inlined
def sign(x):  # type: ignore[no-untyped-def]
    """-1, 0 or 1; NaN stays NaN."""
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, x))


@inlined
def cosh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic cosine by two halves of the exponential, so that it overflows only where the result does."""
    half = exp_f64(0.5 * magnitude(x))
    return 0.5 * half * half + 0.5 / half / half


@inlined
def sinh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic sine: by expm1 near 0, by two halves of the exponential far away."""
    a = magnitude(x)
    grown = expm1_f64(select(a < 1.0, a, 1.0))
    near = 0.5 * (grown + grown / (1.0 + grown))
    half = exp_f64(0.5 * a)
    far = 0.5 * half * half - 0.5 / half / half
    size = select(a < 1.0, near, far)
    return select(x < 0.0, -size, select(x > 0.0, size, x))


@inlined
def exp_muladd(a, b, c):  # type: ignore[no-untyped-def]
    """exp(a * b + c) with the product and the sum kept in two words."""
    hi, lo = two_prod(a, b)
    total, rest = two_sum(hi, c)
    small = magnitude(total) < 1e4
    return exp_dw_f64(total, select(small, rest + lo, 0.0))


@njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)
def digamma(x):  # type: ignore[no-untyped-def]
    """Derivative of lgamma for x > 0: recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18)."""
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    q = 1.0 / (x * x)
    series = q * (1 / 12 - q * (1 / 120 - q * (1 / 252 - q * (1 / 240 - q * (1 / 132 - q * 691 / 32760)))))
    return shift + math.log(x) - 0.5 / x - series


@njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def add_up(values, n, lanes, errors, out):  # type: ignore[no-untyped-def]
    """Sum values[:n] into out = (hi, lo): 32 independent double-word lanes, then the lanes in order."""
    for j in range(32):
        lanes[j] = 0.0
        errors[j] = 0.0
    whole = n // 32
    for b in range(whole):
        block = values[32 * b : 32 * b + 32]
        for j in range(32):
            s, e = two_sum(lanes[j], block[j])
            lanes[j] = s
            errors[j] += e
    for j in range(n - 32 * whole):
        s, e = two_sum(lanes[j], values[32 * whole + j])
        lanes[j] = s
        errors[j] += e
    hi = 0.0
    lo = 0.0
    for j in range(32):
        hi, e = two_sum(hi, lanes[j])
        lo += e + errors[j]
    total, rest = two_sum(hi, lo)
    out[0] = total if np.isfinite(total) else hi
    out[1] = rest if np.isfinite(total) else 0.0
