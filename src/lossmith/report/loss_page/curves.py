"""A scene in numbers: loss, gradient and curvature along the axis, and where one of them jumps.

Comes in: a loss, a scene and places on the axis. Goes out: `Curves`, `Jump` records. What is not a number stays so.
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
from lossmith.report.loss_page.record import Curves, Jump, Scene, View

Floats = NDArray[np.float64]

POINTS: Final = 400  # an even number, so that a corner in the middle falls between two
JOINT_POINTS: Final = 80  # each is a batch of its own
HALVINGS: Final = 46  # from a 400th of the window down to where floats stop
AROUND: Final = 4
STANDS_OUT: Final = 4.0  # times the usual change from point to point: worth a look
REMAINS: Final = 0.25  # of the change, however close one looks: a jump
LEAST: Final = 1e-7  # of what the curve spans
GOLDEN: Final = (5.0**0.5 - 1) / 2
SHRINKS: Final = 36  # 0.618**36 of an interval of 2 is 6e-8: the square root of what floats tell apart
NEAR_ZERO: Final = 1e-6  # of the window: nothing but what is left of closing in
KINDS: Final = ("loss", "gradient", "curvature")
FAR: Final = 64.0  # corners are looked for so far out
ROOM: Final = 1.5  # the window goes so much further than the outermost corner


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


def least(measure: Callable[[Floats], Curves], found: Curves) -> tuple[float, float]:
    """Where a line is least and how much: closed in from the least of its points; NaN where nothing is finite."""
    loss = np.asarray(found.loss)
    if not np.isfinite(loss).any():
        return np.nan, np.nan
    i = int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))
    if i in (0, len(loss) - 1):
        return found.x[i], found.loss[i]
    at = section(lambda x: measure(np.array([x])).loss[0], found.x[i - 1], found.x[i + 1])
    at = 0.0 if abs(at) < NEAR_ZERO * (found.x[-1] - found.x[0]) else float(f"{at:.6g}")
    return at, measure(np.array([at])).loss[0]


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


def jumps(measure: Callable[[Floats], Curves], found: Curves, kinds: Sequence[str] = KINDS) -> tuple[Jump, ...]:
    """Where the loss, its gradient or its curvature jumps: a change that does not shrink as one looks closer.

    >>> import lossmith as ls
    >>> from lossmith.report.loss_page.scenes import views
    >>> loss = ls.get("huber").using("numpy")
    >>> view = views(loss, "real")[0]
    >>> measure = lambda x: curves(loss, view.scenes[0], x)
    >>> [(round(jump.at, 9), jump.what) for jump in jumps(measure, measure(grid(view, False)))]
    [(-1.0, 'curvature'), (1.0, 'curvature')]
    """
    seen: list[Jump] = []
    for what in kinds:
        for i in _suspects(np.asarray(getattr(found, what))):
            at = _closed_in(measure, what, found.x[i], found.x[i + 1])
            near = 1e-6 * (found.x[-1] - found.x[0])
            if at is not None and all(abs(at - jump.at) > near for jump in seen):
                seen.append(Jump(at, what))
    return tuple(sorted(seen, key=lambda jump: jump.at))


def _suspects(y: Floats) -> list[int]:
    """The intervals in which a curve changes far more than it does around."""
    with np.errstate(invalid="ignore"):
        change = np.abs(np.diff(y))
    change = np.where(np.isfinite(change), change, 0.0)
    finite = y[np.isfinite(y)]
    span = float(finite.max() - finite.min()) if finite.size else 0.0
    around = np.lib.stride_tricks.sliding_window_view(np.pad(change, AROUND, mode="edge"), 2 * AROUND + 1)
    usual = np.median(around, axis=1)
    return [int(i) for i in np.flatnonzero(change > STANDS_OUT * usual + LEAST * span)]


def _closed_in(measure: Callable[[Floats], Curves], what: str, a: float, b: float) -> float | None:
    """Halve the interval towards the larger change; the place, if a good part of the change is left in the end."""

    def at(*x: float) -> Sequence[float]:
        found: Sequence[float] = getattr(measure(np.array(x)), what)
        return found

    left, right = at(a, b)
    whole = abs(right - left)
    for _ in range(HALVINGS):
        middle = a + (b - a) / 2
        if not a < middle < b:
            break
        (between,) = at(middle)
        if abs(between - left) >= abs(right - between):
            b, right = middle, between
        else:
            a, left = middle, between
    rest = abs(right - left)
    return _rounded(a, b) if np.isfinite(rest) and rest > REMAINS * whole else None


def _rounded(a: float, b: float) -> float:
    """The shortest number in reach of an interval of a few floats: a corner at 1 is not told as 0.99999999999."""
    middle = a + (b - a) / 2
    short = float(f"{middle:.9g}")
    short = 0.0 if abs(short) < 1e-9 else short
    return short if abs(short - middle) <= 4 * (b - a) + 1e-9 * max(1e-3, abs(middle)) else middle


def with_corners(view: View, measure: Callable[[Scene, Floats], Curves], joint: bool) -> View:
    """The view with a window in which its corners lie, as far as they are not too far out."""
    from dataclasses import replace

    if joint or np.isfinite(view.bounds[0]):
        return view
    far = grid(view, joint, (-FAR, FAR))
    places = [
        jump.at
        for scene in view.scenes
        for jump in jumps(lambda x, scene=scene: measure(scene, x), measure(scene, far))  # type: ignore[misc]
    ]
    low, high = view.window
    reach = max((abs(place) for place in places), default=0.0) * ROOM
    if low <= -reach and reach <= high:
        return view
    outside = [place for place in places if not low < place < high]
    low = min([low, *(ROOM * place for place in outside)])
    return replace(view, window=(low, max([high, *(ROOM * place for place in outside)])))
