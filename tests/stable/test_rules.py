"""Rules for derivatives: equal in exact arithmetic, and a planted point where the unruled form has no digits."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.node import substitute, symbol, symbols
from lossmith.formula.rewrite import Rule
from lossmith.interpret import BALLS, NUMPY, interpret
from lossmith.stable.rules import STABLE, stabilise

Z = symbol("z", "raw", ["example"])
Y = symbol("y", "target", ["example"])
C = symbol("c", "column", ["example"])
WILD = {"?A": Z, "?B": Y, "?C": C}
VALUES = {Z: [[0.3], [-2.0], [40.0]], Y: [[0.25], [3.0], [1e-9]], C: [[0.7], [1.5], [2.5]]}


def sides(rule: Rule) -> tuple[object, object]:
    names = {w: WILD[repr(w)] for w in symbols(rule.pattern, rule.replacement)}
    return substitute(rule.pattern, names), substitute(rule.replacement, names)


RULES = [rule for rule in STABLE if isinstance(rule, Rule)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: repr(r.pattern))
def test_both_sides_are_equal_in_exact_arithmetic(rule: Rule) -> None:
    a, b = np.broadcast_arrays(*interpret(list(sides(rule)), VALUES, BALLS(300)))  # type: ignore[arg-type]
    assert all(abs(x - y) < 1e-60 * (1 + abs(x)) for x, y in zip(a.ravel(), b.ravel(), strict=True))


def test_the_gradient_of_poisson_near_its_root_keeps_its_digits() -> None:
    """exp(z) - y at z = 1e-12, y = 1: the plain difference is 1e-4 wrong."""
    gradient = ls.get("poisson").using("numpy").per_example_gradient([1.0], [1e-12])
    assert gradient[0] == pytest.approx(np.expm1(1e-12), rel=4e-16)
    assert abs((np.exp(1e-12) - 1.0) / np.expm1(1e-12) - 1) > 1e-6


def test_the_gradient_of_gamma_near_its_root_keeps_its_digits() -> None:
    gradient = ls.get("gamma").using("numpy").per_example_gradient([1.0], [1e-12])
    assert gradient[0] == pytest.approx(-np.expm1(-1e-12), rel=4e-16)


def test_what_vanishes_faster_than_the_rest_grows_is_zero_and_no_nan() -> None:
    """The share of Poisson zeros under a mean of exp(1000): 0 times infinity."""
    loss = ls.get("zero_inflated_poisson").using("numpy")
    assert [a.tolist() for a in loss.per_example_gradient_and_hessian([0.0], [1000.0])] == [[0.0], [0.0]]


def test_choices_without_common_terms_are_left_alone() -> None:
    from lossmith.formula.node import constant, make

    zero, one = constant(0.0), Y < Z
    apart = make("where", one, Z, zero) + make("where", one, zero, Y)
    assert stabilise(apart)[0] is apart
    assert stabilise(make("where", one, Z, zero) + make("where", one, -Y, Y))[0] is make("where", one, Z - Y, Y)


def test_terms_of_choices_cancel_within_a_branch() -> None:
    """exp(z) - y at z = 1e-12, y = 1, inside a choice."""
    loss = ls.get("zero_inflated_poisson").using("numpy")
    assert loss.per_example_gradient([1.0], [1e-12])[0] == pytest.approx(np.expm1(1e-12), rel=4e-16)


def test_a_common_factor_does_not_cost_the_digits_at_a_root() -> None:
    """shape - shape * exp(-z) y at z = 1e-12, y = 1."""
    gradient = ls.get("gamma_likelihood", shape=3.7).using("numpy").per_example_gradient([1.0], [1e-12])
    assert gradient[0] == pytest.approx(-3.7 * np.expm1(-1e-12), rel=8e-16)


def test_a_difference_from_a_plain_number_is_left_alone() -> None:
    from lossmith.formula.node import constant, make

    node = make("exp", Z) - constant(2.0)
    assert stabilise(node)[0] is node
    assert interpret([node], {Z: [0.0]}, NUMPY)[0].item() == -1.0


def test_a_choice_inside_of_a_mean_belongs_to_the_other_rows() -> None:
    """Within a branch the same condition is decided for this row only."""
    loss = ls.get("quantile", level=0.04).flood(0.3).using("numpy")
    y, raw = np.array([1.0, 1.0, 1.0]), np.array([0.0, 2.0, 3.0])
    step = 1e-6
    for row in range(3):
        up, down = raw.copy(), raw.copy()
        up[row], down[row] = raw[row] + step, raw[row] - step
        slope = (loss.value(y, up) - loss.value(y, down)) / (2 * step)
        assert abs(loss.gradient(y, raw)[row] - slope) < 1e-8  # the loss is linear there
