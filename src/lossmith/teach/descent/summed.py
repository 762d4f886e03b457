"""The sum over rows against their mean: a task comes in; the same descent, done both ways, goes out as numbers.

The gradient of the sum is the number of rows (or their total weight) times that of the mean, so the rate for the sum is
the rate for the mean divided by it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import LossmithError
from lossmith.report.descent_page.record import Floats, SumAgainstMean
from lossmith.teach.descent.path import tried
from lossmith.teach.descent.task import Objective

STEPS: Final = 30
UNCHANGED: Final = 10


def sum_against_mean(objective: Objective, start: Floats, rate: float, steps: int) -> SumAgainstMean | None:
    """Walk with the mean, with the sum at the rate divided by the rows, and with the sum at the rate as it is.

    None where the loss is not a sum over rows divided by their number, or nothing at all.
    """
    pair = _both(objective)
    if pair is None:
        return None
    mean, total, given_is_sum = pair
    weight, task = objective.task.weight, objective.task
    rows = float(len(task.X) if weight is None else weight.sum())
    mean_rate = rate * rows if given_is_sum else rate
    count = min(steps, STEPS)
    one, other = tried(mean, start, mean_rate, count), tried(total, start, mean_rate / rows, count)
    common = min(len(one.losses), len(other.losses))
    unchanged = tried(total, start, mean_rate, min(steps, UNCHANGED))
    slopes = [float(np.abs(part.value_and_gradient(start)[1]).max()) for part in (mean, total)]
    ratio = slopes[1] / slopes[0] if slopes[0] > 0 else float("nan")
    return SumAgainstMean(
        rows,
        mean_rate,
        mean_rate / rows,
        common - 1,
        _apart(one.points[:common], other.points[:common]),
        _apart(one.losses[:common], other.losses[:common] / rows),
        ratio,
        float(unchanged.losses[-1] / rows),
        len(unchanged.losses) - 1,
        given_is_sum,
    )


def _both(objective: Objective) -> tuple[Objective, Objective, bool] | None:
    """The objective with the mean and with the sum, and whether the loss that was given is the sum."""
    loss = objective.task.loss
    found = loss.expressions.additive
    if found is None or found.denominator not in {TOTAL, ONE}:
        return None
    try:
        mean, total = loss.over("weight"), loss.over("one")
    except LossmithError:
        return None
    given_is_sum = found.denominator in {ONE}
    as_mean, as_sum = (Objective(objective.task.under(each), objective.network) for each in (mean, total))
    return as_mean, as_sum, given_is_sum


def _apart(one: Floats, other: Floats) -> float:
    """The largest difference, by the largest size in the same row of numbers."""
    finite = np.isfinite(one) & np.isfinite(other)
    size = float(np.abs(one[finite]).max(initial=0.0))
    gap = float(np.abs(one[finite] - other[finite]).max(initial=0.0))
    return gap / size if size > 0 else gap
