"""The first reading of a design: its marks, before anything looks at what they mean.

Comes in: any string at all. Goes out: the text on one line, its marks those of formulas but for quoted texts, lists,
mappings and points; its brackets matched and its nesting small; or an error that names the mark and its column.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from lossmith.errors import FormulaError, LossmithError
from lossmith.formula.scan import refuse, scan
from lossmith.formula.text import TEXT_LIMIT

# What formulas do not have. A point counts where a name stands behind it; numbers stand here so that theirs do not.
_MARKS: Final = re.compile(
    r"(?P<number>(?<![\w.])(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>'[^'\\]*'|\"[^\"\\]*\")"
    r"|(?P<lambda>\blambda\b)"
    r"|(?P<quote>['\"])"
    r"|(?P<point>\.(?=\s*[^\W\d]))"
    r"|(?P<other>[\[\]{}]|:(?!=))"
)
LONGEST: Final = 500
"""So many characters of an error are told again: it may quote all that was given."""

_BRACKETS: Final = {"[": "(", "{": "(", "]": ")", "}": ")"}


def is_design(text: object) -> bool:
    """Whether a name stands behind a point, outside numbers and quotes.

    >>> is_design("bce.modulate(gamma=2)"), is_design("0.5*dice + 1.e3*bce"), is_design("where(y > z, 5, 1)*abs(y - z)")
    (True, False, False)
    """
    marks = _MARKS.finditer(text[: TEXT_LIMIT + 1]) if isinstance(text, str) else ()
    return any(found.lastgroup == "point" for found in marks)


def scan_design(text: str) -> str:
    """The text on one line, if every mark of it may stand in a design.

    >>> scan_design("bce.over('count')")
    "bce.over('count')"
    """
    if len(text) > TEXT_LIMIT:
        raise FormulaError("LM130", f"the text has {len(text):,} characters; at most {TEXT_LIMIT:,} are read.")
    line = "".join(" " if c.isspace() else c for c in text).strip()
    masked = _MARKS.sub(lambda found: _mask(line, found), line)
    try:
        scan(masked)
    except FormulaError as error:
        point_again(error, line, 0)
    return line


def _mask(line: str, found: re.Match[str]) -> str:
    """The same length in marks that formulas have, so that `scan` looks at the others."""
    mark, kind, column = found.group(), found.lastgroup, found.start()
    if kind == "lambda":
        refuse("LM131", line, column, 'write a function in quotes, as in mse.error_weight("1 + abs(e)").')
    if kind == "quote":
        refuse("LM131", line, column, "this quote is never closed, or a backslash stands inside.")
    return mark if kind == "number" else _BRACKETS.get(mark, " " * len(mark))


def point_again(error: LossmithError, line: str, column: int, *, of_part: bool = True) -> NoReturn:
    """Raise an error once more, pointing into the whole line: at its own column, or, if it names none, at this one.

    Not `of_part`: the error is of a text of its own (what stands in quotes), whose columns are not those of the line.
    """
    first, _, _ = error.sentence.partition("\n")
    told = re.match(r"column (\d+): (.*)", first)
    at, sentence = (int(told[1]) - 1, told[2]) if told and of_part else (column, first)
    if told and not of_part:
        sentence = f"in quotes, at {first}"
    try:
        refuse(error.code, line, at, sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST]}...")
    except FormulaError as pointed:
        raise type(error)(pointed.code, pointed.sentence) from None
