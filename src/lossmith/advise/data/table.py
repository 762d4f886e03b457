"""Read a table: a path or a frame comes in, a clean polars frame with a known target goes out.

Every refusal is one sentence (`DataError`, LM501 to LM521); no exception of a reader shows through. What is read comes
from `source`, the type of each column is decided by `columns`, its job is checked by `roles`, and later rows are read
alike by `later`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.columns import Column, typed
from lossmith.advise.data.extra import need_extra
from lossmith.advise.data.identifiers import note_on, why_no_feature
from lossmith.advise.data.later import refuse_missing_columns, typed_like
from lossmith.advise.data.roles import (
    Mask,
    Roles,
    check_groups,
    check_roles,
    check_time,
    group_column,
    name_column,
    needed_column,
    target_column,
    weights_above_zero,
)
from lossmith.advise.data.roles import refuse_unknown_columns as refuse_unknown_columns
from lossmith.advise.data.source import read_source
from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS = 20


@dataclass(frozen=True)
class Table:
    """A table that is ready for a study: typed columns, no row without a target, a time (if named) or a weight above 0.

    `frame` keeps the order of the rows as read; its columns are Float64, Int64, Boolean, String, Date or Datetime
    (no time zone). `features` are the columns a model may use (never the target, `weight`, `group`, `id` or what was
    dropped; the time column is among them unless dropped). The frame also holds the columns of these names and those
    that costs need; groups and ids are texts as written, and no group is missing. `left_out` names columns that are no
    features, each with the reason as a sentence part (what names or numbers the rows is among them, see `identifiers`, and
    one of the `notes` says so). `readings` says how the text of a column was understood (see the
    tables of `lossmith.advise.data.row`), so that a later row is understood alike. `notes` are whole sentences for the
    first screen. `row_numbers` are the numbers (from 1) of the kept rows as read.
    """

    frame: pl.DataFrame
    target: str
    time: str | None
    features: tuple[str, ...]
    n_rows_read: int
    n_missing_target: int
    source: str
    n_missing_time: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    readings: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    row_numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), repr=False, compare=False)
    weight: str | None = None
    group: str | None = None
    id: str | None = None
    n_zero_weight: int = 0


def read_table(
    data: Any,
    *,
    target: str,
    time: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    drop: Iterable[str] = (),
    id: str | None = None,
    needed: Iterable[str] = (),
    encoding: str | None = None,
) -> Table:
    """Read `data` (a path to Parquet or CSV, or a pandas, polars or pyarrow frame) into a `Table`.

    `weight` holds a number for each row, zero or above (0 leaves the row out); `group` says which rows belong together
    (rows that name no group count as one); `id` names the rows; `drop` are columns that no model may use; `needed` are
    columns that costs name: they stay in the frame, and may be features unless dropped.

    Raises `DataError` where the data cannot carry a study: LM501 no such file, LM502 not a table, LM503 encoding,
    LM504 unknown column, LM505 repeated column name, LM506 target without values to learn from, LM507 too few rows,
    LM508 infinite target, LM509 target of a wrong type, LM510 nothing to predict from, LM511 time column, LM516 missing
    packages, LM517 a column with two jobs, LM518 weights, LM519 a single group, LM520 a named column that is unusable.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"size": range(30), "price": [float(i * i) for i in range(29)] + [None]})
    >>> table = read_table(frame.reverse(), target="price")
    >>> table.frame.height, table.n_missing_target, table.features
    (29, 1, ('size',))
    """
    need_extra()
    frame, source, prefer_comma = read_source(data, encoding)
    roles = Roles(target, time, weight, group, id, _names(drop), _names(needed))
    check_roles(roles, source, frame.columns)
    if not frame.height:
        raise DataError("LM507", f"{source} has column names but no rows; a study needs at least {FEWEST_ROWS}.")
    columns = _with_jobs(frame, {name: typed(frame[name], prefer_comma) for name in frame.columns}, roles)
    rows = _known_rows(columns, roles)
    _refuse_constant(columns[target].series.filter(rows.kept))
    left_out = tuple(_no_features(columns, roles))
    features = tuple(name for name in columns if name != target and name not in dict(left_out))
    if not features:
        raise DataError(
            "LM510", f'{source} has no usable column besides the target "{target}": nothing to predict from.'
        )
    return _table(source, columns, roles, rows, features, left_out, note_on(left_out))


def read_like(table: Table, data: Any, encoding: str | None = None) -> Table:
    """Read other rows with the understanding of the columns that `table` has: same readings, types and features.

    Rows whose target is a text that `table` does not hold are left out, and a note counts them. Raises `DataError` as
    `read_table` does, and LM521 for a column that is missing or holds something else.

    >>> import polars as pl
    >>> first = pl.DataFrame({"size": ["1,5", "2,5"] * 15, "sold": ["yes", "no"] * 15})
    >>> later = pl.DataFrame({"sold": ["no", "yes", "maybe"] * 20, "size": ["3,5"] * 60, "more": [0] * 60})
    >>> table = read_like(read_table(first, target="sold"), later)
    >>> table.frame.shape, table.frame["size"][0], table.notes
    ((40, 2), 3.5, ('20 rows are left out, for their "sold" does not occur in the first data (such as "maybe").',))
    """
    frame, source, _ = read_source(data, encoding)
    refuse_missing_columns(source, frame.columns, table.frame.columns)
    roles = Roles(table.target, table.time, table.weight, table.group, table.id)
    readings = dict(table.readings)
    plain = {
        name: typed_like(frame[name], table.frame[name].dtype, readings.get(name, ""), source)
        for name in table.frame.columns
    }
    columns = _with_jobs(frame, plain, roles)
    columns[table.target], unseen = _without_unseen(columns[table.target], table.frame[table.target])
    rows = _known_rows(columns, roles)
    return _table(source, columns, roles, rows, table.features, table.left_out, unseen)


def _names(asked: Iterable[str]) -> tuple[str, ...]:
    return (asked,) if isinstance(asked, str) else tuple(asked)


def _with_jobs(frame: pl.DataFrame, columns: dict[str, Column], roles: Roles) -> dict[str, Column]:
    """Return the columns with those that have a job made ready for it."""
    jobs = {roles.target: target_column(columns[roles.target])}
    jobs |= {name: needed_column(columns[name]) for name in roles.needed}
    jobs |= {roles.id: name_column(frame[roles.id], columns[roles.id])} if roles.id is not None else {}
    jobs |= {roles.group: group_column(frame[roles.group], columns[roles.group])} if roles.group is not None else {}
    return columns | jobs


def _refuse_constant(target: pl.Series) -> None:
    if target.n_unique() == 1:
        raise DataError(
            "LM506", f'The target "{target.name}" is {target[0]} in every row: there is nothing to predict.'
        )


@dataclass(frozen=True)
class _Rows:
    """Which rows are kept, how many lack what, and notes on them."""

    kept: Mask
    n_missing_target: int
    n_missing_time: int
    n_zero_weight: int
    notes: tuple[str, ...]


def _known_rows(columns: Mapping[str, Column], roles: Roles) -> _Rows:
    """Find the rows that have a target, a time and a weight above zero."""
    with_target = columns[roles.target].series.is_not_null().to_numpy()
    kept = with_target
    if roles.time is not None:
        check_time(columns[roles.time], roles.time)
        kept = kept & columns[roles.time].series.is_not_null().to_numpy()
    with_time, notes = kept, []
    if roles.weight is not None:
        kept = kept & weights_above_zero(columns[roles.weight], roles.weight, kept)
    without = int(with_time.sum() - kept.sum())
    if without:
        notes.append(f'{without:,} rows of weight 0 ("{roles.weight}") are left out: they count as absent.')
    found = int(kept.sum())
    if found < FEWEST_ROWS:
        of = f"{found} of {len(kept)}" if found < len(kept) else str(found)
        and_weight = " and a weight above 0" if without else ""
        raise DataError("LM507", f"Only {of} rows have a target{and_weight}; a study needs at least {FEWEST_ROWS}.")
    if roles.group is not None:
        notes.append(check_groups(columns[roles.group].series.filter(kept)))
    n_missing_time = int(with_target.sum() - with_time.sum())
    return _Rows(kept, int((~with_target).sum()), n_missing_time, without, tuple(filter(None, notes)))


def _table(
    source: str,
    columns: Mapping[str, Column],
    roles: Roles,
    rows: _Rows,
    features: tuple[str, ...],
    left_out: tuple[tuple[str, str], ...],
    *notes: str,
) -> Table:
    import polars as pl

    used = dict.fromkeys((*features, roles.target, *roles.kept))
    return Table(
        frame=pl.DataFrame([columns[name].series for name in used]).filter(rows.kept),
        target=roles.target,
        time=roles.time,
        features=features,
        n_rows_read=len(rows.kept),
        n_missing_target=rows.n_missing_target,
        source=source,
        n_missing_time=rows.n_missing_time,
        left_out=left_out,
        readings=tuple((name, column.reading) for name, column in columns.items() if column.reading),
        notes=(
            *(columns[name].note for name in columns if name in used and columns[name].note),
            *filter(None, notes),
            *rows.notes,
        ),
        row_numbers=np.flatnonzero(rows.kept) + 1,
        weight=roles.weight,
        group=roles.group,
        id=roles.id,
        n_zero_weight=rows.n_zero_weight,
    )


def _without_unseen(column: Column, first: pl.Series) -> tuple[Column, str]:
    """Return a target of texts without those that the first rows lack, and a note that counts them."""
    import polars as pl

    if first.dtype != pl.String:
        return column, ""
    unseen = column.series.is_not_null() & ~column.series.is_in(first.unique().to_list())
    if not unseen.any():
        return column, ""
    text = column.series.filter(unseen)[0]
    note = (
        f'{int(unseen.sum()):,} rows are left out, for their "{first.name}" does not occur in the first data '
        f'(such as "{text}").'
    )
    return Column(column.series.set(unseen, None), column.reading, column.note), note


def _no_features(columns: Mapping[str, Column], roles: Roles) -> Iterable[tuple[str, str]]:
    """Yield (column, reason) for what is no feature: by its job, dropped, or of no use to any model."""
    first = next(iter(columns))
    for name, column in columns.items():
        if name == roles.target:
            continue
        if name in roles.no_feature:
            yield name, roles.no_feature[name]
        elif column.left_out:
            yield name, column.left_out
        elif name != roles.time and (reason := why_no_feature(column.series, first=name == first)):
            yield name, reason
