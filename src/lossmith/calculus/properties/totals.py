"""How much exp(-loss) adds up to over all targets, at chosen raw predictions: 1 for a complete density.

Comes in: the formula of one example and raw predictions. Goes out: the totals, by sums over whole numbers and classes
and by the double-exponential rule (Takahasi and Mori 1974) over lines: split at the prediction and at corners, from
1e-65 to 1e65.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.formula.node import Node
from lossmith.interpret import NUMPY, interpret

Floats = NDArray[np.float64]

REACH: Final = 5.25  # exp(pi/2 sinh 5.25) = 1e65
POINTS: Final = 6001
COUNTS: Final = 20001
SMALL: Final = 1e-9
SHIFTS: Final = (0.0, -140.0, -280.0)


@dataclass(frozen=True)
class Total:
    """The sum or integral of exp(-loss) over all targets; infinite where it does not converge, NaN without one."""

    value: float
    of: str


@dataclass(frozen=True, eq=False)
class Density:
    """exp(-loss) as a function of the target, at one raw prediction (several heads: one each; classes: a row).

    `centre`: a target that fits; `corners`: other targets at which the function has a corner or a jump.
    """

    node: Node
    target: Node
    fixed: Mapping[Node, Any]
    raw: Mapping[Node, Any]
    centre: float
    corners: tuple[float, ...] = ()

    def logarithm(self, targets: Floats) -> Floats:
        """Minus the loss at targets (n,) or rows of targets (n, classes)."""
        targets = targets if targets.ndim == 2 else targets.reshape(-1, 1)
        rows = {leaf: np.repeat(np.atleast_2d(value), len(targets), axis=0) for leaf, value in self.raw.items()}
        with np.errstate(all="ignore"):
            found = interpret([self.node], {**self.fixed, **rows, self.target: targets}, NUMPY)[0]
        return np.asarray(-np.broadcast_to(found, (len(targets), 1))[:, 0], dtype=np.float64)


def total(density: Density, kind: str, classes: int = 3) -> Total:
    """The total over all targets of a kind: `real`, `positive`, `nonnegative`, `count`, `fraction`, `binary`, `class`."""
    return TOTALS[kind](density, classes)


def _sum(logs: Floats, of: str) -> Total:
    """A sum of exponentials whose terms must have died out at the end."""
    with np.errstate(over="ignore"):
        terms = np.exp(logs)
    added = float(terms.sum())
    alive = of == "whole numbers" and terms[-1] * len(terms) > SMALL * added
    return Total(np.inf if alive else added, of)


def _outcomes(density: Density, classes: int) -> Total:
    return _sum(density.logarithm(np.array([0.0, 1.0])), "both outcomes")


def _classes(density: Density, classes: int) -> Total:
    return _sum(density.logarithm(np.eye(classes)), "all classes")


def _counts(density: Density, classes: int) -> Total:
    return _sum(density.logarithm(np.arange(COUNTS, dtype=np.float64)), "whole numbers")


def _line(density: Density, classes: int) -> Total:
    """From corner to corner, and from the outermost ones to the ends."""
    at = sorted({density.centre, *density.corners})
    inner = [_between(density, low, high) for low, high in pairwise(at)]
    return _joined([*inner, _half(density, lambda t: at[-1] + t), _half(density, lambda t: at[0] - t)])


def _half_line(density: Density, classes: int) -> Total:
    below = _between(density, 0.0, density.centre)
    return _joined([below, _half(density, lambda t: density.centre + t)])


def _unit(density: Density, classes: int) -> Total:
    return _joined([_between(density, 0.0, density.centre), _between(density, density.centre, 1.0)])


def _joined(parts: Sequence[float]) -> Total:
    return Total(float(sum(parts)), "all numbers")


def _half(density: Density, place: Callable[[Floats], Floats]) -> float:
    """The integral over the distance t > 0 with t = exp(pi/2 sinh u); infinite if the far end is still alive."""
    u = np.linspace(-REACH, REACH, POINTS)
    for shift in SHIFTS:  # nearer to 0 where all of it lies below the smallest distance
        exponent = np.pi / 2 * np.sinh(u) + shift
        logs = density.logarithm(place(np.exp(exponent))) + exponent + np.log(np.pi / 2 * np.cosh(u))
        if np.argmax(logs) > 0:
            break
    return _added(logs, u[1] - u[0], open_end=True)


def _between(density: Density, low: float, high: float) -> float:
    """The integral between two numbers, by y = low + (high - low) / (1 + exp(-pi sinh u))."""
    u = np.linspace(-4.0, 4.0, POINTS)
    share = 1 / (1 + np.exp(-np.pi * np.sinh(u)))
    other = 1 / (1 + np.exp(np.pi * np.sinh(u)))
    weight = np.pi * np.cosh(u) * share * other * (high - low)
    with np.errstate(divide="ignore"):
        logs = density.logarithm(np.where(share < 0.5, low + (high - low) * share, high - (high - low) * other))
        logs = logs + np.log(weight)
    return _added(logs, u[1] - u[0], open_end=False)


def _added(logs: Floats, step: float, *, open_end: bool) -> float:
    """The sum of the rule; a loss that is no number far out (infinity - infinity) counts as infinite there."""
    last = len(logs) - len(logs) // 4
    logs = np.where(np.isnan(logs) & (np.arange(len(logs)) >= last) & open_end, -np.inf, logs)
    with np.errstate(over="ignore"):
        added = float(np.exp(logs).sum() * step)
    alive = open_end and np.exp(min(float(logs[-1]), 700.0)) > SMALL * max(added, 1e-300)
    return float("inf") if alive else added


TOTALS: Final[Mapping[str, Callable[[Density, int], Total]]] = {
    "real": _line,
    "positive": _half_line,
    "nonnegative": _half_line,
    "count": _counts,
    "fraction": _unit,
    "binary": _outcomes,
    "class": _classes,
}
