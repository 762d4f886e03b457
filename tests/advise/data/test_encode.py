"""Encoding: a table and a single raw row become the same numbers, and LightGBM survives every column."""

from __future__ import annotations

import csv
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.advise.data import encode as encoding_module
from lossmith.advise.data.columns import dates_from_text, numbers_from_text
from lossmith.advise.data.encode import Encoding, encode, from_dict, make_encoding, standalone
from lossmith.advise.data.row import DATE_READINGS, NUMBER_READINGS, date_from_text, number_from_text
from lossmith.advise.data.table import Table, read_table
from lossmith.errors import DataError

N = 600
START = datetime.datetime(2022, 1, 1)


def messy(n: int = N) -> pl.DataFrame:
    """One column of every sort, each with missing values, and names that are hard to quote."""
    rng = np.random.default_rng(1)

    def holed(values: list[Any]) -> list[Any]:
        return [None if hole else value for value, hole in zip(values, rng.random(n) < 0.1, strict=True)]

    return pl.DataFrame(
        {
            "plain": holed(rng.normal(size=n).tolist()),
            "whole": holed(rng.integers(-5, 2000, n).tolist()),
            'th"ou\\sands': holed([f"{v:,}" for v in rng.integers(0, 10**7, n)]),
            "decimal comma": holed([f"{v:.2f}".replace(".", ",") for v in rng.normal(size=n)]),
            "flag": holed([bool(v) for v in rng.integers(0, 2, n)]),
            "words": holed(["TRUE" if v else "False" for v in rng.integers(0, 2, n)]),
            "도시": holed([["서울", "부산", "<script>", "a'b\"c"][v] for v in rng.integers(0, 4, n)]),
            "day": holed([(START + datetime.timedelta(days=int(v))).date() for v in rng.integers(-30000, 3000, n)]),
            "moment": holed([START + datetime.timedelta(minutes=int(v)) for v in rng.integers(0, 10**6, n)]),
            "us": holed([f"{v % 12 + 1}/{v % 28 + 1}/2023 {v % 12 + 1}:{v % 60:02d} PM" for v in range(n)]),
            "y": rng.normal(size=n).tolist(),
        },
        strict=False,
    )


def learned(table: Table) -> Encoding:
    return make_encoding(table, np.arange(0, table.frame.height, 2))


def namespace() -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(standalone(), "row", "exec"), space)
    return space


def test_single_rows_of_python_values_are_the_numbers_of_the_table() -> None:
    table = read_table(messy(), target="y")
    encoding = learned(table)
    carried = json.loads(json.dumps(encoding.to_dict()))
    expected = encode(encoding, table.frame)
    assert expected.matrix.dtype == np.float64
    np.testing.assert_array_equal(namespace()["encode_rows"](carried, table.frame.to_dicts()), expected.matrix)


@pytest.mark.parametrize("separator", [",", ";"])
def test_single_rows_of_texts_are_the_numbers_of_the_table(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "messy.csv"
    messy().write_csv(path, separator=separator)
    table = read_table(path, target="y")
    encoding = learned(table)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=separator))
    found = namespace()["encode_rows"](encoding.to_dict(), rows)
    expected = encode(encoding, table.frame)
    np.testing.assert_array_equal(found, expected.matrix)
    assert not np.isnan(expected.matrix).all(axis=0).any()


def test_texts_and_typed_columns_of_the_same_data_are_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "messy.csv"
    messy().write_csv(path)
    typed, texts = read_table(messy(), target="y"), read_table(path, target="y")
    found, expected = (encode(learned(table), table.frame) for table in (texts, typed))
    assert found.names == expected.names
    np.testing.assert_array_equal(found.matrix, expected.matrix)


@given(st.sampled_from(sorted(NUMBER_READINGS)), st.text("0123456789+-.,eE $%€ ", max_size=9))
def test_a_number_read_alone_is_the_number_read_in_a_column(reading: str, text: str) -> None:
    column = numbers_from_text(pl.Series("x", [text]), reading).cast(pl.Float64)[0]
    alone = number_from_text(text, reading)
    plain = numbers_from_text(pl.Series("x", [text]), "plain").cast(pl.Float64)[0]
    expected = plain if column is None else column
    assert (expected is None and np.isnan(alone)) or expected == alone


@given(
    st.sampled_from(sorted(DATE_READINGS)),
    st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61)),
    st.sampled_from(["", " {H}:{M:02d}", "T{H}:{M:02d}:30", " {H}:{M:02d} pm", " {H}:{M:02d}:15.25+09:00"]),
)
def test_a_date_read_alone_is_the_date_read_in_a_column(
    reading: str, parts: tuple[int, int, int, int, int], tail: str
) -> None:
    year, month, day, hour, minute = parts
    shapes = {
        "year-month-day": f"{year:04d}-{month}-{day}",
        "month/day/year": f"{month}/{day}/{year:04d}",
        "day/month/year": f"{day}.{month}.{year:04d}",
        "day month-name year": f"{day} Feb {year:04d}",
        "month-name day, year": f"Sept {day}, {year:04d}",
        "년월일": f"{year:04d}년 {month}월 {day}일",
    }
    text = shapes[reading] + tail.format(H=hour, M=minute)
    column = dates_from_text(pl.Series("x", [text]), reading)[0]
    alone = date_from_text(text, reading)
    if alone is None or column is None:
        assert alone is None
        assert column is None
        return
    moment = column if isinstance(column, datetime.datetime) else datetime.datetime.combine(column, datetime.time())
    assert alone == (moment.date(), moment.hour + moment.minute / 60)


