"""A picture in words, for those who cannot see it: its data come in, one or two sentences of text go out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from lossmith.report.study.cells import value_text
from lossmith.report.study.record import Picture, Series

MOST_POINTS: Final = 12
MOST_SERIES: Final = 8

Points = list[tuple[Any, float, float | None]]


def alternative(picture: Picture, heading: str = "") -> str:
    """Return the title (or the heading above) and the data: ends and least of a line, values of dots, points and bars."""
    told = [TELL[series.style](series, picture) for series in picture.series[:MOST_SERIES]]
    return " ".join([f"{(picture.title or heading).rstrip('.')}.", *filter(None, told)])


def _points(series: Series) -> Points:
    """The defined points of a series, each with its error where one is known."""
    errors: list[float | None] = [*series.error, *[None] * (len(series.x) - len(series.error))]
    drawn = zip(series.x, series.y, errors, strict=False)
    return [(x, y, e) for x, y, e in drawn if _defined(x) and y is not None and math.isfinite(y)]


def _defined(x: Any) -> bool:
    return isinstance(x, str) or (x is not None and math.isfinite(x))


def _place(x: Any) -> str:
    return x if isinstance(x, str) else value_text(float(x))


def _value(y: float, error: float | None) -> str:
    return value_text(y) + (f" ± {value_text(error)}" if error and math.isfinite(error) else "")


def _line(series: Series, picture: Picture) -> str:
    points = _points(series)
    if not points:
        return ""
    first, last, least = points[0], points[-1], min(points, key=lambda point: point[1])
    ends = " and ".join(f"{value_text(y)} at {_place(x)}" for x, y, _ in (first, last))
    return f"{series.label}: {ends}, least {value_text(least[1])} at {_place(least[0])}."


def _steps(series: Series, picture: Picture) -> str:
    points = _points(series)
    if not points:
        return ""
    most = max(points, key=lambda point: point[1])
    return f"{series.label}: most at {_place(most[0])} ({value_text(most[1])})."


def _values(series: Series, picture: Picture) -> str:
    points = _points(series)
    told = ", ".join(f"{_place(x)}: {_value(y, error)}" for x, y, error in points[:MOST_POINTS])
    return f"{series.label} at {told}." if told else ""


def _dots(series: Series, picture: Picture) -> str:
    """Dots lie: x is the value, y the place of a name."""
    names = dict(picture.marks)
    told = [f"{names.get(y, series.label)}: {_value(float(x), error)}" for x, y, error in _points(series)]
    return "; ".join(told) + "." if told else ""


TELL: Final[Mapping[str, Callable[[Series, Picture], str]]] = {
    "dots": _dots,
    "line": _line,
    "steps": _steps,
    "bars": _values,
    "points": _values,
}
