"""Points: reproducible, inside their interval, and at the places where floating point fails."""

import math

import numpy as np
import pytest

from lossmith.numerics import points
from lossmith.numerics.formats import FLOAT32, FORMATS
from lossmith.numerics.interval import DOMAINS, REAL, Interval

both = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
ROWS = {"simplex"}


@both
def test_raw_points_hold_the_grid_the_limits_and_the_kinks(fmt):
    z = set(points.raw_points(fmt, kinks=[2.5]).tolist())
    for size in (*points.MAGNITUDES, fmt.largest, fmt.smallest_normal, fmt.smallest_subnormal, 2.5):
        assert {float(fmt.dtype.type(size)), float(fmt.dtype.type(-size))} <= z or size == 2.5
    assert {2.5, float(np.nextafter(fmt.dtype.type(2.5), fmt.dtype.type(0)))} <= z


@both
def test_the_same_seed_gives_the_same_points_and_another_seed_others(fmt):
    first, again, other = (points.raw_points(fmt, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.dtype == fmt.dtype and (np.diff(first) > 0).all()


@both
@pytest.mark.parametrize(
    "interval",
    [REAL, Interval(0.0), Interval(0.0, 1.0), Interval(0, 1, False, False), Interval(-2.0, 3.0), DOMAINS["count"]],
)
def test_no_point_leaves_its_interval(fmt, interval):
    for drawn in (points.raw_points(fmt, interval), points.by_exponent(interval, fmt), points.edges(interval, fmt)):
        assert interval.contains(drawn.astype(np.float64)).all()
    assert points.raw_points(fmt, interval).size > 30


@both
def test_points_by_exponent_reach_all_sizes_of_both_signs(fmt):
    z = points.by_exponent(REAL, fmt, count=2000).astype(np.float64)
    quarters = np.histogram(np.log2(np.abs(z[z != 0])), bins=4, range=(fmt.emin, fmt.emax))[0]
    assert (quarters > 300).all() and 800 < (z < 0).sum() < 1200


@both
def test_closed_ends_are_points_and_open_ends_are_not(fmt):
    closed, opened = (points.edges(Interval(0.0, 1.0, not shut, not shut), fmt) for shut in (True, False))
    assert {0.0, 1.0} <= set(closed.tolist())
    assert opened.min() == fmt.smallest_subnormal and opened.max() == 1 - fmt.epsilon / 2


def test_near_the_largest_float_nothing_is_infinite():
    assert np.isfinite(points.near(FLOAT32.largest, FLOAT32)).all()


@both
def test_rows_hold_ties_and_one_far_entry_and_are_finite(fmt):
    rows = points.raw_rows(fmt, 3)
    gap = rows.astype(np.longdouble).max(axis=1) - rows.astype(np.longdouble).min(axis=1)
    assert np.isfinite(rows).all() and rows.dtype == fmt.dtype
    assert (gap == 0).any() and (gap > 1e29).any()


@both
@pytest.mark.parametrize("kind", DOMAINS)
def test_targets_lie_in_the_domain_of_their_kind(fmt, kind):
    y = points.target_points(kind, fmt, classes=3)
    assert DOMAINS[kind].contains(y).all() and y.shape[1:] == ((3,) if kind in ROWS else ())
    assert len(y) >= 2


@both
def test_the_rows_of_a_simplex_add_up_to_one(fmt):
    y = points.target_points("simplex", fmt, classes=5)
    # five numbers of at most 1, each rounded once from float64
    assert np.abs(y.astype(np.float64).sum(axis=1) - 1).max() <= 5 * fmt.epsilon


def test_every_kind_of_target_has_its_points():
    assert set(points.TARGETS) == set(DOMAINS)


def test_counts_hold_the_edges_of_the_factorial():
    y = points.target_points("count", FLOAT32).tolist()
    assert {0.0, 1.0, 170.0, 171.0} <= set(y) and all(math.floor(v) == v for v in y)
