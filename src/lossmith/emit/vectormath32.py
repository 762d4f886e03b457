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
    quick_two_sum,
    select,
    two_sum,
)

LOG2_E = np.float32(1.4426950408889634)
LN2_HI = np.float32(0.6931471805599453)
LN2_LO = np.float32(0.6931471805599453 - float(LN2_HI))
SHIFT = np.float32(12582912.0)  # 1.5 * 2**23: adding it leaves the nearest integer in the low bits
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

# (2*atanh(s)/s - 2) / z with z = s*s for |s| <= 0.1716: minimax of degree 3, error 2**-37
L0, L1 = np.float32(0.6666666563712021), np.float32(0.4000033724941759)
L2, L3 = np.float32(0.28537168039746663), np.float32(0.23584986536620872)


@inlined
def _two_to(k: Word) -> Word:
    """2**k for a whole k shifted into the low bits, -126 <= k <= 127."""
    return from_bits(np.int32((bits(k) + 127) << 23))


@inlined
def _power_of_two(k: Word) -> tuple[Word, Word]:
    """Two factors whose product is 2**k, each a normal number, for |k| <= 252."""
    half = fma(k, HALF, SHIFT)
    return _two_to(half), _two_to((k - (half - SHIFT)) + SHIFT)


@inlined
def _reduce(x: Word) -> tuple[Word, Word, Word]:
    """`(k, r, c)`: x = k*ln2 + r + c, |r| <= ln2/2, c a correction far below the last digit of r."""
    k = fma(x, LOG2_E, SHIFT) - SHIFT
    a = fma(-k, LN2_HI, x)
    r = fma(-k, LN2_LO, a)
    return k, r, fma(-k, LN2_LO, a - r)


@inlined
def _exp_tail(r: Word, c: Word) -> Word:
    """exp(r + c) - 1 - r for |r| <= ln2/2."""
    q = fma(fma(fma(fma(fma(E5, r, E4), r, E3), r, E2), r, E1), r, E0)
    return fma(r * r, q, fma(c, r, c))


@inlined
def exp_f32(x: Word) -> Word:
    """e**x."""
    x = select(x > EXP_HIGH, EXP_HIGH, select(x < EXP_LOW, EXP_LOW, x))
    k, r, c = _reduce(x)
    a, b = _power_of_two(k)
    s, e = quick_two_sum(ONE, r)
    return (s + (e + _exp_tail(r, c))) * a * b


@inlined
def expm1_f32(x: Word) -> Word:
    """e**x - 1, to full relative accuracy near 0."""
    k, r, c = _reduce(select(x > EXP_HIGH, EXP_HIGH, select(x < EXPM1_LOW, EXPM1_LOW, x)))
    a, b = _power_of_two(k)
    far = k > FAR
    one = _two_to(SHIFT - select(k > FAR_STOP, FAR_STOP, k))
    s, e = quick_two_sum(select(far, ONE, ONE - one), r)
    value = (s + (select(far, e - one, e) + _exp_tail(r, c))) * a * b
    return select(magnitude(x) < TINY, x, value)


@inlined
def _split(x: Word) -> tuple[Word, Word]:
    """`(k, m)`: x = 2**k * m, sqrt(1/2) <= m < sqrt(2), for a positive normal x; k a float."""
    k = (bits(x) - HALF_ROOT_BITS) >> 23
    return np.float32(k), from_bits(np.int32(bits(x) - (k << 23)))


@inlined
def _log_sum(k: Word, f: Word, c: Word) -> Word:
    """k*ln2 + log(1 + f) + c for sqrt(1/2) <= 1 + f < sqrt(2), c tiny."""
    s = f / (TWO + f)
    z = s * s
    half = HALF * f * f
    tail = fma(fma(fma(L3, z, L2), z, L1), z, L0)
    small = fma(s, fma(z, tail, half), fma(k, LN2_LO, c))
    return fma(k, LN2_HI, f - (half - small))


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
    scaled = select(small, lost, ZERO) * _two_to(SHIFT - select(small, k, ZERO))
    f, c = quick_two_sum(m - ONE, scaled)
    return select(magnitude(x) < TINY, x, _log_limits(u, _log_sum(k, f, c)))
