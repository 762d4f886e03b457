"""The lowest point: an objective and a point to begin from come in, the lowest loss that a real minimiser finds goes out."""

from __future__ import annotations

from typing import Final

import numpy as np

from lossmith.loss.known_facts import facts
from lossmith.report.descent_page.record import Floats
from lossmith.teach.descent.task import Objective

ITERATIONS: Final = 200
STILL: Final = 1e-6
"""A gradient below this share of that at the start of the path counts as 0."""


def lowest(objective: Objective, points: Floats, losses: Floats) -> tuple[float, str]:
    """The lowest loss that L-BFGS reaches with exact gradients from the lowest point of the path, and what it is."""
    from scipy.optimize import minimize

    def seen(at: Floats) -> tuple[float, Floats]:
        value, slope = objective.value_and_gradient(at)
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else (np.inf, np.zeros_like(slope))

    start = points[int(np.argmin(losses))]
    first, steep = float(np.min(losses)), float(np.linalg.norm(objective.value_and_gradient(points[0])[1]))
    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(seen, start, jac=True, method="L-BFGS-B", options=options)
    value, slope = objective.value_and_gradient(found.x)
    if not np.isfinite(value) or value > first:
        return first, "No minimiser went lower than the path."
    convex = len(objective.network.widths) == 2 and facts(objective.task.loss).convex.value is True
    still = float(np.linalg.norm(slope)) <= STILL * steep
    far = float(np.linalg.norm(found.x)) > 1e3 * max(1.0, float(np.linalg.norm(points[0])))
    if still and convex and not far:
        return (
            value,
            "It is the minimum: the gradient is 0 there, and this loss has no lower point in a linear model.",
        )
    if far:
        return value, "The loss keeps falling as parameters grow: there may be no minimum, only ever lower points."
    if still:
        return value, "The gradient is 0 there; other low points may exist."
    return value, f"It is the lowest that {ITERATIONS} steps of L-BFGS found from the lowest point of the path."
