"""Lanes: operators, reductions and tiles against NumPy; the exponential of a distance against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from lossmith.emit import vectormath_lanes as lanes
from lossmith.emit import vectormath_tiles as tiles
from lossmith.emit.vectormath import exp_f64, maximum, select

Array = NDArray[Any]
RNG = np.random.default_rng(3)
as_f32, as_f64, as_i32 = lanes.as_f32, lanes.as_f64, lanes.as_i32
lanes_at, put_lanes, picked = lanes.lanes_at, lanes.put_lanes, lanes.picked


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def arithmetic(x: Array, y: Array, out: Array, whole: Array) -> int:
    a, b = lanes_at(x, 0, 8), lanes_at(y, 0, 8)
    put_lanes(out[0], 0, a + b * 2.0 - 1.0 / a)
    put_lanes(out[1], 0, select((a < b) & (a != 0.5) | (b >= 3.0), -a, 7.0))
    put_lanes(out[2], 0, maximum(a, b))
    put_lanes(out[3], 0, exp_f64(a))
    number = lanes.numbered(8) + 3
    put_lanes(whole[0], 0, (number << 2) >> 1)
    put_lanes(whole[1], 0, select(lanes.opposite(number == 5), number, as_i32(0, 8)))
    return int(lanes.how_many(a < b, 5))


def test_operators_take_all_lanes_at_once() -> None:
    x, y = RNG.normal(size=8), RNG.normal(size=8)
    x[3] = np.nan
    out, whole = np.empty((4, 8)), np.empty((2, 8), np.int32)
    found = arithmetic(x, y, out, whole)
    np.testing.assert_array_equal(out[0], x + y * 2.0 - 1.0 / x)
    np.testing.assert_array_equal(out[1], np.where(((x < y) & (x != 0.5)) | (y >= 3.0), -x, 7.0))
    np.testing.assert_array_equal(out[2], np.maximum(x, y))
    np.testing.assert_allclose(out[3], np.exp(x), rtol=2.0**-52)
    number = np.arange(8) + 3
    np.testing.assert_array_equal(whole, [(number << 2) >> 1, np.where(number != 5, number, 0)])
    assert found == int((x[:5] < y[:5]).sum())


@njit  # type: ignore[untyped-decorator]
def reduced(x: Array) -> tuple[float, float, int]:
    a = lanes_at(x, 0, 16)
    return lanes.sum_of(as_f64(a, 16)), lanes.largest_of(a), lanes.first_of(lanes.numbered(16), a)


def test_reductions_fold_lanes() -> None:
    x = RNG.normal(size=16).astype(np.float32)
    x[[5, 9]] = 4.0
    total, top, place = reduced(x)
    assert total == pytest.approx(float(x.astype(np.float64).sum()), rel=1e-15)
    assert (top, place) == (4.0, 5)
    x[11] = np.nan
    assert np.isnan(reduced(x)[1])


@njit  # type: ignore[untyped-decorator]
def through_a_tile(rows: Array, i: int, count: int, tile: Array, out: Array) -> None:
    tiles.tile_in(rows, i, count, tile)
    tiles.tile_out(tile, out, i, count)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 3, 4, 5, 8, 11])
def test_a_tile_holds_its_rows_turned(k: int, dtype: type) -> None:
    rows = RNG.normal(size=(40, k)).astype(dtype)
    for height in (8, 16):
        for i, count in ((0, height), (7, height), (20, 3)):
            tile, out = np.empty((k, height), dtype), np.zeros_like(rows)
            through_a_tile(rows, i, count, tile, out)
            np.testing.assert_array_equal(tile[:, :count], rows[i : i + count].T)
            np.testing.assert_array_equal(out[i : i + count], rows[i : i + count])
            assert not out[:i].any() and not out[i + count :].any()
            assert (tile[:, count:] == rows[i][:, None]).all()


@njit  # type: ignore[untyped-decorator]
def through_the_tail(rows: Array, tail: Array, last: Array, out: Array) -> None:
    whole = rows.shape[1] // 8 * 8
    for i in range(rows.shape[0]):
        tiles.tail_in(rows, i, whole, tail)
        for k in range(0, rows.shape[1], 8):
            at = i * rows.shape[1] + k
            lanes.put_lanes_or(out, at, k < whole, last, -lanes.lanes_or(rows, at, k < whole, tail, 8))
        tiles.tail_out(last, out, i, whole)


@pytest.mark.parametrize("k", [1, 7, 8, 9, 19])
def test_the_last_classes_of_a_row_go_through_a_vector_of_their_own(k: int) -> None:
    rows = RNG.normal(size=(5, k))
    out = np.zeros((7, k))
    through_the_tail(rows, np.full(8, np.nan), np.empty(8), out)
    np.testing.assert_array_equal(out[:5], -rows)
    assert not out[5:].any()


@njit  # type: ignore[untyped-decorator]
def look_up(tile: Array, place: Array, out: Array) -> None:
    put_lanes(out, 0, picked(tile, as_i32(lanes_at(place, 0, 8), 8)))


def test_each_row_looks_up_its_own_class() -> None:
    tile, place, out = RNG.normal(size=(5, 8)), RNG.integers(0, 5, size=8), np.empty(8)
    look_up(tile, place, out)
    np.testing.assert_array_equal(out, tile[place, np.arange(8)])


@njit  # type: ignore[untyped-decorator]
def falls(x: Array, top: Array, out: Array) -> None:
    for i in range(0, x.shape[0], 8):
        r, step = tiles.fall_parts(lanes_at(x, i, 8), lanes_at(top, i, 8))
        put_lanes(out, i, tiles.fall_of(r, step))


def test_the_exponential_of_a_distance_keeps_one_digit() -> None:
    """1 ulp of the exact number: half for the last rounding, and the small terms; subnormals to half of their step."""
    top = (RNG.normal(size=8000) * RNG.choice([0.1, 10.0, 1e4], size=8000)).astype(np.float32)
    x = (top - RNG.uniform(0.0, 110.0, size=8000) ** RNG.choice([-2.0, 0.5, 1.0], size=8000)).astype(np.float32)
    x = np.minimum(x, top)
    x[:6], top[:6] = [-np.inf, 3.0, np.nan, -1e38, 0.0, -np.inf], [2.0, 3.0, 1.0, 3e38, np.nan, 3e38]
    out = np.empty_like(x)
    falls(x, top, out)
    np.testing.assert_array_equal(out[:6], [0.0, 1.0, np.nan, 0.0, np.nan, 0.0])
    exact = np.exp(x[6:].astype(np.float64) - top[6:])
    assert np.max(np.abs(out[6:] - exact) / np.spacing(exact.astype(np.float32))) <= 1.0


@njit  # type: ignore[untyped-decorator]
def added(terms: Array) -> tuple[float, float]:
    total, rest = np.float32(0.0), np.float32(0.0)
    for term in terms:
        total, rest = tiles.grown(total, rest, term)
    return total, rest


@pytest.mark.parametrize("order", [1, -1])
def test_a_sum_of_one_sign_loses_no_digit(order: int) -> None:
    """Falling terms lose what rounding takes from the rest, growing ones at most a last digit of the sum, 2**-23."""
    terms = np.sort(np.exp(RNG.uniform(-60.0, 0.0, size=5000)).astype(np.float32))[::order]
    exact = float(terms.astype(np.float64).sum())
    assert sum(added(terms)) == pytest.approx(exact, rel=2.0**-30 if order == -1 else 2.0**-23)
    assert not np.isclose(float(np.add.accumulate(terms)[-1]), exact, rtol=2.0**-24, atol=0.0)
