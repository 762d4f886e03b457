"""The lowest point of a loss of linear predictions plus a ridge penalty, by Newton steps with a search along each.

Comes in: a `System` (problem, features, penalties) and a start. Goes out: an `Outcome`. A loss with corners is solved
through windows that become narrower, each from the last one's answer (smoothing with continuation: Chen (2007),
A Finite Smoothing Algorithm for Quantile Regression, J. Comp. Graph. Statist. 16, pages 136-164).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.linear_problem import ROUNDING, Look, Problem
from lossmith.adapt.linear_products import back, gram, times

Floats = NDArray[np.float64]
STEPS: Final = 200  # Newton steps under one window
SEARCHES: Final = 60  # looks along one step
ENOUGH: Final = 1e-13  # a gain to be expected below this share of the objective ends the work
ALONE: Final = 1e-10
CLOSE: Final = 1e-8  # what still counts as reached where rounding ends the work earlier
SHORT: Final = 0.5  # a slope along a step, in units of its first, at which the step is too short
LONG: Final = (0.5, 0.3)  # and at which it is too long: without and with a window
MOST_FLOPS: Final = 4e9  # for the matrix of one Newton step; beyond it, conjugate gradients do without
MOST_UNKNOWNS: Final = 2_000
FARTHEST: Final = 3.0  # scales that a raw prediction may go in one step under a window
SINGULAR: Final = 1e-6  # a pivot below this share of the largest, squared about a condition of 1e12
ROUNDS: Final = 300  # of conjugate gradients


@dataclass(frozen=True)
class System:
    """A problem whose raw predictions are `features` (n, p) times unknowns (p, outputs), each row p penalised."""

    problem: Problem
    features: Floats
    penalties: Floats

    def ridge(self, theta: Floats) -> float:
        """The penalty itself."""
        return float((self.penalties[:, None] * theta**2).sum()) / 2

    def slope(self, look: Look, theta: Floats) -> Floats:
        """The gradient by the unknowns."""
        return np.asarray(back(self.features, look.slopes) + self.penalties[:, None] * theta)


@dataclass(frozen=True)
class Point:
    """Unknowns, their raw predictions, and what is seen there."""

    theta: Floats
    raw: Floats
    look: Look
    value: float


@dataclass(frozen=True)
class Outcome:
    """Where the work ended. `reached`: no step promises a gain; `bends_down`: a place with negative bend was met."""

    theta: Floats
    value: float
    slope: Floats
    steps: int
    reached: bool
    bends_down: bool


def minimise(system: System, start: Floats, windows: tuple[float, ...]) -> Outcome:
    """Descend under each window in turn; 0 is the loss as it is."""
    theta, steps, reached, bends_down = start, 0, False, False
    top = point_at(system, start, 0.0).value
    for window, following in zip(windows, (*windows[1:], 0.0), strict=True):
        point, taken, reached, down = _descend(system, point_at(system, theta, window), window, top)
        steps, bends_down = steps + taken, bends_down or down
        theta = _followed(system, point, window, following)
    if windows[-1] == 0.0:
        point = _polished(system, point)
    slope = system.slope(point.look, point.theta)
    ends = [point_at(system, last, 0.0) for last in (theta, point.theta)] if windows[-1] else [point]
    best = min(ends, key=lambda end: end.value)
    return Outcome(best.theta, best.value, slope, steps, reached, bends_down)


def _followed(system: System, point: Point, window: float, following: float) -> Floats:
    """Where the lowest point goes as the window narrows: exact while the same rows stay on their corners."""
    if window == 0.0 or point.look.drift is None:
        return point.theta
    push = back(system.features, point.look.drift) * (following - window)
    return np.asarray(point.theta + _direction(system, point, push, window))


def point_at(system: System, theta: Floats, window: float) -> Point:
    """Look at these unknowns."""
    raw = times(system.features, theta)
    look = system.problem.look(raw, window)
    return Point(theta, raw, look, look.value + system.ridge(theta))


def _descend(system: System, point: Point, window: float, top: float) -> tuple[Point, int, bool, bool]:
    bends_down = False
    for taken in range(STEPS):
        bends_down |= _bends_down(point.look)
        slope = system.slope(point.look, point.theta)
        step = _direction(system, point, slope, window)
        gain = -float((slope * step).sum()) / 2
        size = max(abs(point.value), abs(top - point.value))
        if not gain > (ENOUGH * size if window == 0.0 else ALONE * point.look.slack):
            return point, taken, True, bends_down
        found = _along(system, point, step, -2 * gain, window)
        if found is None:
            return point, taken, gain <= max(CLOSE * size, point.look.slack), bends_down
        point = found
    return point, STEPS, False, bends_down


def _polished(system: System, point: Point) -> Point:
    """One more whole step, if it makes the slope smaller: the objective no longer tells, the unknowns still gain."""
    slope = system.slope(point.look, point.theta)
    found = point_at(system, point.theta + _direction(system, point, slope, 0.0), 0.0)
    better = np.linalg.norm(system.slope(found.look, found.theta)) < np.linalg.norm(slope)
    return found if better and found.value <= point.value + 8 * ROUNDING * abs(point.value) else point


def _bends_down(look: Look) -> bool:
    return bool(look.bends.min(initial=0.0) < -1e-9 * np.abs(look.bends).max(initial=0.0))


# Along a step ---------------------------------------------------------------------------------------------------


def _along(system: System, point: Point, step: Floats, fall: float, window: float) -> Point | None:
    """A point along the step where the slope has nearly gone and the value is lower, or None."""
    move, long = times(system.features, step), LONG[window > 0.0]
    near, near_slope, far, far_slope, t = 0.0, fall, 0.0, np.nan, 1.0
    narrow = window / 100 / max(float(np.abs(move / system.problem.scale).max()), 1e-300)
    best = None
    for _ in range(SEARCHES):
        found = _shifted(system, point, step, move, t, window)
        slope = float((found.look.slopes * move).sum() + (system.penalties[:, None] * found.theta * step).sum())
        allowed = point.look.slack + found.look.slack + 8 * ROUNDING * abs(point.value)
        if not found.value <= point.value + 1e-4 * t * fall + allowed or not slope <= -long * fall:
            far, far_slope = t, slope
        elif slope < SHORT * fall and t < 2.0**20:
            near, near_slope, best = t, slope, found
        else:
            return found
        if not far and near >= 4.0 and best is not None and window == 0.0 and near_slope < 0.99 * fall:
            return best  # falls on and on
        t = 2 * near if not far else _between(near, near_slope, far, far_slope)
        if far and far - near <= max(1e-12 * far, narrow):
            break
    return best


def _shifted(system: System, point: Point, step: Floats, move: Floats, t: float, window: float) -> Point:
    theta, raw = point.theta + t * step, point.raw + t * move
    look = system.problem.look(raw, window)
    return Point(theta, raw, look, look.value + system.ridge(theta))


def _between(near: float, near_slope: float, far: float, far_slope: float) -> float:
    """Where a straight line between both slopes vanishes, kept off the ends; a tenth of the way where that says nothing."""
    if not far_slope > 0:
        return near + (far - near) / (2 if np.isfinite(far_slope) else 10)
    share = near_slope / (near_slope - far_slope)
    return near + (far - near) * min(max(share, 0.05), 0.95)


# The step -------------------------------------------------------------------------------------------------------


def _direction(system: System, point: Point, slope: Floats, window: float) -> Floats:
    """The Newton step; through a window, with the bends of a wider one where too few rows bend to hold it back."""
    step, wider = _step(system, point, slope, window > 0.0), 10 * window
    while 0.0 < wider <= 1.0 and np.abs(times(system.features, step) / system.problem.scale).max() > FARTHEST:
        step, wider = _step(system, point_at(system, point.theta, wider), slope, True), 10 * wider
    return step


def _step(system: System, point: Point, slope: Floats, rounded: bool) -> Floats:
    """Solve with a matrix where that is cheap, else by conjugate gradients; `rounded`: seen through a window."""
    n, p = system.features.shape
    outputs = slope.shape[1]
    coupled = system.problem.coupled and not rounded
    unknowns, flops = (p * outputs, n * p**2 * outputs**2) if coupled else (p, 2 * n * p**2 * outputs)
    if unknowns > MOST_UNKNOWNS or flops > MOST_FLOPS:
        return _by_conjugate_gradients(system, point, slope, coupled)
    if coupled:
        return -solved(_whole_matrix(system, point), slope.T.ravel()).reshape(outputs, p).T
    ridge = np.diag(system.penalties)
    bends = point.look.bends.T
    matrices = (gram(system.features, bend) + ridge for bend in bends)
    return -np.column_stack([solved(matrix, slope[:, k]) for k, matrix in enumerate(matrices)])


def _whole_matrix(system: System, point: Point) -> Floats:
    """The second derivative by all unknowns, output by output."""
    features, outputs = system.features, point.raw.shape[1]
    p = features.shape[1]
    matrix = np.zeros((outputs, p, outputs, p))
    for k in range(outputs):
        along = np.zeros_like(point.raw)
        along[:, k] = 1.0
        columns = system.problem.hvp(point.raw, along)
        for j in range(k + 1):
            matrix[j, :, k] = gram(features, columns[:, j])
            matrix[k, :, j] = matrix[j, :, k].T
        matrix[k, :, k] += np.diag(system.penalties)
    return matrix.reshape(outputs * p, outputs * p)


def solved(matrix: Floats, right: Floats) -> Floats:
    """Solve with as little added to the diagonal as makes the matrix positive; directions without a bend stay put."""
    from scipy.linalg import cho_factor, cho_solve

    size = np.sqrt(np.abs(np.diag(matrix)))
    size = np.maximum(size, 1e-8 * size.max(initial=0.0))
    size[size == 0.0] = 1.0
    scaled, added = matrix / size / size[:, None], 0.0
    while np.isfinite(scaled).all() and added < 1e8:
        try:
            factors = cho_factor(scaled + added * np.eye(len(scaled)), check_finite=False)
        except np.linalg.LinAlgError:
            factors = None
        pivots = np.zeros(1) if factors is None else np.abs(np.diag(factors[0]))
        if not added and pivots.min(initial=1.0) < SINGULAR * pivots.max(initial=1.0):
            found = _shortest(scaled, right / size)
            if found is not None:
                return np.asarray(found / size)
        elif factors is not None:
            return np.asarray(cho_solve(factors, right / size, check_finite=False) / size)
        added = max(30 * added, 1e-13)
    return np.asarray(right / size**2)


def _shortest(scaled: Floats, right: Floats) -> Floats | None:
    """The shortest solution of a singular system, the same whatever the rounding; None where there is none."""
    values, vectors = np.linalg.eigh(scaled)
    least = len(values) * ROUNDING * 16 * np.abs(values).max()
    if values[0] < -least:
        return None
    kept, along = values > least, vectors.T @ right
    if np.linalg.norm(along[~kept]) > 1e-8 * np.linalg.norm(right):  # a slope where nothing bends
        return None
    return np.asarray(vectors[:, kept] @ (along[kept] / values[kept]))


def _by_conjugate_gradients(system: System, point: Point, slope: Floats, coupled: bool) -> Floats:
    """The Newton step without its matrix, as exact as the slope is small (Steihaug (1983), SIAM J. Num. Anal. 20)."""
    features, ridge, bends = system.features, system.penalties[:, None], point.look.bends

    def turned(v: Floats) -> Floats:
        moved = times(features, v)
        along = system.problem.hvp(point.raw, moved) if coupled else bends * moved
        return np.asarray(back(features, along) + ridge * v)

    size = np.abs(np.einsum("ij,ij,ik->jk", features, features, bends)) + ridge
    return _conjugate(turned, slope, np.where(size > 0, size, 1.0))


def _conjugate(matrix: Callable[[Floats], Floats], slope: Floats, size: Floats) -> Floats:
    step, rest = np.zeros_like(slope), -slope
    ready = rest / size
    along, power = ready, float((rest * ready).sum())
    goal = 1e-12 * power
    for _ in range(ROUNDS):
        if power <= goal:
            break
        image = matrix(along)
        bend = float((along * image).sum())
        if bend <= 1e-14 * float((along**2 * size).sum()):
            return step if step.any() else ready
        step, rest = step + (power / bend) * along, rest - (power / bend) * image
        ready, before = rest / size, power
        power = float((rest * ready).sum())
        along = ready + (power / before) * along
    return step
