"""Pictures and tables as frozen records: what is shown, not how.

Comes in: numbers and words. Goes out: records that `svg.drawn` and `figure.figure` turn into HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Numbers = tuple[float, ...]
Style = Literal["line", "dashed", "points", "steps"]


@dataclass(frozen=True)
class Line:
    """A named curve or cloud of points. NaN and infinities are gaps."""

    label: str
    x: Numbers
    y: Numbers
    style: Style = "line"


@dataclass(frozen=True)
class Mark:
    """A dotted line across the picture at a place of one axis, with its name."""

    at: float
    label: str
    axis: Literal["x", "y"] = "x"


@dataclass(frozen=True)
class Spot:
    """A named point."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Lines over one pair of axes. Ranges that are None follow from the data.

    `alternative` is a sentence for those who do not see the picture.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    spots: tuple[Spot, ...] = ()
    x_log: bool = False
    y_log: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    alternative: str = ""


@dataclass(frozen=True)
class Bars:
    """Heights by name: each group is a label and one height per name."""

    title: str
    y_label: str
    names: tuple[str, ...]
    groups: tuple[tuple[str, Numbers], ...]
    y_log: bool = False
    alternative: str = ""


@dataclass(frozen=True)
class Surface:
    """Heights `z[j][i]` at `x[i]`, `y[j]`, drawn as filled level bands with paths on them."""

    title: str
    x_label: str
    y_label: str
    x: Numbers
    y: Numbers
    z: tuple[Numbers, ...]
    paths: tuple[Line, ...] = ()
    spots: tuple[Spot, ...] = ()
    alternative: str = ""


@dataclass(frozen=True)
class Table:
    """A table: one cell per column of `header` in each row; numbers are set right, texts left."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


Picture = Chart | Bars | Surface
