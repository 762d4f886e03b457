"""Elementary functions in float64 as branch-free polynomials that LLVM vectorises inside a kernel.

Comes in: float64 scalars inside a Numba kernel, any bits at all. Goes out: the float64 result, NaN for NaN, the
limits at infinities, gradual underflow rounded once. Method: exact range reduction by fused multiply-add, a minimax
polynomial (our own fit, Remez in 300 bits, its error in the comment), the small terms added last.
Worst errors are measured in tests/emit/test_vectormath.py.
"""

from __future__ import annotations

from lossmith.emit.vectormath_words import (
    Word,
    bits,
    fma,
    from_bits,
    inlined,
    magnitude,
    nearest,
    opaque,
    powers_of_two,
    quick_two_sum,
    select,
    signed,
    two_prod,
    two_sum,
)

LOG2_E = float.fromhex("0x1.71547652b82fep+0")
LN2_HI = float.fromhex("0x1.62e42fefa39efp-1")
LN2_LO = float.fromhex("0x1.abc9e3b39803fp-56")
SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
TWICE_BIASED = SHIFT + 2046.0  # and this one leaves it with twice the bias of exponents
TWO_52 = 4503599627370496.0
TWO_54 = 18014398509481984.0
SMALLEST_NORMAL = 2.2250738585072014e-308
HALF_ROOT_BITS = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)
INF = float("inf")
NAN = float("nan")


@inlined
def _power_of_two(k: Word) -> tuple[Word, Word]:
    """Two factors whose product is 2**k, each a normal number, for |k| <= 2044."""
    a, b = powers_of_two(k + opaque(TWICE_BIASED))
    return a, b


@inlined
def _reduce(x: Word) -> tuple[Word, Word, Word]:
    """`(k, r, c)`: x = k*ln2 + r + c, |r| <= ln2/2, c a correction far below the last digit of r."""
    k = fma(x, opaque(LOG2_E), opaque(SHIFT)) - opaque(SHIFT)
    a = fma(-k, opaque(LN2_HI), x)
    r = fma(-k, opaque(LN2_LO), a)
    return k, r, fma(-k, opaque(LN2_LO), a - r)


@inlined
def _reduce_dw(hi: Word, lo: Word) -> tuple[Word, Word, Word]:
    """`_reduce` of hi + lo."""
    k = fma(hi, LOG2_E, SHIFT) - SHIFT
    a = fma(-k, LN2_HI, hi)
    r = fma(-k, LN2_LO, a + lo)
    return k, r, fma(-k, LN2_LO, (a - r) + lo)


@inlined
def _exp_tail(r: Word, c: Word) -> Word:
    """exp(r + c) - 1 - r for |r| <= ln2/2 (minimax, 11 terms, error 2**-64)."""
    r2 = r * r
    r4 = r2 * r2
    low = fma(
        fma(opaque(0.008333333333316617), r, opaque(0.04166666666666673)),
        r2,
        fma(opaque(0.16666666666666685), r, opaque(0.5)),
    )
    middle = fma(opaque(0.00019841269897362637), r, opaque(0.0013888888888858328))
    middle = fma(fma(opaque(2.755723392878573e-06), r, opaque(2.480158737393444e-05)), r2, middle)
    high = fma(opaque(2.0926986412747343e-09), r2, fma(opaque(2.511234869381996e-08), r, opaque(2.755723321016697e-07)))
    return fma(r2, fma(r4, fma(r4, high, middle), low), fma(c, r, c))


@inlined
def _exp_sum(r: Word, c: Word) -> Word:
    """exp(r + c) for a reduced argument."""
    s, e = quick_two_sum(1.0, r)
    return s + (e + _exp_tail(r, c))


@inlined
def exp_f64(x: Word) -> Word:
    """e**x."""
    x = select(x > 710.0, 710.0, select(x < -746.0, -746.0, x))
    k, r, c = _reduce(x)
    a, b = _power_of_two(k)
    return _exp_sum(r, c) * a * b


