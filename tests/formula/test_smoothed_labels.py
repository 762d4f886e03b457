"""Smoothed labels in formulas: complements without the difference, equal in exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.lift import lift
from lossmith.formula.lift_procedures import complement_of
from lossmith.formula.node import constant, make, symbol
from lossmith.formula.outcomes import smoothed
from lossmith.interpret import BALLS, interpret, truths
from lossmith.numerics.formats import FLOAT64

Y, Z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
YK, ZK = symbol("y", "target", ["example", "class"]), symbol("z", "raw", ["example", "class"])
E, F = symbol("e", "parameter"), symbol("f", "parameter")
ONE = constant(1.0)
P, Q = make("sigmoid", Z), make("sigmoid", -Z)
ONCE, TWICE = (
    smoothed(Y, Y, E, of_classes=False),
    smoothed(smoothed(Y, Y, E, of_classes=False), Y, F, of_classes=False),
)
OF_CLASSES = smoothed(YK, YK, E, of_classes=True)
VALUES = {Y: [[0.0], [1.0], [0.3]], Z: [[0.5], [-40.0], [3.0]], E: 0.1, F: 0.003}
ROWS = {YK: [[0.0, 1.0, 0.0], [0.2, 0.3, 0.5]], ZK: [[1.0, -2.0, 40.0], [0.0, 1.0, 2.0]], E: 0.1, F: 0.003}


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (ONE - ONCE, VALUES),
        (ONE - TWICE, VALUES),
        (ONE - OF_CLASSES, ROWS),
        (ONCE - P, VALUES),
        (P - TWICE, VALUES),
        (OF_CLASSES - make("softmax", ZK), ROWS),
        (ONE - (ONCE * P + complement_of(ONCE) * Q), VALUES),
        (ONE - (ONCE * Z + complement_of(ONCE) * (ONE - Z)), VALUES),
        (ONE - make("class_sum", OF_CLASSES * make("softmax", ZK)), ROWS),
        (ONE - make("class_sum", YK * ZK), ROWS),
        (ONE - (Y * Z + (ONE - Y) * (ONE - Z)), VALUES),
    ],
)
def test_what_is_rewritten_is_equal_in_exact_arithmetic(node, values) -> None:
    found = lift(node)[0]
    assert found is not node
    before, after = (interpret([n], values, BALLS(400))[0] for n in (node, found))
    before, after = np.broadcast_arrays(before, after)
    assert all(abs(a - b) < 1e-80 for a, b in zip(before.ravel(), after.ravel(), strict=True))


def test_what_is_no_label_has_no_complement() -> None:
    assert (
        complement_of(Z) is None and complement_of(P + E / 2) is None and complement_of((ONE - F) * Y + E / 2) is None
    )


@pytest.mark.parametrize("epsilon", [0.0, 1e-9, 1e-3, 0.3])
@pytest.mark.parametrize("base", ["brier", "dice"])
def test_a_smoothed_loss_keeps_its_small_gradients(base: str, epsilon: float) -> None:
    """Where the label is nearly hard and the probability near it, the difference of the two has no digits left."""
    loss = ls.get(base).smooth(epsilon)
    y, raw = np.array([1.0, 0.0, 1.0, 0.0]), np.array([40.0, -38.0, 25.0, -300.0])
    leaves = loss.definition.roles.leaves
    values = {leaves["y"]: y[:, None], loss.definition.roles.raw[0]: raw[:, None]}
    values |= {symbol(k, "parameter"): v for k, v in loss.parameters.items()}
    exact = truths([loss.expressions.gradient[0]], values, FLOAT64)[0].rounded.ravel()
    found = loss.using("numpy").gradient(y, raw) * (len(y) if base == "brier" else 1)
    assert (exact != 0).all()
    assert (np.abs(found - exact) <= 16 * np.spacing(np.abs(exact))).all()
