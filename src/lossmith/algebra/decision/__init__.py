"""From what errors cost to the loss that fits and to the rule that turns a prediction into an action: all in one place.

Comes in: costs in the user's words (`under=5, over=1`). Goes out: frozen records: the costs, the loss that they imply
(a name and parameters), and decision rules, some fitted on rows; all of it pure NumPy on the target's scale.
The parts are in `costs`, `cost_text`, `acting`, `rules` and `fits`.
"""

from __future__ import annotations

from lossmith.algebra.decision.cost_text import costs_from
from lossmith.algebra.decision.costs import (
    CostMatrix,
    Costs,
    ErrorCosts,
    RowCosts,
    StatedCosts,
    UnderOver,
    cheapest_constant,
    column_values,
    cost_columns,
    cost_per_row,
    costs_for,
    only_classes,
    row_stakes,
    weighted_quantile,
    zero_one,
)
from lossmith.algebra.decision.fits import (
    best_cuts,
    best_levels,
    best_recalibration,
    best_scale,
    best_shift,
    best_shift_by_size,
    best_sorted_levels,
    best_threshold,
)
from lossmith.algebra.decision.rules import (
    AsIs,
    CheapestClass,
    Corrected,
    Cuts,
    Levels,
    Recalibrated,
    RowThreshold,
    Rule,
    Scale,
    Shift,
    ShiftBySize,
    SortedLevels,
    Threshold,
    act,
    deciding,
    implied_rule,
    nearest_grade,
    probabilities,
    rule_columns,
    rule_from_dict,
    rule_to_dict,
    usual_rule,
)

__all__ = [
    "AsIs",
    "CheapestClass",
    "Corrected",
    "CostMatrix",
    "Costs",
    "Cuts",
    "ErrorCosts",
    "Levels",
    "Recalibrated",
    "RowCosts",
    "RowThreshold",
    "Rule",
    "Scale",
    "Shift",
    "ShiftBySize",
    "SortedLevels",
    "StatedCosts",
    "Threshold",
    "UnderOver",
    "act",
    "best_cuts",
    "best_levels",
    "best_recalibration",
    "best_scale",
    "best_shift",
    "best_shift_by_size",
    "best_sorted_levels",
    "best_threshold",
    "cheapest_constant",
    "column_values",
    "cost_columns",
    "cost_per_row",
    "costs_for",
    "costs_from",
    "deciding",
    "implied_loss",
    "implied_rule",
    "nearest_grade",
    "only_classes",
    "probabilities",
    "row_stakes",
    "rule_columns",
    "rule_from_dict",
    "rule_to_dict",
    "usual_rule",
    "weighted_quantile",
    "zero_one",
]


def implied_loss(costs: Costs) -> tuple[str, dict[str, float]]:
    """Return the name and the parameters of the loss whose best prediction is the cheapest action.

    Costs that differ by row weigh the rows of a quantile (`row_stakes`); a true probability needs no weights.

    >>> implied_loss(UnderOver(9.0, 1.0))
    ('quantile', {'level': 0.9})
    """
    if isinstance(costs, UnderOver):
        return "quantile", {"level": costs.level}
    return ("binary_cross_entropy" if isinstance(costs, ErrorCosts) else "cross_entropy"), {}
