"""What columns are for: the names that a person gave come in, checked columns with a job go out.

A column has one job: target, time, weight, group or id. Those of the last three are never features. A dropped column is
no feature; where it has a job as well, it keeps that job. Every refusal is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.columns import Column, stripped
from lossmith.advise.data.row import MISSING_WORDS
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

Mask = NDArray[np.bool_]

TARGET_MISSING_WORDS = tuple(word for word in MISSING_WORDS if word.lower() not in {"none", "-", "--", "."})
"""Words that are no class of a text target."""

NO_GROUP = "(missing)"
"""The group of the rows that name none."""

# Jobs whose column is no feature, and why, as a sentence part.
NO_FEATURE = {
    "weight": "it holds the weights of the rows",
    "group": "it says which rows belong together",
    "id": "it names the rows",
}

DROPPED = "you left it out"


@dataclass(frozen=True)
class Roles:
    """The job of each column that a person named; `needed` are the columns that costs name."""

    target: str
    time: str | None = None
    weight: str | None = None
    group: str | None = None
    id: str | None = None
    drop: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()

    @property
    def jobs(self) -> dict[str, str]:
        """Job to column, for the jobs that are given."""
        named = {job: getattr(self, job) for job in ("target", "time", "weight", "group", "id")}
        return {job: name for job, name in named.items() if name is not None}

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns that stay in the frame whether features or not, each once."""
        return tuple(dict.fromkeys((*self.jobs.values(), *self.needed)))

    @property
    def no_feature(self) -> dict[str, str]:
        """The columns that are no features by their job or by being dropped, and why."""
        by_job = {name: NO_FEATURE[job] for job, name in self.jobs.items() if job in NO_FEATURE}
        return dict.fromkeys(self.drop, DROPPED) | by_job


def check_roles(roles: Roles, source: str, known: Iterable[str]) -> None:
    """Refuse unknown columns (LM504) and a column with two jobs (LM517; LM511 for the target as time)."""
    names = list(known)
    refuse_unknown_columns(source, names, {f"--{job}": name for job, name in roles.jobs.items()})
    for option, asked in (("--drop", roles.drop), ("--cost", roles.needed)):
        for name in asked:
            refuse_unknown_columns(source, names, {option: name})
    seen: dict[str, str] = {}
    for job, name in roles.jobs.items():
        if name in seen:
            code = "LM511" if (seen[name], job) == ("target", "time") else "LM517"
            raise DataError(code, f'"{name}" is both {seen[name]} and {job}. Name two columns.')
        seen[name] = job
    if roles.target in (*roles.drop, *roles.needed):
        what = "dropped (--drop)" if roles.target in roles.drop else "a column of costs (--cost)"
        raise DataError("LM517", f'"{roles.target}" is the target, and cannot be {what} as well. Name another column.')


def refuse_unknown_columns(source: str, known: Iterable[str], asked: Mapping[str, str | None]) -> None:
    """Raise LM504 for the first asked column (option name to column name) that is not `known`."""
    names = list(known)
    for option, name in asked.items():
        if name is not None and name not in names:
            shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            hint = did_you_mean(name, names)
            raise DataError("LM504", f'{source} has no column "{name}" ({option}).{hint} Its columns: {shown}.')


def target_column(column: Column) -> Column:
    """Return the target with every way of saying "missing" made missing, or say why it cannot be a target."""
    import polars as pl

    series = column.series
    if column.left_out == "it holds no value" or series.null_count() == len(series):
        raise DataError("LM506", f'The target "{series.name}" has no value in any row. Name another column.')
    if column.left_out or series.dtype in (pl.Date, pl.Datetime):
        what = "dates" if not column.left_out else f"values of the type {series.dtype}"
        advice = "Name a column of numbers or classes."
        raise DataError("LM509", f'The target "{series.name}" holds {what}, which a study cannot predict. {advice}')
    if series.dtype == pl.String:
        return Column(series.set(series.is_in(TARGET_MISSING_WORDS), None), column.reading, column.note)
    if series.dtype == pl.Float64 and series.is_infinite().any():
        row = series.is_infinite().fill_null(False).arg_true()[0] + 1
        count = int(series.is_infinite().sum())
        raise DataError(
            "LM508",
            f'The target "{series.name}" is infinite in {count:,} rows, first in row {row:,}. Leave these rows out.',
        )
    return column


