"""The names that generated Numba loops call: our inlined float64 functions, and what only formulas need.

Comes in: float64 numbers. Goes out: float64 numbers. Imported by generated kernels only (it needs Numba).
"""

from __future__ import annotations

from lossmith.emit.vectormath import (
    add_up,
    cosh_f64,
    digamma_f64,
    erf_f64,
    exp_down_f64,
    exp_dw_f64,
    exp_f64,
    exp_rest_f64,
    exp_w32,
    expm1_f64,
    inlined,
    lgamma_f64,
    log1p_f64,
    log1p_unit_f64,
    log1p_unit_w32,
    log_f64,
    log_normal_cdf_f64,
    magnitude,
    maximum,
    minimum,
    normal_cdf_f64,
    normal_gap_f64,
    normal_hazard_f64,
    pow_f64,
    root,
    select,
    sinh_f64,
    tanh_f64,
    two_prod,
    two_sum,
    wide_vectors,
)

exp, exp_rest, expm1, log, log1p, log1p_unit = exp_f64, exp_rest_f64, expm1_f64, log_f64, log1p_f64, log1p_unit_f64
exp_down, exp_down_w32 = exp_down_f64, exp_w32
power, tanh, sinh, cosh = pow_f64, tanh_f64, sinh_f64, cosh_f64
lgamma, digamma, erf = lgamma_f64, digamma_f64, erf_f64
normal_cdf, log_normal_cdf = normal_cdf_f64, log_normal_cdf_f64
normal_hazard, normal_gap = normal_hazard_f64, normal_gap_f64

__all__ = [
    "add_up", "cosh", "digamma", "erf", "exp", "exp_down", "exp_down_w32", "exp_muladd", "exp_muladd_w32",
    "exp_rest", "exp_rest_w32", "exp_w32", "expm1", "lgamma", "log", "log1p", "log1p_unit", "log1p_unit_w32",
    "log_normal_cdf", "magnitude", "maximum", "minimum", "normal_cdf", "normal_gap", "normal_hazard", "power", "root",
    "select", "sign", "sinh", "tanh", "wide_vectors",
]  # fmt: skip


@inlined
def sign(x):  # type: ignore[no-untyped-def]
    """-1, 0 or 1; NaN stays NaN."""
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, x))


@inlined
def exp_muladd_w32(a, b, c):  # type: ignore[no-untyped-def]
    """exp(a * b + c) for float32 rows: in float64 the roundings of product and sum are too small to be magnified."""
    return exp_w32(a * b + c)


@inlined
def exp_rest_w32(x, grown):  # type: ignore[no-untyped-def]
    """Nothing, for float32 rows: in float64 the rounding of an exponential is too small to be magnified."""
    return 0.0


@inlined
def exp_muladd(a, b, c):  # type: ignore[no-untyped-def]
    """exp(a * b + c) with the product and the sum kept in two words."""
    hi, lo = two_prod(a, b)
    total, rest = two_sum(hi, c)
    return exp_dw_f64(total, select(magnitude(total) < 1e4, rest + lo, 0.0))
