"""What a loss is, in exact arithmetic: its clean formula (not lifted, not stabilised) over rigorous balls.

Comes in: a case. Goes out: floats that the balls of 400 bits round to. Derivatives are central differences with a step of
2**-120: their own error is about 2**-240 relative, far below a float64, and owes nothing to the table of derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import arb, ctx

from lossmith.formula.definition import resolved
from lossmith.formula.node import Node, symbol
from lossmith.interpret import BALLS, interpret
from lossmith.kernel.rows import Rows, load
from lossmith.loss.handle import Loss

PRECISION = 400
STEP = 2.0**-120
BALL = np.frompyfunc(arb, 1, 1)


def rows_of(loss: Loss, y: Any, raw: Any, weight: Any = None, columns: Any = None) -> Rows:
    return load(loss.definition, y, raw, weight, columns)


def leaves_of(loss: Loss, rows: Rows) -> dict[Node, Any]:
    """Leaves as 2-D float64 arrays (class numbers as one-hot rows) and parameters by value."""
    leaves: dict[Node, Any] = {}
    for leaf, array in rows.leaves.items():
        wide = (array[:, None] == np.arange(rows.classes)) if array.dtype.kind == "i" else array
        wide = wide.astype(np.float64)
        leaves[leaf] = wide if wide.ndim == 2 else wide[:, None]
    return leaves | {symbol(k, "parameter"): v for k, v in loss.parameters.items()}


def evaluate(node: Node, leaves: Mapping[Node, Any], rows: Rows) -> Any:
    return interpret([node], leaves, BALLS(PRECISION), rows.groups)[0]


def floats(balls: Any) -> Any:
    return np.vectorize(lambda b: float(b.mid()), otypes=[np.float64])(balls)


def exact_value(loss: Loss, rows: Rows) -> float:
    return float(floats(evaluate(resolved(loss.definition), leaves_of(loss, rows), rows)).item())


def _moved(leaves: dict[Node, Any], moves: Mapping[Node, Any], step: Any) -> dict[Node, Any]:
    with ctx.workprec(PRECISION):
        return leaves | {leaf: BALL(leaves[leaf]) + BALL(v) * step for leaf, v in moves.items()}


def slope(node: Node, loss: Loss, rows: Rows, moves: Mapping[Node, Any]) -> Any:
    """The derivative of a node when leaves move along the given arrays."""
    leaves = leaves_of(loss, rows)
    with ctx.workprec(PRECISION):
        up = evaluate(node, _moved(leaves, moves, arb(STEP)), rows)
        down = evaluate(node, _moved(leaves, moves, -arb(STEP)), rows)
        return floats((up - down) / (2 * arb(STEP)))


def exact_gradient(loss: Loss, rows: Rows) -> list[Any]:
    """The derivative of the finished number by every raw prediction: one array for each raw leaf."""
    found = []
    for leaf in loss.definition.roles.raw:
        shape = leaves_of(loss, rows)[leaf].shape
        gradient = np.zeros(shape)
        for place in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[place] = 1.0
            gradient[place] = slope(resolved(loss.definition), loss, rows, {leaf: unit}).item()
        found.append(gradient)
    return found


def second_slope(loss: Loss, rows: Rows, one: Mapping[Node, Any], two: Mapping[Node, Any]) -> float:
    """The mixed second derivative of the finished number along two directions, from four values."""
    leaves, node = leaves_of(loss, rows), resolved(loss.definition)
    with ctx.workprec(PRECISION):
        total = arb(0)
        for a in (1, -1):
            for b in (1, -1):
                moved = _moved(_moved(leaves, one, a * arb(STEP)), two, b * arb(STEP))
                total += a * b * evaluate(node, moved, rows).item()
        return float((total / (4 * arb(STEP) * arb(STEP))).mid())


def exact_hessian_times(loss: Loss, rows: Rows, v: list[Any]) -> list[Any]:
    """The hessian of the finished number times a direction, one array for each raw leaf."""
    raw = loss.definition.roles.raw
    direction = dict(zip(raw, v, strict=True))
    found = []
    for leaf in raw:
        shape = leaves_of(loss, rows)[leaf].shape
        result = np.zeros(shape)
        for place in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[place] = 1.0
            result[place] = second_slope(loss, rows, direction, {leaf: unit})
        found.append(result)
    return found


def exact_diagonal(loss: Loss, rows: Rows) -> list[Any]:
    """The diagonal of the hessian of the finished number, one array for each raw leaf."""
    found = []
    for leaf in loss.definition.roles.raw:
        shape = leaves_of(loss, rows)[leaf].shape
        result = np.zeros(shape)
        for place in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[place] = 1.0
            result[place] = second_slope(loss, rows, {leaf: unit}, {leaf: unit})
        found.append(result)
    return found
