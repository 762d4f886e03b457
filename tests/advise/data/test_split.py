"""Rows that do one job each: disjoint, whole, in the order of time, stratified, repeatable."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.split import QUICK_ROWS, blocks_of, split_rows
from lossmith.errors import DataError

NUMBERS = np.random.default_rng(0).normal(size=1_000)


def test_every_row_has_exactly_one_job() -> None:
    split = split_rows(NUMBERS, classes=0, time=None, seed=1)
    together = np.concatenate([split.fit, split.stop, split.compare])
    assert sorted(together.tolist()) == list(range(1_000))
    assert (len(split.fit), len(split.stop), len(split.compare)) == (600, 200, 200)


def test_the_seed_decides_the_rows() -> None:
    first, again, other = (split_rows(NUMBERS, classes=0, time=None, seed=s).fit.tolist() for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_time_parts_past_from_future_and_never_one_day() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 40, 1_000)
    time = pl.Series("day", [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in days])
    split = split_rows(NUMBERS, classes=0, time=time, seed=0)
    assert days[split.fit].max() < days[split.stop].min()
    assert days[split.stop].max() < days[split.compare].min()
    assert abs(len(split.fit) - 600) < 40  # at most about a day from 60 %
    assert "in the order of day" in split.how


def test_one_heavy_day_still_leaves_three_parts() -> None:
    time = pl.Series("t", [1] * 980 + [2] * 10 + [3] * 10)
    split = split_rows(NUMBERS, classes=0, time=time, seed=0)
    assert [len(split.fit), len(split.stop), len(split.compare)] == [980, 10, 10]


def test_two_times_are_too_few() -> None:
    with pytest.raises(DataError, match="LM541"):
        split_rows(NUMBERS, classes=0, time=pl.Series("t", [1, 2] * 500), seed=0)


def test_every_part_gets_its_share_of_a_rare_class() -> None:
    y = np.zeros(1_000)
    y[:10] = 1
    split = split_rows(y, classes=2, time=None, seed=0)
    assert [int(y[rows].sum()) for rows in (split.fit, split.stop, split.compare)] == [6, 2, 2]


def test_a_class_of_one_row_is_learned_not_compared() -> None:
    y = np.zeros(100)
    y[:40], y[99] = 1, 2
    split = split_rows(y, classes=3, time=None, seed=0)
    assert 99 in split.fit


def test_classes_that_appear_only_later_are_left_out_and_counted() -> None:
    y = np.concatenate([np.arange(700) % 2, np.full(300, 2.0)])
    split = split_rows(y, classes=3, time=pl.Series("t", np.arange(1_000)), seed=0)
    assert 2.0 not in y[split.compare]
    assert "300 rows" in split.notes[0]


def test_nothing_to_learn_is_refused() -> None:
    y = np.concatenate([np.zeros(900), np.ones(100)])
    with pytest.raises(DataError, match="LM542"):
        split_rows(y, classes=2, time=pl.Series("t", np.arange(1_000)), seed=0)


def test_blocks_are_runs_of_neighbouring_days() -> None:
    time = pl.Series("t", [dt.datetime(2020, 1, 1) + dt.timedelta(hours=h) for h in range(64 * 24)])
    blocks = blocks_of(time, np.arange(64 * 24))
    assert blocks.max() + 1 == 16  # 64 days to the power 2/3
    assert np.all(np.diff(blocks) >= 0)
    assert set(np.bincount(blocks)) == {4 * 24}


def test_quick_thins_each_part_alone() -> None:
    y = np.arange(200_000.0)
    split = split_rows(y, classes=0, time=pl.Series("t", y), seed=0, quick=True)
    assert (len(split.fit), len(split.stop), len(split.compare)) == QUICK_ROWS
    assert y[split.fit].max() < y[split.stop].min()