def test_the_parts_of_a_date_are_those_of_the_calendar() -> None:
    days = [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(2024, 12, 31)] * 10
    table = read_table(pl.DataFrame({"d": days, "y": range(30)}), target="y")
    encoded = encode(learned(table), table.frame)
    assert encoded.names == ("d (days)", "d (month)", "d (weekday)", "d (yearday)")
    assert encoded.matrix[:3].tolist() == [[-1, 12, 3, 365], [19782, 2, 4, 60], [20088, 12, 2, 366]]


def test_rare_and_unknown_categories_are_missing() -> None:
    texts = ["a"] * 300 + ["b"] * 295 + ["rare"] * 4 + [None]
    table = read_table(pl.DataFrame({"t": texts, "y": range(N)}), target="y")
    encoding = make_encoding(table, np.arange(N))
    assert encoding.features[0].levels == ("a", "b")
    later = pl.DataFrame({"t": ["b", "rare", "never", None, "a"]})
    np.testing.assert_array_equal(encode(encoding, later).matrix[:, 0], [1, np.nan, np.nan, np.nan, 0])
    assert encode(encoding, later).categorical == (0,)


def test_categories_are_learned_from_the_fit_rows_alone() -> None:
    table = read_table(pl.DataFrame({"t": ["a", "b"] * 20 + ["c"] * 40, "y": range(80)}), target="y")
    mask = np.arange(80) < 40
    assert make_encoding(table, mask).features[0].levels == ("a", "b")
    assert make_encoding(table, mask) == make_encoding(table, np.flatnonzero(mask))


def test_of_many_categories_the_most_frequent_stay_and_a_note_says_so() -> None:
    texts = [f"c{i // 6:04d}" for i in range(9000)] + ["often"] * 50
    table = read_table(pl.DataFrame({"t": texts, "y": np.arange(9050) % 97}), target="y")
    encoding = make_encoding(table, np.arange(9050))
    assert len(encoding.features[0].levels) == encoding_module.MOST_LEVELS
    assert "often" in encoding.features[0].levels
    assert any("1,501 different texts" in note for note in encoding.notes)


def test_columns_that_say_nothing_are_left_out_with_the_reason() -> None:
    data = {"id": [f"row {i}" for i in range(N)], "same": [3] * N, "x": [i % 7 for i in range(N)], "y": range(N)}
    encoding = learned(read_table(pl.DataFrame(data), target="y"))
    assert [feature.name for feature in encoding.features] == ["x"]
    assert dict(encoding.left_out) == {
        "id": "nearly every row has its own text",
        "same": "it has the same value in every row that the models learn from",
    }
    with pytest.raises(DataError, match="LM510"):
        learned(read_table(pl.DataFrame(data).select("id", "same", "y"), target="y"))


def test_of_the_time_column_only_what_comes_again_is_kept() -> None:
    def parts(days: int, time: str | None) -> tuple[str, ...]:
        moments = [START + datetime.timedelta(days=days * i / 100, hours=5) for i in range(100)]
        table = read_table(pl.DataFrame({"t": moments, "x": [0, 1] * 50, "y": range(100)}), target="y", time=time)
        features = make_encoding(table, np.arange(100)).features
        return next((feature.levels for feature in features if feature.name == "t"), ())

    assert parts(365, None) == ("days", "month", "weekday", "yearday", "hour")
    assert parts(365, "t") == ("weekday", "hour")
    assert parts(1000, "t") == ("month", "weekday", "yearday", "hour")
    assert parts(1, "t") == ()


def test_an_encoding_survives_json() -> None:
    encoding = learned(read_table(messy(), target="y"))
    assert from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


def test_rows_without_a_needed_column_are_refused() -> None:
    table = read_table(messy(), target="y")
    encoding = learned(table)
    with pytest.raises(DataError, match=r'LM504 .*"plain"'):
        encode(encoding, table.frame.drop("plain"))
    with pytest.raises(ValueError, match="row 1 has no column named 'plain'"):
        namespace()["encode_rows"](encoding.to_dict(), [{}])


def test_the_standalone_text_needs_numpy_alone() -> None:
    code = (
        f"import sys\n{standalone()}\nassert not [m for m in sys.modules if m.split('.')[0] in ('lossmith', 'polars')]"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)


def test_lightgbm_survives_texts_categories_and_dates() -> None:
    """LightGBM ends the whole process (no exception) on such frames, so a child process is asked."""
    code = """
import numpy as np, lightgbm
from tests.advise.data.test_encode import messy, learned
from lossmith.advise.data.encode import encode
from lossmith.advise.data.table import read_table
frame = messy()
for source in (frame, frame.to_arrow()):
    table = read_table(source, target="y")
    encoded = encode(learned(table), table.frame)
    data = lightgbm.Dataset(encoded.matrix, table.frame["y"].to_numpy(), categorical_feature=list(encoded.categorical))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, data, 3)
    assert np.isfinite(booster.predict(encoded.matrix)).all()
print("alive")
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("alive"), done.stderr[-2000:]
    assert done.returncode == 0
