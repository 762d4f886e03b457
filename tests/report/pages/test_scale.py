"""Axes: every value has its place, ticks are round, inside and few, and no range is too odd to be drawn."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.report.pages.number import number, power
from lossmith.report.pages.scale import Scale, scale, ticks

FINITE = st.floats(-1e300, 1e300)


@given(st.lists(FINITE, min_size=1, max_size=5))
def test_every_finite_value_lies_on_its_axis(values):
    made = scale(values)
    assert all(-1e-9 <= made.share(v) <= 1 + 1e-9 for v in values)


@given(st.lists(st.floats(1e-280, 1e280), min_size=1, max_size=5))
def test_every_positive_value_lies_on_its_logarithmic_axis(values):
    made = scale(values, log=True)
    assert all(-1e-9 <= made.share(v) <= 1 + 1e-9 for v in values)


@given(FINITE, FINITE, st.integers(3, 9))
def test_ticks_are_inside_few_and_told_apart(a, b, most):
    axis = scale([a, b])
    places, texts = zip(*ticks(axis, most), strict=True) if ticks(axis, most) else ((), ())
    assert len(places) <= most
    assert all(-1e-6 <= axis.share(place) <= 1 + 1e-6 for place in places)
    assert len(set(texts)) == len(texts)


@given(st.floats(1e-190, 1e190), st.floats(1.01, 1e90), st.integers(3, 9))
def test_logarithmic_ticks_are_inside_and_told_apart(low, factor, most):
    axis = Scale(low, low * factor, True)
    texts = [text for _, text in ticks(axis, most)]
    assert all(-1e-6 <= axis.share(place) <= 1 + 1e-6 for place, _ in ticks(axis, most))
    assert texts and len(set(texts)) == len(texts)


def test_ticks_fill_the_axis():
    assert [text for _, text in ticks(Scale(0, 10), 6)] == ["0", "2", "4", "6", "8", "10"]
    assert len(ticks(Scale(-0.37, 12.2), 6)) >= 3


def test_a_given_range_is_kept_and_an_impossible_one_is_not():
    assert scale([5.0], (0.0, 1.0)) == Scale(0.0, 1.0)
    assert scale([5.0, 50.0], (-1.0, 100.0), log=True).low > 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_place(value):
    assert math.isnan(Scale(0, 1).share(value))
    assert math.isnan(Scale(1, 10, True).share(-1.0))


def test_numbers_are_read_as_people_write_them():
    assert [number(v) for v in (0.1 + 0.2, 1 / 3, -12345.678, 1e7, 123456789, 0.99996)] == [
        *("0.3", "0.3333", "−12,350", "10⁷", "1.235×10⁸", "1")
    ]
    assert [number(v, 2) for v in (math.pi, 99.7, math.nan, -math.inf)] == ["3.1", "100", "not a number", "−∞"]
    assert [power(v) for v in (-1.0, 9.9999e9)] == ["−10⁰", "10¹⁰"]
