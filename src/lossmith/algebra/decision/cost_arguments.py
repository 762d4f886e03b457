"""Costs as a call states them: numbers, names of columns, a matrix, points, or a text; a frozen record goes out.

`cost_text` reads what a study reads; here costs may also differ by row within a matrix or between the two sides, and be a
curve. Every reason why they mean nothing is one sentence.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lossmith.algebra.decision.cost_text import cost_pairs, costs_from, matrix_from, names_a_file
from lossmith.algebra.decision.costs import CostMatrix, ErrorCosts, RowCosts, StatedCosts, UnderOver, costs_for
from lossmith.algebra.decision.curve import CostCurve
from lossmith.algebra.decision.row_costs import AnyCosts, RowMatrix, RowUnderOver
from lossmith.algebra.decision.rules import Entries, Entry
from lossmith.errors import ArgumentError, did_you_mean

KEYS: Final = ("under", "over", "false_negative", "false_positive", "matrix", "points", "column")
RECORDS: Final = RowUnderOver | RowMatrix | CostCurve
NUMBERS: Final = UnderOver | RowUnderOver | CostCurve


def costs_of(cost: Any, given: Mapping[str, Any], classes: tuple[str, ...] = ()) -> AnyCosts:
    """Return the record of costs that are stated alone (a text, a mapping, a file, a record) or by keyword.

    Raises `ArgumentError`: LM231 to LM237 as the parts are read, LM247 for a curve, LM248 for a matrix, LM249 for what
    does not belong together.

    >>> costs_of("under=late, over=1", {})
    RowUnderOver(under='late', over=1.0, column=None)
    >>> costs_of(None, {"matrix": [[0, 10], ["amount", 0]]})
    ErrorCosts(false_negative='amount', false_positive=10.0, column=None)
    """
    if cost is not None and given:
        raise ArgumentError("LM249", f"the costs are given twice: once alone, once by {_listed(given)}. Give one.")
    found = _for_classes(_read(cost, given), classes)
    if classes and isinstance(found, NUMBERS):
        raise ArgumentError(
            "LM249",
            "these costs are for a target that is a number, but classes= names classes. Give a matrix of costs.",
        )
    return found


def _read(cost: Any, given: Mapping[str, Any]) -> StatedCosts | AnyCosts:
    if isinstance(cost, RECORDS):
        return cost
    if isinstance(cost, str) and not names_a_file(cost):
        given = cost_pairs(cost)
    elif isinstance(cost, Mapping):
        given = {name: value for name, value in cost.items() if value is not None}
    elif cost is not None:
        given = {"matrix": cost}
    for name in given:
        if name not in KEYS:
            known = ", ".join(KEYS)
            raise ArgumentError("LM232", f'there is no cost named "{name}". Known: {known}.{did_you_mean(name, KEYS)}')
    reader = _READERS.get(frozenset(given) - {"column"})
    if reader is None or not given:
        raise ArgumentError(
            "LM249",
            "costs are under= and over=, or false_negative= and false_positive=, or matrix=, or points=, each with or "
            f"without column=; found {_listed(given) or 'nothing'}. Write for example under=5, over=1.",
        )
    column = given.get("column")
    if column is not None and not (isinstance(column, str) and column):
        raise ArgumentError("LM234", f'"column" must be the name of a column of costs, got {column!r}.')
    return reader(given, column)


def _listed(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}=" for name in given)


def _entry(name: str, value: Any) -> Entry:
    """A number above 0, also as text, or the name of a column."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        if isinstance(value, str) and value:
            return value
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ArgumentError(
            "LM234", f'cost "{name}" must be a number above 0, or the name of a column that holds it, got {value!r}.'
        )
    return number


# One reader for each way to say it --------------------------------------------------------------------------------


def _per_unit(given: Mapping[str, Any], column: str | None) -> UnderOver | RowUnderOver:
    under, over = _entry("under", given["under"]), _entry("over", given["over"])
    if isinstance(under, str) or isinstance(over, str):
        return RowUnderOver(under, over, column)
    return UnderOver(under, over, column)