@inlined
def exp_down_f64(x: Word) -> Word:
    """e**x for x <= 0."""
    k, r, c = _reduce(select(x < opaque(-746.0), opaque(-746.0), x))
    a, b = _power_of_two(k)
    return _exp_sum(r, c) * a * b


@inlined
def exp_dw_f64(hi: Word, lo: Word) -> Word:
    """e**(hi + lo) for a two-word argument, |lo| at most a few last digits of hi."""
    x = select(hi > 710.0, 711.0, select(hi < -746.0, -747.0, hi))
    k, r, c = _reduce_dw(x, select(x == hi, lo, 0.0))
    a, b = _power_of_two(k)
    return _exp_sum(r, c) * a * b


@inlined
def exp_rest_f64(x: Word, grown: Word) -> Word:
    """e**x - grown, for grown = e**x rounded: the series to its third term in two words (error 2**-62 of e**x)."""
    k, r, c = _reduce(select(magnitude(x) < 700.0, x, 0.0))
    a, b = _power_of_two(-k)
    square, square_rest = two_prod(r, r)
    cube, cube_rest = two_prod(square, r)
    third = cube / 6.0
    lost = (fma(-6.0, third, cube) + cube_rest + square_rest * r) / 6.0 + 0.5 * square_rest
    total, first = two_sum(1.0 - grown * a * b, r)
    total, second = two_sum(total, 0.5 * square)
    total, last = two_sum(total, third)
    value = (total + square * square * _fourth_terms(r)) + (first + second + last + lost + c * _exp_sum(r, 0.0))
    a, b = _power_of_two(k)
    return select(magnitude(x) < 700.0, value * a * b, 0.0)


@inlined
def _fourth_terms(r: Word) -> Word:
    """(exp(r) - 1 - r - r**2/2 - r**3/6) / r**4 for |r| <= ln2/2 (the series, error 2**-62 of 1/24)."""
    q = fma(1.0 / 20922789888000.0, r, 1.0 / 1307674368000.0)
    q = fma(q, r, 1.0 / 87178291200.0)
    q = fma(q, r, 1.0 / 6227020800.0)
    q = fma(q, r, 1.0 / 479001600.0)
    q = fma(q, r, 1.0 / 39916800.0)
    q = fma(q, r, 1.0 / 3628800.0)
    q = fma(q, r, 1.0 / 362880.0)
    q = fma(q, r, 1.0 / 40320.0)
    q = fma(q, r, 1.0 / 5040.0)
    q = fma(q, r, 1.0 / 720.0)
    q = fma(q, r, 1.0 / 120.0)
    return fma(q, r, 1.0 / 24.0)


@inlined
def expm1_f64(x: Word) -> Word:
    """e**x - 1, to full relative accuracy near 0."""
    clamped = select(x > 710.0, 710.0, select(x < -40.0, -40.0, x))
    k, r, c = _reduce(clamped)
    a, b = _power_of_two(k)
    far = k > 40.0
    one = from_bits((1023 - bits(select(k > 60.0, 60.0, k) + SHIFT)) << 52)  # 2**-k
    s, e = quick_two_sum(select(far, 1.0, 1.0 - one), r)
    value = (s + (select(far, e - one, e) + _exp_tail(r, c))) * a * b
    return select(magnitude(x) < 1e-300, x, value)


@inlined
def _split(x: Word) -> tuple[Word, Word]:
    """`(k, m)`: x = 2**k * m, sqrt(1/2) <= m < sqrt(2), for a positive normal x; k a float."""
    high = (bits(x) - HALF_ROOT_BITS) & -0x10000000000000
    k = from_bits(((bits(x) - HALF_ROOT_BITS + 0x3FF0000000000000) >> 52) | 0x4330000000000000) - (TWO_52 + 1023.0)
    return k, from_bits(bits(x) - high)


@inlined
def _log_tail(z: Word) -> Word:
    """(2*atanh(s)/s - 2) / z with z = s*s for |s| <= 0.1716 (minimax of degree 6, error 2**-59)."""
    z2 = z * z
    low = fma(
        fma(opaque(0.22222198378537128), z, opaque(0.28571428744140787)),
        z2,
        fma(opaque(0.39999999999407493), z, opaque(0.6666666666666735)),
    )
    high = fma(opaque(0.14799065307755488), z2, fma(opaque(0.1531375583862473), z, opaque(0.1818357516240913)))
    return fma(z2 * z2, high, low)


