"""Decision rules as frozen records: predictions on the target's scale come in, actions go out.

`lossmith.algebra.decision.acting` holds what each rule does (one implementation, which `predict.py` embeds);
`lossmith.algebra.decision.fits` finds the best rule of each kind on given rows.

Sources: Elkan (2001), The foundations of cost-sensitive learning (thresholds; class weights and what undoes them);
Chernozhukov, Fernandez-Val and Galichon (2010), Quantile and probability curves without crossing (sorted quantiles).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lossmith.algebra.decision.acting import act_by, adjusted_by, columns_of
from lossmith.algebra.decision.costs import (
    Columns,
    CostMatrix,
    Costs,
    ErrorCosts,
    Floats,
    Matrix,
    UnderOver,
    column_values,
    zero_one,
)
from lossmith.errors import ArgumentError

Entry: TypeAlias = float | str
Entries: TypeAlias = tuple[tuple[Entry, ...], ...]
"""A matrix of costs in which an entry may be the name of a column."""


@dataclass(frozen=True)
class AsIs:
    """The prediction is the action."""


@dataclass(frozen=True)
class Shift:
    """Add `amount` to every prediction."""

    amount: float


@dataclass(frozen=True)
class Scale:
    """Multiply every prediction by `factor` (a shift on the scale of the logarithm)."""

    factor: float


@dataclass(frozen=True)
class ShiftBySize:
    """Add `amounts[i]` where `edges[i - 1] <= prediction < edges[i]`: errors differ by the size of the prediction."""

    edges: tuple[float, ...]
    amounts: tuple[float, ...]

    def __post_init__(self) -> None:
        _check(len(self.amounts) == len(self.edges) + 1, "ShiftBySize needs one amount more than edges")
        _check(_rising(self.edges), "the edges of ShiftBySize must rise")


@dataclass(frozen=True)
class Threshold:
    """Decide "positive" where the predicted probability is at least `level`."""

    level: float


@dataclass(frozen=True)
class RowThreshold:
    """Decide "positive" where the probability is at least false_positive / (false_positive + false_negative).

    Each is a number or the name of a column, so that every row has its own threshold.
    """

    false_negative: float | str
    false_positive: float | str


@dataclass(frozen=True)
class CheapestClass:
    """Decide the class with the least expected cost under the predicted probabilities."""

    matrix: Matrix


@dataclass(frozen=True)
class RowCheapest:
    """Decide the cheapest class under the row's own costs, for predictions of what is at stake with each class.

    Rows of class j weighed in training what a wrong decision about them costs on average, beyond the cheapest one. The
    rule divides the predicted shares by these weights, and takes the least expected cost by `matrix`, names of columns
    in it.
    """

    matrix: Entries


@dataclass(frozen=True)
class Cuts:
    """Turn a number on a line of ordered grades into the grade that counts the cut points at or below it."""

    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        _check(_rising(self.levels), "the levels of Cuts must not fall")


@dataclass(frozen=True)
class SortedLevels:
    """Sort each row, add `amounts[j]` to its quantile of level j, and sort again: quantiles then never cross.

    Sorting makes no quantile loss larger (Chernozhukov et al. 2010). No amounts: only sort.
    """

    amounts: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Levels:
    """Add `amounts[j]`, a quantile of the residuals, to one prediction: a quantile for each level."""

    amounts: tuple[float, ...]


@dataclass(frozen=True)
class Corrected:
    """Undo the class weights of training, then decide: the inverse of a reweighting.

    A model that is right under class weights w predicts p_k w_k / sum(p w); dividing by w gives p back. `weights` are
    numbers above 0 or names of columns; of a binary target, those of the negative and the positive class.
    """

    weights: tuple[float | str, ...]
    then: Rule = field(default_factory=AsIs)

    def __post_init__(self) -> None:
        fine = all(isinstance(w, str) or (np.isfinite(w) and w > 0) for w in self.weights)
        _check(fine and len(self.weights) > 1, "Corrected needs a finite weight above 0 for each class")


@dataclass(frozen=True)
class Recalibrated:
    """Replace a probability p by the one whose log-odds are slope * log(p / (1 - p)) + intercept, then decide.

    Probabilities of exactly 0 and 1 stay.
    """

    slope: float
    intercept: float
    then: Rule = field(default_factory=AsIs)


Rule = (
    AsIs
    | Shift
    | Scale
    | ShiftBySize
    | Threshold
    | RowThreshold
    | CheapestClass
    | RowCheapest
    | Cuts
    | SortedLevels
    | Levels
    | Corrected
    | Recalibrated
)
RULES: Final[Mapping[str, type[Any]]] = {
    "as_is": AsIs,
    "shift": Shift,
    "scale": Scale,
    "shift_by_size": ShiftBySize,
    "threshold": Threshold,
    "row_threshold": RowThreshold,
    "cheapest_class": CheapestClass,
    "row_cheapest": RowCheapest,
    "cuts": Cuts,
    "sorted_levels": SortedLevels,
    "levels": Levels,
    "corrected": Corrected,
    "recalibrated": Recalibrated,
}
NAMES: Final[Mapping[type[Any], str]] = {record: name for name, record in RULES.items()}


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ArgumentError("LM243", f"{what}.")


def _rising(values: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in pairwise(values))


# Acting -----------------------------------------------------------------------------------------------------------


def act(rule: Rule, y_pred: ArrayLike, columns: Columns | None = None) -> Floats:
    """Turn predictions on the target's scale into actions: numbers, 0/1, or class positions.

    `y_pred` is (n,); (n, k) probabilities for several classes; (n, levels) for `SortedLevels`. `columns` holds what the
    rule names. Raises `ArgumentError` LM238 for a column that is absent or holds a value below 0 or none.

    >>> act(Threshold(0.25), [0.1, 0.25, 0.9]).tolist()
    [0.0, 1.0, 1.0]
    >>> act(RowThreshold("amount", 10.0), [0.1, 0.1], {"amount": [100.0, 50.0]}).tolist()
    [1.0, 0.0]
    >>> act(Corrected((1.0, 20.0)), [0.5]).round(4).tolist()  # 0.5 under weights 1 : 20 means 1/21
    [0.0476]
    """
    data = rule_to_dict(rule)
    found: Floats = act_by(data, np.asarray(y_pred, dtype=np.float64), _needed(data, columns))
    return found


def probabilities(rule: Rule, y_pred: ArrayLike, columns: Columns | None = None) -> Floats:
    """Return the predicted probabilities after every correction of the rule, before it decides.

    >>> probabilities(Corrected((1.0, 3.0), Threshold(0.5)), [0.75]).tolist()
    [0.5]
    """
    data = rule_to_dict(rule)
    found: Floats = adjusted_by(data, np.asarray(y_pred, dtype=np.float64), _needed(data, columns))
    return found


def rule_columns(rule: Rule) -> tuple[str, ...]:
    """Return the names of the columns that a rule reads, each once.

    >>> rule_columns(RowThreshold("amount", 10.0))
    ('amount',)
    """
    return tuple(columns_of(rule_to_dict(rule)))


def _needed(data: Mapping[str, Any], columns: Columns | None) -> dict[str, Floats]:
    return {name: column_values(columns, name) for name in columns_of(data)}


# Rules that need no fit -------------------------------------------------------------------------------------------


def implied_rule(costs: Costs) -> Rule:
    """Return the rule that is right if the predictions are: as they are, at the costs' threshold, cheapest class.

    >>> implied_rule(ErrorCosts("amount", 10.0))
    RowThreshold(false_negative='amount', false_positive=10.0)
    """
    if isinstance(costs, UnderOver):
        return AsIs()
    if isinstance(costs, CostMatrix):
        return CheapestClass(costs.matrix)
    return RowThreshold(costs.false_negative, costs.false_positive) if costs.by_row else Threshold(costs.threshold)


def usual_rule(costs: Costs) -> Rule:
    """Return what people do who do not think of costs: as it is, threshold 1/2, most probable class."""
    if isinstance(costs, ErrorCosts):
        return Threshold(0.5)
    return CheapestClass(zero_one(len(costs.matrix))) if isinstance(costs, CostMatrix) else AsIs()


def nearest_grade(grades: int) -> Cuts:
    """Return the rule that rounds a number on a line of grades 0, 1, ... to the nearest grade.

    >>> nearest_grade(3)
    Cuts(levels=(0.5, 1.5))
    """
    return Cuts(tuple(grade + 0.5 for grade in range(grades - 1)))


def deciding(rule: Rule, classes: int) -> Rule:
    """Return a rule that decides between classes: where it only gives probabilities, the most probable class.

    Without classes it is the rule itself.

    >>> deciding(Corrected((1.0, 20.0)), 2)
    Corrected(weights=(1.0, 20.0), then=Threshold(level=0.5))
    """
    if isinstance(rule, Corrected | Recalibrated):
        return replace(rule, then=deciding(rule.then, classes))
    if classes and isinstance(rule, AsIs):
        return Threshold(0.5) if classes == 2 else CheapestClass(zero_one(classes))
    return rule


# As plain data ----------------------------------------------------------------------------------------------------


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return the rule as plain data, `{"rule": name, ...}`; a rule in `then` likewise.

    >>> rule_to_dict(Shift(2.0))
    {'rule': 'shift', 'amount': 2.0}
    """
    values = {item.name: getattr(rule, item.name) for item in fields(rule)}
    return {"rule": NAMES[type(rule)]} | {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    return rule_to_dict(value) if type(value) in NAMES else value


def rule_from_dict(data: Mapping[str, Any]) -> Rule:
    """Rebuild a rule from `rule_to_dict`, or from its JSON.

    >>> rule_from_dict({"rule": "corrected", "weights": [1.0, 9.0], "then": {"rule": "threshold", "level": 0.5}})
    Corrected(weights=(1.0, 9.0), then=Threshold(level=0.5))
    """
    rule: Rule = RULES[data["rule"]](**{key: _rebuilt(value) for key, value in data.items() if key != "rule"})
    return rule


def _rebuilt(value: Any) -> Any:
    if isinstance(value, Mapping):
        return rule_from_dict(value)
    return tuple(map(_rebuilt, value)) if isinstance(value, list | tuple) else value
