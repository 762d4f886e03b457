"""Exponentials of computed arguments: quotients and sums keep the digits that rounding would take and exp magnify."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith.formula.node import Node, constant, make, symbol
from lossmith.interpret import truths
from lossmith.numerics.formats import FLOAT64
from lossmith.runtime import numpy_function
from lossmith.stable.arguments import argument_of, quotient
from lossmith.stable.forms import in_plain_operations

Z, Y = symbol("z", "raw", ["example"]), symbol("y", "target", ["example"])
ROW, SHIFT = symbol("r", "raw", ["example", "class"]), symbol("c", "column", ["example", "class"])
T, C, GAMMA = (symbol(name, "parameter") for name in ("t", "c", "g"))
TWO = constant(2.0)
VALUES: dict[Node, Any] = {T: 0.1, C: 2.3, GAMMA: 1.7}
RANDOM = np.random.default_rng(3)
RAW = RANDOM.uniform(-1.0, 1.0, size=400) * np.resize([1.0, 20.0, 60.0], 400)
SECOND_ADDEND = 32  # of a power: the second addend times the exponent, at most 1.7 * 14.2 = 24 here, is rounded once
ULPS = 8  # two words of the argument, one exponential, a product and a quotient

ARGUMENTS = {
    "z / t": Z / T,
    "z / t / c": Z / T / C,
    "z / t + c": Z / T + C,
    "c - z / t": C - Z / T,
    "2 * (z / t)": TWO * (Z / T),
    "(y - z) / t": (Y - Z) / T,
    "2 * (z - y)": TWO * (Z - Y),
    "z - c": Z - C,
    "z": Z,
}


def computed(node: Node, values: dict[Node, Any], classes: int = 1) -> Any:
    names = {leaf: f"a{j}" for j, leaf in enumerate(values)}
    given = [np.asarray(v, dtype=np.float64) for v in values.values()]
    with np.errstate(all="ignore"):
        return np.asarray(numpy_function(names, (in_plain_operations(node),))(*given, classes, 1)[0])


def off(node: Node, values: dict[Node, Any], classes: int = 1) -> float:
    exact = truths([node], values, FLOAT64)[0]
    assert exact.decided.all()
    spacing = np.maximum(np.spacing(np.abs(exact.rounded)), 2.0**-1067)  # rule (d)
    return float((np.abs(computed(node, values, classes) - exact.rounded) / spacing).max())


@pytest.mark.parametrize("text", ARGUMENTS)
@pytest.mark.parametrize("op", ["sigmoid", "softplus", "sigmoid_power"])
def test_a_computed_argument_costs_no_digits(op: str, text: str) -> None:
    x = ARGUMENTS[text]
    values = {**VALUES, Z: RAW[:, None], Y: np.resize([0.3, 1e-8, -7.1], 400)[:, None]}
    node = make(op, x, GAMMA) if op == "sigmoid_power" else make(op, x)
    assert off(node, values) <= (SECOND_ADDEND if op == "sigmoid_power" else ULPS)


@pytest.mark.parametrize("text", ["z / t", "z / t / c", "(y - z) / t", "2 * (z - y)", "z - c"])
def test_rounding_the_argument_would_cost_digits(text: str) -> None:
    """The plain exponential of the rounded argument is off by its size: so the forms above are needed."""
    values = {**VALUES, Z: RAW[:, None], Y: np.resize([0.3, 1e-8, -7.1], 400)[:, None]}
    exact = truths([make("exp", -make("abs", ARGUMENTS[text]))], values, FLOAT64)[0].rounded
    rounded = np.exp(-np.abs(computed(ARGUMENTS[text], values)))
    normal = exact > 2.0**-1000
    assert (np.abs(rounded - exact)[normal] / np.spacing(exact[normal])).max() > 2 * ULPS


ROWS = {"r / t": ROW / T, "r / t / c": ROW / T / C, "r + c": ROW + SHIFT, "r / t + c": ROW / T + SHIFT, "r": ROW}


@pytest.mark.parametrize("text", ROWS)
@pytest.mark.parametrize("op", ["softmax", "softmax_complement", "log_softmax"])
def test_a_row_of_computed_arguments_costs_no_digits(op: str, text: str) -> None:
    rows = RANDOM.uniform(-60.0, 60.0, size=(200, 3))
    shift = np.broadcast_to(np.array([-4.6, -0.01, -9.2]), rows.shape)
    assert off(make(op, ROWS[text]), {T: 0.3, C: 2.3, ROW: rows, SHIFT: shift}, 3) <= 2 * ULPS


def test_the_quotient_of_numbers_is_known_to_twice_the_digits() -> None:
    from fractions import Fraction

    for top, first, second in ((1.0, 0.1, 3.7), (1.7, 10.0, 0.3), (1.0, 2.0, 4.0), (0.0, 0.3, 0.7)):
        found, more = quotient(constant(top), (constant(first), constant(second)))
        values = [float(truths([node], {}, FLOAT64)[0].rounded.item()) for node in (found,)]
        high, low = (float(np.asarray(computed(node, {Z: [[0.0]]})).item()) for node in (found, more))
        exact = Fraction(top) / Fraction(first) / Fraction(second)
        assert high == pytest.approx(values[0])
        if top:
            assert abs(Fraction(high) * (1 + Fraction(low)) / exact - 1) < Fraction(2) ** -98
        else:
            assert (high, low) == (0.0, 0.0)


def test_what_is_no_quotient_or_sum_is_left_alone() -> None:
    assert argument_of(Z).is_leaf and argument_of(-Z).is_leaf and argument_of(make("tanh", Z / T)).is_leaf
    assert argument_of(Z / Y).is_leaf  # the divisor varies over the rows
