"""From a table to numbers: the right columns by their role, rows by job, encodings that saw what they may see."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.prepare import Prepared, prepare
from lossmith.advise.request import Request
from lossmith.errors import LossmithError
from tests.advise.studies import frame


def made(kind: str = "real", table: pl.DataFrame | None = None, **options: Any) -> Prepared:
    return prepare(frame(kind) if table is None else table, Request("y", kind=kind, quick=True, **options))


def test_columns_with_a_role_are_no_features() -> None:
    ready = made(time="day", group="customer", weight="weight", id="name", cost="under=5, over=1, column=stake")
    names = [feature.name for feature in ready.final.features]
    assert set(names) == {
        "x",
        "공항",
        "<script>alert(1)</script>",
        "stake",
    }  # what an error costs may well tell something
    assert ready.material.weight is not None
    assert ready.sample.weight is not None
    np.testing.assert_array_equal(ready.sample.columns["stake"], frame("real")["stake"].to_numpy())


def test_a_column_of_costs_named_in_an_error_is_needed_too() -> None:
    ready = made("binary", cost="false_negative=stake, false_positive=2")
    assert set(ready.sample.columns) == {"stake"}
    stakes = np.where(ready.rows.y == 1, frame("binary")["stake"].to_numpy(), 2.0)
    assert ready.material.row_costs is not None
    np.testing.assert_allclose(ready.material.row_costs, stakes / stakes.mean(), rtol=1e-14)


def test_costs_that_are_the_same_for_all_rows_weigh_none() -> None:
    assert made(cost="under=5, over=1").material.row_costs is None
    assert made("binary", cost="false_negative=5, false_positive=1").material.row_costs is None


def test_in_time_the_encoding_that_is_judged_saw_the_past_alone() -> None:
    """A category that only the future knows has a code in the model that is handed out, and none in those compared."""
    table = frame("real").with_columns(
        pl.when(pl.int_range(500) >= 450).then(pl.lit("늦게")).otherwise(pl.col("공항")).alias("공항")
    )
    ready = made(table=table, time="day")
    levels = [{f.name: f.levels for f in e.features}["공항"] for e in (ready.judged, ready.final)]
    assert "늦게" not in levels[0] and "늦게" in levels[1]
    assert ready.judged != ready.final
    last = [feature.name for feature in ready.judged.features].index("공항")
    assert np.isnan(ready.material.matrix[450:, last]).all()


def test_without_time_there_is_one_encoding() -> None:
    ready = made()
    assert ready.judged == ready.final
    np.testing.assert_array_equal(ready.material.matrix, ready.handed.matrix)


def test_the_test_file_lies_below_and_is_not_learned() -> None:
    ready = made(test=frame("real", seed=9, rows=40))
    assert ready.rows.frame.height == 540
    assert ready.rows.known.tolist() == list(range(500))
    assert ready.rows.numbers[499:502] == ["500", "test 1", "test 2"]
    for fold in ready.split.folds:
        assert fold.compare.tolist() == list(range(500, 540))


def test_a_class_that_only_the_test_file_has_is_told() -> None:
    other = frame("class", seed=9, rows=40).with_columns(
        pl.when(pl.int_range(40) == 3).then(pl.lit("새로")).otherwise(pl.col("y")).alias("y")
    )
    try:
        ready = made("class", test=other)
    except LossmithError as error:
        assert "새로" in str(error) and "\n" not in str(error)
    else:
        assert any("새로" in note for note in (*ready.notes, *ready.rows.notes))
        assert ready.profile.classes == ("가", "나", "다")


def test_a_test_file_without_a_column_is_refused() -> None:
    with pytest.raises(LossmithError, match="공항"):
        made(test=frame("real", seed=9, rows=40).drop("공항"))
    with pytest.raises(LossmithError, match='"y"'):
        made(test=frame("real", seed=9, rows=40).drop("y"))


COSTS = [[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]]


def test_classes_that_no_fold_can_learn_are_left_out_with_their_costs() -> None:
    table = frame("class").with_columns(
        pl.when(pl.int_range(500) == 17).then(pl.lit("다시")).otherwise(pl.col("y")).alias("y")
    )
    ready = made("class", table, cost=COSTS)
    assert len(ready.profile.classes) == 3
    assert len(ready.aim.costs.matrix) == 3  # type: ignore[union-attr]
    assert len(ready.rows.y) == ready.rows.frame.height == 499
    assert sorted(np.unique(ready.rows.y).tolist()) == [0, 1, 2]
    assert "18" not in ready.rows.numbers
    assert any("1 rows are left out" in note for note in ready.notes)


def test_grades_that_are_rare_stay_for_they_have_their_place_on_the_line() -> None:
    table = frame("ordinal").with_columns(pl.when(pl.int_range(500) == 17).then(9).otherwise(pl.col("y")).alias("y"))
    ready = made("ordinal", table, cost=COSTS)
    assert ready.profile.classes == ("1", "2", "3", "9")
    assert len(ready.rows.y) == 500
    assert all(len(fold.fit) for fold in ready.split.folds)


def test_two_classes_that_are_left_make_a_study_of_two_classes() -> None:
    table = frame("class").with_columns(
        pl.when(pl.int_range(500) == 17).then(pl.lit("새")).when(pl.col("y") == "다").then(pl.lit("가"))
        .otherwise(pl.col("y")).alias("y")
    )  # fmt: skip
    ready = made("class", table)
    assert len(ready.profile.classes) == 2
    names = [ready.profile.classes[int(value)] for value in ready.rows.y]
    assert names == ready.rows.frame["y"].to_list()


def test_one_class_that_is_left_is_refused() -> None:
    table = frame("class").with_columns(
        y=pl.when(pl.int_range(500) == 17).then(pl.lit("나")).when(pl.int_range(500) == 18).then(pl.lit("다"))
        .otherwise(pl.lit("가"))
    )  # fmt: skip
    with pytest.raises(LossmithError, match="LM5"):
        made("class", table)


def test_holes_in_a_column_of_costs_are_named() -> None:
    table = frame("real").with_columns(
        pl.when(pl.int_range(500) == 3).then(None).otherwise(pl.col("stake")).alias("stake")
    )
    with pytest.raises(LossmithError, match=r"stake"):
        made(table=table, cost="under=5, over=1, column=stake")


def test_costs_are_checked_before_the_table_is_read() -> None:
    with pytest.raises(LossmithError, match='Did you mean "over"'):
        prepare("nowhere.csv", Request("y", cost="under=1, ovr=2"))
    with pytest.raises(LossmithError, match='Did you mean "mean"'):
        prepare("nowhere.csv", Request("y", estimate="meen"))
