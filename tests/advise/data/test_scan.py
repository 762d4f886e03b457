"""Rows read in parts: the same rows whatever the files, a fair sample, texts as a whole file reads them, clear refusals."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith.advise.data import scan, text_parts
from lossmith.advise.data.scan import Source, batches, may_be_large, open_rows, sample_rows, sampled_numbers, whole
from lossmith.advise.data.scan_profile import lazy_profile
from lossmith.advise.data.table import read_table
from lossmith.advise.data.text_file import read_text_file
from lossmith.advise.data.text_parts import text_frames, text_shape
from lossmith.errors import DataError

N = 10_007


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    x = rng.normal(size=N)
    return pl.DataFrame(
        {
            "row": np.arange(N),
            "x": pl.Series(x).set(pl.Series(x > 2), None),
            "town": [None if i % 11 == 3 else f"a town with a long name, number {i % 7}" for i in range(N)],
            "y": pl.Series(np.round(rng.gamma(1.5, 8, N), 1)).set(pl.Series(np.arange(N) % 50 == 7), None),
        }
    )


def in_files(folder: Path, frame: pl.DataFrame, count: int, seed: int = 0) -> Path:
    """Write the rows as `count` files of unequal length, some of them empty."""
    folder.mkdir(exist_ok=True)
    cuts = np.sort(np.random.default_rng(seed).integers(0, frame.height + 1, count - 1)).tolist()
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, frame.height], strict=True)):
        frame[start:stop].write_parquet(folder / f"part-{number:04}.parquet")
    return folder


@pytest.fixture(scope="module")
def sources(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    root = tmp_path_factory.mktemp("rows")
    frame.write_parquet(root / "one.parquet", row_group_size=700)
    frame.write_ipc(root / "one.arrow")
    many = in_files(root / "many", frame, 40)
    (many / "_SUCCESS").touch()
    return {
        "one": open_rows(root / "one.parquet"),
        "arrow": open_rows(root / "one.arrow"),
        "folder": open_rows(many),
        "glob": open_rows(str(root / "man*" / "part-*.parquet")),
        "lazy": open_rows(frame.lazy()),
    }


def test_a_source_knows_rows_and_columns_without_reading_them(sources: dict[str, Source], frame: pl.DataFrame) -> None:
    for source in sources.values():
        assert source.rows == N
        assert dict(source.columns) == dict(frame.schema)
        assert not source.is_large
    assert [len(source.parts) for source in sources.values()] == [1, 1, 40, 40, 1]
    assert sources["folder"].name == "many"


@pytest.mark.parametrize("size", [1_000, 4_096, N, 3 * N])
def test_batches_are_cut_alike_for_one_file_and_for_forty(
    sources: dict[str, Source], frame: pl.DataFrame, size: int
) -> None:
    expected = [(start, frame[start : start + size]) for start in range(0, N, size)]
    for source in sources.values():
        found = list(batches(source, size=size))
        assert [first for first, _ in found] == [first for first, _ in expected]
        assert all(a.equals(b) for (_, a), (_, b) in zip(found, expected, strict=True))


def test_batches_read_only_the_columns_asked_for(sources: dict[str, Source]) -> None:
    assert next(batches(sources["folder"], ["y", "row", "y"]))[1].columns == ["y", "row"]
    with pytest.raises(DataError, match=r'LM504 many has no column "town_" \(column\). Did you mean "town"\?'):
        next(batches(sources["folder"], ["town_"]))


def test_the_sample_is_the_same_whatever_the_files(sources: dict[str, Source], frame: pl.DataFrame) -> None:
    for source in sources.values():
        drawn, numbers = sample_rows(source, 500, seed=3)
        assert numbers.tolist() == sampled_numbers(N, 500, 3).tolist()
        assert drawn.equals(frame[numbers])
    everything, numbers = sample_rows(sources["one"], 10 * N, seed=3)
    assert everything.equals(frame)
    assert numbers.tolist() == list(range(N))


def test_the_sample_has_the_least_keys_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.random.default_rng(9).integers(0, 2**64, 5_000, dtype=np.uint64)
    least = {rows: np.sort(np.argsort(keys, kind="stable")[:rows]).tolist() for rows in (1, 30, 2_500, 4_999)}
    for run in (1 << 18, 617):  # so many keys at a time make no difference
        monkeypatch.setattr(scan, "BATCH", run)
        for rows, expected in least.items():
            assert sampled_numbers(5_000, rows, 9).tolist() == expected


def test_every_row_is_drawn_equally_often() -> None:
    draws, total, rows = 2_000, 60, 12
    counts = np.zeros(total)
    for seed in range(draws):
        counts[sampled_numbers(total, rows, seed)] += 1
    share = rows / total
    # Pearson's statistic; its mean is total - 1 and its variance about 2 (total - 1): five standard deviations
    spread = float(np.sum((counts - draws * share) ** 2) / (draws * share * (1 - share))) * (total - 1) / total
    assert abs(spread - (total - 1)) < 5 * np.sqrt(2 * (total - 1))


SAMPLING = """
import sys
from pathlib import Path
from lossmith.advise.data import scan

