"""Gradients that are dead from some prediction on, where the truth is not, as clipping and added epsilons leave them.

Comes in: `Climb`s. Goes out: one `Finding`, for the first border of the kind. Of a loss that gives no gradient the
differences between neighbouring places stand for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.checking.derivatives.known import Known
from lossmith.checking.finding import Finding
from lossmith.checking.numbers.climb import Climb, border, moderate, one, true
from lossmith.checking.numbers.ladder import Rung, shown
from lossmith.checking.subject import Array

DEAD: Final = 0.01
"""The part of the true slope below which it is dead."""
MATTERS: Final = 1e-3
"""The part of the usual slope above which a true slope matters."""
FEWEST: Final = 3
"""Places in a row that must be dead."""
FARTHEST: Final = 1e4
FROM: Final = 4.5
"""Without a reference: raw predictions closer to 0 are no clipped ones."""
FROM_OF_PROBABILITY: Final = 2.5
"""The same for a probability (0.076 or 0.924), as the raw prediction that belongs to it."""
ROUNDING: Final = 16.0
"""Clipping probabilities at so many gaps of the format or fewer is rounding, for a loss without a gradient."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """The slope at (or next to) each place, and the true one."""

    climb: Climb
    given: Array
    truth: Array | None
    of_value: bool


def slopes_of(climb: Climb) -> Slopes | None:
    """The gradient, or the differences of values where there is none."""
    if "gradient" in climb.got:
        return Slopes(climb, climb.got["gradient"], climb.truth.get("gradient"), False)
    if "value" not in climb.got:
        return None
    truth = climb.truth.get("value")
    return Slopes(
        climb, _differences(climb, climb.got["value"]), None if truth is None else _differences(climb, truth), True
    )


def _differences(climb: Climb, values: Array) -> Array:
    """Between a place and the next one outwards, of the two that are farthest between it and the one before."""
    x = climb.places
    with np.errstate(all="ignore"):
        steps = np.diff(values) / np.diff(x)
    middle = x.size // 2
    return np.concatenate([steps[:middle], steps[middle - 1 : middle] if middle else steps[:1], steps[middle:]])


def look_for_dead(climbs: Sequence[Climb], known: Known | None) -> list[Finding]:
    """One finding for the first ladder on which the slope dies; other formats and targets are the same cause."""
    for climb in climbs:
        slopes = slopes_of(climb)
        for finding in _of(slopes, known) if slopes is not None else ():
            return [finding]
    return []


def _of(slopes: Slopes, known: Known | None) -> Iterator[Finding]:
    n = slopes.given.size
    for outward, way in ((1, np.arange(n)), (-1, np.arange(n)[::-1])):
        if slopes.climb.rung.wrong_side not in (0, outward):
            continue
        way = way[np.abs(slopes.climb.places[way]) <= FARTHEST]
        dead = _dead(slopes, outward)[way]
        alive = np.flatnonzero(~dead)
        run = dead.size - 1 - (int(alive[-1]) if alive.size else -1)
        if run >= FEWEST and alive.size:
            last = int(alive[-1])  # of values, the difference there reaches back to the place before
            yield from _told(slopes, known, outward, int(way[max(0, last - slopes.of_value)]), int(way[last + 1]))


def _dead(slopes: Slopes, outward: int) -> Array:
    g, t = slopes.given, slopes.truth
    usual = moderate(slopes.climb.rung, slopes.climb.places)
    if t is None:
        return np.asarray(np.full(g.size, slopes.climb.rung.wrong_side == outward) & (g == 0.0))
    size = float(np.nanmax(np.abs(t[usual]), initial=0.0))
    small = (np.abs(g) <= DEAD * np.abs(t)) & (np.abs(g) <= size)
    return np.asarray(small & (np.abs(t) >= MATTERS * size) & np.isfinite(t) & (t != 0.0) & ~usual)


def _told(slopes: Slopes, known: Known | None, outward: int, last: int, first: int) -> Iterator[Finding]:
    rung, x = slopes.climb.rung, slopes.climb.places
    is_dead = _half(slopes, known, outward)
    inner, place = border(rung, float(x[last]), float(x[first]), is_dead)
    if slopes.truth is None and not _falls(slopes, inner, place, last):
        return
    if _is_rounding(slopes, place, outward):
        return
    name = "raw prediction" if rung.subject.takes == "raw" else "prediction"
    way = "on" if outward > 0 else "downwards"
    what = "the value no longer changes" if slopes.of_value else f"the gradient is {shown(slopes.given[first])}"
    truth = "" if slopes.truth is None else f", where the true slope is {shown(slopes.truth[first])}"
    said = (
        f"from {name} {shown(place)} {way} {rung.words} {what}{truth} ({rung.dtype}): rows that are "
        "badly wrong no longer "
        "pull. Do not clip and add no epsilon; compute it from the raw prediction."
    )
    yield Finding("dead_gradient", said)


def _half(slopes: Slopes, known: Known | None, outward: int) -> Callable[[float], bool]:
    """Whether the slope at a place has lost half of its size."""
    rung = slopes.climb.rung

    def of_gradient(x: float) -> bool:
        t = true(rung, np.array([x]), known).get("gradient") if slopes.truth is not None else None
        g = abs(one(rung, x, "gradient"))
        return g == 0.0 if t is None else g < 0.5 * abs(float(t[0]))

    def of_value(x: float) -> bool:
        step = _step(x, rung.subject.takes == "raw") * outward
        change = one(rung, x + step, "value") - one(rung, x, "value")
        t = true(rung, np.array([x, x + step]), known).get("value") if slopes.truth is not None else None
        return change == 0.0 if t is None else abs(change) < 0.5 * abs(float(t[1] - t[0]))

    return of_value if slopes.of_value else of_gradient


def _step(x: float, raw: bool) -> float:
    return 1e-3 * max(1.0, abs(x)) if raw else 0.1 * min(abs(x), abs(1.0 - x) or 1.0)


def _falls(slopes: Slopes, inner: float, place: float, last: int) -> bool:
    """Without a reference: the slope breaks off far away, on the side where the loss is large."""
    rung, g = slopes.climb.rung, slopes.given
    usual = float(np.nanmax(np.abs(g[moderate(rung, slopes.climb.places)]), initial=0.0))
    before = abs(g[last]) if slopes.of_value else abs(one(rung, inner, "gradient"))
    return _is_far(rung, place) and math.isfinite(before) and before >= 0.1 * usual > 0.0


def _is_far(rung: Rung, place: float) -> bool:
    """Whether it lies so far out that clipping may be the reason."""
    if rung.subject.takes == "raw":
        return abs(place) > FROM
    return not 0.0 < place < 1.0 or abs(math.log(place / (1.0 - place))) > FROM_OF_PROBABILITY


def _is_rounding(slopes: Slopes, place: float, outward: int) -> bool:
    rung = slopes.climb.rung
    if rung.subject.takes == "raw":
        return False
    gap = float(np.finfo(rung.dtype).eps)
    distance = 1.0 - place if outward > 0 else place
    return distance <= (ROUNDING if slopes.of_value else 0.5) * gap
