"""The best rule of each kind on given rows: costs, targets and predictions come in, a rule with its numbers goes out.

Each fit is the exact minimiser over all rules of its kind (`best_recalibration` to the last bits of Newton's method).
`columns` holds what the costs name, `weight` (n,) multiplies the cost of every row.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.algebra.decision.costs import (
    Columns,
    CostMatrix,
    ErrorCosts,
    Floats,
    UnderOver,
    cost_per_row,
    row_costs,
    row_stakes,
    total_weight,
    weighted_quantile,
)
from lossmith.algebra.decision.rules import (
    AsIs,
    Cuts,
    Levels,
    Recalibrated,
    Rule,
    Scale,
    Shift,
    ShiftBySize,
    SortedLevels,
    Threshold,
)
from lossmith.errors import ArgumentError

MOST_SIZES: Final = 5
FEWEST_ROWS: Final = 50
STEPS: Final = 100
HALVINGS: Final = 40
CLOSE: Final = 1e-8
FURTHEST: Final = sys.float_info.max  # a cut point that no prediction reaches; infinity is no JSON


def _arrays(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1 or not len(y):
        raise ArgumentError(
            "LM244",
            f"a rule is fitted on targets and predictions of one shape (n,) with n > 0, found {y.shape} and {p.shape}.",
        )
    return y, p


def _least(places: Floats, bends: Floats, slope: float) -> float:
    """Return where a convex function of straight pieces is least: `slope` at the far left, more by `bends` at `places`."""
    order = np.argsort(places, kind="stable")
    after = slope + np.cumsum(bends[order])
    found = np.flatnonzero(after >= 0)
    return float(places[order[found[0] if len(found) else -1]])


def best_shift(
    costs: UnderOver,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    columns: Columns | None = None,
    weight: ArrayLike | None = None,
) -> Shift:
    """Return the shift with the least cost on these rows: the quantile of the residuals that the costs imply.

    >>> best_shift(UnderOver(5.0, 1.0), [1.0, 2.0, 9.0], [0.0, 0.0, 0.0])
    Shift(amount=9.0)
    """
    y, p = _arrays(y_true, y_pred)
    return Shift(_shift(costs, y - p, total_weight(len(y), row_stakes(costs, y, columns), weight)))


def _shift(costs: UnderOver, residual: Floats, weight: Floats) -> float:
    weight = weight if weight.any() else np.ones(len(residual))
    return _least(residual, weight * (costs.under + costs.over), -costs.under * float(weight.sum()))


def best_scale(
    costs: UnderOver,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    columns: Columns | None = None,
    weight: ArrayLike | None = None,
) -> Scale:
    """Return the factor with the least cost on these rows; predictions may have any sign, those of 0 have no say.

    >>> best_scale(UnderOver(1.0, 1.0), [2.0, 4.0, 90.0], [1.0, 2.0, 3.0])
    Scale(factor=2.0)
    """
    y, p = _arrays(y_true, y_pred)
    weight = total_weight(len(y), row_stakes(costs, y, columns), weight) * np.abs(p)
    used = weight > 0
    if not used.any():
        return Scale(1.0)
    y, p, weight = y[used], p[used], weight[used]
    down = -float(
        (np.where(p > 0, costs.under, costs.over) * weight).sum()
    )  # below 0 a larger factor lowers the prediction
    return Scale(_least(y / p, weight * (costs.under + costs.over), down))


def best_shift_by_size(
    costs: UnderOver,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    columns: Columns | None = None,
    weight: ArrayLike | None = None,
) -> ShiftBySize:
    """Return the best shift in each of up to five ranges of the prediction, of equally many rows and at least 50 each.

    Equal predictions stay in one range; fewer rows than 100 make one range.
    """
    y, p = _arrays(y_true, y_pred)
    weight = total_weight(len(y), row_stakes(costs, y, columns), weight)
    edges = size_edges(p)
    place = np.searchsorted(edges, p, side="right")
    parts = [np.flatnonzero(place == i) for i in range(len(edges) + 1)]
    return ShiftBySize(edges, tuple(_shift(costs, (y - p)[rows], weight[rows]) for rows in parts))


def size_edges(y_pred: ArrayLike, most: int = MOST_SIZES, fewest: int = FEWEST_ROWS) -> tuple[float, ...]:
    """Return the edges of up to `most` ranges of predictions, with equally many rows and at least `fewest` in each.

    >>> size_edges(range(120)), size_edges(range(99))
    ((60.0,), ())
    """
    p = np.sort(np.asarray(y_pred, dtype=np.float64))
    borders = np.flatnonzero(p[1:] > p[:-1]) + 1
    ranges, edges, last = max(1, min(most, len(p) // fewest)), [], 0
    for i in range(1, ranges):
        borders = borders[(borders >= last + fewest) & (borders <= len(p) - fewest)]
        if not len(borders):
            break
        last = int(borders[np.argmin(np.abs(borders - len(p) * i / ranges))])
        edges.append(float(p[last]))
    return tuple(edges)


def _between(low: float, high: float) -> float:
    middle = low + 0.5 * (high - low)
    return middle if middle > low else high


def best_threshold(
    costs: ErrorCosts,
    y_true: ArrayLike,
    probability: ArrayLike,
    columns: Columns | None = None,
    weight: ArrayLike | None = None,
) -> Threshold:
    """Return the threshold with the least cost on these rows, halfway between the two probabilities it parts.

    Every possible threshold is tried, in one sort. Of equally cheap ones the first is taken; a threshold below all
    (above all) probabilities is returned as 0 (as a number just above 1).

    >>> best_threshold(ErrorCosts(1.0, 1.0), [0, 0, 1], [0.1, 0.2, 0.6])
    Threshold(level=0.4)
    """
    y, p = _arrays(y_true, probability)
    missed, alarm = (cost * total_weight(len(y), weight) for cost in row_costs(costs, len(y), columns))
    order = np.argsort(p, kind="stable")
    p, positive = p[order], y[order] == 1
    below = np.concatenate(([0.0], np.cumsum(np.where(positive, missed[order], 0.0))))
    false = np.concatenate(([0.0], np.cumsum(np.where(positive, 0.0, alarm[order]))))
    allowed = np.concatenate(([True], p[1:] > p[:-1], [True]))  # a threshold cannot part equal probabilities
    place = int(np.argmin(np.where(allowed, below + (false[-1] - false), np.inf)))
    if place == 0:
        return Threshold(0.0)
    if place == len(p):
        return Threshold(float(np.nextafter(1.0, 2.0)))
    return Threshold(_between(float(p[place - 1]), float(p[place])))


def best_cuts(
    costs: CostMatrix,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    columns: Columns | None = None,
    weight: ArrayLike | None = None,
) -> Cuts:
    """Return the cut points with the least cost on these rows, for a number on a line of ordered grades.

    Exact, by dynamic programming over the sorted predictions, in O(n k) for k grades. A grade that is never worth
    deciding has two equal cut points (or one that no prediction reaches).

    >>> best_cuts(CostMatrix(((0.0, 1.0), (1.0, 0.0))), [0, 0, 1], [0.3, 0.4, 0.8]).levels[0].__round__(12)
    0.6
    """
    y, p = _arrays(y_true, y_pred)
    order, grades = np.argsort(p, kind="stable"), len(costs.matrix)
    y, p, w = y[order], p[order], total_weight(len(y), row_stakes(costs, y, columns), weight)[order]
    plain = CostMatrix(costs.matrix)
    each = [w * cost_per_row(plain, y, np.full(len(y), float(grade))) for grade in range(grades)]
    upto = [np.concatenate(([0.0], np.cumsum(cost))) for cost in each]  # what this grade costs for the first i rows
    allowed = np.concatenate(([True], p[1:] > p[:-1], [True]))
    begins = _cheapest_beginnings(upto, allowed)
    places = [len(p)]
    for begin in reversed(begins):
        places.append(int(begin[places[-1]]))
    return Cuts(tuple(_cut(p, place) for place in reversed(places[1:])))


def _cheapest_beginnings(upto: list[Floats], allowed: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return, for each grade above the lowest, where its rows begin if the rows up to i are decided best with it."""
    steps, begins = np.arange(len(allowed)), []
    least = np.where(allowed, upto[0], np.inf)
    for cost in upto[1:]:
        before = least - cost
        lowest = np.minimum.accumulate(before)
        is_new = np.concatenate(([True], before[1:] < lowest[:-1]))
        begins.append(np.maximum.accumulate(np.where(is_new, steps, 0)))
        least = np.where(allowed, lowest + cost, np.inf)
    return begins


