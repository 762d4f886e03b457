"""Costs as people say them: what is read, and the one sentence where it means nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith.algebra.decision import CostMatrix, ErrorCosts, UnderOver
from lossmith.algebra.decision.curve import CostCurve
from lossmith.algebra.decision.row_costs import RowMatrix, RowUnderOver
from lossmith.errors import ArgumentError, FormulaError, UnsupportedError
from lossmith.loss.costs import from_costs

BY_ROW = {"matrix": [[0, 1, "late"], ["early", 0, 1], [9, "late", "early"]]}


@pytest.mark.parametrize(("cost", "given", "record"), [
    ("under=5, over=1", {}, UnderOver(5, 1)), ("under=late, over=1, column=n", {}, RowUnderOver("late", 1.0, "n")),
    ({"under": 5, "over": 1, "column": None}, {}, UnderOver(5, 1)), (None, {"under": "5", "over": 1}, UnderOver(5, 1)),
    ({"points": [(-1, 1), (0, 0), (1, 1)]}, {}, CostCurve(((-1, 1), (0, 0), (1, 1)))),
    (None, {"points": np.array([[-1, 1], [0, 0], [1, 1]])}, CostCurve(((-1, 1), (0, 0), (1, 1)))),
    ([[0, 1], [20, 0]], {}, ErrorCosts(20, 1)), (np.array([[0, 1], [20, 0]]), {}, ErrorCosts(20, 1)),
    (None, {"matrix": [[0, 10], ["late", 0]]}, ErrorCosts("late", 10)),
    (None, {"matrix": [[0, 10], ["late", 10]]}, RowMatrix(((0, 10), ("late", 10)))),
    (None, {"column": "stake"}, UnderOver(1, 1, "stake")),
    (None, {"column": "stake", "classes": ["no", "yes"]}, ErrorCosts(1, 1, "stake")),
    (CostMatrix(((0, 5), (1, 0)), ("yes", "no")), {"classes": ["no", "yes"]}, ErrorCosts(5, 1)),
    (UnderOver(5, 1), {}, UnderOver(5, 1)), (RowUnderOver("a", 1.0), {}, RowUnderOver("a", 1.0)),
    ([[0, 2], [-3, -10]], {}, CostMatrix(((0, 2), (-3, -10)), ("0", "1"))),
])  # fmt: skip
def test_costs_are_read_however_they_are_said(cost: Any, given: Any, record: Any) -> None:
    assert from_costs(cost, **given).costs == record


def test_a_matrix_in_a_file_names_its_classes(tmp_path: Any) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(",high,low\nhigh,0,9\nlow,2,0\n", encoding="utf-8")
    for design in (
        from_costs(str(path)),
        from_costs(matrix=path),
        from_costs(matrix=str(path), classes=["high", "low"]),
    ):
        assert design.costs == ErrorCosts(2.0, 9.0)
    assert from_costs(path, classes=["low", "high"]).costs == ErrorCosts(9.0, 2.0)


@pytest.mark.parametrize(("given", "code", "words"), [
    ({}, "LM249", "found nothing"), ({"under": 5}, "LM249", "found under="), ({"under": 5, "points": []}, "LM249", "found"),
    ({"cost": "under=5, over=1", "under": 2}, "LM249", "given twice"), ({"cost": {"undr": 1}}, "LM232", '"under"'),
    ({"under": 0, "over": 0}, "LM234", "above 0"), ({"under": -5, "over": 1}, "LM234", "got -5"),
    ({"under": float("nan"), "over": 1}, "LM234", "got nan"), ({"under": True, "over": 1}, "LM234", "got True"),
    ({"under": None, "over": 1}, "LM249", "found over="), ({"under": [1], "over": 1}, "LM234", "above 0"),
    ({"false_negative": "a", "false_positive": float("inf")}, "LM234", "above 0"),
    ({"under": 1, "over": 1, "column": 3}, "LM234", "name of a column"),
    ({"cost": UnderOver(5, 0)}, "LM234", 'cost "over" must be a number above 0'),
    ({"matrix": [[0, 1, 2], [1, 0, 2]]}, "LM236", "found 2 rows and 3 columns"),
    ({"matrix": [[0, "a", 2], [1, 0, 2]]}, "LM236", "found 2 rows and 3 columns"),
    ({"matrix": [[0, float("nan")], [1, 0]]}, "LM236", "finite"), ({"matrix": [[0, "a"], [None, 0]]}, "LM236", "None"),
    ({"matrix": [[0, 0], [0, 0]]}, "LM236", "same cost"), ({"matrix": 5}, "LM236", "rows of numbers"),
    ({"matrix": [[0, -1], [20, 0]]}, "LM248", "where class 0 is the truth, deciding class 1 costs -1"),
    ({"matrix": [[0, 1, 1], [1, 2, 1], [1, 1, 0]]}, "LM248", "are they exchanged"),
    ({"matrix": [[0, 0], [20, 0]]}, "LM248", "deciding class 1 is never dearer"),
    ({"matrix": [[0, 0], ["a", 0]]}, "LM248", "deciding class 1 is never dearer"),
    ({"matrix": [["a" if i != j else 0 for i in range(11)] for j in range(11)]}, "LM248", "up to 10 classes"),
    ({"matrix": [[0, 1], [2, 0]], "classes": ["a", "b", "c"]}, "LM237", "2 rows"),
    ({"under": 5, "over": 1, "classes": ["a", "b"]}, "LM249", "target that is a number"),
    ({"under": "over", "over": 1}, "LM249", 'cannot be called "over"'), ({"points": 3}, "LM247", "pairs"),
    ({"cost": "nowhere.csv"}, "LM235", "cannot be read"), ({"cost": "under: 5"}, "LM231", "name=number"),
])  # fmt: skip
def test_costs_that_mean_nothing_are_refused_in_one_sentence(given: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        from_costs(**given)
    assert caught.value.code == code and words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["late cost", "y", "w", "class"])
def test_names_that_cannot_name_a_column(name: str) -> None:
    with pytest.raises(FormulaError, match=r"LM11[45]"):
        from_costs(under=name, over=1)


@pytest.mark.parametrize(("columns", "words"), [
    ({}, 'need a column "late"'), ({"lat": [1.0, 1.0]}, 'Did you mean "lat"'), ({"late": [1.0, np.nan]}, "is missing in row 2"),
    ({"late": [-1.0, 1.0]}, "is -1 in row 1"), ({"late": ["a", "b"]}, "holds texts"),
])  # fmt: skip
def test_bad_columns_of_costs_are_named(columns: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        from_costs(under="late", over=1).cost([1.0, 2.0], [1.0, 3.0], columns=columns)
    with pytest.raises(ArgumentError, match=r"LM2(20|21)|LM238"):
        from_costs(matrix=[[0, 1, "late"], [1, 0, 1], [1, 1, 0]]).decide(np.zeros((2, 3)), {})


def test_targets_and_actions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"LM248 .*found \(2,\) and \(3,\)"):
        from_costs(under=5, over=1).cost([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match=r"LM248 targets must be the classes 0 to 1 .* found 2 in row 1"):
        from_costs(matrix=[[0, 1], [20, 0]]).cost([0, 2], [0, 1])
    with pytest.raises(ArgumentError, match=r"LM248 this rule needs predictions of shape"):
        from_costs(**BY_ROW).decide(np.zeros((2, 4)), {"late": [1, 1], "early": [1, 1]})


def test_many_classes_have_a_loss_and_a_rule_but_no_smooth_loss() -> None:
    design = from_costs(matrix=np.ones((11, 11)) - np.eye(11))
    assert (
        design.loss.value([3], np.zeros((1, 11))) == pytest.approx(np.log(11)) and design.decide(np.eye(11)).sum() == 55
    )
    assert "none for so many classes" in str(design)
    with pytest.raises(UnsupportedError, match=r"LM340 .* up to 10 classes"):
        _ = design.smooth
