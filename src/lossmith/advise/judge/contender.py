"""Ways to answer: trained models and their rules come in, what every compared row costs under each goes out.

A way is a model with a rule; the rule is fitted anew in each fold, on rows that this fold neither learns from nor
compares. One constant answer for all rows, the usual loss as it is, and the usual loss with its best rule are always
among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.split import Split
from lossmith.advise.judge.decide import Ask, Decision, book_of, choose_rule
from lossmith.advise.judge.measure import Measure
from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim
from lossmith.advise.models.model import Prediction
from lossmith.advise.models.train import Trained
from lossmith.algebra.decision import AsIs, Rule

Floats = NDArray[np.float64]
Role = Literal["constant", "default", "default with rule", "candidate", "own"]
ROLE_WORDS: Final = {
    "constant": "one answer for every row",
    "default": "the usual loss as it is",
    "default with rule": "the usual loss with its best rule",
    "candidate": "another loss with its best rule",
    "own": "LightGBM's own objective",
}


@dataclass(frozen=True)
class Contender:
    """A way: role, model (-1 for the constant), the rule of each fold, and what each fold's compared rows cost.

    `rule` and `why` are those that are handed out, chosen on all compared rows once the comparison is over.
    """

    role: Role
    model: int
    rules: tuple[Rule, ...]
    costs: tuple[Floats, ...]
    rule: Rule
    why: str
    constant: float | None = None


@dataclass(frozen=True)
class Bench:
    """All that judging needs: rows, folds, models, and what is aimed at."""

    rows: Sample
    split: Split
    trained: tuple[Trained, ...]
    aim: Aim
    measure: Measure

    def ask(self, model: int, fold: int, part: str) -> Ask:
        """A model's predictions of the rows of one fold that have this job."""
        rows = getattr(self.split.folds[fold], part)
        trained = self.trained[model]
        prediction: Prediction = getattr(trained.runs[fold], part)
        return Ask(self.aim, trained.candidate, self.rows.take(rows), prediction)

    @cached_property
    def first_met(self) -> NDArray[np.int64]:
        """Where each compared row comes first, in the compared rows of all folds one after the other."""
        met = np.concatenate([fold.compare for fold in self.split.folds])
        return np.asarray(np.unique(met, return_index=True)[1], dtype=np.int64)

    def together(self, model: int) -> Ask:
        """A model's predictions of all rows that were compared (each once), every one by a model that did not see it."""
        trained = self.trained[model]
        raw = np.concatenate([run.compare.raw for run in trained.runs])[self.first_met]
        y_pred = np.concatenate([run.compare.y_pred for run in trained.runs])[self.first_met]
        return Ask(self.aim, trained.candidate, self.rows.take(self.split.compared), Prediction(raw, y_pred))

    def cost(self, ask: Ask, rule: Rule) -> Floats:
        """What each row costs under a rule."""
        return self.measure.per_row(ask.sample, ask.y_pred, rule)


def contenders(bench: Bench) -> tuple[Contender, ...]:
    """Return all ways, the simplest first."""
    default = next(i for i, model in enumerate(bench.trained) if model.candidate.is_default)
    found = [
        _constant(bench),
        _with(bench, "default", default, _usual),
        _with(bench, "default with rule", default, _chosen),
    ]
    for place, model in enumerate(bench.trained):
        if place != default:
            own = model.candidate.own
            found.append(_with(bench, "own" if own else "candidate", place, _usual if own else _chosen))
    return tuple(way for way in found if way.role != "default with rule" or way.rule != found[1].rule)


def _constant(bench: Bench) -> Contender:
    costs, values = [], []
    for fold in bench.split.folds:
        compared = bench.rows.take(fold.compare)
        flat = bench.measure.constant(bench.rows.take(fold.fit), len(fold.compare))
        costs.append(bench.measure.per_row(compared, flat, AsIs()))  # a constant is an action already
        values.append(flat)
    single = float(np.median([flat[0] for flat in values])) if values[0].ndim == 1 else None
    rules = (AsIs(),) * len(costs)
    return Contender("constant", -1, rules, tuple(costs), AsIs(), "the best single answer on the fit rows", single)


Choose = Callable[[Bench, Ask], Decision]


def _usual(bench: Bench, ask: Ask) -> Decision:
    return Decision(book_of(ask).usual(ask), "as usual")


def _chosen(bench: Bench, ask: Ask) -> Decision:
    return choose_rule(ask, bench.cost)


def _with(bench: Bench, role: Role, model: int, choose: Choose) -> Contender:
    folds = range(len(bench.split.folds))
    rules = tuple(choose(bench, bench.ask(model, fold, "tune")).rule for fold in folds)
    costs = tuple(bench.cost(bench.ask(model, fold, "compare"), rules[fold]) for fold in folds)
    together = bench.together(model)
    final = _settled(together, choose(bench, together), rules)
    return Contender(role, model, rules, costs, final.rule, final.why)


def _settled(ask: Ask, final: Decision, rules: tuple[Rule, ...]) -> Decision:
    """The rule that is handed out: of the sort that most folds chose, for that is what was judged."""
    sort = Counter(type(rule) for rule in rules).most_common(1)[0][0]
    if type(final.rule) is sort:
        return final
    book = book_of(ask)
    for fit in (book.implied, book.usual, *book.fitted):
        if type(rule := fit(ask)) is sort:
            return Decision(rule, "as most folds chose on their rows to tune")
    return final
