"""Rules fitted on the stop rows: taken where they clearly pay, left where they are luck; and intervals of means."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.advise.judge.decide import choose_rule, fit_rule
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.algebra.decision import AsIs, CheapestClass, CostMatrix, ErrorCosts, Shift, Threshold, UnderOver, zero_one

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=5_000)
ROWS = np.arange(5_000)


def test_a_shift_pays_on_the_mean_and_not_on_the_quantile() -> None:
    costs, mean = UnderOver(5, 1), np.zeros(5_000)
    shifted = choose_rule(costs, NOISE, mean, ROWS).rule
    assert isinstance(shifted, Shift)
    quantile = np.full(5_000, shifted.amount + 0.01)
    assert choose_rule(costs, NOISE, quantile, ROWS).rule == AsIs()


def test_a_shift_that_saves_next_to_nothing_is_none() -> None:
    costs = UnderOver(3, 1)
    y = np.where(np.arange(5_000) % 10 < 8, 0.0, 4.0)  # mostly zeros: every residual of the quantile is -1e-9
    assert choose_rule(costs, y, np.full(5_000, 1e-9), ROWS).rule == AsIs()


def test_true_probabilities_keep_the_implied_threshold() -> None:
    p = RNG.uniform(size=5_000)
    y = (RNG.uniform(size=5_000) < p).astype(float)
    assert choose_rule(ErrorCosts(20, 1), y, p, ROWS).rule == Threshold(1 / 21)


def test_wrong_probabilities_get_their_own_threshold() -> None:
    p = RNG.uniform(size=5_000)
    y = (RNG.uniform(size=5_000) < p).astype(float)
    found = choose_rule(ErrorCosts(1, 1), y, p**3, ROWS).rule
    assert isinstance(found, Threshold)
    assert found.level == pytest.approx(0.125, abs=0.1)  # (1/2)**3; flat minimum


def test_classes_take_the_cheapest_class() -> None:
    costs = CostMatrix(zero_one(3))
    assert fit_rule(costs, np.zeros(2), np.full((2, 3), 1 / 3)) == CheapestClass(zero_one(3))


def test_the_error_of_a_mean_of_rows_is_the_textbook_one() -> None:
    mean, error, freedom = mean_and_error(NOISE, ROWS)
    assert mean == pytest.approx(NOISE.mean(), rel=1e-12)
    assert error == pytest.approx(NOISE.std(ddof=1) / np.sqrt(5_000), rel=1e-9)
    assert freedom == 4_999


def test_rows_that_repeat_within_a_block_count_once() -> None:
    blocks = np.repeat(np.arange(500), 10)
    repeated = np.repeat(NOISE[:500], 10)
    assert mean_and_error(repeated, blocks)[1] == pytest.approx(mean_and_error(NOISE[:500], ROWS[:500])[1], rel=1e-9)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    hits = 0
    for _ in range(400):
        values = np.repeat(RNG.normal(size=20), 5) + RNG.normal(size=100)
        mean, error, freedom = mean_and_error(values, np.repeat(np.arange(20), 5))
        hits += abs(mean) <= margin(error, freedom)
    assert 400 * 0.95 - 4 * np.sqrt(400 * 0.95 * 0.05) <= hits  # four standard errors of a binomial count
    assert hits < 400


def test_more_comparisons_need_wider_intervals() -> None:
    assert margin(1.0, 50, 1) < margin(1.0, 50, 6)
    assert np.isnan(margin(1.0, 0))
