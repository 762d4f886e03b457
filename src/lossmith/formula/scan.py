"""The first reading of a formula text: its marks, one by one, before anything looks at what they mean.

Comes in: any string at all. Goes out: the text on one line, every mark of it allowed, brackets matched, numbers finite
and nesting small; or a `FormulaError` that names the mark and its column.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NoReturn

from lossmith.errors import FormulaError
from lossmith.formula.text import TEXT_LIMIT

NESTING_LIMIT: Final = 60
MARK_LIMIT: Final = 60
POWERS_LIMIT: Final = 500

_TOKEN: Final = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|<<|>>|:=|&&|\|\||[-+*/<>&|~(),=])"
    r"|(?P<space> +)"
    r"|(?P<other>.)",
    re.DOTALL,
)

# What to write in place of marks that formulas do not have.
_ADVICE: Final[dict[str, str]] = {
    "^": "write ** for a power",
    "//": "write / to divide",
    "%": "there is no remainder in formulas",
    "<<": "write < to compare",
    ">>": "write > to compare",
    ":=": "write the formula alone, without naming its parts",
    "&&": "write & between comparisons in brackets",
    "||": "write | between comparisons in brackets, abs(...) for an absolute value",
    "!": "write ~ before a condition in brackets",
    ".": "there are no attributes; write log(p) without what stands before the point",
    "[": "there are no lists and subscripts",
    "]": "there are no lists and subscripts",
    "{": "there are no sets and dictionaries",
    "}": "there are no sets and dictionaries",
    '"': "there are no strings",
    "'": "there are no strings",
    "#": "there are no comments",
    ";": "a formula is one expression",
    ":": "a formula is one expression",
    "@": "write over_classes(a * b) for a product of rows",
    "−": "write a plain - for minus",
    "–": "write a plain - for minus",
    "×": "write * to multiply",
    "·": "write * to multiply",
    "÷": "write / to divide",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "²": "write ** 2",
    "³": "write ** 3",
    "√": "write sqrt(...)",
}

_KEYWORDS: Final[dict[str, str]] = {
    "if": "write where(condition, a, b)",
    "else": "write where(condition, a, b)",
    "and": "write & between comparisons in brackets",
    "or": "write | between comparisons in brackets",
    "not": "write ~ before a condition in brackets",
    "is": "write == to compare",
    "for": "write over_classes(...), mean(...) or sum(...) instead of a loop",
    "in": "write over_classes(...), mean(...) or sum(...) instead of a loop",
    "lambda": "functions cannot be made inside a formula",
    "True": "write a comparison, such as y > 0",
    "False": "write a comparison, such as y > 0",
}

# Words that people bring from elsewhere.
OTHER_WORDS: Final[dict[str, str]] = {
    "ln": "log",
    "pow": "power",
    "max": "maximum",
    "min": "minimum",
    "log10": "log(a) / log(10)",
    "log2": "log(a) / log(2)",
    "expit": "sigmoid",
    "logsumexp": "logsumexp_over_classes",
    "lse": "logsumexp_over_classes",
    "gammaln": "lgamma",
    "fabs": "abs",
    "iff": "where",
    "average": "mean",
}


def refuse(code: str, text: str, column: int, sentence: str) -> NoReturn:
    """Raise a `FormulaError` that names the column (from 0 here, from 1 for people) and points at it."""
    start = max(0, column - 50)
    shown = "".join(c if c.isprintable() else "?" for c in text[start : column + 30])
    pointer = " " * (column - start) + "^"
    raise FormulaError(code, f"column {column + 1}: {sentence}\n    {shown}\n    {pointer}")


def scan(text: object) -> str:
    """The text on one line, if every mark of it may stand in a formula."""
    if not isinstance(text, str):
        raise FormulaError("LM130", f"a formula text is a string, found {type(text).__name__}.")
    if len(text) > TEXT_LIMIT:
        raise FormulaError("LM130", f"the formula has {len(text):,} characters; at most {TEXT_LIMIT:,} are read.")
    line = "".join(" " if c.isspace() else c for c in text).rstrip()
    if not line:
        raise FormulaError("LM130", "the formula is empty.")
    _check_nesting(line, list(_marks(line)))
    return line


def _marks(line: str) -> Iterator[tuple[int, str]]:
    """Column and text of each sign and name, once every mark has been looked at."""
    previous_end_of_number = -1
    for found in _TOKEN.finditer(line):
        kind, mark, column = found.lastgroup, found.group(), found.start()
        if kind == "other" or (kind == "sign" and mark in _ADVICE):
            _refuse_mark(line, column, mark)
        if kind == "number":
            _check_number(line, column, mark)
            previous_end_of_number = found.end()
        elif kind == "name":
            if column == previous_end_of_number:
                refuse(
                    "LM134",
                    line,
                    column,
                    f'"{mark}" stands directly after a number; write * to multiply, and numbers in plain digits.',
                )
            _check_name(line, column, mark)
        if kind in ("sign", "name"):
            yield column, mark


def _refuse_mark(line: str, column: int, mark: str) -> NoReturn:
    shown = mark if mark.isprintable() else "?"
    advice = _ADVICE.get(mark, "only names, numbers, brackets and + - * / ** < <= > >= == != & | ~ are")
    refuse("LM131", line, column, f'"{shown}" is not part of formulas: {advice}.')


def _check_number(line: str, column: int, mark: str) -> None:
    if len(mark) > MARK_LIMIT:
        refuse("LM134", line, column, f"a number of {len(mark)} characters; at most {MARK_LIMIT} are read.")
    if len(mark) > 1 and re.match(r"0[0-9]+$", mark):
        refuse("LM134", line, column, f"the number {mark} begins with 0; write it without.")
    value = float(mark)
    if not math.isfinite(value):
        refuse("LM134", line, column, f"the number {mark} is larger than any floating-point number.")
    if value == 0.0 and any(digit in "123456789" for digit in re.split("[eE]", mark)[0]):
        refuse("LM134", line, column, f"the number {mark} is smaller than any floating-point number but 0.")


def _check_name(line: str, column: int, mark: str) -> None:
    if len(mark) > MARK_LIMIT:
        refuse("LM131", line, column, f"a name of {len(mark)} characters; at most {MARK_LIMIT} are read.")
    name = unicodedata.normalize("NFKC", mark)
    for at, character in enumerate(mark):
        if character in _ADVICE:
            _refuse_mark(line, column + at, character)
    if keyword.iskeyword(name):
        advice = _KEYWORDS.get(name, "a formula is one expression of numbers and names")
        refuse("LM131", line, column, f'"{name}" is not part of formulas: {advice}.')
    if not (mark.isidentifier() and name.isidentifier()) or name.startswith("_"):
        refuse("LM131", line, column, f'"{mark}" is not a name that formulas may use.')


def _check_nesting(line: str, marks: list[tuple[int, str]]) -> None:
    """Brackets match; brackets, signs before a number and powers nest no deeper than the limit."""
    open_at: list[tuple[int, int]] = []  # where each bracket stands, and the depth outside it
    outside = run = powers = 0
    for column, mark in marks:
        run = run + 1 if mark in ("-", "+", "~") else run if mark == "(" else 0
        powers += mark == "**"
        if mark == "(":
            open_at.append((column, outside))
            outside, run = outside + run + 1, 0
        elif mark == ")":
            if not open_at:
                refuse("LM131", line, column, "this bracket closes nothing.")
            outside = open_at.pop()[1]
        elif mark == "=" and not open_at:
            refuse("LM131", line, column, '"=" gives names, which formulas do not; write == to compare.')
        if outside + run > NESTING_LIMIT:
            refuse("LM130", line, column, f"nested more than {NESTING_LIMIT} deep here; write the formula in parts.")
        if powers > POWERS_LIMIT:
            refuse("LM130", line, column, f"more than {POWERS_LIMIT} powers; write the formula in parts.")
    if open_at:
        refuse("LM131", line, open_at[-1][0], "this bracket is never closed.")
