"""Features for LightGBM: any numeric table as one NumPy matrix, everything else refused before LightGBM sees it.

Comes in: a NumPy array, a SciPy sparse matrix, or a frame (pandas, polars, pyarrow). Goes out: `Features`.
LightGBM ends the whole process, without an exception, on some frames with text, category or date columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import AdapterError, did_you_mean

FORBIDDEN: Final = re.compile(r'[\[\]{}",:\s]')  # LightGBM's model file cannot hold these in a feature name
ADVICE: Final = "Encode such columns as numbers first (category codes, days since a date)."


@dataclass(frozen=True)
class Features:
    """A numeric matrix (n, features), dense or sparse, with the names that it came with."""

    matrix: Any
    names: tuple[str, ...] | None = None

    def take(self, rows: NDArray[np.bool_]) -> Features:
        """Only these rows."""
        return self if rows.all() else replace(self, matrix=self.matrix[np.flatnonzero(rows)])

    def safe_names(self) -> list[str] | Literal["auto"]:
        """Distinct names that LightGBM can write; "auto" where the table has none."""
        if self.names is None:
            return "auto"
        clean = [FORBIDDEN.sub("_", name) or "_" for name in self.names]
        return clean if len(set(clean)) == len(clean) else [f"{name}_{j}" for j, name in enumerate(clean)]

    def positions(self, columns: Sequence[int | str] | None) -> list[int]:
        """Column numbers of columns given by number or by name."""
        return [self._position(column) for column in columns or ()]

    def _position(self, column: int | str) -> int:
        width = int(self.matrix.shape[1])
        if isinstance(column, str):
            if self.names and column in self.names:
                return self.names.index(column)
            known = self.names or ()
            raise AdapterError("LM410", f'there is no feature "{column}" in X.{did_you_mean(column, known)}')
        if not 0 <= int(column) < width:
            raise AdapterError("LM410", f"feature {column} does not exist: X has {width} columns, counted from 0.")
        return int(column)


def features(X: Any, rows: int, what: str = "X") -> Features:
    """A table as features, with as many rows as the target has.

    Floats stay as they are; integers and booleans become float64 (LightGBM would make them float32); missing values
    become NaN. Raises `AdapterError`: LM411 for a column that is not numeric, by name; LM412 for a wrong shape.
    """
    found = _array(X, what) if isinstance(X, np.ndarray) else _sparse(X) or _frame(X, what)
    shape = found.matrix.shape
    if len(shape) != 2 or shape[0] != rows or 0 in shape:
        raise AdapterError(
            "LM412", f"{what} must have shape ({rows}, features), a row for each row of y with a feature, got {shape}."
        )
    return found


def _array(X: NDArray[Any], what: str) -> Features:
    if X.dtype.kind not in "fiub":
        raise AdapterError("LM411", f"{what} holds {X.dtype} values, not numbers. {ADVICE}")
    return Features(X if X.dtype in (np.float32, np.float64) else X.astype(np.float64))


def _sparse(X: Any) -> Features | None:
    if not hasattr(X, "tocsr") or not hasattr(X, "dtype"):
        return None
    if X.dtype.kind not in "fiub":
        raise AdapterError("LM411", f"X holds {X.dtype} values, not numbers. {ADVICE}")
    return Features(X.tocsr() if X.dtype in (np.float32, np.float64) else X.tocsr().astype(np.float64))


def _frame(X: Any, what: str) -> Features:
    import narwhals

    try:
        frame = narwhals.from_native(X, eager_only=True)
    except TypeError:
        if hasattr(X, "collect"):
            raise AdapterError("LM411", f"{what} is a lazy frame: call .collect() first.") from None
        return _array(np.asarray(X), what)
    except narwhals.exceptions.DuplicateError:
        raise AdapterError("LM411", f"{what} has two columns of the same name: rename one.") from None
    schema = frame.schema
    names = [str(name) for name in frame.columns]
    plain = {name for name, dtype in schema.items() if dtype.is_numeric() or dtype == narwhals.Boolean}
    odd = [f'"{name}" ({dtype})' for name, dtype in schema.items() if name not in plain]
    if odd:
        listed = ", ".join(odd[:5]) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
        raise AdapterError("LM411", f"{what} has columns that are not numeric: {listed}. {ADVICE}")
    matrix = np.empty((len(frame), len(names)))
    for j, name in enumerate(frame.columns):
        matrix[:, j] = _numbers(frame[name], narwhals)
    return Features(matrix, tuple(names))


def _numbers(column: Any, narwhals: Any) -> NDArray[np.float64]:
    floats = column.cast(narwhals.Float64)
    missing = np.asarray(floats.is_null().to_numpy(), dtype=bool)
    if missing.any():
        floats = floats.fill_null(0.0)
    return np.where(missing, np.nan, np.asarray(floats.to_numpy(), dtype=np.float64))