def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

scan.BATCH = 3_000
source = scan.open_rows(sys.argv[1])
for _ in scan.batches(source):
    pass
before = peak()
scan.sample_rows(source, 60)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
def test_a_sample_of_texts_does_not_keep_its_batches_alive(tmp_path: Path) -> None:
    long = pl.DataFrame({"text": [f"{i:>4000}" for i in range(60_000)]})  # 240 MB
    long.write_parquet(tmp_path / "long.parquet", row_group_size=3_000)
    command = [sys.executable, "-c", SAMPLING, str(tmp_path / "long.parquet")]
    more = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert more < 60_000  # kB; a batch of 12 MB and the sample of 0.2 MB, with room; all batches are 240 MB


def test_a_batch_of_many_columns_has_fewer_rows() -> None:
    wide = pl.LazyFrame({f"x{j}": np.zeros(2_000) for j in range(2_621)})
    heights = [frame.height for _, frame in batches(open_rows(wide))]
    assert heights == [1_000, 1_000]
    assert sum(frame.height for _, frame in batches(open_rows(wide), ["x0", "x1"])) == 2_000


def test_a_lazy_frame_runs_once_so_that_its_rows_have_one_order(frame: pl.DataFrame) -> None:
    runs = []

    def seen(rows: pl.DataFrame) -> pl.DataFrame:
        runs.append(rows.height)
        return rows.sample(fraction=1.0, shuffle=True)  # another order each time

    source = open_rows(frame.lazy().map_batches(seen))
    drawn, numbers = sample_rows(source, 100)
    assert drawn.equals(whole(source)[numbers])
    assert len(runs) == 1


def refusal(data: object, **options: str) -> str:
    with pytest.raises(DataError) as caught:
        source = open_rows(data, **options)  # type: ignore[arg-type]
        for _ in batches(source):
            pass
    return str(caught.value)


def test_refusals_are_one_sentence_that_names_the_file(tmp_path: Path, frame: pl.DataFrame) -> None:
    empty, deep = tmp_path / "empty", tmp_path / "deep"
    empty.mkdir()
    in_files(deep, frame, 1).rename(deep.parent / "moved")
    deep.mkdir()
    (tmp_path / "moved").rename(deep / "year=2020")
    assert refusal(empty).startswith(f"LM561 The folder {empty} holds no Parquet file.")
    assert f'write "{deep}/**/*.parquet"' in refusal(deep)
    assert open_rows(f"{deep}/**/*.parquet").rows == N
    assert refusal(tmp_path / "*.pq") == f"LM561 No file is named like {tmp_path / '*.pq'}."
    assert 'Did you mean "empty"?' in refusal(tmp_path / "emty")
    assert refusal([1, 2]).startswith("LM502 Expected a path, a folder, a glob or a polars LazyFrame, found list.")
    assert refusal(frame.lazy().select("nothing")).startswith("LM502 The lazy frame cannot be read")


def test_files_with_different_columns_are_refused_by_name(tmp_path: Path, frame: pl.DataFrame) -> None:
    changed = {
        'part-0003.parquet has no column "town", which part-0000.parquet has': frame.drop("town"),
        'part-0000.parquet has no column "more", which part-0003.parquet has': frame.with_columns(more=1),
        'part-0003.parquet holds the column "row" as String, part-0000.parquet as Int64': frame.cast(
            {"row": pl.String}
        ),
    }
    for number, (sentence, other) in enumerate(changed.items()):
        folder = in_files(tmp_path / str(number), frame, 3)
        other.write_parquet(folder / "part-0003.parquet")
        assert refusal(folder).startswith(f"LM562 {sentence}.")
    folder = in_files(tmp_path / "order", frame, 2)
    frame.select(reversed(frame.columns)).write_parquet(folder / "part-0002.parquet")
    assert whole(open_rows(folder)).columns == frame.columns  # another order of columns is no difference