def _errors(given: Mapping[str, Any], column: str | None) -> ErrorCosts:
    missed, alarm = (_entry(name, given[name]) for name in ("false_negative", "false_positive"))
    return ErrorCosts(missed, alarm, column)


def _matrix(given: Mapping[str, Any], column: str | None) -> StatedCosts | RowMatrix:
    stated = given["matrix"]
    if isinstance(stated, str | os.PathLike | UnderOver | ErrorCosts | CostMatrix | RowCosts):
        found = costs_from(stated)
        return found if column is None else replace(found, column=column)
    rows = stated.to_numpy() if hasattr(stated, "to_numpy") else stated
    if not _names_columns(rows):
        return replace(matrix_from(rows), column=column)
    matrix = tuple(tuple(_matrix_entry(value) for value in row) for row in rows)
    wide = next((len(row) for row in matrix if len(row) != len(matrix)), len(matrix))
    if wide != len(matrix) or len(matrix) < 2:
        raise ArgumentError(
            "LM236",
            "the matrix of costs must have one row (true) and one column (decided) for each class, "
            f"found {len(matrix)} rows and {wide} columns.",
        )
    return RowMatrix(matrix, column)


def _names_columns(rows: Any) -> bool:
    """Whether an entry of a matrix is a text."""
    try:
        return any(isinstance(value, str) for row in rows for value in row)
    except TypeError:
        return False


def _matrix_entry(value: Any) -> Entry:
    if isinstance(value, str) and value:
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ArgumentError(
            "LM236", f"the matrix of costs must hold finite numbers and names of columns, found {value!r}."
        )
    return number


def _curve(given: Mapping[str, Any], column: str | None) -> CostCurve:
    points = given["points"]
    return CostCurve(tuple(points) if isinstance(points, list | np.ndarray) else points, column)


def _alone(given: Mapping[str, Any], column: str | None) -> RowCosts:
    return RowCosts(str(column))


_READERS: Final[Mapping[frozenset[str], Callable[[Mapping[str, Any], str | None], StatedCosts | AnyCosts]]] = {
    frozenset({"under", "over"}): _per_unit,
    frozenset({"false_negative", "false_positive"}): _errors,
    frozenset({"matrix"}): _matrix,
    frozenset({"points"}): _curve,
    frozenset(): _alone,
}


# To the target ----------------------------------------------------------------------------------------------------


def _for_classes(costs: StatedCosts | AnyCosts, classes: tuple[str, ...]) -> AnyCosts:
    """The costs in the order of the classes; those of a matrix are named by their numbers where they have no names."""
    if isinstance(costs, RowMatrix | CostMatrix):
        _check_right_is_cheapest(costs.matrix)
    if isinstance(costs, CostMatrix):
        return costs_for(costs, classes or costs.labels or tuple(map(str, range(len(costs.matrix)))))
    if isinstance(costs, RowMatrix):
        return _as_errors(costs)
    return costs_for(costs, classes) if isinstance(costs, RowCosts) else costs


def _check_right_is_cheapest(matrix: Entries) -> None:
    for true, row in enumerate(matrix):
        right = row[true]
        for decided, cost in enumerate(row):
            if not isinstance(cost, str) and not isinstance(right, str) and cost < right:
                raise ArgumentError(
                    "LM248",
                    f"where class {true} is the truth, deciding class {decided} costs {cost:g}, less than the right "
                    f"decision ({right:g}). Rows of the matrix are the truth, columns what is decided: are they "
                    "exchanged?",
                )
    for decided in range(len(matrix)):
        if all(true == decided or row[decided] == row[true] for true, row in enumerate(matrix)):
            raise ArgumentError(
                "LM248",
                f"deciding class {decided} is never dearer than the right decision, so it is always the cheapest and "
                "nothing is to be learned. Say what such an error costs.",
            )


def _as_errors(costs: RowMatrix) -> RowMatrix | ErrorCosts:
    """Two classes whose right decisions cost nothing are told by two costs."""
    if len(costs.matrix) > 2 or any(costs.matrix[k][k] != 0 for k in range(2)):
        return costs
    (_, alarm), (missed, _) = costs.matrix
    return ErrorCosts(missed, alarm, costs.column)
