"""Read later rows as the first ones were read: a table and a new frame come in, columns of the same types go out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lossmith.advise.data.columns import (
    NEARLY_ALL,
    Column,
    dates_from_text,
    numbers_from_text,
    stripped,
    truths_from_text,
    typed,
)
from lossmith.advise.data.roles import as_texts
from lossmith.advise.data.row import MISSING_WORDS
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl


def refuse_missing_columns(source: str, known: list[str], wanted: list[str]) -> None:
    """Raise LM521 if a file lacks columns that the first one had."""
    missing = [name for name in wanted if name not in known]
    if missing:
        more = f" (nor {', '.join(missing[1:6])}{' …' if len(missing) > 6 else ''})" if missing[1:] else ""
        hint = did_you_mean(missing[0], known)
        raise DataError("LM521", f'{source} has no column "{missing[0]}"{more}, which the first data has.{hint}')


def typed_like(series: pl.Series, dtype: pl.DataType, reading: str, source: str) -> Column:
    """Return `series` as `dtype`, its texts read as `reading` says (see `columns`).

    Whole numbers become fractions where the new rows hold some. Raises `DataError` LM521 if hardly any value fits.
    """
    import polars as pl

    known = _said(series)
    if known.dtype == dtype == pl.String:  # what says "missing" may be a class: as in the first data, it stays
        return Column(stripped(series.cast(pl.String)))
    if known.dtype == pl.String:
        values = next(read for fits, read in _from_text() if fits(dtype))(known, reading)
    else:
        values = typed(series).series
        values = values if values.null_count() == len(values) else _from_value(values, dtype)
    fit, said = len(values) - values.null_count(), len(known) - known.null_count()
    if fit == said:
        return Column(_cast(values, dtype), reading)
    odd = known.filter(values.is_null() & known.is_not_null())[0]
    if fit < NEARLY_ALL * said:
        what = _words(dtype)
        raise DataError(
            "LM521", f'{source}: column "{series.name}" holds {what} in the first data, and here "{odd}". Correct it.'
        )
    note = (
        f'Column "{series.name}": {said - fit:,} of {said:,} values are not {_words(dtype)} (first: "{odd}"); missing.'
    )
    return Column(_cast(values, dtype), reading, note)


def _said(series: pl.Series) -> pl.Series:
    """Return texts without those that say nothing; other values with NaN as missing."""
    import polars as pl

    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        bare = stripped(series)
        return bare.set(bare.is_in(MISSING_WORDS), None)
    return series.fill_nan(None) if series.dtype.is_float() else series


def _is_date(dtype: pl.DataType) -> bool:
    import polars as pl

    return dtype in (pl.Date, pl.Datetime)


def _from_text() -> tuple[tuple[Callable[[pl.DataType], bool], Callable[[pl.Series, str], pl.Series]], ...]:
    import polars as pl

    return (
        (lambda dtype: dtype.is_numeric(), _numbers),
        (_is_date, lambda texts, reading: dates_from_text(texts, reading or "year-month-day")),
        (lambda dtype: dtype == pl.Boolean, lambda texts, reading: truths_from_text(texts) == 1.0),
    )


def _numbers(texts: pl.Series, reading: str) -> pl.Series:
    import polars as pl

    values = numbers_from_text(texts, reading or "plain").cast(pl.Float64)
    return values.zip_with(values.is_not_null(), numbers_from_text(texts, "plain").cast(pl.Float64))


def _from_value(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return values of a frame or Parquet file as another type, missing where they are none of it."""
    import polars as pl

    if dtype == pl.String:
        return as_texts(values)
    if dtype == pl.Boolean and values.dtype.is_numeric():
        return values.set(~values.is_in([0, 1]), None) == 1
    if dtype.is_numeric() and (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        return values.cast(pl.Float64)
    if values.dtype == dtype or (_is_date(dtype) and _is_date(values.dtype)):
        return values
    return pl.Series(values.name, [None] * len(values), dtype=dtype)


def _cast(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return `values` as `dtype`; numbers that are not all whole stay as they are."""
    import polars as pl

    if dtype == pl.Int64 and values.dtype == pl.Float64:
        whole = values.cast(pl.Int64, strict=False)
        return whole if bool((whole.cast(pl.Float64) == values).fill_null(True).all()) else values
    return values.cast(dtype)


def _words(dtype: pl.DataType) -> str:
    import polars as pl

    kinds = {pl.Boolean: "truth values", pl.String: "texts", pl.Date: "dates", pl.Datetime: "dates"}
    return next((words for known, words in kinds.items() if dtype == known), "numbers")
