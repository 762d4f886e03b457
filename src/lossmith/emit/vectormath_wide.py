"""Float64 arithmetic for rows stored in float32: the two functions that decide a kernel's time, at two thirds of it.

Comes in: float64 scalars that came from float32. Goes out: float64, wrong by a few of its last digits, which are 2**-28
of a digit of float32: rounded to float32 the result is the nearest number in all but one case in millions. What is left
out against `vectormath64`: the correction words, and gradual underflow below e**-708.
"""

from __future__ import annotations

from lossmith.emit.vectormath64 import LN2_HI, LN2_LO, LOG2_E, SHIFT
from lossmith.emit.vectormath_words import Word, fma, inlined, opaque, power_of_two, select

RAISED = SHIFT + 1022.0


@inlined
def exp_w32(x: Word) -> Word:
    """e**x, 0 below x = -708 (minimax of degree 8 in the bracket, error 2**-51)."""
    clamped = select(x > opaque(710.0), opaque(710.0), x)
    t = fma(clamped, opaque(LOG2_E), opaque(RAISED))
    k = t - opaque(RAISED)
    r = fma(-k, opaque(LN2_LO), fma(-k, opaque(LN2_HI), clamped))
    q = fma(opaque(5.52714447255243e-07), r, opaque(5.527088827055287e-06))
    q = fma(q, r, opaque(4.9602955601555626e-05))
    q = fma(q, r, opaque(0.00039682368341093557))
    q = fma(q, r, opaque(0.0027777777916046524))
    q = fma(q, r, opaque(0.01666666674328833))
    q = fma(q, r, opaque(0.08333333333295868))
    q = fma(q, r, opaque(0.3333333333321976))
    q = fma(q, r, opaque(1.000000000000003))
    value = fma(r * r, q, fma(opaque(2.0), r, opaque(2.0))) * power_of_two(t)  # 2e**r and 2**(k-1): k may be 1024
    return select(x < opaque(-708.0), 0.0, value)


@inlined
def log1p_unit_w32(x: Word) -> Word:
    """log(1 + x) for 0 <= x <= 1 (minimax of degree 5 in the bracket, error 2**-49)."""
    high = x > opaque(0.5)
    f = select(high, (x - opaque(1.0)) * opaque(0.5), x)
    s = f / (opaque(2.0) + f)
    z = s * s
    q = fma(opaque(0.17377914814582318), z, opaque(0.18071161631400562))
    q = fma(q, z, opaque(0.2222520677010851))
    q = fma(q, z, opaque(0.2857138807011649))
    q = fma(q, z, opaque(0.4000000025211862))
    q = fma(q, z, opaque(0.6666666666614466))
    return fma(s * z, q, opaque(2.0) * s) + select(high, opaque(LN2_HI), 0.0)
