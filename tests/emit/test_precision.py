"""Which formulas are computed in float32: what is tried, and that every kind of miss is seen."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.emit import precision
from lossmith.formula.node import Node, make, symbol
from lossmith.kernel.program import Pass
from lossmith.kernel.rows import load
from lossmith.runtime import _tried, arithmetic_of, numpy_function

Z = symbol("z", "raw", ["example"])
Y = symbol("y", "target", ["example"])
INSIDE = make(
    "logical_and", make("less_equal", make("constant", attr=0.0), Y), make("less_equal", Y, make("constant", attr=1.0))
)


def output(node: Node, name: str = "gradient:0") -> Pass:
    return Pass((), (), ((name, node),), (), (make("logical_not", INSIDE),))


def evaluate(nodes: tuple[Node, ...], rows: precision.Values) -> list[np.ndarray]:
    function = numpy_function({Z: "a0", Y: "a1"}, nodes)
    with np.errstate(all="ignore"):
        return list(function(*(rows[leaf].astype(np.float64)[:, None] for leaf in (Z, Y)), 1, 1))


def verdict(node: Node, change: object = None, name: str = "gradient:0") -> bool:
    """What is judged of the exact numbers of a formula, rounded to float32 and changed."""
    rows = precision.fixed_rows((Z, Y))
    (exact,) = evaluate((node,), rows)
    with np.errstate(over="ignore"):
        found = np.broadcast_to(exact.reshape(-1), precision.POINTS).astype(np.float32)
    return precision.judged(output(node, name), rows, [found if change is None else change(found, rows)], evaluate)  # type: ignore[operator]


def off_by(units: float) -> object:
    return lambda found, rows: (found * np.float32(1.0 + units * 2.0**-23)).astype(np.float32)


def test_rounded_truth_is_right_and_a_few_units_are_allowed() -> None:
    assert verdict(make("exp", Z))
    assert verdict(make("exp", Z), off_by(1.0))
    assert not verdict(make("exp", Z), off_by(12.0))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0])
def test_one_number_that_is_not_there_is_a_miss(wrong: float) -> None:
    def change(found: np.ndarray, rows: precision.Values) -> np.ndarray:
        inside = (rows[Y] >= 0) & (rows[Y] <= 1) & (np.abs(found) > 1e-30) & np.isfinite(found)
        found = found.copy()
        found[np.flatnonzero(inside)[7]] = wrong
        return found

    assert not verdict(make("exp", Z), change)


def test_a_soft_label_is_judged_as_the_mixture_it_is() -> None:
    """(1 - y) e**z - y e**-z is 0 somewhere; an error of its terms is no miss there, but is one of e**z - 1 everywhere."""
    mixture = (1 - Y) * make("exp", Z) - Y * make("exp", -Z)

    def by_terms(found: np.ndarray, rows: precision.Values) -> np.ndarray:
        y, z = rows[Y].astype(np.float64), rows[Z].astype(np.float64)
        with np.errstate(all="ignore"):
            return ((1 - y) * np.exp(z) * (1 + 2.0**-23) - y * np.exp(-z)).astype(np.float32)

    assert verdict(mixture, by_terms)
    small = make("expm1", -make("abs", Z))
    assert not verdict(small, lambda found, rows: (np.exp(-np.abs(rows[Z])) - np.float32(1.0)).astype(np.float32))


def test_a_value_is_judged_by_its_terms_and_a_gradient_is_not() -> None:
    fall = -make("abs", Z)
    node = make("exp", fall) - 2 * make("exp", 2 * fall) + 4 * Y

    def rounded_terms(found: np.ndarray, rows: precision.Values) -> np.ndarray:
        y, fall = rows[Y].astype(np.float64), -np.abs(rows[Z].astype(np.float64))
        terms = (np.exp(fall) * (1 + 2.0**-23), -2 * np.exp(2 * fall), 4 * y)
        with np.errstate(over="ignore"):
            return np.asarray(sum(terms)).astype(np.float32)

    assert verdict(node, rounded_terms, "per_example:0")
    assert not verdict(node, rounded_terms, "per_example_hessian:0")


def test_a_formula_that_magnifies_roundings_is_left_to_float64() -> None:
    far = make("constant", attr=1e4)
    assert not _tried(output((Z + far) - far), (), ())
    assert _tried(output(2 * make("exp", -make("abs", Z))), (), ())


def test_sums_that_may_cancel_and_numbers_that_follow_from_sums_are_left_to_float64() -> None:
    (first, second) = program(ls.get("rmse").definition, ("value", "gradient"), False).passes
    assert len(first.bodies) > 1 and not precision.may_be_single(first)
    assert not precision.may_be_single(second)
    (only,) = program(ls.get("log_loss").definition, ("value", "gradient"), False).passes
    assert precision.may_be_single(only)
    (special,) = program(ls.get("negative_binomial").definition, ("value",), False).passes
    assert not precision.may_be_single(special)


def test_parameters_are_tried_as_a_bucket_and_unknown_ones_are_not_tried() -> None:
    for value in (0.7, 3.7, 1e-3, 0.99):
        tried = precision.bucket(value)
        assert len(tried) == 3 and max(tried) / min(tried) < 1.3
        assert min(tried) / 1.15 < value < max(tried) * 1.15
    assert precision.bucket(0.0) == (0.0,) and precision.bucket(0.25) == (0.25,)
    assert precision.settings(("a", "b"), ((1.0,), (2.0, 3.0))) == [{"a": 1.0, "b": 3.0}, {"a": 1.0, "b": 2.0}]
    loss = ls.get("huber")
    (part,) = program(loss.definition, ("value",), False).passes
    column = np.zeros(4, dtype=np.float32)
    rows = load(loss.definition, column, column)
    assert arithmetic_of(part, rows, False) == "narrow"
    assert arithmetic_of(part, rows, False, {"delta": 0.7}) == "single"


def test_points_are_the_same_in_every_process() -> None:
    rows = precision.fixed_rows((Z, Y))
    assert [r.dtype for r in rows.values()] == [np.float32, np.float32]
    again = precision.fixed_rows((Y, Z))
    np.testing.assert_array_equal(rows[Z], again[Z])
    assert (rows[Z] == 0).any() and (np.abs(rows[Z]) > 1e30).any() and ((rows[Y] > 0) & (rows[Y] < 1)).any()
