"""Reading tables: what a file writes is what the frame holds, and every refusal is one sentence."""

from __future__ import annotations

import datetime
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.columns import typed
from lossmith.advise.data.table import Table, read_table
from lossmith.errors import DataError

N = 24


def written(folder: Path, content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def lines(header: str, row: str, count: int = N, separator: str = "\n") -> str:
    """A header and `count` rows; `{i}` in the row is the row's number from 1."""
    return separator.join([header, *(row.format(i=i) for i in range(1, count + 1))]) + separator


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "whole": [3 * i + 7 for i in range(N)],
            "real": [None if i == 2 else i / 3 for i in range(N)],
            "flag": [i % 3 == 0 for i in range(N)],
            "text": ["a", "나", None, "c d"] * (N // 4),
            "day": [datetime.date(2024, 1, 1) + datetime.timedelta(days=5 * i) for i in range(N)],
            "moment": [datetime.datetime(2024, 1, 1, 3, 30) + datetime.timedelta(hours=7 * i) for i in range(N)],
            "y": [None if i == 5 else float(i * i) for i in range(N)],
        }
    )


def as_read(table: Table) -> dict[str, list[Any]]:
    return table.frame.to_dict(as_series=False)


def test_a_table_is_the_same_from_parquet_arrow_csv_gzip_and_frames(frame: pl.DataFrame, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow")
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    sources = [tmp_path / name for name in ("a.parquet", "a.arrow", "a.csv", "a.tsv", "a.csv.gz")]
    expected = as_read(read_table(frame, target="y"))
    assert expected["text"][:4] == ["a", "나", None, "c d"]
    for source in (*sources, frame.to_pandas(), frame.to_arrow(), frame.lazy(), str(sources[0])):
        table = read_table(source, target="y")
        assert as_read(table) == expected, source
        assert (table.n_rows_read, table.n_missing_target, table.features) == (N, 1, tuple(frame.columns[:-1]))
        assert table.row_numbers.tolist() == [i + 1 for i in range(N) if i != 5]
    assert isinstance(frame.to_pandas(), pandas.DataFrame)


def test_pandas_objects_missing_values_and_categories_of_numbers_are_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame(
        {
            "mixed": [1, "x", None, 2.5] * 6,
            "nullable": pandas.array([1, None] * 12, dtype="Int64"),
            "codes": pandas.Categorical([3, 4] * 12),
            "zone": pandas.date_range("2024-01-01 22:00", periods=N, tz="Asia/Seoul"),
            "nested": [[1]] * N,
            7: [i % 5 for i in range(N)],
            "y": [i % 7 for i in range(N)],
        }
    )
    table = read_table(data, target="y")
    assert table.frame["mixed"].to_list()[:4] == ["1", "x", None, "2.5"]
    assert table.frame["nullable"].to_list()[:2] == [1, None]
    assert table.frame["codes"].to_list()[:2] == ["3", "4"]
    assert table.frame["zone"][0] == datetime.datetime(2024, 1, 1, 22)
    assert table.frame["7"].dtype == pl.Int64
    assert [name for name, _ in table.left_out] == ["nested"]


NUMBERS = (
    (["1", "-2", "+3"], [1, -2, 3], "plain"),
    (["1.5", "NA", "?", "", "1e3"], [1.5, None, None, None, 1000.0], "plain"),
    (["1,234", "12", "-1,234,567"], [1234, 12, -1234567], "thousands"),
    (["1,5", "2,25", "1.234,5"], [1.5, 2.25, 1234.5], "decimal comma"),
    (["1 234,5", "7", "8\u00a0000"], [1234.5, 7.0, 8000.0], "spaced"),
    (["$1,234.50", "$3", "-$7"], [1234.5, 3.0, -7.0], "amount"),
    (["12%", "3.5 %"], [12.0, 3.5], "amount"),
    (["₩1,200", "₩900"], [1200, 900], "amount"),
)


@pytest.mark.parametrize(("texts", "values", "reading"), NUMBERS)
def test_texts_that_write_numbers_are_these_numbers(texts: list[str], values: list[float], reading: str) -> None:
    column = typed(pl.Series("x", texts))
    assert column.series.to_list() == values
    assert column.reading == reading
    assert column.series.dtype.is_numeric()


DAY = datetime.date(2024, 3, 5)
DATES = (
    (["2024-03-05", "2024-3-5"], [DAY, DAY]),
    (["2024.03.05", "NA"], [DAY, None]),
    (["3/25/2024"], [datetime.date(2024, 3, 25)]),
    (["25/3/2024", "5/3/2024"], [datetime.date(2024, 3, 25), DAY]),
    (["05.03.2024"], [DAY]),
    (["5 Mar 2024", "5-March-2024"], [DAY, DAY]),
    (["March 5, 2024"], [DAY]),
    (["2024년 3월 5일"], [DAY]),
    (["2024-03-05T07:08:09.5Z", "2024-03-05"], [datetime.datetime(2024, 3, 5, 7, 8, 9), datetime.datetime(2024, 3, 5)]),
    (["3/5/2024 12:05 AM", "3/15/2024 3:45 PM"], [datetime.datetime(2024, 3, 5, 0, 5), datetime.datetime(2024, 3, 15, 15, 45)]),
)  # fmt: skip


@pytest.mark.parametrize(("texts", "values"), DATES)
def test_texts_that_write_dates_are_these_dates(texts: list[str], values: list[Any]) -> None:
    assert typed(pl.Series("x", texts)).series.to_list() == values


def test_a_date_that_does_not_exist_makes_no_date_column() -> None:
    assert typed(pl.Series("x", ["2024-02-30", "2024-02-31"])).series.dtype == pl.String


def test_a_few_odd_texts_among_numbers_are_missing_and_named() -> None:
    column = typed(pl.Series("size", [str(i) for i in range(100)] + ["unknown"]))
    assert column.series.to_list() == [*range(100), None]
    assert column.note == 'Column "size": 1 of 101 texts are not a number (first: "unknown"); missing.'
    assert typed(pl.Series("size", ["1", "unknown"])).series.dtype == pl.String


def test_every_native_type_becomes_a_column_or_a_reason() -> None:
    hour = datetime.timedelta(hours=1)
    assert typed(pl.Series([hour])).series.to_list() == [3600.0]
    assert typed(pl.Series([datetime.time(1, 2)])).series.to_list() == [3720.0]
    assert typed(pl.Series([2**64 - 1], dtype=pl.UInt64)).series.to_list() == [float(2**64 - 1)]
    assert typed(pl.Series([float("nan"), 1.0])).series.to_list() == [None, 1.0]
    for odd in (pl.Series([[1]]), pl.Series([b"a"]), pl.Series([{"a": 1}]), pl.Series([None])):
        assert typed(odd).left_out


def test_korean_text_in_cp949_is_read_and_its_absence_explained(tmp_path: Path) -> None:
    path = written(tmp_path, lines("지역,금액", '서울,"{i},200"'), encoding="cp949")
    table = read_table(path, target="금액", encoding="cp949")
    assert table.frame["지역"][0] == "서울"
    assert table.frame["금액"].to_list()[:2] == [1200, 2200]
    with pytest.raises(
        DataError, match=r"LM503 data.csv: byte 0xc1 at position 0 \(line 1\).*--encoding.*cp949 \(Korean"
    ):
        read_table(path, target="금액")
    with pytest.raises(DataError, match=r'LM503 --encoding "cp94" .* Did you mean "cp949"'):
        read_table(path, target="금액", encoding="cp94")
    plain = written(tmp_path, lines("지역,금액", '서울,"{i},200"'), "plain.csv")
    with pytest.raises(DataError, match=r"LM503 plain.csv: .* is not cp949 text.*utf-8 \(most files"):
        read_table(plain, target="금액", encoding="cp949")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path, lines("이름,y", "가,{i}"), encoding=encoding)
    assert read_table(path, target="y").frame.columns == ["이름", "y"]


