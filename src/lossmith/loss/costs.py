"""From what errors cost to a loss to train with, and to the decision that is cheapest.

Comes in: costs in the user's words: numbers, names of columns, a matrix, points of a curve. Goes out: a frozen
`CostDesign`: the loss, what it makes a model estimate, the rule that turns predictions into actions, a smooth loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lossmith.algebra.decision.cost_arguments import costs_of
from lossmith.algebra.decision.cost_formula import MOST_CLASSES, designed
from lossmith.algebra.decision.cost_text import Stated
from lossmith.algebra.decision.costs import Columns, Floats
from lossmith.algebra.decision.row_costs import AnyCosts, all_cost_columns, any_cost_per_row
from lossmith.algebra.decision.rules import RowCheapest, Rule, act
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.loss.cost_words import Estimates, cost_words, estimates_of, loss_words, rule_words, smooth_words
from lossmith.loss.handle import Loss
from lossmith.loss.prediction import apply_inverse


@dataclass(frozen=True)
class CostDesign:
    """What costs imply; made by `from_costs`.

    `loss`: to train with. `rule`: from its predictions to the cheapest action. `smooth`: the cost with its corners
    rounded, for optimisers that need curvature (of decisions between classes: their expected cost under the predicted
    probabilities; it has no finite best constant, so start training from that of `loss`); `smooth_rule` turns its
    predictions into actions.
    """

    costs: AnyCosts
    loss: Loss
    rule: Rule
    smooth_rule: Rule
    _smooth: Loss | None

    @property
    def smooth(self) -> Loss:
        """The twice differentiable stand-in; raises `UnsupportedError` LM340 for a matrix of more than ten classes."""
        if self._smooth is None:
            raise UnsupportedError(
                "LM340",
                f"there is a smooth loss for up to {MOST_CLASSES} classes, because its formula grows with their square. "
                "Train with .loss and decide with .rule.",
            )
        return self._smooth

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that the costs need: pass them as `columns=` to the losses and to `cost`."""
        return all_cost_columns(self.costs)

    @cached_property
    def estimates(self) -> Estimates:
        """What a model estimates under `loss`."""
        return estimates_of(self.costs, self.loss)

    def decide(self, raw_prediction: ArrayLike, columns: Columns | None = None) -> Floats:
        """The cheapest actions by raw predictions of a model trained with `loss`: numbers, 0/1, or class positions.

        `raw_prediction` is (n,), or (n, classes); `columns` are needed where the matrix of several classes names some.
        Predictions on the target's scale become actions by `lossmith.algebra.decision.act(design.rule, y_pred)`.

        >>> from_costs(matrix=[[0, 1], [20, 0]]).decide([-4.0, -2.0]).tolist()
        [0.0, 1.0]
        """
        raw = np.asarray(raw_prediction, dtype=np.float64)
        if isinstance(self.rule, RowCheapest):  # its loss has a head for each class, so that its link is told here
            if raw.ndim != 2 or raw.shape[1] != len(self.rule.matrix):
                wanted = f"(n, {len(self.rule.matrix)})"
                raise ArgumentError("LM248", f"this rule needs predictions of shape {wanted}, found {raw.shape}.")
            return act(self.rule, apply_inverse("softmax", raw, -1), columns)
        return act(self.rule, self.loss.predict(raw), columns)

    def cost_per_row(self, y_true: ArrayLike, action: ArrayLike, columns: Columns | None = None) -> Floats:
        """What each action cost, (n,), in the unit of the costs.

        Raises `ArgumentError`: LM238 for a column that is absent or holds no costs, LM248 for shapes or classes.

        >>> from_costs(under=5, over=1).cost_per_row([10.0, 10.0], [8.0, 13.0]).tolist()
        [10.0, 3.0]
        """
        return any_cost_per_row(self.costs, y_true, action, columns)

    def cost(
        self,
        y_true: ArrayLike,
        action: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        columns: Columns | None = None,
    ) -> float:
        """What an action cost on average over rows, in the unit of the costs; raises as `cost_per_row`.

        >>> from_costs(under=5, over=1).cost([10.0, 10.0], [8.0, 13.0])
        6.5
        """
        each = self.cost_per_row(y_true, action, columns)
        weight = np.ones(len(each)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return math.fsum(each * weight) / math.fsum(weight)

    def explain(self) -> str:
        """What the costs are, what the loss is and estimates, how to act, and what the smooth loss is.

        >>> print(from_costs(matrix=[[0, 1], [20, 0]]).explain())
        costs: a missed class 1 costs 20, a false alarm 1.
        loss: the mean over rows of -y * log(p) - (1 - y) * log(1 - p): it makes probabilities true; costs come in by \
the rule.
        estimates: probability: how probable class 1 is.
        rule: decide class 1 where the prediction is at least 0.04762.
        smooth: the expected cost of acting at random by the predicted probabilities. It drives them to 0 and 1: decide \
the most probable class.
        """
        lines = (
            ("costs", cost_words(self.costs)),
            ("loss", loss_words(self.costs, self.loss)),
            ("estimates", f"{self.estimates}."),
            ("rule", rule_words(self.rule, self.costs)),
            ("smooth", smooth_words(self.costs, self._smooth)),
        )
        return "\n".join(f"{name}: {words}" for name, words in lines)

    def __str__(self) -> str:
        return self.explain()


def from_costs(
    cost: Stated | AnyCosts | None = None,
    *,
    under: float | str | None = None,
    over: float | str | None = None,
    false_negative: float | str | None = None,
    false_positive: float | str | None = None,
    matrix: Any = None,
    points: Sequence[tuple[float, float]] | None = None,
    column: str | None = None,
    classes: Sequence[str] = (),
) -> CostDesign:
    """The loss, the estimate and the decision rule that costs imply.

    One of: `under` and `over` (for each unit that a prediction lies below or above the truth); `false_negative` and
    `false_positive` (two classes); `matrix` (rows are the true classes, columns the decided ones: a list, an array or a
    CSV file; a cost below 0 is a gain); `points` (pairs of error = prediction - truth and cost: a curve of straight
    pieces, whose end slopes go on); or `cost`: all this in a text, a mapping or a file, as in "under=5, over=1". A cost
    may be the name of a column, so that it differs by row; `column` multiplies all costs of a row. `classes` name the
    classes in the order in which targets count them, for a matrix with names or a `column` that stands alone.

    Numbers: `loss` is the cost itself, its value the average cost of a row in the unit of the costs, and predictions
    are the cheapest actions. Classes: `loss` is the log loss (cross entropy), and the rule takes the decision that is
    cheapest under the probabilities. Where costs stand in another ratio in other rows, each row counts what is at stake
    in it, so that training sees it, and the rule undoes it: of two classes, a model then predicts the share of what is
    at stake that lies with class 1, and 1/2 is the threshold, whether or not the model sees the columns among its
    features; of more, the rule takes the cheapest decision under the row's own costs.
    For three to ten classes the smooth loss (and, with columns in the matrix, the loss) takes targets 0, 1, 2 ... of
    shape (n,) and raw predictions (n, classes), on the logarithmic scale of softmax; for more there is no smooth loss.

    Raises `ArgumentError`: LM231 to LM237 as costs are read, LM247 for points that are no curve of costs, LM248 for a
    matrix whose right decisions are not the cheapest, LM249 for what does not belong together.
    Source: Koenker and Bassett (1978), Regression Quantiles, Econometrica 46, pages 33-50; Elkan (2001), The foundations
    of cost-sensitive learning, IJCAI 17, pages 973-978.

    >>> design = from_costs(under=5, over=1)
    >>> design.estimates.functional, design.loss.value([10.0], [8.0])
    ('quantile 0.8333', 10.0)
    >>> from_costs("false_negative=amount, false_positive=10").columns
    ('amount',)
    """
    said = {
        "under": under, "over": over, "false_negative": false_negative, "false_positive": false_positive,
        "matrix": matrix, "points": points, "column": column,
    }  # fmt: skip
    given = {name: value for name, value in said.items() if value is not None}
    costs = costs_of(cost, given, tuple(classes))
    made = designed(costs)
    smooth = None if made.smooth is None else Loss(made.smooth)
    return CostDesign(costs, Loss(made.loss), made.rule, made.smooth_rule, smooth)
