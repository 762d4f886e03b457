"""The bands of a surface: heights on a grid come in, round levels and the outline of what lies above each go out.

Each cell of the grid is cut into two triangles, on which the surface is taken as flat; edges that two pieces share
cancel, and what remains is chained to loops.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Final

import numpy as np

Point = tuple[float, float]
Corner = tuple[int, int]
MOST_BANDS: Final = 10


def levels(heights: np.ndarray, most: int = MOST_BANDS) -> tuple[float, ...]:
    """Return the heights between bands: shares of the grid's area, rounded to two digits.

    >>> levels(np.arange(100.0), 4)
    (25.0, 50.0, 74.0)
    """
    seen = heights[np.isfinite(heights)]
    if seen.size == 0 or seen.min() == seen.max():
        return ()
    digits = 1 + max(0, math.ceil(math.log10(np.abs(seen).max() / (seen.max() / 2 - seen.min() / 2))))
    cuts = np.quantile(seen, np.arange(1, most) / most)
    return tuple(sorted({rounded for cut in cuts if seen.min() < (rounded := float(f"{cut:.{digits}g}")) < seen.max()}))


def outline(heights: np.ndarray, level: float) -> list[list[Point]]:
    """Return loops around all that lies at or above a level, in units of the grid (column, row).

    >>> outline(np.array([[0.0, 0.0], [1.0, 1.0]]), 0.5)
    [[(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]]
    """
    edges: dict[Point, list[Point]] = defaultdict(list)
    rows, columns = heights.shape
    for j in range(rows - 1):
        for i in range(columns - 1):
            for corners in (((i, j), (i + 1, j), (i + 1, j + 1)), ((i, j), (i + 1, j + 1), (i, j + 1))):
                _add(edges, _piece(heights, corners, level))
    return [_straight(loop) for loop in _loops(edges)]


def _piece(heights: np.ndarray, corners: tuple[Corner, ...], level: float) -> list[Point]:
    """Return the part of a triangle at or above the level; nothing where a corner has no height."""
    values = [float(heights[j, i]) for i, j in corners]
    if not all(map(math.isfinite, values)) or max(values) < level:
        return []
    piece: list[Point] = []
    for k, (corner, value) in enumerate(zip(corners, values, strict=True)):
        after, next_value = corners[(k + 1) % 3], values[(k + 1) % 3]
        if value >= level:
            piece.append((float(corner[0]), float(corner[1])))
        if (value >= level) != (next_value >= level):
            piece.append(_crossing(corner, value, after, next_value, level))
    return piece


def _crossing(one: Corner, a: float, other: Corner, b: float, level: float) -> Point:
    """Return where the level lies on an edge; the same point whichever end is named first."""
    if one > other:
        one, a, other, b = other, b, one, a
    share = (level / 2 - a / 2) / (b / 2 - a / 2)
    return (round(one[0] + share * (other[0] - one[0]), 6), round(one[1] + share * (other[1] - one[1]), 6))


def _add(edges: dict[Point, list[Point]], piece: list[Point]) -> None:
    """Add the edges of a piece; one that runs against another cancels it."""
    for one, other in zip(piece, piece[1:] + piece[:1], strict=True):
        if one == other:
            continue
        if one in edges.get(other, ()):
            edges[other].remove(one)
        else:
            edges[one].append(other)


def _loops(edges: dict[Point, list[Point]]) -> list[list[Point]]:
    loops = []
    for start in sorted(edges):
        while edges[start]:
            loop, point = [start], edges[start].pop()
            while point != start:
                loop.append(point)
                point = edges[point].pop()
            loops.append(loop)
    return loops


def _straight(loop: list[Point]) -> list[Point]:
    """Return a loop without the points that lie on the line through their neighbours."""
    return [
        point
        for before, point, after in zip(loop[-1:] + loop[:-1], loop, loop[1:] + loop[:1], strict=True)
        if abs((point[0] - before[0]) * (after[1] - point[1]) - (point[1] - before[1]) * (after[0] - point[0])) > 1e-9
    ]
