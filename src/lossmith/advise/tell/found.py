"""What a study has in hand when it comes to telling: rows, models, judgements, and what is handed out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import Comparison, Judged
from lossmith.advise.judge.contender import Bench
from lossmith.advise.judge.decide import Ask
from lossmith.advise.judge.noise import NoiseReport
from lossmith.advise.large import Outside
from lossmith.advise.models.candidate import Candidate
from lossmith.advise.models.model import Model
from lossmith.advise.models.plan import Plan
from lossmith.advise.models.train import Trained
from lossmith.advise.prepare import Prepared
from lossmith.advise.tell.unit import unit_of, unit_words
from lossmith.advise.tell.verdict import Telling
from lossmith.algebra.decision import Rule, deciding

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class How:
    """How the study was started."""

    command: str
    seed: int
    quick: bool
    began: float


@dataclass(frozen=True)
class Found:
    """All that the steps of a study handed on; `model` is the one that is handed out, trained on all rows.

    `outside`: what the ways cost on the rows outside a sample, where only a sample was learned from. `failed`: losses that
    could not be trained, and why.
    """

    ready: Prepared
    bench: Bench
    comparison: Comparison
    plan: Plan
    model: Model | None = None
    outside: Outside | None = None
    failed: tuple[tuple[Candidate, str], ...] = ()
    noise: NoiseReport | None = None

    @property
    def trained(self) -> tuple[Trained, ...]:
        """Every candidate with its runs."""
        return self.bench.trained

    @property
    def advised(self) -> Judged:
        """The contender whose model is handed out: the advised one; for a constant, the least costly model."""
        chosen = self.comparison.rows[self.comparison.chosen]
        if chosen.contender.model >= 0:
            return chosen
        models = (row for row in self.comparison.rows if row.contender.model >= 0 and row.contender.role != "own")
        return min(models, key=lambda row: row.mean)

    @property
    def default(self) -> Judged:
        """The usual loss as it is."""
        return next(row for row in self.comparison.rows if row.contender.role == "default")

    @property
    def rule(self) -> Rule:
        """The rule that is handed out."""
        return deciding(self.advised.contender.rule, len(self.ready.profile.classes))

    def rules(self) -> tuple[Rule, ...]:
        """The rule of each fold of the advised way, as it is handed out."""
        return tuple(deciding(rule, len(self.ready.profile.classes)) for rule in self.advised.contender.rules)

    def ask(self, row: Judged) -> Ask:
        """What a contender's models say of all compared rows, each once."""
        return self.bench.together(row.contender.model)

    @property
    def telling(self) -> Telling:
        """The comparison with its words."""
        profile, aim, measure = self.ready.profile, self.ready.aim, self.comparison.measure
        unit = unit_of(profile) if measure.in_target_unit else ""
        if aim.costs is not None and aim.said:
            unit = unit_words(aim, profile)
        decided = profile.classes if measure.is_cost else ()
        probabilities = bool(profile.classes) and not measure.is_cost
        return Telling(self.comparison, self.trained, profile.target, unit, decided, probabilities)
