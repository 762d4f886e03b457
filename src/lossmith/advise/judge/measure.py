"""What the models are compared by: costs or a loss come in, one record with what each row costs goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.decide import Decision, choose_rule, fit_rule
from lossmith.advise.models.shortlist import Candidate
from lossmith.advise.models.train import Prediction
from lossmith.algebra.decision import (
    AsIs,
    CostMatrix,
    Costs,
    Rule,
    Scale,
    Shift,
    UnderOver,
    act,
    cheapest_constant,
    cost_per_row,
    implied_loss,
    implied_rule,
    usual_rule,
)

if TYPE_CHECKING:
    from lossmith.loss import Loss

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """A way to judge: what rows cost under a rule, the usual and the implied rule, the fitted, the
    chosen, and the best constant.

    `root` says that the mean is shown as its square root (squared errors, in the target's own unit).
    `loss_name` with `parameters` is the loss that should do best by this measure.
    """

    name: str
    loss_name: str
    parameters: Mapping[str, float]
    per_row: Callable[[Floats, Prediction, Rule], Floats]
    usual: Rule
    implied: Rule
    fit: Callable[[Floats, Prediction], Rule]
    choose: Callable[[Floats, Prediction, Blocks], Decision]
    constant: Callable[[Floats, int], Floats]
    root: bool = False
    in_target_unit: bool = False
    is_cost: bool = False


def by_cost(costs: Costs, name: str) -> Measure:
    """Judge by what errors cost."""
    implied, parameters = implied_loss(costs) if not isinstance(costs, CostMatrix) else ("cross_entropy", {})

    def constant(y_fit: Floats, rows: int) -> Floats:
        return np.full(rows, cheapest_constant(costs, y_fit))

    return Measure(
        name=name,
        loss_name=implied,
        parameters=parameters,
        per_row=lambda y, prediction, rule: cost_per_row(costs, y, act(rule, prediction.y_pred)),
        usual=usual_rule(costs),
        implied=implied_rule(costs),
        fit=lambda y, prediction: _fitted(costs, y, prediction),
        choose=lambda y, prediction, blocks: choose_rule(costs, y, prediction.y_pred, blocks),
        constant=constant,
        is_cost=True,
        in_target_unit=isinstance(costs, UnderOver),
    )


def _fitted(costs: Costs, y: Floats, prediction: Prediction) -> Rule:
    fitted = fit_rule(costs, y, prediction.y_pred)
    return fitted if fitted != AsIs() else implied_rule(costs)


ROOT_LOSSES: Final = frozenset({"squared_error", "half_squared_error"})
UNIT_LOSSES: Final = frozenset({"absolute_error", "huber", "quantile", "log_cosh"})
NAMES: Final[Mapping[str, str]] = {
    "squared_error": "root mean squared error",
    "half_squared_error": "root mean squared error",
    "absolute_error": "mean absolute error",
}


def by_loss(loss: Loss, candidate: Candidate, label: str) -> Measure:
    """Judge by the value of a loss."""
    loss_name = candidate.loss_name
    link = loss.link

    def per_row(y: Floats, prediction: Prediction, rule: Rule) -> Floats:
        raw = raw_for(link, act(rule, prediction.y_pred))
        with np.errstate(all="ignore"):
            values = np.asarray(loss.per_example(y, raw), dtype=np.float64)
        return np.where(np.isnan(values), np.inf, values)

    def fit(y: Floats, prediction: Prediction) -> Rule:
        return _fit_on_raw(link, lambda rule: float(np.mean(per_row(y, prediction, rule))), y, prediction)

    def choose(y: Floats, prediction: Prediction, blocks: Blocks) -> Decision:
        return Decision(AsIs(), "as the model predicts")

    def constant(y_fit: Floats, rows: int) -> Floats:
        y_pred = np.asarray(loss.predict(np.atleast_2d(np.asarray(loss.best_constant(y_fit)))), dtype=np.float64)
        return np.full(rows, y_pred.item()) if y_pred.size == 1 else np.tile(y_pred.reshape(1, -1), (rows, 1))

    return Measure(
        name=NAMES.get(loss_name, label),
        loss_name=loss_name,
        parameters=candidate.parameters,
        per_row=per_row,
        usual=AsIs(),
        implied=AsIs(),
        fit=fit,
        choose=choose,
        constant=constant,
        root=loss_name in ROOT_LOSSES,
        in_target_unit=loss_name in ROOT_LOSSES | UNIT_LOSSES,
    )


def _logit(p: Floats) -> Floats:
    return np.log(p) - np.log1p(-p)


RAW: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "identity": lambda p: p,
    "exp": np.log,
    "softmax": np.log,
    "sigmoid": _logit,
    "softplus": lambda p: p + np.log(-np.expm1(-p)),
}


def raw_for(link: str, y_pred: Floats) -> Floats:
    """Return the raw prediction that a link maps to `y_pred`; NaN or infinite where there is none."""
    with np.errstate(all="ignore"):
        return RAW[link](np.asarray(y_pred, dtype=np.float64))


def _fit_on_raw(link: str, value: Callable[[Rule], float], y: Floats, prediction: Prediction) -> Rule:
    """Return the shift (identity link) or factor (exp link) with the least value; other links keep the prediction."""
    from scipy.optimize import minimize_scalar

    if link == "identity":
        residual = y - prediction.y_pred
        low, high = (float(q) for q in np.quantile(residual, [0.001, 0.999]))
        if low == high:
            return AsIs()
        found = minimize_scalar(lambda c: value(Shift(float(c))), bounds=(low, high), method="bounded")
        return Shift(float(found.x))
    if link == "exp":
        found = minimize_scalar(lambda c: value(Scale(float(np.exp(c)))), bounds=(-5.0, 5.0), method="bounded")
        return Scale(float(np.exp(found.x)))
    return AsIs()
