"""Where the loss, its gradient or its curvature jumps: at places where the formula branches, and wherever a curve breaks off.

Comes in: how a scene is measured, its curves, and the places of its branches. Goes out: `Jump` records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from lossmith.loss.handle import Loss
from lossmith.report.loss_page.bends import places, short_of
from lossmith.report.loss_page.curves import Floats, curves, grid
from lossmith.report.loss_page.record import Curves, Jump, Scene, View

Measure = Callable[[Floats], Curves]

HALVINGS: Final = 52  # from a 400th of the window down to where floats stop
PARTED: Final = 0.4642  # of an interval, not half: a place without a number in its middle would be hit
AROUND: Final = 4
STANDS_OUT: Final = 4.0  # times the usual change from point to point: worth a look
REMAINS: Final = 0.25  # of the change, however close one looks: a jump
LEAST: Final = 1e-7  # of what the curve spans
SAME: Final = 1e-8  # of the window: two findings of one place
KINDS: Final = ("loss", "gradient", "curvature")
GROWN: Final = 1e3  # times the change from point to point: a change without bound
CLOSE: Final = 1e-6  # of the interval: so near a place without a number is the place itself
UNEVEN: Final = 0.618
FAR: Final = 64.0  # corners are looked for so far out
ROOM: Final = 1.5  # the window goes so much further than the outermost corner


def jumps_of(loss: Loss, scene: Scene, found: Curves, kinds: Sequence[str] = KINDS) -> tuple[Jump, ...]:
    """Where a scene jumps that has these curves.

    >>> import lossmith as ls
    >>> from lossmith.report.loss_page.scenes import views
    >>> loss = ls.get("huber", delta=1e-3).using("numpy")
    >>> view = views(loss, "real")[0]
    >>> found = jumps_of(loss, view.scenes[0], curves(loss, view.scenes[0], grid(view, False)))
    >>> [(jump.at, jump.what) for jump in found]
    [(-0.001, 'curvature'), (0.001, 'curvature')]
    """
    seeds = places(loss, scene, np.asarray(found.x))
    return jumps(lambda x: curves(loss, scene, x), found, kinds, seeds)


def jumps(
    measure: Measure, found: Curves, kinds: Sequence[str] = KINDS, seeds: Sequence[float] = ()
) -> tuple[Jump, ...]:
    """Where the loss, its gradient or its curvature jumps: a change that does not shrink as one looks closer.

    It is looked for around `seeds`, and in every interval in which a curve changes far more than it does around.
    """
    seen: list[Jump] = []
    near = SAME * (found.x[-1] - found.x[0])
    around = list(_around(np.asarray(found.x), seeds))
    for what in kinds:
        y = np.asarray(getattr(found, what))
        for a, b in [*around, *((found.x[i], found.x[i + 1]) for i in _suspects(y))]:
            jump = _closed_in(measure, what, a, b, LEAST * _span(y))
            if jump is not None and all(abs(jump.at - other.at) > near for other in seen):
                seen.append(jump)
    return tuple(sorted(seen, key=lambda jump: jump.at))


def between(measure: Measure, found: Curves, jumps: Sequence[Jump]) -> Curves:
    """The curves with a point between each jump and the next, which may lie nearer than the points of the grid."""
    middles = [a.at + (b.at - a.at) / 2 for a, b in pairwise(jumps)]
    return measure(np.unique([*found.x, *middles])) if middles else found


def _around(x: Floats, seeds: Sequence[float]) -> Iterator[tuple[float, float]]:
    """An interval around each seed that holds no other; halving does not end on the seed itself, where a slope is chosen."""
    step = float(x[1] - x[0]) / 4
    for j, at in enumerate(seeds):
        beside = [abs(at - seeds[k]) / 3 for k in (j - 1, j + 1) if 0 <= k < len(seeds)]
        reach = min([step, *beside])
        if x[0] < at - reach and at + reach < x[-1]:
            yield at - UNEVEN * reach, at + reach


def _span(y: Floats) -> float:
    finite = y[np.isfinite(y)]
    return float(finite.max() - finite.min()) if finite.size else 0.0


def _suspects(y: Floats) -> list[int]:
    """The intervals in which a curve changes far more than it does around."""
    with np.errstate(invalid="ignore"):
        change = np.abs(np.diff(y))
    change = np.where(np.isfinite(change), change, 0.0)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(change, AROUND, mode="edge"), 2 * AROUND + 1)
    usual = np.median(around, axis=1)
    return [int(i) for i in np.flatnonzero(change > STANDS_OUT * usual + LEAST * _span(y))]


def _closed_in(measure: Measure, what: str, a: float, b: float, least: float) -> Jump | None:
    """Halve the interval towards the larger change; the place, if a good part of the change is left in the end."""

    def at(kind: str, *x: float) -> Floats:
        return np.asarray(getattr(measure(np.array(x)), kind))

    (left, right), size = at(what, a, b), float(np.abs(at("loss", a, b)).max())
    whole, width = abs(right - left), b - a
    for _ in range(HALVINGS):
        middle = a + (b - a) * PARTED
        if not a < middle < b:
            break
        (between,) = at(what, middle)
        if np.isnan(between):
            break
        if not abs(between - left) < abs(right - between):
            b, right = middle, between
        else:
            a, left = middle, between
    rest = abs(right - left)
    if np.isnan(rest) or b - a > CLOSE * width or not rest > max(REMAINS * whole, least):
        return None
    place = short_of(a, b)
    if rest <= GROWN * whole:
        return Jump(place, what)
    nearby = float(np.nanmax(np.abs(at("loss", a, b))))
    return Jump(place, "loss" if nearby > GROWN * size else what, endless=True)


def with_corners(view: View, loss: Loss) -> View:
    """The view with a window in which its corners lie, as far as they are not too far out."""
    joint = not loss.is_additive
    if joint or np.isfinite(view.bounds[0]):
        return view
    far = grid(view, joint, (-FAR, FAR))
    found = [jump.at for scene in view.scenes for jump in jumps_of(loss, scene, curves(loss, scene, far))]
    low, high = view.window
    reach = max((abs(place) for place in found), default=0.0) * ROOM
    if low <= -reach and reach <= high:
        return view
    outside = [place for place in found if not low < place < high]
    low = min([low, *(ROOM * place for place in outside)])
    return replace(view, window=(low, max([high, *(ROOM * place for place in outside)])))
