"""What a row counts for: masks, columns, class weights and smoothing as one measure over rows and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import ArgumentError
from lossmith.formula.roles import EXAMPLE_SHARE, WEIGHT
from lossmith.kernel.measure import (
    chooses_per_group,
    data_leaves,
    log_priors,
    measured,
    shares_of,
    times,
    weighing_columns,
)
from lossmith.kernel.rows import Rows, load

RAW = np.zeros(4)


def rows_of(loss: ls.Loss, y: Any, raw: Any = RAW, weight: Any = None, **columns: Any) -> Rows:
    numbers = {key: value for key, value in loss.parameters.items() if value is not None}
    return load(loss.definition, y, raw, weight, columns or None, parameters=numbers)


def test_no_weights_are_no_array() -> None:
    rows = rows_of(ls.get("bce"), [1, 0, 1, 0])
    assert not rows.weighted and WEIGHT not in rows.leaves


@pytest.mark.parametrize(
    ("loss", "weight", "columns", "expected"),
    [
        (ls.get("bce"), [1, 2, 0, 4], {}, [1, 2, 0, 4]),
        (ls.get("bce"), [1, 2, 0, 4], {"mask": [1, 0, 1, 1]}, [1, 0, 0, 4]),
        (ls.get("bce"), None, {"mask": [True, False, True, True]}, [1, 0, 1, 1]),
        (ls.get("bce").reweight(by="p0"), [1, 2, 0, 4], {"p0": [3, 3, 3, 0]}, [3, 6, 0, 0]),
        (ls.get("bce").reweight(by="p0").reweight(by="p0"), None, {"p0": [3, 2, 1, 0]}, [9, 4, 1, 0]),
        (ls.get("bce").mask("m").reweight(by="p0"), None, {"m": [0, 1, 1, 1], "p0": [3, 2, 1, 0]}, [0, 2, 1, 0]),
        (ls.get("bce").ignore(0), [1, 2, 3, 4], {}, [1, 0, 3, 0]),
        (ls.get("bce").reweight([5, 7]), None, {}, [7, 5, 7, 5]),
        (ls.get("bce").reweight([5, 7]).reweight({1: 2}), [1, 1, 0, 1], {}, [14, 5, 0, 5]),
        (ls.get("bce").reweight([5, 7]).ignore(1), None, {}, [0, 5, 0, 5]),
        (ls.get("bce").reweight([5, 7]).smooth(0.5), None, {}, [6.5, 5.5, 6.5, 5.5]),
    ],
)
def test_weights_multiply(loss: ls.Loss, weight: Any, columns: dict[str, Any], expected: list[float]) -> None:
    rows = rows_of(loss, [1, 0, 1, 0], weight=weight, **columns)
    assert rows.weighted
    np.testing.assert_allclose(rows.leaves[WEIGHT], expected, rtol=1e-15)


def test_hard_targets_stay_and_soft_ones_become_what_the_weights_make_of_them() -> None:
    loss = ls.get("bce").reweight([1, 3])
    leaf = loss.definition.roles.leaves["y"]
    np.testing.assert_array_equal(rows_of(loss, [1, 0, 1, 0]).leaves[leaf], [1, 0, 1, 0])
    soft = rows_of(loss, [0.5, 0.0, 1.0, 0.25])
    np.testing.assert_allclose(soft.leaves[leaf], [0.75, 0.0, 1.0, 0.5], rtol=1e-15)
    np.testing.assert_allclose(soft.leaves[WEIGHT], [2.0, 1.0, 3.0, 1.5], rtol=1e-15)


def test_class_numbers_stay_numbers_and_shares_are_weighed() -> None:
    loss, raw = ls.get("ce").reweight([1, 0, 2]), np.zeros((2, 3))
    leaf = loss.definition.roles.leaves["y"]
    rows = rows_of(loss, [2, 1], raw)
    assert rows.leaves[leaf].tolist() == [2, 1] and rows.leaves[leaf].dtype.kind == "i"
    assert rows.leaves[WEIGHT].tolist() == [2.0, 0.0]
    soft = rows_of(loss, [[0.2, 0.4, 0.4], [0.0, 1.0, 0.0]], raw)
    np.testing.assert_allclose(soft.leaves[leaf][0], [0.2, 0.0, 0.8], rtol=1e-15)
    np.testing.assert_allclose(soft.leaves[WEIGHT], [1.0, 0.0], rtol=1e-15)
    assert np.isfinite(soft.leaves[leaf]).all()  # a row that weighs nothing keeps a target


@pytest.mark.parametrize("kind", ["index", "one-hot", "soft"])
def test_smoothing_comes_before_weights(kind: str) -> None:
    loss, raw = ls.get("ce").reweight([1, 4]).smooth(0.2), np.zeros((2, 2))
    y = {"index": [0, 1], "one-hot": np.eye(2), "soft": [[1.0, 0.0], [0.0, 1.0]]}[kind]
    rows = rows_of(loss, y, raw)
    mass = np.array([0.9 + 0.4, 0.1 + 3.6])
    np.testing.assert_allclose(rows.leaves[WEIGHT], mass, rtol=1e-15)
    expected = np.array([[0.9, 0.4], [0.1, 3.6]]) / mass[:, None]
    np.testing.assert_allclose(rows.leaves[loss.definition.roles.leaves["y"]], expected, rtol=1e-15)


def test_a_row_of_weight_zero_is_absent_whatever_multiplies_it() -> None:
    assert times(np.array([0.0, 2.0]), np.array([np.nan, 3.0])).tolist() == [0.0, 6.0]
    assert times(np.array([0.0, 2.0]), np.array([np.inf, 3.0])).tolist() == [0.0, 6.0]
    factor = np.array([1.0, 2.0])
    assert times(None, factor) is factor


@pytest.mark.parametrize("loss", [ls.get("mse").reweight(by="c"), ls.get("mse").mask("c")])
def test_a_column_may_hold_anything_in_an_absent_row(loss: ls.Loss) -> None:
    assert loss.using("numpy").value([1.0, 2.0], [0.0, 0.0], [1.0, 0.0], columns={"c": [1.0, np.nan]}) == 1.0


def test_the_columns_that_weigh_are_named_as_often_as_they_do() -> None:
    definition = ls.get("bce").reweight(by="a").mask("b").reweight([1, 2]).reweight(by="a").definition
    assert weighing_columns(definition) == ("a", "b", "a")
    assert definition.declaration.columns == ("a", "b")


def test_how_much_of_each_class_a_row_is() -> None:
    for loss, y, raw, expected in (
        (ls.get("bce"), [1.0, 0.25], np.zeros(2), [[0, 1], [0.75, 0.25]]),
        (ls.get("ce"), [2, 0], np.zeros((2, 3)), [[0, 0, 1], [1, 0, 0]]),
        (ls.get("ce"), [[0.5, 0.5], [1, 0]], np.zeros((2, 2)), [[0.5, 0.5], [1, 0]]),
    ):
        rows = rows_of(loss, y, raw)
        np.testing.assert_array_equal(shares_of(loss.definition, rows.leaves, rows.shape.width), expected)
    rows = rows_of(ls.get("mse"), [1.0, 2.0], np.zeros(2))
    assert shares_of(ls.get("mse").definition, rows.leaves, 1) is None


def test_priors_become_logarithms_and_odds() -> None:
    np.testing.assert_allclose(
        log_priors(ls.get("ce").adjust([0.5, 0.25, 0.25]).definition, 3), np.log([0.5, 0.25, 0.25])
    )
    assert float(log_priors(ls.get("bce").adjust([0.75, 0.25]).definition, 1)) == pytest.approx(-np.log(3), rel=1e-15)
    with pytest.raises(ArgumentError, match="LM284"):
        log_priors(ls.get("ce").adjust().definition, 3)
    with pytest.raises(ArgumentError, match="LM285"):
        log_priors(ls.get("ce").adjust([0.5, 0.5]).definition, 3)


def test_the_parts_of_an_entry_add_up_to_one_where_any_is_present() -> None:
    definition = ls.get("bce").over("examples").definition
    weight = np.array([2.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    share = data_leaves(definition, 6, 1, (2, 3), weight)[EXAMPLE_SHARE]
    assert share.tolist() == [0.5, 0.0, 0.5, 0.0, 0.0, 0.0]
    assert data_leaves(definition, 4, 1, (4, 1), None)[EXAMPLE_SHARE].tolist() == [1.0] * 4
    assert data_leaves(ls.get("bce").definition, 4, 1, (4, 1), None) == {}


def test_who_chooses_in_groups() -> None:
    assert chooses_per_group(ls.get("bce").select(top=2, per="group").definition)
    assert not chooses_per_group(ls.get("bce").select(top=2).definition)
    assert not chooses_per_group(ls.get("bce").definition)


def test_targets_that_are_weighed_are_new_arrays() -> None:
    """The caller's targets are never written to."""
    y, raw = np.array([[0.5, 0.5], [1.0, 0.0]]), np.zeros((2, 2))
    before = y.copy()
    loss = ls.get("ce").reweight([1, 9]).using("numpy")
    loss.value(y, raw)
    leaves = {loss.definition.roles.leaves["y"]: y}
    measured(loss.definition, leaves, None, {}, 2)
    np.testing.assert_array_equal(y, before)
