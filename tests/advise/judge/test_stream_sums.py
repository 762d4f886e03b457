"""Sums by block: exact, blind to the order of the rows, and with infinite values where they belong."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lossmith.advise.judge.stream import sums_by_block

Floats = NDArray[np.float64]


def exact_sums(values: Floats, blocks: NDArray[np.int64], count: int) -> list[Fraction]:
    found = [Fraction(0)] * count
    for value, block in zip(values.tolist(), blocks.tolist(), strict=True):
        found[block] += Fraction(value)
    return found


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(FLOATS, min_size=1, max_size=40), seed=st.integers(0, 99))
def test_sums_by_block_lose_less_than_two_to_the_minus_98_of_the_largest(values: list[float], seed: int) -> None:
    array, blocks = np.array(values) / 64, np.random.default_rng(seed).integers(0, 3, len(values))
    found = sums_by_block(array, blocks, 3)
    largest = Fraction(float(np.abs(array).max()))
    for hi, lo, exact in zip(found.hi.tolist(), found.lo.tolist(), exact_sums(array, blocks, 3), strict=True):
        # what lies below the last slice, for each value; additions of double words: 3 · 2**-106 of a sum, four times;
        # and half of the smallest number for each word
        bound = len(values) * largest / 2**98 + 12 * len(values) * largest / 2**106 + Fraction(5e-324)
        assert abs(Fraction(hi) + Fraction(lo) - exact) <= bound


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.integers(0, 40))
def test_sums_by_block_are_exact_and_blind_to_order(seed: int, spread: int) -> None:
    """Values whose sizes differ by less than 2**45: hi is the exact sum correctly rounded, in any order."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=500) * 2.0 ** rng.integers(0, spread + 1, 500)
    values = np.where(np.abs(values) < np.abs(values).max() / 2**44, 0.0, values)
    blocks, order = rng.integers(0, 5, 500), rng.permutation(500)
    found, shuffled = sums_by_block(values, blocks, 5), sums_by_block(values[order], blocks[order], 5)
    assert [*map(float.hex, found.hi), *map(float.hex, found.lo)] == [
        *map(float.hex, shuffled.hi),
        *map(float.hex, shuffled.lo),
    ]
    assert found.hi.tolist() == [float(total) for total in exact_sums(values, blocks, 5)]


def test_a_full_batch_of_equal_values_adds_up_exactly() -> None:
    values = np.full(1 << 20, np.nextafter(1.0, 0.0))
    found = sums_by_block(values, np.zeros(1 << 20, dtype=np.int64), 1)
    assert Fraction(found.hi.item()) + Fraction(found.lo.item()) == (1 << 20) * Fraction(values[0])


def test_infinite_and_missing_values_stay_in_their_block() -> None:
    found = sums_by_block(np.array([np.inf, 1.0, np.nan, 2.0, 3.0]), np.array([0, 0, 1, 2, 2]), 4)
    assert found.hi.tolist()[0] == np.inf
    assert np.isnan(found.hi[1])
    assert found.hi.tolist()[2:] == [5.0, 0.0]