def _cut(p: Floats, place: int) -> float:
    if place == 0:
        return -FURTHEST
    return FURTHEST if place == len(p) else _between(float(p[place - 1]), float(p[place]))


# Several quantiles ------------------------------------------------------------------------------------------------


def best_levels(
    levels: Sequence[float], y_true: ArrayLike, y_pred: ArrayLike, weight: ArrayLike | None = None
) -> Levels:
    """Return what to add to one prediction (n,) for each of several quantiles: the quantiles of the residuals.

    >>> best_levels([0.1, 0.9], range(11), [0.0] * 11)
    Levels(amounts=(1.0, 9.0))
    """
    y, p = _arrays(y_true, y_pred)
    return Levels(tuple(weighted_quantile(y - p, level, weight) for level in levels))


def best_sorted_levels(
    levels: Sequence[float], y_true: ArrayLike, y_pred: ArrayLike, weight: ArrayLike | None = None
) -> SortedLevels:
    """Return what to add to each of several predicted quantiles (n, levels) once each row is sorted."""
    p = np.sort(np.asarray(y_pred, dtype=np.float64), axis=1)
    y = np.asarray(y_true, dtype=np.float64)
    return SortedLevels(tuple(weighted_quantile(y - p[:, j], level, weight) for j, level in enumerate(levels)))


