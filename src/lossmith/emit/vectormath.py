"""Every function that a generated kernel may call, under one name of import.

Comes in: nothing. Goes out: the words (`select`, `fma`, `two_sum` …), the functions in float64 (`exp_f64` …)
and float32 (`exp_f32` …).
Imported by generated kernels and by what they import, never with Lossmith itself: it needs Numba.
"""

from __future__ import annotations

from lossmith.emit.vectormath32 import exp_down_f32, exp_f32, expm1_f32, log1p_f32, log1p_unit_f32, log_f32, tanh_f32
from lossmith.emit.vectormath64 import (
    cosh_f64,
    exp_down_f64,
    exp_dw_f64,
    exp_f64,
    exp_rest_f64,
    expm1_f64,
    log1p_f64,
    log1p_unit_f64,
    log_f64,
    pow_f64,
    scale_exp_f64,
    sinh_f64,
    tanh_f64,
)
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
from lossmith.emit.vectormath_wide import exp_w32, log1p_unit_w32
from lossmith.emit.vectormath_words import (
    bits,
    fma,
    from_bits,
    inlined,
    magnitude,
    maximum,
    minimum,
    nearest,
    opaque,
    quick_two_sum,
    root,
    select,
    signed,
    two_prod,
    two_sum,
    wide_vectors,
)

__all__ = [
    "add_up", "bits", "cosh_f64", "digamma_f64", "erf_f64", "exp_down_f32", "exp_down_f64", "exp_dw_f64", "exp_f32", "exp_f64",
    "exp_rest_f64", "exp_w32", "expm1_f32", "expm1_f64", "fma", "from_bits", "inlined", "lgamma_f64", "log1p_f32",
    "log1p_f64", "log1p_unit_f32", "log1p_unit_f64", "log1p_unit_w32", "log_f32", "log_f64", "log_normal_cdf_f64",
    "magnitude", "maximum", "minimum", "nearest", "normal_cdf_f64", "normal_gap_f64", "normal_hazard_f64", "opaque",
    "pow_f64", "quick_two_sum", "root", "scale_exp_f64", "select", "signed", "sinh_f64", "tanh_f32", "tanh_f64",
    "two_prod", "two_sum", "wide_vectors",
]  # fmt: skip
