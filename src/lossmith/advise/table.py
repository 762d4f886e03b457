"""Read a table: a path or a frame comes in, a clean polars frame with a known target goes out.

Every refusal is one sentence (`DataError`, LM5xx); no exception of the reader shows through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Table:
    """A table that is ready for a study: typed columns, no row without a target (nor without a time).

    `frame` keeps the order of the rows as read; its columns are Float64, Int64, Boolean, String, Date or Datetime
    (no time zone). `features` are the columns a model may use (never the target; the time column is among them).
    `left_out` names columns that cannot be used, each with the reason as a sentence part. `readings` says how the
    text of a column was understood (see `lossmith.advise.row.READINGS`), so that a later row is understood alike.
    `notes` are whole sentences for the first screen.
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


def read_table(data: Any, *, target: str, time: str | None = None, encoding: str | None = None) -> Table:
    """Read `data` (a path, or a pandas, polars or pyarrow frame) into a `Table`."""
    raise NotImplementedError
