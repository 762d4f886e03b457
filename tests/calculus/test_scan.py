"""The least over constants that are tried: numbers where there is one, and true reasons where there is none."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from lossmith.calculus.places import places_behind_a_link, places_between, places_within
from lossmith.calculus.scan import (
    Least,
    NoBestConstantError,
    least,
)

Curve = Callable[[float], float]
PLACES = places_between(0.0, 8.0)
LINKED = places_behind_a_link()


def found(value: Curve, slope: Curve | None = None, places: tuple[float, ...] = PLACES, ends: bool = False) -> Least:
    with np.errstate(all="ignore"):
        return least(
            lambda cs: [float(value(np.float64(c))) for c in cs],
            lambda c: float(slope(np.float64(c))) if slope else 0.0,
            places,
            ends=ends,
        )


def sigmoid(c: float) -> float:
    return float(1 / (1 + np.exp(-c)))


@pytest.mark.parametrize(("value", "slope", "at"), [
    (lambda c: (c - 0.3) ** 2, lambda c: 2 * (c - 0.3), 0.3),
    (lambda c: (c - 0.3) ** 4, lambda c: 4 * (c - 0.3) ** 3, 0.3),
    (lambda c: abs(c - 1.1) ** 0.5, lambda c: 0.5 * np.sign(c - 1.1) * abs(c - 1.1) ** -0.5, 1.1),
    (lambda c: max(abs(c - 3.0) - 0.4, 0.0), lambda c: np.sign(c - 3.0) * (abs(c - 3.0) > 0.4), 3.0),
    (lambda c: 5.0 - (abs(c - 2.1) < 0.4), None, 2.1),  # nothing but jumps
    (lambda c: np.sin(c - 0.7) ** 2, lambda c: np.sin(2 * (c - 0.7)), 0.7),  # many as good: the nearest to 0
    (lambda c: np.sqrt(1.5 - c), lambda c: -0.5 / np.sqrt(1.5 - c), 1.5),  # the end of the numbers
    (lambda c: max(1 - c, 0.0) ** 2 + 7, lambda c: -2 * max(1 - c, 0.0), 1.0),  # flat from an edge on
    (lambda c: 1.0 * (c < 2.6), None, 2.6),
])  # fmt: skip
def test_where_it_is_least(value: Curve, slope: Curve | None, at: float) -> None:
    one = found(value, slope)
    assert not one.why and one.at == pytest.approx(at, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("value", "slope", "words"), [
    (lambda c: 3.0 + 0 * c, None, "every constant costs the same on this sample"),
    (lambda c: math.nan * c, None, "the loss has no finite value on this sample"),
    (lambda c: -c, lambda c: -1.0, "the loss falls without end as the raw prediction goes to infinity"),
    (lambda c: -np.log1p(c * c), lambda c: -2 * c / (1 + c * c), "the loss falls without end as the raw prediction goes to"),
    (lambda c: 2 + 1 / (1 + np.exp(c)), lambda c: -sigmoid(c) * sigmoid(-c),
     "the loss sinks towards 2 as the raw prediction goes to infinity"),
    (lambda c: 1 / (1 + c * c), lambda c: -2 * c / (1 + c * c) ** 2, "the loss sinks towards 0 as the raw prediction goes to"),
    (lambda c: np.log(3.3 - c), lambda c: -1 / (3.3 - c),
     "the loss falls without end as the raw prediction goes to 3.3 from below"),
    (lambda c: -1 / abs(c - 3.3), lambda c: np.sign(c - 3.3) / (c - 3.3) ** 2,
     "the loss falls without end as the raw prediction goes to 3.3"),
    (lambda c: np.log(abs(c)), lambda c: 1 / c, "the loss falls without end as the raw prediction goes to 0"),
])  # fmt: skip
def test_why_there_is_none(value: Curve, slope: Curve | None, words: str) -> None:
    one = found(value, slope)
    assert math.isnan(one.at) and one.words().startswith(words)


def test_a_slope_that_fades_bit_by_bit_ends_at_no_edge() -> None:
    """Log loss and a share of it are flat in float64 from about 37 on, and not least there."""
    for factor in (1.0, 1e-3, 1e3):
        one = found(lambda c: 1 + factor * np.logaddexp(0, -c), lambda c: -factor * sigmoid(-c), LINKED)  # noqa: B023
        assert (one.why, one.place, one.limit) == ("limit", math.inf, 1.0)


def test_far_out_where_numbers_end_nothing_is_claimed() -> None:
    """A line that has no number beyond 300 because of overflow falls without end all the same."""
    one = found(lambda c: c if c > -300 else math.nan, lambda c: 1.0 if c > -300 else math.nan, LINKED)
    assert (one.why, one.place) == ("endless", -math.inf)


def test_bounds_are_places_too() -> None:
    one = found(lambda c: -np.log(c), lambda c: -1 / c, places_within(0.0, 1.0), ends=True)
    assert one.at == 1.0 and places_within(0.0, 1.0)[0] == 0.0


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e250])
def test_no_scale_is_assumed(scale: float) -> None:
    one = found(lambda c: abs(c - 0.3 * scale), lambda c: np.sign(c - 0.3 * scale), places_between(0.0, scale))
    assert one.at == pytest.approx(0.3 * scale, rel=1e-12, abs=0.0)


def test_the_error_keeps_its_reason() -> None:
    error = NoBestConstantError(
        "LM262", "there is none.", Least(math.nan, "limit", math.inf, limit=0.375, head="scale")
    )
    again = pickle.loads(pickle.dumps(error))
    assert again.least.words() == "the loss sinks towards 0.375 as the raw prediction of scale goes to infinity"
