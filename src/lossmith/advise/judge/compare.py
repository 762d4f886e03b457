"""Compare models and rules on untouched rows: trained models and a measure come in, rows with intervals go out.

All differences are paired (the same rows under both), against the default loss as it is, and their intervals hold for
all comparisons together. The advice is the simplest way that no other one beats clearly: first the default loss with the
rule that was chosen on the stop rows (a rule that the costs ask for needs no proof), then as it is, then other losses;
the constant only where it is not clearly beaten and its mean is as low.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.decide import MATTERS, Decision
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.judge.measure import Measure
from lossmith.advise.judge.split import Split
from lossmith.advise.models.train import Prediction, Trained
from lossmith.algebra.decision import AsIs, Rule

Floats = NDArray[np.float64]
Role = Literal["constant", "default", "default with rule", "candidate"]
ROOM: Final = 0.05


@dataclass(frozen=True)
class Contender:
    """A model with a rule, and what each compare row costs under it. `model` is -1 for the constant.

    `preferred` marks the default loss with the rule that costs and stop rows chose: a rule is no more work than none.
    """

    role: Role
    model: int
    rule: Rule
    why: str
    per_row: Floats
    constant: float | None = None
    preferred: bool = False


@dataclass(frozen=True)
class Judged:
    """A contender with its mean cost and the half-width of its interval; differences are to the default as it is."""

    contender: Contender
    mean: float
    margin: float
    difference: float
    difference_margin: float


@dataclass(frozen=True)
class Comparison:
    """All contenders by one measure, the simplest first; `chosen` and `best` are positions in `rows`.

    `constant_unbeaten` says that no model is clearly better than one answer for every row; `unsure` that the intervals
    have room for another that is better than the chosen one by more than `ROOM`: "nothing helps" would say too much.
    """

    measure: Measure
    rows: tuple[Judged, ...]
    chosen: int
    best: int
    comparisons: int
    constant_unbeaten: bool
    unsure: bool = False


def compare(measure: Measure, trained: tuple[Trained, ...], y: Floats, split: Split) -> Comparison:
    """Judge the constant, the default with and without rule, and every candidate with its best rule."""
    contenders = _contenders(measure, trained, y, split)
    reference = next(c for c in contenders if c.role == "default").per_row
    count = len(contenders) - 1
    rows = tuple(_judge(c, reference, split.compare_blocks, count) for c in contenders)
    best = int(np.argmin([row.mean for row in rows]))
    equal = [not any(_beaten(c, other, split, count) for other in contenders) for c in contenders]
    chosen = next((i for i in _by_preference(contenders) if equal[i]), 1)
    if equal[0] and rows[0].mean <= rows[chosen].mean * (1 + MATTERS):
        chosen = 0
    unsure = any(_may_gain(contenders[chosen], other, split, count) for other in contenders)
    return Comparison(measure, rows, chosen, best, count, equal[0], unsure)


def _by_preference(contenders: list[Contender]) -> list[int]:
    """Positions of the models: the default with the rule that the stop rows chose, the default, then the others."""
    return sorted(range(1, len(contenders)), key=lambda i: not contenders[i].preferred)


def _contenders(measure: Measure, trained: tuple[Trained, ...], y: Floats, split: Split) -> list[Contender]:
    y_stop, y_compare = y[split.stop], y[split.compare]
    flat = measure.constant(y[split.fit], len(split.compare))
    constant_value = float(flat[0]) if flat.ndim == 1 else None
    costs = measure.per_row(y_compare, Prediction(flat, flat), AsIs())  # a constant is an action already
    made = [Contender("constant", -1, AsIs(), "the best single answer on the fit rows", costs, constant_value)]

    def add(role: Role, position: int, decision: Decision) -> None:
        costs = measure.per_row(y_compare, trained[position].compare, decision.rule)
        preferred = position == default and decision.rule == ruled.rule
        made.append(Contender(role, position, decision.rule, decision.why, costs, preferred=preferred))

    default = next(i for i, model in enumerate(trained) if model.candidate.is_default)
    ruled = measure.choose(y_stop, trained[default].stop, split.stop_blocks)
    add("default", default, Decision(measure.usual, "as usual"))
    fitted = measure.fit(y_stop, trained[default].stop)
    if fitted != measure.usual:
        add("default with rule", default, Decision(fitted, "fitted on the stop rows"))
    for position, model in sorted(enumerate(trained), key=lambda pair: not _fits(measure, pair[1])):
        decision = measure.choose(y_stop, model.stop, split.stop_blocks)
        if position != default and _fits(measure, model) and decision.rule != measure.implied:
            add("candidate", position, Decision(measure.implied, "what the costs imply"))
        if position != default or decision.rule not in (measure.usual, fitted):
            add("default with rule" if position == default else "candidate", position, decision)
    return made


def _fits(measure: Measure, model: Trained) -> bool:
    """Whether the model was trained under the loss that should do best by this measure."""
    candidate = model.candidate
    return candidate.loss_name == measure.loss_name and dict(candidate.parameters) == dict(measure.parameters)


def _judge(contender: Contender, reference: Floats, blocks: NDArray[np.int64], count: int) -> Judged:
    mean, error, freedom = mean_and_error(contender.per_row, blocks)
    with np.errstate(invalid="ignore"):
        gap, gap_error, _ = mean_and_error(contender.per_row - reference, blocks)
    return Judged(contender, mean, margin(error, freedom), gap, margin(gap_error, freedom, count))


def _beaten(simple: Contender, other: Contender, split: Split, count: int) -> bool:
    """Whether `other` is clearly cheaper than `simple`: beyond the joint interval and by more than half a percent."""
    if not np.isfinite(other.per_row).all():
        return False
    if not np.isfinite(simple.per_row).all():
        return True
    gap, error, freedom = mean_and_error(simple.per_row - other.per_row, split.compare_blocks)
    return gap > margin(error, freedom, count) and gap > MATTERS * abs(float(simple.per_row.mean()))


def _may_gain(chosen: Contender, other: Contender, split: Split, count: int) -> bool:
    """Whether the joint interval has room for `other` being cheaper by more than `ROOM`."""
    if not np.isfinite(other.per_row).all() or not np.isfinite(chosen.per_row).all():
        return False
    gap, error, freedom = mean_and_error(chosen.per_row - other.per_row, split.compare_blocks)
    return gap + margin(error, freedom, count) > ROOM * abs(float(chosen.per_row.mean()))


def shown(measure: Measure, mean: float, half: float) -> tuple[float, float]:
    """Return mean and half-width as shown: the root for squared errors (half-width by the delta method)."""
    if not measure.root or not mean > 0:
        return mean, half
    return float(np.sqrt(mean)), half / (2 * float(np.sqrt(mean)))


def shown_gap(comparison: Comparison, row: Judged) -> tuple[float, float]:
    """Return by how much a contender lies below the default as it is, with its half-width, as shown."""
    if not comparison.measure.root:
        return -row.difference, row.difference_margin
    reference = next(other for other in comparison.rows if other.contender.role == "default")
    both = float(np.sqrt(row.mean) + np.sqrt(reference.mean))  # a - b = (a² - b²) / (a + b)
    return (-row.difference / both, row.difference_margin / both) if both > 0 else (0.0, 0.0)
