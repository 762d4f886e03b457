"""Give a model its best decision rule: costs and predictions of the stop rows come in, a rule and its reason go out.

The fitted rule replaces the rule that the costs imply only where it is clearly cheaper on the stop rows (by two
standard errors of the paired difference, and by half a percent): a threshold tuned on a handful of positives is mostly
luck, and a shift of a billionth is no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.interval import mean_and_error
from lossmith.algebra.decision import (
    CostMatrix,
    Costs,
    ErrorCosts,
    Rule,
    UnderOver,
    act,
    best_shift,
    best_threshold,
    cost_per_row,
    implied_rule,
)
from lossmith.report.words import with_margin

Floats = NDArray[np.float64]
CLEARLY: Final = 2.0
MATTERS: Final = 0.005  # a difference below half a percent of the cost is called none


@dataclass(frozen=True)
class Decision:
    """A rule and why it was taken."""

    rule: Rule
    why: str


def _no_fit(costs: Any, y: Floats, y_pred: Floats) -> Rule:
    return implied_rule(costs)


FITS: Final[Mapping[type[Any], Callable[[Any, Floats, Floats], Rule]]] = {
    UnderOver: best_shift,
    ErrorCosts: best_threshold,
    CostMatrix: _no_fit,
}


def fit_rule(costs: Costs, y: Floats, y_pred: Floats) -> Rule:
    """Return the rule with the least cost on these rows: a shift, a threshold, or the cheapest class."""
    return FITS[type(costs)](costs, y, y_pred)


def choose_rule(costs: Costs, y: Floats, y_pred: Floats, blocks: NDArray[np.int64]) -> Decision:
    """Return the rule the costs imply, or the fitted one where that is clearly cheaper on these rows."""
    implied, fitted = implied_rule(costs), fit_rule(costs, y, y_pred)
    saved = cost_per_row(costs, y, act(implied, y_pred)) - cost_per_row(costs, y, act(fitted, y_pred))
    gain, error, _ = mean_and_error(saved, blocks)
    before = float(cost_per_row(costs, y, act(implied, y_pred)).mean())
    if gain > CLEARLY * error and gain > MATTERS * before:
        return Decision(fitted, f"fitted on the stop rows, where it saves {with_margin(gain, CLEARLY * error)} a row")
    return Decision(implied, "what the costs imply; a fitted rule was not clearly cheaper on the stop rows")
