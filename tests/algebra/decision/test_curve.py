"""Curves of costs: what the points say, what is cheapest under them, and the one sentence where they are no curve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith.algebra.decision.curve import AT_CORNER, CostCurve
from lossmith.errors import ArgumentError

V = ((-10, 50), (0, 0), (5, 100))
DEAD_ZONE = ((-10, 40), (-2, 0), (3, 0), (5, 100))
CAPPED = ((-20, 50), (-10, 50), (0, 0), (10, 50), (20, 50))
MOVED = ((-3, 53), (3, 3), (5, 103))


@st.composite
def curves(draw: Any, convex: bool) -> CostCurve:
    """A curve with corners at whole numbers, falling at the left end and rising at the right one."""
    at = sorted(draw(st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True)))
    inner = draw(st.lists(st.integers(-8, 8), min_size=len(at) - 1, max_size=len(at) - 1))
    slopes = [-draw(st.integers(9, 12)), *(sorted(inner) if convex else inner), draw(st.integers(9, 12))]
    xs = [at[0] - 1, *at, at[-1] + 1]
    costs = np.concatenate([[0.0], np.cumsum([s * (b - a) for s, a, b in zip(slopes, xs, xs[1:], strict=False)])])
    return CostCurve(tuple(zip(xs, (costs - costs.min()).tolist(), strict=True)))


@given(curves(convex=False), st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_the_curve_goes_straight_through_its_points_and_its_end_slopes_go_on(curve: CostCurve, xs: list[float]) -> None:
    points = np.array(curve.points)
    # the costs are whole numbers below 1000, each reached by one multiplication and one addition
    np.testing.assert_allclose(curve.cost(points[:, 0]), points[:, 1], rtol=1e-14, atol=1e-12)
    low, high = points[0], points[-1]
    x = np.array(xs)
    between = np.interp(x, points[:, 0], points[:, 1])
    wanted = np.where(x < low[0], low[1] + curve.under * (low[0] - x), between)
    wanted = np.where(x > high[0], high[1] + curve.over * (x - high[0]), wanted)
    np.testing.assert_allclose(curve.cost(x), wanted, rtol=1e-13, atol=1e-10)


def test_points_on_a_straight_line_make_no_corner() -> None:
    curve = CostCurve(((-0.3, 0.9), (-0.2, 0.6), (-0.1, 0.3), (0, 0), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)))
    assert [corner.at for corner in curve.corners] == [0.0] and curve.is_convex
    assert math.isclose(curve.level, 0.75)


@pytest.mark.parametrize(("points", "convex", "level", "shifts"), [
    (V, True, 0.2, ((0.0, 1.0),)),
    (DEAD_ZONE, True, 5 / 55, ((-2.0, 5 / 55), (3.0, 50 / 55))),
    (MOVED, True, (50 / 6) / (50 / 6 + 50), ((3.0, 1.0),)),
    (CAPPED, False, 0.0, ((-10.0, -0.5), (0.0, 1.0), (10.0, -0.5))),
])  # fmt: skip
def test_what_is_estimated_follows_from_the_slopes(
    points: Any, convex: bool, level: float, shifts: tuple[tuple[float, float], ...]
) -> None:
    curve = CostCurve(points)
    assert curve.is_convex is convex
    np.testing.assert_allclose(curve.level, level, rtol=1e-15)
    np.testing.assert_allclose(curve.shifts, shifts, rtol=1e-15)
    assert not convex or math.isclose(sum(share for _, share in curve.shifts), 1.0)


@settings(max_examples=200, deadline=None)
@given(curves(convex=True), st.lists(st.integers(-20, 20), min_size=1, max_size=12))
def test_the_quantile_of_the_shifted_target_is_the_cheapest_prediction(curve: CostCurve, targets: list[int]) -> None:
    """Whole targets and corners: a prediction of least mean cost lies at a target plus a corner; every one is tried."""
    y = np.array(targets, dtype=np.float64)
    places = np.unique(y[:, None] + [at for at, _ in curve.shifts])
    mean = [curve.cost(z - y).mean() for z in places]
    shifted = np.concatenate([y + at for at, _ in curve.shifts])
    weight = np.concatenate([np.full(len(y), share) for _, share in curve.shifts])
    order = np.argsort(shifted)
    reached = np.cumsum(weight[order]) / weight.sum()
    quantile = shifted[order][np.searchsorted(reached, curve.level - 1e-12)]
    assert curve.cost(quantile - y).mean() <= min(mean) + 1e-9


def test_the_excess_of_rounding_is_that_of_the_bends() -> None:
    np.testing.assert_allclose(CostCurve(V).excess, (0.0, 25 * AT_CORNER))
    np.testing.assert_allclose(CostCurve(CAPPED).excess, (-10 * AT_CORNER, 10 * AT_CORNER))


@pytest.mark.parametrize(("points", "words"), [
    ([(0, 0)], "needs from 3 to 64 points"), ([], "found 0"), ([(-1, 1), (1, 1)], "found 2"),
    ([(i, abs(i)) for i in range(-40, 40)], "found 80"),
    ("abc", "pairs of numbers"), (5, "pairs of numbers"), ([(1, 2, 3)] * 3, "pairs of numbers"),
    ([(-1, 1), (0, "x"), (1, 1)], "pairs of numbers"),
    ([(-1, 1), (0, 0), (0, 1), (1, 2)], "have the same error 0"),
    ([(-1, 1), (1, 0), (0, 1)], "must rise, but 1 stands before 0"),
    ([(-1, 1), (0, float("nan")), (1, 1)], r"must be finite, found \(0, nan\)"),
    ([(-math.inf, 1), (0, 0), (1, 1)], "must be finite"),
    ([(-1, 1), (0, -2), (1, 1)], "must not be below 0, found -2 for an error of 0"),
    ([(-1, 0), (0, 0), (1, 0)], r"every error costs the same \(0\)"),
    ([(-1, 3), (0, 3), (1, 3)], r"every error costs the same \(3\)"),
    ([(0, 0), (1, 1), (2, 3)], "below an error of 0 the cost falls for ever"),
    ([(-2, 3), (-1, 1), (0, 0)], "above an error of 0 the cost falls for ever"),
    ([(-2, 0), (0, 0), (1, 5)], "below an error of -2 every error costs the least"),
    ([(-2, 5), (0, 1), (1, 1)], "above an error of 1 every error costs the least"),
    ([(-1, 1), (0, 0), (5e-324, 1e300), (1, 1e301)], "too steep"),
])  # fmt: skip
def test_points_that_are_no_curve_of_costs_are_refused_in_one_sentence(points: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"LM247 .*{words}"):
        CostCurve(points)
