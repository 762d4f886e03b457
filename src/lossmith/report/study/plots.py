"""Plots for plotly: pictures as plain data come in, figures as JSON text go out. The page sets what day and night change.

Every style is a row of `STYLES`: a function from a series to what plotly draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from numbers import Real
from statistics import median
from typing import Any, Final

from lossmith.report.study.record import Picture, Series
from lossmith.report.words import number

COLOURS: Final = ("#2f6fde", "#d9731a", "#23906a", "#b0489b", "#8a6d1f", "#4a8fa8", "#c2484d", "#6d6fb5")
DOTS: Final = ("#2f6fde", "#8a94a0", "#d9731a")  # the advised one, the others, any more
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot")
GREY: Final = "#808890"
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up")
MOST_MARKS: Final = 5
HEIGHT: Final = 360
LOG_POINTS: Final = 10
RARE: Final = 0.15
"""Where the middle probability lies below this share of the largest, equal steps would press the points together."""
FAR: Final = 1.5
"""Ways that are worse by more than so many times the best gain stand beyond the end of the axis."""

Trace = dict[str, Any]


def figure(picture: Picture) -> str:
    """Return `{"data": ..., "layout": ...}` as JSON, safe inside a script element (`<` is escaped)."""
    palette = DOTS if _has_ways(picture) else COLOURS
    traces = [STYLES[series.style](series, i, palette[i % len(palette)]) for i, series in enumerate(picture.series)]
    if picture.diagonal:
        traces.insert(0, _diagonal(picture))
    layout = _ways(picture) if _has_ways(picture) else _layout(picture, sum(map(bool, traces)))
    text = json.dumps(finite({"data": traces, "layout": layout}), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c")


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, by nothing: plotly leaves a gap there.

    >>> finite([1.0, float("nan"), {"x": (float("inf"),)}])
    [1.0, None, {'x': [None]}]
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def height(picture: Picture) -> int:
    """Return how high a plot is, in pixels: room is kept for it, so that the page does not jump."""
    if _has_ways(picture):
        return 110 + 30 * len(picture.marks)
    if picture.series and _lies(picture.series[0]):
        return max(HEIGHT // 2, 120 + 28 * len(picture.series[0].x) * len(picture.series))
    return HEIGHT


def _has_ways(picture: Picture) -> bool:
    return bool(picture.series) and picture.series[0].style == "dots"


def _lies(series: Series) -> bool:
    """Whether bars lie: those with names, which are easier to read so."""
    return series.style == "bars" and bool(series.x) and all(isinstance(x, str) for x in series.x)


def _plain(text: str) -> str:
    """Plotly reads a small HTML in its texts; a user's names must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _texts(values: tuple[Any, ...]) -> list[Any]:
    return [_plain(value) if isinstance(value, str) else value for value in values]


def _dots(series: Series, place: int, colour: str) -> Trace:
    return _marked(series, colour, 0) | {
        "error_x": _error(series, colour),
        "hovertemplate": "%{x:.4~g}" + (" ± %{customdata:.2~g}" if series.error else "") + "<extra></extra>",
        "showlegend": False,
    }


def _marked(series: Series, colour: str, place: int) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _plain(series.label),
        "x": _texts(series.x),
        "y": list(series.y),
        "customdata": list(series.error),
        "marker": {"size": 9, "color": colour, "symbol": SYMBOLS[place % len(SYMBOLS)]},
    }


def _error(series: Series, colour: str) -> Trace:
    made: Trace = {"type": "data", "array": list(series.error), "color": colour, "thickness": 2}
    lower = {"symmetric": False, "arrayminus": list(series.error_low)} if series.error_low else {}
    return made | lower | {"visible": bool(series.error)}


def _points(series: Series, place: int, colour: str) -> Trace:
    more = " ± %{customdata:.2~g}" if series.error else ""
    return _marked(series, colour, place) | {
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1, "dash": "dot"},
        "error_y": _error(series, colour),
        "hovertemplate": f"{_across(series)}: %{{y:.4~g}}{more}",
    }


def _across(series: Series) -> str:
    return "%{x}" if any(isinstance(x, str) for x in series.x) else "%{x:.4~g}"


def _line(series: Series, place: int, colour: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _plain(series.label),
        "x": _texts(series.x),
        "y": list(series.y),
        "line": {"color": colour, "width": 2.5, "dash": DASHES[place % len(DASHES)]},
        "hovertemplate": f"{_across(series)}: %{{y:.4~g}}",
    }


def _steps(series: Series, place: int, colour: str) -> Trace:
    line = {"color": colour, "width": 2, "shape": "hvh", "dash": DASHES[place % len(DASHES)]}
    return _line(series, place, colour) | {"line": line, "fill": "tozeroy", "fillcolor": colour + "26"}


def _bars(series: Series, place: int, colour: str) -> Trace:
    lies = _lies(series)
    names, values = _texts(series.x), list(series.y)
    trace: Trace = {
        "type": "bar",
        "name": _plain(series.label),
        "x": values if lies else names,
        "y": names if lies else values,
        "orientation": "h" if lies else "v",
        "marker": {"color": colour},
        "hovertemplate": "%{x:.4~g}" if lies else f"{_across(series)}: %{{y:.4~g}}",
    }
    return trace | {"error_x" if lies else "error_y": _error(series, GREY)}


STYLES: Final[Mapping[str, Callable[[Series, int, str], Trace]]] = {
    "dots": _dots,
    "line": _line,
    "steps": _steps,
    "bars": _bars,
    "points": _points,
}


def _numbers(picture: Picture, axis: str) -> list[float]:
    values = [v for series in picture.series for v in getattr(series, axis)]
    return [float(v) for v in values if isinstance(v, Real) and math.isfinite(v)]


