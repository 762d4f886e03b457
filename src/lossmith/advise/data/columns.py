"""Decide what each column of a frame is: a column of any type comes in, a number, truth value, date or text goes out.

Texts are read by the tables of `row` (number styles, date styles), so that a single later row is read alike. A
column in which nearly every text is a number (or a date) is one; the few others count as missing, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lossmith.advise.data.row import DATE_READINGS, MISSING_WORDS, MONTHS, NUMBER_READINGS, TRUTH_WORDS

if TYPE_CHECKING:
    import polars as pl

NEARLY_ALL = 0.95
"""Share of the texts that must be numbers (or dates) for the column to be one."""

SAMPLE = 200


@dataclass(frozen=True)
class Column:
    """A typed column, how its text was read, a note for people; or, if it cannot be used, the reason."""

    series: pl.Series
    reading: str = ""
    note: str = ""
    left_out: str = ""


def typed(series: pl.Series, prefer_comma: bool = False) -> Column:
    """Return `series` as Float64, Int64, Boolean, String, Date or Datetime, or the reason why it cannot be used."""
    for belongs, convert in _converters(prefer_comma):
        if belongs(series.dtype):
            column = convert(series)
            break
    else:
        return Column(series, left_out=f"its values are of the type {series.dtype}, not single numbers, texts or dates")
    if not column.left_out and column.series.null_count() == len(series):
        return Column(column.series, left_out="it holds no value")
    return column


def _converters(
    prefer_comma: bool,
) -> tuple[tuple[Callable[[pl.DataType], bool], Callable[[pl.Series], Column]], ...]:
    import polars as pl

    return (
        (lambda kind: kind == pl.Boolean, Column),
        (lambda kind: kind.is_integer(), _whole),
        (lambda kind: kind.is_float() or kind.is_decimal(), _real),
        (lambda kind: kind == pl.String, lambda series: typed_text(series, prefer_comma)),
        (lambda kind: kind in (pl.Categorical, pl.Enum), lambda series: Column(stripped(series.cast(pl.String)))),
        (lambda kind: kind == pl.Date, Column),
        (lambda kind: kind == pl.Datetime, _moment),
        (lambda kind: kind == pl.Duration, _seconds),
        (lambda kind: kind == pl.Time, _seconds),
        (lambda kind: kind == pl.Null, lambda series: Column(series, left_out="it holds no value")),
    )


def _whole(series: pl.Series) -> Column:
    import polars as pl

    whole = series.cast(pl.Int64, strict=False)
    return Column(whole if whole.null_count() == series.null_count() else series.cast(pl.Float64))


def _real(series: pl.Series) -> Column:
    import polars as pl

    return Column(series.cast(pl.Float64).fill_nan(None))


def _moment(series: pl.Series) -> Column:
    return Column(_day_if_midnight(series.dt.replace_time_zone(None).dt.cast_time_unit("us")))


def _day_if_midnight(moments: pl.Series) -> pl.Series:
    """Return dates where no moment has a time of day (pandas has no dates), else the moments."""
    import polars as pl

    days = moments.cast(pl.Date)
    return days if (days.cast(pl.Datetime("us")) == moments.cast(pl.Datetime("us"))).all() else moments


def _seconds(series: pl.Series) -> Column:
    import polars as pl

    nanoseconds = series.cast(pl.Duration("ns")).cast(pl.Int64)
    seconds = pl.Series(series.name, nanoseconds.to_numpy() / 1e9).fill_nan(None)
    return Column(seconds, note=f'Column "{series.name}" is a time span, read as seconds.')


def stripped(series: pl.Series) -> pl.Series:
    """Return the texts without white space around them; an empty text is missing."""
    import polars as pl

    bare = series.str.strip_chars()
    return bare.set(bare == "", None).cast(pl.String)


def typed_text(series: pl.Series, prefer_comma: bool = False) -> Column:
    """Return a column of texts as what its texts write: truth values, numbers, dates, else categories."""
    bare = stripped(series)
    said = bare.set(bare.is_in(MISSING_WORDS), None)
    if said.null_count() == len(said):
        return Column(said, left_out="it holds no value")
    for read in (_as_truth, lambda texts: _as_number(texts, prefer_comma), _as_date):
        column = read(said)
        if column is not None:
            return column
    return Column(bare)


def _as_truth(said: pl.Series) -> Column | None:
    lower = said.str.to_lowercase()
    if not lower.drop_nulls().is_in(["true", "false"]).all():
        return None
    return Column(lower == "true", reading="truth")


def _as_number(said: pl.Series, prefer_comma: bool) -> Column | None:
    order = list(NUMBER_READINGS)
    if prefer_comma:
        order.insert(1, order.pop(order.index("decimal comma")))
    return _best(said, order, numbers_from_text, "a number")


def _as_date(said: pl.Series) -> Column | None:
    column = _best(said, list(DATE_READINGS), dates_from_text, "a date")
    if column is not None:
        column = replace(column, series=_day_if_midnight(column.series))
    if column is not None and column.reading == "month/day/year" and not column.note:
        other = dates_from_text(said, "day/month/year")
        if other.null_count() == said.null_count():
            return Column(column.series, column.reading, f'Column "{said.name}" is read as month/day/year.')
    return column


def _best(said: pl.Series, order: list[str], read: Callable[[pl.Series, str], pl.Series], what: str) -> Column | None:
    """Return the first reading that fits every text, else the one that fits most if that is nearly all."""
    first = said.drop_nulls().head(SAMPLE)
    likely = [name for name in order if first.len() - read(first, name).null_count() >= first.len() / 2]
    best, best_fit, n_said = None, 0, len(said) - said.null_count()
    for name in likely:
        values = read(said, name)
        fit = len(values) - values.null_count()
        if fit > best_fit:
            best, best_fit = Column(values, reading=name), fit
        if fit == n_said:
            return best
    if best is None or best_fit < NEARLY_ALL * n_said:
        return None
    odd = said.filter(best.series.is_null() & said.is_not_null())[0]
    note = f'Column "{said.name}": {n_said - best_fit:,} of {n_said:,} texts are not {what} (first: "{odd}"); missing.'
    return Column(best.series, best.reading, note)


def numbers_from_text(texts: pl.Series, reading: str) -> pl.Series:
    """Return the numbers that `texts` write in one style of `NUMBER_READINGS`; missing where they write none."""
    import polars as pl

    pattern, delete, mark = NUMBER_READINGS[reading]
    kept = texts.set(~texts.str.contains(f"^(?:{pattern})$"), None)
    for letter in delete:
        kept = kept.str.replace_all(letter, "", literal=True)
    if mark != ".":
        kept = kept.str.replace_all(mark, ".", literal=True)
    kept = kept.str.strip_prefix("+")
    values = kept.cast(pl.Float64, strict=False)
    whole = values.cast(pl.Int64, strict=False)
    if kept.str.contains(r"^-?[0-9]{1,15}$").all():
        return whole
    return values


def dates_from_text(texts: pl.Series, reading: str) -> pl.Series:
    """Return the dates that `texts` write in one style of `DATE_READINGS` (Datetime if any has a time of day)."""
    import polars as pl

    pattern = f"^(?:{DATE_READINGS[reading]})$"
    part = texts.str.extract_groups(pattern).struct.unnest()
    months = (
        pl.col("m")
        if "m" in part.columns
        else pl.col("b")
        .str.to_lowercase()
        .replace_strict(dict(zip(MONTHS, map(str, range(1, 13)), strict=True)), default=None, return_dtype=pl.String)
    )
    hour = pl.col("H").fill_null("0").cast(pl.Int32)
    half = pl.col("p").str.to_lowercase()
    hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    clock = pl.format("{}:{}:{}", hour, pl.col("M").fill_null("0"), pl.col("S").fill_null("0"))
    text = pl.format("{}-{}-{} {}", pl.col("y"), months, pl.col("d"), clock)
    moment = part.select(text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")).to_series()
    moment = moment.set(moment.dt.year() < 1, None).alias(texts.name)
    return moment if part["H"].is_not_null().any() else moment.cast(pl.Date)


def truths_from_text(texts: pl.Series) -> pl.Series:
    """Return the truth values that `texts` write as 0.0 and 1.0."""
    import polars as pl

    return texts.str.to_lowercase().replace_strict(TRUTH_WORDS, default=None, return_dtype=pl.Float64)