@inlined
def _log_sum(k: Word, f: Word, c: Word) -> Word:
    """k*ln2 + log(1 + f) + c for sqrt(1/2) <= 1 + f < sqrt(2), c tiny."""
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    small = fma(s, fma(z, _log_tail(z), half), fma(k, LN2_LO, c))
    return fma(k, LN2_HI, f - (half - small))


@inlined
def _log_limits(x: Word, value: Word) -> Word:
    """`value`, or what the logarithm of x is where x is not a positive finite number."""
    value = select(x == 0.0, -INF, select(x == INF, INF, value))
    return select(x < 0.0, NAN, select(x != x, x, value))


@inlined
def log_f64(x: Word) -> Word:
    """The natural logarithm."""
    tiny = x < SMALLEST_NORMAL
    k, m = _split(select(tiny, x * TWO_54, x))
    return _log_limits(x, _log_sum(k - select(tiny, 54.0, 0.0), m - 1.0, 0.0))


@inlined
def log1p_f64(x: Word) -> Word:
    """log(1 + x), to full relative accuracy near 0."""
    u, lost = two_sum(1.0, x)
    k, m = _split(u)
    near = m - 1.0
    lost = select(magnitude(x) < TWO_54, lost * from_bits((1023 - bits(k + SHIFT)) << 52), 0.0)
    f, c = quick_two_sum(near, lost)
    return select(magnitude(x) < 1e-300, x, _log_limits(u, _log_sum(k, f, c)))


@inlined
def log1p_unit_f64(x: Word) -> Word:
    """log(1 + x) for 0 <= x <= 1 (the tail of softplus), at half the cost (minimax in |s| <= 0.2, error 2**-62)."""
    high = x > opaque(0.5)
    f = select(high, (x - opaque(1.0)) * opaque(0.5), x)
    s = f / (opaque(2.0) + f)
    z = s * s
    z2 = z * z
    low = fma(
        fma(opaque(0.22222224286815498), z, opaque(0.2857142855591197)),
        z2,
        fma(opaque(0.40000000000056346), z, opaque(0.666666666666666)),
    )
    top = fma(
        fma(opaque(0.13840846021859568), z, opaque(0.1317392293289964)),
        z2,
        fma(opaque(0.15391092750827914), z, opaque(0.1818166646017926)),
    )
    half = opaque(0.5) * f * f
    small = fma(s, fma(z, fma(z2 * z2, top, low), half), select(high, opaque(LN2_LO), 0.0))
    return select(high, opaque(LN2_HI), 0.0) + (f - (half - small))


@inlined
def _scaled(value: Word, k: Word) -> Word:
    """value * 2**k for 1/2 < |value| < 4, rounded once; k any float in -3000 .. 3000."""
    k = select(k > 1030.0, 1030.0, select(k < -1085.0, -1085.0, k))
    a, b = _power_of_two(k)
    return value * a * b


@inlined
def scale_exp_f64(y: Word, x: Word) -> Word:
    """y * e**x, finite wherever the product is; the IEEE product of the factors where x is infinite."""
    size = magnitude(y)
    tiny = size < SMALLEST_NORMAL
    k, m = _split(select(tiny, size * TWO_54, size))
    usual = (size > 0.0) & (size < INF)
    clamped = select(x > 1500.0, 1500.0, select(x < -1500.0, -1500.0, x))
    n, r, c = _reduce(clamped)
    power = n + select(usual, k - select(tiny, 54.0, 0.0), 0.0)
    value = _scaled(signed(select(usual, m, size), y) * _exp_sum(r, c), power)
    return select(magnitude(x) == INF, y * select(x > 0.0, INF, 0.0), value)


