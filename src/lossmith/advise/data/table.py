"""Read a table: a path or a frame comes in, a clean polars frame with a known target goes out.

Every refusal is one sentence (`DataError`, LM501 to LM513); no exception of a reader shows through. Delimited text is
read by `text_file`, the type of each column is decided by `columns`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.columns import Column, typed
from lossmith.advise.data.extra import need_extra
from lossmith.advise.data.row import MISSING_WORDS
from lossmith.advise.data.text_file import read_text_file, refuse_repeated_names
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS = 20

TARGET_MISSING_WORDS = tuple(word for word in MISSING_WORDS if word.lower() not in {"none", "-", "--", "."})
"""Words that are no class of a text target."""


@dataclass(frozen=True)
class Table:
    """A table that is ready for a study: typed columns, no row without a target (nor without a time).

    `frame` keeps the order of the rows as read; its columns are Float64, Int64, Boolean, String, Date or Datetime
    (no time zone). `features` are the columns a model may use (never the target; the time column is among them).
    `left_out` names columns that cannot be used, each with the reason as a sentence part. `readings` says how the
    text of a column was understood (see the tables of `lossmith.advise.data.row`), so that a later row is understood alike.
    `notes` are whole sentences for the first screen. `row_numbers` are the numbers (from 1) of the kept rows as read.
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


def read_table(data: Any, *, target: str, time: str | None = None, encoding: str | None = None) -> Table:
    """Read `data` (a path to Parquet or CSV, or a pandas, polars or pyarrow frame) into a `Table`.

    Raises `DataError` where the data cannot carry a study: LM501 no such file, LM502 not a table, LM503 encoding,
    LM504 unknown column, LM505 repeated column name, LM506 target without values to learn from, LM507 too few rows,
    LM508 infinite target, LM509 target of a wrong type, LM510 nothing to predict from, LM511 time column, LM516 missing packages.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"size": range(30), "price": [float(i * i) for i in range(29)] + [None]})
    >>> table = read_table(frame.reverse(), target="price")
    >>> table.frame.height, table.n_missing_target, table.features
    (29, 1, ('size',))
    """
    need_extra()
    frame, source, prefer_comma = _read(data, encoding)
    refuse_unknown_columns(source, frame.columns, {"--target": target, "--time": time})
    if not frame.height:
        raise DataError("LM507", f"{source} has column names but no rows; a study needs at least {FEWEST_ROWS}.")
    if target == time:
        raise DataError("LM511", f'"{target}" is both target and time. Name two columns.')
    columns = {name: typed(frame[name], prefer_comma) for name in frame.columns}
    columns[target] = _target_column(columns[target])
    clean, n_missing_time = _known_rows(frame.height, columns, target, time)
    left_out = tuple(_useless(columns, target, time))
    features = tuple(name for name in columns if name != target and name not in dict(left_out))
    if not features:
        raise DataError(
            "LM510", f'{source} has no usable column besides the target "{target}": nothing to predict from.'
        )
    notes = [column.note for name, column in columns.items() if column.note and name not in dict(left_out)]
    return Table(
        frame=clean.select(*features, target),
        target=target,
        time=time,
        features=features,
        n_rows_read=frame.height,
        n_missing_target=columns[target].series.null_count(),
        source=source,
        n_missing_time=n_missing_time,
        left_out=left_out,
        readings=tuple((name, column.reading) for name, column in columns.items() if column.reading),
        notes=tuple(notes),
        row_numbers=np.flatnonzero(_known(columns, target, time)) + 1,
    )


def refuse_unknown_columns(source: str, known: Iterable[str], asked: dict[str, str | None]) -> None:
    """Raise LM504 for the first asked column (option name to column name) that is not `known`."""
    names = list(known)
    for option, name in asked.items():
        if name is not None and name not in names:
            shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            hint = did_you_mean(name, names)
            raise DataError("LM504", f'{source} has no column "{name}" ({option}).{hint} Its columns: {shown}.')


def _read(data: Any, encoding: str | None) -> tuple[pl.DataFrame, str, bool]:
    """Return the untyped frame, what to call it, and whether a comma more likely marks decimals than thousands."""
    if not isinstance(data, (str, Path)):
        return _from_frame(data), "The frame", False
    path = Path(data)
    if path.is_dir():
        raise DataError("LM501", f"{path} is a folder. Name one Parquet or CSV file.")
    try:
        with path.open("rb") as file:
            head = file.read(6)
        if head.startswith(b"PAR1") or head == b"ARROW1":
            return _from_columnar(path, head), path.name, False
        frame, separator = read_text_file(path, encoding)
    except FileNotFoundError:
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError("LM501", f"There is no file {path}.{did_you_mean(path.name, near)}") from None
    except OSError as error:
        raise DataError("LM501", f"{path} cannot be read: {error.strerror or error}.") from None
    return frame.filter(~_all_missing(frame)), path.name, separator == ";"


def _all_missing(frame: pl.DataFrame) -> pl.Expr:
    import polars as pl

    return pl.all_horizontal(pl.all().is_null()) if frame.width > 1 else pl.lit(False)


