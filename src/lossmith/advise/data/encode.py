"""From columns to one float64 matrix: an encoding learned on the fit rows, the same for every later row.

Comes in: a `Table` and the numbers of its fit rows; later any frame with the same columns. Goes out: an `Encoding`
(plain data, JSON-able) and matrices. LightGBM sees nothing else: it ends the whole process on polars or Arrow frames
with texts, categories or dates. `lossmith.advise.data.row` does the same to single raw rows with NumPy alone.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data import row
from lossmith.advise.data.columns import dates_from_text, numbers_from_text, stripped, truths_from_text
from lossmith.advise.data.table import Table
from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MOST_LEVELS = 1000
"""Categories kept per column, the most frequent first."""

FEWEST_PER_LEVEL = ((500, 5), (0, 2))
"""From so many fit rows on, a category needs so many of them to be kept."""

LEAST_COVERED = 0.1
"""Share of the texts that the kept categories must cover; names and identifiers do not."""

RECURS_AFTER_DAYS = {"days": None, "month": 730, "weekday": 14, "yearday": 730, "hour": 2}
"""A number made of the time column is kept only if the fit rows span so many days: else later rows only hold values
that no fit row has, and a model that splits on it learns the past by heart (None: never)."""


@dataclass(frozen=True)
class Feature:
    """One column of the table: `kind` is number, boolean, category or date.

    `levels` are the kept categories (their position is the code), or the numbers made of a date (`DATE_PARTS` of
    `lossmith.advise.data.row`); `reading` says how a text of this column is understood.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    reading: str = ""