@pytest.mark.parametrize("damage", ["cut", "empty", "inside"])
def test_a_damaged_file_is_named(tmp_path: Path, frame: pl.DataFrame, damage: str) -> None:
    folder = in_files(tmp_path / "rows", frame, 5)
    path = folder / "part-0002.parquet"
    raw = path.read_bytes()
    path.write_bytes({"cut": raw[:-9], "empty": b"", "inside": raw[:4] + bytes(60) + raw[64:]}[damage])
    assert refusal(folder) == "LM502 part-0002.parquet is a damaged or cut-off Parquet file. Write it again."


def test_what_is_large(tmp_path: Path, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = in_files(tmp_path / "many", frame, 2)
    frame.write_parquet(tmp_path / "one.parquet")
    frame.write_csv(tmp_path / "one.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    files = [tmp_path / name for name in ("one.parquet", "one.csv")]
    assert [may_be_large(file) for file in files] == [False, False]
    assert not may_be_large(tmp_path / "bad.parquet")
    assert may_be_large(folder)
    assert may_be_large(frame.lazy())
    assert not may_be_large(frame)
    monkeypatch.setattr(scan, "MOST_CELLS", 4 * N - 1)
    monkeypatch.setattr(scan, "LARGE_TEXT", 1_000)
    assert [may_be_large(file) for file in files] == [True, True]
    monkeypatch.setattr(scan, "MOST_CELLS", 4 * N)
    assert not open_rows(folder).is_large
    monkeypatch.setattr(scan, "MOST_ROWS", N - 1)
    assert open_rows(folder).is_large


# Delimited text -------------------------------------------------------------------------------------------------

FIELDS = st.text(st.sampled_from('ab ,"\n\r;é'), max_size=5)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12)
)


@settings(max_examples=150, deadline=None)
@given(rows=TABLES, part=st.integers(1, 40), end=st.sampled_from(["\n", "\r\n"]))
def test_texts_in_parts_are_the_texts_of_the_whole_file(rows: list[list[str]], part: int, end: str) -> None:
    """Fields with separators, quotes and line breaks, cut anywhere: as `read_text_file` reads them at once."""
    names = [f"name {place}" for place in range(len(rows[0]) if rows else 2)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([names, *rows])
        expected, _ = read_text_file(path, None)
        patch.setattr(text_parts, "PART", part)
        shape = text_shape(path)
        found = pl.concat(list(text_frames(path, shape)))
    assert found.equals(expected.filter(~pl.all_horizontal(pl.all().is_null())))


PLAIN = "name,town\nAda,Paris\n\nBo\nCy,\n,\nDé,Rome\n"


@pytest.mark.parametrize(
    ("name", "raw", "encoding"),
    [
        ("a.csv", PLAIN.encode(), None),
        ("a.csv", PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), None),
        ("a.csv", PLAIN.replace("\n\n", "\n").replace("\n", "\r").encode(), None),
        ("a.csv", ("\n\r\n" + PLAIN).encode("utf-16"), None),
        ("a.csv", PLAIN.encode("cp1252"), "cp1252"),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0), None),
        ("a.tsv", PLAIN.replace(",", "\t").encode(), None),
    ],
)
@pytest.mark.parametrize("part", [3, 1 << 24])
def test_every_way_to_write_a_text_gives_the_same_rows(
    tmp_path: Path, name: str, raw: bytes, encoding: str | None, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_parts, "PART", part)
    (tmp_path / name).write_bytes(raw)
    source = open_rows(tmp_path / name, encoding=encoding)
    rows = [("Ada", "Paris"), ("Bo", None), ("Cy", None), ("Dé", "Rome")]
    assert whole(source).rows() == rows
    assert source.rows == 4


def test_texts_are_sampled_as_a_whole_file_would_be(tmp_path: Path, frame: pl.DataFrame) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    drawn, numbers = sample_rows(open_rows(tmp_path / "rows.csv"), 300)
    table = read_table(drawn, target="y")
    assert table.frame["x"].equals(frame[numbers].filter(pl.col("y").is_not_null())["x"])