def _diagonal(picture: Picture) -> Trace:
    """What a perfect forecast would show."""
    values = _numbers(picture, "x") + _numbers(picture, "y")
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    shares = low >= 0 and 0.5 < high <= 1 and not _by_ratio(picture)
    ends = [0.0, 1.0] if shares else [low, high]
    line = {"color": GREY, "width": 1.5, "dash": "dash"}
    look = {"type": "scatter", "mode": "lines", "name": "a perfect forecast", "line": line, "hoverinfo": "skip"}
    return {**look, "x": ends, "y": ends}


def _by_ratio(picture: Picture) -> bool:
    """Whether the axis goes by ratios: as the points of thresholds do, or probabilities of something rare."""
    if picture.diagonal:
        together = [*_numbers(picture, "x"), *_numbers(picture, "y")]
        return bool(together) and min(together) > 0 and median(_numbers(picture, "x")) < RARE * max(together)
    series = picture.series[0] if picture.series else None
    if series is None or series.style != "line" or len(series.x) < LOG_POINTS:
        return False
    xs = _numbers(picture, "x")[: len(series.x)]
    if len(xs) < len(series.x) or min(xs) <= 0 or xs[-1] < 20 * xs[0]:
        return False
    ratios = [b / a for a, b in pairwise(xs)]
    return max(ratios) < 1.2 * min(ratios)


def _axis(title: str) -> Trace:
    return {"title": {"text": _plain(title)}, "automargin": True, "zeroline": False}


def _layout(picture: Picture, lines: int) -> Trace:
    lies, by_ratio = bool(picture.series) and _lies(picture.series[0]), _by_ratio(picture)
    titles = (picture.y_label, picture.x_label) if lies else (picture.x_label, picture.y_label)
    by_ratio_too: Trace = {"type": "log", "dtick": 1} if by_ratio and picture.diagonal else {}
    marks = [(x, label) for x, label in picture.marks if math.isfinite(x) and (x > 0 or not by_ratio)][:MOST_MARKS]
    layout: Trace = {
        "xaxis": _axis(titles[0]) | ({"type": "log", "dtick": 1} if by_ratio else {}),
        "yaxis": _axis(titles[1]) | ({"autorange": "reversed"} if lies else by_ratio_too),
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": lines > 1,
        "margin": {"l": 60, "r": 20, "t": 24, "b": 55},
        "height": height(picture),
        "barmode": "group",
    }
    notes = [_note(x, label, i, picture, by_ratio) for i, (x, label) in enumerate(marks)]
    return layout | {"shapes": [_upright(x) for x, _ in marks], "annotations": notes}


def _upright(x: float) -> Trace:
    line = {"width": 1.2, "dash": "dot", "color": GREY}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line, "layer": "below"}


def _note(x: float, label: str, place: int, picture: Picture, by_ratio: bool) -> Trace:
    """A mark's name beside its line, on the side that has room, each a little lower than the one before."""
    at: Callable[[float], float] = math.log10 if by_ratio else float
    xs = [at(v) for v in _numbers(picture, "x") if v > 0 or not by_ratio] or [at(x)]
    right = at(x) > 0.5 * (min(xs) + max(xs))
    look = {"showarrow": False, "yref": "paper", "yanchor": "top", "font": {"size": 11}}
    text = f"{_plain(label)} " if right else f" {_plain(label)}"
    return look | {"x": at(x), "y": 1 - 0.075 * place, "text": text, "xanchor": "right" if right else "left"}


def _ways(picture: Picture) -> Trace:
    """The names of the ways stand on the vertical axis; the upright line is the usual way."""
    ends, beyond = _reach(picture)
    axis = {
        "tickvals": [y for y, _ in picture.marks],
        "ticktext": [_plain(label) for _, label in picture.marks],
        "automargin": True,
        "zeroline": False,
        "range": [0.4, len(picture.marks) + 0.6],
    }
    return {
        "xaxis": _axis(picture.x_label) | ({"range": ends} if ends else {}),
        "yaxis": axis,
        "showlegend": False,
        "margin": {"l": 20, "r": 20, "t": 10, "b": 50},
        "height": height(picture),
        "shapes": [_upright(0.0)],
        "annotations": [_arrow(x, y) for x, y in beyond],
    }


def _reach(picture: Picture) -> tuple[list[float], list[tuple[float, float]]]:
    """Where the axis of the ways ends, and the dots (x, y) beyond it; no ends where all have room.

    A way that is far worse (often the constant) would squeeze the others, of which people want to see the intervals.
    """
    dots = [(x, y, e) for s in picture.series for x, y, e in zip(s.x, s.y, _widths(s), strict=True) if math.isfinite(x)]
    low = min((x - e for x, _, e in dots), default=0.0)
    near = [x + e for x, _, e in dots if x - e <= -FAR * low]
    beyond = [(x, y) for x, y, e in dots if x - e > -FAR * low]
    if low >= 0 or not beyond:
        return [], []
    high = max([0.0, *near])
    room = 0.06 * (high - low)
    return [low - room, high + 3 * room], beyond


def _widths(series: Series) -> list[float]:
    """The half-widths of a series, 0 where there are none."""
    known = [e if e is not None and math.isfinite(e) else 0.0 for e in series.error]
    return known + [0.0] * (len(series.x) - len(known))


def _arrow(x: float, y: float) -> Trace:
    """What stands for a dot beyond the end of the axis."""
    look = {"xref": "paper", "x": 1, "xanchor": "right", "showarrow": False, "font": {"size": 12}}
    return look | {"y": y, "text": f"+{number(x)} →"}
