"""From what errors cost to the loss that fits and to the rule that turns a prediction into an action.

Comes in: costs in the user's words (`under=5, over=1`). Goes out: frozen records: the costs, the loss that they imply
(a name and parameters), and a decision rule fitted on rows; all of it pure NumPy on the target's scale.

Sources: the asymmetric linear cost is minimised by the quantile under/(under+over) (Koenker and Bassett 1978);
the cheapest threshold on a true probability is false_positive/(false_positive+false_negative) (Elkan 2001, eq. 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, did_you_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UnderOver:
    """Each unit that a prediction lies below the truth costs `under`, each unit above costs `over`."""

    under: float
    over: float

    @property
    def level(self) -> float:
        """The quantile that minimises the expected cost."""
        return self.under / (self.under + self.over)


@dataclass(frozen=True)
class ErrorCosts:
    """A missed positive costs `false_negative`, a false alarm `false_positive`, a right decision nothing."""

    false_negative: float
    false_positive: float

    @property
    def threshold(self) -> float:
        """The probability from which deciding "positive" is cheaper, if the probability is true."""
        return self.false_positive / (self.false_positive + self.false_negative)


@dataclass(frozen=True)
class CostMatrix:
    """`matrix[true][decided]` is the cost of deciding class `decided` where the class is `true`."""

    matrix: tuple[tuple[float, ...], ...]


Costs = UnderOver | ErrorCosts | CostMatrix


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
class Threshold:
    """Decide "positive" where the predicted probability is at least `level`."""

    level: float


@dataclass(frozen=True)
class CheapestClass:
    """Decide the class with the least expected cost under the predicted probabilities."""

    matrix: tuple[tuple[float, ...], ...]


Rule = AsIs | Shift | Scale | Threshold | CheapestClass
RULES: Final[Mapping[str, type[Any]]] = {
    "as_is": AsIs,
    "shift": Shift,
    "scale": Scale,
    "threshold": Threshold,
    "cheapest_class": CheapestClass,
}
COSTS: Final[Mapping[frozenset[str], type[Any]]] = {
    frozenset({"under", "over"}): UnderOver,
    frozenset({"false_negative", "false_positive"}): ErrorCosts,
}
COST_KEYS: Final = ("under", "over", "false_negative", "false_positive")


def costs_from(cost: str | Mapping[str, float]) -> UnderOver | ErrorCosts:
    """Read costs from text or a mapping.

    Raises `ArgumentError` (LM231 to LM234) for unknown keys, a missing partner, or a cost that is not positive.

    >>> costs_from("under=5, over=1")
    UnderOver(under=5.0, over=1.0)
    >>> round(costs_from({"under": 5, "over": 1}).level, 4)
    0.8333
    """
    pairs = _pairs(cost) if isinstance(cost, str) else dict(cost)
    values = {_key(name): _amount(name, value) for name, value in pairs.items()}
    record = COSTS.get(frozenset(values))
    if record is None:
        found = ", ".join(values) or "nothing"
        raise ArgumentError(
            "LM233",
            f'a cost needs "under" and "over" (numbers), or "false_negative" and "false_positive" (two classes); '
            f'found {found}. Write for example "under=5, over=1".',
        )
    made: UnderOver | ErrorCosts = record(**values)
    return made


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ArgumentError(
                "LM231", f'cost "{part.strip()}" is not of the form name=number, as in "under=5, over=1".'
            )
        if name.strip() in pairs:
            raise ArgumentError("LM231", f'cost "{name.strip()}" is given twice.')
        pairs[name.strip()] = value.strip()
    return pairs


def _key(name: str) -> str:
    if name not in COST_KEYS:
        known = ", ".join(COST_KEYS)
        raise ArgumentError("LM232", f'there is no cost named "{name}". Known: {known}.{did_you_mean(name, COST_KEYS)}')
    return name


def _amount(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError("LM234", f'cost "{name}" must be a number, got "{value}".') from None
    if not (math.isfinite(number) and number > 0):
        raise ArgumentError("LM234", f'cost "{name}" must be a number above 0, got {number:g}.')
    return number


def implied_loss(costs: UnderOver | ErrorCosts) -> tuple[str, dict[str, float]]:
    """Return the name and the parameters of the loss whose best prediction is the cheapest action.

    >>> implied_loss(UnderOver(9.0, 1.0))
    ('quantile', {'level': 0.9})
    """
    return ("quantile", {"level": costs.level}) if isinstance(costs, UnderOver) else ("binary_cross_entropy", {})


def _cheapest_class(rule: CheapestClass, p: Floats) -> Floats:
    found: Floats = np.argmin(p @ np.asarray(rule.matrix), axis=1).astype(np.float64)
    return found


ACTIONS: Final[Mapping[type[Any], Callable[[Any, Floats], Floats]]] = {
    AsIs: lambda rule, p: p,
    Shift: lambda rule, p: p + rule.amount,
    Scale: lambda rule, p: p * rule.factor,
    Threshold: lambda rule, p: (p >= rule.level).astype(np.float64),
    CheapestClass: _cheapest_class,
}


def act(rule: Rule, y_pred: ArrayLike) -> Floats:
    """Turn predictions on the target's scale into actions: numbers, 0/1, or class positions.

    `y_pred` is (n,), for `CheapestClass` (n, k) probabilities.

    >>> act(Threshold(0.25), [0.1, 0.25, 0.9]).tolist()
    [0.0, 1.0, 1.0]
    """
    return ACTIONS[type(rule)](rule, np.asarray(y_pred, dtype=np.float64))


def cost_per_row(costs: Costs, y_true: ArrayLike, action: ArrayLike) -> Floats:
    """Return what each action cost, (n,), in the user's unit of cost.

    >>> cost_per_row(UnderOver(5.0, 1.0), [10.0, 10.0], [8.0, 13.0]).tolist()
    [10.0, 3.0]
    """
    y, a = np.asarray(y_true, dtype=np.float64), np.asarray(action, dtype=np.float64)
    if isinstance(costs, UnderOver):
        taken: Floats = np.where(y >= a, costs.under * (y - a), costs.over * (a - y))
    elif isinstance(costs, ErrorCosts):
        taken = np.where(y == 1, costs.false_negative * (a != 1), costs.false_positive * (a == 1))
    else:
        taken = np.asarray(costs.matrix, dtype=np.float64)[y.astype(np.intp), a.astype(np.intp)]
    return taken


def cheapest_constant(costs: Costs, y_true: ArrayLike) -> float:
    """Return the one action that would have been cheapest on `y_true`: a quantile, or a class position."""
    y = np.asarray(y_true, dtype=np.float64)
    if isinstance(costs, UnderOver):
        return float(np.quantile(y, costs.level, method="inverted_cdf"))
    known = 2 if isinstance(costs, ErrorCosts) else len(costs.matrix)
    totals = [float(cost_per_row(costs, y, np.full(y.shape, c)).sum()) for c in range(known)]
    return float(np.argmin(totals))


def best_shift(costs: UnderOver, y_true: ArrayLike, y_pred: ArrayLike) -> Shift:
    """Return the shift with the least cost on these rows: the quantile of the residuals that the costs imply."""
    residual = np.asarray(y_true, dtype=np.float64) - np.asarray(y_pred, dtype=np.float64)
    return Shift(float(np.quantile(residual, costs.level, method="inverted_cdf")))


def implied_rule(costs: Costs) -> Rule:
    """Return the rule that is right if the predictions are: as they are, at the costs' threshold, cheapest class."""
    if isinstance(costs, ErrorCosts):
        return Threshold(costs.threshold)
    return CheapestClass(costs.matrix) if isinstance(costs, CostMatrix) else AsIs()


