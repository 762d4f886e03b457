"""Named points in a picture: where their names stand so that none covers another."""

from __future__ import annotations

import math
from typing import Final

from lossmith.report.pages.chart import Spot
from lossmith.report.pages.element import tag, words
from lossmith.report.pages.frame import LETTER, WIDTH, Frame
from lossmith.report.pages.lettering import width

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

AWAY: Final = 8.0
SIDES: Final = ((AWAY, 6.0, 0.0), (-AWAY, 6.0, -1.0), (0.0, -AWAY - 2, -0.5), (0.0, LETTER + AWAY, -0.5))
"""Where a name may stand: right and down from the point, and how much of its width it is moved."""


def placed(spots: tuple[Spot, ...], frame: Frame) -> str:
    """Return the points within the frame with their names."""
    drawn: list[str] = []
    taken: list[Box] = []
    for spot in spots:
        x, y = frame.across(spot.x), frame.up(spot.y)
        if not (math.isfinite(x) and math.isfinite(y)) or not _inside((x, y, x, y), frame):
            continue
        drawn.append(tag("circle", cx=x, cy=y, r=4.5, class_="spot"))
        if spot.label:
            box = _free(x, y, width(spot.label, LETTER), taken, frame)
            taken.append(box)
            drawn.append(words(spot.label, box[0], box[3] - LETTER * 0.25, "name halo"))
        taken.append((x - 5, y - 5, x + 5, y + 5))
    return "".join(drawn)


def _free(x: float, y: float, wide: float, taken: list[Box], frame: Frame) -> Box:
    boxes = [_box(x + right + moved * wide, y + down, wide) for right, down, moved in SIDES]
    fitting = [box for box in boxes if _inside(box, frame)] or boxes
    return next((box for box in fitting if not any(_meet(box, other) for other in taken)), fitting[0])


def _box(left: float, base: float, wide: float) -> Box:
    left = min(max(left, 0.0), max(WIDTH - wide, 0.0))
    return (left, base - LETTER * 0.75, left + wide, base + LETTER * 0.25)


def _inside(box: Box, frame: Frame) -> bool:
    near = 0.6
    return (
        box[0] >= frame.left - near
        and box[2] <= frame.right + near
        and box[1] >= frame.top - near
        and box[3] <= frame.bottom + near
    )


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
