"""Read delimited text (CSV and its relatives): bytes come in, a polars frame of texts goes out.

Everything is read as text; what the texts mean is decided in `columns`. Every refusal is one sentence.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = (",", "\t", ";", "|")
SAMPLE_BYTES = 1 << 16

# First bytes of files that are not delimited text -> what they are and what to do.
NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or an office workbook", "Unpack it, or save the sheet as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old office document", "Save the sheet as CSV."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Decompress it first."),
    (b"BZh", "compressed with bzip2", "Decompress it first."),
    (b"\xfd7zXZ", "compressed with xz", "Decompress it first."),
    (b"%PDF", "a PDF document", "Save its table as CSV."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV or Parquet."),
    (b"\x89HDF", "an HDF5 file", "Save the table as CSV or Parquet."),
    (b"\x80\x04\x95", "a Python pickle", "Save the table as CSV or Parquet."),
    (b"<!DOCTYPE", "a web page", "Download the data behind it as CSV or Parquet."),
    (b"<html", "a web page", "Download the data behind it as CSV or Parquet."),
    (b"<?xml", "an XML document", "Save its table as CSV."),
    (b"{", "JSON", "Save the table as CSV or Parquet."),
    (b"[{", "JSON", "Save the table as CSV or Parquet."),
)

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

# Encodings to propose when the one that was tried fails, most particular first.
PROPOSED = (
    ("utf-8", "most files"),
    ("cp949", "Korean"),
    ("shift_jis", "Japanese"),
    ("gb18030", "Chinese"),
    ("cp1251", "Cyrillic"),
    ("cp1252", "Western European"),
)
COMMON_ENCODINGS = ("utf-8", "utf-16", "latin-1", "euc-kr", "euc-jp", "big5", "gbk", *(name for name, _ in PROPOSED))


def read_text_file(path: Path, encoding: str | None) -> tuple[pl.DataFrame, str]:
    """Return the fields of a delimited file as texts (missing where empty), and its separator."""
    raw = _unpacked(path)
    _refuse_what_is_not_text(path, raw, encoding)
    text = decoded(path.name, raw, encoding)
    del raw
    lines = text[:SAMPLE_BYTES].splitlines(keepends=True)
    if not "".join(lines).strip():
        raise DataError("LM502", f"{path.name} holds no rows: it is empty.")
    if len(text) > SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    separator = sniff_separator(lines, ("\t",) if ".tsv" in path.name.lower() else ())
    header = _header(path.name, next(csv.reader(lines, delimiter=separator)))
    return _parsed(path.name, text, separator, header), separator


def _unpacked(path: Path) -> bytes:
    raw = path.read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        raise DataError("LM502", f"{path.name} is a damaged gzip file. Compress it again, or unpack it.") from None


def _refuse_what_is_not_text(path: Path, raw: bytes, encoding: str | None) -> None:
    head = raw.lstrip()[:64]
    for magic, what, advice in NOT_TEXT:
        if head.startswith(magic):
            raise DataError("LM502", f"{path.name} is not a table that can be read: it is {what}. {advice}")
    wide = any(raw.startswith(mark) for mark, _ in BYTE_ORDER_MARKS) or (encoding or "").lower().startswith("utf")
    sample = raw[:SAMPLE_BYTES]
    strange = sum(sample.count(code) for code in (*range(9), *range(14, 27), *range(28, 32)))
    if not wide and strange * 100 > len(sample):
        raise DataError(
            "LM502", f"{path.name} is not a table that can be read: it holds binary data. Expected Parquet or CSV."
        )


def decoded(name: str, raw: bytes, encoding: str | None) -> str:
    """Return `raw` as text in `encoding` (else by its byte order mark, else UTF-8), or name the first bad byte."""
    marked = next((found for mark, found in BYTE_ORDER_MARKS if raw.startswith(mark)), None)
    chosen = _known_encoding(encoding) if encoding is not None else (marked or "utf-8")
    if chosen == "utf-8" and marked == "utf-8-sig":
        chosen = marked
    try:
        return raw.decode(chosen)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        where = f"byte {raw[error.start]:#04x} at position {error.start:,} (line {line:,})"
        raise DataError("LM503", f"{name}: {where} is not {chosen} text. {_advice(raw, chosen)}") from None
    except UnicodeError:
        raise DataError("LM503", f"{name} is not {chosen} text. {_advice(raw, chosen)}") from None


def _known_encoding(encoding: str) -> str:
    try:
        info = codecs.lookup(encoding)
        if info._is_text_encoding:
            return info.name
    except (LookupError, ValueError):
        pass
    hint = did_you_mean(encoding.lower(), COMMON_ENCODINGS)
    raise DataError("LM503", f'--encoding "{encoding}" is not a text encoding, such as utf-8 or cp949.{hint}')


def _advice(raw: bytes, tried: str) -> str:
    fitting = [f"{name} ({people})" for name, people in PROPOSED if name != tried and _decodes(raw, name)]
    if not fitting:
        return "Say which encoding it is with --encoding NAME."
    return f"Say which it is with --encoding NAME; what fits every byte: {', '.join(fitting)}."


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def sniff_separator(lines: list[str], preferred: tuple[str, ...] = ()) -> str:
    """Return the separator that cuts most lines of a sample into as many fields as the header, and into most fields.

    >>> sniff_separator(["a;b,c;d", "1;2,5;3"])
    ';'
    """
    best, best_score = ",", (-1.0, 0)
    for separator in (*preferred, *SEPARATORS):
        widths = [len(fields) for fields in _sample_rows(lines, separator)]
        if not widths or widths[0] < 2:
            continue
        share = Counter(widths)[widths[0]] / len(widths)
        score = (round(share, 1), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def _sample_rows(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return [fields for fields in csv.reader(lines, delimiter=separator) if fields]
    except csv.Error:
        return []


def _header(name: str, fields: list[str]) -> list[str]:
    names = [field.strip() for field in fields]
    names = [field or f"column {place}" for place, field in enumerate(names, start=1)]
    refuse_repeated_names(name, names)
    return names


def refuse_repeated_names(source: str, names: list[str]) -> None:
    """Raise LM505 if a column name occurs twice."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        count = names.count(repeated[0])
        raise DataError("LM505", f'{source} has {count} columns named "{repeated[0]}". Give each its own name.')


def _parsed(name: str, text: str, separator: str, header: list[str]) -> pl.DataFrame:
    import polars as pl

    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    try:
        content = text.lstrip("\n\r").encode()
        frame = pl.read_csv(content, separator=separator, infer_schema_length=0, has_header=False)
    except pl.exceptions.PolarsError:
        raise DataError("LM502", _first_bad_row(name, text, separator, len(header))) from None
    if frame.width != len(header):
        raise DataError("LM502", _first_bad_row(name, text, separator, len(header)))
    frame = frame[1:]
    frame.columns = header
    return frame


def _first_bad_row(name: str, text: str, separator: str, width: int) -> str:
    shown = {"\t": "tab"}.get(separator, separator)
    try:
        for number, fields in enumerate(csv.reader(text.splitlines(keepends=True), delimiter=separator)):
            if len(fields) > width:
                return (
                    f"{name}: row {number:,} has {len(fields)} fields, but the header names {width} columns "
                    f'(separator "{shown}"). Quote fields that contain the separator.'
                )
    except csv.Error:
        pass
    return f'{name} cannot be cut into rows and columns (separator "{shown}"): a quote may be left open.'
