"""Kink records: where a slope changes, what it is on both sides, and that the derivative makes the declared choice."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith import maths as ls
from lossmith.calculus.derivative import gradient
from lossmith.calculus.kinks import is_nonnegative, is_positive, kinks
from lossmith.catalogue import LOSSES
from lossmith.formula.definition import resolved
from lossmith.formula.node import Node, make, symbol
from lossmith.interpret import NUMPY, interpret

Y = symbol("y", "target", ["example"])
Z = symbol("z", "raw", ["example"])
C = symbol("c", "parameter")


def slope(root: Node, z: float) -> float:
    found = interpret([gradient(root, Z)], {Z: np.array([[z]]), Y: np.array([[0.0]]), C: 0.5}, NUMPY)[0]
    return float(found[0, 0])


CASES = [
    (abs(Z), -1.0, 1.0, 0.0),
    (ls.maximum(Z, 0), 0.0, 1.0, 0.5),
    (ls.minimum(Z, 0), 1.0, 0.0, 0.5),
    (ls.where(Z < 0, -Z, 3 * Z), -1.0, 3.0, 3.0),
    (ls.where(Z <= 0, -Z, 3 * Z), -1.0, 3.0, -1.0),
    (ls.where(Y > Z, C * (Y - Z), (1 - C) * (Z - Y)), -0.5, 0.5, 0.5),
    (ls.where(~(Z < 0), 3 * Z, -Z), -1.0, 3.0, 3.0),
]


@pytest.mark.parametrize(("root", "left", "right", "chosen"), CASES)
def test_the_derivative_is_the_left_slope_the_right_slope_and_the_choice(
    root: Node, left: float, right: float, chosen: float
) -> None:
    assert (slope(root, -0.25), slope(root, 0.25), slope(root, 0.0)) == (left, right, chosen)
    (kink,) = kinks(root)
    at_zero = interpret([kink.surface], {Z: np.array([[0.0]]), Y: np.array([[0.0]])}, NUMPY)[0]
    assert at_zero[0, 0] == 0.0


def test_the_choice_of_a_strict_comparison_is_the_other_branch() -> None:
    strict, weak = kinks(ls.where(Z < 0, -Z, 3 * Z))[0], kinks(ls.where(Z <= 0, -Z, 3 * Z))[0]
    assert strict.chosen == strict.right == "that of 3 * z"
    assert weak.chosen == weak.left == "that of -z"


def test_smooth_formulas_have_no_kink() -> None:
    assert kinks((Y - Z) ** 2 + ls.log(1 + ls.exp(Z)) + ls.sqrt(1 + Z**2)) == ()


def test_the_root_has_a_kink_only_where_its_argument_may_vanish() -> None:
    (kink,) = kinks(ls.sqrt(Z**2))
    assert (kink.operation, kink.right, kink.chosen) == ("sqrt", "infinite", "0")
    assert kink.surface is Z**2


def test_the_size_of_what_is_positive_has_no_corner() -> None:
    assert kinks(abs(ls.exp(Z))) == ()


def test_a_choice_by_the_target_alone_is_no_kink() -> None:
    assert kinks(ls.where(Y > 1, 2, 1) * (Y - Z) ** 2) == ()


def test_both_parts_of_a_compound_condition_are_found() -> None:
    found = kinks(ls.where((Z > 0) & (Z < 1), Z, 0))
    assert {repr(k.surface) for k in found} == {"subtract(0.0, z)", "subtract(z, 1.0)"}


def test_a_comparison_of_two_answers_branches_where_each_of_them_does() -> None:
    zero_one = ls.where(make("equal", Z > 0, Y > 0.5), 0, 1)
    assert [repr(kink.surface) for kink in kinks(zero_one) if kink.operation == "where"] == ["subtract(0.0, z)"]


def test_a_comparison_used_as_a_number_jumps() -> None:
    assert [k.operation for k in kinks((Y > Z) * (Y - Z))] == ["less"]


def test_a_kink_that_occurs_twice_is_listed_once() -> None:
    assert len(kinks(abs(Y - Z) + abs(Y - Z) ** 2)) == 1


def test_the_kinks_of_the_shipped_losses() -> None:
    found = {e.name: [k.operation for k in kinks(resolved(e.definition))] for e in LOSSES}
    expected = {"absolute_error": ["abs"], "huber": ["abs", "where"], "quantile": ["where"], "expectile": ["where"]}
    assert {name: ops for name, ops in found.items() if ops} == {**expected, "rmse": ["sqrt"], "laplace": ["abs"]}


def test_signs_that_the_form_shows() -> None:
    z = symbol("z", "raw", ["example", "class"])
    assert is_positive(make("class_sum", make("exp", z)))
    assert is_positive(ls.sqrt(ls.over_classes(make("softmax", z) ** 2)))
    assert is_nonnegative(Z * Z) and not is_positive(Z * Z)
    assert not is_nonnegative(Z - Z) and not is_positive(ls.exp(Z) - 1)
