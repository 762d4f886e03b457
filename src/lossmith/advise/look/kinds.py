"""What kind of target it is: a column of values comes in, a kind and the reason go out.

The kind of a number is decided by one table, `KINDS_IN_ORDER`: the first row that fits the values wins, and the reason
is printed from what it saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.names import COUNT_WORDS, GRADE_WORDS, LABEL_WORDS, known_order, says
from lossmith.advise.data.roles import as_texts

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

FEW_VALUES = 20
COUNTS_UP_TO = 1000
EVEN_SHARES = 0.5
GRADES = (3, 10)
"""How many different grades a scale has, at least and at most."""


@dataclass(frozen=True)
class Seen:
    """What the values of a numeric target look like; `name` is the column's."""

    name: str
    distinct: Floats
    counts: NDArray[np.int64]
    whole: bool
    low: float
    high: float

    @property
    def words(self) -> str:
        """The values in a few words, for reasons."""
        sort = "whole numbers" if self.whole else "numbers"
        return f"its {len(self.distinct):,} different {sort} run from {self.low:,.6g} to {self.high:,.6g}"


def suggested(values: pl.Series) -> tuple[str, str]:
    """Return the kind that the values suggest, and why (without a full stop)."""
    import polars as pl

    distinct = values.n_unique()
    if values.dtype == pl.Boolean or distinct == 2:
        shown = sorted(as_texts(values.unique()))
        return "binary", f'it has two values, "{shown[0]}" and "{shown[1]}"'
    if values.dtype == pl.String:
        return _texts_suggest(values.unique().to_list())
    seen = look(values)
    return next((kind, say(seen)) for fits, kind, say in KINDS_IN_ORDER if fits(seen))


def _texts_suggest(texts: list[str]) -> tuple[str, str]:
    order = known_order(texts) if len(texts) >= GRADES[0] else None
    if order is None:
        return "class", f"it has {len(texts):,} different texts"
    return "ordinal", f'its words have an order, "{order[0]}" to "{order[-1]}"; "--kind class" takes them as labels'


def look(values: pl.Series) -> Seen:
    """Return what the values of a numeric column look like."""
    numbers = values.cast(float).to_numpy()
    distinct, counts = np.unique(numbers, return_counts=True)
    whole = bool(np.all(distinct == np.floor(distinct)))
    return Seen(values.name, distinct, counts, whole, float(distinct[0]), float(distinct[-1]))


def _few_whole(seen: Seen) -> bool:
    return seen.whole and len(seen.distinct) <= FEW_VALUES


def _consecutive(seen: Seen) -> bool:
    fewest, most = GRADES
    return seen.whole and fewest <= len(seen.distinct) <= most and bool(np.all(np.diff(seen.distinct) == 1))


def _named_as_grades(seen: Seen) -> bool:
    return _consecutive(seen) and says(seen.name, GRADE_WORDS) and not says(seen.name, COUNT_WORDS)


def _grades(seen: Seen) -> bool:
    """Grades 1..k, none missing; labels are about as frequent each, and counts say so in their name."""
    return _consecutive(seen) and seen.low == 1.0 and not says(seen.name, COUNT_WORDS)


def _named_as_labels(seen: Seen) -> bool:
    return _few_whole(seen) and says(seen.name, LABEL_WORDS)


def _even_labels(seen: Seen) -> bool:
    """Codes 0..k-1 or 1..k, each about as frequent: labels; counts fall off instead."""
    steps = bool(np.all(np.diff(seen.distinct) == 1)) and seen.low in (0.0, 1.0)
    return _few_whole(seen) and steps and seen.counts.min() >= EVEN_SHARES * seen.counts.max()


def _counts(seen: Seen) -> bool:
    """Whole numbers from 0 or 1, that are small, or that leave few gaps; from 1 with few values they are grades."""
    if not seen.whole or seen.low not in (0.0, 1.0) or (seen.low == 1.0 and len(seen.distinct) <= FEW_VALUES):
        return False
    return seen.high <= COUNTS_UP_TO or 2 * len(seen.distinct) >= seen.high - seen.low + 1


_OR_CLASS = "; say --kind class if they are labels"


def _or_class(seen: Seen) -> str:
    return _OR_CLASS if _few_whole(seen) and seen.high < 100 else ""


_OTHERWISE = '"--kind class" takes them as labels without order, "--kind real" as numbers'

# (does it fit, kind, the reason). The first row that fits wins; the last always does.
KINDS_IN_ORDER: tuple[tuple[Callable[[Seen], bool], str, Callable[[Seen], str]], ...] = (
    (
        _named_as_grades,
        "ordinal",
        lambda s: (
            f"it has only the whole numbers {s.low:g} to {s.high:g}, and its name says that they are grades; {_OTHERWISE}"
        ),
    ),
    (
        _named_as_labels,
        "class",
        lambda s: (
            f'it has {len(s.distinct)} whole numbers, and its name says that they are labels; "--kind real" '
            "takes them as numbers"
        ),
    ),
    (
        _even_labels,
        "class",
        lambda s: (
            f"it has only the whole numbers {s.low:g} to {s.high:g}, each about as often, like labels; "
            '"--kind real" takes them as numbers'
        ),
    ),
    (
        _grades,
        "ordinal",
        lambda s: (
            f"it has only the whole numbers {s.low:g} to {s.high:g}, some far more often than others, like grades; "
            f"{_OTHERWISE}"
        ),
    ),
    (lambda s: s.low < 0, "real", lambda s: f"{s.words}, some below zero{_or_class(s)}"),
    (_counts, "count", lambda s: f"{s.words}, like counts{_or_class(s)}"),
    (
        lambda s: not s.whole and s.high <= 1,
        "fraction",
        lambda s: f"{s.words}, all between 0 and 1",
    ),
    (lambda s: s.low > 0, "positive", lambda s: f"{s.words}, all above zero{_or_class(s)}"),
    (lambda s: True, "nonnegative", lambda s: f"{s.words}, with zeros and nothing below{_or_class(s)}"),
)

# What a number must satisfy under each kind, and how it is said.
DOMAINS: Mapping[str, tuple[Callable[[Floats], NDArray[np.bool_]], str]] = {
    "real": (np.isfinite, "a number"),
    "positive": (lambda y: y > 0, "above zero"),
    "nonnegative": (lambda y: y >= 0, "zero or above"),
    "count": (lambda y: (y >= 0) & (y == np.floor(y)), "a whole number, zero or above"),
    "fraction": (lambda y: (y >= 0) & (y <= 1), "between 0 and 1"),
}
