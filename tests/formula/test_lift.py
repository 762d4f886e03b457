"""Every lifting identity: equal in exact arithmetic, and removing a fault that floats have without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lossmith import maths as ls
from lossmith.formula.definition import resolved
from lossmith.formula.lift import LIFT, lift
from lossmith.formula.node import Node, constant, make, substitute, symbol, symbols, walk
from lossmith.formula.parse import parse
from lossmith.formula.rewrite import Rule
from lossmith.interpret import BALLS, NUMPY, interpret
from lossmith.maths import VOCABULARY

RULES = [rule for rule in LIFT if isinstance(rule, Rule)]
Z = symbol("z", "raw", ["example"])
ZK = symbol("zk", "raw", ["example", "class"])
Y = symbol("y", "target", ["example"])
YK = symbol("yk", "target", ["example", "class"])


def is_class_rule(rule: Rule) -> bool:
    over = ("class_sum", "class_logsumexp", "softmax", "softmax_complement", "log_softmax", "softmax_complement_power")
    return any(n.op in over for n in walk(rule.pattern, rule.replacement))


def instance(rule: Rule) -> tuple[Node, Node, dict[Node, Any]]:
    """The two sides of a rule with leaves for its wildcards, and values for them: A in (0, 1), B a share or power."""
    classes = is_class_rule(rule)
    leaves = {"?A": ZK if classes else Z, "?B": YK if classes else Y}
    wild = symbols(rule.pattern, rule.replacement)
    names = {w: leaves[repr(w)] for w in wild}
    if classes:
        values = {ZK: [[0.3, 0.1, 0.6], [0.2, 0.7, 0.9]], YK: [[0.25, 0.0, 1.0], [0.5, 0.125, 1.0]]}
    else:
        values = {Z: [[0.3], [0.7], [0.05]], Y: [[0.25], [0.0], [1.0]]}
    return substitute(rule.pattern, names), substitute(rule.replacement, names), values


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.hazard}: {r.pattern!r}")
def test_both_sides_of_a_rule_are_equal_in_exact_arithmetic(rule: Rule) -> None:
    left, right, values = instance(rule)
    zero = values.get(Y, values.get(YK))
    a, b = interpret([left, right], values, BALLS(300))
    a, b = np.broadcast_arrays(a, b)
    compared = 0
    for place in np.ndindex(a.shape):
        x, y = a[place], b[place]
        if "log_zero" in rule.hazard and np.broadcast_to(np.asarray(zero), a.shape)[place] == 0:
            assert y == 0  # 0 * log 0 is 0 by declaration
            continue
        assert abs(x - y) < 1e-60
        compared += 1
    assert compared


def _gradient_free(text: str, target: str = "real", **declared: Any) -> tuple[Node, Node]:
    """A formula as written, and lifted."""
    definition = parse(text, target=target, vocabulary=VOCABULARY, functions={}, **declared)
    node = resolved(definition)
    return node, lift(node)[0]


HARD = [
    # text, target, declaration, raw, y, exact: the clean form is wrong there, the lifted one is not
    ("log(exp(z))", "real", {}, 800.0, 0.0, 800.0),
    ("-log(p)", "binary", {"link": "sigmoid"}, -800.0, 1.0, 800.0),
    ("-log(1 - p)", "binary", {"link": "sigmoid"}, 800.0, 1.0, 800.0),
    ("1 - p", "binary", {"link": "sigmoid"}, 50.0, 1.0, math.exp(-50.0)),
    ("exp(z) / (1 + exp(z))", "real", {}, 800.0, 0.0, 1.0),
    ("log(1 + exp(z))", "real", {}, 800.0, 0.0, 800.0),
    ("log(1 + exp(z))", "real", {}, -50.0, 0.0, math.exp(-50.0)),
    ("log1p(exp(z))", "real", {}, 800.0, 0.0, 800.0),
    ("log(cosh(z))", "real", {}, 800.0, 0.0, 800.0 - math.log(2.0)),
    ("y - p", "binary", {"link": "sigmoid"}, 50.0, 1.0, math.exp(-50.0)),
    ("p - y", "binary", {"link": "sigmoid"}, 50.0, 1.0, -math.exp(-50.0)),
    ("log(1 - z)", "real", {}, 1e-20, 0.0, -1e-20),
    ("y * log(z)", "real", {}, 0.0, 0.0, 0.0),
    ("y * log(y / p)", "fraction", {}, 0.5, 0.0, 0.0),
    ("y / exp(z)", "real", {}, 800.0, 1e200, 1e200 * math.exp(-400.0) * math.exp(-400.0)),
    ("1 + expm1(z)", "real", {}, -50.0, 0.0, math.exp(-50.0)),
    ("p ** 0.5", "positive", {"link": "exp"}, 800.0, 1.0, math.exp(400.0)),
    ("sqrt(p)", "positive", {"link": "exp"}, 800.0, 1.0, math.exp(400.0)),
    ("sqrt(mean((y - z) ** 2))", "real", {}, 3e200, 0.0, 3e200),
    ("sqrt(mean((y - z) * (y - z)))", "real", {}, 3e-200, 0.0, 3e-200),
]


@pytest.mark.parametrize(("text", "target", "declared", "raw", "y", "exact"), HARD)
def test_the_clean_form_fails_where_the_lifted_one_does_not(
    text: str, target: str, declared: dict[str, str], raw: float, y: float, exact: float
) -> None:
    from lossmith.loss.handle import Loss
    from lossmith.stable.forms import in_plain_operations

    definition = parse(text, target=target, vocabulary=VOCABULARY, functions={}, **declared)
    leaves = definition.roles.leaves
    values = {leaves["y"]: [y], leaves["z"]: [raw]}
    clean = interpret([in_plain_operations(resolved(definition))], values, NUMPY)[0].item()
    assert not (abs(clean - exact) <= 1e-6 * abs(exact))
    assert Loss(definition).using("numpy").value([y], [raw]) == pytest.approx(exact, rel=1e-15, abs=0.0)


ROWS = [
    ("log(over_classes(exp(z)))", [800.0, 800.0], 800.0 + math.log(2.0)),
    ("-true_class(log(p))", [-800.0, 0.0], 800.0),
    pytest.param(
        "1 - true_class(p)", [60.0, 0.0], math.exp(-60.0), marks=pytest.mark.xfail(strict=True)
    ),  # not lifted yet
    ("true_class(1 - p)", [60.0, 0.0], math.exp(-60.0)),
    ("true_class(exp(z) / over_classes(exp(z)))", [800.0, 0.0], 1.0),
]


@pytest.mark.parametrize(("text", "row", "exact"), ROWS)
def test_rows_of_classes_are_safe(text: str, row: list[float], exact: float) -> None:
    from lossmith.loss.library import parse as parse_loss

    loss = parse_loss(text, target="class", link="softmax").using("numpy")
    assert loss.value([0], [row]) == pytest.approx(exact, rel=1e-15, abs=0.0)


def test_nothing_is_lifted_that_is_no_identity() -> None:
    for text in ("log(2 + exp(z))", "exp(z) / (2 + exp(z))", "log(z)", "1 - z", "abs(y - z)"):
        node, lifted = _gradient_free(text)
        assert lifted is node, text


def test_lifting_twice_changes_nothing() -> None:
    for text, target, declared, *_ in HARD:
        _, lifted = _gradient_free(text, target, **declared)
        assert lift(lifted)[0] is lifted


def test_every_step_is_recorded_with_its_hazard() -> None:
    node = make("log", constant(1.0) + make("exp", Z))
    lifted, steps = lift(node)
    assert lifted is make("softplus", Z)
    assert [(s.hazard, s.before, s.after) for s in steps] == [("overflow_in_log1p_exp", node, lifted)]


def test_one_minus_a_ratio_of_sums_becomes_one_ratio_of_their_difference() -> None:
    """1 - 2 S(yp) / (S(y) + S(p)) near a perfect overlap, where 1 - ratio has no digits left."""
    from lossmith.loss.library import get

    dice = get("dice", smooth=0.0).using("numpy")
    exact = math.exp(-45.0) / 2  # (1 - p) / (1 + p) to 20 digits
    assert dice.value([1.0], [45.0]) == pytest.approx(exact, rel=4e-16)
    ratio = ls.sum(Y * Z) / ls.sum(Z)
    assert lift(1 - ratio)[0].op == "safe_divide"
    assert lift(2 - ratio)[0].op == "subtract"
