"""Columns that name or number rows: a column comes in, the reason why it is no feature goes out (or an empty text).

What names rows tells nothing about new ones, yet in a file sorted by the target it tells the target. Nothing is left out
by its values alone unless these count the rows: distinct prices, years and sizes are quantities.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lossmith.advise.data.names import NAMELESS, TIME_WORDS, names_rows, says

if TYPE_CHECKING:
    import polars as pl

NEARLY_ALL: Final = 0.95
FEWEST_KNOWN: Final = 20
FEWEST_STEPS: Final = 50
"""From so many rows on, numbers may also begin anywhere and skip a few rows, and still count them."""

NEARLY_ALL_STEPS: Final = 0.9
SHOWN: Final = 4

NAMES: Final = "it names the rows"
NUMBERS: Final = "it only numbers the rows"
OWN_TEXT: Final = "nearly every row has its own text"


def why_no_feature(column: pl.Series, first: bool = False) -> str:
    """Return why a column only names or numbers the rows, as a sentence part; an empty text where it may tell more.

    It does if its whole numbers nearly all differ and its name says so (a nameless `first` column counts as named), if
    its numbers count the rows in the order of the file, or if nearly every row has its own text.

    >>> import polars as pl
    >>> sample = [3, 10, 11, 27, 40] * 4
    >>> distinct = [value + 50 * place for place, value in enumerate(sample)]
    >>> why_no_feature(pl.Series("rownames", distinct)), why_no_feature(pl.Series("price", distinct))
    ('it names the rows', '')
    """
    import polars as pl

    if column.dtype == pl.String:
        return OWN_TEXT if _nearly_all_differ(column) else ""
    if column.dtype not in (pl.Int64, pl.Float64) or says(column.name, TIME_WORDS):
        return ""
    if _counts_rows(column):
        return NUMBERS
    named = names_rows(column.name) or (first and column.name in NAMELESS)
    return NAMES if named and _is_whole(column) and _nearly_all_differ(column) else ""


def note_on(left_out: Iterable[tuple[str, str]]) -> str:
    """Return one sentence or two on the columns that name or number rows, empty where there are none.

    >>> note_on((("row", NUMBERS), ("memo", "you left it out")))
    'Left out, for new rows have values of their own there: "row" (it only numbers the rows).'
    """
    found = [(name, reason) for name, reason in left_out if reason in (NAMES, NUMBERS, OWN_TEXT)]
    if not found:
        return ""
    shown = ", ".join(f'"{name}" ({reason})' for name, reason in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if found[SHOWN:] else ""
    named = next((name for name, reason in found if reason == NAMES), None)
    how = f' If "{named}" is a quantity, rename it to say of what, and it is used.' if named is not None else ""
    return f"Left out, for new rows have values of their own there: {shown}{more}.{how}"


def _nearly_all_differ(column: pl.Series) -> bool:
    known = column.drop_nulls()
    return len(known) >= FEWEST_KNOWN and known.n_unique() >= NEARLY_ALL * len(known)


def _is_whole(column: pl.Series) -> bool:
    known = column.drop_nulls()
    return not known.dtype.is_float() or bool((known == known.floor()).all() and known.is_finite().all())


def _counts_rows(column: pl.Series) -> bool:
    """Whether whole numbers go up by 1 from row to row: from 0 or 1, or in many rows from anywhere, with a few gaps."""
    if not column.dtype.is_integer() or column.null_count() or not column.is_sorted():
        return False
    steps = column.diff().drop_nulls()
    if column[0] in (0, 1) and bool((steps == 1).all()):
        return True
    rising = len(column) >= FEWEST_STEPS and bool((steps > 0).all())
    return rising and int((steps == 1).sum()) >= NEARLY_ALL_STEPS * len(steps)
