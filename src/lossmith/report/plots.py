"""Plots for plotly: pictures as plain data come in, figures as JSON text go out. Colours are set on the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from lossmith.report.record import Picture, Series

COLOURS: Final = ("#2f6fde", "#e07a1f", "#2a9d6f", "#b0489b")
DOTS: Final = ("#2f6fde", "#8a94a0")  # the advised one, the others
MOST_MARKS: Final = 4


def figure(picture: Picture) -> str:
    """Return `{"data": ..., "layout": ...}` as JSON, safe inside a script element (`</` is escaped)."""
    palette = DOTS if picture.series and picture.series[0].style == "dots" else COLOURS
    traces = [STYLES[series.style](series, palette[i % len(palette)]) for i, series in enumerate(picture.series)]
    layout = _layout(picture)
    if picture.series and picture.series[0].style == "dots":
        layout = _ways(picture, layout)
    return json.dumps({"data": traces, "layout": layout}, ensure_ascii=True).replace("<", "\\u003c")


def _plain(text: str) -> str:
    """Plotly reads a small HTML in its texts; a user's names must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _dots(series: Series, colour: str) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": _plain(series.label),
        "x": list(series.x),
        "y": list(series.y),
        "marker": {"size": 10, "color": colour},
        "hovertemplate": "%{x:.4~g}<extra></extra>",
        "showlegend": False,
    }
    return trace | {"error_x": {"type": "data", "array": list(series.error), "color": colour, "thickness": 2}}


def _line(series: Series, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _plain(series.label),
        "x": list(series.x),
        "y": list(series.y),
        "line": {"color": colour, "width": 2.5},
        "hovertemplate": "%{x:.4~g}: %{y:.4~g}",
    }


def _steps(series: Series, colour: str) -> dict[str, Any]:
    line = _line(series, colour)
    return line | {"line": {"color": colour, "width": 2, "shape": "hvh"}, "fill": "tozeroy", "opacity": 0.75}


STYLES: Final[Mapping[str, Callable[[Series, str], dict[str, Any]]]] = {"dots": _dots, "line": _line, "steps": _steps}


def _layout(picture: Picture) -> dict[str, Any]:
    marks = [(x, label) for x, label in picture.marks if picture.series[0].style != "dots"][:MOST_MARKS]
    return {
        "xaxis": {"title": {"text": _plain(picture.x_label)}, "automargin": True, "zeroline": False},
        "yaxis": {"title": {"text": _plain(picture.y_label)}, "automargin": True, "zeroline": False},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 60, "r": 20, "t": 40, "b": 55},
        "height": 380,
        "shapes": [_upright(x) for x, _ in marks],
        "annotations": [_note(x, label, i) for i, (x, label) in enumerate(marks)],
    }


def _upright(x: float) -> dict[str, Any]:
    line = {"width": 1.2, "dash": "dot", "color": "#888888"}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _note(x: float, label: str, place: int) -> dict[str, Any]:
    look = {"showarrow": False, "yref": "paper", "xanchor": "left", "font": {"size": 11}}
    return {"x": x, "y": 0.98 - 0.075 * place, "text": " " + _plain(label), **look}


def _ways(picture: Picture, layout: dict[str, Any]) -> dict[str, Any]:
    """The names of the ways stand on the vertical axis."""
    axis = {
        "tickvals": [x for x, _ in picture.marks],
        "ticktext": [_plain(label) for _, label in picture.marks],
        "automargin": True,
        "zeroline": False,
        "range": [0.4, len(picture.marks) + 0.6],
    }
    return layout | {"yaxis": axis, "height": 130 + 32 * len(picture.marks)}
