"""A scene in numbers: loss, gradient and curvature along the axis, and where the loss is least.

Comes in: a loss, a scene and places on the axis. Goes out: `Curves`. What is not a number stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import LossmithError
from lossmith.kernel.rows import load
from lossmith.loss.evaluate import evaluate, with_direction
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.record import Curves, Scene, View

Floats = NDArray[np.float64]

POINTS: Final = 400  # an even number, so that a corner in the middle falls between two
JOINT_POINTS: Final = 80  # each is a batch of its own
GOLDEN: Final = (5.0**0.5 - 1) / 2
SHRINKS: Final = 36  # 0.618**36 of an interval of 2 is 6e-8: the square root of what floats tell apart
MINIMA: Final = 3  # of a line's points that are lower than those beside them
TIE: Final = 1e-12  # of the least loss: of places that differ by less, the one next to 0
FALLS: Final = (
    1e3  # times what the loss rises from the least point to those beside it: lower in between, it has no bound
)
EDGE: Final = 60  # steps towards the last finite number
UNEVEN: Final = 0.618  # of what is left, not half: an edge in the middle would be hit
ROUNDED: Final = 2.0**-50  # of a place: four units in its last digit
NEAR_ZERO: Final = 1e-6  # of the window: nothing but what is left of closing in


def grid(view: View, joint: bool, window: tuple[float, float] | None = None) -> Floats:
    """The places at which a view is drawn."""
    low, high = window or view.window
    return np.linspace(low, high, JOINT_POINTS if joint else POINTS)


def curves(loss: Loss, scene: Scene, x: Floats) -> Curves:
    """Loss, gradient, curvature and prediction at each x: of the moving row, or of the batch that is finished together."""
    measure = _separate if loss.is_additive else _joint
    with np.errstate(all="ignore"):
        value, gradient, curvature = measure(loss, scene, x)
        predicted = _predicted(loss, scene, x)
    gradient, curvature = (np.where(np.isnan(value), np.nan, a) for a in (gradient, curvature))
    return Curves(*(tuple(map(float, row)) for row in (x, value, gradient, curvature, predicted)))


def _raw(scene: Scene, x: Floats) -> Floats:
    """The raw predictions for each x, flat. (points, flat)"""
    moved: Floats = np.asarray(scene.base) + np.multiply.outer(x, np.asarray(scene.slope))
    return moved


def _width(loss: Loss, scene: Scene) -> int:
    return len(loss.definition.declaration.heads) or max(scene.classes, 1)


def _arranged(loss: Loss, scene: Scene, raw: Floats, copies: int) -> tuple[Any, Floats, dict[str, Floats] | None]:
    """Targets, raw predictions and columns in the shapes that a loss takes, the rows of the scene so many times."""
    width, rows = _width(loss, scene), copies * (raw.size // copies // _width(loss, scene))
    z = raw.reshape(rows, width) if width > 1 else raw.reshape(rows)
    kinds = dict(loss.definition.declaration.target)
    named = {name: _target(kinds[name], np.tile(values, copies), width) for name, values in scene.targets}
    columns = {name: np.tile(values, copies) for name, values in scene.columns}
    return (named if len(named) > 1 else next(iter(named.values()))), z, columns or None


def _target(kind: str, values: Floats, width: int) -> NDArray[Any]:
    if kind == "simplex":
        return values.reshape(-1, width)
    return values.astype(np.int64) if kind in ("class", "ordinal") else values


def values(loss: Loss, scene: Scene, x: Floats) -> Floats:
    """The value of the moving row alone at each x, of a loss whose rows are separate."""
    y, z, columns = _arranged(loss, scene, _raw(scene, x), len(x))
    return np.asarray(loss.per_example(y, z, columns=columns))


def _separate(loss: Loss, scene: Scene, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Each x is a row of its own."""
    y, z, columns = _arranged(loss, scene, _raw(scene, x), len(x))
    value = loss.per_example(y, z, columns=columns)
    gradient, hessian = loss.per_example_gradient_and_hessian(y, z, columns=columns)
    at = [np.asarray(a).reshape(len(x), -1)[:, scene.place] for a in (gradient, hessian)]
    return np.asarray(value), at[0], at[1]


