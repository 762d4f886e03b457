"""Elementary functions in float32 arithmetic, sixteen to a 512-bit vector.

Comes in: float32 scalars inside a Numba kernel, any bits at all. Goes out: the float32 result, NaN for NaN, the limits
at infinities, gradual underflow rounded once. The methods are those of `vectormath64`, with shorter polynomials.
Numba widens every mixture with a Python number to float64, so all constants here are float32 and integers are cut back.
"""

from __future__ import annotations

import numpy as np

from lossmith.emit.vectormath_words import (
    Word,
    bits,
    fma,
    from_bits,
    inlined,
    magnitude,
    opaque,
    power_of_two,
    powers_of_two,
    quick_two_sum,
    select,
    signed,
    two_sum,
    word32,
)

LOG2_E = np.float32(1.4426950408889634)
LN2_HI = np.float32(0.6931471805599453)
LN2_LO = np.float32(0.6931471805599453 - float(LN2_HI))
SHIFT = np.float32(12582912.0)  # 1.5 * 2**23: adding it leaves the nearest integer in the low bits
BIAS = np.float32(127.0)
TWICE_BIASED = np.float32(12582912.0 + 254.0)  # and this one leaves it with twice the bias of exponents
RAISED, LOWERED = np.float32(12582912.0 + 127.0 + 64.0), np.float32(2.0**-64)  # and this one with 64 more than the bias
BIASED_23 = np.float32(2.0**23 + 127.0)
TWO_24 = np.float32(16777216.0)
SMALLEST_NORMAL = np.float32(2.0**-126)
TINY = np.float32(1e-30)
HALF_ROOT_BITS = 0x3F3504F3  # bits of sqrt(1/2)
ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
INF, NAN = np.float32(np.inf), np.float32(np.nan)

EXP_HIGH, EXP_LOW = np.float32(90.0), np.float32(-105.0)
EXPM1_LOW, FAR, FAR_STOP = np.float32(-20.0), np.float32(18.0), np.float32(30.0)
TINY_STEPS = np.float32(24.0)

# exp(r) = 1 + r + r*r*(E0 + E1*r + ...) for |r| <= ln2/2: minimax of degree 5, error 2**-34
E0, E1, E2 = np.float32(0.5000000078325721), np.float32(0.16666666861750962), np.float32(0.041666268507891235)
E3, E4, E5 = np.float32(0.008333264105377337), np.float32(0.0013946176657529427), np.float32(0.00019918524820678615)

# The same with degree 4, error 2**-28
D0, D1, D2 = np.float32(0.4999999344802411), np.float32(0.16666520631470685), np.float32(0.04166838800351872)
D3, D4 = np.float32(0.008368716905445958), np.float32(0.0013814600604689033)

# (2*atanh(s)/s - 2) / z with z = s*s for |s| <= 0.1716: minimax of degree 3, error 2**-37
L0, L1 = np.float32(0.6666666563712021), np.float32(0.4000033724941759)
L2, L3 = np.float32(0.28537168039746663), np.float32(0.23584986536620872)

# (log(1 + x) - x) / x**2 for 0 <= x <= 1: minimax of degree 8, error 2**-27
U0, U1, U2 = np.float32(-0.4999993276409222), np.float32(0.3333051133800903), np.float32(-0.24958587601603408)
U3, U4, U5 = np.float32(0.19695401335041696), np.float32(-0.15355398177724833), np.float32(0.10680558040317109)
U6, U7, U8 = np.float32(-0.05766446358877831), np.float32(0.02020459264995899), np.float32(-0.0033184737522368754)


@inlined
def _two_to(k: Word) -> Word:
    """2**k for a whole k, -126 <= k <= 127."""
    return power_of_two(k + opaque(SHIFT + BIAS))


@inlined
def _reduce(x: Word) -> tuple[Word, Word, Word]:
    """`(k, r, c)`: x = k*ln2 + r + c, |r| <= ln2/2, c a correction far below the last digit of r."""
    k = fma(x, opaque(LOG2_E), opaque(SHIFT)) - opaque(SHIFT)
    a = fma(-k, opaque(LN2_HI), x)
    r = fma(-k, opaque(LN2_LO), a)
    return k, r, fma(-k, opaque(LN2_LO), a - r)


@inlined
def _exp_tail(r: Word, c: Word) -> Word:
    """exp(r + c) - 1 - r for |r| <= ln2/2."""
    q = fma(fma(opaque(E5), r, opaque(E4)), r, opaque(E3))
    q = fma(fma(fma(q, r, opaque(E2)), r, opaque(E1)), r, opaque(E0))
    return fma(r * r, q, fma(c, r, c))


@inlined
def _within(x: Word, low: Word, high: Word) -> Word:
    """x, or the nearer end where it lies outside; NaN stays NaN."""
    x = select(x < opaque(low), opaque(low), x)
    return select(x > opaque(high), opaque(high), x)


