"""Activations against their textbook values, and against scipy as a second witness, in rigorous arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from scipy import special, stats

from lossmith.calculus.derivative import gradient
from lossmith.catalogue import find_activation
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, symbol, symbols
from lossmith.interpret import BALLS, interpret

X = np.array([-30.0, -3.5, -1.5, -0.25, 0.0, 0.5, 2.0, 30.0])
# Two roundings of the witness, in units of the larger of its value and 1.
BOUND = 4 * float(np.finfo(np.float64).eps)


def values(root: Node, x: Node, **parameters: float) -> np.ndarray:
    leaves = {leaf: parameters[repr(leaf)] for leaf in symbols(root, role="parameter")}
    found = interpret([root], {x: X, **leaves}, BALLS(200))[0]
    return np.broadcast_to(np.vectorize(lambda b: float(b.mid()))(found), (X.size, 1))[:, 0]


WITNESSES = {
    "identity": lambda x: x,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "gelu": lambda x: x * stats.norm.cdf(x),
    "silu": lambda x: x * special.expit(x),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "prelu": lambda x: np.where(x < 0, 0.25 * x, x),
    "celu": lambda x: np.where(x < 0, np.expm1(x), x),
    "selu": lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(x), x),
    "swish": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    "log_sigmoid": special.log_expit,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "scaled_tanh": lambda x: 1.7159 * np.tanh(2 * x / 3),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "hard_tanh": lambda x: np.clip(x, -1.0, 1.0),
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0.0, 1.0),
    "hard_swish": lambda x: x * np.clip((x + 3) / 6, 0.0, 1.0),
    "exponential": np.exp,
}


@pytest.mark.parametrize("name", sorted(WITNESSES))
def test_an_activation_agrees_with_its_witness(name: str) -> None:
    row = find_activation(name)
    defaults = {p.name: p.default or 0.0 for p in row.parameters}
    expected = WITNESSES[name](X)
    assert np.all(
        np.abs(values(row.formula, row.input, **defaults) - expected) <= BOUND * np.maximum(1.0, abs(expected))
    )


@pytest.mark.parametrize("name", sorted(WITNESSES))
def test_a_derivative_is_the_slope_of_its_activation(name: str) -> None:
    row = find_activation(name)
    defaults = {p.name: p.default or 0.0 for p in row.parameters}
    leaves = {leaf: defaults[repr(leaf)] for leaf in symbols(row.formula, role="parameter")}
    found = values(gradient(lift(row.formula)[0], row.input), row.input, **defaults)[X != 0]
    with BALLS(300).context():
        step = arb(2.0**-60)
        pairs = [(arb(float(x)) - step, arb(float(x)) + step) for x in X[X != 0]]
        ends = np.array(pairs, dtype=object).reshape(-1, 1)
        heights = np.broadcast_to(interpret([row.formula], {row.input: ends, **leaves}, BALLS(300))[0], ends.shape)
        slopes = [float(((high - low) / (2 * step)).mid()) for low, high in heights.reshape(-1, 2)]
    # The quotient misses the slope by a third derivative times step**2, far below one rounding.
    assert np.all(np.abs(found - slopes) <= BOUND * np.maximum(2.0**-40, np.abs(slopes)))


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("relu", 0.0),
        ("leaky_relu", 0.01),
        ("elu", 1.0),
        ("relu6", 0.0),
        ("selu", 1.0507009873554805 * 1.6732632423543772),
    ],
)
def test_the_slope_at_the_corner_is_the_left_one(name: str, slope: float) -> None:
    row = find_activation(name)
    defaults = {p.name: p.default or 0.0 for p in row.parameters}
    root = gradient(row.formula, row.input)
    assert values(root, row.input, **defaults)[X == 0].tolist() == [slope]


def test_softmax_rows_are_distributions_and_ignore_a_common_shift() -> None:
    row = find_activation("softmax")
    x = np.array([[1.0, 2.0, -3.0], [1001.0, 1002.0, 997.0]])
    leaves = {row.input: x, symbol("temperature", "parameter"): 1.0}
    found = np.vectorize(lambda b: float(b.mid()))(interpret([lift(row.formula)[0]], leaves, BALLS(200))[0])
    assert np.all(np.abs(found.sum(axis=1) - 1.0) <= BOUND)
    assert found[0].tolist() == found[1].tolist()
    assert np.all(np.abs(found[0] - special.softmax(x[0])) <= BOUND)
