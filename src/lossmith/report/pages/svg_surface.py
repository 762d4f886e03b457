"""A surface as SVG: a `Surface` comes in, its `<svg>` element with level bands, paths and a scale goes out."""

from __future__ import annotations

from typing import Final

import numpy as np

from lossmith.report.pages import frame as around
from lossmith.report.pages.bands import Point, levels, outline
from lossmith.report.pages.chart import Line, Surface
from lossmith.report.pages.curve import line as course
from lossmith.report.pages.curve import thinned
from lossmith.report.pages.element import path, tag, words
from lossmith.report.pages.frame import GAP, LETTER, LINE, STYLES, WIDTH, Frame
from lossmith.report.pages.lettering import width
from lossmith.report.pages.number import number
from lossmith.report.pages.scale import scale
from lossmith.report.pages.spots import placed
from lossmith.report.pages.svg_chart import clipped, curve, sample

HEIGHT: Final = 330.0
MOST_TICKS: Final = 6
STRIP: Final = 14.0
FIRST_LOOK: Final = 1
"""Paths begin with the second colour: the first is that of the bands."""


def drawn_surface(surface: Surface) -> str:
    """Return a surface as one `<svg>` element."""
    x, y = scale(surface.x, tight=True), scale(surface.y, tight=True)
    head, top = around.heading(surface.title, surface.y_label)
    left = around.left_room(y, MOST_TICKS)
    frame = Frame(left, top + GAP, WIDTH - left - 10, HEIGHT, x, y)
    heights = np.array(surface.z, dtype=np.float64)
    cuts = levels(heights)
    foot, bottom = around.below(surface.x_label, frame)
    key, bottom = around.legend(_entries(surface.paths), bottom)
    strip, bottom = _strip(cuts, heights, frame, bottom)
    inner = (
        head,
        clipped(frame, *(_band(surface, heights, cut, frame) for cut in cuts)),
        around.axes(frame, MOST_TICKS),
        clipped(frame, *(_path(line, i, frame) for i, line in enumerate(surface.paths))),
        placed(surface.spots, frame),
        foot,
        key,
        strip,
    )
    return around.whole(surface.title, surface.alternative, bottom, "".join(inner), **frame.data())


def _band(surface: Surface, heights: np.ndarray, level: float, frame: Frame) -> str:
    """Return what lies above a level; bands lie on one another, so that higher is darker."""
    columns, rows = range(len(surface.x)), range(len(surface.y))

    def moved(point: Point) -> Point:
        x, y = np.interp(point[0], columns, surface.x), np.interp(point[1], rows, surface.y)
        return frame.across(float(x)), frame.up(float(y))

    loops = (thinned([moved(point) for point in [*loop, loop[0]]]) for loop in outline(heights, level) if loop)
    return tag("path", d="".join(path(loop[:-1], closed=True) for loop in loops if len(loop) > 3), class_="band")


def _path(line: Line, place: int, frame: Frame) -> str:
    """Return a path with a pale one under it, so that it stands out on every band."""
    under = [(frame.across(x), frame.up(y)) for x, y in zip(line.x, line.y, strict=True)]
    pale = tag("path", d=course(under), class_="underlay") if line.style != "points" else ""
    return pale + curve(line, place, place + FIRST_LOOK, frame)


def _entries(paths: tuple[Line, ...]) -> list[tuple[str, str]]:
    return [(sample(line, (i + FIRST_LOOK) % STYLES), line.label) for i, line in enumerate(paths) if line.label]


def _strip(cuts: tuple[float, ...], heights: np.ndarray, frame: Frame, top: float) -> tuple[str, float]:
    """Return the scale of the bands, a field for each, with the heights between them."""
    if not cuts:
        return "", top
    step = frame.width / (len(cuts) + 1)
    y = top + GAP
    drawn = [tag("rect", x=frame.left, y=y, width=frame.width, height=STRIP, class_="axis")]
    end = 0.0
    for i, cut in enumerate(cuts, 1):
        x = frame.left + step * i
        drawn.append(tag("rect", x=x, y=y, width=frame.right - x, height=STRIP, class_="band"))
        half = width(number(cut), LETTER) / 2
        if x - half > end:
            drawn.append(words(number(cut), x, y + STRIP + LETTER, "tick", "middle"))
            end = x + half + GAP
    return "".join(drawn), y + STRIP + LINE + 4