# Probabilities ----------------------------------------------------------------------------------------------------


def best_recalibration(
    y_true: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, then: Rule | None = None
) -> Recalibrated:
    """Return slope and intercept on the log-odds with the largest likelihood (Cox 1958; Platt 1999, without his prior).

    `then` is the rule that decides on the new probability (as it is).

    `y_true` (n,) is 0 or 1 or between; rows whose probability is exactly 0 or 1 do not move and have no say. Where no
    finite maximum exists (one outcome only, or probabilities that part the outcomes completely) the probabilities stay:
    slope 1, intercept 0; where all probabilities are equal, the slope stays 1.

    >>> rule = best_recalibration([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5])
    >>> rule.slope, round(rule.intercept, 6)  # the log-odds of 1/4
    (1.0, -1.098612)
    """
    after = AsIs() if then is None else then
    y, p = _arrays(y_true, probability)
    w = total_weight(len(y), weight)
    used = (p > 0) & (p < 1) & (w > 0)
    y, w, z = y[used], w[used], np.log(p[used]) - np.log1p(-p[used])
    if not len(y) or not (0 < (w * y).sum() < w.sum()):
        return Recalibrated(1.0, 0.0, after)
    if np.ptp(z) == 0:
        share = float((w * y).sum() / w.sum())
        return Recalibrated(1.0, float(np.log(share) - np.log1p(-share) - z[0]), after)
    if _parts(y, z):
        return Recalibrated(1.0, 0.0, after)
    slope, intercept = _newton(y, z, w)
    return Recalibrated(slope, intercept, after)


def _parts(y: Floats, z: Floats) -> bool:
    """Whether one number parts the log-odds of the two outcomes (then the likelihood rises for ever)."""
    zeros, ones = z[y < 1], z[y > 0]
    return bool(zeros.max() <= ones.min() or ones.max() <= zeros.min())


def _newton(y: Floats, z: Floats, w: Floats) -> tuple[float, float]:
    """Maximise the weighted log-likelihood; the log-odds are centred and scaled, so that slope and offset part."""
    centre = float((w * z).sum() / w.sum())
    spread = float(np.sqrt((w * (z - centre) ** 2).sum() / w.sum()))
    x = (z - centre) / spread
    point = np.array([spread, centre])  # slope 1, intercept 0
    value = _deviance(y, point[0] * x + point[1], w)
    for _ in range(STEPS):
        step = _newton_step(y, x, w, point)
        if np.abs(step).max() <= CLOSE * max(1.0, float(np.abs(point).max())):  # the next error is the square of this
            point = point - step
            break
        point, value = _shorter(y, x, w, point, step, value)
    return float(point[0] / spread), float(point[1] - point[0] * centre / spread)


def _newton_step(y: Floats, x: Floats, w: Floats, point: Floats) -> Floats:
    q = _sigmoid(point[0] * x + point[1])
    off, bend = w * (q - y), w * q * (1 - q)
    mixed = float((bend * x).sum())
    curvature = np.array([[float((bend * x * x).sum()), mixed], [mixed, float(bend.sum())]])
    gradient = np.array([float((off * x).sum()), float(off.sum())])
    return np.asarray(np.linalg.lstsq(curvature, gradient, rcond=None)[0], dtype=np.float64)


def _shorter(y: Floats, x: Floats, w: Floats, point: Floats, step: Floats, value: float) -> tuple[Floats, float]:
    """Return the first of the step, its half, its quarter ... that lowers the deviance (or no step)."""
    for halving in range(HALVINGS):
        tried = point - step * 0.5**halving
        after = _deviance(y, tried[0] * x + tried[1], w)
        if after < value:
            return tried, after
    return point, value


def _sigmoid(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def _deviance(y: Floats, z: Floats, w: Floats) -> float:
    return float((w * (np.maximum(z, 0.0) - y * z + np.log1p(np.exp(-np.abs(z))))).sum())