def check_time(column: Column, time: str) -> None:
    """Refuse a time column (LM511) by which rows have no order."""
    import polars as pl

    if column.left_out or column.series.dtype in (pl.String, pl.Boolean):
        seen = column.series.drop_nulls() if not column.left_out else None
        found = f'; its first value is "{seen[0]}"' if seen is not None and len(seen) else ""
        raise DataError("LM511", f'The time column "{time}" holds neither dates nor numbers{found}.')
    if column.series.n_unique() == 1:
        raise DataError("LM511", f'The time column "{time}" has the same value in every row: rows have no order.')


def needed_column(column: Column) -> Column:
    """Refuse a column of costs (LM520) that holds no value or nothing readable."""
    if column.left_out:
        raise DataError("LM520", f'The column "{column.series.name}" (--cost) cannot be used: {column.left_out}.')
    return column


def name_column(raw: pl.Series, column: Column) -> Column:
    """Return a column of names (group or id) as texts, as written; a number that is whole is written without a point."""
    import polars as pl

    if column.left_out and column.left_out != "it holds no value":
        raise DataError("LM520", f'The column "{raw.name}" cannot name rows or groups: {column.left_out}.')
    if raw.dtype == pl.String:
        bare = stripped(raw)
        return Column(bare.set(bare.is_in(MISSING_WORDS), None))
    return Column(as_texts(column.series))


def as_texts(values: pl.Series) -> pl.Series:
    """Return each value as text; whole numbers lose their point (1.0 is "1")."""
    import polars as pl

    if values.dtype == pl.Float64:
        numbers = values.drop_nulls().to_numpy()
        if bool(np.all((numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53))):
            values = values.cast(pl.Int64)
    return values.cast(pl.String)


def group_column(raw: pl.Series, column: Column) -> Column:
    """Return the groups without missing values: the rows that name none make one group of their own.

    One group is never parted: so nothing leaks between rows that may belong together. A note says how many there are.
    """
    named = name_column(raw, column).series
    missing = named.null_count()
    note = f'Column "{raw.name}" names no group in {missing:,} of {len(raw):,} rows: they count as one group.'
    return Column(named.fill_null(NO_GROUP), note=note if missing else "")


def check_groups(groups: pl.Series) -> str:
    """Refuse a single group (LM519); return a note where every row is a group, else an empty text."""
    distinct = groups.n_unique()
    if distinct < 2:
        raise DataError(
            "LM519",
            f'The group column "{groups.name}" has the same value in every row: to learn from some groups and compare '
            "on others there must be several. Leave --group out, or name another column.",
        )
    each = f'Every row is a group of its own in "{groups.name}": --group changes nothing.'
    return each if distinct == len(groups) else ""


def weights_above_zero(column: Column, name: str, rows: Mask) -> Mask:
    """Return which of all rows have a weight above zero; refuse (LM518) what is no weight in one of `rows`."""
    import polars as pl

    if column.left_out or not column.series.dtype.is_numeric():
        found = f": {column.left_out}" if column.left_out else f'; its first value is "{column.series.drop_nulls()[0]}"'
        raise DataError("LM518", f'The weight column "{name}" holds no numbers{found}.')
    weights = column.series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    for bad, what, advice in (
        (np.isnan(weights), "missing", "Give every row a weight; 0 leaves a row out."),
        (np.isinf(weights), "infinite", "Weights are finite numbers, zero or above."),
        (weights < 0, "negative", "Weights are finite numbers, zero or above."),
    ):
        wrong = np.flatnonzero(bad & rows)
        if len(wrong):
            more = f" and in {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
            raise DataError("LM518", f'The weight in "{name}" is {what} in row {wrong[0] + 1:,}{more}. {advice}')
    above = weights > 0
    if not np.any(above & rows):
        raise DataError("LM518", f'The weight in "{name}" is 0 in every row: no row counts. Name another column.')
    return above
