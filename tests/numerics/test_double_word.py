"""Double words against exact rationals: what is rounded, what is not, and that splits do not show."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lossmith.numerics import double_word as dw
from lossmith.numerics.formats import FLOAT64, round_to

U = Fraction(1, 2**53)
numbers = st.floats(min_value=-1e300, max_value=1e300, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-280)
words = st.floats(min_value=-1e140, max_value=1e140, allow_nan=False)
cuts = st.lists(st.integers(0, 200), max_size=6)


def exact(pair):
    return Fraction(float(pair.hi)) + Fraction(float(pair.lo))


def in_parts(values, cuts):
    """Sum each part between the cuts alone, then merge."""
    borders = [0, *sorted(cut for cut in cuts if cut < len(values)), len(values)]
    return dw.merge(dw.total(values[a:b]) for a, b in itertools.pairwise(borders))


@given(numbers, numbers)
def test_two_sum_loses_nothing(a, b):
    s, e = dw.two_sum(a, b)
    assert s == a + b and Fraction(s) + Fraction(e) == Fraction(a) + Fraction(b)


@given(numbers, numbers)
def test_fast_two_sum_loses_nothing_when_the_larger_comes_first(a, b):
    a, b = sorted((a, b), key=abs, reverse=True)
    s, e = dw.fast_two_sum(a, b)
    assert s == a + b and Fraction(s) + Fraction(e) == Fraction(a) + Fraction(b)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_two_prod_loses_nothing_unless_the_error_is_below_the_smallest_number(a, b):
    product = dw.two_prod(a, b)
    truth = Fraction(a) * Fraction(b)
    assume(truth == 0 or abs(truth) >= Fraction(2) ** -968)
    if math.isinf(product.hi):
        assert round_to(truth, FLOAT64) == float(product.hi) and product.lo == 0
    else:
        assert exact(product) == truth and float(product.hi) == a * b


def test_two_prod_does_not_overflow_on_the_way():
    a = 1.7e308
    assert exact(dw.two_prod(a, 0.3)) == Fraction(a) * Fraction(0.3)
    assert exact(dw.two_prod(np.finfo(float).max, 1.0)) == Fraction(np.finfo(float).max)


@given(words, words, words, words)
def test_add_errs_by_no_more_than_its_bound_even_when_the_words_cancel(a, b, c, d):
    x, y = dw.renormalise(a, b), dw.renormalise(c, d)
    truth = exact(x) + exact(y)
    assume(truth == 0 or abs(truth) > Fraction(2) ** -900)
    result = dw.add(x, y)
    # 3u² + 13u³: theorem 3.1 of Joldes, Muller, Popescu
    assert abs(exact(result) - truth) <= (3 * U**2 + 13 * U**3) * abs(truth)
    assert float(result.hi) == float(result.hi) + float(result.lo)


def test_add_needs_the_accurate_form_where_the_high_words_cancel():
    x = dw.Pair(np.array(1.0 + 2**-52), np.array(2.0**-54))
    y = dw.Pair(np.array(-1.0), np.array(-(2.0**-54) * (1 + 2**-40)))
    assert exact(dw.add(x, y)) == exact(x) + exact(y)


@given(st.lists(words, max_size=200), cuts)
def test_any_split_stays_within_the_bound(values, cuts):
    truth, size = sum(map(Fraction, values), Fraction(0)), sum((abs(Fraction(v)) for v in values), Fraction(0))
    for result in (dw.total(values), in_parts(values, cuts)):
        depth = 8 + len(cuts) + 1
        # below 2**-900 the errors of errors leave the range of float64
        assert abs(exact(result) - truth) <= 3 * depth * U**2 * size * (1 + depth * U) + Fraction(2) ** -1000


@given(st.lists(st.tuples(st.integers(-(2**53), 2**53), st.integers(0, 38)), max_size=200), cuts, st.randoms())
def test_nothing_at_all_is_rounded_where_all_values_are_multiples_of_one_step(terms, cuts, random):
    values = [math.ldexp(float(m), k) for m, k in terms]
    values += [-v for v in values if random.random() < 0.5]
    random.shuffle(values)
    truth = sum(map(Fraction, values), Fraction(0))
    for result in (dw.total(values), in_parts(values, cuts)):
        assert exact(result) == truth and float(result.hi) == math.fsum(values)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200), cuts, st.randoms())
def test_the_split_and_order_of_float32_losses_do_not_show_in_the_last_bit(losses, cuts, random):
    losses = [x for x in losses if x == 0 or abs(x) > 1e-12]
    whole = dw.total(losses)
    random.shuffle(losses)
    parts = in_parts(losses, cuts)
    assert whole == parts and float(whole.hi) == math.fsum(losses)


def test_heavy_cancellation_leaves_the_small_rest():
    values = [1e16, 3.0, -1e16, 1e-10, 1e20, -3.0, -1e20]
    assert float(dw.total(values).hi) == math.fsum(values) == 1e-10
    assert sum(values) != 1e-10


def test_cancellation_beyond_the_two_words_is_bounded_by_the_sum_of_sizes_only():
    values = [1e60, 1e30, 1.0, -1e60, -1e30]
    left_to_right = dw.merge(dw.pair(v) for v in values)
    assert math.fsum(values) == 1.0 and float(left_to_right.hi) != 1.0
    assert abs(exact(left_to_right) - 1) <= 3 * len(values) * U**2 * sum(abs(Fraction(v)) for v in values)


def test_a_million_losses_add_up_as_exactly_rounded_for_any_micro_batch():
    random = np.random.default_rng(0)
    losses = random.standard_gamma(0.5, size=1_000_000)
    whole = dw.total(losses)
    assert float(whole.hi) == math.fsum(losses)
    for parts in (43, 4):
        assert float(dw.merge(dw.total(part) for part in np.array_split(losses, parts)).hi) == float(whole.hi)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_sums_along_an_axis_are_the_sums_of_its_lines(axis):
    x = np.random.default_rng(1).normal(size=(5, 7, 3)) * 10.0 ** np.arange(0, 15, 5)
    expected = np.apply_along_axis(lambda line: math.fsum(line), axis, x)
    assert np.array_equal(dw.total(x, axis=axis).hi, expected)


@pytest.mark.parametrize(
    "values, expected",
    [
        ([math.inf, 1.0], math.inf),
        ([-math.inf, 1.0, 2.0], -math.inf),
        ([1e308, 1e308], math.inf),
        ([math.nan, 1.0], math.nan),
        ([math.inf, -math.inf], math.nan),
    ],
)
def test_infinities_and_nan_add_up_as_single_words_do(values, expected):
    result = dw.total(values)
    assert np.array_equal(result.hi, expected, equal_nan=True) and result.lo == 0.0


def test_an_empty_sum_is_zero():
    assert dw.total([]) == dw.merge([]) == (0.0, 0.0)
    assert dw.total(np.zeros((0, 3)), axis=0).hi.tolist() == [0.0, 0.0, 0.0]


@given(words, words, words)
def test_a_quotient_is_off_by_hardly_more_than_half_an_ulp(a, b, c):
    x = dw.renormalise(a, b)
    assume(all(abs(v) > 1e-100 for v in (float(x.hi), c)))
    truth = exact(x) / Fraction(c)
    assume(Fraction(2) ** -900 < abs(truth) < Fraction(2) ** 900)
    error = abs(Fraction(float(dw.divide(x, dw.pair(c)))) - truth)
    # one final rounding (half an ulp, u|q|), and what the two-word rest leaves (a few u²)
    assert error <= (U + 16 * U**2) * abs(truth)


def test_division_by_zero_follows_single_words():
    assert np.isinf(dw.divide(dw.pair(1.0), dw.pair(0.0))) and np.isnan(dw.divide(dw.pair(0.0), dw.pair(0.0)))
