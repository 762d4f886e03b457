"""The lowest point: an objective and a path come in, the lowest loss that real minimisers find and what it is go out.

L-BFGS with exact gradients from the lowest point of the path; for a convex loss of few parameters, Newton's steps after it.
"It is the minimum" is said only where nothing speaks against it: see `_at_rest`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lossmith.loss.known_facts import facts
from lossmith.report.descent_page.record import Floats
from lossmith.report.pages.number import number
from lossmith.teach.descent.task import Objective

ITERATIONS: Final = 200
NEWTON: Final = 30
FEW: Final = 64
"""So many parameters are few: their whole hessian is cheap."""
STILL: Final = 1e-6
"""A gradient below this share of that at the start of the path counts as 0."""
FLAT: Final = 1e-8
"""A curvature below this share of the largest counts as none."""
FAR: Final = 10.0


def lowest(objective: Objective, points: Floats, losses: Floats) -> tuple[float, str]:
    """The lowest loss that was found from the lowest point of the path, and what is known of it."""
    start, first = points[int(np.argmin(losses))], float(np.min(losses))
    convex = len(objective.network.widths) == 2 and facts(objective.task.loss).convex.value is True
    at = _by_lbfgs(objective, start)
    if convex and objective.network.size <= FEW:
        at = _by_newton(objective, at)
    value, slope = objective.value_and_gradient(at)
    if not np.isfinite(value) or value > first:
        return first, "No minimiser went lower than the path."
    further = objective.value(points[0] + FAR * (at - points[0]))
    if further < value:
        return value, (
            f"It is no minimum: ten times as far from the start the loss is {number(further)}, lower still. It may only ever "
            "fall as the parameters grow."
        )
    if float(np.linalg.norm(slope)) > STILL * float(np.linalg.norm(objective.value_and_gradient(points[0])[1])):
        return (
            value,
            "It is the lowest that L-BFGS found from the lowest point of the path; the gradient is not 0 there.",
        )
    if convex and _at_rest(objective, points[0], at, slope):
        return value, "It is the minimum: the gradient is 0 there, and this loss has no lower point in a linear model."
    if convex:
        return value, "The gradient is 0 there, to rounding; whether there are lower points farther away is open."
    return value, "The gradient is 0 there; other low points may exist."


def _by_lbfgs(objective: Objective, start: Floats) -> Floats:
    from scipy.optimize import minimize

    def seen(at: Floats) -> tuple[float, Floats]:
        value, slope = objective.value_and_gradient(at)
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else (np.inf, np.zeros_like(slope))

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 1e-15, "gtol": 1e-10}
    return np.asarray(minimize(seen, start, jac=True, method="L-BFGS-B", options=options).x)


def _by_newton(objective: Objective, at: Floats) -> Floats:
    """Newton's steps, halved until they lower the loss, as long as they do."""
    value, slope = objective.value_and_gradient(at)
    for _ in range(NEWTON):
        step = _newton_step(objective.hessian(at), slope)
        for halving in range(6):
            further = at + step / 2**halving
            lower, next_slope = objective.value_and_gradient(further)
            if lower < value and np.isfinite(next_slope).all():
                break
        else:
            return at
        fell, at, value, slope = value - lower, further, lower, next_slope
        if fell <= 1e-14 * abs(value):
            return at
    return at


def _newton_step(matrix: Floats, slope: Floats) -> Floats:
    """Against the gradient, over the curvature; directions without curvature are left alone."""
    if not np.isfinite(matrix).all():
        return -slope
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-12 * max(values[-1], 0.0)
    along = vectors.T @ slope
    return np.asarray(-vectors[:, kept] @ (along[kept] / values[kept]))


def _at_rest(objective: Objective, first: Floats, at: Floats, slope: Floats) -> bool:
    """Whether a point where a convex loss has no slope holds: no curvature has died away since the start.

    A direction that is flat here and was not flat at the start may be one along which the loss falls for ever, ever more
    slowly (classes that a plane separates). One flat at both changes no prediction that matters. Many parameters: open.
    """
    if objective.network.size > 5 * FEW:
        return False
    here, there = objective.hessian(at), objective.hessian(first)
    if not (np.isfinite(here).all() and np.isfinite(there).all()):
        return False
    values, vectors = np.linalg.eigh(here)
    flat = vectors[:, values <= FLAT * values[-1]]
    before = np.einsum("ij,ik,kj->j", flat, there, flat)
    if (before > FLAT * max(float(np.linalg.eigvalsh(there)[-1]), 0.0)).any():
        return False
    step = float(np.linalg.norm(_newton_step(here, slope)))
    return step <= 1e-3 * max(1.0, float(np.linalg.norm(at - first)))
