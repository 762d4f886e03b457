"""Intervals of means over folds: they hold as often as they say, whatever kind of luck is in the costs."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.judge.tally import JOINT_LEVEL, Estimate, Tallies, Tally, tally, widest

FOLDS, ROWS = 5, 40  # folds, and compared rows of each
REUSE = 20 / 55
WAYS = 8  # as many as a study compares; how far folds differ is learned from all of them


def tallies(costs: np.ndarray, reuse: float = REUSE, **more: object) -> Tallies:  # type: ignore[type-arg]
    """Tallies of costs (folds, rows, ways), every row a block of its own."""
    rows = np.arange(costs.shape[0] * costs.shape[1]).reshape(costs.shape[:2])
    folds = tuple(tally(each, None, blocks) for each, blocks in zip(costs, rows, strict=True))
    return Tallies(folds, reuse, **more)  # type: ignore[arg-type]


def least_hits(trials: int, level: float = 0.95) -> float:
    """What a count of hits at this level falls below by chance about once in 30,000: four standard errors."""
    return float(trials * level - 4 * np.sqrt(trials * level * (1 - level)))


# Sums ---------------------------------------------------------------------------------------------------------------


def test_sums_are_by_block_and_weighted() -> None:
    found = tally(np.array([[1.0, 0.0], [2.0, 1.0], [4.0, 5.0]]), np.array([1.0, 2.0, 0.5]), np.array([7, 7, 9]))
    assert found.blocks.tolist() == [7, 9]
    assert found.sums.tolist() == [[5.0, 2.0], [2.0, 2.5]]
    assert found.weights.tolist() == [3.0, 0.5]


def test_a_whole_weight_is_that_many_equal_rows() -> None:
    rng = np.random.default_rng(0)
    costs, blocks, times = rng.gamma(2, size=(30, 2)), np.arange(30), rng.integers(1, 4, 30)
    weighted = tally(costs, times.astype(np.float64), blocks)
    repeated = tally(np.repeat(costs, times, axis=0), None, np.repeat(blocks, times))
    # sums of up to 3 equal numbers against one product: each a rounding or two
    np.testing.assert_allclose(weighted.sums, repeated.sums, rtol=8 * np.finfo(float).eps)
    np.testing.assert_array_equal(weighted.weights, repeated.weights)


def test_a_weight_of_zero_is_the_row_being_absent() -> None:
    rng = np.random.default_rng(1)
    costs = rng.gamma(2, size=(40, 2))
    weight = np.where(np.arange(40) % 4 == 0, 0.0, 1.0)
    kept = weight > 0
    blocks = np.arange(40)
    with_zero = Tallies((tally(costs, weight, blocks),), REUSE)
    without = Tallies((tally(costs[kept], None, blocks[kept]),), REUSE)
    assert with_zero.estimate(0).mean == pytest.approx(without.estimate(0).mean, rel=1e-14)
    assert with_zero.estimate(0).error == pytest.approx(without.estimate(0).error, rel=1e-12)


# One fold: the textbook ---------------------------------------------------------------------------------------------


def test_one_fold_has_the_textbook_error() -> None:
    values = np.random.default_rng(2).normal(size=(1, 500, 1))
    found = tallies(values).estimate(0)
    mean, error, freedom = mean_and_error(values.ravel(), np.arange(500))
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.error == pytest.approx(error, rel=1e-12)
    assert found.freedom == pytest.approx(freedom)
    assert found.margin() == pytest.approx(margin(error, freedom), rel=1e-9)


def test_a_difference_is_that_of_the_two_means_and_is_paired() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(scale=10, size=(FOLDS, ROWS, 1))
    costs = common + rng.normal(scale=0.1, size=(FOLDS, ROWS, 2))
    found = tallies(costs)
    gap = found.estimate(0, 1)
    assert gap.mean == pytest.approx(found.estimate(0).mean - found.estimate(1).mean, abs=1e-12)
    assert gap.error < found.estimate(0).error / 20  # the rows' common luck (100 times as wide) falls out
    assert found.estimate(1, 0).mean == -gap.mean


def test_twins_differ_by_nothing() -> None:
    costs = np.repeat(np.random.default_rng(4).normal(size=(FOLDS, ROWS, 1)), 2, axis=2)
    gap = tallies(costs).estimate(0, 1)
    assert (gap.mean, gap.error, gap.margin()) == (0.0, 0.0, 0.0)


# Coverage -----------------------------------------------------------------------------------------------------------


def covered(rng: np.random.Generator, rows: float, training: float) -> bool:
    """Whether the interval holds the truth 0: rows and training each have their luck."""
    luck = training * rng.normal(size=(FOLDS, 1, WAYS))
    costs = luck + rows * rng.normal(size=(FOLDS, ROWS, WAYS))
    found = tallies(costs, reuse=0.0).estimate(0)
    return abs(found.mean) <= found.margin()


@pytest.mark.parametrize("training", [0.0, 0.2, 1.0])
def test_intervals_cover_as_often_as_they_say(training: float) -> None:
    """Independent trainings (reuse 0): then the truth is known exactly."""
    rng = np.random.default_rng(5)
    hits = sum(covered(rng, 1.0, training) for _ in range(300))
    assert hits >= least_hits(300)


def test_training_that_folds_share_is_in_the_interval() -> None:
    """Folds learn from overlapping rows, so their luck is shared: correlation rho, which reuse stands for."""
    rng = np.random.default_rng(6)
    rho = REUSE / (1 + REUSE)  # what 1 / folds + reuse stands for (Nadeau and Bengio 2003, section 2)
    hits = 0
    for _ in range(400):
        shared, own = rng.normal(size=WAYS), rng.normal(size=(FOLDS, 1, WAYS))
        luck = 0.5 * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own)
        found = tallies(luck + rng.normal(size=(FOLDS, ROWS, WAYS))).estimate(0)
        hits += abs(found.mean) <= found.margin()
    assert hits >= least_hits(400)


def test_training_luck_widens_the_interval() -> None:
    rng = np.random.default_rng(7)
    calm = rng.normal(size=(FOLDS, ROWS, 2))
    wild = calm + rng.normal(size=(FOLDS, 1, 2))
    assert tallies(wild).estimate(0).error > 2 * tallies(calm).estimate(0).error


def test_folds_on_the_same_rows_cover_too() -> None:
    """A test file, and rows outside a sample, are compared by the models of every fold: rows repeat, training varies.

    There the rows explain no difference between folds, so that none of it may be taken off as theirs.
    """
    rng = np.random.default_rng(8)
    hits, folds, rows, rho = 0, 4, 100, REUSE / (1 + REUSE)
    for _ in range(600):
        of_rows = rng.normal(size=(rows, WAYS))
        shared, own = rng.normal(size=WAYS), rng.normal(size=(folds, 1, WAYS))
        training = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own) / np.sqrt(rows)  # as large as the luck of the rows
        found = Tallies(tuple(tally(of_rows + luck, None, np.arange(rows)) for luck in training), REUSE).estimate(0)
        hits += abs(found.mean) <= found.margin()
    assert hits >= least_hits(600)


def test_rows_of_one_block_that_repeat_each_other_count_once() -> None:
    rng = np.random.default_rng(9)
    single = rng.normal(size=(FOLDS, ROWS, 1))
    tenfold = np.repeat(single, 10, axis=1)
    blocks = np.repeat(np.arange(FOLDS * ROWS).reshape(FOLDS, ROWS), 10, axis=1)
    folds = tuple(tally(each, None, place) for each, place in zip(tenfold, blocks, strict=True))
    assert Tallies(folds, REUSE).estimate(0).error == pytest.approx(tallies(single).estimate(0).error, rel=1e-9)


def test_blocks_cover_where_rows_alone_do_not() -> None:
    rng = np.random.default_rng(10)
    hits = {"blocks": 0, "rows": 0}
    for _ in range(300):
        values = np.repeat(rng.normal(size=20), 5) + 0.3 * rng.normal(size=100)
        for name, blocks in (("blocks", np.repeat(np.arange(20), 5)), ("rows", np.arange(100))):
            found = Tallies((tally(values[:, None], None, blocks),), REUSE).estimate(0)
            hits[name] += abs(found.mean) <= found.margin()
    assert hits["blocks"] >= least_hits(300)
    assert hits["rows"] < least_hits(300)


def test_repeats_of_the_folds_add_no_rows() -> None:
    """The same rows compared twice are no more rows: the interval must not shrink by 1 / sqrt(2)."""
    costs = np.random.default_rng(11).normal(size=(FOLDS, ROWS, 2))
    rows = np.arange(FOLDS * ROWS).reshape(FOLDS, ROWS)
    once = tuple(tally(each, None, blocks) for each, blocks in zip(costs, rows, strict=True))
    assert Tallies(once * 2, REUSE).estimate(0).error >= 0.95 * Tallies(once, REUSE).estimate(0).error


# Several ways -------------------------------------------------------------------------------------------------------


def test_the_average_over_the_ways_steadies_a_single_one() -> None:
    """One way whose five folds happen to lie close together is not believed alone (Smyth 2004)."""
    rng = np.random.default_rng(12)
    luck = rng.normal(size=(FOLDS, 1, 8))
    luck[:, :, 0] = 0.0
    costs = luck + 0.1 * rng.normal(size=(FOLDS, ROWS, 8))
    alone, among = tallies(costs[:, :, :1]), tallies(costs)
    assert among.estimate(0).error > 3 * alone.estimate(0).error


def test_folds_that_move_through_time_add_nothing_for_drift() -> None:
    rng = np.random.default_rng(13)
    costs = rng.normal(size=(FOLDS, ROWS, 2)) + 5 * rng.normal(size=(FOLDS, 1, 2))
    assert tallies(costs, moves=True).estimate(0).error < 0.5 * tallies(costs).estimate(0).error


def test_more_comparisons_and_a_higher_level_need_wider_intervals() -> None:
    found = Estimate(0.0, 1.0, 50.0)
    assert found.margin(1) < found.margin(6) < found.margin(6, JOINT_LEVEL)
    # Bonferroni: six intervals at 99 % together are one at 1 - 0.01 / 6
    assert found.margin(6, 0.99) == pytest.approx(found.margin(1, 1 - 0.01 / 6), rel=1e-9)


def test_joint_intervals_hold_together() -> None:
    rng = np.random.default_rng(14)
    ways, hits = 8, 0
    for _ in range(200):
        found = tallies(rng.normal(size=(FOLDS, ROWS, ways)))
        gaps = [found.estimate(way, 0) for way in range(1, ways)]
        hits += all(abs(gap.mean) <= gap.margin(ways - 1, 0.95) for gap in gaps)
    assert hits >= least_hits(200)


def test_of_several_ways_to_form_blocks_the_wider_interval_counts() -> None:
    rng = np.random.default_rng(15)
    values = np.repeat(rng.normal(size=20), 5)[:, None]
    by_row, by_day = (
        Tallies((tally(values, None, blocks),), REUSE) for blocks in (np.arange(100), np.repeat(np.arange(20), 5))
    )
    assert widest((by_row, by_day), 0) == widest((by_day, by_row), 0) == by_day.estimate(0)


# What has no interval -----------------------------------------------------------------------------------------------


def test_an_infinite_cost_is_infinite_and_has_no_margin() -> None:
    costs = np.ones((2, 3, 2))
    costs[0, 0, 0] = np.inf
    found = tallies(costs)
    assert found.estimate(0).mean == np.inf
    assert np.isnan(found.estimate(0).margin())
    assert found.estimate(0, 1).mean == np.inf
    assert np.isfinite(found.estimate(1).margin())


def test_a_single_block_has_no_margin() -> None:
    found = Tallies((Tally(np.array([0]), np.array([[3.0]]), np.array([2.0])),), REUSE).estimate(0)
    assert found.mean == 1.5
    assert np.isnan(found.margin())


def test_equal_costs_have_a_margin_of_zero() -> None:
    assert tallies(np.ones((2, 5, 1))).estimate(0).margin() == 0.0
