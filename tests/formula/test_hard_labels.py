"""Formulas apart for y = 1 and y = 0, masks of rows and the far branches of what underflows: values no formula as written has."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.hard_labels import by_hard_label, folded, into_choice
from lossmith.formula.node import Node, constant, make, symbol
from lossmith.formula.text import to_text
from lossmith.formula.underflow import far_left
from lossmith.stable.masks import mask_of_classes

Y, Z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
YK, ZK = symbol("y", "target", ["example", "class"]), symbol("z", "raw", ["example", "class"])
P, ONE, ZERO = make("sigmoid", Z), constant(1.0), constant(0.0)

# text, target, link, raw, label -> exact value
POINTS = [
    ("-log(abs(1 - y - p))", "binary", "sigmoid", 1000.0, 0.0, 1000.0),
    ("1 - 2*y*p/(y+p)", "binary", "sigmoid", -1000.0, 0.0, 1.0),
    ("y/p + log(p)", "positive", "softplus", -1e6, 2.0, np.inf),
    ("p - y*log(p)", "count", "softplus", -1000.0, 2.0, 2000.0),
    ("-y*log(p) - (1-y)*log(1-p)", "binary", "cloglog", -1000.0, 1.0, 1000.0),
    ("(exp(y-z) + exp(z-y))/2 - 1", "real", None, 1e-10, 0.0, 5e-21),
    ("2*abs(y-p)/(abs(y)+p)", "positive", "exp", 1000.0, 1.0, 2.0),
]


@pytest.mark.parametrize(("text", "target", "link", "raw", "y", "exact"), POINTS)
def test_hard_labels_have_a_value_far_out(
    text: str, target: str, link: str | None, raw: float, y: float, exact: float
) -> None:
    loss = ls.parse(text, target=target, link=link).using("numpy")
    assert loss.per_example([y], [raw])[0] == pytest.approx(exact, rel=1e-14, abs=0.0)


@pytest.mark.parametrize(("text", "target", "link", "raw", "y", "exact"), POINTS)
def test_their_derivatives_are_numbers(
    text: str, target: str, link: str | None, raw: float, y: float, exact: float
) -> None:
    loss = ls.parse(text, target=target, link=link).using("numpy")
    assert not np.isnan(loss.per_example_gradient_and_hessian([y], [raw])).any()


def test_focal_of_the_true_class_has_a_hessian_where_its_share_is_0() -> None:
    loss = ls.parse("-(1-true_class(p))**2*log(true_class(p))", target="class", link="softmax").using("numpy")
    same = ls.get("softmax_focal", gamma=2.0).using("numpy")
    raw = np.array([[-1e4, 0.5, 0.0, -1.0]])
    hessians = [each.per_example_gradient_and_hessian([0], raw)[1] for each in (loss, same)]
    np.testing.assert_allclose(*hessians, rtol=1e-14)


def test_both_outcomes_of_every_class_are_counted_where_the_surest_is_sure() -> None:
    loss = ls.parse("-over_classes(y*log(p) + (1-y)*log(1-p))", target="class", link="softmax").using("numpy")
    raw = np.array([[0.0, 1e4, 0.5, 0.0]])
    gap = 1e4 - np.log(np.exp(0.5) + 2.0)
    assert loss.per_example([0], raw)[0] == pytest.approx(1e4 + gap, rel=1e-14)
    assert loss.per_example_gradient_and_hessian([0], raw)[0][0, 1] == pytest.approx(2.0, rel=1e-14)


def test_a_label_is_put_into_a_polynomial() -> None:
    mixture = Y * P + (ONE - Y) * (ONE - P)
    assert folded(mixture, Y, ONE) is P
    assert to_text(folded(mixture, Y, ZERO)) == "1 - sigmoid(z)"


def test_sums_over_rows_and_classes_are_left_alone() -> None:
    total = make("example_sum", Y * P)
    assert by_hard_label(make("log", Y * P + total)) is None
    assert by_hard_label((Y * P) / make("example_sum", Y + P)) is None
    choice = make("where", make("equal", Y, ONE), P, Z)
    assert into_choice(choice + make("example_sum", Y * P)) is None
    raw_condition = make("where", make("class_max", ZK) > ZERO, ZERO, ZK)
    assert mask_of_classes(make("class_sum", raw_condition)) is None


@pytest.mark.parametrize("node", [make("log", P + ONE), make("log", Y * Z + ONE), Y / (Y + P + ONE)])
def test_what_does_not_vanish_is_left_alone(node: Node) -> None:
    assert by_hard_label(node) is None


def test_what_moves_with_no_raw_prediction_is_left_alone() -> None:
    assert far_left(make("log", make("softplus", Y))) is None
