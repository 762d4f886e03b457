"""A study on a terminal: its record comes in, a few lines go out, the verdict first."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from lossmith.report.record import StudyRecord
from lossmith.report.words import number, typical, with_margin


def screen(record: StudyRecord, folder: str | os.PathLike[str] | None = None) -> str:
    """Return the first screen: verdict, rows, the comparison, notes, and where the page is."""
    blocks = [
        "\n".join(map(one_line, record.verdict)),
        one_line(rows_line(record)),
        comparison_lines(record),
        "\n".join(f"Note: {one_line(note)}" for note in record.notes),
    ]
    if folder is not None:
        blocks.append(f"{files_line(record)}\nThe page: {Path(folder) / 'index.html'}")
    return "\n\n".join(block for block in blocks if block)


def files_line(record: StudyRecord) -> str:
    """Say what lies beside the page, and whose model it is."""
    way = one_line(record.recommended["label"])
    kept = "predict.py answers with it" if advises_a_model(record) else "should you want a model all the same"
    return f"Beside the page: model.txt and predict.py ({way}; {kept}), loss.py, study.json."


def advises_a_model(record: StudyRecord) -> bool:
    """Whether the advice is a model, and not one answer for every row."""
    return not any(row.chosen and row.role == "constant" for row in record.comparison.rows)


def one_line(text: str) -> str:
    """Show a text on one line: what would break the line or steer the terminal becomes a space.

    >>> one_line("later\\nmaybe \\x1b[31m")
    'later maybe  [31m'
    """
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)


def rows_line(record: StudyRecord) -> str:
    """Say how many rows there were, which were left out, and what the others were used for."""
    data = record.data
    parts = [f"{data.rows_read:,} rows read"]
    if data.missing_target:
        parts.append(f"{data.missing_target:,} left out because {record.target} is missing")
    if data.missing_time:
        parts.append(f"{data.missing_time:,} left out because the time is missing")
    used = f"{data.fit:,} to fit, {data.stop:,} to stop and tune, {data.compare:,} to compare"
    return f"{'; '.join(parts)}; {used} ({data.how.partition(':')[0]})."


def comparison_lines(record: StudyRecord) -> str:
    """Return the comparison as an aligned table of text."""
    table = record.comparison
    fine = typical(row.difference_margin for row in table.rows)
    head = ("", table.measure, "against the usual way", "")
    rows = [
        (
            one_line(row.label),
            with_margin(row.mean, row.margin, fine),
            "" if row.role == "default" else signed(row.difference, row.difference_margin, fine),
            "← advised" if row.chosen else "",
        )
        for row in table.rows
    ]
    widths = [max(columns(cells[i]) for cells in (head, *rows)) for i in range(4)]
    return "\n".join(_aligned(cells, widths) for cells in (head, *rows))


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (pad(cell, width, right=i in (1, 2)) for i, (cell, width) in enumerate(zip(cells, widths, strict=True)))
    return "  ".join(padded).rstrip()


def signed(difference: float | None, margin: float | None, fine: float | None = None) -> str:
    """Write a difference with its sign: `+1.2 ± 0.3`, `−4.1 ± 0.2`.

    >>> signed(-4.1, 0.2), signed(1.25, None)
    ('−4.10 ± 0.20', '+1.25')
    """
    if difference is None or number(difference) == "not defined":
        return "not defined"
    return ("−" if difference < 0 else "+") + with_margin(abs(difference), margin, fine)


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
