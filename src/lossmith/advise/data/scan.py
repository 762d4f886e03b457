"""More rows than memory: a file, a folder, a glob or a lazy frame comes in, a `Source` to be read in parts goes out.

From a `Source` come a random sample, batches of a fixed size, and a profile of the target. None of them holds more than
a batch and what it returns, and none depends on how the rows are spread over files: a thousand files give, bit for bit,
what one file with the same rows gives. Rows are numbered from 0, through all files in their order.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.extra import need_extra
from lossmith.advise.data.roles import refuse_unknown_columns
from lossmith.advise.data.text_parts import TextShape, text_frames, text_shape
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

Rows = NDArray[np.int64]

MOST_ROWS: Final = 2_000_000
MOST_CELLS: Final = 40_000_000
"""More rows, or more values, than this are read in parts. In memory a value took 31 bytes up to the matrix (a million
rows of 20 numbers: as read, as typed, encoded, and copies in between), and each fold copies most of the matrix again: 40
million values take about the 2 GiB that a small computer can spare. Above two million rows the intervals are narrow
already, while every fold would still take its time."""

LARGE_TEXT: Final = 2 * MOST_CELLS
"""Bytes from which a delimited file may be large: a value and its separator take two."""

BATCH: Final = 1 << 18
BATCH_VALUES: Final = 10 * BATCH
"""At most so many rows, and values, in a batch: a matrix of 21 MB, whether of ten columns or of a thousand."""

SUFFIXES: Final = (".parquet", ".pq")
LARGEST: Final = 2**64


@dataclass(frozen=True)
class Part:
    """A file of a source: its kind is a key of `KINDS`; `columns` maps names to polars types."""

    path: Path
    kind: str
    columns: Mapping[str, Any]
    rows: int
    shape: TextShape | None = None


@dataclass(frozen=True)
class Source:
    """Rows that are read in parts: what people call it, its files in order, how many rows, and the columns.

    `columns` maps names to polars types (all texts in a delimited file). `keeper` owns files that live as long as this.
    """

    name: str
    parts: tuple[Part, ...]
    rows: int
    columns: Mapping[str, Any]
    keeper: Any = field(default=None, repr=False, compare=False)

    @property
    def is_large(self) -> bool:
        """Whether a study should read it in parts, and learn from a sample."""
        return self.rows > MOST_ROWS or self.rows * len(self.columns) > MOST_CELLS


def may_be_large(data: Any) -> bool:
    """Whether `data` should be opened by `open_rows`: a folder, a glob, a lazy frame, or a large file. Nothing is read
    but sizes; a file that is missing or damaged is not large.

    >>> may_be_large("sales/*.parquet"), may_be_large("no such file.csv")
    (True, False)
    """
    if not isinstance(data, (str, Path)):
        return _is_lazy(data)
    path = Path(data)
    if not path.is_file():
        return path.is_dir() or _is_glob(path)
    try:
        with path.open("rb") as file:
            columnar = file.read(4) in (b"PAR1", b"ARRO")
        return open_rows(path).is_large if columnar else path.stat().st_size > LARGE_TEXT
    except (DataError, OSError):
        return False


def open_rows(data: Any, *, encoding: str | None = None) -> Source:
    """Open `data` to be read in parts: a Parquet, Arrow or delimited file, a folder of Parquet files, a glob (files in
    the order of their names), or a polars LazyFrame (run once, into a temporary Parquet file, so that its rows have one
    order).

    Of Parquet and Arrow files only the metadata are read; a delimited file is read once, to count its rows.
    Raises `DataError`, one sentence each: LM501 no such file, LM502 damaged or no table, LM503 encoding, LM505 repeated
    names, LM516 missing packages, LM561 no file in a folder, LM562 files with different columns.

    >>> import polars as pl
    >>> source = open_rows(pl.LazyFrame({"x": range(5), "y": [0.5] * 5}))
    >>> source.rows, list(source.columns), source.is_large
    (5, ['x', 'y'], False)
    """
    need_extra(("polars",))
    if _is_lazy(data):
        return _kept(data)
    if not isinstance(data, (str, Path)):
        found = type(data).__name__
        raise DataError("LM502", f"Expected a path, a folder, a glob or a polars LazyFrame, found {found}.")
    path = Path(data)
    parts = tuple(_part(file, encoding) for file in _files(path))
    for part in parts[1:]:
        _refuse_different(parts[0], part)
    return Source(path.name or str(path), parts, sum(part.rows for part in parts), parts[0].columns)


def _is_lazy(data: Any) -> bool:
    return type(data).__module__.startswith("polars.") and type(data).__name__ == "LazyFrame"


def _is_glob(path: Path) -> bool:
    return any(_has_mark(part) for part in path.parts) and not path.exists()


def _has_mark(part: str) -> bool:
    return any(mark in part for mark in "*?[")


def _matches(path: Path) -> Iterable[Path]:
    fixed = next(place for place, part in enumerate(path.parts) if _has_mark(part))
    return Path(*path.parts[:fixed]).glob(str(Path(*path.parts[fixed:])))


def _kept(frame: pl.LazyFrame) -> Source:
    import polars as pl

    keeper = tempfile.TemporaryDirectory(prefix="lossmith-")
    path = Path(keeper.name) / "rows.parquet"
    try:
        frame.sink_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError("LM502", f"The lazy frame cannot be read: {_first_line(error)}.") from None
    part = _part(path, None)
    return Source("The lazy frame", (part,), part.rows, part.columns, keeper)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _files(path: Path) -> list[Path]:
    """Return the files that a path means, in order, or say why there are none."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not found:
            deeper = next((file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}")), None)
            advice = (
                f'They lie in folders below it: write "{path}/**/*{deeper.suffix}".'
                if deeper
                else f'For files of another kind write a glob, such as "{path}/*.csv".'
            )
            raise DataError("LM561", f"The folder {path} holds no Parquet file. {advice}")
        return found
    if _is_glob(path):
        found = sorted(file for file in _matches(path) if file.is_file() and not file.name.startswith("."))
        if not found:
            raise DataError("LM561", f"No file is named like {path}.")
        return found
    if not path.exists():
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError("LM501", f"There is no file {path}.{did_you_mean(path.name, near)}")
    return [path]


def _part(path: Path, encoding: str | None) -> Part:
    """Look at one file: its kind by its first bytes, its columns, and how many rows it holds."""
    try:
        with path.open("rb") as file:
            head = file.read(6)
        if path.suffix.lower() in SUFFIXES or head.startswith(b"PAR1"):
            return _columnar_part(path, "Parquet")
        if head == b"ARROW1":
            return _columnar_part(path, "Arrow")
        return _text_part(path, encoding)
    except OSError as error:
        raise DataError("LM501", f"{path} cannot be read: {error.strerror or error}.") from None


def _columnar_part(path: Path, kind: str) -> Part:
    import polars as pl

    try:
        lazy = _lazy(path, kind)
        rows = int(lazy.select(pl.len()).collect().item())
        return Part(path, kind, dict(lazy.collect_schema()), rows)
    except pl.exceptions.PolarsError:
        raise _damaged(path, kind) from None


def _damaged(path: Path, kind: str) -> DataError:
    return DataError("LM502", f"{path.name} is a damaged or cut-off {kind} file. Write it again.")


def _lazy(path: Path, kind: str) -> pl.LazyFrame:
    import polars as pl

    if kind == "Arrow":
        return pl.scan_ipc(path, hive_partitioning=False)
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _text_part(path: Path, encoding: str | None) -> Part:
    import polars as pl

    shape = text_shape(path, encoding)
    rows = sum(frame.height for frame in text_frames(path, shape))
    return Part(path, "text", dict.fromkeys(shape.names, pl.String()), rows, shape)


def _refuse_different(first: Part, other: Part) -> None:
    """Raise LM562 for the first column that one file has and the other lacks, or holds as another type."""
    for here, there in ((first, other), (other, first)):
        lacking = next((name for name in here.columns if name not in there.columns), None)
        if lacking is not None:
            raise DataError(
                "LM562",
                f'{there.path.name} has no column "{lacking}", which {here.path.name} has. All files need the same columns.',
            )
    for name, kind in first.columns.items():
        if other.columns[name] != kind:
            raise DataError(
                "LM562",
                f'{other.path.name} holds the column "{name}" as {other.columns[name]}, {first.path.name} as {kind}. '
                "Write all files with the same types.",
            )


def batches(
    source: Source, columns: Iterable[str] | None = None, size: int | None = None
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield (number of the first row, frame) through all rows in order; every frame but the last has `size` rows
    (None: fewer the more columns there are, at most `BATCH`).

    `columns` are the columns to read (None: all). Raises `DataError` LM504 for an unknown column, LM502 for a file that
    turns out to be damaged.

    >>> import polars as pl
    >>> source = open_rows(pl.LazyFrame({"x": range(5)}))
    >>> [(first, frame["x"].to_list()) for first, frame in batches(source, size=2)]
    [(0, [0, 1]), (2, [2, 3]), (4, [4])]
    """
    import polars as pl

    wanted = list(source.columns if columns is None else dict.fromkeys(columns))
    for name in wanted:
        refuse_unknown_columns(source.name, source.columns, {"column": name})
    size = size or max(1, min(BATCH, BATCH_VALUES // max(1, len(wanted))))
    first, held, height = 0, [], 0
    for frame in (frame for part in source.parts for frame in KINDS[part.kind](part, wanted, size)):
        start = 0
        while start < frame.height:
            held.append(frame.slice(start, size - height))
            start, height = start + held[-1].height, height + held[-1].height
            if height == size:
                yield first, pl.concat(held, rechunk=True)
                first, held, height = first + size, [], 0
    if held:
        yield first, pl.concat(held, rechunk=True)


def _columnar_frames(part: Part, columns: list[str], size: int) -> Iterator[pl.DataFrame]:
    """Read slices: what is decoded at a time is the row groups that a slice touches, whatever the length of the file."""
    import polars as pl

    lazy = _lazy(part.path, part.kind).select(columns)
    try:
        for start in range(0, part.rows, size):
            yield lazy.slice(start, size).collect()
    except (pl.exceptions.PolarsError, OSError):
        raise _damaged(part.path, part.kind) from None


def _text_frames(part: Part, columns: list[str], size: int) -> Iterator[pl.DataFrame]:
    assert part.shape is not None
    return (frame.select(columns) for frame in text_frames(part.path, part.shape))


KINDS: Final[Mapping[str, Callable[[Part, list[str], int], Iterator[pl.DataFrame]]]] = {
    "Parquet": _columnar_frames,
    "Arrow": _columnar_frames,
    "text": _text_frames,
}
"""How each kind of file is read: (part, columns, at most so many rows at a time) to frames in order."""


def sampled_numbers(total: int, rows: int, seed: int) -> Rows:
    """Return the numbers of `rows` of `total` rows drawn at random without replacement, sorted (all if there are fewer).

    Every row draws a 64-bit key, in order; the rows with the least keys are the sample. So a larger sample with the same
    seed holds the smaller one, and no more is held than the sample and a run of keys.

    >>> sampled_numbers(10, 3, seed=0).tolist() == sampled_numbers(10, 3, seed=0).tolist()
    True
    >>> sampled_numbers(3, 10, seed=0).tolist()
    [0, 1, 2]
    """
    if rows >= total:
        return np.arange(total, dtype=np.int64)
    room = rows
    while True:
        room = min(
            total, room + 8 * int(np.sqrt(room)) + 8
        )  # eight standard deviations: one pass is almost always enough
        keys, numbers = _least_keys(total, room / total, seed)
        if len(keys) >= rows:
            least = np.lexsort((numbers, keys))[:rows]
            return np.sort(numbers[least])


def _least_keys(total: int, share: float, seed: int) -> tuple[NDArray[np.uint64], Rows]:
    """Return the keys below about `share` of all possible keys, and the numbers of their rows."""
    rng = np.random.default_rng(seed)
    limit = np.uint64(min(int(share * LARGEST), LARGEST - 1))
    keys, numbers = [], []
    for first in range(0, total, BATCH):
        drawn = rng.integers(0, LARGEST, min(BATCH, total - first), dtype=np.uint64)
        low = np.flatnonzero(drawn <= limit)
        keys.append(drawn[low])
        numbers.append(low + first)
    return np.concatenate(keys), np.concatenate(numbers)


def sample_rows(source: Source, rows: int, seed: int = 0) -> tuple[pl.DataFrame, Rows]:
    """Return at most `rows` rows drawn at random without replacement, in file order, with their numbers from 0.

    Raises `DataError` LM563 where there is no row to draw.

    >>> import polars as pl
    >>> frame, numbers = sample_rows(open_rows(pl.LazyFrame({"x": range(100)})), rows=4)
    >>> frame["x"].to_list() == numbers.tolist()
    True
    """
    import polars as pl

    if rows < 1 or not source.rows:
        raise DataError(
            "LM563", f"{source.name} has {source.rows:,} rows, of which {rows:,} were asked for: none to draw."
        )
    numbers = sampled_numbers(source.rows, rows, seed)
    taken = [_own(frame[here]) for frame, here in _taken(batches(source), numbers) if len(here)]
    return pl.concat(taken, rechunk=True), numbers


def _taken(frames: Iterable[tuple[int, pl.DataFrame]], numbers: Rows) -> Iterator[tuple[pl.DataFrame, Rows]]:
    """Yield each batch with the places in it of the rows that `numbers` (sorted) name."""
    for first, frame in frames:
        yield frame, places_in(numbers, first, frame.height)


def places_in(numbers: Rows, first: int, height: int) -> Rows:
    """Return the places, in a batch of `height` rows from row `first` on, of the rows that `numbers` (sorted) name.

    >>> places_in(np.array([3, 7, 12]), first=5, height=5).tolist()
    [2]
    """
    start, stop = np.searchsorted(numbers, (first, first + height))
    return np.asarray(numbers[start:stop] - first, dtype=np.int64)


def _own(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with memory of its own: selected texts would keep all texts of their batch alive."""
    import polars as pl

    written = io.BytesIO()
    frame.write_ipc(written)
    return pl.read_ipc(written.getvalue())


def whole(source: Source, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Return all rows in one frame: for a source that is not large.

    >>> import polars as pl
    >>> whole(open_rows(pl.LazyFrame({"x": range(3)})))["x"].to_list()
    [0, 1, 2]
    """
    import polars as pl

    frames = [frame for _, frame in batches(source, columns)]
    return pl.concat(frames, rechunk=True) if frames else pl.DataFrame(schema=dict(source.columns))