@inlined
def _exp_bracket(r: Word) -> Word:
    """exp(r) for |r| <= ln2/2."""
    square = r * r
    q = fma(square, fma(opaque(D4), r, opaque(D3)), fma(opaque(D2), r, opaque(D1)))
    return fma(square, fma(q, r, opaque(D0)), r) + opaque(ONE)


@inlined
def exp_f32(x: Word) -> Word:
    """e**x."""
    x = _within(x, EXP_LOW, EXP_HIGH)
    t = fma(x, opaque(LOG2_E), opaque(TWICE_BIASED))
    k = t - opaque(TWICE_BIASED)
    a, b = powers_of_two(t)
    return _exp_bracket(fma(-k, opaque(LN2_LO), fma(-k, opaque(LN2_HI), x))) * a * b


@inlined
def exp_down_f32(x: Word) -> Word:
    """e**x for x <= 0; 0 where it is less than the least float."""
    x = select(x < opaque(EXP_LOW), opaque(EXP_LOW), x)
    t = fma(x, opaque(LOG2_E), opaque(RAISED))
    k = t - opaque(RAISED)
    scale = power_of_two(t) * opaque(LOWERED)  # 2**k, exactly, though it may be subnormal
    return _exp_bracket(fma(-k, opaque(LN2_LO), fma(-k, opaque(LN2_HI), x))) * scale


@inlined
def expm1_f32(x: Word) -> Word:
    """e**x - 1, to full relative accuracy near 0."""
    k, r, c = _reduce(_within(x, EXPM1_LOW, EXP_HIGH))
    a, b = powers_of_two(k + opaque(TWICE_BIASED))
    far = k > FAR
    one = _two_to(-select(k > FAR_STOP, FAR_STOP, k))
    s, e = quick_two_sum(select(far, ONE, ONE - one), r)
    value = (s + (select(far, e - one, e) + _exp_tail(r, c))) * a * b
    return select(magnitude(x) < TINY, x, value)


@inlined
def _split(x: Word) -> tuple[Word, Word]:
    """`(k, m)`: x = 2**k * m, sqrt(1/2) <= m < sqrt(2), for a positive normal x; k a float."""
    high = word32((bits(x) - HALF_ROOT_BITS) & -0x800000)
    k = from_bits(word32(((bits(x) - HALF_ROOT_BITS + 0x3F800000) >> 23) | 0x4B000000)) - BIASED_23
    return k, from_bits(word32(bits(x) - high))


@inlined
def _log_sum(k: Word, f: Word, c: Word) -> Word:
    """k*ln2 + log(1 + f) + c for sqrt(1/2) <= 1 + f < sqrt(2), c tiny."""
    s = f / (opaque(TWO) + f)
    z = s * s
    half = opaque(HALF) * f * f
    tail = fma(fma(fma(opaque(L3), z, opaque(L2)), z, opaque(L1)), z, opaque(L0))
    small = fma(s, fma(z, tail, half), fma(k, opaque(LN2_LO), c))
    return fma(k, opaque(LN2_HI), f - (half - small))


@inlined
def _log_limits(x: Word, value: Word) -> Word:
    """`value`, or what the logarithm of x is where x is not a positive finite number."""
    value = select(x == ZERO, -INF, select(x == INF, INF, value))
    return select(x < ZERO, NAN, select(x != x, x, value))


@inlined
def log_f32(x: Word) -> Word:
    """The natural logarithm."""
    tiny = x < SMALLEST_NORMAL
    k, m = _split(select(tiny, x * TWO_24, x))
    return _log_limits(x, _log_sum(k - select(tiny, TINY_STEPS, ZERO), m - ONE, ZERO))


@inlined
def log1p_f32(x: Word) -> Word:
    """log(1 + x), to full relative accuracy near 0."""
    u, lost = two_sum(ONE, x)
    k, m = _split(u)
    small = magnitude(x) < TWO_24 * TWO_24
    scaled = select(small, lost, ZERO) * _two_to(-select(small, k, ZERO))
    f, c = quick_two_sum(m - ONE, scaled)
    return select(magnitude(x) < TINY, x, _log_limits(u, _log_sum(k, f, c)))


@inlined
def log1p_unit_f32(x: Word) -> Word:
    """log(1 + x) for 0 <= x <= 1."""
    square = x * x
    low = fma(fma(opaque(U3), x, opaque(U2)), square, fma(opaque(U1), x, opaque(U0)))
    high = fma(fma(opaque(U7), x, opaque(U6)), square, fma(opaque(U5), x, opaque(U4)))
    fourth = square * square
    return fma(square, fma(fma(opaque(U8), fourth, high), fourth, low), x)


@inlined
def tanh_f32(x: Word) -> Word:
    """The hyperbolic tangent."""
    t = expm1_f32(-TWO * magnitude(x))
    d, d_lo = quick_two_sum(TWO, t)
    value = t / d
    return select(magnitude(x) < TINY, x, signed(fma(value * d_lo, t, value), x))  # as in tanh_f64
