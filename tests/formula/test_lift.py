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
from lossmith.loss import library
from lossmith.maths import VOCABULARY

RULES = [rule for rule in LIFT if isinstance(rule, Rule)]
Z = symbol("z", "raw", ["example"])
ZK = symbol("zk", "raw", ["example", "class"])
C = symbol("c", "raw", ["example"])
Y = symbol("y", "target", ["example"])
YK = symbol("yk", "target", ["example", "class"])


def is_class_rule(rule: Rule) -> bool:
    over = ("class_sum", "class_logsumexp", "softmax", "softmax_complement", "log_softmax", "softmax_complement_power")
    return any(n.op in over for n in walk(rule.pattern, rule.replacement))


def instance(rule: Rule) -> tuple[Node, Node, dict[Node, Any]]:
    """The two sides of a rule with leaves for its wildcards, and values for them: A in (0, 1), B a share or power."""
    classes = is_class_rule(rule)
    leaves = {"?A": ZK if classes else Z, "?B": YK if classes else Y, "?C": C, "?D": Z > 0.4}
    wild = symbols(rule.pattern, rule.replacement)
    names = {w: leaves[repr(w)] for w in wild}
    if classes:
        labels = [[0.25, 0.0, 1.0], [0.5, 0.125, 1.0], [0.0, 1.0, 0.0]]
        values = {ZK: [[0.3, 0.1, 0.6], [0.2, 0.7, 0.9], [0.4, 0.3, 0.8]], YK: labels, C: [[0.6], [2.5], [1.5]]}
    else:
        values = {Z: [[0.3], [0.7], [0.05]], Y: [[0.25], [0.0], [1.0]], C: [[0.6], [0.9], [0.5]]}
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
        if not x.is_finite() and np.broadcast_to(np.asarray(zero), a.shape)[place] == 0:
            continue  # as written it is a pole, or no number, where the target is 0
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
    ("1 - true_class(p)", [60.0, 0.0], math.exp(-60.0)),
    ("true_class(1 - p)", [60.0, 0.0], math.exp(-60.0)),
    ("true_class(exp(z) / over_classes(exp(z)))", [800.0, 0.0], 1.0),
]


@pytest.mark.parametrize(("text", "row", "exact"), ROWS)
def test_rows_of_classes_are_safe(text: str, row: list[float], exact: float) -> None:
    from lossmith.loss.library import parse as parse_loss

    loss = parse_loss(text, target="class", link="softmax").using("numpy")
    assert loss.value([0], [row]) == pytest.approx(exact, rel=1e-15, abs=0.0)


def test_nothing_is_lifted_that_is_no_identity() -> None:
    for text in ("log(2 - exp(z))", "exp(z) / (2 + exp(z))", "log(z)", "1 - z", "abs(y - z)"):
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


HAPPENED = ["where(y > 0.5, p, 1 - p)", "where(y == 0, 1 - p, p)", "y*p + (1 - y)*(1 - p)"]


@pytest.mark.parametrize("happened", HAPPENED)
def test_focal_written_by_the_probability_of_what_happened_has_the_numbers_of_the_shipped_one(happened: str) -> None:
    """The complement of a sigmoid hidden in a choice or a mixture rounds to 1, and its logarithm to infinity."""
    written = library.parse(f"-(1 - ({happened}))**2.5 * log({happened})", target="binary", link="sigmoid").using(
        "numpy"
    )
    shipped = library.get("focal", gamma=2.5).using("numpy")
    z = np.array([s * x for x in (0.3, 2.5, 17.0, 36.7, 88.0, 700.0, 800.0) for s in (1, -1)])
    for label in (0.0, 1.0):
        y = np.full_like(z, label)
        found = [written.per_example(y, z), *written.per_example_gradient_and_hessian(y, z)]
        exact = [shipped.per_example(y, z), *shipped.per_example_gradient_and_hessian(y, z)]
        for a, b in zip(found, exact, strict=True):  # 16 units each, the bound of both certificates
            np.testing.assert_allclose(a, b, rtol=32 * 2.0**-52)


def test_the_logarithm_of_a_mixture_of_a_soft_label_keeps_its_digits() -> None:
    loss = library.parse("-log(y*p + (1 - y)*(1 - p))", target="binary", link="sigmoid").using("numpy")
    z = np.array([-40.0, 0.0, 1e-9, 40.0])
    exact = -np.log(0.5)  # label one half: the mixture is one half, whatever the prediction
    np.testing.assert_allclose(loss.per_example(np.full(4, 0.5), z), exact, rtol=4 * 2.0**-52)


TRUE_CLASS = {
    "-log(true_class(p))": "cross_entropy",
    "logsumexp_over_classes(z) - true_class(z)": "cross_entropy",
    "-(1 - true_class(p))**2 * log(true_class(p))": "softmax_focal",
}


@pytest.mark.parametrize("text", TRUE_CLASS)
def test_a_loss_of_the_true_class_has_the_numbers_of_the_shipped_one(text: str) -> None:
    """The probability of the true class rounds to 1, and underflows; its complement and its logarithm do neither."""
    written = library.parse(text, target="class", link="softmax").using("numpy")
    shipped = library.get(TRUE_CLASS[text]).using("numpy")
    rows = np.array([[0.3, -1.0, 2.0], [40.0, -3.0, 0.0], [-40.0, 5.0, 6.0], [800.0, -800.0, 1.0]])
    for label in range(3):
        y = np.full(len(rows), label)
        np.testing.assert_allclose(written.per_example(y, rows), shipped.per_example(y, rows), rtol=32 * 2.0**-52)
        found, exact = written.per_example_gradient(y, rows), shipped.per_example_gradient(y, rows)
        np.testing.assert_allclose(found, exact, rtol=64 * 2.0**-52, atol=2.0**-1022)


@pytest.mark.parametrize(
    ("z", "exact"), [(40.0, -math.expm1(-0.7 * math.log1p(math.exp(-40.0))) / 0.7), (-1000.0, 1 / 0.7)]
)
def test_generalised_cross_entropy_of_a_sure_row_is_no_false_zero(z: float, exact: float) -> None:
    loss = library.parse("(1 - (y*p + (1 - y)*(1 - p))**0.7) / 0.7", target="binary", link="sigmoid").using("numpy")
    assert loss.per_example([1.0], [z])[0] == pytest.approx(exact, rel=8 * 2.0**-52, abs=0.0)
    assert np.isfinite(loss.per_example_gradient_and_hessian([1.0], [z])).all()


def test_the_gradient_of_linex_near_its_root_keeps_its_digits() -> None:
    loss = library.parse("exp(a*(z - y)) - a*(z - y) - 1", target="real", parameters={"a": 0.5}).using("numpy")
    assert loss.per_example_gradient([0.0], [2e-9])[0] == pytest.approx(
        0.5 * math.expm1(1e-9), rel=8 * 2.0**-52, abs=0.0
    )
