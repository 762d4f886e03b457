"""Intervals: which numbers they hold, and what they say of themselves."""

import math

import numpy as np
import pytest

from lossmith.numerics.interval import DOMAINS, NAMED, SOFT_KINDS, Interval, parse_interval

KINDS = {
    "real": ([-1e300, 0.0, 0.5], [math.inf, -math.inf, math.nan]),
    "positive": ([5e-324, 1.0], [0.0, -0.0, -1.0, math.inf, math.nan]),
    "nonnegative": ([0.0, -0.0, 2.5], [-5e-324, math.inf, math.nan]),
    "count": ([0.0, 7.0, 1e6], [0.5, -1.0, math.inf, math.nan]),
    "fraction": ([0.0, 0.3, 1.0], [-5e-324, 1 + 2**-52, math.nan]),
    "binary": ([0.0, 1.0], [0.3, 2.0, -1.0, math.nan]),
    "class": ([0.0, 3.0], [-1.0, 1.5, math.nan]),
    "simplex": ([0.0, 0.3, 1.0], [-0.1, 1.1, math.nan]),
    "ordinal": ([0.0, 4.0], [-1.0, 0.5, math.nan]),
}


def test_every_target_kind_has_a_domain_and_an_example_here():
    assert set(KINDS) == set(DOMAINS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_domain_holds_its_targets_and_no_others(kind):
    inside, outside = KINDS[kind]
    assert DOMAINS[kind].contains(inside).all()
    assert not DOMAINS[kind].contains(outside).any()


@pytest.mark.parametrize("hard, soft", SOFT_KINDS.items())
def test_a_soft_kind_holds_everything_that_its_hard_kind_holds_up_to_one(hard, soft):
    zero_or_one = np.array([0.0, 1.0])
    assert DOMAINS[hard].contains(zero_or_one).all() and DOMAINS[soft].contains(zero_or_one).all()


def test_contains_keeps_the_shape_and_takes_integers_and_booleans():
    assert DOMAINS["count"].contains(np.ones((2, 3), dtype=int)).shape == (2, 3)
    assert DOMAINS["binary"].contains(np.array([True, False])).all()
    assert DOMAINS["binary"].contains(1).shape == ()


@pytest.mark.parametrize("low, high", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.nan)])
def test_ends_in_the_wrong_order_are_refused(low, high):
    with pytest.raises(ValueError, match="from low to high"):
        Interval(low, high)


@pytest.mark.parametrize(
    "interval, words",
    [
        (Interval(), "a number that is finite"),
        (Interval(0.0), "a number greater than 0"),
        (Interval(0.0, low_open=False), "a number at least 0"),
        (Interval(high=1e-30), "a number less than 1e-30"),
        (Interval(0, 1), "a number strictly between 0 and 1"),
        (Interval(0, 1, high_open=False), "a number greater than 0 and at most 1"),
        (Interval(0, 5, False, False, integer=True), "a whole number from 0 to 5"),
        (DOMAINS["binary"], "0 or 1"),
        (DOMAINS["count"], "a whole number at least 0"),
    ],
)
def test_an_interval_describes_itself(interval, words):
    assert interval.describe() == words


@pytest.mark.parametrize(
    "text, interval",
    [
        ("(0, 1]", Interval(0, 1, high_open=False)),
        (" [ -2.5,1e3 ) ", Interval(-2.5, 1e3, low_open=False)),
        ("(-inf, inf)", Interval()),
        *NAMED.items(),
    ],
)
def test_an_interval_is_read_from_text(text, interval):
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "0, 1", "(1, 0)", "(0, nan)", "(0, 1, 2)", "simplex", "(a, b)", "(0 1)"])
def test_text_that_is_no_interval_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no interval; write its ends"):
        parse_interval(text)
