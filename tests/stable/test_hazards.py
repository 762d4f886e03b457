"""Hazards: the table, who is to blame for a wrong number, branches that are not taken, and what remains in a loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.remaining import kernel_floats, remaining
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node, constant, make, symbol
from lossmith.interpret import interpret
from lossmith.numerics.formats import FLOAT64
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.hazards import CURES, HAZARDS, blame

Z, Y = symbol("z", "raw", ["example"]), symbol("y", "target", ["example"])
ROW = symbol("r", "raw", ["example", "class"])
T = symbol("t", "parameter")
ONE = constant(1.0)
EXP = make("exp", Z)
P = ONE / (ONE + make("exp", -Z))


def test_the_table_holds_every_hazard_and_its_cures() -> None:
    named = ("overflow", "underflow", "cancellation", "zero times infinity", "log of zero", "power of zero")
    assert {*named, "masked branch"} <= set(HAZARDS)
    assert all(row.wrong and row.cures and set(row.cures) <= set(CURES) for row in HAZARDS.values())
    required = {"lift", "complement", "pairing", "compensated", "power split", "series", "scaling", "wide"}
    assert required <= {cure for row in HAZARDS.values() for cure in row.cures}


# a formula over plain operations, where, the operation to blame, the hazard
PLANTED: list[tuple[Node, dict[Node, Any], Node, str]] = [
    (make("log", ONE + EXP), {Z: 800.0}, EXP, "overflow"),
    (EXP / (ONE + EXP), {Z: 800.0}, EXP, "overflow"),
    (make("log", P), {Z: -800.0}, make("exp", -Z), "overflow"),
    (ONE - P, {Z: 40.0}, ONE - P, "cancellation"),
    (make("log", ONE - P), {Z: 40.0}, ONE - P, "cancellation"),
    (Y * make("log", ONE - P) + Z, {Z: 40.0, Y: 1e3}, ONE - P, "cancellation"),
    (make("log", make("exp", -(Z * Z))), {Z: 40.0}, make("exp", -(Z * Z)), "underflow"),
    (make("exp", -(Z * Z)) * make("exp", Z * Z), {Z: 40.0}, make("exp", -(Z * Z)), "underflow"),
    (make("log", ONE + Z), {Z: 1e-20}, make("log", ONE + Z), "magnified rounding"),
    (make("exp", Y * Z), {Z: 600.0, Y: 1.1}, make("exp", Y * Z), "magnified rounding"),
    (make("sqrt", Z * Z), {Z: 1e200}, Z * Z, "overflow"),
    (make("sqrt", Z * Z), {Z: 1e-200}, Z * Z, "underflow"),
    (make("class_sum", make("exp", ROW)) * constant(0.0), {ROW: [800.0, 0.0]}, make("exp", ROW), "overflow"),
]


@pytest.mark.parametrize(("root", "values", "guilty", "hazard"), PLANTED, ids=[str(j) for j in range(len(PLANTED))])
def test_the_right_operation_is_blamed(root: Node, values: dict[Node, Any], guilty: Node, hazard: str) -> None:
    found = blame(root, {leaf: [value] for leaf, value in values.items()}, kernel_floats(), FLOAT64)
    assert found is not None
    assert found.node is guilty
    assert found.hazard.name == hazard


def test_what_compensates_is_not_to_blame() -> None:
    """The rounding of z / t is kept in nodes that are 0 in exact arithmetic: the fault beside them is the one named."""
    careful, careless = in_plain_operations(make("sigmoid", Z / T)), make("exp", Y) - ONE
    values = {Z: [-30.1], T: 0.3, Y: [1e-12]}
    assert blame(careful, values, kernel_floats(), FLOAT64) is None
    found = blame(careful * careless, values, kernel_floats(), FLOAT64)
    assert found is not None and found.node is careless and found.hazard.name == "cancellation"


def test_zero_times_infinity_is_named_where_the_truth_has_no_number_either() -> None:
    root = Y * make("log", Z)
    found = blame(root, {Z: [0.0], Y: [0.0]}, kernel_floats(), FLOAT64)
    assert found is not None and found.node is root and found.hazard.name == "zero times infinity"


def test_many_roundings_are_nobodys_fault() -> None:
    """Each product rounds by half a unit; none of them alone costs two."""
    root: Node = Z
    for _ in range(400):
        root = root * Z
    found = [blame(root, {Z: [z]}, kernel_floats(), FLOAT64, bound=2.0) for z in (1.01, 1.1, 0.9, 0.99)]
    assert {each.hazard.name for each in found if each is not None} == {"many roundings"}


def test_an_overflow_in_a_branch_that_is_not_taken_is_nobodys_fault() -> None:
    root = make("where", constant(100.0) > Z, EXP, Z)
    assert blame(root, {Z: [1000.0]}, kernel_floats(), FLOAT64) is None


# a formula, a raw prediction at which the other branch is infinite or no number, value, gradient, hessian
MASKED = [
    ("where(z > 0, log(z), 0*y)", -1.0, 0.0, 0.0, 0.0),
    ("where(z > 0, log(z), z**2)", -1.0, 1.0, -2.0, 2.0),
    ("where(z > 1, sqrt(z - 1), z)", 0.5, 0.5, 1.0, 0.0),
    ("where(z == 0, y, y/z)", 0.0, 1.0, 0.0, 0.0),
    ("where(z < 100, exp(z), z)", 1000.0, 1000.0, 1.0, 0.0),
    ("where(z > 0, z**1.5, z**2)", -2.0, 4.0, -4.0, 2.0),
    ("where(y > 0.5, z**2, log(-abs(z)))", 3.0, 9.0, 6.0, 2.0),
    ("y*where(abs(z) < 1e200, z, 1/(z - z))", 2.0, 2.0, 1.0, 0.0),
]


@pytest.mark.parametrize(("text", "raw", "value", "gradient", "hessian"), MASKED)
def test_a_branch_that_is_not_taken_spoils_neither_value_nor_derivatives(
    text: str, raw: float, value: float, gradient: float, hessian: float
) -> None:
    loss = ls.parse(text, target="real").using("numpy")
    found = loss.per_example([1.0], [raw]), *loss.per_example_gradient_and_hessian([1.0], [raw])
    assert [float(a[0]) for a in found] == [value, gradient, hessian]


def test_the_branch_that_is_taken_keeps_its_nan() -> None:
    loss = ls.parse("where(z > 0, log(z), z**2)", target="real").using("numpy")
    found = loss.per_example([1.0], [math.nan]), *loss.per_example_gradient_and_hessian([1.0], [math.nan])
    assert all(math.isnan(float(a[0])) for a in found)


# What remains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["binary_cross_entropy", "focal", "student_t", "cross_entropy", "log_cosh"])
def test_the_floats_are_those_of_the_kernel(name: str) -> None:
    loss = ls.get(name)
    random = np.random.default_rng(0)
    classes = loss.definition.declaration.has_classes
    z = random.normal(size=(50, 3) if classes else (50, 1)) * 10.0 ** random.uniform(-3, 3, size=(50, 1))
    y = np.eye(3)[random.integers(0, 3, 50)] if classes else random.integers(0, 2, size=(50, 1)).astype(float)
    roots = [n for n in (loss.expressions.per_example, *loss.expressions.gradient) if n is not None]
    values: dict[Node, Any] = {loss.definition.roles.leaves["y"]: y, loss.definition.roles.raw[0]: z}
    values |= {symbol(key, "parameter"): value for key, value in loss.parameters.items()}
    found = interpret([in_plain_operations(n) for n in roots], values, kernel_floats())
    flat = (y, z) if classes else (y[:, 0], z[:, 0])
    kernel = loss.using("numpy").per_example(*flat), loss.using("numpy").per_example_gradient(*flat)
    for a, b in zip(found, kernel, strict=True):
        np.testing.assert_array_equal(a.reshape(np.shape(b)), b)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "focal", "poisson", "student_t", "cross_entropy", "huber"])
def test_nothing_remains_in_a_loss_that_keeps_the_contract(name: str) -> None:
    found = remaining(ls.get(name), size=120)
    assert [seen.output for seen in found] == ["value", "gradient", "hessian"]
    assert all(seen.points > 80 and not seen.wrong for seen in found)


def test_a_hazard_that_no_rule_knows_is_found_with_its_place() -> None:
    """log(3 + sinh(z)**2) overflows; its gradient is inf / inf there."""
    value, gradient, _ = remaining(ls.parse("log(3 + sinh(z)**2) - y*z", target="binary"), size=200)
    cause = next(c for c in value.found if c.node.op == "sinh")
    assert cause.hazard.name == "overflow" and cause.node.op == "sinh"
    assert abs(cause.point["z"]) > 710.0 and cause.computed == math.inf and math.isfinite(cause.truth)
    assert math.isinf(cause.gave) and "1e+" in cause.inner and cause.units == math.inf
    assert any(c.hazard.name == "overflow" and math.isnan(c.computed) for c in gradient.found)
    assert 0 < value.wrong < value.points


def test_a_cancellation_that_no_rule_knows_is_found_at_the_difference() -> None:
    value = remaining(ls.parse("cosh(z - y) - cos(z - y)", target="real"), size=200)[0]
    found = next(c for c in value.found if c.hazard.name == "cancellation")
    assert found.node.op == "subtract" and abs(found.point["z"] - found.point["y"]) < 1e-2
    assert found.units > 100


def test_what_the_contract_grants_a_sum_of_terms_is_told_apart() -> None:
    value = remaining(ls.get("poisson_likelihood"))[0]
    assert value.wrong == 0 and value.allowed > 0
    assert all(cause.allowed and cause.hazard.name == "cancellation" for cause in value.found)


def test_losses_with_several_heads_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="LM320 several"):
        several = ls.parse("(y - m)**2/s + log(s)", target="real", heads={"m": "identity", "s": "exp"}, name="several")
        remaining(several)
