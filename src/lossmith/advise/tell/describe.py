"""Turn what a study found into its record: tables, models and comparisons come in, plain data goes out."""

from __future__ import annotations

import importlib.metadata
import platform
import time as clock
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.advise.data.encode import Encoding
from lossmith.advise.data.table import Table
from lossmith.advise.judge.compare import Comparison, Judged, shown, shown_gap
from lossmith.advise.judge.split import Split
from lossmith.advise.look.profile import Profile
from lossmith.advise.models.shortlist import Candidate
from lossmith.advise.models.train import Trained
from lossmith.advise.tell.picture import pictures
from lossmith.advise.tell.verdict import Telling, say, say_other, say_wrong
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    ErrorCosts,
    Rule,
    Threshold,
    UnderOver,
    rule_to_dict,
    zero_one,
)
from lossmith.report import record as plain
from lossmith.report.words import loss_words, number, rule_words, way_words

PACKAGES: Final = ("lossmith", "lightgbm", "numpy", "polars")


@dataclass(frozen=True)
class Found:
    """All that the steps of a study handed on; `comparisons` holds one per measure, the one that decides first."""

    table: Table
    profile: Profile
    costs: UnderOver | ErrorCosts | None
    split: Split
    encoding: Encoding
    trained: tuple[Trained, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class How:
    """How the study was started."""

    command: str
    seed: int
    quick: bool
    began: float


def label(candidate: Candidate) -> str:
    """The loss of a candidate in words."""
    return loss_words(candidate.loss_name, candidate.parameters)


def recommended(comparison: Comparison) -> Judged:
    """The contender whose model is handed out: the advised one; for a constant, the least costly model."""
    chosen = comparison.rows[comparison.chosen]
    if chosen.contender.model >= 0:
        return chosen
    return min((row for row in comparison.rows if row.contender.model >= 0), key=lambda row: row.mean)


def rule_in_use(rule: Rule, classes: int) -> Rule:
    """The rule that is handed out: classes that were judged by their probabilities are decided as usual."""
    if not classes or rule != AsIs():
        return rule
    return Threshold(0.5) if classes == 2 else CheapestClass(zero_one(classes))


def record(found: Found, how: How) -> plain.StudyRecord:
    """Return the record of a study."""
    telling = _telling(found, found.comparisons[0])
    others = () if found.costs is not None else tuple(_say_other(found, other) for other in found.comparisons[1:])
    return plain.StudyRecord(
        target=found.profile.target,
        kind=found.profile.kind,
        kind_reason=found.profile.reason,
        cost=cost_words(found.costs, found.profile),
        verdict=(*say(telling), *filter(None, others)),
        data=_data(found),
        comparison=_comparison(telling, found),
        grid=_grid(found),
        losses=tuple(_loss_row(model) for model in found.trained),
        recommended=_recommended(telling, len(found.profile.classes)),
        columns=tuple((feature.name, feature.kind) for feature in found.encoding.features),
        left_out=tuple(dict.fromkeys((*found.table.left_out, *found.encoding.left_out))),
        target_facts=_facts(found.profile),
        notes=_notes(found, how),
        pictures=pictures(telling, found.profile.y[found.split.compare], found.costs, found.profile.classes),
        reproduce=plain.Reproduce(
            how.command, how.seed, how.quick, round(clock.perf_counter() - how.began, 1), _versions()
        ),
    )


def _say_other(found: Found, comparison: Comparison) -> str:
    telling = _telling(found, comparison)
    return say_wrong(telling) if comparison.measure.is_cost else say_other(telling)


def cost_words(costs: UnderOver | ErrorCosts | None, profile: Profile) -> str:
    """The costs in one phrase."""
    if isinstance(costs, UnderOver):
        unit = profile.unit_name
        return f"{costs.under:g} for each unit of {unit} predicted too low, {costs.over:g} for each unit too high"
    if isinstance(costs, ErrorCosts):
        return (
            f"{costs.false_negative:g} for each missed “{profile.positive}”, "
            f"{costs.false_positive:g} for each false alarm"
        )
    return ""


def _telling(found: Found, comparison: Comparison) -> Telling:
    measure, profile = comparison.measure, found.profile
    unit = unit_of(profile) if measure.in_target_unit else ""
    if comparison is found.comparisons[0] and found.costs is not None:
        unit = unit_words(found.costs, profile)
    decided = profile.classes if measure.is_cost else ()
    probabilities = bool(profile.classes) and not measure.is_cost
    return Telling(comparison, found.trained, profile.target, unit, decided, probabilities)


def unit_of(profile: Profile) -> str:
    """The unit of the target, as it follows a number: "in minutes", or "in units of delay" where none is known."""
    known = profile.unit_name != profile.target
    return f"in {profile.unit_name}" if known else f"in units of {profile.target}"


def unit_words(costs: UnderOver | ErrorCosts, profile: Profile) -> str:
    """What a mean cost is counted in, as it follows the number."""
    if isinstance(costs, UnderOver):
        counts = f"too low counts {costs.under:g}×, too high {costs.over:g}×"
        return f"per row {unit_of(profile)} ({counts})"
    missed, alarm = costs.false_negative, costs.false_positive
    return f"per row (a missed “{profile.positive}” costs {missed:g}, a false alarm {alarm:g})"


def _data(found: Found) -> plain.Data:
    split, table = found.split, found.table
    return plain.Data(
        source=table.source,
        rows_read=table.n_rows_read,
        missing_target=table.n_missing_target,
        missing_time=table.n_missing_time,
        fit=len(split.fit),
        stop=len(split.stop),
        compare=len(split.compare),
        how=split.how,
        blocks=split.blocks,
    )


def _comparison(t: Telling, found: Found) -> plain.Comparison:
    measure, blocks = t.comparison.measure, found.split.blocks
    judged = f"by {blocks}" if blocks[0].isdigit() else blocks
    explained = (
        f"Paired differences on {len(found.split.compare):,} rows, judged {judged}; the 95 % intervals "
        f"of the differences hold for all {t.comparison.comparisons} comparisons together. They hold the chance in "
        "these rows, not that of training again."
    )
    unit = found.profile.unit_name if measure.in_target_unit else ""
    rows = tuple(_row(t, i, row) for i, row in enumerate(t.comparison.rows))
    return plain.Comparison(measure.name, unit, explained, rows, t.comparison.comparisons)


def _row(t: Telling, position: int, row: Judged) -> plain.Row:
    contender, rule = row.contender, rule_to_dict(row.contender.rule)
    mean, margin = shown(t.comparison.measure, row.mean, row.margin)
    below, half = shown_gap(t.comparison, row)
    return plain.Row(
        label=t.way(row),
        role=contender.role,
        loss=t.loss(row) if contender.model >= 0 else None,
        rule=rule_words(rule) if contender.model >= 0 else "",
        rule_data=rule,
        why=contender.why,
        mean=mean,
        margin=margin,
        difference=-below,
        difference_margin=half,
        chosen=position == t.comparison.chosen,
        best=position == t.comparison.best,
    )


def _grid(found: Found) -> plain.Grid:
    """Every loss by every measure, each model as it predicts (costs and errors: under its rule)."""
    columns = found.comparisons
    values = np.full((len(found.trained), len(columns)), np.inf)
    for j, comparison in enumerate(columns):
        for row in comparison.rows:
            i = row.contender.model
            fitted = row.contender.role == "default with rule" and not comparison.measure.is_cost
            if i >= 0 and not fitted:
                values[i, j] = min(values[i, j], shown(comparison.measure, row.mean, row.margin)[0])
    least = tuple(int(np.argmin(values[:, j])) for j in range(len(columns)))
    names = tuple(comparison.measure.name for comparison in columns)
    rows = tuple(label(model.candidate) for model in found.trained)
    return plain.Grid(names, rows, tuple(tuple(float(v) for v in row) for row in values), least)


def _loss_row(model: Trained) -> plain.LossRow:
    candidate = model.candidate
    return plain.LossRow(
        label=label(candidate),
        name=candidate.loss_name,
        parameters=dict(candidate.parameters),
        reason=candidate.reason,
        formula=str(model.loss.formula),
        is_default=candidate.is_default,
        rounds=model.rounds,
        seconds=round(model.seconds, 2),
    )


def _recommended(t: Telling, classes: int) -> dict[str, object]:
    row = recommended(t.comparison)
    rule = rule_to_dict(rule_in_use(row.contender.rule, classes))
    candidate = t.trained[row.contender.model].candidate
    return {
        "label": way_words(t.loss(row), rule),
        "loss": candidate.loss_name,
        "parameters": dict(candidate.parameters),
        "rule": rule,
    }


def _facts(profile: Profile) -> tuple[tuple[str, str], ...]:
    if profile.classes:
        total = max(sum(profile.counts), 1)
        shares = zip(profile.classes, profile.counts, strict=True)
        return tuple((name, f"{count:,} rows ({100 * count / total:.3g} %)") for name, count in shares)
    numbers = (("mean", profile.mean), ("standard deviation", profile.sd), ("skew", profile.skew))
    ends = (("least", profile.minimum), ("largest", profile.maximum))
    levels = ((f"{100 * level:g} % lie below", value) for level, value in profile.quantiles)
    shares_of = (("zeros", f"{100 * profile.zeros:.3g} %"), ("ties", f"{100 * profile.ties:.3g} %"))
    return (*((name, number(value)) for name, value in (*ends, *levels, *numbers)), *shares_of)


def _notes(found: Found, how: How) -> tuple[str, ...]:
    notes = [*found.table.notes, *found.profile.warnings, *found.encoding.notes, *found.split.notes]
    if how.quick:
        notes.append(
            "Quick study: a sample of the rows and few rounds were used. Run it without --quick before deciding."
        )
    chosen = found.comparisons[0].rows[found.comparisons[0].chosen].contender
    if found.costs is None and chosen.rule == AsIs():
        notes.append(
            "No cost was given: with --cost the study judges by what errors cost you, and finds the rule for it."
        )
    return tuple(dict.fromkeys(notes))


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions
