"""Costs that differ by row beyond a common factor: frozen records, and what actions then cost in every row.

Comes in: numbers and names of columns. Goes out: `RowUnderOver`, `RowMatrix`, and the cost of every row under any record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lossmith.algebra.decision.costs import (
    Columns,
    CostMatrix,
    Costs,
    ErrorCosts,
    Floats,
    UnderOver,
    column_values,
    cost_columns,
    cost_per_row,
    value_of,
)
from lossmith.algebra.decision.curve import CostCurve
from lossmith.algebra.decision.rules import Entries, Entry
from lossmith.errors import ArgumentError


@dataclass(frozen=True)
class RowUnderOver:
    """As `UnderOver`, where one of the two or both are the names of columns; `column` multiplies both."""

    under: Entry
    over: Entry
    column: str | None = None


@dataclass(frozen=True)
class RowMatrix:
    """As `CostMatrix`, where some entries are the names of columns; `column` multiplies all."""

    matrix: Entries
    column: str | None = None


AnyCosts: TypeAlias = Costs | RowUnderOver | RowMatrix | CostCurve


def all_cost_columns(costs: AnyCosts) -> tuple[str, ...]:
    """Return the names of the columns that any record of costs needs, each once.

    >>> all_cost_columns(RowMatrix(((0.0, 10.0), ("amount", 10.0)), "days"))
    ('amount', 'days')
    """
    if isinstance(costs, UnderOver | ErrorCosts | CostMatrix):
        return cost_columns(costs)
    return tuple(dict.fromkeys(name for name in (*_entries(costs), costs.column) if isinstance(name, str)))


def _entries(costs: RowUnderOver | RowMatrix | CostCurve) -> tuple[Entry, ...]:
    if isinstance(costs, RowMatrix):
        return tuple(entry for row in costs.matrix for entry in row)
    return (costs.under, costs.over)


def any_cost_per_row(costs: AnyCosts, y_true: ArrayLike, action: ArrayLike, columns: Columns | None = None) -> Floats:
    """Return what each action cost, (n,), under any record of costs.

    Raises `ArgumentError`: LM238 for a column of costs that is absent or holds a value below 0 or none, LM248 for
    targets and actions that are not of one shape (n,), or that are no classes of a matrix.

    >>> any_cost_per_row(RowUnderOver("late", 1.0), [10.0, 10.0], [8.0, 13.0], {"late": [5.0, 9.0]}).tolist()
    [10.0, 3.0]
    """
    y, a = np.asarray(y_true, dtype=np.float64), np.asarray(action, dtype=np.float64)
    if y.shape != a.shape or y.ndim != 1:
        raise ArgumentError(
            "LM248", f"what actions cost needs targets and actions of one shape (n,), found {y.shape} and {a.shape}."
        )
    if isinstance(costs, CostMatrix | ErrorCosts | RowMatrix):
        _check_classes(2 if isinstance(costs, ErrorCosts) else len(costs.matrix), y, a)
    if isinstance(costs, UnderOver | ErrorCosts | CostMatrix):
        return cost_per_row(costs, y, a, columns)
    times = 1.0 if costs.column is None else column_values(columns, costs.column)
    return np.asarray(_PER_ROW[type(costs)](costs, y, a, columns) * times)


def _check_classes(classes: int, *values: Floats) -> None:
    for what, array in zip(("targets", "actions"), values, strict=True):
        bad = np.flatnonzero(~np.isin(array, np.arange(classes)))
        if len(bad):
            raise ArgumentError(
                "LM248",
                f"{what} must be the classes 0 to {classes - 1} of the matrix of costs, found {array[bad[0]]:g} in row "
                f"{bad[0]} ({len(bad)} such rows).",
            )


def _under_over(costs: RowUnderOver, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    under, over = value_of(costs.under, columns), value_of(costs.over, columns)
    return np.where(y >= a, under * (y - a), over * (a - y))


def _matrix(costs: RowMatrix, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    found = np.zeros(len(y))
    for true, row in enumerate(costs.matrix):
        for decided, entry in enumerate(row):
            found = np.where((y == true) & (a == decided), value_of(entry, columns), found)
    return found


def _curve(costs: CostCurve, y: Floats, a: Floats, columns: Columns | None) -> Floats:
    return costs.cost(a - y)


_PER_ROW: Final[Mapping[type[Any], Callable[[Any, Floats, Floats, Columns | None], Floats]]] = {
    RowUnderOver: _under_over,
    RowMatrix: _matrix,
    CostCurve: _curve,
}
