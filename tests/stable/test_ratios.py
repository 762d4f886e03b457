"""c - c N/D as c (D - N)/D: found in gradients of overlaps, equal in exact arithmetic, and never where it would cancel."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.node import constant, make, symbol, walk
from lossmith.interpret import BALLS, interpret, truths
from lossmith.numerics.formats import FLOAT64
from lossmith.stable.ratios import left_of_common, left_of_one, merged_mixture

Y, Z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
S, A = symbol("s", "parameter"), symbol("a", "parameter")
P, Q = make("sigmoid", Z), make("sigmoid", -Z)
ONE, TWO = constant(1.0), constant(2.0)
MISSED = make("example_sum", Y * Q + (ONE - Y) * P)
EVERYTHING = make("example_sum", Y) + make("example_sum", P) + S
ROWS = {Y: [[1.0], [0.0], [0.3], [1.0]], Z: [[-3.0], [2.0], [0.5], [-40.0]], S: 0.25, A: 0.7}


@pytest.mark.parametrize(
    "node",
    [
        ONE - make("safe_divide", MISSED, EVERYTHING),
        A - make("safe_divide", A * MISSED, EVERYTHING),
        A * (ONE - Y) - make("safe_divide", MISSED * A, EVERYTHING),
    ],
)
def test_both_sides_are_equal_in_exact_arithmetic(node) -> None:
    found = left_of_one(node)
    assert found is not None
    before, after = (interpret([n], ROWS, BALLS(300))[0] for n in (node, found))
    before, after = np.broadcast_arrays(before, after)
    assert all(abs(a - b) < 1e-60 for a, b in zip(before.ravel(), after.ravel(), strict=True))


@pytest.mark.parametrize(
    "node",
    [
        ONE - make("safe_divide", make("example_sum", TWO * P), EVERYTHING),  # s + sum of y - p: it would cancel
        Y - make("safe_divide", MISSED, EVERYTHING),
        ONE - make("safe_divide", A * MISSED, EVERYTHING),
        ONE - make("safe_divide", MISSED, ONE + Z),
        ONE - P,
    ],
)
def test_other_differences_are_left_alone(node) -> None:
    assert left_of_one(node) is None


@pytest.mark.parametrize("loss", [ls.get("dice"), ls.get("dice", smooth=0.0), ls.get("tversky", alpha=0.3, beta=0.7)])
def test_the_gradient_keeps_its_digits_where_nearly_all_is_missed(loss) -> None:
    """N/D is 1 but for 1e-13: a difference would keep three digits."""
    y, raw = np.array([1.0, 0.0, 0.0, 1.0]), np.array([-31.0, 30.0, 28.0, -35.0])
    leaves = loss.definition.roles.leaves
    values = {leaves["y"]: y[:, None], loss.definition.roles.raw[0]: raw[:, None]}
    values |= {symbol(k, "parameter"): v for k, v in loss.parameters.items()}
    exact = truths([loss.expressions.gradient[0]], values, FLOAT64)[0].rounded.ravel()
    found = loss.using("numpy").gradient(y, raw)
    assert (np.abs(found - exact) <= 16 * np.spacing(np.abs(exact))).all()


def test_it_is_found_in_the_gradient_of_dice_in_a_sum_too() -> None:
    alone, joined = ls.get("dice"), ls.get("brier") + 0.3 * ls.get("dice")
    hits = {n for n in walk(alone.expressions.gradient[0]) if n.op == "example_sum"}
    assert len(hits) == 3 and hits <= set(walk(joined.expressions.gradient[0]))


INFLATED = S + A * make("exp", -make("exp", Z))


@pytest.mark.parametrize(
    ("rule", "node"),
    [
        (left_of_common, Q / INFLATED - Q * (S * make("exp", Z) / INFLATED / INFLATED)),
        (
            merged_mixture,
            (ONE - Y) * make("safe_divide", make("example_sum", TWO * Y * P) + S, EVERYTHING)
            - Y * make("safe_divide", MISSED, EVERYTHING)
            - Y,
        ),
    ],
)
def test_other_ratios_are_equal_in_exact_arithmetic_too(rule, node) -> None:
    found = rule(node)
    assert found is not None
    before, after = np.broadcast_arrays(*(interpret([n], ROWS, BALLS(300))[0] for n in (node, found)))
    assert all(abs(a - b) < 1e-60 for a, b in zip(before.ravel(), after.ravel(), strict=True))


def test_the_hessian_of_inflated_counts_keeps_its_digits_near_its_root() -> None:
    """1 - exp(z) q cancels there: the plain form is off by 41 units of the contract at z = 0.1, zero = 0.75."""
    loss = ls.get("zero_inflated_poisson", zero=0.75).using("numpy")
    raw = np.array([0.1, 1e-8, 0.09, 0.12])
    values = {loss.definition.roles.leaves["y"]: np.zeros((4, 1)), loss.definition.roles.raw[0]: raw[:, None]}
    exact = truths([loss.expressions.hessian[0]], values | {symbol("zero", "parameter"): 0.75}, FLOAT64)[
        0
    ].rounded.ravel()
    found = loss.per_example_gradient_and_hessian(np.zeros(4), raw)[1]
    assert (np.abs(found - exact) <= 2.0**-53 * 0.25).all()  # a quarter ulp of its terms, which are near 1/4
