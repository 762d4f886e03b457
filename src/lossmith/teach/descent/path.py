"""Walk down: an objective, a start and a learning rate come in, a path with its losses goes out.

`walked` also asks Taylor's theorem at every step; `tried` only walks. Both stop at the first loss that is no number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith.errors import LossmithError
from lossmith.report.descent_page.record import Floats, Taylor
from lossmith.teach.descent.task import Objective

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""A change of the loss below this share of it is rounding: a sum over rows and the finish round a few times each."""


@dataclass(frozen=True, eq=False)
class Path:
    """Points (T + 1, d), losses (T + 1,), norms of the gradient (T,), and why it stopped early (else an empty text)."""

    points: Floats
    losses: Floats
    norms: Floats
    why_stopped: str

    @property
    def rises(self) -> Floats:
        """Which steps raised the loss by more than rounding, (T,)."""
        before, after = self.losses[:-1], self.losses[1:]
        with np.errstate(all="ignore"):
            kept = after - before <= ROUNDING * np.maximum(np.abs(before), np.abs(after))
        return np.asarray(~kept | (after == np.inf))


def walked(objective: Objective, start: Floats, rate: float, steps: int) -> tuple[Path, Taylor]:
    """Walk, with the predictions of first and second order at each step."""
    bends: list[float] = []
    path = _walk(objective, start, rate, steps, bends)
    made = len(path.losses) - 1
    squared, bend = path.norms[:made] ** 2, np.array(bends[:made])
    with np.errstate(all="ignore"):
        actual = np.diff(path.losses)
        return path, Taylor(squared, bend, -rate * squared, np.float64(rate) ** 2 / 2 * bend, actual)


def tried(objective: Objective, start: Floats, rate: float, steps: int) -> Path:
    """Walk, and look at the losses only."""
    return _walk(objective, start, rate, steps, None)


def _walk(objective: Objective, start: Floats, rate: float, steps: int, bends: list[float] | None) -> Path:
    points, losses, norms, why = [start], [], [], ""
    for step in range(steps + 1):
        value, slope, why = _looked(objective, points[-1], step)
        losses.append(value)
        if why or step == steps:
            break
        with np.errstate(all="ignore"):
            norms.append(float(np.sqrt(slope @ slope)))
            if bends is not None:
                bends.append(float(slope @ objective.hvp(points[-1], slope)))
            points.append(points[-1] - rate * slope)
        if (points[-1] == points[-2]).all():  # the step is below rounding: every further one is the same
            rest = steps - step
            losses += [value] * rest
            norms += norms[-1:] * (rest - 1)
            points += points[-1:] * (rest - 1)
            if bends is not None:
                bends += bends[-1:] * (rest - 1)
            break
    return Path(np.array(points), np.array(losses), np.array(norms), why)


def _looked(objective: Objective, point: Floats, step: int) -> tuple[float, Floats, str]:
    """The loss and its gradient, and a sentence where one of them is no number."""
    nothing = np.zeros(objective.network.size)
    if not np.isfinite(point).all():
        return (
            float("nan"),
            nothing,
            f"Step {step} made parameters that are too large for a number; the path ends there.",
        )
    try:
        value, slope = objective.value_and_gradient(point)
    except LossmithError as error:
        if step == 0:
            raise
        return float("nan"), nothing, f"After step {step} the loss has no value ({error.sentence}) The path ends there."
    if not np.isfinite(value):
        what = "infinite" if np.isinf(value) else "not a number"
        return value, nothing, f"After step {step} the loss is {what}; the path is kept up to there."
    if not np.isfinite(slope).all():
        return value, nothing, f"After step {step} the gradient is no longer a number; the path is kept up to there."
    return value, slope, ""
