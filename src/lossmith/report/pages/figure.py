"""Pictures and tables as HTML: records come in, `<figure>` and `<table>` elements go out."""

from __future__ import annotations

from numbers import Real
from typing import Any

from lossmith.report.pages.chart import Picture, Table
from lossmith.report.pages.engine import PACKAGE, engine
from lossmith.report.pages.number import number
from lossmith.report.pages.svg import drawn


def figure(picture: Picture, caption: str = "") -> str:
    """Return a picture in a `<figure>`, with a caption below it where there is one.

    >>> from lossmith.report.pages.chart import Bars
    >>> figure(Bars("b", "y", ("one",), (("", (1.0,)),)), "as <measured>").endswith("&lt;measured&gt;</figcaption></figure>")
    True
    """
    made: str = engine(PACKAGE).get_template("figure.html.j2").render(svg=drawn(picture), caption=caption)
    return made.replace("\n", "")


def table(shown: Table) -> str:
    """Return a table in a box that scrolls by itself if it is wide; numbers are set right.

    >>> "<td class=\\"n\\">0.5</td>" in table(Table(("name", "value"), (("a", 0.5),)))
    True
    """
    rows = [[(_text(cell), is_number(cell)) for cell in row] for row in shown.rows]
    right = [bool(rows) and all(row[i][1] for row in rows) for i in range(len(shown.header))]
    heads = list(zip(shown.header, right, strict=True))
    made: str = engine(PACKAGE).get_template("table.html.j2").render(heads=heads, rows=rows)
    return made.replace("\n", "")


def _text(cell: Any) -> str:
    return number(cell) if is_number(cell) else str(cell)


def is_number(cell: Any) -> bool:
    """Return whether a cell is set as a number; a truth value is a word.

    >>> is_number(1.5), is_number(True), is_number("1.5")
    (True, False, False)
    """
    return isinstance(cell, Real) and type(cell).__name__ not in ("bool", "bool_")
