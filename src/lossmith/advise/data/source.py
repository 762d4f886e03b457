"""Read a source: a path or a frame comes in, a polars frame whose columns are not understood yet goes out.

Delimited text is read by `text_file`; what the columns mean is decided in `columns`. Every refusal is one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossmith.advise.data.text_file import read_text_file, refuse_repeated_names
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl


def read_source(data: Any, encoding: str | None = None) -> tuple[pl.DataFrame, str, bool]:
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
