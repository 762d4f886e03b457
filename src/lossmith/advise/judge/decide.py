"""Give a model its best decision rule: what is aimed at and predictions of the tune rows come in, a rule goes out.

Which rules there are for an aim is one table, `BOOKS`. The rule that the aim implies needs no proof; a fitted one
replaces it only where it is cheaper on tune rows that it was not fitted on: a threshold tuned on a handful of positives
is mostly luck, and a shift of a billionth is no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.sample import Sample
from lossmith.advise.judge.tally import Estimate, Tallies, tally
from lossmith.advise.look.aim import Aim
from lossmith.advise.models.candidate import Candidate
from lossmith.advise.models.model import Prediction
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    Corrected,
    CostMatrix,
    ErrorCosts,
    Rule,
    Scale,
    Shift,
    SortedLevels,
    Threshold,
    UnderOver,
    best_cuts,
    best_levels,
    best_recalibration,
    best_scale,
    best_shift,
    best_shift_by_size,
    best_sorted_levels,
    best_threshold,
    implied_rule,
    nearest_grade,
    zero_one,
)
from lossmith.report.words import with_margin

Floats = NDArray[np.float64]
CLEARLY: Final = 2.0  # standard errors, on rows that the rule was not fitted on
MATTERS: Final = 0.005  # a difference below half a percent of the cost is called none
FEWEST: Final = 20  # rows to fit a rule on


@dataclass(frozen=True)
class Decision:
    """A rule and why it was taken."""

    rule: Rule
    why: str


@dataclass(frozen=True)
class Ask:
    """A model's predictions of rows with their truths, and what is aimed at."""

    aim: Aim
    candidate: Candidate
    sample: Sample
    prediction: Prediction

    @property
    def y_pred(self) -> Floats:
        """Predictions on the target's scale."""
        return self.prediction.y_pred

    def take(self, rows: NDArray[Any]) -> Ask:
        """Only these rows."""
        return Ask(self.aim, self.candidate, self.sample.take(rows), self.prediction.take(rows))


Fit = Callable[[Ask], Rule]


@dataclass(frozen=True)
class Book:
    """The rules for an aim: what people do who do not think of it, what it implies, and what may be fitted."""

    usual: Fit
    implied: Fit
    fitted: tuple[Fit, ...] = ()


def _as_is(ask: Ask) -> Rule:
    return AsIs()


def _costs(ask: Ask) -> Any:
    return ask.aim.costs


def _shift_unless_aimed(ask: Ask) -> Rule:
    """A model that estimates something else than the quantile that is cheapest lacks a shift; one that aims at it none."""
    level = _costs(ask).level
    aims = ask.candidate.loss_name == "quantile" and ask.candidate.parameters.get("level") == level
    few = len(ask.sample.y) < FEWEST
    return AsIs() if aims or level == 0.5 or few else _with_costs(best_shift)(ask)


def _with_costs(best: Callable[..., Rule]) -> Fit:
    """A fit that reads costs, targets, predictions, cost columns and weights."""
    return lambda ask: best(_costs(ask), ask.sample.y, ask.y_pred, ask.sample.columns, ask.sample.weight)


def _scale(ask: Ask) -> Rule:
    return _with_costs(best_scale)(ask) if _above_zero(ask) else AsIs()


def _above_zero(ask: Ask) -> bool:
    return bool(np.all(ask.y_pred > 0))


def _mean_shift(ask: Ask) -> Rule:
    return Shift(ask.sample.mean(ask.sample.y - ask.y_pred))


def _mean_scale(ask: Ask) -> Rule:
    return Scale(ask.sample.mean(ask.sample.y) / ask.sample.mean(ask.y_pred)) if _above_zero(ask) else AsIs()


def _half(ask: Ask) -> Rule:
    return Threshold(0.5)


def _cost_threshold(ask: Ask) -> Rule:
    """The threshold that true probabilities need; for a model whose rows weigh what they cost, one half."""
    return Threshold(0.5) if ask.candidate.by_cost else _corrected(ask, implied_rule(_costs(ask)))


def _corrected(ask: Ask, then: Rule) -> Rule:
    """Undo the class weights that lie inside the loss, then decide."""
    weights = ask.candidate.weights
    return Corrected(weights, then) if weights else then


def _recalibrated_threshold(ask: Ask) -> Rule:
    return _recalibration(ask, implied_rule(_costs(ask)))


def _recalibration(ask: Ask, then: Rule) -> Rule:
    return best_recalibration(ask.sample.y, ask.y_pred, ask.sample.weight, then)


def _recalibrated(ask: Ask) -> Rule:
    return _recalibration(ask, AsIs())


def _probabilities(ask: Ask) -> Rule:
    return _corrected(ask, AsIs())


def _most_probable(ask: Ask) -> Rule:
    return CheapestClass(zero_one(len(_costs(ask).matrix)))


