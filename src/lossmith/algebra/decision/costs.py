"""What errors cost: frozen records come in with targets and actions, the cost of every row goes out; all pure NumPy.

A cost may differ by row: `column` names a column whose value multiplies it, and a class error may name a column itself.
`lossmith.algebra.decision.cost_text` reads these records from the user's words.

Sources: the asymmetric linear cost is minimised by the quantile under/(under+over) (Koenker and Bassett 1978);
the cheapest threshold on a true probability is false_positive/(false_positive+false_negative) (Elkan 2001, eq. 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, did_you_mean

Floats = NDArray[np.float64]
Columns = Mapping[str, ArrayLike]
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class UnderOver:
    """Each unit that a prediction lies below the truth costs `under`, each unit above `over`, times `column`."""

    under: float
    over: float
    column: str | None = None

    @property
    def level(self) -> float:
        """The quantile that minimises the expected cost."""
        return self.under / (self.under + self.over)


@dataclass(frozen=True)
class ErrorCosts:
    """A missed positive costs `false_negative`, a false alarm `false_positive`, a right decision nothing.

    Each is a number, or the name of the column that holds it (a missed fraud costs its amount); `column` multiplies both.
    """

    false_negative: float | str
    false_positive: float | str
    column: str | None = None

    @property
    def by_row(self) -> bool:
        """Whether the two costs stand in another ratio in other rows."""
        return isinstance(self.false_negative, str) or isinstance(self.false_positive, str)

    @property
    def threshold(self) -> float:
        """The probability from which deciding "positive" is cheaper, if the probability is true.

        Raises `ArgumentError` LM239 where it differs by row.
        """
        missed, alarm = self.false_negative, self.false_positive
        if isinstance(missed, str) or isinstance(alarm, str):
            raise ArgumentError("LM239", "these costs differ by row, so there is no one threshold. Use implied_rule.")
        return alarm / (alarm + missed)


@dataclass(frozen=True)
class CostMatrix:
    """`matrix[true][decided]` is the cost of deciding class `decided` where the class is `true`, times `column`.

    `labels` name the classes in this order; `costs_for` brings them into the order of the target's classes.
    """

    matrix: Matrix
    labels: tuple[str, ...] = ()
    column: str | None = None


@dataclass(frozen=True)
class RowCosts:
    """One unit of error, or one wrong decision, costs what `column` says; `costs_for` makes it one of the others."""

    column: str


Costs = UnderOver | ErrorCosts | CostMatrix
StatedCosts = Costs | RowCosts
"""What a user can say; `costs_for` turns it into `Costs` when the target is known."""


def zero_one(classes: int) -> Matrix:
    """Return the cost matrix in which every error costs 1.

    >>> zero_one(2)
    ((0.0, 1.0), (1.0, 0.0))
    """
    return tuple(tuple(float(i != j) for j in range(classes)) for i in range(classes))


# To the target ----------------------------------------------------------------------------------------------------


def costs_for(costs: StatedCosts, classes: Sequence[str] = ()) -> Costs:
    """Return the costs for a target with these classes in order (none for a number; the second of two is positive).

    A matrix with labels is brought into the order of the classes; a matrix of two classes whose right decisions cost
    nothing becomes `ErrorCosts`. Raises `ArgumentError` LM237 if labels or size do not match.

    >>> costs_for(CostMatrix(((0.0, 5.0), (1.0, 0.0)), ("yes", "no")), ["no", "yes"])
    ErrorCosts(false_negative=5.0, false_positive=1.0, column=None)
    """
    if isinstance(costs, RowCosts):
        if len(classes) > 2:
            return CostMatrix(zero_one(len(classes)), tuple(classes), costs.column)
        return ErrorCosts(1.0, 1.0, costs.column) if classes else UnderOver(1.0, 1.0, costs.column)
    if not isinstance(costs, CostMatrix):
        return costs
    ordered = _ordered(costs, classes)
    (right, alarm), (missed, hit) = ordered.matrix if len(classes) == 2 else ((1.0, 0.0), (0.0, 1.0))
    if right == hit == 0 and alarm > 0 and missed > 0:
        return ErrorCosts(missed, alarm, ordered.column)
    return ordered


def _ordered(costs: CostMatrix, classes: Sequence[str]) -> CostMatrix:
    if not classes:
        raise ArgumentError("LM237", 'a matrix of costs is for classes, but the target is a number. Use "under, over".')
    for label in costs.labels:
        if label not in classes:
            known = ", ".join(f'"{name}"' for name in classes)
            hint = did_you_mean(label, classes)
            raise ArgumentError(
                "LM237", f'the costs name a class "{label}", which the target has not. It has {known}.{hint}'
            )
    for name in classes if costs.labels else ():
        if name not in costs.labels:
            raise ArgumentError(
                "LM237", f'the costs name no class "{name}", which the target has. Add its row and column.'
            )
    if len(costs.matrix) != len(classes):
        raise ArgumentError(
            "LM237",
            f"the matrix of costs has {len(costs.matrix)} rows, but the target has {len(classes)} classes. Give one row "
            "(true) and one column (decided) for each class.",
        )
    places = [costs.labels.index(name) for name in classes] if costs.labels else range(len(classes))
    return only_classes(replace(costs, labels=tuple(classes) if not costs.labels else costs.labels), places)


def only_classes(costs: CostMatrix, places: Sequence[int]) -> CostMatrix:
    """Return the costs of some classes, by their places, in the order of `places`.

    >>> only_classes(CostMatrix(zero_one(3), ("a", "b", "c")), [2, 0]).labels
    ('c', 'a')
    """
    matrix = tuple(tuple(costs.matrix[i][j] for j in places) for i in places)
    return replace(costs, matrix=matrix, labels=tuple(costs.labels[i] for i in places) if costs.labels else ())


# By row -----------------------------------------------------------------------------------------------------------


def cost_columns(costs: StatedCosts) -> tuple[str, ...]:
    """Return the names of the columns that the costs need, each once.

    >>> cost_columns(ErrorCosts("amount", 10.0))
    ('amount',)
    """
    parts = (costs.false_negative, costs.false_positive) if isinstance(costs, ErrorCosts) else ()
    return tuple(dict.fromkeys(name for name in (*parts, costs.column) if isinstance(name, str)))


def column_values(columns: Columns | None, name: str) -> Floats:
    """Return a column of costs, (n,).

    Raises `ArgumentError` LM238 if it is absent, or names the first row whose value is not finite and at least 0.

    >>> column_values({"amount": [3, 0.5]}, "amount").tolist()
    [3.0, 0.5]
    """
    if columns is None or name not in columns:
        hint = did_you_mean(name, columns or ())
        raise ArgumentError("LM238", f'the costs need a column "{name}", which these rows do not have.{hint}')
    try:
        values = np.asarray(columns[name], dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError("LM238", f'the column of costs "{name}" must hold numbers, but holds texts.') from None
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        what = "is missing" if np.isnan(values[bad[0]]) else f"is {values[bad[0]]:g}"
        more = f" (and in {len(bad) - 1:,} more rows not usable)" if len(bad) > 1 else ""
        raise ArgumentError(
            "LM238",
            f'the column of costs "{name}" {what} in row {bad[0] + 1:,}{more}; a cost is a number of at least 0. '
            "Leave such rows out.",
        )
    return values


def value_of(cost: float | str, columns: Columns | None) -> float | Floats:
    """Return a cost that is a number as it is, and one that names a column as that column (n,)."""
    return column_values(columns, cost) if isinstance(cost, str) else cost


def _times(costs: Costs, columns: Columns | None) -> float | Floats:
    return 1.0 if costs.column is None else column_values(columns, costs.column)


def row_costs(costs: ErrorCosts, rows: int, columns: Columns | None = None) -> tuple[Floats, Floats]:
    """Return what a missed positive and a false alarm cost in each row, both (n,)."""
    times = _times(costs, columns)
    missed, alarm = (value_of(c, columns) for c in (costs.false_negative, costs.false_positive))
    return np.broadcast_to(missed * times, (rows,)), np.broadcast_to(alarm * times, (rows,))


def row_stakes(costs: Costs, y_true: ArrayLike, columns: Columns | None = None) -> Floats:
    """Return what an error in each row costs, (n,): the weight under which training sees costs that differ by row.

    One unit of error for `UnderOver` (its column), the wrong decision for `ErrorCosts`; for a matrix its column.

    >>> row_stakes(ErrorCosts("amount", 10.0), [1, 0], {"amount": [300.0, 70.0]}).tolist()
    [300.0, 10.0]
    """
    y = np.asarray(y_true, dtype=np.float64)
    if isinstance(costs, ErrorCosts):
        missed, alarm = row_costs(costs, len(y), columns)
        return np.where(y == 1, missed, alarm)
    return np.broadcast_to(np.asarray(_times(costs, columns), dtype=np.float64), y.shape).copy()


def _under_over_row(costs: UnderOver, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    return np.asarray(np.where(y >= a, costs.under * (y - a), costs.over * (a - y)) * _times(costs, columns))


def _error_row(costs: ErrorCosts, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    missed, alarm = row_costs(costs, len(y), columns)
    return np.asarray(np.where(y == 1, missed * (a != 1), alarm * (a == 1)))


def _matrix_row(costs: CostMatrix, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    taken: Floats = np.asarray(costs.matrix, dtype=np.float64)[y.astype(np.intp), a.astype(np.intp)]
    return np.asarray(taken * _times(costs, columns))


_PER_ROW: Final[Mapping[type[Any], Callable[[Any, Floats, Floats, Columns | None], Floats]]] = {
    UnderOver: _under_over_row,
    ErrorCosts: _error_row,
    CostMatrix: _matrix_row,
}


def cost_per_row(costs: Costs, y_true: ArrayLike, action: ArrayLike, columns: Columns | None = None) -> Floats:
    """Return what each action cost, (n,), in the user's unit of cost.

    Raises `ArgumentError` LM238 for a column of costs that is absent or holds a value below 0 or none.

    >>> cost_per_row(UnderOver(5.0, 1.0), [10.0, 10.0], [8.0, 13.0]).tolist()
    [10.0, 3.0]
    >>> cost_per_row(ErrorCosts("amount", 10.0), [1, 0], [0, 1], {"amount": [300.0, 70.0]}).tolist()
    [300.0, 10.0]
    """
    y, a = np.asarray(y_true, dtype=np.float64), np.asarray(action, dtype=np.float64)
    found: Floats = _PER_ROW[type(costs)](costs, y, a, columns)
    return found


# The cheapest constant --------------------------------------------------------------------------------------------


def weighted_quantile(values: ArrayLike, level: float, weight: ArrayLike | None = None) -> float:
    """Return the smallest value that at least the share `level` of the weight does not exceed.

    It minimises the weighted cost of `UnderOver(level, 1 - level)`. Weights that sum to 0 count as equal.

    >>> weighted_quantile([1.0, 2.0, 3.0], 0.5), weighted_quantile([1.0, 2.0, 3.0], 0.5, [1.0, 1.0, 5.0])
    (2.0, 3.0)
    """
    x = np.asarray(values, dtype=np.float64)
    w = np.ones(len(x)) if weight is None or not np.any(weight) else np.asarray(weight, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    reached = np.cumsum(w[order])
    place = int(np.searchsorted(reached, level * reached[-1], side="left"))
    return float(x[order[min(place, len(x) - 1)]])


def total_weight(rows: int, *factors: ArrayLike | float | None) -> Floats:
    """Return the product of weights (n,), numbers and None (which stands for 1)."""
    product = np.ones(rows)
    for factor in factors:
        product = product if factor is None else product * np.asarray(factor, dtype=np.float64)
    return product


def cheapest_constant(
    costs: Costs, y_true: ArrayLike, columns: Columns | None = None, weight: ArrayLike | None = None
) -> float:
    """Return the one action that would have been cheapest on `y_true`: a quantile, or a class position.

    >>> cheapest_constant(ErrorCosts("amount", 10.0), [1, 0, 0], {"amount": [30.0, 1.0, 1.0]})
    1.0
    """
    y = np.asarray(y_true, dtype=np.float64)
    if isinstance(costs, UnderOver):
        return weighted_quantile(y, costs.level, total_weight(len(y), _times(costs, columns), weight))
    w = total_weight(len(y), weight)
    known = 2 if isinstance(costs, ErrorCosts) else len(costs.matrix)
    totals = [float((w * cost_per_row(costs, y, np.full(y.shape, c), columns)).sum()) for c in range(known)]
    return float(np.argmin(totals))
