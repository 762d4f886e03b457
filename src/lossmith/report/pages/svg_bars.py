"""Bars as SVG: a `Bars` comes in, its `<svg>` element goes out. The bars lie, so that long names fit on a phone."""

from __future__ import annotations

import math
from typing import Final

from lossmith.report.pages import frame as around
from lossmith.report.pages.chart import Bars
from lossmith.report.pages.element import tag, words
from lossmith.report.pages.frame import GAP, LETTER, LINE, STYLES, WIDTH, Frame
from lossmith.report.pages.lettering import width, wrapped
from lossmith.report.pages.number import number
from lossmith.report.pages.scale import Scale, scale

NAMES: Final = 0.36
"""The most of the width that names take; longer ones get several lines."""

THICK: Final = 16.0
STEP: Final = 21.0
APART: Final = 11.0
MOST_TICKS: Final = 5
DIGITS: Final = 3
NONE: Final = Scale(0.0, 1.0)


def drawn_bars(bars: Bars) -> str:
    """Return lying bars as one `<svg>` element."""
    values = [v for _, heights in bars.groups for v in heights]
    x = axis(values, bars.y_log)
    head, top = around.heading(bars.title, "")
    names = [wrapped(name, LETTER, WIDTH * NAMES) for name in bars.names]
    left = max((width(line, LETTER) for lines in names for line in lines), default=0.0) + GAP + 2
    room = max((width(number(v, DIGITS), LETTER) for v in values), default=0.0) + GAP
    heights = [max(STEP * len(bars.groups), LINE * len(lines)) for lines in names]
    frame = Frame(left, top + GAP, WIDTH - left - room, sum(heights) + APART * len(names), x, NONE)
    rows, y = [], frame.top
    for i, (lines, high) in enumerate(zip(names, heights, strict=True)):
        rows.append(_name(lines, left, y, high + APART))
        rows += _row(
            [heights[i] for _, heights in bars.groups], y + (high + APART - STEP * len(bars.groups)) / 2, frame
        )
        y += high + APART
    foot, bottom = around.below(bars.y_label, frame)
    key, bottom = around.legend(_entries(bars), bottom)
    inner = (head, around.upright(frame, MOST_TICKS), *rows, foot, key)
    return around.whole(bars.title, bars.alternative, bottom, "".join(inner), **frame.data())


def axis(values: list[float], log: bool) -> Scale:
    """Return the axis of heights: from 0, or from the power of ten below the least where it is logarithmic."""
    if not log:
        made = scale([*values, 0.0])
        return Scale(0.0 if made.low < 0 and min(values, default=0.0) >= 0 else made.low, made.high)
    seen = [v for v in values if math.isfinite(v) and v > 0] or [1.0]
    low = 10.0 ** math.floor(math.log10(min(seen)) - 0.3)
    return Scale(low, max(seen) * (max(seen) / low) ** 0.04, True)


def _name(lines: tuple[str, ...], left: float, top: float, high: float) -> str:
    first = top + (high - LINE * len(lines)) / 2
    return "".join(words(line, left - GAP, first + LINE * (i + 1) - 5, "entry", "end") for i, line in enumerate(lines))


def _row(heights: list[float], top: float, frame: Frame) -> list[str]:
    drawn = []
    for i, height in enumerate(heights):
        y = top + STEP * i + (STEP - THICK) / 2
        end = _end(height, frame)
        start = frame.left if frame.x.log else frame.across(0.0)
        kind = f"bar f{i % STYLES + 1}"
        if math.isfinite(end):
            drawn.append(
                tag("rect", x=min(start, end), y=y, width=abs(end - start), height=THICK, class_=kind, data_bar=i)
            )
        side = max(start, end) if math.isfinite(end) else start
        text = number(height, DIGITS) if not math.isnan(height) else "–"
        drawn.append(words(text, side + 5, y + THICK - 2, "tick"))
    return drawn


def _end(height: float, frame: Frame) -> float:
    """Return where a bar ends: at the frame where it is infinite, nowhere where it has no place."""
    if math.isinf(height):
        return frame.right if height > 0 else frame.left
    return frame.left if frame.x.log and height <= 0 else frame.across(height)


def _entries(bars: Bars) -> list[tuple[str, str]]:
    if len(bars.groups) < 2:
        return []
    boxes = (tag("rect", x=-8.0, y=-8.0, width=16.0, height=THICK, class_=f"bar f{i % STYLES + 1}") for i in range(99))
    return [(box, label) for box, (label, _) in zip(boxes, bars.groups, strict=False)]
