"""Rows that do one job each: disjoint, whole, in the order of time, stratified, repeatable."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.split import PLANS, QUICK_ROWS, SLICES, Fold, Layout, Split, blocks_of, split_rows
from lossmith.errors import DataError

N = 1_000
NUMBERS = np.random.default_rng(0).normal(size=N)
JOBS = ("fit", "stop", "tune", "compare")


def parts(fold: Fold) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [getattr(fold, job) for job in JOBS]


def assert_one_job_each(split: Split, rows: set[int]) -> None:
    for fold in split.folds:
        together = np.concatenate(parts(fold))
        assert len(together) == len(set(together.tolist()))
        assert set(together.tolist()) == rows
        assert all(np.all(np.diff(part) > 0) for part in parts(fold))


# At random ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [60, 500, 501, 1_000, 7_000])
def test_every_row_has_one_job_in_each_fold_and_is_compared_once_in_each_repeat(rows: int) -> None:
    split = split_rows(Layout(np.arange(float(rows))), seed=1)
    _, count, repeats, used = next(plan for plan in PLANS if rows <= plan[0])
    assert (len(split.folds), split.repeats) == (repeats * used, repeats)
    assert_one_job_each(split, set(range(rows)))
    for repeat in range(repeats):
        compared = np.concatenate([fold.compare for fold in split.folds[repeat * count : (repeat + 1) * count]])
        assert sorted(compared.tolist()) == list(range(rows))
    assert split.compared.tolist() == list(range(rows))


def test_the_shares_are_twentieths() -> None:
    for fold in split_rows(Layout(NUMBERS), seed=0).folds:
        assert [len(part) for part in parts(fold)] == [550, 100, 150, 200]
    assert split_rows(Layout(NUMBERS), seed=0).reuse == pytest.approx(200 / 550)


def test_few_rows_are_parted_more_often_and_many_rows_less() -> None:
    folds = [len(split_rows(Layout(np.arange(float(n))), seed=0).folds) for n in (300, 3_000, 30_000, 300_000)]
    assert folds == [20, 10, 5, 4]
    huge = split_rows(Layout(np.arange(500_001.0)), seed=0)
    assert len(huge.folds) == 2
    assert not set(huge.folds[0].compare.tolist()) & set(huge.folds[1].compare.tolist())


def test_repeats_deal_anew() -> None:
    split = split_rows(Layout(NUMBERS), seed=0)
    assert split.repeats == 2
    assert split.folds[0].compare.tolist() != split.folds[5].compare.tolist()


def test_the_seed_decides_the_rows() -> None:
    first, again, other = (split_rows(Layout(NUMBERS), seed=s).folds[0].fit.tolist() for s in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_is_none_is_refused(seed: int) -> None:
    with pytest.raises(DataError, match=r"LM533 .*whole number from 0"):
        split_rows(Layout(NUMBERS), seed=seed)


def test_the_order_of_the_table_says_nothing() -> None:
    fold = split_rows(Layout(NUMBERS), seed=3).folds[0]
    # the mean place of 200 of 1,000 rows: standard error 289 / sqrt(200) * sqrt(0.8) = 18.3; five of them
    assert all(abs(part.mean() - 499.5) < 92 for part in parts(fold)[3:])


def test_quick_takes_two_folds_of_one_repeat_and_a_sample_of_many_rows() -> None:
    split = split_rows(Layout(NUMBERS), seed=0, quick=True)
    assert (len(split.folds), split.repeats) == (2, 1)
    large = split_rows(Layout(np.arange(200_000.0)), seed=0, quick=True)
    for fold in large.folds:
        assert sum(map(len, parts(fold))) == QUICK_ROWS


# Classes ------------------------------------------------------------------------------------------------------------


def test_every_part_gets_its_share_of_a_rare_class() -> None:
    y = np.zeros(N)
    y[::50] = 1  # 20 rows: one for each slice
    split = split_rows(Layout(y, classes=2), seed=0)
    for fold in split.folds:
        assert [int(y[part].sum()) for part in parts(fold)] == [11, 2, 3, 4]


def test_classes_are_dealt_within_one_row_of_their_share() -> None:
    y = np.random.default_rng(4).choice(3, N, p=[0.6, 0.3, 0.1]).astype(np.float64)
    for fold in split_rows(Layout(y, classes=3), seed=0).folds:
        for value in range(3):
            share = np.count_nonzero(y == value) / SLICES
            for part, slices in zip(parts(fold), (11, 2, 3, 4), strict=True):
                assert abs(np.count_nonzero(y[part] == value) - slices * share) < slices  # less than a row a slice


def test_a_class_of_one_row_is_left_out_where_it_cannot_be_learned() -> None:
    y = np.zeros(100)
    y[:40], y[99] = 1, 2
    split = split_rows(Layout(y, classes=3), seed=0)
    for fold in split.folds:
        assert 99 in fold.fit or not any(99 in part for part in parts(fold))
    assert any(99 in fold.fit for fold in split.folds)
    assert any("1 rows have a class" in note for note in split.notes)


def test_classes_that_appear_only_later_are_left_out_and_said() -> None:
    y = np.concatenate([np.arange(700) % 2, np.full(300, 2.0)])
    split = split_rows(Layout(y, classes=3, time=pl.Series("t", np.arange(N))), seed=0)
    for fold in split.folds:
        assert 2.0 in y[fold.fit] or 2.0 not in y[np.concatenate(parts(fold))]
    assert split.notes


def test_nothing_to_learn_is_refused() -> None:
    y = np.concatenate([np.zeros(990), np.ones(10)])
    with pytest.raises(DataError, match=r"LM542 .*the earliest rows"):
        split_rows(Layout(y, classes=2, time=pl.Series("t", np.arange(N))), seed=0)
    with pytest.raises(DataError, match=r"LM542 .*the rows to learn from"):
        split_rows(Layout(np.zeros(N)), seed=0)


# Groups -------------------------------------------------------------------------------------------------------------


def groups(count: int) -> pl.Series:
    return pl.Series("g", [f"customer {number}" for number in np.random.default_rng(1).integers(0, count, N)])


@pytest.mark.parametrize("count", [3, 4, 7, 19, 20, 25, 300])
def test_whole_groups_are_compared_and_never_learned_from(count: int) -> None:
    column = groups(count)
    split = split_rows(Layout(NUMBERS, group=column), seed=0)
    assert_one_job_each(split, set(range(N)))
    names = column.to_numpy()
    per_repeat = len(split.folds) // split.repeats
    assert per_repeat == min(5, count)
    for fold in split.folds:
        learned = np.concatenate([fold.fit, fold.stop, fold.tune])
        assert not set(names[fold.compare]) & set(names[learned])
        assert all(len(part) for part in parts(fold))
    for repeat in range(split.repeats):
        compared = np.concatenate([f.compare for f in split.folds[repeat * per_repeat : (repeat + 1) * per_repeat]])
        assert sorted(compared.tolist()) == list(range(N))
    assert split.judged == f"{column.n_unique()} groups"


@pytest.mark.parametrize("count", [20, 300])
def test_with_enough_groups_each_has_one_job(count: int) -> None:
    names = groups(count).to_numpy()
    for fold in split_rows(Layout(NUMBERS, group=groups(count)), seed=0).folds:
        seen = [set(names[part]) for part in parts(fold)]
        assert sum(map(len, seen)) == len(set().union(*seen))


def test_large_groups_are_dealt_to_the_least_full_fold() -> None:
    sizes = [300, 200, 100, *[16] * 25]  # 1,000 rows; none larger than two folds
    names = np.repeat(np.arange(len(sizes)), sizes)
    split = split_rows(Layout(NUMBERS, group=pl.Series("g", names)), seed=0)
    assert sum(len(fold.compare) for fold in split.folds[:5]) == N
    assert min(len(fold.compare) for fold in split.folds) >= 64  # four slices of at least one group of 16


def test_two_groups_are_too_few() -> None:
    with pytest.raises(DataError, match=r"LM543 .*2 group"):
        split_rows(Layout(NUMBERS, group=pl.Series("g", ["a", "b"] * 500)), seed=0)


def test_rows_without_a_group_are_one_group() -> None:
    column = pl.Series("g", [None, "a", "b", "c"] * 250)
    for fold in split_rows(Layout(NUMBERS, group=column), seed=0).folds:
        inside = {column[int(row)] for row in fold.compare}
        outside = {column[int(row)] for row in np.concatenate([fold.fit, fold.stop, fold.tune])}
        assert not inside & outside


def test_rows_of_a_group_are_judged_together() -> None:
    column = groups(30)
    blocks = split_rows(Layout(NUMBERS, group=column), seed=0).blocks[0]
    assert len({(block, name) for block, name in zip(blocks.tolist(), column, strict=True)}) == column.n_unique()


# Time ---------------------------------------------------------------------------------------------------------------


def days(rows: int = N, count: int = 40) -> tuple[pl.Series, np.ndarray]:  # type: ignore[type-arg]
    number = np.random.default_rng(0).integers(0, count, rows)
    return pl.Series("day", [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in number]), number


def test_time_moves_forward_and_never_parts_a_day() -> None:
    time, number = days()
    split = split_rows(Layout(NUMBERS, time=time), seed=0)
    assert split.moves
    assert len(split.folds) == 3
    for fold in split.folds:
        assert all(number[earlier].max() < number[later].min() for earlier, later in pairwise(parts(fold)))
    for before, after in pairwise(split.folds):
        assert set(before.fit.tolist()) < set(after.fit.tolist())
        assert number[before.compare].max() < number[after.compare].min()
    first, last = split.folds[0], split.folds[-1]
    assert abs(len(first.fit) - 500) < 50  # half of the rows, to a day of 25 on average
    assert len(last.fit) + len(last.stop) + len(last.tune) + len(last.compare) == N
    assert "in the order of day" in split.how


def test_no_row_is_compared_twice_in_time() -> None:
    time, _ = days()
    compared = np.concatenate([fold.compare for fold in split_rows(Layout(NUMBERS, time=time), seed=0).folds])
    assert len(compared) == len(set(compared.tolist()))


@pytest.mark.parametrize(("values", "folds"), [(4, 1), (5, 2), (6, 3), (7, 3)])
def test_few_distinct_times_make_fewer_folds(values: int, folds: int) -> None:
    time = np.arange(N) * values // N
    split = split_rows(Layout(NUMBERS, time=pl.Series("t", time)), seed=0)
    assert len(split.folds) == folds
    for fold in split.folds:
        assert all(len(part) for part in parts(fold))
        assert all(time[earlier].max() < time[later].min() for earlier, later in pairwise(parts(fold)))


@pytest.mark.parametrize("values", [1, 2, 3])
def test_too_few_distinct_times_are_refused(values: int) -> None:
    with pytest.raises(DataError, match=rf'LM541 .*"t" holds {values} distinct'):
        split_rows(Layout(NUMBERS, time=pl.Series("t", np.arange(N) * values // N)), seed=0)


def test_one_heavy_day_still_leaves_four_parts() -> None:
    time = pl.Series("t", [1] * 970 + [2] * 10 + [3] * 10 + [4] * 10)
    (fold,) = split_rows(Layout(NUMBERS, time=time), seed=0).folds
    assert [len(part) for part in parts(fold)] == [970, 10, 10, 10]


def test_quick_looks_at_one_window() -> None:
    time, _ = days()
    assert len(split_rows(Layout(NUMBERS, time=time), seed=0, quick=True).folds) == 1


def test_quick_thins_and_keeps_the_order() -> None:
    y = np.arange(200_000.0)
    (fold,) = split_rows(Layout(y, time=pl.Series("t", y)), seed=0, quick=True).folds
    assert sum(map(len, parts(fold))) == QUICK_ROWS
    assert all(y[earlier].max() < y[later].min() for earlier, later in pairwise(parts(fold)))


def test_blocks_of_time_are_runs_inside_each_window_and_cover_them() -> None:
    time, number = days(count=200)
    split = split_rows(Layout(NUMBERS, time=time), seed=0)
    (blocks,) = split.blocks
    assert (blocks[split.folds[0].fit] == 0).all()
    windows = [part for fold in split.folds for part in parts(fold)[1:]]
    assert all((blocks[window] > 0).all() for window in windows)
    compared = [set(blocks[fold.compare].tolist()) for fold in split.folds]
    assert sum(map(len, compared)) == len(set().union(*compared))  # no block is shared between windows
    assert all(len(each) >= 4 for each in compared)
    order = np.argsort(number, kind="stable")
    assert np.all(np.diff(blocks[order]) >= 0)
    assert all(len(set(blocks[number == day].tolist())) <= 1 for day in range(200))
    assert split.judged == f"{len(set().union(*compared))} blocks of time"


def test_groups_in_time_are_judged_both_ways() -> None:
    time, _ = days()
    split = split_rows(Layout(NUMBERS, time=time, group=groups(30)), seed=0)
    assert len(split.blocks) == 2
    assert "blocks of time and by" in split.judged


def test_blocks_are_runs_of_neighbouring_days() -> None:
    time = pl.Series("t", [dt.datetime(2020, 1, 1) + dt.timedelta(hours=h) for h in range(64 * 24)])
    blocks = blocks_of(time, np.arange(64 * 24))
    assert blocks.max() + 1 == 16  # 64 days to the power 2/3
    assert np.all(np.diff(blocks) >= 0)
    assert set(np.bincount(blocks)) == {4 * 24}


# A file of its own to compare ---------------------------------------------------------------------------------------


def marked(rows: int = 200) -> np.ndarray:  # type: ignore[type-arg]
    marks = np.zeros(N, dtype=bool)
    marks[-rows:] = True
    return marks


def test_a_test_file_is_compared_in_every_fold_and_never_learned_from() -> None:
    split = split_rows(Layout(NUMBERS, tested=marked()), seed=0)
    for fold in split.folds:
        learned = np.concatenate(parts(fold)[:3])
        assert len(learned) == len(set(learned.tolist()))
        assert set(learned.tolist()) < set(range(800))
    assert all(fold.compare.tolist() == list(range(800, N)) for fold in split.folds)
    assert "file of its own" in split.how


def test_a_test_file_in_time_follows_what_is_learned() -> None:
    time, number = days()
    time, number = time.sort(), np.sort(number)
    split = split_rows(Layout(NUMBERS, time=time, tested=marked()), seed=0)
    for fold in split.folds:
        assert fold.compare.tolist() == list(range(800, N))
        assert number[fold.fit].max() < number[fold.stop].min() <= number[fold.stop].max() < number[fold.tune].min()
        assert fold.tune.max() < 800
    assert (split.blocks[0][800:] > 0).all()


def test_with_a_test_file_three_distinct_times_are_enough() -> None:
    time = np.concatenate([np.arange(800) * 3 // 800, np.full(200, 9)])
    (fold,) = split_rows(Layout(NUMBERS, time=pl.Series("t", time), tested=marked()), seed=0).folds
    assert [sorted(set(time[part].tolist())) for part in parts(fold)] == [[0], [1], [2], [9]]
