"""The lowest point of a loss with corners between a row's outputs, such as the largest of several, by quasi-Newton steps.

Comes in: a `System` and a start. Goes out: an `Outcome`. Steps need only fall and turn the slope (Lewis and Overton
(2013), Nonsmooth Optimization via Quasi-Newton Methods, Math. Programming 141, pages 135-163); they end where rounding
leaves nothing to gain, which is close to the lowest point, not proved to be it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.linear_newton import Outcome, Point, System, point_at

Floats = NDArray[np.float64]
STEPS: Final = 3_000
HALVINGS: Final = 60
STALLED: Final = (50, 1e-9)  # so many steps that gain less than this share of the objective end the work
FALLS: Final = 1e-4
TURNS: Final = 0.5


def minimise_by_turns(system: System, start: Floats) -> Outcome:
    """Descend until many steps together gain next to nothing."""
    point = first = point_at(system, start, 0.0)
    slope = system.slope(point.look, point.theta)
    inverse = np.eye(start.size) / max(float(np.linalg.norm(slope)), 1e-300)
    values, bends_down, reached = [point.value], False, False
    for _ in range(STEPS):
        step = -(inverse @ slope.ravel()).reshape(start.shape)
        found = _turned(system, point, step, float((step * slope).sum()))
        if found is None:
            reached = True
            break
        following = system.slope(found.look, found.theta)
        inverse = _updated(inverse, (found.theta - point.theta).ravel(), (following - slope).ravel())
        point, slope = found, following
        values.append(point.value)
        many, share = STALLED
        if len(values) > many and values[-many] - values[-1] <= share * max(abs(values[-1]), first.value - values[-1]):
            reached = True
            break
    return Outcome(point.theta, point.value, slope, len(values) - 1, reached, bends_down)


def _turned(system: System, point: Point, step: Floats, fall: float) -> Point | None:
    """A lower point along the step from which the loss no longer falls as steeply, or None."""
    near, far, t = 0.0, np.inf, 1.0
    best = None
    if not fall < 0.0:
        return None
    for _ in range(HALVINGS):
        found = point_at(system, point.theta + t * step, 0.0)
        if not found.value < point.value + FALLS * t * fall:
            far = t
        elif float((system.slope(found.look, found.theta) * step).sum()) < TURNS * fall:
            near, best = t, found
        else:
            return found
        t = 2 * near if far == np.inf else (near + far) / 2
    return best


def _updated(inverse: Floats, moved: Floats, turned: Floats) -> Floats:
    """The BFGS update of the inverse of the second derivative."""
    along = float(moved @ turned)
    if along <= 0.0:
        return inverse
    image = inverse @ turned
    outer = np.outer(moved, image) / along
    return inverse - outer - outer.T + np.outer(moved, moved) * ((1 + float(turned @ image) / along) / along)
