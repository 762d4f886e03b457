"""Back-propagation as numbers: a two-layer model and a few rows come in, every value and every derivative goes out.

Beside each number stands the chain rule that made it, in LaTeX. The derivative of the loss by the raw prediction and that
of the activation are formulas that were derived, not looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import tangent
from lossmith.calculus.sympy_bridge import to_latex
from lossmith.calculus.terms import ONE, or_zero
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.lift import lift
from lossmith.loss.activation import ActivationFunction
from lossmith.report.descent_page.record import Backprop, Floats, Quantity
from lossmith.stable.rules import stabilise
from lossmith.teach.descent.network import Network, Walk
from lossmith.teach.descent.task import Task

# name: (symbol, how the value is made, the chain rule of the derivative, where it comes from in a walk)
RULES: Final[Mapping[str, tuple[str, str, str]]] = {
    "W1": ("W_1", "W_1", r"\frac{\partial L}{\partial W_1} = x^\top \frac{\partial L}{\partial z_1}"),
    "b1": ("b_1", "b_1", r"\frac{\partial L}{\partial b_1} = \sum_{\text{rows}} \frac{\partial L}{\partial z_1}"),
    "z1": (
        "z_1",
        "z_1 = x W_1 + b_1",
        r"\frac{\partial L}{\partial z_1} = \frac{\partial L}{\partial a_1} \cdot \varphi'(z_1)",
    ),
    "a1": (
        "a_1",
        r"a_1 = \varphi(z_1)",
        r"\frac{\partial L}{\partial a_1} = \frac{\partial L}{\partial z_2} W_2^\top",
    ),
    "W2": ("W_2", "W_2", r"\frac{\partial L}{\partial W_2} = a_1^\top \frac{\partial L}{\partial z_2}"),
    "b2": ("b_2", "b_2", r"\frac{\partial L}{\partial b_2} = \sum_{\text{rows}} \frac{\partial L}{\partial z_2}"),
    "z2": ("z_2", "z_2 = a_1 W_2 + b_2", r"\frac{\partial L}{\partial z_2}"),
}


def backprop(task: Task, network: Network, parameters: Floats, rows: NDArray[np.int64]) -> Backprop:
    """Every value and derivative of a two-layer network on these rows; the loss is that of these rows alone.

    Shapes: rows B, features p, hidden h, outputs k: z1 and a1 (B, h), z2 (B, k), W1 (p, h), W2 (h, k).
    Raises `ArgumentError` LM575 for a network of another depth.
    """
    if len(network.widths) != 3:
        raise ArgumentError("LM575", "back-propagation is shown for the two-layer model: model='two-layer'.")
    some = task.take(np.asarray(rows))
    walk = network.walked(some.X, parameters)
    loss, slope = some.value_and_slope(walk.before[-1])
    found = _derivatives(walk, slope)
    values = {
        "W1": walk.layers[0][0],
        "b1": walk.layers[0][1],
        "z1": walk.before[0],
        "a1": walk.after[1],
        "W2": walk.layers[1][0],
        "b2": walk.layers[1][1],
        "z2": walk.before[1],
    }
    kept = [name for name in RULES if network.intercept or not name.startswith("b")]
    return Backprop(
        loss,
        tuple(int(row) for row in rows),
        network.activation.name,
        some.X,
        _target_words(some.y, len(rows)),
        tuple(Quantity(RULES[n][0], n, *RULES[n][1:], np.array(values[n]), found[n]) for n in kept),
        _slope_rule(task),
        _activation_rule(network.activation),
        network.activation.derivative(walk.before[0]),
    )


def _derivatives(walk: Walk, slope: Floats) -> dict[str, Floats]:
    """The chain rule, backwards, a line for each quantity."""
    a1, x, W2 = walk.after[1], walk.after[0], walk.layers[1][0]
    by_z2 = slope
    by_W2, by_b2 = a1.T @ by_z2, by_z2.sum(axis=0)
    by_a1 = by_z2 @ W2.T
    by_z1 = by_a1 * walk.network.activation.derivative(walk.before[0])
    by_W1, by_b1 = x.T @ by_z1, by_z1.sum(axis=0)
    return {"z2": by_z2, "W2": by_W2, "b2": by_b2, "a1": by_a1, "z1": by_z1, "W1": by_W1, "b1": by_b1}


def _target_words(y: Any, count: int) -> tuple[str, ...]:
    if isinstance(y, Mapping):
        return tuple(", ".join(f"{name} {part[k]:g}" for name, part in y.items()) for k in range(count))
    return tuple(" ".join(f"{v:g}" for v in np.atleast_1d(y[k])) for k in range(count))


def _slope_rule(task: Task) -> str:
    """The derivative of one row's term (or of the finished loss) by z, in LaTeX; empty where it has several parts."""
    found = task.loss.expressions
    if len(found.gradient) != 1:
        return ""
    left = r"\frac{\partial \ell}{\partial z}" if found.additive else r"\frac{\partial L}{\partial z}"
    try:
        return f"{left} = {to_latex(found.gradient[0])}"
    except UnsupportedError:
        return ""


def _activation_rule(function: ActivationFunction) -> str:
    formula = lift(function.record.formula)[0]
    slope = stabilise(or_zero(tangent(formula, {function.record.input: ONE})))[0]
    return rf"\varphi'(x) = {to_latex(slope)}"
