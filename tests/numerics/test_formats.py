"""Formats: limits, ulp, correct rounding, and errors against exact numbers, with NumPy and Python as witnesses."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from lossmith.numerics import formats
from lossmith.numerics.formats import FLOAT32, FLOAT64, FORMATS, as_fraction, error_in_ulp, round_ball, round_to, ulp

both = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
rationals = st.builds(
    lambda p, q, k: Fraction(p, q) * Fraction(2) ** k,
    st.integers(-(2**70), 2**70),
    st.integers(1, 2**70),
    st.integers(-1200, 1200),
)


@both
def test_the_limits_are_those_of_the_numpy_type(fmt):
    info = np.finfo(fmt.dtype)
    assert (fmt.largest, fmt.smallest_normal) == (float(info.max), float(info.smallest_normal))
    assert (fmt.smallest_subnormal, fmt.epsilon) == (float(info.smallest_subnormal), float(info.eps))
    assert fmt.least_scale == float(info.smallest_subnormal) * 2.0 ** (fmt.digits + 6)
    assert formats.format_of(fmt.dtype) is fmt


def test_other_types_have_no_format():
    with pytest.raises(ValueError, match="int64"):
        formats.format_of("int64")


@given(rationals)
def test_rounding_a_rational_to_float64_agrees_with_exact_division(x):
    try:
        expected = x.numerator / x.denominator
    except OverflowError:
        expected = math.inf if x > 0 else -math.inf
    assert round_to(x, FLOAT64) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_a_double_to_float32_agrees_with_numpy(x):
    with np.errstate(over="ignore"):
        assert round_to(x, FLOAT32) == float(np.float32(x))


@both
def test_halfway_cases_go_to_the_even_neighbour_and_underflow_keeps_its_sign(fmt):
    tiny, eps = Fraction(fmt.smallest_subnormal), Fraction(fmt.epsilon)
    assert round_to(1 + eps / 2, fmt) == 1.0 and round_to(1 + 3 * eps / 2, fmt) == 1.0 + 2 * fmt.epsilon
    assert math.copysign(1, round_to(-tiny / 2, fmt)) == -1.0 and round_to(tiny / 2, fmt) == 0.0
    assert round_to(tiny * Fraction(51, 100), fmt) == fmt.smallest_subnormal
    past = Fraction(fmt.largest) + Fraction(ulp(fmt.largest, fmt)) / 2
    assert round_to(past, fmt) == math.inf and round_to(past - 1, fmt) == fmt.largest


@both
@given(x=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_ulp_is_the_gap_to_the_next_larger_float(fmt, x):
    outer = abs(fmt.dtype.type(x))
    assert ulp(x, fmt) == float(np.spacing(outer if outer < fmt.largest else fmt.dtype.type(1.5 * 2.0**fmt.emax)))


@given(rationals.filter(bool))
def test_the_exponent_brackets_the_number(x):
    e = formats.exponent(x)
    assert Fraction(2) ** e <= abs(x) < Fraction(2) ** (e + 1)


def test_zero_has_no_exponent():
    with pytest.raises(ValueError):
        formats.exponent(0)


@both
@given(x=rationals)
def test_a_correctly_rounded_number_is_off_by_at_most_half_an_ulp(fmt, x):
    rounded = round_to(x, fmt)
    assert error_in_ulp(rounded, x, fmt) <= 0.5
    if math.isfinite(rounded):
        assert error_in_ulp(formats.neighbour(rounded, fmt, 2), x, fmt) >= 0.5 or abs(rounded) == fmt.largest


def test_errors_that_are_not_finite():
    assert error_in_ulp(math.nan, 1, FLOAT64) == math.inf
    assert error_in_ulp(math.inf, 2**2000, FLOAT64) == 0.0
    assert error_in_ulp(-math.inf, 2**2000, FLOAT64) == math.inf
    assert error_in_ulp(0.0, 2**19000, FLOAT64) == math.inf
    assert error_in_ulp(0.0, 1, FLOAT32) == 2.0**23


def test_an_error_may_be_judged_at_another_scale():
    assert error_in_ulp(2.0**-60, 0, FLOAT64, scale=2.0**-8) == 1.0


def test_a_ball_counts_its_radius_as_error():
    assert error_in_ulp(1.0, arb(1, 2.0**-52), FLOAT64) >= 1.0


@pytest.mark.parametrize("number", [fmpq(-7, 3), Fraction(-7, 3)])
def test_rationals_of_both_makers_are_read_exactly(number):
    assert as_fraction(number) == Fraction(-7, 3)


@pytest.mark.parametrize("make", [arb, mpmath.mpf, float, np.float32, np.float64])
def test_dyadic_numbers_are_read_exactly(make):
    assert as_fraction(make(-0.375)) == Fraction(-3, 8)
    assert as_fraction(make(0.0)) == 0
    assert as_fraction(make(2.0**100)) == 2**100


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("inf")])
def test_numbers_that_are_not_finite_have_no_exact_value(bad):
    with pytest.raises(ValueError, match="finite"):
        as_fraction(bad)


def test_numbers_beyond_every_format_are_rounded_without_being_written_out():
    huge = arb(2.0**100).exp()
    assert round_to(huge, FLOAT64) == round_ball(huge, FLOAT64) == math.inf
    assert round_to(-huge, FLOAT64) == round_ball(-huge, FLOAT64) == -math.inf
    assert round_to(1 / huge, FLOAT64) == round_ball(1 / huge, FLOAT64) == 0.0


@both
@given(x=st.fractions(min_value=-100, max_value=100))
def test_a_narrow_ball_rounds_as_its_exact_number_does(fmt, x):
    before, ctx.prec = ctx.prec, 300
    try:
        ball = arb(fmpq(x.numerator, x.denominator))
        decided = round_ball(ball, fmt)
    finally:
        ctx.prec = before
    assert decided == round_to(x, fmt) or (decided is None and error_in_ulp(round_to(x, fmt), x, fmt) > 0.499)


def test_a_wide_or_infinite_ball_decides_nothing():
    assert round_ball(arb(1, 2.0**-20), FLOAT32) is None
    assert round_ball(arb("nan"), FLOAT64) is None
    assert round_ball(1 / arb(0), FLOAT64) is None


@both
@given(data=st.data())
def test_ordinals_count_the_floats_in_order(fmt, data):
    number = st.floats(allow_nan=False, width=fmt.dtype.itemsize * 8)
    a, b = data.draw(number), data.draw(number)
    i, j = (int(formats.ordinals(x, fmt)) for x in (a, b))
    assert (a < b) == (i < j) and (a == b) == (i == j)
    assert float(formats.from_ordinals(i, fmt)) == a
    if math.isfinite(a):
        with np.errstate(over="ignore"):
            up = float(np.nextafter(fmt.dtype.type(a), fmt.dtype.type(math.inf)))
        assert formats.neighbour(a, fmt) == min(up, fmt.largest)
