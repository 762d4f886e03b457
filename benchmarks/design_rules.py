"""By what a design is judged, and how predictions become decisions: the same for the default loss and for the design.

A criterion takes rows, decisions (n,) and weights (n,) and gives one number, lower being better; weight 0 is the same
as the row being absent. A rule is fitted on rows that the model did not learn from, by the criterion itself: rows,
predictions on the target's scale and the criterion come in, a function from rows and predictions to decisions goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of a problem.

    `X` (n, features): what the model sees. `y` (n,): the target, as recorded. `unit` (n,): what is drawn independently
    (the row itself, or its day): the same number in another seed means the same piece of the world. `columns`: what
    else is known of a row. `best` (n,): the best decision where the truth is known, else None.
    """

    X: Floats
    y: Floats
    unit: Ints
    columns: Mapping[str, Floats] = field(default_factory=dict)
    best: Floats | None = None

    @staticmethod
    def of(X: Floats, y: Floats, columns: Mapping[str, Floats] | None = None, best: Floats | None = None) -> Rows:
        """Rows that are drawn each for itself."""
        return Rows(X, y, np.arange(len(y)), columns or {}, best)

    def take(self, rows: NDArray[Any]) -> Rows:
        """Only these rows."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Rows(
            self.X[rows], self.y[rows], self.unit[rows], columns, None if self.best is None else self.best[rows]
        )


@dataclass(frozen=True)
class Split:
    """Rows to train on, to fit the rule on, and to judge on."""

    train: Rows
    tune: Rows
    held: Rows


Criterion = Callable[[Rows, Floats, Floats], float]
Action = Callable[[Rows, Floats], Floats]
Fit = Callable[[Rows, Floats, Criterion, Floats], Action]

# Criteria ------------------------------------------------------------------------------------------------------------

UNDER, OVER = 5.0, 1.0
POINTS: Final = ((-20.0, 20.0), (0.0, 0.0), (10.0, 20.0), (20.0, 100.0))
MATRIX: Final = ((0.0, 1.0), (20.0, 0.0))
FEE: Final = 5.0
TOLERANCE: Final = 2.0
WORST: Final = 0.05


def _average(values: Floats, weight: Floats) -> float:
    return float(values @ weight / weight.sum())


def five_to_one(rows: Rows, action: Floats, weight: Floats) -> float:
    """5 for each unit too low, 1 for each unit too high."""
    error = rows.y - action
    return _average(np.where(error > 0, UNDER * error, -OVER * error), weight)


def curve(rows: Rows, action: Floats, weight: Floats) -> float:
    """Cost by a curve through `POINTS` (truth less decision, cost), straight on beyond its ends."""
    error = rows.y - action
    at, cost = np.array(POINTS).T
    first, last = np.diff(cost)[[0, -1]] / np.diff(at)[[0, -1]]
    beyond = first * np.minimum(error - at[0], 0) + last * np.maximum(error - at[-1], 0)
    return _average(np.interp(error, at, cost) + beyond, weight)


def matrix_cost(rows: Rows, action: Floats, weight: Floats) -> float:
    """`MATRIX[truth][decision]`."""
    return _average(np.asarray(MATRIX)[rows.y.astype(np.int64), action.astype(np.int64)], weight)


def amount_or_fee(rows: Rows, action: Floats, weight: Floats) -> float:
    """The row's amount for a missed positive, `FEE` for a false alarm."""
    missed, alarm = (rows.y == 1) & (action == 0), (rows.y == 0) & (action == 1)
    return _average(rows.columns["amount"] * missed + FEE * alarm, weight)


def share_wrong(rows: Rows, action: Floats, weight: Floats) -> float:
    """The share of wrong decisions."""
    return _average((rows.y != action).astype(np.float64), weight)


def share_wrong_by_class(rows: Rows, action: Floats, weight: Floats) -> float:
    """The share of wrong decisions within each class, and of these the plain mean: 1 less the balanced accuracy."""
    classes = rows.y.astype(np.int64)
    total, wrong = (np.bincount(classes, weight * of, minlength=1) for of in (1.0, rows.y != action))
    return float(np.mean(wrong[total > 0] / total[total > 0]))


def absolute(rows: Rows, action: Floats, weight: Floats) -> float:
    """The mean distance."""
    return _average(np.abs(rows.y - action), weight)


def relative(rows: Rows, action: Floats, weight: Floats) -> float:
    """The mean distance as a share of the truth."""
    return _average(np.abs(rows.y - action) / rows.y, weight)


def outside_tolerance(rows: Rows, action: Floats, weight: Floats) -> float:
    """The share of rows that are more than `TOLERANCE` off."""
    return _average((np.abs(rows.y - action) > TOLERANCE).astype(np.float64), weight)


def worst_rows(rows: Rows, action: Floats, weight: Floats) -> float:
    """The mean distance of the `WORST` share of rows that are farthest off; a row on the border counts in part."""
    distance = np.abs(rows.y - action)
    order = np.argsort(-distance, kind="stable")
    reached = np.cumsum(weight[order])
    wanted = WORST * reached[-1]
    part = np.clip(wanted - (reached - weight[order]), 0.0, weight[order])
    return float(distance[order] @ part / wanted)


