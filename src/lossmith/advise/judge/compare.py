"""Compare ways on untouched rows: contenders come in, rows with intervals, the advice and the answer go out.

All differences are paired (the same rows under both). A difference counts if it lies outside the interval that holds
for all comparisons together, and is above half a percent of the cost. The advice is the simplest way that lies within
one standard error of the cheapest (Breiman et al. 1984, section 3.4.3): the usual loss with its rule, the usual loss as
it is, the loss that aims at what is asked (within two), those that belong to the noise, then the others from the cheapest
on. But a way that beats the usual loss for certain goes before one that does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.split import Split
from lossmith.advise.judge.contender import Bench, Contender, contenders
from lossmith.advise.judge.decide import MATTERS
from lossmith.advise.judge.measure import Measure
from lossmith.advise.judge.sample import Sample
from lossmith.advise.judge.tally import JOINT_LEVEL, Estimate, Tallies, tally, widest
from lossmith.report.study.record import Answer

Floats = NDArray[np.float64]
WITHIN: Final = 1.0  # standard errors
FAVOURED: Final = 2.0  # the same for the loss that aims at what is asked, which needs less evidence
ROOM: Final = 0.05
NOTHING: Final = 1e-9
NOBODY: Final[Mapping[int, int]] = {}


@dataclass(frozen=True)
class Judged:
    """A contender with its mean cost and the half-width of its interval; differences are to the default as it is."""

    contender: Contender
    mean: float
    margin: float
    difference: float
    difference_margin: float
    counts: bool


@dataclass(frozen=True)
class Comparison:
    """All contenders by one measure, the simplest first; `chosen` and `best` are positions in `rows`.

    `answer` says what counts. `unsure` says that the intervals have room for a way that is better than the chosen one
    by more than `ROOM`: "it does not matter" would say too much. `constant_unbeaten`: no model is clearly better than
    one answer for every row. `favoured` are the models that other evidence speaks for.
    """

    measure: Measure
    rows: tuple[Judged, ...]
    chosen: int
    best: int
    comparisons: int
    answer: Answer
    constant_unbeaten: bool
    unsure: bool
    tallies: tuple[Tallies, ...]
    favoured: Mapping[int, int] = field(default_factory=dict)

    @property
    def blocks(self) -> int:
        """How many blocks of rows were judged, where they are fewest."""
        each = (np.concatenate([fold.blocks for fold in kind.folds]) for kind in self.tallies)
        return min(len(np.unique(blocks)) for blocks in each)

    def gap(self, first: int, second: int) -> Estimate:
        """By how much `first` costs more than `second`."""
        return widest(self.tallies, first, second)

    def clearly(self, first: int, second: int) -> bool:
        """Whether `second` is cheaper than `first` so that it counts."""
        return _counts(self.gap(first, second), self.rows[first].mean, self.comparisons)


def compare(bench: Bench, favoured: Mapping[int, int] = NOBODY) -> Comparison:
    """Judge every way of a bench; of ways that are about as cheap the models `favoured` by other evidence go first.

    `favoured` maps a model to its rank, 0 before 1.
    """
    ways = contenders(bench)
    return judge(bench.measure, ways, tallies_of(ways, bench.rows, bench.split), favoured)


def tallies_of(ways: tuple[Contender, ...], rows: Sample, split: Split) -> tuple[Tallies, ...]:
    """Sum what the ways cost by fold and block, once for each way to form blocks."""
    found, usual = [], next(i for i, way in enumerate(ways) if way.role == "default")
    for blocks in split.blocks:
        folds = []
        for number, fold in enumerate(split.folds):
            costs = np.column_stack([way.costs[number] for way in ways])
            weight = None if rows.weight is None else rows.weight[fold.compare]
            folds.append(tally(costs, weight, blocks[fold.compare]))
        found.append(Tallies(tuple(folds), split.reuse, usual, split.moves))
    return tuple(found)


def judge(
    measure: Measure, ways: tuple[Contender, ...], tallies: tuple[Tallies, ...], favoured: Mapping[int, int] = NOBODY
) -> Comparison:
    """Judge ways by their sums."""
    count = max(len(ways) - 1, 1)
    usual = next(i for i, way in enumerate(ways) if way.role == "default")
    rows = tuple(_judged(i, way, usual, tallies, count) for i, way in enumerate(ways))
    order = _by_preference(rows, favoured)
    models = [i for i in order if ways[i].role != "own"]
    best = min(range(len(rows)), key=lambda i: rows[i].mean)
    target = min(models, key=lambda i: rows[i].mean)
    within = {i: FAVOURED if favoured.get(rows[i].contender.model) == 0 else WITHIN for i in models}
    near = (i for i in models if _near(widest(tallies, i, target), rows[i].mean, within[i]))
    chosen = next(near, 0)  # where every model can cost infinitely much, one answer for all rows
    unbeaten = not any(_counts(widest(tallies, 0, i), rows[0].mean, count) for i in models)
    if unbeaten and rows[0].mean <= rows[chosen].mean * (1 + MATTERS):
        chosen = 0
    chosen = _proven(rows, chosen, tallies, count)
    unsure = any(_room(widest(tallies, chosen, i), rows[chosen].mean, count) for i in models if i != chosen)
    answer = _answer(rows, chosen, tallies, count)
    return Comparison(measure, rows, chosen, best, count, answer, unbeaten, unsure, tallies, favoured)


def _judged(i: int, way: Contender, usual: int, tallies: tuple[Tallies, ...], count: int) -> Judged:
    own = widest(tallies, i)
    gap = widest(tallies, i, usual) if i != usual else Estimate(0.0, 0.0, 1.0)
    usual_mean = tallies[0].estimate(usual).mean
    if abs(gap.mean) <= NOTHING * abs(usual_mean):  # a difference of the last bits is none
        gap = Estimate(0.0, 0.0, 1.0)
    counts = i != usual and (_counts(_negative(gap), usual_mean, count) or _counts(gap, own.mean, count))
    return Judged(way, own.mean, own.margin(), gap.mean, gap.margin(count, JOINT_LEVEL), counts)


def _negative(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.mean, estimate.error, estimate.freedom)


def _by_preference(rows: tuple[Judged, ...], favoured: Mapping[int, int]) -> list[int]:
    """Positions of the models: the default with a rule that helps, as it is, the favoured ones, the others by their cost."""
    usual = {row.contender.role: row.mean for row in rows if row.contender.role.startswith("default")}
    helps = usual.get("default with rule", np.inf) < usual["default"] * (1 - MATTERS)
    simple = {"default with rule": 0 if helps else 2, "default": 1}
    places = [i for i, row in enumerate(rows) if row.contender.model >= 0]
    after = {model: 3 + rank for model, rank in favoured.items()}
    ranks = {i: simple.get(rows[i].contender.role, after.get(rows[i].contender.model, 9)) for i in places}
    return sorted(places, key=lambda i: (ranks[i], rows[i].mean))


def _counts(gap: Estimate, before: float, count: int) -> bool:
    """Whether a saving counts: beyond the joint interval, and more than half a percent of what was spent before."""
    if before == np.inf:
        return gap.mean == np.inf
    return bool(gap.mean > gap.margin(count, JOINT_LEVEL) and gap.mean > MATTERS * abs(before))


def _near(gap: Estimate, mean: float, within: float) -> bool:
    """Whether a way costs no more than the cheapest one, but for so many standard errors or half a percent."""
    return bool(np.isfinite(mean) and gap.mean <= max(within * np.nan_to_num(gap.error), MATTERS * abs(mean)))


def _room(gap: Estimate, mean: float, count: int) -> bool:
    """Whether the joint interval has room for a way that is cheaper by more than `ROOM`."""
    half = gap.margin(count, JOINT_LEVEL)
    return not np.isfinite(half) or bool(gap.mean + half > ROOM * abs(mean))


def _answer(rows: tuple[Judged, ...], chosen: int, tallies: tuple[Tallies, ...], count: int) -> Answer:
    """What counts: another loss (over the usual one with its rule), the rule alone, nothing at all, or no difference."""
    if chosen == 0:
        return "nothing"
    if rows[chosen].contender.role == "candidate" and _beats_simple(rows, chosen, tallies, count):
        return "loss"
    ruled = next((row for row in rows if row.contender.role == "default with rule"), None)
    return "rule" if ruled is not None and ruled.counts and ruled.difference < 0 else "same"


def _beats_simple(rows: tuple[Judged, ...], place: int, tallies: tuple[Tallies, ...], count: int) -> bool:
    """Whether a way is cheaper than the usual loss, as it is and with its rule, so that it counts."""
    usual = (i for i, row in enumerate(rows) if row.contender.role.startswith("default"))
    simple = min(usual, key=lambda i: rows[i].mean)
    return _counts(widest(tallies, simple, place), rows[simple].mean, count)


def _proven(rows: tuple[Judged, ...], chosen: int, tallies: tuple[Tallies, ...], count: int) -> int:
    """The chosen way, unless it does not beat the usual loss for certain and another one does: then the cheapest of those."""
    candidates = [i for i, row in enumerate(rows) if row.contender.role == "candidate"]
    if chosen == 0 or (chosen in candidates and _beats_simple(rows, chosen, tallies, count)):
        return chosen
    sure = [i for i in candidates if _beats_simple(rows, i, tallies, count)]
    return min(sure, key=lambda i: rows[i].mean, default=chosen)


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
