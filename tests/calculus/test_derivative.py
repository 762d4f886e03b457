"""The table of derivatives, row by row, against differences of rigorous balls; and the passes that use it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from lossmith.calculus.derivative import PARTIALS, ROW_REVERSE, gradient, or_zero, plus, tangent, times
from lossmith.errors import LossmithError
from lossmith.formula.node import OPERATIONS, constant, make, symbol
from lossmith.interpret import BALLS, interpret
from tests.properties.oracle import BALL, PRECISION, STEP, floats

LEAVES = [symbol(f"x{j}", "raw", ["example"]) for j in range(3)]
ROW = symbol("r", "raw", ["example", "class"])
B = symbol("b", "parameter")
CONDITIONAL = {"where"}
TOLERANCE = 1e-15  # one number derived twice and rounded twice; 2 / sqrt(pi) and log 2 are floats in the formulas

POINTS = np.array([[0.3, 0.7, 0.45], [1.25, 0.5, 2.0], [0.05, 0.9, 1.5]])
SIGNED = {"abs", "sign", "tanh", "sinh", "cosh", "erf", "sin", "cos", "exp", "expm1", "sigmoid", "softplus", "log_cosh"}


def values_at(points: Any) -> dict[Any, Any]:
    return {leaf: points[:, [j]] for j, leaf in enumerate(LEAVES)}


def difference(node: Any, leaf: Any, values: dict[Any, Any]) -> Any:
    """The central difference of a node by one leaf, all its elements moving together."""
    with ctx.workprec(PRECISION):
        moved = [
            interpret([node], values | {leaf: BALL(values[leaf]) + sign * arb(STEP)}, BALLS(PRECISION))[0]
            for sign in (1, -1)
        ]
        return floats((moved[0] - moved[1]) / (2 * arb(STEP)))


@pytest.mark.parametrize("op", sorted(PARTIALS))
def test_each_row_of_the_table_is_the_derivative(op: str) -> None:
    arity = OPERATIONS[op].arity
    args = LEAVES[:arity] if op != "where" else [LEAVES[0] < constant(0.5), *LEAVES[1:3]]
    node = make(op, *args)
    points = np.concatenate([POINTS, -POINTS]) if op in SIGNED - {"log"} else POINTS
    values = values_at(points)
    for j, leaf in enumerate(LEAVES[:3] if op == "where" else LEAVES[:arity]):
        slope = or_zero(tangent(node, {leaf: constant(1.0)}))
        found = floats(np.broadcast_to(interpret([slope], values, BALLS(PRECISION))[0], (len(points), 1)))
        np.testing.assert_allclose(
            found, difference(node, leaf, values), rtol=TOLERANCE, atol=2.0**-100, err_msg=f"argument {j}"
        )


@pytest.mark.parametrize("op", sorted(PARTIALS))
def test_derivatives_of_the_derivatives_are_in_the_table_too(op: str) -> None:
    """A hessian needs them: second derivatives by the same leaf, at a point."""
    arity = OPERATIONS[op].arity
    args = LEAVES[:arity] if op != "where" else [LEAVES[0] < constant(0.5), *LEAVES[1:3]]
    first = or_zero(tangent(make(op, *args), {LEAVES[0]: constant(1.0)}))
    if op in ("digamma",):
        with pytest.raises(LossmithError, match=r"LM301"):
            tangent(first, {LEAVES[0]: constant(1.0)})
        return
    second = or_zero(tangent(first, {LEAVES[0]: constant(1.0)}))
    values = values_at(POINTS)
    found = floats(np.broadcast_to(interpret([second], values, BALLS(PRECISION))[0], (len(POINTS), 1)))
    exact = np.broadcast_to(difference(first, LEAVES[0], values), found.shape)
    np.testing.assert_allclose(found, exact, rtol=TOLERANCE, atol=2.0**-100)


def row_operation(op: str) -> Any:
    return make(op, ROW, B) if OPERATIONS[op].arity == 2 else make(op, ROW)


@pytest.mark.parametrize("op", sorted(ROW_REVERSE))
def test_class_operations_backwards_and_forwards_are_transposes_of_the_derivative(op: str) -> None:
    rng = np.random.default_rng(5)
    row, v, u = rng.normal(size=(1, 4)), rng.normal(size=(1, 4)), rng.normal(size=(1, 4))
    direction, weight = (symbol(name, "column", ["example", "class"]) for name in "vu")
    node = row_operation(op)
    total = make("class_sum", weight * node)
    scalar = make("example_sum", total)
    values = {ROW: row, direction: v, weight: u, B: 1.7}
    with ctx.workprec(PRECISION):
        up, down = (
            interpret([scalar], values | {ROW: BALL(row) + BALL(v) * (sign * arb(STEP))}, BALLS(PRECISION))[0]
            for sign in (1, -1)
        )
        exact = floats((up - down) / (2 * arb(STEP))).item()
    backwards = gradient(scalar, ROW)
    forwards = tangent(scalar, {ROW: direction})
    back, forth = interpret([backwards, forwards], values, BALLS(PRECISION))
    assert (floats(np.broadcast_to(back, (1, 4))) * v).sum() == pytest.approx(exact, rel=1e-14)
    assert floats(forth).item() == pytest.approx(exact, rel=TOLERANCE)


def test_the_gradient_of_a_broadcast_is_a_sum() -> None:
    """Every row reads the mean of all rows: each prediction moves every term."""
    z = LEAVES[0]
    loss = make("example_mean", (z - make("example_mean", z)) ** constant(2.0))
    found = interpret([gradient(loss, z)], {z: [[1.0], [2.0], [6.0]]}, BALLS(100))[0]
    np.testing.assert_allclose(floats(found).ravel(), [-4 / 3, -2 / 3, 2.0], rtol=TOLERANCE)


def test_stop_gradient_counts_as_a_number() -> None:
    z = LEAVES[0]
    assert gradient(make("example_sum", make("stop_gradient", z) * z), z) is make("stop_gradient", z)


def test_structural_zeros_are_dropped_and_values_never_are() -> None:
    z = LEAVES[0]
    assert times(None, z) is None
    assert plus(None, z) is z
    assert gradient(make("example_sum", LEAVES[1]), z) is constant(0.0)
    assert make("multiply", constant(0.0), z) is not constant(0.0)


def test_a_choice_is_kept_around_products() -> None:
    """where(c, x, 0) * b is where(c, x b, 0): b may be infinite where it does not count."""
    x, b, c = LEAVES
    assert times(make("where", c < b, x, constant(0.0)), b) is make("where", c < b, x * b, constant(0.0))


@pytest.mark.parametrize(("factors", "expected"), [((0.5, 2.0), 1.0), ((4.0, 3.0), 12.0), ((0.1, 3.0), None)])
def test_numbers_fold_only_where_the_product_is_exact(factors: tuple[float, float], expected: float | None) -> None:
    x = LEAVES[0]
    folded = times(constant(factors[0]), constant(factors[1]) * x)
    if expected is None:
        assert folded is constant(factors[0]) * (constant(factors[1]) * x)
    else:
        assert folded is (x if expected == 1.0 else constant(expected) * x)


@pytest.mark.parametrize(
    ("op", "at", "slope"),
    [("abs", 0.0, 0.0), ("sqrt", 0.0, 0.0), ("sign", 0.0, 0.0)],
)
def test_declared_subgradients(op: str, at: float, slope: float) -> None:
    from lossmith.interpret import NUMPY

    node = tangent(make(op, LEAVES[0]), {LEAVES[0]: constant(1.0)})
    assert interpret([node], {LEAVES[0]: [at]}, NUMPY)[0].item() == slope


def test_at_a_tie_of_maximum_and_minimum_half_of_each() -> None:
    from lossmith.interpret import NUMPY

    for op in ("maximum", "minimum"):
        node = tangent(make(op, LEAVES[0], constant(3.0)), {LEAVES[0]: constant(1.0)})
        found = interpret([node], {LEAVES[0]: [2.0, 3.0, 4.0]}, NUMPY)[0].ravel().tolist()
        assert found == ([0.0, 0.5, 1.0] if op == "maximum" else [1.0, 0.5, 0.0])