@dataclass(frozen=True)
class Encoding:
    """How rows become numbers. `left_out` holds (column, reason); `notes` are whole sentences."""

    features: tuple[Feature, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data, the form that `predict.py` carries."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


@dataclass(frozen=True)
class Encoded:
    """A float64 matrix (n, p), a readable name per matrix column, and which of them hold category codes."""

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    categorical: tuple[int, ...]


def from_dict(data: Mapping[str, Any]) -> Encoding:
    """Rebuild an `Encoding` from `Encoding.to_dict()` or from its JSON.

    >>> encoding = Encoding((Feature("city", "category", ("Busan", "Seoul")),))
    >>> from_dict(encoding.to_dict()) == encoding
    True
    """
    features = (Feature(f["name"], f["kind"], tuple(f["levels"]), f["reading"]) for f in data["features"])
    left_out = ((name, reason) for name, reason in data["left_out"])
    return Encoding(tuple(features), tuple(left_out), tuple(data["notes"]))


def make_encoding(table: Table, fit_rows: NDArray[np.int64] | NDArray[np.bool_]) -> Encoding:
    """Learn the encoding of `table` from its rows `fit_rows` (row numbers, or a mask over the rows).

    Left out, with the reason: columns with one value only, texts that nearly all differ, and, when the table has a
    time column, what only grows with time. Raises `DataError` LM510 if nothing is left.

    >>> import polars as pl
    >>> from lossmith.advise.data.table import read_table
    >>> frame = pl.DataFrame({"city": ["Seoul", "Busan"] * 20, "y": [float(i) for i in range(40)]})
    >>> table = read_table(frame, target="y")
    >>> encode(make_encoding(table, np.arange(30)), table.frame).matrix[:3, 0].tolist()
    [1.0, 0.0, 1.0]
    """
    rows = np.flatnonzero(fit_rows) if fit_rows.dtype == np.bool_ else fit_rows
    fit, readings = table.frame[rows], dict(table.readings)
    features, left_out, notes = [], list(table.left_out), list(table.notes)
    for name in table.features:
        feature, reason, note = _learned(fit[name], name == table.time, readings.get(name, ""))
        notes += [note] if note else []
        if reason:
            left_out.append((name, reason))
        else:
            features.append(feature)
    if not features:
        raise DataError(
            "LM510", f"{table.source} has no column that says anything about a row: nothing to predict from."
        )
    return Encoding(tuple(features), tuple(left_out), tuple(notes))


def _learned(fit: pl.Series, is_time: bool, reading: str) -> tuple[Feature, str, str]:
    """Return the feature of one column, a reason to leave it out (or an empty text), and a note (or an empty text)."""
    kind = _kind(fit.dtype)
    feature = Feature(fit.name, kind, (), reading)
    if fit.drop_nulls().n_unique() < 1 or (fit.n_unique() == 1):
        return feature, "it has the same value in every row that the models learn from", ""
    if kind == "category":
        levels, note = _levels(fit)
        return Feature(fit.name, kind, levels, reading), "" if levels else "nearly every row has its own text", note
    if kind == "date":
        parts = tuple(_date_parts(fit, is_time))
        reason = "" if parts else "the rows that the models learn from span too little time"
        return Feature(fit.name, kind, parts, reading), reason, ""
    return feature, "it only grows with time, so later rows hold values never seen" if is_time else "", ""


def _kind(dtype: pl.DataType) -> str:
    import polars as pl

    kinds = {pl.Boolean: "boolean", pl.String: "category", pl.Date: "date", pl.Datetime: "date"}
    return next((kind for known, kind in kinds.items() if dtype == known), "number")


def _levels(fit: pl.Series) -> tuple[tuple[str, ...], str]:
    """Return the kept categories in alphabetical order, and a note if some were not kept."""
    import polars as pl

    fewest = next(least for rows, least in FEWEST_PER_LEVEL if len(fit) >= rows)
    counts = fit.drop_nulls().alias("level").value_counts(sort=True, name="rows")
    counts = counts.sort("rows", "level", descending=[True, False])
    frequent = counts.filter(pl.col("rows") >= fewest)
    kept = frequent.head(MOST_LEVELS)
    if float(kept["rows"].sum()) < LEAST_COVERED * float(fit.is_not_null().sum()):
        return (), ""
    note = ""
    if kept.height < frequent.height:
        note = (
            f'Column "{fit.name}" has {counts.height:,} different texts: the {MOST_LEVELS:,} most frequent are kept, '
            "the others count as missing."
        )
    return tuple(sorted(kept["level"])), note


def _date_parts(fit: pl.Series, is_time: bool) -> Iterator[str]:
    import polars as pl

    span = (fit.max() - fit.min()).days  # type: ignore[operator,union-attr]
    for part, needed in RECURS_AFTER_DAYS.items():
        if part == "hour" and fit.dtype != pl.Datetime:
            continue
        if not is_time or (needed is not None and span >= needed):
            yield part


def encode(encoding: Encoding, frame: pl.DataFrame) -> Encoded:
    """Turn the columns of `frame` into numbers; unknown or rare categories and missing values become NaN.

    Shapes: n rows give (n, p) float64; a date column gives one matrix column per part. Raises `DataError` LM504 if
    `frame` lacks a column of the encoding.
    """
    blocks: list[NDArray[np.float64]] = []
    names: list[str] = []
    categorical: list[int] = []
    for feature in encoding.features:
        if feature.name not in frame.columns:
            raise DataError("LM504", f'These rows have no column "{feature.name}", which the model needs.')
        if feature.kind == "category":
            categorical.append(len(names))
        blocks += _BLOCKS[feature.kind](feature, frame[feature.name])
        names += [f"{feature.name} ({part})" for part in feature.levels] if feature.kind == "date" else [feature.name]
    matrix = np.empty((frame.height, len(blocks)))
    for place, block in enumerate(blocks):
        matrix[:, place] = block
    return Encoded(matrix, tuple(names), tuple(categorical))


def _floats(series: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _number_block(feature: Feature, column: pl.Series) -> list[NDArray[np.float64]]:
    import polars as pl

    if column.dtype == pl.String:
        bare = stripped(column)
        values = numbers_from_text(bare, feature.reading or "plain").cast(pl.Float64)
        column = values.zip_with(values.is_not_null(), numbers_from_text(bare, "plain").cast(pl.Float64))
    return [_floats(column)]


def _boolean_block(feature: Feature, column: pl.Series) -> list[NDArray[np.float64]]:
    import polars as pl

    return [_floats(truths_from_text(stripped(column)) if column.dtype == pl.String else column)]


def _category_block(feature: Feature, column: pl.Series) -> list[NDArray[np.float64]]:
    import polars as pl

    codes = dict(zip(feature.levels, map(float, range(len(feature.levels))), strict=True))
    texts = column.cast(pl.String)
    return [_floats(texts.replace_strict(codes, default=None, return_dtype=pl.Float64))]


def _date_block(feature: Feature, column: pl.Series) -> list[NDArray[np.float64]]:
    import polars as pl

    if column.dtype == pl.String:
        column = dates_from_text(stripped(column), feature.reading or "year-month-day")
    if column.dtype not in (pl.Date, pl.Datetime):
        return [np.full(len(column), np.nan) for _ in feature.levels]
    return [_PARTS[part](column) for part in feature.levels]


def _hour(column: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    if column.dtype == pl.Date:
        return np.where(column.is_null().to_numpy(), np.nan, 0.0)
    return _floats(column.dt.hour()) + _floats(column.dt.minute()) / 60


def _days(column: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    return _floats(column.cast(pl.Date).cast(pl.Int32))


_PARTS: dict[str, Callable[[pl.Series], NDArray[np.float64]]] = {
    "days": _days,
    "month": lambda column: _floats(column.dt.month()),
    "weekday": lambda column: _floats(column.dt.weekday()),
    "yearday": lambda column: _floats(column.dt.ordinal_day()),
    "hour": _hour,
}

_BLOCKS: dict[str, Callable[[Feature, pl.Series], list[NDArray[np.float64]]]] = {
    "number": _number_block,
    "boolean": _boolean_block,
    "category": _category_block,
    "date": _date_block,
}


def standalone() -> str:
    """Return plain Python text (NumPy only) that defines `encode_rows(encoding, rows)`.

    `encoding` is `Encoding.to_dict()` read back from JSON; `rows` is a list of dicts (column → Python value or text).
    """
    return inspect.getsource(row)
