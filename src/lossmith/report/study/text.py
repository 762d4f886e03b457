"""A study on a terminal: its record comes in, one screen of lines goes out, the verdict first."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lossmith.report.study.answer import COMMAND, PROGRAM, advises_a_model, fine, signed, standing, tag
from lossmith.report.study.record import Comparison, Row, StudyRecord
from lossmith.report.words import with_margin

WIDTH: Final = 100
MOST_ROWS: Final = 12
LEAST_ROWS: Final = 4
MOST_TABLE_LINES: Final = 16
MOST_NOTES: Final = 6
MOST_NOTE_LINES: Final = 10
LEAST_LABEL: Final = 24


def screen(record: StudyRecord, folder: str | os.PathLike[str] | None = None) -> str:
    """Return the first screen: verdict, rows, the comparison, notes, and where the page is."""
    blocks = [
        "\n".join(line for sentence in record.verdict for line in wrapped(sentence)),
        "\n".join(wrapped(rows_line(record))),
        comparison_lines(record),
        "\n".join(note_lines(record.notes)),
    ]
    if folder is not None:
        page = one_line(str(Path(folder) / "index.html"))
        blocks.append("\n".join([*wrapped(files_line(record)), f"The page: {page}"]))
    return "\n\n".join(block for block in blocks if block)


def files_line(record: StudyRecord) -> str:
    """Say what lies beside the page, and whose model it is."""
    way, names = record.recommended["label"], [name for name, _ in record.files if name != PROGRAM]
    beside = f" Beside it: {', '.join(names)}." if names else ""
    if not advises_a_model(record):
        return f"No model is advised; should you want one all the same, predict.py answers with {way}.{beside}"
    return f"Use it: {COMMAND} answers with {way}.{beside}"


def rows_line(record: StudyRecord) -> str:
    """Say how many rows there were, which were left out, and what the others were used for."""
    return " ".join(filter(None, (read_line(record), jobs_line(record))))


def read_line(record: StudyRecord) -> str:
    """Say how many rows were read, and how many of them were left out, and why."""
    left_out = "".join(f"; {count:,} left out: {why}" for why, count in record.data.left_out if count)
    return f"{record.data.rows_read:,} rows read{left_out}."


def jobs_line(record: StudyRecord) -> str:
    """Say how many rows did which job."""
    data = record.data
    jobs = ", ".join(f"{job.name} {job.rows:,}" for job in data.jobs)
    folds = f"{data.folds} folds; rows" if data.folds > 1 else "Rows"
    return f"{folds} for each job: {jobs}." if jobs else ""


def note_lines(notes: tuple[str, ...]) -> Iterator[str]:
    """Write the first notes, as many as have room; the rest are counted."""
    lines: list[str] = []
    told = 0
    for note in notes[:MOST_NOTES]:
        more = wrapped(f"Note: {note}", "      ")
        if told and len(lines) + len(more) > MOST_NOTE_LINES:
            break
        lines, told = [*lines, *more], told + 1
    yield from lines
    if told < len(notes):
        yield f"      ... and {len(notes) - told} more on the page"


def comparison_lines(record: StudyRecord) -> str:
    """Return the comparison as an aligned table of text, at most `WIDTH` columns wide where names allow."""
    for most in range(MOST_ROWS, LEAST_ROWS, -1):
        shown = shown_rows(record, most)
        lines = _table_lines(record, shown)
        if len(lines) <= MOST_TABLE_LINES:
            break
    left = len(record.comparison.rows) - len(shown)
    more = [f"... and {left} more on the page"] if left else []
    return "\n".join([*lines, *more, *wrapped(clearly(record.comparison))])


def _table_lines(record: StudyRecord, shown: tuple[Row, ...]) -> list[str]:
    head = ("", one_line(record.comparison.measure), "against the usual way", "")
    cells = [head, *(_cells(row, record) for row in shown)]
    widths = [max(columns(line[i]) for line in cells) for i in range(4)]
    widths[0] = min(widths[0], max(LEAST_LABEL, WIDTH - sum(widths[1:]) - 6))
    return [line for row in cells for line in _aligned(row, widths)]


def clearly(table: Comparison) -> str:
    """Say what "clearly" means in a comparison."""
    level, many = f"{100 * table.joint_level:.4g} % interval", table.comparisons > 1
    interval = f"joint {level} of all {table.comparisons} comparisons" if many else level
    return f"“Clearly”: outside the {interval}, and by more than half a percent."


def shown_rows(record: StudyRecord, most: int = MOST_ROWS) -> tuple[Row, ...]:
    """Return the rows for one screen: constant, usual, advised and least, and the next best until it is full."""
    table = record.comparison
    if len(table.rows) <= most:
        return table.rows
    needed = [row for row in table.rows if row.role in ("constant", "default") or tag(record, row)]
    others = sorted((row for row in table.rows if row not in needed), key=lambda row: _size(row.mean))
    kept = [*needed, *others][: max(most, len(needed))]
    return tuple(row for row in table.rows if row in kept)


def _size(mean: float) -> float:
    return mean if math.isfinite(mean) else math.inf


def _cells(row: Row, record: StudyRecord) -> tuple[str, str, str, str]:
    digits, word = fine(record.comparison), tag(record, row)
    usual = row.role == "default"
    against = "" if usual else signed(row.difference, row.difference_margin, digits)
    marks = (standing(row), f"← {word}" if word else "")
    return one_line(row.label), with_margin(row.mean, row.margin, digits), against, "  ".join(filter(None, marks))


def _aligned(cells: tuple[str, str, str, str], widths: list[int]) -> Iterator[str]:
    first, *rest = wrapped(cells[0], "  ", widths[0]) or [""]
    padded = [pad(cell, width, right=i < 2) for i, (cell, width) in enumerate(zip(cells[1:], widths[1:], strict=True))]
    yield "  ".join([pad(first, widths[0]), *padded]).rstrip()
    yield from rest


def one_line(text: str) -> str:
    """Show a text on one line: what would break the line or steer the terminal becomes a space.

    >>> one_line("later\\nmaybe \\x1b[31m")
    'later maybe  [31m'
    """
    return "".join(" " if _steers(letter) else letter for letter in text)


def _steers(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in DIRECTIONS


DIRECTIONS: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Marks that turn the order of the letters after them."""


def wrapped(text: str, indent: str = "", width: int = WIDTH) -> list[str]:
    """Break a text at spaces into lines of at most `width` columns where words allow; later lines are indented.

    >>> wrapped("a loss is a formula", "  ", 10)
    ['a loss is', '  a', '  formula']
    """
    lines = [""]
    for word in one_line(text).split(" "):
        joint = " " if lines[-1] else ""
        if lines[-1].strip() and columns(lines[-1] + joint + word) > width:
            lines.append(indent + word)
        else:
            lines[-1] += joint + word
    return [line.rstrip() for line in lines if line.strip()]


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes (wide letters take two).

    >>> columns("지연"), columns("delay")
    (4, 5)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Pad a text to a number of columns."""
    space = " " * (width - columns(text))
    return space + text if right else text + space
