"""Rules of the yardstick: out-of-fold predictions and targets come in, functions from predictions to actions go out.

Each rule is one row of `RULES`: its name, which predictions it takes, and how it is fitted. They are written again from
their definitions, apart from those of the study, so that one can find the other's faults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.advisor_sets import Floats, GeneratedSet, Metric

Action = Callable[[Floats], Floats]
Weights = tuple[float, ...]
SIZES: Final = 8


@dataclass(frozen=True)
class Problem:
    """What a rule must know: kind of target, cost, the level of the wanted quantile (None: the mean), costs of classes."""

    kind: str
    cost: Metric
    level: float | None
    matrix: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(one: GeneratedSet) -> Problem:
        """The problem of a generated set."""
        return Problem(one.kind, one.cost, one.aim if isinstance(one.aim, float) else None, one.matrix)


def _typical(problem: Problem, residual: Floats) -> float:
    """The shift of least cost: the mean of the residuals, or their quantile."""
    return float(residual.mean() if problem.level is None else np.quantile(residual, problem.level))


# Numbers.


def as_is(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The prediction."""
    return lambda p: p


def shift(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The prediction and a constant."""
    amount = _typical(problem, y - p)
    return lambda p: p + amount


def scale(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The prediction times the factor of least cost."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda c: float(problem.cost(y, c * p).mean()), bounds=(0.1, 5.0), method="bounded")
    return lambda p: p * found.x


def shift_by_size(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The prediction and a shift for each eighth of the predictions by size."""
    edges = np.unique(np.quantile(p, np.arange(1, SIZES) / SIZES))
    place = np.searchsorted(edges, p, side="right")
    amounts = np.array([_typical(problem, (y - p)[place == k]) if (place == k).any() else 0 for k in range(SIZES)])
    return lambda p: p + amounts[np.searchsorted(edges, p, side="right")]


def shift_on_line(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The straight line in the prediction of least cost: a shift and a factor together."""
    from scipy.optimize import minimize

    centre, spread = float(np.median(p)), float(p.std()) or 1.0
    start = (_typical(problem, y - p), 1.0)

    def line(c: Any, p: Floats) -> Floats:
        return np.asarray(centre + c[0] + c[1] * (p - centre))

    found = minimize(
        lambda c: float(problem.cost(y, line((c[0] * spread, c[1]), p)).mean()),
        (start[0] / spread, start[1]),
        method="Nelder-Mead",
    ).x
    return lambda p: line((found[0] * spread, found[1]), p)


# Classes: p is (n,) for two, (n, k) for more.


def _cheapest(problem: Problem, p: Floats) -> Floats:
    table = np.column_stack([1 - p, p]) if p.ndim == 1 else p
    return np.asarray(np.argmin(table @ np.asarray(problem.matrix), axis=1), dtype=np.float64)


def most_probable(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The most probable class."""
    return lambda p: np.asarray(p > 0.5 if p.ndim == 1 else np.argmax(p, axis=1), dtype=np.float64)


def cheapest_class(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The class of least expected cost; for two classes the threshold that the costs imply."""
    return lambda p: _cheapest(problem, p)


def corrected(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The class of least expected cost, class weights undone."""

    def action(p: Floats) -> Floats:
        table = (np.column_stack([1 - p, p]) if p.ndim == 1 else p) / np.asarray(weights)
        return np.asarray(np.argmin(table @ np.asarray(problem.matrix), axis=1), dtype=np.float64)

    return action


def recalibrated(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The class of least expected cost, log-odds stretched and moved by a logistic regression."""
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    def loss(c: Any) -> float:
        z = c[0] + c[1] * logit(p)
        return float(np.mean(np.logaddexp(0.0, np.where(y == 1, -z, z))))

    found = minimize(loss, (0.0, 1.0), method="Nelder-Mead").x
    return lambda p: _cheapest(problem, expit(found[0] + found[1] * logit(p)))


def threshold(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The threshold of least cost."""
    return _cut(_best_cuts(problem, y, p))


def _best_cuts(problem: Problem, y: Floats, line: Floats) -> Floats:
    """Cut points on a line of least cost, all of them at once (dynamic programming over the sorted rows)."""
    order = np.argsort(line, kind="stable")
    costs = np.asarray(problem.matrix)[y[order].astype(np.int64)]  # (n, classes)
    total = np.vstack([np.zeros(costs.shape[1]), np.cumsum(costs, axis=0)])
    best, chosen = total[:, 0].copy(), []
    for k in range(1, costs.shape[1]):  # best[i]: least cost of the first i rows with classes up to k
        gap = best - total[:, k]
        least = np.minimum.accumulate(gap)
        first = np.maximum.accumulate(np.where(gap <= least, np.arange(len(gap)), 0))
        chosen.append(first)
        best = least + total[:, k]
    places, end = [], len(line)
    for first in reversed(chosen):
        end = int(first[end])
        places.append(end)
    ends = np.concatenate(([-np.inf], line[order], [np.inf]))
    middle = np.array([(ends[i] + ends[i + 1]) / 2 for i in reversed(places)])
    return np.maximum.accumulate(middle)


def _cut(levels: Floats) -> Action:
    return lambda p: np.searchsorted(levels, p, side="right").astype(np.float64)


def nearest_grade(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """A number rounded to the nearest grade."""
    last = len(problem.matrix) - 1
    return lambda p: np.clip(np.rint(p), 0, last)


def by_noise(problem: Problem, y: Floats, p: Floats, weights: Weights, cuts: Floats) -> Action:
    """The grade of least expected cost under the logistic noise that the loss of grades stands for."""
    from scipy.special import expit

    def action(p: Floats) -> Floats:
        below = np.column_stack([np.zeros(len(p)), expit(cuts[None, :] - p[:, None]), np.ones(len(p))])
        return _cheapest(problem, np.diff(below, axis=1))

    return action


Fits = Callable[[Problem, Floats, Weights, Floats], bool]
Fit = Callable[[Problem, Floats, Floats, Weights, Floats], Action]


def _number(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return not problem.matrix


def _probability(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return p.ndim == 2 or problem.kind == "binary"


def _binary(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return problem.kind == "binary"


def _weighted(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return bool(weights)


def _line(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return problem.kind == "ordinal" and p.ndim == 1


def _grades(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return len(cuts) > 0


def _plain_line(problem: Problem, p: Floats, weights: Weights, cuts: Floats) -> bool:
    return _line(problem, p, weights, cuts) and not len(cuts)


RULES: Final[tuple[tuple[str, Fits, Fit], ...]] = (
    ("as is", _number, as_is),
    ("shift", _number, shift),
    ("scale", _number, scale),
    ("shift by size", _number, shift_by_size),
    ("shift and scale", _number, shift_on_line),
    ("most probable", _probability, most_probable),
    ("cheapest class", _probability, cheapest_class),
    ("weights undone", _weighted, corrected),
    ("recalibrated", _binary, recalibrated),
    ("tuned threshold", _binary, threshold),
    ("nearest grade", _plain_line, nearest_grade),
    ("cut points", _line, threshold),
    ("cut by the noise", _grades, by_noise),
)