def usual_rule(costs: Costs) -> Rule:
    """Return what people do who do not think of costs: as it is, threshold 1/2, most probable class."""
    if isinstance(costs, ErrorCosts):
        return Threshold(0.5)
    return CheapestClass(zero_one(len(costs.matrix))) if isinstance(costs, CostMatrix) else AsIs()


def zero_one(classes: int) -> tuple[tuple[float, ...], ...]:
    """Return the cost matrix in which every error costs 1.

    >>> zero_one(2)
    ((0.0, 1.0), (1.0, 0.0))
    """
    return tuple(tuple(float(i != j) for j in range(classes)) for i in range(classes))


def best_threshold(costs: ErrorCosts, y_true: ArrayLike, probability: ArrayLike) -> Threshold:
    """Return the threshold with the least cost on these rows, halfway between the two probabilities it parts.

    Every possible threshold is tried, in one sort. Of equally cheap ones the first is taken; a threshold below all
    (above all) probabilities is returned as 0 (as a number just above 1).
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(y_true, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    p, positive = p[order], y[order] == 1
    missed = np.concatenate(([0.0], np.cumsum(positive))) * costs.false_negative
    alarms = (np.count_nonzero(~positive) - np.concatenate(([0], np.cumsum(~positive)))) * costs.false_positive
    allowed = np.concatenate(([True], p[1:] > p[:-1], [True]))  # a threshold cannot part equal probabilities
    total = np.where(allowed, missed + alarms, np.inf)
    place = int(np.argmin(total))
    if place == 0:
        return Threshold(0.0)
    if place == len(p):
        return Threshold(float(np.nextafter(1.0, 2.0)))
    middle = 0.5 * (p[place - 1] + p[place])
    return Threshold(float(middle if middle > p[place - 1] else p[place]))


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return the rule as plain data, `{"rule": name, ...}`.

    >>> rule_to_dict(Shift(2.0))
    {'rule': 'shift', 'amount': 2.0}
    """
    name = next(key for key, record in RULES.items() if type(rule) is record)
    return {"rule": name, **asdict(rule)}


def rule_from_dict(data: Mapping[str, Any]) -> Rule:
    """Rebuild a rule from `rule_to_dict`, or from its JSON."""
    values = {key: value for key, value in data.items() if key != "rule"}
    if "matrix" in values:
        values["matrix"] = tuple(tuple(float(v) for v in row) for row in values["matrix"])
    rule: Rule = RULES[data["rule"]](**values)
    return rule
