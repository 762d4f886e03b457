"""Costs in the user's words: text, a mapping, a matrix or a file comes in, a frozen record of costs goes out.

Every reason why they mean nothing is one sentence.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from lossmith.algebra.decision.costs import CostMatrix, ErrorCosts, RowCosts, StatedCosts, UnderOver
from lossmith.errors import ArgumentError, did_you_mean

NUMBERS: Final = frozenset({"under", "over"})
KEYS: Final = ("under", "over", "false_negative", "false_positive", "column")
RECORDS: Final[Mapping[frozenset[str], Callable[..., StatedCosts]]] = {
    frozenset({"under", "over"}): UnderOver,
    frozenset({"false_negative", "false_positive"}): ErrorCosts,
    frozenset(): RowCosts,
}
MOST_BYTES: Final = 10_000_000

Stated = (
    str | os.PathLike[str] | Mapping[str, float | str] | Sequence[Sequence[float]] | np.ndarray[Any, Any] | StatedCosts
)


def costs_from(cost: Stated) -> StatedCosts:
    """Read costs from text, a mapping, the path of a CSV file with a matrix, or a nested list.

    A matrix has the true classes in rows and the decided ones in columns. Raises `ArgumentError`: LM231 to LM234 for
    texts (unknown keys, a missing partner, a cost that is not positive), LM235 and LM236 for a file or a matrix.

    >>> costs_from("under=5, over=1")
    UnderOver(under=5.0, over=1.0, column=None)
    >>> costs_from("false_negative=amount, false_positive=10")
    ErrorCosts(false_negative='amount', false_positive=10.0, column=None)
    >>> costs_from("column=stake")
    RowCosts(column='stake')
    """
    if isinstance(cost, UnderOver | ErrorCosts | CostMatrix | RowCosts):
        return cost
    if isinstance(cost, os.PathLike) or (isinstance(cost, str) and names_a_file(cost)):
        return matrix_from_file(Path(cost))
    if isinstance(cost, str):
        return _from_pairs(cost_pairs(cost))
    return _from_pairs(dict(cost)) if isinstance(cost, Mapping) else matrix_from(cost)


def names_a_file(text: str) -> bool:
    """Whether a text is the name of a file of costs rather than costs in words."""
    if text.lower().endswith((".csv", ".tsv", ".txt")):
        return True
    return "=" not in text and bool(text.strip()) and Path(text).is_file()


def cost_pairs(text: str) -> dict[str, str]:
    """Read "name=value, name=value" as pairs of texts; raises `ArgumentError` LM231.

    >>> cost_pairs("under=5, over=early_cost")
    {'under': '5', 'over': 'early_cost'}
    """
    pairs: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ArgumentError(
                "LM231",
                f'cost "{part.strip()}" is not of the form name=number, as in "under=5, over=1", nor a file of costs.',
            )
        if name.strip() in pairs:
            raise ArgumentError("LM231", f'cost "{name.strip()}" is given twice.')
        pairs[name.strip()] = value.strip()
    return pairs


def _from_pairs(pairs: Mapping[str, Any]) -> StatedCosts:
    values = {_key(name): _amount(name, value) for name, value in pairs.items() if value is not None}
    record = RECORDS.get(frozenset(values) - {"column"})
    if record is None or not values:
        found = ", ".join(values) or "nothing"
        raise ArgumentError(
            "LM233",
            f'a cost needs "under" and "over" (numbers), or "false_negative" and "false_positive" (two classes), or '
            f'"column" (what an error in each row costs); found {found}. Write for example "under=5, over=1".',
        )
    return record(**values)


def _key(name: str) -> str:
    if name not in KEYS:
        known = ", ".join(KEYS)
        raise ArgumentError("LM232", f'there is no cost named "{name}". Known: {known}.{did_you_mean(name, KEYS)}')
    return name


def _amount(name: str, value: Any) -> float | str:
    if name == "column":
        return _column(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        if name not in NUMBERS and isinstance(value, str) and value:
            return value
        advice = ' To let it differ by row, add column=NAME, as in "under=5, over=1, column=NAME".' if value else ""
        raise ArgumentError("LM234", f'cost "{name}" must be a number, got "{value}".{advice}') from None
    if not (math.isfinite(number) and number > 0):
        raise ArgumentError("LM234", f'cost "{name}" must be a number above 0, got {number:g}.')
    return number


def _column(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ArgumentError("LM234", f'"column" must be the name of a column of costs, got "{value}".')
    return value


# Matrices ---------------------------------------------------------------------------------------------------------


def matrix_from(rows: Any, labels: Sequence[str] = (), source: str = "the matrix of costs") -> CostMatrix:
    """Return a cost matrix from rows of numbers (true classes) over columns (decided classes).

    A cost below 0 is a gain. Raises `ArgumentError` LM236 if it is not square and of finite numbers, or if no decision
    is cheaper than another.

    >>> matrix_from([[0, 1], [5, 0]]).matrix
    ((0.0, 1.0), (5.0, 0.0))
    """
    try:
        matrix = tuple(tuple(float(value) for value in row) for row in rows)
    except (TypeError, ValueError):
        raise ArgumentError("LM236", f"{source} must be rows of numbers, one row for each true class.") from None
    wide = next((len(row) for row in matrix if len(row) != len(matrix)), len(matrix))
    if wide != len(matrix) or len(matrix) < 2:
        raise ArgumentError(
            "LM236",
            f"{source} must have one row (true) and one column (decided) for each class, "
            f"found {len(matrix)} rows and {wide} columns.",
        )
    for number, row in enumerate(matrix, start=1):
        if not all(map(math.isfinite, row)):
            raise ArgumentError("LM236", f"{source} must hold finite numbers, but row {number} does not.")
    if all(len(set(row)) == 1 for row in matrix):
        raise ArgumentError("LM236", f"{source} has the same cost for every decision, so none is better than another.")
    return CostMatrix(matrix, tuple(labels))


def matrix_from_file(path: Path) -> CostMatrix:
    """Return the cost matrix in a CSV file, with or without class names in its first row, its first column, or both.

    Where the numbers alone are square, they are the costs; names make it one row or one column longer. Fields are parted
    by a comma, semicolon, tab or |. Raises `ArgumentError` LM235 for a file that cannot be read, LM236 for its content.
    """
    rows, decimal = _fields(path)
    widths = {len(row) for row in rows[1:]}
    if len(widths) > 1:
        odd = next(i for i, row in enumerate(rows[1:], start=2) if len(row) != len(rows[1]))
        raise ArgumentError(
            "LM236", f"{path}: row {odd} has {len(rows[odd - 1])} fields, the row above it {len(rows[1])}."
        )
    if len(rows) > 1 and len(rows[0]) + 1 == len(rows[1]):
        rows[0] = ["", *rows[0]]  # the names of the columns, without a corner
    across, down = _named(rows, decimal)
    names_across = rows[0][down:] if across else []
    names_down = [row[0] for row in rows[across:]] if down else []
    cells = [[_number(path, cell, decimal) for cell in row[down:]] for row in rows[across:]]
    labels = _labels(path, names_across, names_down)
    if names_across and names_down and names_across != names_down:
        cells = [cells[names_down.index(name)] for name in labels]
    return matrix_from(cells, labels, source=str(path))


def _fields(path: Path) -> tuple[list[list[str]], str]:
    """Return the rows that are not blank, and the decimal mark."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ArgumentError("LM235", f"{path} is too large for a matrix of costs. Is it the data?")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ArgumentError("LM235", f"the file of costs {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ArgumentError("LM235", f"the file of costs {path} is not text in UTF-8. Save it as CSV UTF-8.") from None
    lines = [line for line in text.splitlines() if line.strip(" \t,;|")]
    if not lines:
        raise ArgumentError(
            "LM235", f"the file of costs {path} is empty. Write one row of numbers for each true class."
        )
    mark = next((mark for mark in "\t;|" if all(mark in line for line in lines)), ",")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    return rows, "." if mark == "," else ","


def _named(rows: list[list[str]], decimal: str) -> tuple[int, int]:
    """Return whether the first row, and whether the first column, hold names (0 or 1)."""
    extra = len(rows) - len(rows[0])
    if extra:
        return (1, 0) if extra > 0 else (0, 1)
    corner = _is_number(rows[0][0], decimal)
    return (0, 0) if corner else (1, 1)


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return True


def _number(path: Path, cell: str, decimal: str) -> float:
    if not _is_number(cell, decimal):
        raise ArgumentError("LM236", f'{path}: "{cell}" is not a number. Costs are numbers, with names around them.')
    return float(cell.replace(decimal, "."))


def _labels(path: Path, across: list[str], down: list[str]) -> list[str]:
    """Return the class names in the order of the columns (of the rows where only these have names)."""
    labels = across or down
    twice = next((name for names in (across, down) for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError("LM236", f'{path}: the class "{twice}" is named twice.')
    odd = next(iter(set(across) ^ set(down)), None) if across and down else None
    if odd is not None:
        hint = did_you_mean(odd, set(across + down) - {odd})
        raise ArgumentError("LM236", f'{path}: the class "{odd}" is named only once, as a row or as a column.{hint}')
    return labels
