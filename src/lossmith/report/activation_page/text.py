"""An activation as text for a terminal: the same record as the page comes in, lines go out; pictures are left out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from lossmith.report.activation_page.record import ActivationRecord, Command, Section, Sentence
from lossmith.report.pages.chart import Table
from lossmith.report.pages.figure import is_number
from lossmith.report.pages.number import number
from lossmith.report.study.text import columns, pad, wrapped

WIDTH: Final = 100


def text(record: ActivationRecord) -> str:
    """Return what the page says, without its pictures."""
    lines = [record.title, *(line for said in record.lead for line in wrapped(said, width=WIDTH)), ""]
    for subject in record.subjects:
        lines += [f"{subject.name}(x) = {subject.formula}", *wrapped(f"source: {subject.source}", "  ", WIDTH)]
    for section in record.sections:
        lines += ["", section.title.upper(), *_lines(section)]
    return "\n".join(lines)


def _lines(section: Section) -> Iterator[str]:
    for block in section.blocks:
        if writer := WRITERS.get(type(block)):
            yield from writer(block)


def _command(block: Command) -> Iterator[str]:
    yield from textwrap.indent(block.text, "  ").split("\n")


def aligned(table: Table) -> Iterator[str]:
    """Return a table as lines: columns side by side, numbers set right; the last column is wrapped.

    >>> from lossmith.report.pages.chart import Table
    >>> list(aligned(Table(("name", "slope"), (("relu", 1.0), ("sigmoid", 0.25)))))
    ['  name     slope', '  relu         1', '  sigmoid   0.25']
    """
    right = [bool(table.rows) and all(is_number(row[i]) for row in table.rows) for i in range(len(table.header))]
    cells = [table.header, *(tuple(number(c) if is_number(c) else str(c) for c in row) for row in table.rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(table.header))]
    for row in cells:
        fixed = "  ".join(pad(cell, widths[i], right=right[i]) for i, cell in enumerate(row[:-1]))
        indent = " " * (columns(fixed) + 4)
        room = max(24, WIDTH - len(indent))
        last = [pad(row[-1], widths[-1], right=True)] if right[-1] else textwrap.wrap(row[-1], room) or [""]
        yield f"  {fixed}  {last[0]}".rstrip()
        yield from (indent + more for more in last[1:])


WRITERS: Final[Mapping[type, Callable[[Any], Iterable[str]]]] = {
    Sentence: lambda block: wrapped(block.text, width=WIDTH),
    Command: _command,
    Table: aligned,
}
"""How each kind of block is written; pictures, and what is folded away on the page, are not."""
