"""The course of a line in a picture: places with gaps come in, the data of one path goes out.

Places that lie on the line through their neighbours, to a fraction of a unit, are left out, so that pages stay small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from lossmith.report.pages.element import path, short

Place = tuple[float, float]
NEAR: Final = 0.12
"""How far from its line a place may lie that is left out."""

MARKERS: Final = (
    "h0",
    "m-3-3h6v6h-6z",
    "m0-3.6l3.6 6.4h-7.2z",
    "m-3-3l6 6m0-6l-6 6",
    "m0-4l4 4l-4 4l-4-4z",
    "m-3.6 0h7.2m-3.6-3.6v7.2",
)
"""The shapes of the points of each line, in turn; the first is a dot made by a round end."""


def line(places: list[Place]) -> str:
    """Return the path through places, broken where one is missing; a place between two gaps is a dot.

    >>> line([(0, 0), (1, 1), (2, 2), (math.nan, 0), (5, 5)])
    'M0 0L2 2M5 5h0'
    """
    return "".join(path(run) if len(run) > 1 else path(run) + "h0" for run in map(thinned, _runs(places)))


def steps(places: list[Place]) -> str:
    """Return the path that keeps each height until the next place.

    >>> steps([(0, 0), (1, 5)])
    'M0 0H1V5'
    """
    return "".join(
        path(run[:1]) + "".join(f"H{short(x)}V{short(y)}" for x, y in run[1:]) + ("h0" if len(run) == 1 else "")
        for run in _runs(places)
    )


def dots(places: list[Place], marker: str) -> str:
    """Return a marker at each place; places that share one to a tenth of a unit are drawn once."""
    there = {f"{short(x)} {short(y)}" for x, y in places if math.isfinite(x) and math.isfinite(y)}
    return "".join(f"M{at}{marker}" for at in sorted(there))


def thinned(places: list[Place], near: float = NEAR) -> list[Place]:
    """Return the places of a line that are needed to draw it (Ramer 1972, Douglas and Peucker 1973)."""
    points = np.array(places, dtype=np.float64)
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    waiting = [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first > 1 and (far := _farthest(points[first : last + 1], near)):
            kept[first + far] = True
            waiting += [(first, first + far), (first + far, last)]
    return [(float(x), float(y)) for x, y in points[kept]]


def _farthest(run: np.ndarray, near: float) -> int:
    """Return the index of the place farthest from the line between the ends, or 0 if all are near."""
    along = run[-1] - run[0]
    length = math.hypot(*along)
    away = run - run[0]
    off = (
        np.hypot(away[:, 0], away[:, 1])
        if length == 0
        else np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length
    )
    far = int(np.argmax(off))
    return far if off[far] > near else 0


def _runs(places: list[Place]) -> Iterator[list[Place]]:
    run: list[Place] = []
    for x, y in places:
        if math.isfinite(x) and math.isfinite(y):
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


COURSES: Final[dict[str, Callable[[list[Place]], str]]] = {"line": line, "dashed": line, "steps": steps}
