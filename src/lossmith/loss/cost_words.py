"""What costs imply, in words: what a model estimates, how to act, what the losses are.

Comes in: a record of costs with its losses and rules. Goes out: `Estimates` and plain sentences. What is estimated is read
off the facts of the loss where they name it, and follows from the slopes of the costs where they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lossmith.algebra.decision.costs import CostMatrix, ErrorCosts, UnderOver
from lossmith.algebra.decision.curve import AT_CORNER, CostCurve
from lossmith.algebra.decision.row_costs import AnyCosts, RowMatrix, RowUnderOver
from lossmith.algebra.decision.rules import CheapestClass, Entry, RowCheapest, Rule, Threshold
from lossmith.calculus.functional import NOT_NAMED
from lossmith.loss.handle import Loss

DERIVED: Final = "proved (it follows from the slopes of the costs)"


@dataclass(frozen=True)
class Estimates:
    """What the cheapest predictions are: a `name` ("quantile", "median", "probability" ...) with its `level`.

    `shifts`, for a curve that bends elsewhere than at 0: pairs of a shift and its share; the prediction is the quantile
    of the target plus one of these shifts at random. `words` say it to people, `evidence` how it is known.
    """

    name: str
    level: float | None
    words: str
    evidence: str
    shifts: tuple[tuple[float, float], ...] = ()

    @property
    def functional(self) -> str:
        """The name with its level.

        >>> Estimates("quantile", 5 / 6, "", "").functional
        'quantile 0.8333'
        """
        return self.name if self.level is None or self.name == "median" else f"{self.name} {self.level:.4g}"

    def __str__(self) -> str:
        return f"{self.functional}: {self.words}"


def estimates_of(costs: AnyCosts, loss: Loss) -> Estimates:
    """What a model estimates under the loss that the costs imply."""
    return _ESTIMATES[type(costs)](costs, loss)


def _counted(costs: AnyCosts) -> str:
    return "" if costs.column is None else f', each row counting "{costs.column}" times'


def _below(level: float) -> str:
    return f"the value that {100 * level:.4g} % of such targets stay below"


def _of_level(costs: UnderOver | CostCurve, loss: Loss) -> Estimates:
    """A quantile by the facts of the loss, or by the slopes of a curve that bends elsewhere than at 0."""
    fact = loss.facts.functional
    if fact.value.name == NOT_NAMED and isinstance(costs, CostCurve):
        return _of_shifts(costs)
    level = 0.5 if fact.value.level is None else fact.value.level
    ratio = "" if fact.value.name == "median" else ", under / (under + over)"
    return Estimates(fact.value.name, level, _below(level) + ratio + _counted(costs), fact.text)


def _of_shifts(costs: CostCurve) -> Estimates:
    level, shifts = costs.level, costs.shifts
    if len(shifts) == 1:
        words = f"{_below(level)}, {_moved(shifts[0][0])}"
        return Estimates("shifted quantile", level, words + _counted(costs), DERIVED, shifts)
    parts = ", ".join(f"{share:.4g} times that of targets below z{f'{-at:+g}' if at else ''}" for at, share in shifts)
    words = f"the value z at which these shares add up to {level:.4g}: {parts}{_counted(costs)}"
    if costs.is_convex:
        return Estimates("mix of quantiles", level, words, DERIVED, shifts)
    words = (
        f"the value of least expected cost; there, {words.removeprefix('the value z at which ')}. The curve is not convex "
        "(its slope falls somewhere), so that other values may do so too, and training may end at one of them"
    )
    return Estimates("least expected cost", None, words, DERIVED, shifts)


def _moved(shift: float) -> str:
    return f"{'plus' if shift > 0 else 'minus'} {abs(shift):g}"


def _of_row_levels(costs: RowUnderOver, loss: Loss) -> Estimates:
    under, over = _name(costs.under), _name(costs.over)
    words = (
        f"the quantile of level {under} / ({under} + {over}) of the row, if the model sees these columns among its "
        f"features; else the value at which the targets above, each counting {under}, weigh as much as those below, each "
        f"counting {over}{_counted(costs)}"
    )
    return Estimates("quantile by row", None, words, DERIVED)


def _of_two(costs: ErrorCosts, loss: Loss) -> Estimates:
    if not costs.by_row:
        return _probability(costs, loss)
    missed, alarm = _name(costs.false_negative), _name(costs.false_positive)
    words = (
        f"of what is at stake in such rows, the part that lies with class 1: {missed} * p / ({missed} * p + {alarm} * "
        f"(1 - p)) at the probability p{_counted(costs)}"
    )
    return Estimates("share of stakes", None, words, DERIVED)


def _of_matrix(costs: CostMatrix | RowMatrix, loss: Loss) -> Estimates:
    if isinstance(costs, CostMatrix):
        return _probability(costs, loss)
    each = "for each class, the part that " if len(costs.matrix) > 2 else "the part that class 1 has in "
    what = "it has in " if len(costs.matrix) > 2 else ""
    words = f"{each}{what}what is at stake: its probability times what a wrong decision about it costs, by row"
    return Estimates("share of stakes", None, words + _counted(costs), DERIVED)


def _probability(costs: ErrorCosts | CostMatrix, loss: Loss) -> Estimates:
    fact = loss.facts.functional
    words = "how probable class 1 is" if loss.target == "binary" else "how probable each class is"
    return Estimates(fact.value.name, fact.value.level, words + _counted(costs), fact.text)


_ESTIMATES: Final[Mapping[type[Any], Callable[[Any, Loss], Estimates]]] = {
    UnderOver: _of_level,
    CostCurve: _of_level,
    RowUnderOver: _of_row_levels,
    ErrorCosts: _of_two,
    CostMatrix: _of_matrix,
    RowMatrix: _of_matrix,
}


# The costs themselves ---------------------------------------------------------------------------------------------


def cost_words(costs: AnyCosts) -> str:
    """Say what the costs are.

    >>> cost_words(ErrorCosts("amount", 10.0))
    'a missed class 1 costs "amount" of the row, a false alarm 10.'
    """
    times = "" if costs.column is None else f' All of it is multiplied by "{costs.column}" of the row.'
    return _COSTS[type(costs)](costs) + times


def _name(cost: Entry) -> str:
    return f'"{cost}"' if isinstance(cost, str) else f"{cost:g}"


def _of_row(cost: Entry) -> str:
    return f"{_name(cost)} of the row" if isinstance(cost, str) else f"{cost:g}"


def _per_unit(costs: UnderOver | RowUnderOver) -> str:
    return (
        f"each unit that a prediction lies below the truth costs {_of_row(costs.under)}, "
        f"each unit above it {_of_row(costs.over)}."
    )


def _curve(costs: CostCurve) -> str:
    pairs = ", ".join(f"{cost:g} at {x:+g}" for x, cost in costs.points)
    return (
        f"by the error (prediction - truth): {pairs}, straight between; {costs.under:g} for each unit further below, "
        f"{costs.over:g} for each unit further above.{'' if costs.is_convex else ' This curve is not convex.'}"
    )


def _errors(costs: ErrorCosts) -> str:
    return f"a missed class 1 costs {_of_row(costs.false_negative)}, a false alarm {_of_row(costs.false_positive)}."


def _matrix(costs: CostMatrix | RowMatrix) -> str:
    rows = "; ".join(f"{k}: {', '.join(map(_name, row))}" for k, row in enumerate(costs.matrix))
    return f"by the true class, for deciding class 0, 1 ...: {rows}."


_COSTS: Final[Mapping[type[Any], Callable[[Any], str]]] = {
    UnderOver: _per_unit,
    RowUnderOver: _per_unit,
    CostCurve: _curve,
    ErrorCosts: _errors,
    CostMatrix: _matrix,
    RowMatrix: _matrix,
}


# Losses and rules -------------------------------------------------------------------------------------------------


def loss_words(costs: AnyCosts, loss: Loss) -> str:
    """Say what the loss is, and how its value relates to costs."""
    mean = f"the mean over rows of {loss.formula}"
    if isinstance(costs, UnderOver | RowUnderOver | CostCurve):
        return f"{mean}: the average cost of a row."
    if isinstance(costs, CostMatrix) or not costs_by_row(costs):
        return f"{mean}: it makes probabilities true; costs come in by the rule."
    bound = (
        " Divided by log(2) it is never below what decisions cost more than the right ones."
        if not loss.definition.declaration.heads
        else ""
    )
    return f"{mean}: rows count what is at stake in them.{bound}"


def costs_by_row(costs: AnyCosts) -> bool:
    """Whether decisions between classes cost in another ratio in other rows."""
    return isinstance(costs, RowMatrix) or (isinstance(costs, ErrorCosts) and costs.by_row)


def rule_words(rule: Rule, costs: AnyCosts) -> str:
    """Say how predictions become actions."""
    if isinstance(rule, Threshold):
        why = ", where what is at stake on both sides is equal" if costs_by_row(costs) else ""
        return f"decide class 1 where the prediction is at least {rule.level:.4g}{why}."
    if isinstance(rule, CheapestClass):
        return "decide the class of least expected cost under the probabilities."
    if isinstance(rule, RowCheapest):
        return "divide the predicted shares by the stakes, and decide the class of least expected cost in the row."
    return "take the prediction as it is."


def smooth_words(costs: AnyCosts, smooth: Loss | None) -> str:
    """Say what the smooth loss is, and how far it lies from the cost."""
    if smooth is None:
        return "none for so many classes."
    if isinstance(costs, ErrorCosts | CostMatrix | RowMatrix):
        return (
            "the expected cost of acting at random by the predicted probabilities. It drives them to 0 and 1: decide the "
            "most probable class."
        )
    width = smooth.parameters["width"]
    corner = "its corner" if not isinstance(costs, CostCurve) or len(costs.corners) == 1 else "its corners"
    return (
        f"the cost with {corner} rounded over width = {width:g} (in the unit of the target; bind(width=...) changes it). "
        f"It lies {_apart(costs)}, and by next to nothing a few dozen widths from every corner."
    )


def _apart(costs: UnderOver | RowUnderOver | CostCurve) -> str:
    if isinstance(costs, RowUnderOver):
        return (
            f"above the cost of a row by at most {AT_CORNER:.4g} * ({_name(costs.under)} + {_name(costs.over)}) * width"
        )
    below, above = costs.excess if isinstance(costs, CostCurve) else (0.0, AT_CORNER * (costs.under + costs.over))
    under = f"below the cost of a row by at most {-below:.4g} * width and " if below else ""
    return f"{under}above {'it' if under else 'the cost of a row'} by at most {above:.4g} * width"
