"""From columns to one float64 matrix: an encoding learned on the fit rows, the same for every later row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.table import Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Feature:
    """One column of the table: `kind` is number, boolean, category or date.

    `levels` are the kept categories (their position is the code), or the numbers made of a date;
    `reading` says how a text of this column is understood.
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
        raise NotImplementedError


@dataclass(frozen=True)
class Encoded:
    """A float64 matrix (n, p), a readable name per matrix column, and which of them hold category codes."""

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    categorical: tuple[int, ...]


def make_encoding(table: Table, fit_rows: NDArray[np.int64]) -> Encoding:
    """Learn the encoding of `table` from the rows `fit_rows` (row numbers or a mask)."""
    raise NotImplementedError


def from_dict(data: dict[str, Any]) -> Encoding:
    """Rebuild an `Encoding` from `Encoding.to_dict()` or its JSON."""
    raise NotImplementedError


def encode(encoding: Encoding, frame: pl.DataFrame) -> Encoded:
    """Turn the columns of `frame` into numbers; unknown or rare categories and missing values become NaN."""
    raise NotImplementedError


def standalone() -> str:
    """Return plain Python text (NumPy only) that defines `encode_rows(encoding, rows)`.

    `encoding` is `Encoding.to_dict()` read back from JSON; `rows` is a list of dicts (column → Python value or text).
    """
    raise NotImplementedError
