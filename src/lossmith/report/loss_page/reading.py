"""What the pictures of a loss show, read off in numbers: one row for each line.

Comes in: curves and their jumps. Goes out: `Reading` records of short texts. The script of the page reads the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.loss_page.extremes import Measure, Peak, peak
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.pictures import ENDLESS
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
LEVEL: Final = 1e-9  # of the steepest gradient: less far from it is as steep
EQUAL: Final = 4 * float(np.finfo(float).eps)  # of the least loss: less is rounding
STRETCH: Final = 3  # points of the grid that are alike: told as a stretch, not as a point
HALVINGS: Final = 24
ROUNDING: Final = 1e-8  # of the axis: what closing in leaves of 0
NO_NUMBER: Final = "no finite number"
NOWHERE: Final = "nowhere here"
EVERYWHERE: Final = "everywhere here"

Floats = NDArray[np.float64]
Holds = Callable[[Curves], NDArray[np.bool_]]


def reading(
    label: str, found: Curves, jumps: Sequence[Jump], lowest: tuple[float, float], measure: Measure | None = None
) -> Reading:
    """Read a line off: where it is least (`lowest`: the place, the loss), steepest, too weak, bent down, and where it jumps.

    `measure` gives the curves at other places, so that borders are found between the points of the grid.

    >>> line = Curves((-1.0, 0.0, 1.0), (1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (2.0, 2.0, 2.0), (-1.0, 0.0, 1.0))
    >>> reading("y = 0", line, (), (0.0, 0.0)).cells
    ('0 at 0', '2 at −1', 'nowhere here', 'nowhere here', 'none')
    """
    bend = np.asarray(found.curvature)
    cells = (
        _level_or_point(found, lowest[1], lowest[0], "loss", EQUAL * abs(lowest[1]), measure),
        _steepest(found, measure),
        where(found, _dead(found), measure),
        where(found, _down(found), measure) if np.isfinite(bend).any() else "not known",
        ", ".join(f"{ENDLESS[jump.what] if jump.endless else jump.what} at {short(jump.at)}" for jump in jumps)
        or "none",
    )
    return Reading(label, cells)


# What holds where --------------------------------------------------------------------------------------------------


def _finite(values: Sequence[float]) -> Floats:
    array = np.asarray(values)
    return np.where(np.isfinite(array), array, np.nan)


def _largest(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else math.nan


def _dead(found: Curves) -> Holds:
    """The gradient is too weak to bring the loss down to its least in view."""
    cost, far = _finite(found.loss), WALK * (found.x[-1] - found.x[0])
    lost, span = _largest(-cost), _largest(cost) + _largest(-cost)

    def holds(c: Curves) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            excess = _finite(c.loss) + lost
            return np.asarray((far * np.abs(c.gradient) < excess) & (excess > NOT_LEAST * span))

    return holds


def _down(found: Curves) -> Holds:
    least = -BELOW * _largest(np.abs(np.asarray(found.curvature)))
    return lambda c: np.asarray(np.asarray(c.curvature) < least)


def _near(what: str, value: float, room: float) -> Holds:
    """A curve is as far from 0 as this."""

    def holds(c: Curves) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            y = np.asarray(getattr(c, what))
            return np.asarray(np.abs((np.abs(y) if what == "gradient" else y) - value) <= room)

    return holds


def _steepest(found: Curves, measure: Measure | None) -> str:
    size = np.abs(_finite(found.gradient))
    if not np.isfinite(size).any():
        return NO_NUMBER
    i = int(np.nanargmax(size))
    top = Peak(float(size[i]), float(found.x[i]), False) if measure is None else peak(measure, found, "gradient")
    if top.endless:
        return f"without bound near {_place(top.at, found)}"
    return _level_or_point(found, top.size, top.at, "gradient", LEVEL * top.size, measure)


def _level_or_point(found: Curves, value: float, x: float, what: str, room: float, measure: Measure | None) -> str:
    """A value and where it is: a point, or the stretch on which it stays the same."""
    if not math.isfinite(value):
        return f"falls without bound near {_place(x, found)}" if value == -math.inf else NO_NUMBER
    holds = _near(what, value, room)
    if int(np.count_nonzero(holds(found))) < STRETCH:
        return f"{short(value)} at {_place(x, found)}"
    said = where(found, holds, measure)
    return f"{short(value)} {'from ' if said[:1] in '0123456789−' else ''}{said}"


def _place(x: float, found: Curves) -> str:
    """A place; what closing in leaves of 0 is 0."""
    return short(0.0 if abs(x) < ROUNDING * (found.x[-1] - found.x[0]) else x)


def where(found: Curves, holds: Holds, measure: Measure | None) -> str:
    """Where something holds, as text, with borders closed in."""
    x, inside = np.asarray(found.x), holds(found)

    def border(i: int) -> float:
        a, b = float(x[i - 1]), float(x[i])
        for _ in range(HALVINGS if measure is not None else 0):
            middle = a + (b - a) / 2
            if bool(holds(measure(np.array([middle])))[0]) == bool(inside[i]):  # type: ignore[misc]
                b = middle
            else:
                a = middle
        return a + (b - a) / 2

    return spans(x, inside, border)


def spans(x: Floats, holds: NDArray[np.bool_], border: Callable[[int], float] | None = None) -> str:
    """Where something holds, as text; the border before a place lies half-way to the one before it, if none is given.

    >>> spans(np.array([0.0, 1.0, 2.0, 3.0]), np.array([True, True, False, True]))
    'up to 1.5, from 2.5 on'
    """
    if not holds.any():
        return NOWHERE
    if holds.all():
        return EVERYWHERE
    between: Any = border or (lambda i: float(x[i - 1] + x[i]) / 2)

    def told(i: int) -> str:
        at = between(i)
        return short(0.0 if abs(at) < ROUNDING * float(x[-1] - x[0]) else at)

    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(int)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        low = "" if start == 0 else told(start)
        high = "" if end == len(x) else told(end)
        found.append(f"{low} to {high}" if low and high else f"from {low} on" if low else f"up to {high}")
    return ", ".join(found)
