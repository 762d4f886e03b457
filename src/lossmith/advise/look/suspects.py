"""Columns to look at before anything is trained: a table comes in, warnings go out, each one whole sentence.

Every warning names the column, what was seen, and what to do. The costly ones look at a sample of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.names import BIRTH_WORDS, TIME_WORDS, names_an_entity, says
from lossmith.advise.data.table import Table

if TYPE_CHECKING:
    import polars as pl

    Discrete = tuple[tuple[pl.Series, int], ...]  # features of whole numbers or texts, and how many values differ

Rows = NDArray[np.int64]

MANY_COPIES: Final = 0.05
MOST_DIFFER: Final = 0.99
FEW_ROWS: Final = 50
RARELY_ELSE: Final = 0.001
FEWEST_ELSE: Final = 5
FEWEST_DATES: Final = 10
GROUP_SIZES: Final = (1.5, 50.0)
FEWEST_ENTITIES: Final = 10
PAIRS: Final = 2_000
FIRST_LOOK: Final = 10_000
SAME: Final = 0.99
SAME_BY_CHANCE: Final = 0.6

FILLS: Final = frozenset(
    float(sign + digit * count) for digit in "789" for sign in ("", "-") for count in range(1, 7) if sign or count > 1
)
"""Numbers that people write where a value is missing: 77, 999, -9, -99999 and the like."""

SHOWN: Final = 4

GAP: Final = 0.5
"""A fill value lies so far from all others, in units of their range."""


def suspects(table: Table) -> tuple[str, ...]:
    """Return the warnings on the columns of a table.

    >>> import polars as pl
    >>> from lossmith.advise.data.table import read_table
    >>> rows = {"z": [i * 7 % 60 for i in range(60)], "x": [i % 7 for i in range(60)], "y": [i % 11 for i in range(60)]}
    >>> suspects(read_table(pl.DataFrame(rows), target="y"))[0][:60]
    'Column "z" has its own number in nearly every row, with hard'
    """
    columns = tuple(_discrete(table))
    return tuple(warning for look in SUSPECTS for warning in look(table, columns))


def _discrete(table: Table) -> Iterator[tuple[pl.Series, int]]:
    """Yield the features of whole numbers or texts without their missing values, and how many values differ."""
    import polars as pl

    for name in table.features:
        column = table.frame[name]
        if name != table.time and column.dtype in (pl.Int64, pl.String):
            known = column.drop_nulls()
            if len(known) >= FEW_ROWS / 2:
                yield known, known.n_unique()


def _row_numbers(table: Table, columns: Discrete) -> Iterator[str]:
    """Warn of numbers that may be row numbers in another order (or ranks): nearly all different, with hardly a gap.

    Among numbers drawn at random from twice as many, a fifth or more would occur twice. Columns that surely name or
    number the rows are no features (see `lossmith.advise.data.identifiers`).
    """
    for known, distinct in columns:
        if known.dtype.is_integer() and _hardly_a_gap(known, distinct) and not says(known.name, TIME_WORDS):
            yield (
                f'Column "{known.name}" has its own number in nearly every row, with hardly a gap between them. It is '
                f"used; if it only numbers the rows, leave it out (--drop {known.name})."
            )


def _hardly_a_gap(known: pl.Series, distinct: int) -> bool:
    width = float(known.max()) - float(known.min()) + 1  # type: ignore[arg-type]
    return len(known) >= FEW_ROWS and distinct >= MOST_DIFFER * len(known) and width <= 2 * len(known)


def _near_constants(table: Table, columns: Discrete) -> Iterator[str]:
    """Warn once of all columns that hold one value in all but a few rows."""
    fewest = max(FEWEST_ELSE, int(RARELY_ELSE * table.frame.height))
    if table.frame.height < 20 * fewest:
        return
    every = max(1, table.frame.height // FIRST_LOOK)
    likely = [name for name in table.features if _others(table.frame[name].gather_every(every)) < fewest]
    found = [name for name in likely if 0 < _others(table.frame[name]) < fewest]
    if found:
        shown = ", ".join(f'"{name}"' for name in found[:SHOWN]) + (
            f" and {len(found) - SHOWN} more" if found[SHOWN:] else ""
        )
        noun, holds, them = ("Column", "holds", "it") if len(found) == 1 else ("Columns", "each hold", "them")
        yield (
            f"{noun} {shown} {holds} one value in all but {fewest - 1:,} rows or fewer: little can be learned from so few. "
            f"Leave {them} out (--drop) unless these rows matter to you."
        )


def _others(column: pl.Series) -> int:
    """Count the rows that hold another value than the most frequent one."""
    return len(column) - int(column.value_counts(sort=True, name="rows").row(0)[1])


def _dates(table: Table, columns: Discrete) -> Iterator[str]:
    import polars as pl

    if table.time is not None:
        return
    dates = [
        (-table.frame[name].null_count(), table.frame[name].n_unique(), name)
        for name in table.features
        if table.frame[name].dtype in (pl.Date, pl.Datetime) and not says(name, BIRTH_WORDS)
    ]
    dates = [row for row in dates if row[1] >= FEWEST_DATES and -row[0] <= table.frame.height / 2]
    if dates:
        name = max(dates, key=lambda row: row[:2])[2]
        yield (
            f'Rows have dates ("{name}"): with --time {name} the study learns from the past and is compared on the '
            "future, as the model will be used; without it, rows of the same days are both learned from and compared."
        )


def _entities(table: Table, columns: Discrete) -> Iterator[str]:
    if table.group is not None:
        return
    for known, distinct in columns:
        name, size = known.name, len(known) / max(distinct, 1)
        if distinct < FEWEST_ENTITIES or not size >= GROUP_SIZES[0] or says(name, TIME_WORDS):
            continue
        named = names_an_entity(name) and (size <= GROUP_SIZES[1] or distinct >= 3 * FEWEST_ENTITIES)
        carried = [] if named else _carried(table, name, size, distinct)
        if named or carried:
            also = f" (rows with the same value also share {', '.join(carried[:3])})" if carried else ""
            yield (
                f'Several rows belong to each value of "{name}", {size:,.3g} on average{also}: if new rows will have other '
                f"values of it, say --group {name}, or the models are compared on rows whose neighbours they have seen."
            )
            return


def _carried(table: Table, name: str, size: float, distinct: int) -> list[str]:
    """Return the features that are fixed by `name` (two at least, else none), judged by pairs of rows that share it."""
    import polars as pl

    if not size <= GROUP_SIZES[1] or distinct < 3 * FEWEST_ENTITIES:
        return []
    numbered = table.frame.select(pl.col(name), pl.int_range(pl.len()).alias("row")).drop_nulls()
    pairs = (
        numbered.group_by(name, maintain_order=True).agg(pl.col("row").head(2)).filter(pl.col("row").list.len() == 2)
    )
    rows = np.array(pairs["row"].head(PAIRS).to_list())
    if len(rows) < FEWEST_ENTITIES:
        return []
    shuffled = np.random.default_rng(0).permutation(rows[:, 1])
    shared = [other for other in table.features if other not in (name, table.time)]
    found = [other for other in shared if _is_fixed(table.frame[other], rows, shuffled)]
    return found if 2 <= len(found) < len(shared) else []


def _is_fixed(column: pl.Series, rows: Rows, shuffled: Rows) -> bool:
    """Whether the two rows of nearly every pair agree, and rows of different pairs often do not."""
    first = column[rows[:, 0]]
    together = first.eq_missing(column[rows[:, 1]]).mean()
    by_chance = first.eq_missing(column[shuffled]).mean()
    return bool(together >= SAME and by_chance <= SAME_BY_CHANCE)  # type: ignore[operator]


def _fills(table: Table, columns: Discrete) -> Iterator[str]:
    import polars as pl

    for name in (*table.features, table.target):
        column = table.frame[name]
        if column.dtype not in (pl.Int64, pl.Float64) or name == table.time:
            continue
        known = column.drop_nulls()
        for end in (known.max(), known.min()):
            if end is not None and float(end) in FILLS and _stands_apart(known, float(end)):  # type: ignore[arg-type]
                count = int((known == end).sum())
                if count < 2 and abs(float(end)) < 100:  # type: ignore[arg-type]
                    continue
                rows = "1 row" if count == 1 else f"{count:,} rows"
                yield (
                    f'"{name}" is {float(end):g} in {rows}, far from all its other values: if that stands for '  # type: ignore[arg-type]
                    "“not known”, make these cells empty, or it counts as a number."
                )


def _stands_apart(known: pl.Series, end: float) -> bool:
    others = known.filter(known != end)
    if others.n_unique() < 3:
        return False
    low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
    return min(abs(end - low), abs(end - high)) >= GAP * (high - low)


def _copies(table: Table, columns: Discrete) -> Iterator[str]:
    """Warn where many rows equal another one, far more than by chance: rows to compare have been learned from."""
    frame = table.frame.select(*table.features, table.target)
    rows = frame.height
    if any(rows - column.n_unique() < MANY_COPIES * rows for column in reversed(frame.get_columns())):
        return  # equal rows are equal in each column
    copies = rows - frame.n_unique()
    if copies >= MANY_COPIES * rows and copies > 2 * _copies_by_chance(frame):
        yield (
            f"{copies:,} of {rows:,} rows are copies of another row, target included. If they are the same cases written "
            "twice, leave them out: rows that were learned from are compared too, and look better than new ones."
        )


def _copies_by_chance(frame: pl.DataFrame) -> int:
    """Count copies after each column was shuffled by itself: few columns of few values repeat without being copies."""
    shuffled = frame.select(frame[name].shuffle(seed=place) for place, name in enumerate(frame.columns))
    return frame.height - shuffled.n_unique()


SUSPECTS: Final[tuple[Callable[[Table, Discrete], Iterator[str]], ...]] = (
    *(_row_numbers, _entities, _dates, _fills, _near_constants, _copies),
)
