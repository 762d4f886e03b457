"""Cells of a table as texts: columns of numbers and texts come in, texts with the same digits all down a column go out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from lossmith.report.study.record import Grid, Table
from lossmith.report.words import number, typical

NOTHING: Final = "–"
HUGE: Final = 1e15
SPREAD: Final = 1e4
"""Numbers of one column that differ by more than this factor have digits of their own."""


@dataclass(frozen=True)
class Column:
    """One column as text; numbers stand on the right."""

    head: str
    numeric: bool
    texts: tuple[str, ...]


def columns_of(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table; a row that is too short is filled with nothing."""
    down = [[row[j] if j < len(row) else None for row in table.rows] for j in range(len(table.heads))]
    return tuple(
        Column(head, _is_numeric(values), column_texts(values)) for head, values in zip(table.heads, down, strict=True)
    )


def grid_columns(grid: Grid) -> tuple[Column, ...]:
    """Return the columns of a trained by evaluated table."""
    down = [[row[j] for row in grid.values] for j in range(len(grid.columns))]
    return tuple(
        Column(head, True, column_texts([math.nan if v is None else v for v in values]))
        for head, values in zip(grid.columns, down, strict=True)
    )


def column_texts(values: Sequence[Any]) -> tuple[str, ...]:
    """Write the values of one column: whole numbers as such, others with four digits of the middle one.

    >>> column_texts([35.4183, 7.0, None, "most"]), column_texts([1545, 2013]), column_texts([12000, 7])
    (('35.418', '7.000', '–', 'most'), ('1545', '2013'), ('12,000', '7'))
    """
    known = [float(v) for v in values if _is_number(v) and math.isfinite(v)]
    if all(v == round(v) and abs(v) < HUGE for v in known):
        comma = "," if any(abs(v) >= 10_000 for v in known) else ""
        return tuple(_text(v, lambda whole: f"{round(whole):{comma}}".replace("-", "−")) for v in values)
    sizes = [abs(v) for v in known if v]
    middle = typical(sizes)
    even = middle is not None and max(sizes) < SPREAD * min(sizes) and max(sizes) < HUGE
    if not even or middle is None:
        return tuple(_text(v, value_text) for v in values)
    digits = _digits(known, max(0, 3 - math.floor(math.log10(middle))))
    return tuple(_text(v, lambda value: f"{value:,.{digits}f}".replace("-", "−")) for v in values)


def _digits(known: Sequence[float], most: int) -> int:
    """How many digits after the point say as much of these numbers as `most` digits do."""
    return next(d for d in range(most + 1) if all(round(v, d) == round(v, most) for v in known))


def value_text(value: float | None, fine: float | None = None) -> str:
    """Write a number as `words.number` does, a huge one in powers of ten.

    >>> value_text(35.41834), value_text(-1.234e30), value_text(None)
    ('35.42', '−1.23e+30', 'not defined')
    """
    huge = value is not None and math.isfinite(value) and abs(value) >= HUGE
    text = f"{value:.3g}" if huge else number(value, fine)
    return "−" + text[1:] if text.startswith("-") else text


def _text(value: Any, write: Callable[[float], str]) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    return write(float(value)) if math.isfinite(value) else "not defined"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


NUMBER_TEXT: Final = re.compile(r"[+−-]?\d[\d,.]*(e[+-]?\d+)?( ?%)?( ± [\d,.]+)?")
SHORT: Final = 6


def _is_numeric(values: Sequence[Any]) -> bool:
    """Whether a column stands on the right: numbers, as such or as text, and short words such as "best" between them."""
    looks = [_is_number(v) or (isinstance(v, str) and NUMBER_TEXT.fullmatch(v) is not None) for v in values]
    others = [v for v, is_like in zip(values, looks, strict=True) if not is_like]
    return any(looks) and all(v is None or (isinstance(v, str) and len(v) <= SHORT) for v in others)
