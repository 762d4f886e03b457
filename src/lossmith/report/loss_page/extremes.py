"""Where a curve of a picture is largest: closed in between the points of its grid, or without bound.

Comes in: how a scene is measured, and its curves. Goes out: a `Peak`. The script of the page closes in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossmith.report.loss_page.record import Curves

Floats = NDArray[np.float64]
Measure = Callable[[Floats], Curves]

PARTS: Final = 9
SHARES: Final = (np.arange(PARTS) + 0.382) / PARTS
"""Places in an interval, each time two parts of the one before; uneven, so that a pole in the middle is never hit."""
ROUNDS: Final = 20
FEW: Final = 9  # rounds after which what has not grown is given up
GROWN: Final = 1.5
LAST: Final = 4  # in the last rounds, some 400 times nearer, ...
ENDLESS: Final = 8.0  # ... what grows so much has no bound: a power of the distance beyond 3/8
MOST: Final = 4  # local maxima that are looked at


class Peak(NamedTuple):
    """The largest absolute value, where it is, and whether it grows without bound there."""

    size: float
    at: float
    endless: bool


def peak(measure: Measure, found: Curves, what: str) -> Peak:
    """The largest absolute value of a curve, or the place near which it has no bound.

    >>> def pole(x):
    ...     return Curves(*(tuple(a) for a in (x, x, 1 / (x - 0.5) ** 2, x, x)))
    >>> found = peak(pole, pole(np.linspace(-1.0, 2.0, 40)), "gradient")
    >>> found.endless, round(found.at, 6)
    (True, 0.5)
    """
    size = np.abs(np.asarray(getattr(found, what)))
    size = np.where(np.isfinite(size), size, -1.0)
    order = sorted(_tops(size), key=lambda i: -size[i])[:MOST]
    peaks = [_climbed(measure, what, found, i) for i in order]
    if not peaks:
        return Peak(math.nan, math.nan, False)
    return next((one for one in peaks if one.endless), max(peaks, key=lambda one: one.size))


def _tops(size: Floats) -> list[int]:
    """Points that are not below those beside them: the first of a level stretch, and the ends."""
    padded = np.concatenate([[-1.0], size, [-1.0]])
    return [int(i) for i in np.flatnonzero((size >= 0) & (size > padded[:-2]) & (size >= padded[2:]))]


def _climbed(measure: Measure, what: str, found: Curves, i: int) -> Peak:
    """Closer and closer around a point of the grid."""
    a, b = found.x[max(i - 1, 0)], found.x[min(i + 1, len(found.x) - 1)]
    size, at = abs(getattr(found, what)[i]), found.x[i]
    sizes = [size]
    while len(sizes) <= ROUNDS and b - a > 64 * np.finfo(float).eps * max(abs(a), abs(b)):
        x = a + (b - a) * SHARES
        seen = np.abs(np.asarray(getattr(measure(x), what)))
        k = int(np.argmax(np.where(np.isfinite(seen), seen, -1.0)))
        if np.isfinite(seen[k]) and seen[k] > size:
            size, at = float(seen[k]), float(x[k])
        sizes.append(size)
        a, b = (float(x[k - 1]) if k else a), (float(x[k + 1]) if k + 1 < PARTS else b)
        if len(sizes) > FEW and size < GROWN * sizes[0]:
            break
    endless = len(sizes) > FEW and size >= ENDLESS * sizes[-1 - LAST] > 0
    return Peak(size, at, endless)
