"""The lowest point where features are many and rows more: L-BFGS in unknowns that a sample of the rows has made round.

Comes in: a smooth, strictly convex loss over its rows and over a sample of them (`Large`), a start. Goes out: an `Outcome`.
A Newton step would cost n p² multiplications. The second derivative over some thousand rows is close to that over all; in
unknowns turned by its Cholesky factor the objective is nearly a sphere, so that L-BFGS (Liu and Nocedal (1989),
Math. Programming 45, pages 503-528) needs few looks, and a squared slope is twice the gain that is left.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.linear_newton import ENOUGH, Outcome
from lossmith.adapt.linear_problem import ROUNDING, Problem
from lossmith.adapt.linear_products import back, gram

Floats = NDArray[np.float64]
LOOKS: Final = 1_000
MEMORY: Final = 20
SAMPLE: Final = (8_000, 40)  # rows to learn the shape from: so many, or so many for each unknown of an output
WORTH: Final = 2e8  # multiplications of one Newton matrix from which on this way is the shorter one


@dataclass(frozen=True)
class Large:
    """Raw predictions are `(table - centre) @ weights + intercept`; the weights are penalised, the intercept is free."""

    problem: Problem
    table: Floats
    penalty: float
    centre: Floats

    def raw(self, theta: Floats) -> Floats:
        """(n, outputs) for unknowns (p + 1, outputs), the intercept last."""
        found = self.table @ theta[:-1]
        found += theta[-1] - self.centre @ theta[:-1]
        return found

    def look(self, theta: Floats) -> tuple[float, Floats]:
        """The objective and its slope by the unknowns."""
        value, slopes = self.problem.fall(self.raw(theta))
        total = slopes.sum(axis=0)
        weights = back(self.table, slopes) - self.centre[:, None] * total + self.penalty * theta[:-1]
        return value + self.penalty / 2 * float((theta[:-1] ** 2).sum()), np.vstack([weights, total])


def is_large(table: Floats, outputs: int) -> bool:
    """Whether the matrices of a Newton step over all rows cost more than a few walks over them."""
    n, p = len(table), int(table.shape[1])
    return n * p**2 * outputs >= WORTH and n >= 4 * _sampled(p)


def sample_of(table: Floats) -> NDArray[np.bool_]:
    """Which rows to learn the shape from: evenly spread ones, (n,)."""
    n, p = table.shape
    chosen = np.zeros(n, dtype=np.bool_)
    chosen[np.linspace(0, n - 1, min(n, _sampled(p))).astype(np.int64)] = True
    return chosen


def _sampled(p: int) -> int:
    return max(SAMPLE[0], SAMPLE[1] * p)


def minimise_large(large: Large, part: Large, start: Floats, enough: float = ENOUGH) -> Outcome:
    """Descend until the gain to be expected is below the share `enough` of the objective; `part`: a sample of the rows.

    `theta` of the outcome: weights, and the intercept of the moved features as the last row.
    """
    from scipy.optimize import minimize

    turns = [_turn(part, start, k) for k in range(start.shape[1])]
    seen = _Seen(large, start, turns, enough)
    options: dict[str, Any] = {"maxiter": LOOKS, "maxfun": 4 * LOOKS, "maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0}
    with suppress(_Arrived):
        seen.top, slope = seen(np.zeros(start.size))
        seen.unit = float(np.linalg.norm(slope))
        minimize(seen, np.zeros(start.size), jac=True, method="L-BFGS-B", options=options)
    left = seen.least_left <= max(enough, ROUNDING) * seen.size()
    return Outcome(seen.best, seen.value, seen.slope, seen.looks, left, False)


class _Arrived(Exception):  # noqa: N818  the search has found what it looks for
    """Little enough is left to gain."""


@dataclass
class _Seen:
    """The objective in round unknowns, and the best that was met.

    `unit`: the length of the first slope; in such units the first step that L-BFGS-B tries, of length 1, is the right one.
    """

    large: Large
    start: Floats
    turns: list[Floats]
    enough: float
    top: float = 0.0
    unit: float = 1.0
    looks: int = 0
    value: float = np.inf
    least_left: float = np.inf

    def __post_init__(self) -> None:
        self.best, self.slope = self.start, np.zeros_like(self.start)

    def size(self) -> float:
        """What a gain is measured against."""
        return max(abs(self.value), abs(self.top - self.value))

    def __call__(self, round_unknowns: Floats) -> tuple[float, Floats]:
        moved = self.unit * round_unknowns.reshape(self.start.shape[::-1])
        theta = self.start + np.column_stack([_back_turned(t, m) for t, m in zip(self.turns, moved, strict=True)])
        value, slope = self.large.look(theta)
        self.looks += 1
        turned = np.concatenate([_turned(t, column) for t, column in zip(self.turns, slope.T, strict=True)])
        if value <= self.value:
            self.best, self.value, self.slope = theta, value, slope
            self.least_left = float((turned**2).sum()) / 2
            if self.least_left <= self.enough * self.size():
                raise _Arrived
        return value / self.unit**2, turned / self.unit


def _turn(part: Large, start: Floats, k: int) -> Floats:
    """The Cholesky factor of one output's second derivative over a sample of the rows."""
    n, p = part.table.shape
    table = np.column_stack([part.table - part.centre, np.ones(n)])
    bends = np.maximum(part.problem.bends(part.raw(start))[:, k], 0.0)
    matrix = gram(table, bends) + np.diag(np.append(np.full(p, part.penalty), 0.0))
    size = np.sqrt(np.diag(matrix))
    size[size == 0.0] = 1.0
    added = 1e-10
    while True:
        try:
            return np.asarray(np.linalg.cholesky(matrix / size / size[:, None] + added * np.eye(p + 1)) * size[:, None])
        except np.linalg.LinAlgError:
            added *= 100


def _turned(factor: Floats, slope: Floats) -> Floats:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(factor, slope, lower=True, check_finite=False))


def _back_turned(factor: Floats, moved: Floats) -> Floats:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(factor, moved, lower=True, trans="T", check_finite=False))
