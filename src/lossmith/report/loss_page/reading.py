"""What the pictures of a loss show, read off in numbers: one row for each line.

Comes in: curves and their jumps. Goes out: `Reading` records of short texts. The script of the page reads the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import Curves, Jump, Reading

HEAD: Final = (
    "line",
    "least loss",
    "steepest gradient",
    "gradient too weak",
    "curvature below 0",
    "jumps",
)
WALK: Final = 10.0  # widths of the axis: a slope is too weak if walking so far at it would not bring the loss down
NOT_LEAST: Final = 1e-3  # of what the loss spans in view, above its least: less is a flat bottom
BELOW: Final = 1e-9  # of the largest curvature in view: less is rounding
ROUNDING: Final = 1e-12  # of the axis
NO_NUMBER: Final = "no finite number"
NOWHERE: Final = "nowhere here"
EVERYWHERE: Final = "everywhere here"


Floats = NDArray[np.float64]


def reading(label: str, found: Curves, jumps: Sequence[Jump], lowest: tuple[float, float]) -> Reading:
    """Read a line off: where it is least (`lowest`: the place, the loss), steepest, too weak, bent down, and where it jumps.

    >>> line = Curves((-1.0, 0.0, 1.0), (1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (2.0, 2.0, 2.0), (-1.0, 0.0, 1.0))
    >>> reading("y = 0", line, (), (0.0, 0.0)).cells
    ('0 at 0', '2 at −1', 'nowhere here', 'nowhere here', 'none')
    """
    x, loss, gradient, bend = (np.asarray(a) for a in (found.x, found.loss, found.gradient, found.curvature))
    with np.errstate(invalid="ignore"):
        size, cost = np.abs(gradient), np.where(np.isfinite(loss), loss, np.nan)
        excess, span = cost + _largest(-cost), _largest(cost) + _largest(-cost)
        dead = (WALK * (x[-1] - x[0]) * size < excess) & (excess > NOT_LEAST * span)
        down = bend < -BELOW * _largest(np.abs(bend))
    cells = (
        _value_at(lowest[1], lowest[0]),
        _steepest(x, np.where(np.isfinite(size), size, np.nan)),
        spans(x, dead),
        spans(x, down) if np.isfinite(bend).any() else "not known",
        ", ".join(f"{jump.what} at {short(jump.at)}" for jump in jumps) or "none",
    )
    return Reading(label, cells)


def _largest(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else math.nan


def _steepest(x: Floats, size: Floats) -> str:
    if not np.isfinite(size).any():
        return NO_NUMBER
    i = int(np.nanargmax(size))
    return _value_at(float(size[i]), float(x[i]))


def _value_at(value: float, x: float) -> str:
    return f"{short(value)} at {short(x)}" if math.isfinite(value) else NO_NUMBER


def _border(x: Floats, i: int) -> str:
    """Half-way between two places; what rounding leaves of 0 is 0."""
    middle = float(x[i - 1] + x[i]) / 2
    return short(0.0 if abs(middle) < ROUNDING * float(x[-1] - x[0]) else middle)


def spans(x: Floats, holds: NDArray[np.bool_]) -> str:
    """Where something holds, as text: borders lie half-way between two places.

    >>> spans(np.array([0.0, 1.0, 2.0, 3.0]), np.array([True, True, False, True]))
    'up to 1.5, from 2.5 on'
    """
    if not holds.any():
        return NOWHERE
    if holds.all():
        return EVERYWHERE
    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(int)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        low = "" if start == 0 else _border(x, start)
        high = "" if end == len(x) else _border(x, end)
        found.append(f"{low} to {high}" if low and high else f"from {low} on" if low else f"up to {high}")
    return ", ".join(found)
