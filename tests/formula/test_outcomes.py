"""The outcomes of a target of classes: which formulas mix them, and what stands in their place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.catalogue import LOSSES, find
from lossmith.formula.node import Node, constant, make, symbol
from lossmith.formula.outcomes import DEGREES, by_outcome, is_mixture, smoothed
from lossmith.formula.text import to_text
from lossmith.interpret import NUMPY, interpret

Y, P, A = symbol("y", "target", ["example"]), symbol("p", "prediction", ["example"]), symbol("a", "parameter")
YK, PK = symbol("y", "target", ["example", "class"]), symbol("p", "prediction", ["example", "class"])
LOG = make("log", P)


@pytest.mark.parametrize(
    ("formula", "mixes"),
    [
        (-Y * LOG - (1 - Y) * make("log", 1 - P), True),
        (Y * 2 + (1 - Y) * 3, True),
        (make("xlogy", Y, P) + make("xlog1py", 1 - Y, -P), True),
        (Y / P - (1 - Y) / (1 - P), True),
        (make("where", P < 0.5, Y * 2, 1 - Y), True),
        (-make("class_sum", YK * make("log", PK)), True),
        (Y * P + 1, False),  # the 1 is of no outcome
        (Y * (1 - Y), False),
        (Y**2, False),
        ((Y - P) ** 2, False),
        (P / Y, False),
        (make("where", Y > 0.5, P, 1 - P), False),
        (make("xlogy", P, Y), False),
        (make("abs", Y), False),
        (P, False),
        (make("minimum", Y * P, (1 - Y) * P), False),
    ],
)
def test_a_mixture_has_one_outcome_in_every_term(formula: Node, mixes: bool) -> None:
    y = YK if "class_sum" in repr(formula) else Y
    assert is_mixture(formula, y) == mixes


def test_the_shipped_losses_that_mix_outcomes() -> None:
    kinds = ("binary", "class", "simplex")
    found = {
        entry.name
        for entry in LOSSES
        if entry.definition.declaration.target[0][1] in kinds
        and is_mixture(entry.definition.formula, entry.definition.roles.leaves["y"])
    }
    assert found == {"binary_cross_entropy", "focal", "cross_entropy", "softmax_focal", "distribution_cross_entropy",
                     "label_smoothed_cross_entropy"}  # fmt: skip


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_a_mixture_is_linear_in_its_labels(y: float, p: float) -> None:
    """What `is_mixture` says from the form holds for the numbers: f(y) = y f(1) + (1 - y) f(0)."""
    for name in ("binary_cross_entropy", "focal"):
        definition = find(name)
        formula, leaves = definition.formula, definition.roles.leaves
        values = dict.fromkeys((symbol("gamma", "parameter"),), 2.0)

        def at(label: float, formula: Node = formula, leaves: object = leaves, values: object = values) -> float:
            return float(interpret([formula], {**values, leaves["y"]: label, leaves["p"]: p}, NUMPY)[0].item())  # type: ignore[index, dict-item]

        # both sides round each of four operations once
        assert at(y) == pytest.approx(y * at(1.0) + (1 - y) * at(0.0), rel=4 * 2.3e-16, abs=1e-300)


def test_what_happened_and_what_did_not_are_replaced_everywhere() -> None:
    formula = Y * LOG + (1 - Y) * make("log", 1 - P)
    assert to_text(by_outcome(formula, Y, Y * A, (1 - Y) * P)) == "y * a * log(p) + (1 - y) * p * log(1 - p)"
    assert by_outcome(formula, Y, Y, 1 - Y) is formula
    assert to_text(by_outcome((Y - P) ** 2, Y, Y * A, 1 - Y)) == "(y * a - p) ** 2"
    assert to_text(by_outcome(1 - Y + Y, Y, A, P)) == "p + a"


@given(st.floats(0, 1), st.floats(0, 0.99))
def test_smoothed_outcomes_still_add_up_to_one(y: float, epsilon: float) -> None:
    rate = symbol("epsilon", "parameter")
    yes, no = smoothed(Y, Y, rate, of_classes=False), smoothed(1 - Y, Y, rate, of_classes=False)
    found = interpret([yes, no], {Y: y, rate: epsilon}, NUMPY)
    # (1 - e) y + e / 2 and its complement: four roundings each
    assert found[0].item() == pytest.approx((1 - epsilon) * y + epsilon / 2, rel=8 * 2.3e-16)
    assert found[0].item() + found[1].item() == pytest.approx(1.0, rel=8 * 2.3e-16)


def test_smoothed_classes_share_epsilon() -> None:
    rate = symbol("epsilon", "parameter")
    rows = np.eye(4)[[1, 3]]
    found = interpret([smoothed(YK, YK, rate, of_classes=True)], {YK: rows, rate: 0.2}, NUMPY)[0]
    np.testing.assert_allclose(found, 0.8 * rows + 0.05, rtol=4 * 2.3e-16)


def test_operations_without_a_rule_keep_no_degree() -> None:
    assert not {"exp", "power", "maximum", "abs", "stop_gradient", "example_sum"} & set(DEGREES)
    for op in ("exp", "abs", "stop_gradient", "sqrt"):
        assert not is_mixture(make(op, Y), Y)
    assert is_mixture(constant(3.0) * Y, Y)