def _joint(loss: Loss, scene: Scene, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Each x is a batch of its own; without a second derivative where the loss has none."""
    unit = np.zeros(len(scene.base))
    unit[scene.place] = 1.0
    try:
        return _batches(loss, scene, x, unit, ("value", "gradient", "hvp"))
    except LossmithError:
        return _batches(loss, scene, x, unit, ("value", "gradient"))


def _batches(
    loss: Loss, scene: Scene, x: Floats, unit: Floats, wanted: tuple[str, ...]
) -> tuple[Floats, Floats, Floats]:
    request, found = loss._request(), np.full((3, len(x)), np.nan)
    for i, raw in enumerate(_raw(scene, x)):
        y, z, columns = _arranged(loss, scene, raw, 1)
        rows = load(loss.definition, y, z, None, columns, parameters=request.parameters)
        if len(wanted) == len(found):
            rows = with_direction(loss.definition, rows, unit.reshape(z.shape))
        value, arrays = evaluate(request, wanted, rows)
        found[: len(wanted), i] = value, *(array.reshape(-1)[scene.place] for array in arrays)
    return found[0], found[1], found[2]


def _predicted(loss: Loss, scene: Scene, x: Floats) -> Floats:
    """The prediction on the target's scale that moves with x."""
    width = _width(loss, scene)
    raw = _raw(scene, x)[:, :width]
    z = raw if width > 1 else raw[:, 0]
    return np.asarray(loss.predict(z)).reshape(len(x), -1)[:, scene.place if width > 1 else 0]


def least(measure: Callable[[Floats], Curves], found: Curves, corners: Sequence[float] = ()) -> tuple[float, float]:
    """Where a line is least and how much: closed in from its lowest points; NaN where nothing is finite.

    `corners`: places that are tried too, so that a least at a corner is not read off beside it.

    Minus infinity where it falls without bound towards a place beyond which it has no number.
    """
    loss = np.where(np.isfinite(found.loss), found.loss, np.inf)
    padded = np.concatenate([[np.inf], loss, [np.inf]])
    lowest = np.flatnonzero(np.isfinite(loss) & (loss < padded[:-2]) & (loss <= padded[2:]))
    order = sorted(lowest, key=lambda i: float(loss[i]))[:MINIMA]
    tried = [_closed_in(measure, found, int(i)) for i in order]
    if tried and corners:
        there = measure(np.array(corners)).loss
        tried += [(at, _but_rounding(found, at, v)) for at, v in zip(corners, there, strict=True) if np.isfinite(v)]
    lowest_loss = min((loss for _, loss in tried if not np.isnan(loss)), default=np.nan)
    alike = [one for one in tried if one[1] <= lowest_loss + TIE * abs(lowest_loss) or one[1] == lowest_loss]
    return min(alike, key=lambda one: (abs(one[0]), one[0]), default=(np.nan, np.nan))


def _but_rounding(found: Curves, at: float, value: float) -> float:
    """The loss at a corner; 0 where it is no more than the slope beside it makes of the rounding of its place."""
    i = int(np.searchsorted(found.x, at))
    slope = max(map(abs, found.gradient[max(i - 1, 0) : i + 1]), default=0.0)
    return 0.0 if abs(value) <= ROUNDED * abs(at) * slope < np.inf else value


def _closed_in(measure: Callable[[Floats], Curves], found: Curves, i: int) -> tuple[float, float]:
    """The least around a point of the grid: its place, and the loss there."""
    loss = found.loss
    if i in (0, len(loss) - 1):
        return found.x[i], loss[i]
    for beside in (i - 1, i + 1):
        if not np.isfinite(loss[beside]):
            return _at_the_edge(measure, found.x[i], found.x[beside])
    at = section(lambda x: measure(np.array([x])).loss[0], found.x[i - 1], found.x[i + 1])
    short = 0.0 if abs(at) < NEAR_ZERO * (found.x[-1] - found.x[0]) else float(f"{at:.6g}")
    value, lower = (measure(np.array([place])).loss[0] for place in (short, at))
    falls = not np.isfinite(lower) or loss[i] - lower > FALLS * (max(loss[i - 1], loss[i + 1]) - loss[i])
    if falls:
        return short, -np.inf
    return (short, value) if value <= lower + TIE * abs(lower) else (at, lower)


def _at_the_edge(measure: Callable[[Floats], Curves], inside: float, outside: float) -> tuple[float, float]:
    """The last place with a finite loss, closed in; falling as much in the end as at first, it has no bound."""
    seen, near = [measure(np.array([inside])).loss[0]], NEAR_ZERO * abs(outside - inside)
    for _ in range(EDGE):
        middle = inside + (outside - inside) * UNEVEN
        loss = measure(np.array([middle])).loss[0]
        if np.isfinite(loss):
            inside = middle
            seen.append(loss)
        else:
            outside = middle
    third = len(seen) // 3
    first, last = seen[0] - seen[third], seen[-1 - third] - seen[-1]
    if third > 1 and last > 0.5 * first > 0:
        return inside, -np.inf
    short = 0.0 if abs(inside) < near else float(f"{inside:.6g}")
    value = measure(np.array([short])).loss[0]
    return (short, value) if value <= min(seen) else (inside, min(seen))


def section(value: Callable[[float], float], a: float, b: float) -> float:
    """Where a value is least in an interval: the golden section.

    >>> round(section(lambda x: (x - 0.25) ** 2, -1.0, 2.0), 6)
    0.25
    """
    c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    at_c, at_d = value(c), value(d)
    for _ in range(SHRINKS):
        if at_c <= at_d:
            b, d, at_d = d, c, at_c
            c = b - GOLDEN * (b - a)
            at_c = value(c)
        else:
            a, c, at_c = c, d, at_d
            d = a + GOLDEN * (b - a)
            at_d = value(d)
    return float(a + (b - a) / 2)