def _cheapest(ask: Ask) -> Rule:
    return _corrected(ask, CheapestClass(_costs(ask).matrix))


def _rounded(ask: Ask) -> Rule:
    if ask.candidate.loss_name == "ordinal":  # its numbers lie on another line than the grades
        return _with_costs(best_cuts)(ask)
    return nearest_grade(len(_costs(ask).matrix))


def _levels(ask: Ask) -> Rule:
    return best_levels(ask.aim.levels, ask.sample.y, ask.y_pred, ask.sample.weight)


def _moved_levels(ask: Ask) -> Rule:
    return best_sorted_levels(ask.aim.levels, ask.sample.y, ask.y_pred, ask.sample.weight)


def _sorted(ask: Ask) -> Rule:
    return SortedLevels()


# (what is aimed at, columns of the prediction: 1 or several) -> the rules
BOOKS: Final[Mapping[tuple[str, bool], Book]] = {
    ("per unit", False): Book(
        _as_is, _shift_unless_aimed, (_with_costs(best_shift), _with_costs(best_shift_by_size), _scale)
    ),
    ("two classes", False): Book(_half, _cost_threshold, (_with_costs(best_threshold), _recalibrated_threshold)),
    ("two by two", False): Book(_most_probable, _cheapest),
    ("matrix", True): Book(_most_probable, _cheapest),
    ("matrix", False): Book(_rounded, _rounded, (_with_costs(best_cuts),)),
    ("mean", False): Book(_as_is, _as_is, (_mean_shift, _mean_scale)),
    ("probability", False): Book(_as_is, _probabilities, (_recalibrated,)),
    ("probability", True): Book(_as_is, _probabilities),
    ("levels", False): Book(_levels, _levels),
    ("levels", True): Book(_sorted, _sorted, (_moved_levels,)),
}

BY_COSTS: Final[Mapping[type[Any], str]] = {UnderOver: "per unit", ErrorCosts: "two classes", CostMatrix: "matrix"}


def sort_of(aim: Aim) -> str:
    """What is aimed at, as the table of rules names it."""
    if isinstance(aim.costs, CostMatrix) and len(aim.costs.matrix) == 2:
        return "two by two"
    if aim.costs is not None:
        return BY_COSTS[type(aim.costs)]
    return "levels" if aim.levels else aim.estimate.functional


def book_of(ask: Ask) -> Book:
    """The rules for an aim and this form of prediction."""
    return BOOKS[sort_of(ask.aim), ask.y_pred.ndim > 1]


def choose_rule(ask: Ask, cost: Callable[[Ask, Rule], Floats]) -> Decision:
    """Return the rule that the aim implies, or a fitted one where that is cheaper on rows it was not fitted on.

    `cost` gives what each row costs under a rule. The tune rows are halved, each half judges what the other fitted.
    """
    book = book_of(ask)
    implied = book.implied(ask)
    base = Decision(implied, "what the aim implies; no fitted rule was cheaper on the rows to tune")
    if not book.fitted or len(ask.sample.y) < 2 * FEWEST:
        return base
    best, most = base, 0.0
    for fit in book.fitted:
        judged, after = _crossed(ask, fit, cost)
        before = cost(judged, implied)
        saved = _saved(before, after, judged.sample)
        if saved.mean > max(most, CLEARLY * saved.error, MATTERS * abs(judged.sample.mean(before))):
            kept = with_margin(saved.mean, saved.error)
            best, most = Decision(fit(ask), f"fitted on the rows to tune, where it saves {kept} a row"), saved.mean
    return best


def _saved(before: Floats, after: Floats, sample: Sample) -> Estimate:
    """How much less rows cost on average, with its error; nothing where some row has no finite cost either way."""
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return Estimate(0.0, 0.0, 0)
    return Tallies((tally((before - after)[:, None], sample.weight, sample.blocks),), 0.0).estimate(0)


def _crossed(ask: Ask, fit: Fit, cost: Callable[[Ask, Rule], Floats]) -> tuple[Ask, Floats]:
    """The rows that are judged, and what each costs under the rule that the other half fitted; in time, the past one."""
    later = halves(ask.sample)
    sides = ((later, ~later),) if ask.sample.ordered else ((later, ~later), (~later, later))
    parts = [(np.flatnonzero(here), ask.take(np.flatnonzero(there))) for here, there in sides]
    costs = [cost(ask.take(here), fit(there)) for here, there in parts]
    return ask.take(np.concatenate([here for here, _ in parts])), np.concatenate(costs)


def halves(sample: Sample) -> NDArray[np.bool_]:
    """Part blocks into two halves: in turn, or, where they follow each other in time, the earlier and the later."""
    _, place = np.unique(sample.blocks, return_inverse=True)
    if place.max() == 0:
        return np.asarray(np.arange(len(place)) % 2 == 1)
    return np.asarray(place > place.max() // 2 if sample.ordered else place % 2 == 1)
