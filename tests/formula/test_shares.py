"""Sums rewritten with terms of one sign, logarithms of products and flat functions: equal in exact arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith.formula.definition import resolved
from lossmith.formula.excess import flat_at_zero
from lossmith.formula.lift import lift
from lossmith.formula.logs import log_of_product, met_exponents
from lossmith.formula.node import Node, constant, make, symbol
from lossmith.formula.parse import parse
from lossmith.formula.polynomial import polynomial, written
from lossmith.formula.shares import of_one_sign
from lossmith.formula.signs import sign_of
from lossmith.interpret import BALLS, interpret
from lossmith.maths import VOCABULARY

Z = symbol("z", "raw", ["example"])
Y = symbol("y", "target", ["example"])
C = symbol("c", "parameter")
ONE = constant(1.0)
P = make("sigmoid", Z)
R = Y - Z
VALUES = {Z: [[0.3], [-2.0], [40.0], [1e-9]], Y: [[0.25], [1.0], [0.0], [1.0]], C: 0.7}

# procedure, before -> after, or None where nothing may change
REWRITTEN = [
    (of_one_sign, ((ONE - Y) - P) + (2 * Y) * P),
    (of_one_sign, make("softplus", Z) - Y * Z),
    (of_one_sign, ONE - make("tanh", Z)),
    (of_one_sign, R + 2 * make("softplus", -R)),
    (of_one_sign, ONE - ONE / (ONE + R**2)),
    (of_one_sign, P * make("sigmoid", -Z) + (P * make("sigmoid", -Z)) * (make("sigmoid", -Z) - P)),
    (of_one_sign, C**2 / make("sqrt", R**2 + C**2) - (R * R) / make("sqrt", R**2 + C**2) ** 3 * C**2),
    (log_of_product, make("log", P ** Y * make("sigmoid", -Z) ** (ONE - Y))),
    (log_of_product, make("log", make("exp", R) + make("exp", -R))),
    (log_of_product, make("log", ONE + C * make("exp", Z))),
    (met_exponents, (Y * make("sigmoid", -Z)) / P),
    (met_exponents, (Y - make("exp", Z)) ** 2 / make("exp", 2 * Z)),
    (met_exponents, ONE / (ONE + make("exp", Z)) ** 2),
    (flat_at_zero, (make("exp", R) - R) - 1),
    (flat_at_zero, make("abs", R) - make("log", ONE + make("abs", R))),
    (flat_at_zero, ((make("exp", Z) - Y * Z) - Y) + make("xlogy", Y, Y)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("procedure", "before"), REWRITTEN, ids=lambda x: repr(x) if isinstance(x, Node) else x.__name__
)
def test_a_procedure_changes_the_form_and_not_the_number(procedure: Any, before: Node) -> None:
    after = procedure(before)
    assert after is not None
    a, b = np.broadcast_arrays(*interpret([before, after], VALUES, BALLS(400)))
    compared = [(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True) if x.is_finite() and y.is_finite()]
    assert len(compared) >= 3 and all(abs(x - y) <= 1e-60 * (1 + abs(x)) for x, y in compared)


@pytest.mark.parametrize("node", [Y - Z, R**2 - 1, make("exp", Z) - Y * Z, P + ONE, Z * Z - Z], ids=repr)
def test_what_has_nothing_to_gain_is_left_alone(node: Node) -> None:
    assert of_one_sign(node) is None and flat_at_zero(node) is None


def test_a_choice_inside_another_sum_is_of_other_rows() -> None:
    """A polynomial never looks into a sum: its rows are others."""
    total = make("example_sum", P)
    terms = polynomial(total * P)
    assert terms is not None and {part for monomial in terms for part, _ in monomial} == {total, P}


def test_a_polynomial_and_its_formula_are_equal() -> None:
    node = (ONE - P) ** 3 * Y - Y / C + (Y - ONE) * P / 3
    terms = polynomial(node)
    assert terms is not None
    back = written(terms, {})
    assert back is not None
    a, b = np.broadcast_arrays(*interpret([node, back], VALUES, BALLS(300)))
    assert all(abs(x - y) < 1e-60 for x, y in zip(a.ravel(), b.ravel(), strict=True))


def test_signs() -> None:
    assert [sign_of(n) for n in (P, -P, Z, Z**2, make("exp", Z) + P, ONE - Y, -make("expm1", -(Z**2)))] == [
        1,
        -1,
        0,
        1,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("log((exp(y-z) + exp(z-y))/2)", "log_cosh"),
        ("z - y + log(1+exp(-2*(z-y))) - log(2)", "log_cosh"),
        ("2/(1+exp(-z)) - 1", "tanh"),
        ("exp(z-y) + y - z - 1", "exp_excess"),
        ("maximum(z,0) - z*y + log1p(exp(-abs(z)))", "softplus"),
    ],
)
def test_spellings_meet_in_one_safe_node(text: str, word: str) -> None:
    node = lift(resolved(parse(text, target="real", vocabulary=VOCABULARY)))[0]
    assert word in repr(node) and "log(" not in repr(node).replace("log(2.0)", "").replace("log(0.5)", "")
