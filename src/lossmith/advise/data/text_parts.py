"""Read delimited text in parts: a path of any size comes in, polars frames of texts go out, each of bounded size.

The file is cut at ends of rows only (a line break inside quotes is none), and each part is read as `text_file` reads a
whole file, so that the frames, put together, are the frame of `read_text_file`.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from lossmith.advise.data.text_file import (
    BYTE_ORDER_MARKS,
    NOT_TEXT,
    SAMPLE_BYTES,
    refuse_repeated_names,
    sniff_separator,
)
from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

PART: Final = 1 << 24
"""Characters read at a time: a frame of texts takes two to four times as many bytes."""

MOST_OPEN: Final = 1 << 26
"""Characters without an end of a row after which a quote must have been left open."""


@dataclass(frozen=True)
class TextShape:
    """How a delimited file is written: its encoding, separator and column names, and how lines end."""

    encoding: str
    separator: str
    names: tuple[str, ...]
    old_line_ends: bool


def text_shape(path: Path, encoding: str | None = None) -> TextShape:
    """Return how a delimited file is written, from its first rows.

    Raises `DataError` LM502 for what is no table, LM503 for an encoding that does not fit, LM505 for repeated names.
    """
    with _opened(path) as file:
        head = _read(path, file, SAMPLE_BYTES)
    found = next((what for magic, *what in NOT_TEXT if head.lstrip().startswith(magic)), None)
    if found:
        raise DataError("LM502", f"{path.name} is not a table that can be read: it is {found[0]}. {found[1]}")
    chosen = _encoding(encoding, head)
    text = _first_text(path.name, head, chosen).lstrip("\r\n")
    lines = text.splitlines(keepends=True)
    if not text.strip():
        raise DataError("LM502", f"{path.name} holds no rows: it is empty.")
    if len(head) == SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    separator = sniff_separator(lines, ("\t",) if ".tsv" in path.name.lower() else ())
    names = [name.strip() for name in next(csv.reader(lines, delimiter=separator))]
    names = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    refuse_repeated_names(path.name, names)
    return TextShape(chosen, separator, tuple(names), "\r" in text and "\n" not in text)


def text_frames(path: Path, shape: TextShape) -> Iterator[pl.DataFrame]:
    """Yield the rows of a delimited file in order, as frames of texts; rows without any value are left out."""
    import polars as pl

    rows = 0
    for place, text in enumerate(_parts(path, shape)):
        frame = _parsed(path.name, text, shape, rows)
        frame = frame[1:] if place == 0 else frame  # the names
        rows += frame.height
        if frame.width > 1:
            frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        yield frame


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def _read(path: Path, file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged(path) from None


def _damaged(path: Path) -> DataError:
    return DataError("LM502", f"{path.name} is a damaged gzip file. Compress it again, or unpack it.")


def _encoding(asked: str | None, head: bytes) -> str:
    """Return the encoding that was asked for, else that of the byte order mark, else UTF-8."""
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if asked is None:
        return marked or "utf-8"
    try:
        info = codecs.lookup(asked)
    except (LookupError, ValueError):
        info = None
    if info is None or not info._is_text_encoding:
        raise DataError("LM503", f'--encoding "{asked}" is not a text encoding, such as utf-8 or cp949.')
    return marked if info.name == "utf-8" and marked == "utf-8-sig" else info.name


def _first_text(name: str, head: bytes, encoding: str) -> str:
    """Return the text of the first bytes; a letter that is cut at their end is left out."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeError:
        raise _no_text(name, encoding, 0) from None


def _no_text(name: str, encoding: str, characters: int) -> DataError:
    where = f"{name}: what follows the first {characters:,} characters" if characters else name
    return DataError("LM503", f"{where} is not {encoding} text. Say which encoding it is with --encoding NAME.")


def _parts(path: Path, shape: TextShape) -> Iterator[str]:
    """Yield the text in parts that end with a row."""
    seen, rest = 0, ""
    with _opened(path) as file, io.TextIOWrapper(file, encoding=shape.encoding, newline="") as stream:
        while True:
            text = _next(path, stream, shape.encoding, seen)
            if not text:
                break
            rest += (text if seen else text.lstrip("\r\n")).replace(
                *(("\r", "\n") if shape.old_line_ends else ("", ""))
            )
            seen += len(text)
            done, rest = _cut(rest)
            if done:
                yield done
            elif len(rest) > MOST_OPEN:
                raise DataError(
                    "LM502", f"{path.name}: no row ends within {MOST_OPEN:,} characters; a quote may be left open."
                )
    if rest.strip("\r\n"):
        yield rest


def _next(path: Path, stream: io.TextIOWrapper, encoding: str, seen: int) -> str:
    try:
        return stream.read(PART)
    except UnicodeError:
        raise _no_text(path.name, encoding, seen) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged(path) from None


def _cut(text: str) -> tuple[str, str]:
    """Part a text after its last line break that stands outside quotes."""
    end = text.rfind("\n")
    inside = text.count('"', 0, end + 1) % 2
    while inside and end >= 0:
        before = text.rfind("\n", 0, end)
        inside ^= text.count('"', before + 1, end + 1) % 2
        end = before
    return text[: end + 1], text[end + 1 :]


def _parsed(name: str, text: str, shape: TextShape, rows: int) -> pl.DataFrame:
    """Read rows as text columns; a first row of plain names sets their number, for rows may be shorter."""
    import polars as pl

    plain = shape.separator.join(f"c{place}" for place in range(len(shape.names)))
    content = f"{plain}\n{text}".encode()
    try:
        frame = pl.read_csv(content, separator=shape.separator, infer_schema_length=0, has_header=False)[1:]
    except pl.exceptions.PolarsError:
        frame = None
    if frame is None or frame.width != len(shape.names):
        shown = {"\t": "tab"}.get(shape.separator, shape.separator)
        raise DataError(
            "LM502",
            f"{name}: a row after row {rows:,} has more fields than the {len(shape.names)} columns that the header names "
            f'(separator "{shown}"), or a quote is left open. Quote fields that contain the separator.',
        )
    frame.columns = list(shape.names)
    return frame