@inlined
def _log_dw(k: Word, f: Word) -> tuple[Word, Word]:
    """k*ln2 + log(1 + f) as two words, about 2**-66 of relative error."""
    d, d_lo = quick_two_sum(2.0, f)
    s = f / d
    s_lo = (fma(-s, d, f) - s * d_lo) / d
    z, z_lo = two_prod(s, s)
    z_lo = fma(2.0 * s, s_lo, z_lo)
    q, q_lo = quick_two_sum(0.6666666666666666, fma(z, _log_dw_tail(z), 3.700743415417188e-17))
    t, t_lo = two_prod(z, q)
    t_lo = t_lo + fma(z, q_lo, z_lo * q)
    w, w_lo = two_prod(s, t)
    w_lo = w_lo + fma(s, t_lo, s_lo * t)
    a, a_lo = quick_two_sum(2.0 * s, w)
    a_lo = a_lo + (2.0 * s_lo + w_lo)
    b, b_lo = two_prod(k, LN2_HI)
    hi, lo = two_sum(b, a)
    return quick_two_sum(hi, lo + (a_lo + (b_lo + k * LN2_LO)))


@inlined
def _log_dw_tail(z: Word) -> Word:
    """((2*atanh(s)/s - 2)/z - 2/3) / z with z = s*s for |s| <= 0.1716 (minimax of degree 7, error 2**-73)."""
    z2 = z * z
    low = fma(fma(0.1818181887636024, z, 0.2222222221748823), z2, fma(0.28571428571445306, z, 0.39999999999999974))
    high = fma(fma(0.11991822029369356, z, 0.11674483968085564), z2, fma(0.13336333737963268, z, 0.15384556451991407))
    return fma(z2 * z2, high, low)


@inlined
def pow_f64(x: Word, y: Word) -> Word:
    """x**y as IEEE 754 `pow`; a negative x needs a whole y, else NaN."""
    size = magnitude(x)
    tiny = size < SMALLEST_NORMAL
    k, m = _split(select(tiny, size * TWO_54, size))
    hi, lo = _log_dw(k - select(tiny, 54.0, 0.0), m - 1.0)
    p, p_lo = two_prod(hi, y)
    value = exp_dw_f64(p, fma(lo, y, p_lo))
    value = select((size == 0.0) | (size == INF), select((y > 0.0) == (size > 1.0), INF, 0.0), value)
    whole = (nearest(y) == y) & (y == y)
    odd = whole & (nearest(0.5 * y) != 0.5 * y)
    below = (x < 0.0) | ((x == 0.0) & (bits(x) < 0))
    value = select(below & odd, -value, select((x < 0.0) & ~whole & (size < INF), NAN, value))
    value = select((x != x) | (y != y), NAN, value)
    return select((y == 0.0) | (x == 1.0), 1.0, _pow_of_one(size, y, value))


@inlined
def _pow_of_one(size: Word, y: Word, value: Word) -> Word:
    """The infinite exponents: |x| above, at or below 1."""
    infinite = (magnitude(y) == INF) & (size == size)
    return select(infinite, select(size == 1.0, 1.0, select((size > 1.0) == (y > 0.0), INF, 0.0)), value)


@inlined
def tanh_f64(x: Word) -> Word:
    """The hyperbolic tangent."""
    t = expm1_f64(-2.0 * magnitude(x))
    d, d_lo = quick_two_sum(2.0, t)
    value = t / d
    return select(magnitude(x) < 1e-300, x, signed(fma(value * d_lo, t, value), x))  # t: near -1/d where d_lo counts


@inlined
def cosh_f64(x: Word) -> Word:
    """The hyperbolic cosine; finite up to its own limit, 710.47."""
    half = scale_exp_f64(0.5, magnitude(x))
    return half + 0.25 / half


@inlined
def sinh_f64(x: Word) -> Word:
    """The hyperbolic sine; finite up to its own limit, 710.47."""
    size = magnitude(x)
    t = expm1_f64(select(size > 30.0, 30.0, size))
    value = select(size < 30.0, 0.5 * (t + t / (t + 1.0)), scale_exp_f64(0.5, size))
    return select(size < 1e-300, x, signed(value, x))
