"""Back-propagation: every derivative against arbitrary precision and against autograd; operations against a count by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import ArgumentError
from lossmith.loss.activation import activation
from lossmith.report.descent_page.record import Backprop
from lossmith.teach.descent.backprop import backprop
from lossmith.teach.descent.counts import case, differences, forward, forward_mode, operation_counts, reverse_mode
from lossmith.teach.descent.network import Network, bend
from lossmith.teach.descent.task import Task, task_of

X = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.1]])
Y = np.array([1.0, 0.0, 1.0])


def given(function: str = "tanh", loss: str = "bce", count: int = 1) -> tuple[Task, Network, np.ndarray, Backprop]:
    task = task_of(loss, X, Y, None, None, None)
    network = Network((2, 3, 1), activation(function))
    parameters = 0.7 * np.random.default_rng(5).standard_normal(network.size)
    return task, network, parameters, backprop(task, network, parameters, np.arange(count))


def in_high_precision(found: Backprop, place: str, at: tuple[int, ...], step: Any) -> Any:
    """The log loss through tanh with one number moved, in 60 digits."""
    from mpmath import exp, mpf, tanh
    from mpmath import log as ln

    def matrix(values: np.ndarray) -> list[list[Any]]:
        return [[mpf(float(v)) for v in row] for row in np.atleast_2d(values)]

    numbers = {q.plain: matrix(q.value) for q in found.quantities} | {"x": matrix(found.x)}
    row, column = at if len(at) == 2 else (0, at[0])
    numbers[place][row][column] += step
    names = [q.plain for q in found.quantities]
    order = ("z1", "a1", "z2")
    reached = order.index(place) if place in order else -1
    assert set(order) < set(names)
    z1, a1, z2 = (numbers[name] for name in order)
    count, hidden = len(numbers["x"]), len(numbers["W2"])
    if reached < 0:
        z1 = [
            [sum(x * numbers["W1"][i][j] for i, x in enumerate(row)) + numbers["b1"][0][j] for j in range(hidden)]
            for row in numbers["x"]
        ]
    if reached < 1:
        a1 = [[tanh(z) for z in row] for row in z1]
    if reached < 2:
        z2 = [[sum(a * numbers["W2"][j][0] for j, a in enumerate(row)) + numbers["b2"][0][0]] for row in a1]
    terms = [ln(1 + 1 / exp(z[0] if y == "1" else -z[0])) for z, y in zip(z2, found.y, strict=True)]
    return sum(terms) / count


@pytest.mark.parametrize("count", [1, 3])
def test_every_derivative_is_that_of_differences_in_sixty_digits(count: int) -> None:
    """A central difference with h = 1e-20 in 60 digits errs by 1e-40; the rest is the rounding of a few products: 1e-13.

    Values of inner layers are rounded to float64 before they are moved, which shifts the derivative by as little.
    """
    from mpmath import mp, mpf

    found = given(count=count)[3]
    with mp.workdps(60):
        h = mpf(10) ** -20
        for line in found.quantities:
            for at in np.ndindex(line.value.shape):
                up, down = (in_high_precision(found, line.plain, at, sign * h) for sign in (1, -1))
                assert line.derivative[at] == pytest.approx(float((up - down) / (2 * h)), rel=1e-12, abs=1e-14), (
                    line.plain
                )


@pytest.mark.peers("torch")
@pytest.mark.parametrize("function", ["tanh", "sigmoid", "relu", "gelu", "softplus"])
def test_every_derivative_is_that_of_autograd(function: str) -> None:
    import torch
    from torch.nn import functional

    found = given(function, count=3)[3]
    of = {q.plain: torch.tensor(q.value, requires_grad=True, dtype=torch.float64) for q in found.quantities}
    z1 = torch.tensor(found.x) @ of["W1"] + of["b1"]
    a1 = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}.get(function, getattr(functional, function, None))(z1)
    z2 = a1 @ of["W2"] + of["b2"]
    for inner in (z1, a1, z2):
        inner.retain_grad()
    functional.binary_cross_entropy_with_logits(z2[:, 0], torch.tensor(Y)).backward()
    leaves = of | {"z1": z1, "a1": a1, "z2": z2}
    for line in found.quantities:
        assert line.derivative == pytest.approx(leaves[line.plain].grad.numpy(), rel=1e-12, abs=1e-15), line.plain


def test_the_gradient_of_the_network_is_the_same() -> None:
    task, network, parameters, _ = given(count=3)
    found = backprop(task, network, parameters, np.arange(3))
    walk = network.walked(task.X, parameters)
    flat = walk.pulled(task.value_and_slope(walk.before[-1])[1])
    joined = network.flat([(found.of(f"W{k}").derivative, found.of(f"b{k}").derivative) for k in (1, 2)])
    assert np.array_equal(flat, joined)


def test_rules_are_formulas_that_were_derived() -> None:
    found = given("tanh")[3]
    assert "z" in found.slope_rule and r"\partial" in found.slope_rule
    assert "cosh" in found.activation_rule  # 1 - tanh^2 = 1 / cosh^2
    assert [q.plain for q in found.quantities] == ["W1", "b1", "z1", "a1", "W2", "b2", "z2"]


def test_a_linear_model_has_no_hidden_layer_to_show() -> None:
    task = task_of("mse", X, Y, None, None, None)
    with pytest.raises(ArgumentError, match="LM575"):
        backprop(task, Network((2, 1), activation("tanh")), np.zeros(3), np.arange(1))


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "softplus", "silu", "elu", "mish"])
def test_second_derivatives_of_activations(name: str) -> None:
    """Central differences of the derivative, h = 1e-5: the error is about 1e-10."""
    x = np.linspace(-3.05, 3.0, 25)
    function = ls.activation(name)
    slope = (function.derivative(x + 1e-5) - function.derivative(x - 1e-5)) / 2e-5
    assert bend(function, x) == pytest.approx(slope, abs=1e-8)


# What a gradient costs ---------------------------------------------------------------------------------------------


def test_the_count_of_a_loss_is_the_formula() -> None:
    """Of h units on p features: p products and p sums each, a tanh, a product and a sum; then a difference and a square."""
    for hidden, features in ((1, 2), (3, 4), (7, 5)):
        assert forward(case(hidden, features))[1] == hidden * (2 * features + 3) + 2


def test_all_ways_give_the_same_gradient() -> None:
    some = case(5, 3)
    assert reverse_mode(some)[0] == pytest.approx(forward_mode(some)[0], rel=1e-13)
    assert differences(some)[0] == pytest.approx(reverse_mode(some)[0], abs=1e-4)  # one-sided, h = 1e-6


def test_reverse_mode_costs_a_fixed_multiple_and_the_others_grow() -> None:
    counts = operation_counts((1, 4, 16))
    for weights, one, rev, fwd, diff in zip(
        counts.weights, counts.forward, counts.reverse_mode, counts.forward_mode, counts.differences, strict=True
    ):
        assert 2 <= rev / one <= 4
        assert diff == (weights + 1) * one + 3 * weights  # a loss more per weight; a sum, a difference, a quotient each
        assert fwd >= weights * one