def test_refusals_of_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_parts, "PART", 50)
    monkeypatch.setattr(text_parts, "MOST_OPEN", 300)
    path = tmp_path / "rows.csv"
    good = "a,b\n" + "1,2\n" * 40

    def said(raw: bytes, **options: str) -> str:
        path.write_bytes(raw)
        return refusal(path, **options)

    assert "LM502 rows.csv: a row after row" in said((good + "1,2,3\n").encode())
    assert "a quote may be left open" in said((good + '"1,2\n' + "3,4\n" * 200).encode())
    assert said(b"").startswith("LM502 rows.csv holds no rows")
    assert said(b"PK\x03\x04 and more").startswith(
        "LM502 rows.csv is not a table that can be read: it is a zip archive"
    )
    assert said(b"a,a\n1,2\n") == 'LM505 rows.csv has 2 columns named "a". Give each its own name.'
    assert "is not utf-8 text" in said(good.encode() + b"\xe9,2\n" * 40)
    assert 'LM503 --encoding "klingon"' in said(good.encode(), encoding="klingon")
    packed = gzip.compress(np.random.default_rng(0).bytes(50).hex().encode() + good.encode() * 50)
    assert said(packed[:-12]).startswith("LM502 rows.csv is a damaged gzip file")


# The profile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1 << 18, 700])
def test_the_profile_of_all_rows_is_that_of_the_frame(
    sources: dict[str, Source], frame: pl.DataFrame, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BATCH", size)
    found = lazy_profile(sources["folder"], "y")
    y = frame["y"].drop_nulls().to_numpy()
    assert (found.rows, found.missing) == (N, N - len(y))
    assert (found.minimum, found.maximum) == (y.min(), y.max())
    assert (found.zeros, found.whole) == (int((y == 0).sum()), int((y == np.floor(y)).sum()))
    exact = [round(10 * value) for value in y.tolist()]  # the values are tenths
    total = sum(exact)
    assert found.mean == pytest.approx(total / len(y) / 10, rel=1e-14)
    square = sum((len(y) * v - total) ** 2 for v in exact) / len(y) ** 2 / (len(y) - 1) / 100
    assert found.variance == pytest.approx(square, rel=1e-13)
    assert found.column_missing == {name: frame[name].null_count() for name in frame.columns}
    assert found.distinct == tuple(np.unique(y).tolist())
    # all rows fit into the sample for the quantiles, which are then exact
    assert found.quantile_rows == len(y)
    assert dict(found.quantiles)[0.95] == np.quantile(y, 0.95)


def test_the_profile_does_not_depend_on_the_files(sources: dict[str, Source]) -> None:
    found = [lazy_profile(source, "y") for source in sources.values()]
    assert all(other == found[0] for other in found[1:])
    assert found[0].mean.hex() == found[2].mean.hex()


def test_the_variance_survives_a_large_mean() -> None:
    y = 1e9 + np.arange(1_000) % 2  # the textbook formula loses all digits here
    found = lazy_profile(open_rows(pl.LazyFrame({"y": y})), "y")
    assert found.variance == pytest.approx(0.25 * 1_000 / 999, rel=1e-12)


def test_the_profile_of_texts_and_of_too_many_values(tmp_path: Path) -> None:
    rows = [
        "town,price,kind",
        *(f'{"" if i % 3 else i},"{i},5",{"NA" if i % 4 == 0 else "ab"[i % 2]}' for i in range(1_200)),
    ]
    (tmp_path / "rows.csv").write_text("\n".join(rows), encoding="utf-8")
    source = open_rows(tmp_path / "rows.csv")
    price = lazy_profile(source, "price", style="decimal comma")
    assert (price.maximum, price.distinct, price.missing) == (1199.5, None, 0)
    assert price.column_missing == {"town": 800, "price": 0, "kind": 0}
    kind = lazy_profile(source, "kind")
    assert (kind.distinct, kind.missing, kind.quantiles) == (("a", "b"), 300, ())
    assert np.isnan(kind.mean)


def test_a_source_without_rows_has_a_profile_but_no_sample() -> None:
    source = open_rows(pl.LazyFrame({"y": []}, schema={"y": pl.Float64}))
    assert lazy_profile(source, "y").rows == 0
    assert whole(source).schema == {"y": pl.Float64}
    with pytest.raises(DataError, match="LM563 The lazy frame has 0 rows"):
        sample_rows(source, 5)


def test_csv_text_is_cut_outside_quotes_only() -> None:
    text = io.StringIO('a,"b\nc"\nd,"e').getvalue()
    assert text_parts._cut(text) == ('a,"b\nc"\n', 'd,"e')
    assert text_parts._cut('"a\nb') == ("", '"a\nb')
