"""Costs by row, by class and from files: what is read, what it costs, and the one sentence where it means nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.algebra.decision import (
    CostMatrix,
    ErrorCosts,
    RowCosts,
    UnderOver,
    cheapest_constant,
    cost_columns,
    cost_per_row,
    costs_for,
    costs_from,
    only_classes,
    row_stakes,
    weighted_quantile,
    zero_one,
)
from lossmith.errors import ArgumentError

MATRIX = ((0.0, 1.0, 4.0), (2.0, 0.0, 1.0), (9.0, 3.0, 0.0))
ORDERED = "0,1,4\n2,0,1\n9,3,0\n"
HEADER = "low,middle,high\n0,1,4\n2,0,1\n9,3,0\n"
BOTH = "true \\ decided,low,middle,high\nlow,0,1,4\nmiddle,2,0,1\nhigh,9,3,0\n"
values = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), min_size=1, max_size=30)


def refused(code: str, words: str, cost: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        costs_from(cost)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("under=5, over=1, column=seats", UnderOver(5, 1, "seats")),
        ("false_negative=amount, false_positive=10", ErrorCosts("amount", 10)),
        ("false_negative=20,false_positive=1", ErrorCosts(20, 1)),
        ("column=stake", RowCosts("stake")),
        ({"false_negative": 2, "false_positive": "check", "column": "n"}, ErrorCosts(2, "check", "n")),
        (MATRIX, CostMatrix(MATRIX)),
        (np.array(MATRIX), CostMatrix(MATRIX)),
        (UnderOver(1, 2), UnderOver(1, 2)),
    ],
)
def test_what_a_user_says_becomes_a_record(text: object, found: object) -> None:
    assert costs_from(text) == found  # type: ignore[arg-type]


def test_the_columns_that_costs_need() -> None:
    assert cost_columns(costs_from("false_negative=amount, false_positive=amount, column=n")) == ("amount", "n")
    assert cost_columns(UnderOver(5, 1)) == ()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (ORDERED, ()),
        (HEADER, ("low", "middle", "high")),
        (BOTH, ("low", "middle", "high")),
        (BOTH.replace(",", ";"), ("low", "middle", "high")),
        (BOTH.replace(",", "\t"), ("low", "middle", "high")),
        ("\ufeff" + BOTH + "\n,,,\n", ("low", "middle", "high")),
        ("low,0,1,4\nmiddle,2,0,1\nhigh,9,3,0\n", ("low", "middle", "high")),
        ("low,middle,high\nlow,0,1,4\nmiddle,2,0,1\nhigh,9,3,0\n", ("low", "middle", "high")),
        (",1,2,3\n1,0,1,4\n2,2,0,1\n3,9,3,0\n", ("1", "2", "3")),
        ("1,2,3\n0,1,4\n2,0,1\n9,3,0\n", ("1", "2", "3")),
        (",low,middle,high\nhigh,9,3,0\nlow,0,1,4\nmiddle,2,0,1\n", ("low", "middle", "high")),
    ],
)
def test_a_file_of_costs_is_read_with_and_without_names(tmp_path: Path, text: str, labels: tuple[str, ...]) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text, encoding="utf-8")
    assert costs_from(str(path)) == CostMatrix(MATRIX, labels)
    assert costs_from(path) == CostMatrix(MATRIX, labels)


def test_decimal_commas_in_a_file_with_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text("0;1,5\n0,25;0\n", encoding="utf-8")
    assert costs_from(path) == CostMatrix(((0.0, 1.5), (0.25, 0.0)))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "LM235", "is empty"),
        ("0,1\n1\n2,2\n", "LM236", "row 3 has 2 fields, the row above it 1"),
        ("0,1,2\n1,0,1\n1,0,1\n1,1,0\n1,1,1\n", "LM236", "found 4 rows and 3 columns"),
        ("0,x\n1,0\n", "LM236", '"x" is not a number'),
        ("0,inf\n1,0\n", "LM236", "row 1"),
        ("1,1\n1,1\n", "LM236", "the same cost for every decision"),
        (",a,a\na,0,1\nb,1,0\n", "LM236", '"a" is named twice'),
        (",apple,pear\napple,0,1\npeer,1,0\n", "LM236", "is named only once"),
    ],
)
def test_a_file_that_is_no_matrix_is_refused_in_one_sentence(tmp_path: Path, text: str, code: str, words: str) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text, encoding="utf-8")
    refused(code, words, path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    refused("LM235", "cannot be read", "nowhere.csv")
    (tmp_path / "costs.csv").write_bytes("가,나\n0,1\n1,0\n".encode("cp949"))
    refused("LM235", "UTF-8", tmp_path / "costs.csv")


@pytest.mark.parametrize(
    ("cost", "code", "words"),
    [
        ("under=seats, over=1", "LM234", "add column=NAME"),
        ("column=a, under=2", "LM233", "found column, under"),
        ("colum=a", "LM232", 'Did you mean "column"'),
        ({"column": 3}, "LM234", "name of a column"),
        ("false_negative=-2, false_positive=1", "LM234", "above 0"),
        ([[0, 1], [1]], "LM236", "found 2 rows and 1 columns"),
        ([[0, "x"], [1, 0]], "LM236", "rows of numbers"),
        ([[0.0]], "LM236", "found 1 rows"),
    ],
)
def test_costs_that_mean_nothing(cost: object, code: str, words: str) -> None:
    refused(code, words, cost)


# To the target ----------------------------------------------------------------------------------------------------


def test_labels_bring_a_matrix_into_the_order_of_the_classes() -> None:
    costs = costs_for(CostMatrix(MATRIX, ("low", "middle", "high")), ("high", "low", "middle"))
    assert costs == CostMatrix(((0.0, 9.0, 3.0), (4.0, 0.0, 1.0), (1.0, 2.0, 0.0)), ("high", "low", "middle"))


@pytest.mark.parametrize(
    ("costs", "classes", "words"),
    [
        (CostMatrix(MATRIX, ("low", "midle", "high")), ("low", "middle", "high"), 'Did you mean "middle"'),
        (CostMatrix(MATRIX, ("low", "middle", "high")), ("low", "middle", "high", "top"), 'no class "top"'),
        (CostMatrix(MATRIX), ("low", "high"), "3 rows, but the target has 2 classes"),
        (CostMatrix(MATRIX), (), "the target is a number"),
    ],
)
def test_labels_that_do_not_match(costs: CostMatrix, classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(ArgumentError, match="LM237") as caught:
        costs_for(costs, classes)
    assert words in str(caught.value)


def test_costs_take_the_form_that_the_target_has() -> None:
    assert costs_for(RowCosts("s")) == UnderOver(1.0, 1.0, "s")
    assert costs_for(RowCosts("s"), ("no", "yes")) == ErrorCosts(1.0, 1.0, "s")
    assert costs_for(RowCosts("s"), ("a", "b", "c")) == CostMatrix(zero_one(3), ("a", "b", "c"), "s")
    assert costs_for(CostMatrix(((0.0, 1.0), (20.0, 0.0))), ("no", "yes")) == ErrorCosts(20.0, 1.0)
    gains = CostMatrix(((0.0, 1.0), (20.0, -5.0)))  # a hit that gains something has no two costs
    assert costs_for(gains, ("no", "yes")) == CostMatrix(gains.matrix, ("no", "yes"))
    assert costs_for(UnderOver(5, 1)) == UnderOver(5, 1)


def test_some_of_the_classes() -> None:
    found = only_classes(CostMatrix(MATRIX, ("low", "middle", "high")), [0, 2])
    assert found == CostMatrix(((0.0, 4.0), (9.0, 0.0)), ("low", "high"))


# By row -----------------------------------------------------------------------------------------------------------

COLUMNS = {"amount": np.array([300.0, 50.0, 7.0]), "n": np.array([1.0, 2.0, 3.0])}


def test_a_column_multiplies_or_is_the_cost() -> None:
    assert cost_per_row(UnderOver(5, 1, "n"), [1.0, 1.0, 1.0], [0.0, 0.0, 3.0], COLUMNS).tolist() == [5.0, 10.0, 6.0]
    found = cost_per_row(ErrorCosts("amount", 10, "n"), [1, 1, 0], [0, 1, 1], COLUMNS)
    assert found.tolist() == [300.0, 0.0, 30.0]
    assert cost_per_row(CostMatrix(MATRIX, column="n"), [0, 1, 2], [2, 0, 2], COLUMNS).tolist() == [4.0, 4.0, 0.0]


def test_the_stakes_are_the_costs_of_an_error() -> None:
    costs, y = ErrorCosts("amount", 10, "n"), np.array([1.0, 0.0, 1.0])
    assert row_stakes(costs, y, COLUMNS).tolist() == cost_per_row(costs, y, 1 - y, COLUMNS).tolist()
    assert row_stakes(UnderOver(5, 1), y).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.0, -2.0, -3.0], "is -2 in row 2 (and in 1 more"),
        ([1.0, 1.0, np.nan], "is missing in row 3"),
        ([np.inf, 1.0, 1.0], "is inf in row 1"),
        (["a", "b", "c"], "holds texts"),
    ],
)
def test_a_column_of_costs_names_its_first_bad_row(column: list[object], words: str) -> None:
    with pytest.raises(ArgumentError, match="LM238") as caught:
        cost_per_row(UnderOver(5, 1, "n"), [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], {"n": column})  # type: ignore[dict-item]
    assert words in str(caught.value)


def test_an_absent_column_is_named() -> None:
    with pytest.raises(ArgumentError, match=r'LM238.*"amuont".*Did you mean "amount"'):
        cost_per_row(ErrorCosts("amuont", 10), [1, 0, 0], [0, 0, 0], COLUMNS)


@given(pairs=values, under=st.integers(1, 9), over=st.integers(1, 9))
def test_no_constant_costs_less_where_rows_weigh_differently(
    pairs: list[tuple[int, int]], under: int, over: int
) -> None:
    y, n = np.array(pairs, dtype=float).T
    costs, columns = UnderOver(under, over, "n"), {"n": n}
    found = cost_per_row(costs, y, np.full(y.shape, cheapest_constant(costs, y, columns)), columns).sum()
    least = min(cost_per_row(costs, y, np.full(y.shape, c), columns).sum() for c in y)
    assert found <= least * (1 + 1e-13)  # integers below 2**53: sums round only in the level under / (under + over)


def test_the_cheapest_constant_counts_weights_and_columns() -> None:
    assert cheapest_constant(ErrorCosts("amount", 100.0), [1, 0, 0], COLUMNS) == 1.0
    assert cheapest_constant(ErrorCosts("amount", 100.0), [1, 0, 0], COLUMNS, [0.5, 1.0, 1.0]) == 0.0
    assert cheapest_constant(CostMatrix(MATRIX), [2, 0, 0]) == 1.0  # 3 + 1 + 1, against 9 and 4 + 4
    assert cheapest_constant(CostMatrix(MATRIX), [2, 0, 0], weight=[9.0, 1.0, 1.0]) == 2.0


def test_a_weight_is_that_many_rows() -> None:
    x, w = np.array([3.0, 1.0, 2.0, 9.0]), [2, 1, 4, 3]
    for level in (0.1, 0.25, 0.5, 0.9):
        expected = np.quantile(np.repeat(x, w), level, method="inverted_cdf")
        assert weighted_quantile(x, level, w) == expected