def test_separators_quotes_line_ends_and_comma_decimals(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, lines("a b;y", '"x;\n""q""";{i},5', separator="\r\n")), target="y")
    assert table.frame["a b"][0] == 'x;\n"q"'
    assert table.frame["y"].to_list()[:2] == [1.5, 2.5]
    assert read_table(written(tmp_path, lines("a|y", "u|{i}")), target="y").frame["y"][1] == 2
    assert read_table(written(tmp_path, lines("a,y", "u,{i}", separator="\r")), target="y").n_rows_read == N


def test_blank_lines_are_no_rows_and_short_rows_are_missing_values(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, lines("y,a,b", "{i},u,2\n")), target="y")
    assert table.n_rows_read == N
    table = read_table(written(tmp_path, lines("y,a,b", "{i},u") + "99,u,5\n"), target="y")
    assert table.frame["b"].null_count() == N


def test_row_numbers_and_empty_columns_are_left_out_with_a_reason(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, lines(",a,e,y", "{i},u,NA,1{i}")), target="y")
    assert table.features == ("a",)
    assert dict(table.left_out) == {"column 1": "it only numbers the rows", "e": "it holds no value"}


MANY = 300
DRAWN = np.sort(np.random.default_rng(3).choice(50_000, MANY, replace=False)) + 1
SHUFFLED = np.random.default_rng(4).permutation(DRAWN)
NAMES_ROWS = (
    ("rownames", DRAWN, "it names the rows"),
    ("rownames", SHUFFLED, "it names the rows"),
    ("id", [None, *SHUFFLED[1:]], "it names the rows"),
    ("PassengerId", SHUFFLED.astype(float), "it names the rows"),
    ("고객번호", SHUFFLED, "it names the rows"),
    ("Order No.", SHUFFLED, "it names the rows"),
    ("Unnamed: 0", SHUFFLED, "it names the rows"),
    ("q", np.arange(MANY), "it only numbers the rows"),
    ("q", np.delete(np.arange(500, 510 + MANY), range(7, 107, 10)), "it only numbers the rows"),
    ("code", [f"c{value}" for value in DRAWN], "nearly every row has its own text"),
)


