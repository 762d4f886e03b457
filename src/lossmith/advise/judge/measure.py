"""Ways to judge: an aim, or a loss, comes in; what each row costs under a rule goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim
from lossmith.advise.models.candidate import Candidate, label, loss_of
from lossmith.algebra.decision import CostMatrix, Costs, Rule, UnderOver, act, cheapest_constant, cost_per_row
from lossmith.calculus.scan import NoBestConstantError
from lossmith.loss import Loss, get

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A way to judge: what rows cost under a rule, and the best single answer for rows like these.

    `root` says that the mean is shown as its square root (squared errors, in the target's own unit).
    """

    name: str
    per_row: Callable[[Sample, Floats, Rule], Floats]
    constant: Callable[[Sample, int], Floats]
    root: bool = False
    in_target_unit: bool = False
    is_cost: bool = False


def by_cost(costs: Costs, name: str) -> Measure:
    """Judge by what decisions cost."""

    def per_row(sample: Sample, y_pred: Floats, rule: Rule) -> Floats:
        return cost_per_row(costs, sample.y, act(rule, y_pred, sample.columns), sample.columns)

    def constant(sample: Sample, rows: int) -> Floats:
        return np.full(rows, cheapest_constant(costs, sample.y, columns=sample.columns, weight=sample.weight))

    return Measure(name, per_row, constant, is_cost=True, in_target_unit=isinstance(costs, UnderOver))


def by_levels(levels: tuple[float, ...]) -> Measure:
    """Judge several quantiles by their mean quantile loss (pinball)."""
    level = np.asarray(levels)

    def per_row(sample: Sample, y_pred: Floats, rule: Rule) -> Floats:
        gap = sample.y[:, None] - act(rule, y_pred, sample.columns)
        return np.asarray(np.maximum(level * gap, (level - 1) * gap).mean(axis=1))

    def constant(sample: Sample, rows: int) -> Floats:
        each = [cheapest_constant(UnderOver(v, 1 - v), sample.y, weight=sample.weight) for v in levels]
        return np.tile(each, (rows, 1))

    return Measure("mean quantile loss", per_row, constant, in_target_unit=True)


ROOT_LOSSES: Final = frozenset({"squared_error", "half_squared_error"})
UNIT_LOSSES: Final = frozenset({"absolute_error", "huber", "quantile", "log_cosh"})
NAMES: Final[Mapping[str, str]] = {
    "squared_error": "root mean squared error",
    "half_squared_error": "root mean squared error",
    "absolute_error": "mean absolute error",
}


def by_loss(candidate: Candidate) -> Measure:
    """Judge by the value of a loss."""
    loss, judge = loss_of(candidate), _on_predictions(candidate)
    name = candidate.loss_name if candidate.formula is None else ""

    def per_row(sample: Sample, y_pred: Floats, rule: Rule) -> Floats:
        said = act(rule, y_pred, sample.columns)
        with np.errstate(all="ignore"):
            values = np.asarray(judge(sample.y, said), dtype=np.float64)
        return np.where(np.isnan(values), np.inf, values)

    def constant(sample: Sample, rows: int) -> Floats:
        best = np.atleast_2d(_start(loss, sample))
        y_pred = np.asarray(loss.predict(best), dtype=np.float64)
        return np.full(rows, y_pred.item()) if y_pred.size == 1 else np.tile(y_pred.reshape(1, -1), (rows, 1))

    in_unit = name in ROOT_LOSSES | UNIT_LOSSES
    return Measure(
        NAMES.get(name, label(candidate)), per_row, constant, root=name in ROOT_LOSSES, in_target_unit=in_unit
    )


def _start(loss: Loss, sample: Sample) -> Floats:
    """The best constant; where the loss sinks towards one side, what is predicted there."""
    try:
        return np.asarray(loss.best_constant(sample.y, sample.weight), dtype=np.float64)
    except NoBestConstantError as error:
        if error.least is None or not np.isinf(error.least.place):
            raise
        return np.asarray(error.least.place)


def _on_predictions(candidate: Candidate) -> Callable[[Floats, Floats], Floats]:
    """The loss of targets and predictions; probabilities of exactly 0 and 1 count as what they say."""
    loss = loss_of(candidate)
    if loss.link in ("sigmoid", "softmax") and candidate.formula is None:
        return partial(_where_known, get(candidate.loss_name, on="probability", **candidate.parameters))
    return lambda y, y_pred: loss.per_example(y, raw_for(loss.link, y_pred))


def _where_known(loss: Loss, y: Floats, p: Floats) -> Floats:
    """The loss of probabilities; infinite where a prediction is none (squared error knows no bounds)."""
    inside = (p >= 0) & (p <= 1)
    known = inside if inside.ndim == 1 else inside.all(axis=1)
    values = np.full(len(y), np.inf)
    if known.any():
        values[known] = loss.per_example(y[known], p[known])
    return values


# the loss that judges an estimate, and the kinds of target
JUDGES: Final[Mapping[tuple[str, bool], str]] = {
    ("mean", False): "squared_error",
    ("probability", False): "binary_cross_entropy",
    ("probability", True): "cross_entropy",
}


def measure_of(aim: Aim, classes: int) -> Measure:
    """The measure that decides."""
    if aim.costs is not None:
        return by_cost(aim.costs, _cost_name(aim))
    if aim.levels:
        return by_levels(aim.levels)
    return by_loss(Candidate(JUDGES[aim.estimate.functional, classes > 2]))


def _cost_name(aim: Aim) -> str:
    if aim.estimate.functional == "median" and isinstance(aim.costs, CostMatrix):
        return "grades off per row"
    if aim.said and isinstance(aim.costs, UnderOver) and aim.estimate.functional == "median":
        return "mean absolute error"
    if isinstance(aim.costs, UnderOver) and aim.costs.under + aim.costs.over == 1:
        return "quantile loss per row"
    return "cost per row"


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
