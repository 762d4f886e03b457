"""The names that generated Numba loops in float32 arithmetic call: as many rows to a vector as there can be.

Comes in: float32 numbers. Goes out: float32 numbers. What decides a kernel's time is computed in float32
(`vectormath32`); functions that magnify a rounding, or that have no short form, are computed in float64 and rounded
once. Imported by generated kernels only (it needs Numba).
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from lossmith.emit.vectormath32 import (
    ONE,
    ZERO,
    exp_down_f32,
    exp_f32,
    expm1_f32,
    log1p_f32,
    log1p_unit_f32,
    log_f32,
    tanh_f32,
)
from lossmith.emit.vectormath64 import cosh_f64, pow_f64, sinh_f64
from lossmith.emit.vectormath_special import (
    digamma_f64,
    erf_f64,
    lgamma_f64,
    log_normal_cdf_f64,
    normal_cdf_f64,
    normal_gap_f64,
    normal_hazard_f64,
)
from lossmith.emit.vectormath_sums import add_up
from lossmith.emit.vectormath_wide import exp_w32
from lossmith.emit.vectormath_words import (
    Lanes,
    Word,
    inlined,
    magnitude,
    maximum,
    minimum,
    root,
    select,
    wide_vectors,
)

exp_down = exp_down_f32
exp, expm1, log, log1p, log1p_unit, tanh = exp_f32, expm1_f32, log_f32, log1p_f32, log1p_unit_f32, tanh_f32

__all__ = [
    "add_up", "cosh", "digamma", "erf", "exp", "exp_down", "exp_muladd", "exp_rest", "expm1", "lgamma", "log",
    "log1p", "log1p_unit", "magnitude", "maximum", "minimum", "moderate", "power", "root", "select", "sign", "sinh",
    "tanh", "wide_vectors",
]  # fmt: skip


def _conversion(wanted: Any, widen: bool) -> Any:
    def convert(typing: Any, x: Any) -> Any:
        if not isinstance(x, Lanes):
            return wanted(wanted), lambda context, builder, sig, values: values[0]

        def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            kind = context.get_value_type(sig.return_type)
            return values[0] if x.element == wanted else (builder.fpext if widen else builder.fptrunc)(values[0], kind)

        return x.of(wanted)(x), code

    return intrinsic(convert)


_exactly = _conversion(types.float64, True)
_rounded = _conversion(types.float32, False)


@inlined
def moderate(x: Word) -> Word:
    """Whether float32 holds a float64 number with room on both sides: 0, or 1e-30 to 1e30 in size."""
    size = magnitude(x)
    return (size < 1e30) & ((size > 1e-30) | (size == 0.0))


@inlined
def sign(x: Word) -> Word:
    """-1, 0 or 1; NaN stays NaN."""
    return select(x > ZERO, ONE, select(x < ZERO, -ONE, x))


@inlined
def exp_muladd(a: Word, b: Word, c: Word) -> Word:
    """exp(a * b + c); a and c may be float64."""
    return _rounded(exp_w32(_exactly(a) * _exactly(b) + _exactly(c)))


@inlined
def exp_rest(x: Word, grown: Word) -> Word:
    """e**x - grown, for grown = e**x rounded."""
    exact = exp_w32(_exactly(x))
    return _rounded(select(exact < 3e38, exact - _exactly(grown), 0.0))


@inlined
def power(x: Word, y: Word) -> Word:
    """x**y as IEEE 754 `pow`; both may be float64."""
    return _rounded(pow_f64(_exactly(x), _exactly(y)))


@inlined
def cosh(x: Word) -> Word:
    """The hyperbolic cosine."""
    return _rounded(cosh_f64(_exactly(x)))


@inlined
def sinh(x: Word) -> Word:
    """The hyperbolic sine."""
    return _rounded(sinh_f64(_exactly(x)))


@inlined
def lgamma(x: Word) -> Word:
    """log |gamma(x)|."""
    return _rounded(lgamma_f64(_exactly(x)))


@inlined
def digamma(x: Word) -> Word:
    """The derivative of lgamma."""
    return _rounded(digamma_f64(_exactly(x)))


@inlined
def erf(x: Word) -> Word:
    """The error function."""
    return _rounded(erf_f64(_exactly(x)))


@inlined
def normal_cdf(x: Word) -> Word:
    """The share of a standard normal below x."""
    return _rounded(normal_cdf_f64(_exactly(x)))


@inlined
def log_normal_cdf(x: Word) -> Word:
    """The logarithm of that share."""
    return _rounded(log_normal_cdf_f64(_exactly(x)))


@inlined
def normal_hazard(x: Word) -> Word:
    """The density of a standard normal over the share below x."""
    return _rounded(normal_hazard_f64(_exactly(x)))


@inlined
def normal_gap(x: Word) -> Word:
    """x + the hazard."""
    return _rounded(normal_gap_f64(_exactly(x)))