@pytest.mark.parametrize(("name", "values", "reason"), NAMES_ROWS)
def test_what_names_or_numbers_the_rows_is_no_feature_and_one_note_says_so(name: str, values: Any, reason: str) -> None:
    frame = pl.DataFrame({name: values, "x": np.arange(MANY) % 7, "y": np.arange(MANY) % 11}, strict=False)
    table = read_table(frame, target="y")
    assert (table.features, dict(table.left_out)) == (("x",), {name: reason})
    assert [f'"{name}" ({reason})' in note for note in table.notes] == [True]
    assert ("rename it" in table.notes[0]) == (reason == "it names the rows")
    assert read_table(frame, target="y", drop=[name]).notes == ()
    assert read_table(frame, target="y", needed=[name] if name != "code" else ()).features == ("x",)
    if name != "code":
        assert read_table(frame, target="y", needed=[name]).frame[name].drop_nulls().len() >= MANY - 1
        time = frame.with_columns(pl.col(name).fill_null(0))
        assert read_table(time, target="y", time=name).features == (name, "x")


QUANTITIES = (
    ("price", DRAWN),
    ("size", SHUFFLED),
    ("Unnamed: 0", DRAWN + 0.5),
    ("id", DRAWN % 100),
    ("year", np.arange(MANY) + 1700),
    ("day", np.arange(MANY)),
    ("won", np.arange(MANY) * 1000),
    ("counter", np.arange(MANY) + np.arange(MANY) // 3),
    ("left", np.arange(MANY)[::-1] + 1),
    ("rank", np.random.default_rng(5).permutation(MANY)),
    ("number of visitors", SHUFFLED),
    ("num_members", SHUFFLED),
    ("price index", SHUFFLED),
    ("zip_code", SHUFFLED),
    ("id", SHUFFLED / 7),
)


@pytest.mark.parametrize(("name", "values"), QUANTITIES)
def test_distinct_quantities_stay_features(name: str, values: Any) -> None:
    frame = pl.DataFrame({name: values, "x": np.arange(MANY) % 7, "y": np.arange(MANY) % 11})
    table = read_table(frame, target="y")
    assert (table.features, table.left_out, table.notes) == ((name, "x"), (), ())


def test_words_for_missing_are_no_class_of_a_text_target(tmp_path: Path) -> None:
    text = lines("x,y", "1{i},yes") + lines("", "2{i},no").lstrip() + "5,NA\n6,\n7,?\n"
    table = read_table(written(tmp_path, text), target="y")
    assert (table.n_missing_target, set(table.frame["y"])) == (3, {"yes", "no"})


def test_rows_without_a_time_are_left_out_and_counted(tmp_path: Path) -> None:
    text = lines("d,x,y", "2024-01-01,1{i},{i}") + "2024-01-02,3,4\n,5,6\n"
    table = read_table(written(tmp_path, text), target="y", time="d")
    assert (table.n_missing_time, table.frame.height) == (1, N + 1)


REFUSED = (
    (b"", "LM502 .*empty"),
    (b" \n\n", "LM502 .*empty"),
    (b"a,y\n", "LM507 .*no rows"),
    (b"a,y\n1,2\n", "LM507 Only 1 rows"),
    (b"a,a,y\n1,2,3\n", 'LM505 .*2 columns named "a"'),
    (b"a,y\n1,2\n3,4,5\n", "LM502 .*row 2 has 3 fields"),
    (b'a,y\n1,"open\n2,3\n', "LM502 .*quote"),
    (bytes(range(256)) * 8, "LM502 .*binary data"),
    (b"PK\x03\x04junk", "LM502 .*zip archive"),
    (b"PAR1junk", "LM502 .*damaged.*Parquet"),
    (b"\x1f\x8bjunk", "LM502 .*damaged gzip"),
    (b'{"a": 1}', "LM502 .*JSON"),
    (b"<!DOCTYPE html><html></html>", "LM502 .*web page"),
    (lines("target,x", "{i},1").encode(), 'LM504 .*no column "y" \\(--target\\)'),
    (lines("yy,x", "{i},1").encode(), 'LM504 .*Did you mean "yy"'),
    (lines("x,y", "{i},5").encode(), "LM506 .*is 5 in every row"),
    (lines("x,y", "{i},NA").encode(), "LM506 .*no value in any row"),
    (lines("x,y", "{i},2024-01-05").encode(), "LM509 .*holds dates"),
    (lines("y", "{i}").encode(), "LM510 .*no usable column besides"),
)


@pytest.mark.parametrize(("content", "sentence"), REFUSED)
def test_what_is_no_table_is_refused_in_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{sentence}") as refusal:
        read_table(written(tmp_path, content), target="y")
    assert "\n" not in str(refusal.value)
    assert "polars" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_files_that_are_not_there_are_named_with_a_near_one(tmp_path: Path) -> None:
    written(tmp_path, "a", "flights.csv")
    with pytest.raises(DataError, match=r'LM501 .*Did you mean "flights.csv"'):
        read_table(tmp_path / "flight.csv", target="y")
    with pytest.raises(DataError, match=r"LM501 .*is a folder"):
        read_table(tmp_path, target="y")
    with pytest.raises(DataError, match="LM501"):
        read_table(tmp_path / "none" / "x.csv", target="y")


@pytest.mark.parametrize("thing", [np.zeros((3, 3)), {"a": [1]}, None, 7])
def test_what_is_neither_path_nor_frame_is_refused(thing: object) -> None:
    with pytest.raises(DataError, match="LM502 Expected a path or a pandas, polars or pyarrow frame, found"):
        read_table(thing, target="y")


def test_infinite_targets_name_the_first_row_and_their_number(frame: pl.DataFrame) -> None:
    infinite = frame.with_columns(pl.Series("y", [float("nan"), 1.0, float("inf"), -float("inf")] * (N // 4)))
    with pytest.raises(DataError, match=r"LM508 .*infinite in 12 rows, first in row 3"):
        read_table(infinite, target="y")


def test_nan_in_a_target_counts_as_missing(frame: pl.DataFrame) -> None:
    table = read_table(frame.with_columns(pl.Series("y", [float("nan"), *map(float, range(N - 1))])), target="y")
    assert (table.n_missing_target, table.frame["y"].to_list()) == (1, list(map(float, range(N - 1))))


@pytest.mark.parametrize(("time", "sentence"), [("text", "neither dates nor numbers"), ("y", "both target and time")])
def test_a_time_column_without_order_is_refused(frame: pl.DataFrame, time: str, sentence: str) -> None:
    with pytest.raises(DataError, match=f"LM511 .*{sentence}"):
        read_table(frame, target="y", time=time)


def test_repeated_names_in_a_pandas_frame_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="LM505"):
        read_table(pandas.read_csv(io.StringIO("a,b\n1,2")).set_axis(["a", "a"], axis=1), target="a")
