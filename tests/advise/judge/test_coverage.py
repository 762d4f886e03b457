"""Coverage: kept promises are recognised, broken ones named with their direction, also where only some sizes break."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.advise.judge.coverage import coverage, coverages, crossings, interval_coverage
from lossmith.errors import ArgumentError

ROWS = 10_000
Z90 = 1.2815515655446004  # the 90 % quantile of the normal distribution


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Targets whose noise grows with their mean, and the mean."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1, 10, size=ROWS)
    return mean + mean * rng.normal(size=ROWS), mean


def test_a_right_quantile_keeps_its_promise_overall_and_by_size() -> None:
    kept = []
    for seed in range(40):
        y, mean = drawn(seed)
        kept.append(coverage(y, mean * (1 + Z90), 0.9))
    assert sum(found.is_kept for found in kept) >= 32  # 95 % intervals: fewer has a chance of 1e-4
    assert "the promise is kept." in kept[0].sentence
    assert [part.count for part in kept[0].by_size] == [ROWS // 10] * 10
    inside = [part.low <= 0.9 <= part.high for found in kept for part in found.by_size]
    assert 0.91 <= np.mean(inside) <= 0.99  # 400 intervals of 95 %, four standard errors


@pytest.mark.parametrize(("factor", "words"), [(0.6, "it is too low"), (1.6, "it is too high")])
def test_a_broken_promise_is_named(factor: float, words: str) -> None:
    y, mean = drawn()
    found = coverage(y, mean * (1 + factor * Z90), 0.9)
    assert not found.is_kept
    assert words in found.sentence
    assert "90 % were promised" in found.sentence


def test_a_quantile_that_is_right_on_average_alone_is_found_out() -> None:
    y, mean = drawn()
    flat = mean + np.quantile(y - mean, 0.9)
    found = coverage(y, flat, 0.9)
    assert found.is_kept
    assert found.by_size[0].low > 0.9 > found.by_size[-1].high
    assert "around predictions of" in found.sentence


def test_whole_numbers_promise_a_share_between_two() -> None:
    y = np.repeat([0.0, 1.0, 2.0], [6_000, 3_000, 1_000])
    found = coverage(y, np.ones(ROWS), 0.75)
    assert (found.strict, found.share) == (0.6, 0.9)
    assert found.is_kept  # 1 is the 75 % quantile: 60 % lie below it, 90 % at or below
    assert not coverage(y, np.zeros(ROWS), 0.75).is_kept


def test_a_range_holds_what_lies_between_its_levels() -> None:
    y, mean = drawn()
    pair = mean[:, None] * np.array([1 - Z90, 1 + Z90])
    right = interval_coverage(y, pair, (0.1, 0.9))
    assert right.promised == pytest.approx(0.8)
    assert right.is_kept
    narrow = interval_coverage(y, 0.5 * (pair - mean[:, None]) + mean[:, None], (0.1, 0.9))
    assert "too narrow" in narrow.sentence
    assert "inside the range" in narrow.sentence


def test_several_levels_and_the_range_between_the_outermost() -> None:
    y, mean = drawn()
    found = coverages(y, mean[:, None] * np.array([1 - Z90, 1.0, 1 + Z90]), (0.1, 0.5, 0.9))
    assert [part.levels for part in found] == [(0.1,), (0.5,), (0.9,), (0.1, 0.9)]
    assert all(part.low - 0.01 <= part.promised <= part.high + 0.01 for part in found)


def test_blocks_and_weights_count() -> None:
    y, mean = drawn()
    p = mean * (1 + Z90)
    once, blocks = coverage(y, p, 0.9), np.tile(np.arange(ROWS), 4)
    four = coverage(np.tile(y, 4), np.tile(p, 4), 0.9, blocks=blocks)
    assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.01)
    weight = (y <= p).astype(float)
    assert coverage(y, p, 0.9, weight).share == 1.0
    together = coverage(y, p, 0.9, blocks=np.arange(ROWS) // 2_000)  # five blocks know less than 10,000 rows
    assert together.high - together.low > 0.9 * (once.high - once.low)


def test_rows_that_cross_are_counted() -> None:
    assert crossings(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]])) == 2


def test_shapes_that_do_not_fit_are_refused() -> None:
    for call in (
        lambda: coverage([1.0], [1.0, 2.0], 0.5),
        lambda: interval_coverage([1.0], [1.0], (0.1, 0.9)),
        lambda: coverages([1.0], [[1.0, 2.0]], (0.1, 0.5, 0.9)),
    ):
        with pytest.raises(ArgumentError, match="LM246"):
            call()