def precision_lost(rows: Rows, action: Floats, weight: Floats) -> float:
    """1 less the average precision of the order of `action`; rows with equal values are taken at once."""
    order = np.argsort(-action, kind="stable")
    last = np.append(np.diff(action[order]) != 0, True)
    everyone, positive = (np.cumsum(weight[order] * of)[last] for of in (1.0, rows.y[order]))
    gained = np.diff(positive, prepend=0.0)
    precision = np.divide(positive, everyone, out=np.zeros_like(positive), where=everyone > 0)
    return float(1 - gained @ precision / positive[-1])


# Rules ---------------------------------------------------------------------------------------------------------------

EIGHTHS: Final = 8
STRETCHES: Final = np.linspace(0.5, 1.5, 21)
POWERS: Final = np.linspace(0.0, 2.0, 41)


def _levels(values: Floats, most: int) -> Floats:
    """Up to `most` quantiles of finite values, the ends included."""
    return np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, most)))


def _best(options: Iterable[Any], value: Callable[[Any], float]) -> Any:
    """The first option of least value."""
    return min(options, key=value)


def as_is(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """The prediction."""
    return lambda rows, p: p


def _shift(tune: Rows, p: Floats, criterion: Criterion, weight: Floats, most: int = 201) -> float:
    error = (tune.y - p)[weight > 0]
    return float(_best(_levels(error, most), lambda s: criterion(tune, p + s, weight)))


def shift(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """The prediction and a constant."""
    amount = _shift(tune, p, criterion, np.ones(len(p)))
    return lambda rows, p: p + amount


def scale(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """The prediction times a factor."""
    even = np.ones(len(p))
    ratio = tune.y[p > 0] / p[p > 0] if (p > 0).any() else np.ones(1)
    factor = _best(np.append(_levels(ratio, 201), 1.0), lambda c: criterion(tune, c * p, even))
    return lambda rows, p: factor * p


def line(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """A straight line in the prediction."""
    even, centre = np.ones(len(p)), float(np.median(p))

    def fitted(stretch: float) -> tuple[float, float]:
        return stretch, _shift(tune, centre + stretch * (p - centre), criterion, even, 41)

    def at(c: tuple[float, float], p: Floats) -> Floats:
        return np.asarray(centre + c[0] * (p - centre) + c[1])

    found = _best(map(fitted, STRETCHES), lambda c: criterion(tune, at(c, p), even))
    return lambda rows, p: at(found, p)


def shift_by_size(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """A shift for each eighth of the predictions by size (for criteria that are means over rows)."""
    edges = np.unique(np.quantile(p, np.arange(1, EIGHTHS) / EIGHTHS))
    place = np.searchsorted(edges, p, side="right")
    parts = ((place == k).astype(np.float64) for k in range(len(edges) + 1))
    amounts = np.array([_shift(tune, p, criterion, part, 101) if part.any() else 0.0 for part in parts])
    return lambda rows, p: p + amounts[np.searchsorted(edges, p, side="right")]


def _threshold(by: Callable[[Rows, Floats], Floats]) -> Fit:
    """Decide "positive" from the best threshold of a quantity on."""

    def fit(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
        of, even = by(tune, p), np.ones(len(p))
        levels = np.concatenate([_levels(of[tune.y == 1], 301), _levels(of, 101), [np.inf]])
        level = _best(levels, lambda t: criterion(tune, (of >= t).astype(np.float64), even))
        return lambda rows, p: (by(rows, p) >= level).astype(np.float64)

    return fit


def _probability(rows: Rows, p: Floats) -> Floats:
    return p


def _amount(rows: Rows, p: Floats) -> Floats:
    return p * rows.columns["amount"]


def _odds(rows: Rows, p: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(p / (1 - p) * rows.columns["amount"])


def most_probable(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """The most probable class."""
    return lambda rows, p: np.argmax(p, axis=1).astype(np.float64)


def shares_divided(tune: Rows, p: Floats, criterion: Criterion, shares: Floats) -> Action:
    """The class whose probability, over a power of its share among the training rows, is the largest."""
    even = np.ones(len(p))

    def decided(power: float, p: Floats) -> Floats:
        return np.asarray(np.argmax(p / shares**power, axis=1), dtype=np.float64)

    power = _best(POWERS, lambda t: criterion(tune, decided(t, p), even))
    return lambda rows, p: decided(power, p)


Family = Mapping[str, Fit]
SET_OF_NUMBERS: Final[Family] = {"as is": as_is, "shift": shift, "scale": scale, "line": line}
NUMBERS: Final[Family] = {**SET_OF_NUMBERS, "shift by size": shift_by_size}
ORDER: Final[Family] = {"as is": as_is}
TWO_CLASSES: Final[Family] = {"threshold": _threshold(_probability)}
TWO_CLASSES_AMOUNTS: Final[Family] = {
    **TWO_CLASSES,
    "threshold of probability times amount": _threshold(_amount),
    "threshold of odds times amount": _threshold(_odds),
}
CLASSES: Final[Family] = {"most probable": most_probable, "shares divided out": shares_divided}
