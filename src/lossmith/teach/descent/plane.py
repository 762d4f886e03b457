"""The plane that is drawn: an objective and a path come in, a grid of real losses around the path goes out.

Two parameters make the plane themselves. Of more, it is the plane through the end of the path along the two directions in
which the path moves most (the principal directions of its points); where it runs straight, the second one is that in
which the loss bends most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import LossmithError
from lossmith.report.descent_page.record import Floats, Plane
from lossmith.teach.descent.task import Objective

GRID, COARSE = 25, 17
MANY: Final = 60_000
"""From so many numbers in the raw predictions and features on, the grid is coarse."""

MARGIN: Final = 0.25
FAR: Final = 10.0
"""A path that runs away is drawn as long as its loss is below so many times the highest one of a path that does not."""


STRAIGHT: Final = 1e-6
"""A path that moves less than this share of the other direction's way does not move in a direction."""

FEWEST: Final = 4
"""So many points of a path that runs away at once are drawn."""


def plane_of(objective: Objective, points: Floats, losses: Floats, names: tuple[str, ...]) -> Plane | None:
    """Lay the plane and evaluate the loss on it; None where the path did not move or there is one parameter only."""
    shown = _shown(losses)
    path = points[:shown]
    if path.shape[1] < 2 or len(path) < 2 or not (path != path[0]).any():
        return None
    whole = path.shape[1] == 2
    origin = np.zeros(2) if whole else path[-1]
    directions = np.eye(2) if whole else _directions(objective, path)
    flat = (path - origin) @ directions.T
    spans = np.ptp(flat, axis=0)
    x, y = (_axis(flat[:, k], float(spans[1 - k]), _cells(objective)) for k in (0, 1))
    z = _heights(objective, origin, directions, x, y)
    moved = _scaled(path - path[-1])
    inside = (moved @ directions.T) ** 2
    lowest, value = _lowest(objective, origin, directions, (x, y), z)
    labels = names if whole else _labels(path, directions)
    return Plane(
        labels[0], labels[1], x, y, z, flat, float(inside.sum() / (moved**2).sum()), origin, directions, lowest, value, whole
    )  # fmt: skip


def _heights(objective: Objective, origin: Floats, directions: Floats, x: Floats, y: Floats) -> Floats:
    """The loss at every place of the grid, a row of places at once where the total is a sum over examples."""
    ways = [[origin + a * directions[0] + b * directions[1] for a in x] for b in y]
    summed = _summed(objective, len(x))
    if summed is None:
        return np.array([[objective.value(at) for at in row] for row in ways])
    try:
        with np.errstate(all="ignore"):
            return np.array([summed(row) for row in ways])
    except LossmithError:  # somewhere there is no loss: place by place
        return np.array([[objective.value(at) for at in row] for row in ways])


def _summed(objective: Objective, count: int) -> Callable[[list[Floats]], Floats] | None:
    """A function of so many points that computes all their losses at once; None where rows do not simply add up."""
    task, found = objective.task, objective.task.loss.expressions.additive
    if found is None or found.denominator not in {TOTAL, ONE}:
        return None
    n = len(task.X)
    many = replace(task, X=task.X[:, :0]).take(np.tile(np.arange(n), count))
    divided = found.denominator in {TOTAL}
    mass = float(n if task.weight is None else task.weight.sum()) if divided else 1.0

    def heights(points: list[Floats]) -> Floats:
        raw = np.concatenate([objective.network.raw(task.X, at) for at in points])
        terms = many.terms(raw).reshape(count, -1)
        examples = terms.shape[1] / n if divided else 1.0  # several targets a row are as many examples
        return np.asarray(terms.sum(axis=1) / (mass * examples))

    return heights


def _scaled(moved: Floats) -> Floats:
    """Movements by the largest of them, so that no square overflows or is lost."""
    return np.asarray(moved / np.abs(moved).max())


def _shown(losses: Floats) -> int:
    """How many points of the path are drawn: those before it runs away for good."""
    count = int(np.isfinite(losses).sum())
    first = float(losses[0])
    reach = first + FAR * max(abs(first), float(first - np.nanmin(losses)), 1e-300)
    near = np.flatnonzero(losses[:count] <= reach)
    return max(int(near[-1]) + 1, min(FEWEST, count))


def _cells(objective: Objective) -> int:
    task = objective.task
    return COARSE if task.X.size + len(task.X) * sum(objective.network.widths[1:]) > MANY else GRID


def _directions(objective: Objective, path: Floats) -> Floats:
    """Two orthonormal directions of the space of parameters, each with its largest entry positive."""
    _, sizes, found = np.linalg.svd(_scaled(path - path[-1]), full_matrices=False)
    first = found[0]
    second = found[1] if len(sizes) > 1 and sizes[1] > 1e-9 * sizes[0] else _across(objective, path[-1], first)
    pair = np.stack([first, second])
    signs = np.sign(pair[np.arange(2), np.abs(pair).argmax(axis=1)])
    return np.asarray(pair * signs[:, None])


def _across(objective: Objective, point: Floats, first: Floats) -> Floats:
    """A direction at right angles to the first, drawn towards where the loss bends most."""
    found = np.random.default_rng(0).standard_normal(len(first))
    times = objective.bent(point)
    for _ in range(20):
        found = found - (found @ first) * first
        found /= np.linalg.norm(found)
        bent = times(found)
        bent = bent - (bent @ first) * first
        if not np.isfinite(bent).all() or np.linalg.norm(bent) < 1e-12:
            break
        found = bent
    found = found - (found @ first) * first
    return np.asarray(found / np.linalg.norm(found))


def _axis(along: Floats, across: float, cells: int) -> Floats:
    """Places along one direction; where the path does not move in it, as many to both sides as it moves in the other."""
    low, high = float(along.min()), float(along.max())
    room = MARGIN * (high - low)
    if not high - low > STRAIGHT * across:
        room = 0.5 * (across or max(1.0, abs(low)))
    return np.linspace(low - room, high + room, cells)


def _lowest(
    objective: Objective, origin: Floats, directions: Floats, axes: tuple[Floats, Floats], z: Floats
) -> tuple[Floats | None, float]:
    """The lowest point within the frame, refined from the grid; None where it lies on the frame's border."""
    from scipy.optimize import minimize

    if not np.isfinite(z).any():
        return None, float("nan")
    j, i = np.unravel_index(np.nanargmin(np.where(np.isfinite(z), z, np.nan)), z.shape)
    first = np.array([axes[0][i], axes[1][j]])

    def seen(at: Floats) -> tuple[float, Floats]:
        value, slope = objective.value_and_gradient(origin + at @ directions)
        return value, directions @ slope

    bounds = [(float(axis[0]), float(axis[-1])) for axis in axes]
    found = minimize(
        seen, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-12, "maxfun": 60}
    )
    at = np.asarray(found.x if found.fun <= z[j, i] else first)
    on_border = any(not low < value < high for value, (low, high) in zip(at, bounds, strict=True))
    return (None if on_border else at), float(min(found.fun, z[j, i]))


def _labels(path: Floats, directions: Floats) -> tuple[str, str]:
    """The share of the path's movement along each direction, as words."""
    moved = _scaled(path - path[-1])
    total = float((moved**2).sum())
    shares = [float(((moved @ way) ** 2).sum()) / total for way in directions]
    names = ("first", "second")
    return (
        f"along the {names[0]} direction ({shares[0]:.1%} of the movement)",
        f"along the {names[1]} direction ({shares[1]:.1%})",
    )
