"""What every row reads of an overlap is finished once: equal in exact arithmetic, and rounded less than term by term."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.node import constant, make, symbol, walk
from lossmith.interpret import BALLS, interpret, truths
from lossmith.numerics.formats import FLOAT64
from lossmith.stable.overlaps import in_two_words, slope_of_overlap
from lossmith.stable.patterns import by_patterns

Y, Z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
S, K = symbol("s", "parameter"), symbol("k", "parameter")
P, TWO = make("sigmoid", Z), constant(2.0)
TOP, BOTTOM = make("example_sum", TWO * Y * P) + S, make("example_sum", Y) + make("example_sum", P) + S
ROWS = {Y: [[1.0], [0.0], [0.3], [1.0]], Z: [[-3.0], [2.0], [0.5], [-40.0]], S: 0.25, K: 3.0}


def slope(top, bottom):
    return make("safe_divide", (make("safe_divide", top, bottom) - TWO * Y) * make("sigmoid_slope", Z), bottom) / K


@pytest.mark.parametrize(("rule", "node"), [(slope_of_overlap, slope(TOP, BOTTOM)), (in_two_words, TOP)])
def test_both_sides_are_equal_in_exact_arithmetic(rule, node) -> None:
    found = rule(node)
    assert found is not None
    before, after = np.broadcast_arrays(*(interpret([n], ROWS, BALLS(300))[0] for n in (node, found)))
    assert all(abs(a - b) < 1e-60 for a, b in zip(before.ravel(), after.ravel(), strict=True))


@pytest.mark.parametrize("node", [TOP / BOTTOM, Y + S, make("example_sum", Y), slope(Y, BOTTOM) + S])
def test_other_formulas_are_left_alone(node) -> None:
    assert slope_of_overlap(node) is None and in_two_words(node) is None


def test_sums_keep_what_rounding_takes_from_them() -> None:
    """1 + 2**-53 + 2**-53 is 1 where each step is rounded; the truth is the next double."""
    loss = ls.parse("(sum(y) + sum(p) + 1) / 1", target="nonnegative", link="exp")
    raw = np.array([-53 * np.log(2.0)])
    assert loss.using("numpy").value([2.0**-53], raw) > 1.0
    assert any(n.op == "two_words" for n in walk(by_patterns(loss.expressions.value)))


def test_the_gradient_of_dice_is_within_its_bound_on_many_batches() -> None:
    """4 units, as for every everyday loss (hard labels, where no rule is needed but the plain one)."""
    loss, random = ls.get("dice").using("numpy"), np.random.default_rng(3)
    leaves = {"y": loss.definition.roles.leaves["y"], "z": loss.definition.roles.raw[0]}
    for _ in range(40):
        y, raw = random.integers(0, 2, (6, 3)).astype(float), 10.0 * random.standard_normal((6, 3))
        values = {leaves["y"]: y, leaves["z"]: raw, symbol("smooth", "parameter"): 1.0}
        exact = truths([loss.expressions.gradient[0]], values, FLOAT64)[0].rounded
        assert (np.abs(loss.gradient(y, raw) - exact) <= 4 * np.spacing(np.abs(exact))).all()


@pytest.mark.parametrize("raw", [-709.8, -720.0, -745.0])
def test_an_overlap_that_nearly_vanishes_has_a_finite_gradient(raw: float) -> None:
    """2 / d is infinite there."""
    assert np.isfinite(ls.get("dice", smooth=0.0).using("numpy").gradient([0.0], [raw])).all()