def _from_columnar(path: Path, head: bytes) -> pl.DataFrame:
    import polars as pl

    kind, read = ("Parquet", pl.read_parquet) if head.startswith(b"PAR1") else ("Arrow", pl.read_ipc)
    try:
        return read(path)
    except (pl.exceptions.PolarsError, OSError):
        raise DataError("LM502", f"{path.name} is a damaged or cut-off {kind} file. Write it again.") from None


def _from_frame(data: Any) -> pl.DataFrame:
    import narwhals as nw
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if hasattr(data, "columns"):
        refuse_repeated_names("The frame", [str(name) for name in _column_names(data)])
    try:
        frame = nw.from_native(data, eager_only=True)
    except (TypeError, ValueError):
        found = type(data).__name__
        raise DataError("LM502", f"Expected a path or a pandas, polars or pyarrow frame, found {found}.") from None
    return pl.DataFrame([_from_series(frame[:, place], str(name)) for place, name in enumerate(frame.columns)])


def _column_names(data: Any) -> list[Any]:
    return list(getattr(data, "column_names", None) or data.columns)


def _from_series(series: Any, name: str) -> pl.Series:
    """Return one narwhals series as a polars series, whatever it holds (objects one by one)."""
    import narwhals as nw
    import polars as pl

    if isinstance(series.to_native(), pl.Series):
        return series.to_native().alias(name)  # type: ignore[no-any-return]
    if series.dtype in (nw.Categorical, nw.Enum):
        texts = [None if value is None else str(value) for value in series.cast(nw.String).to_list()]
        return pl.Series(name, texts, dtype=pl.Categorical)
    if (
        series.dtype.is_numeric()
        and str(series.dtype).startswith(("Int", "Float", "UInt"))
        and not series.is_null().any()
    ):
        return pl.Series(name, series.to_numpy())
    return _from_values(series.to_list(), name)


def _from_values(values: list[Any], name: str) -> pl.Series:
    import polars as pl

    said = [None if value is None or _is_nan(value) else value for value in values]
    simple = all(value is None or isinstance(value, (str, bool, int, float)) for value in said)
    mixed = len({type(value) for value in said if value is not None}) > 1
    if simple and mixed and any(isinstance(value, str) for value in said):
        return pl.Series(name, [None if value is None else str(value) for value in said], dtype=pl.String)
    try:
        return pl.Series(name, said, strict=False)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, said, dtype=pl.Object)


def _is_nan(value: Any) -> bool:
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True
    except ValueError:  # an array
        return False


def _target_column(column: Column) -> Column:
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


def _known_rows(n_rows: int, columns: dict[str, Column], target: str, time: str | None) -> tuple[pl.DataFrame, int]:
    """Return the rows that have a target and a time, and how many had a target but no time."""
    import polars as pl

    usable = [column.series for name, column in columns.items() if not column.left_out]
    frame = pl.DataFrame(usable).filter(pl.col(target).is_not_null())
    n_with_target = frame.height
    if time is not None:
        _refuse_time(columns[time], time)
        frame = frame.filter(pl.col(time).is_not_null())
    if frame.height < FEWEST_ROWS:
        of = f"{frame.height} of {n_rows}" if frame.height < n_rows else str(n_rows)
        raise DataError("LM507", f"Only {of} rows have a target; a study needs at least {FEWEST_ROWS}.")
    if frame[target].n_unique() == 1:
        value = frame[target][0]
        raise DataError("LM506", f'The target "{target}" is {value} in every row: there is nothing to predict.')
    return frame, n_with_target - frame.height


def _known(columns: dict[str, Column], target: str, time: str | None) -> NDArray[np.bool_]:
    known = columns[target].series.is_not_null().to_numpy()
    return known if time is None else known & columns[time].series.is_not_null().to_numpy()


def _refuse_time(column: Column, time: str) -> None:
    import polars as pl

    if column.left_out or column.series.dtype in (pl.String, pl.Boolean):
        seen = column.series.drop_nulls() if not column.left_out else None
        found = f'; its first value is "{seen[0]}"' if seen is not None and len(seen) else ""
        raise DataError("LM511", f'The time column "{time}" holds neither dates nor numbers{found}.')
    if column.series.n_unique() == 1:
        raise DataError("LM511", f'The time column "{time}" has the same value in every row: rows have no order.')


def _useless(columns: dict[str, Column], target: str, time: str | None) -> Iterable[tuple[str, str]]:
    """Yield (column, reason) for what can be no feature of any model."""
    for name, column in columns.items():
        if name == target:
            continue
        if column.left_out:
            yield name, column.left_out
        elif name != time and _numbers_the_rows(column.series):
            yield name, "it only numbers the rows"


def _numbers_the_rows(series: pl.Series) -> bool:
    import polars as pl

    if series.dtype != pl.Int64 or series.null_count() or series[0] not in (0, 1):
        return False
    return bool((series.diff().drop_nulls() == 1).all())
