"""Turn what a study found into its record: rows, models and comparisons come in, plain data goes out."""

from __future__ import annotations

import importlib.metadata
import platform
import time as clock
from typing import Final

from lossmith.advise.data.scan_profile import ScannedTarget
from lossmith.advise.judge.compare import Judged, shown, shown_gap
from lossmith.advise.judge.contender import ROLE_WORDS
from lossmith.advise.judge.stream import BLOCKS
from lossmith.advise.look.evidence import Evidence, noise_grows, percent
from lossmith.advise.models.candidate import label
from lossmith.advise.models.train import Trained
from lossmith.advise.request import Request
from lossmith.advise.tell.found import Found, How
from lossmith.advise.tell.grid import grid
from lossmith.advise.tell.sections import sections
from lossmith.advise.tell.unit import aim_words
from lossmith.advise.tell.verdict import Telling, rule_share, say
from lossmith.advise.tell.why import leak_words, why, wrong_words
from lossmith.algebra.decision import rule_to_dict
from lossmith.report.study import record as plain
from lossmith.report.words import number, rule_words, way_words

PACKAGES: Final = ("lossmith", "lightgbm", "numpy", "polars", "scipy", "numba")


def record(found: Found, how: How, request: Request) -> plain.StudyRecord:
    """Return the record of a study."""
    profile, telling = found.ready.profile, found.telling
    parts, seen = sections(found), _observations(found)
    return plain.StudyRecord(
        target=profile.target,
        kind=profile.kind,
        kind_reason=profile.reason,
        cost=aim_words(found.ready.aim, profile),
        answer=found.comparison.answer,
        verdict=_verdict(found, parts, seen),
        data=_data(found),
        comparison=_comparison(telling, found),
        gain=_gain(telling),
        grid=grid(found),
        losses=tuple(_loss_row(model) for model in found.trained),
        sections=parts,
        recommended=_recommended(found),
        columns=tuple((feature.name, feature.kind) for feature in found.ready.final.features),
        left_out=tuple(dict.fromkeys((*found.ready.rows.table.left_out, *found.ready.final.left_out))),
        observations=seen,
        notes=_notes(found, request),
        reproduce=plain.Reproduce(
            how.command, how.seed, how.quick, round(clock.perf_counter() - how.began, 1), _versions()
        ),
    )


def _verdict(found: Found, parts: tuple[plain.Section, ...], seen: tuple[plain.Observation, ...]) -> tuple[str, ...]:
    """The answer, what supports it, and why; before them, columns that tell the target by themselves."""
    noise = next((part.sentences[0] for part in parts if part.name == "noise"), "")
    grows = next((o.sentence for o in seen if o.what == "noise"), "")
    said = say(found.telling)
    first, more = said[:1], [" ".join(filter(None, (wrong_words(found), *said[1:])))]
    return tuple(filter(None, (leak_words(found), *first, *more, why(found, noise, grows))))


def _data(found: Found) -> plain.Data:
    split, table = found.bench.split, found.ready.rows.table
    lost = (
        (f"{table.target} is missing", table.n_missing_target),
        ("the time is missing", table.n_missing_time),
        ("their weight is 0", table.n_zero_weight),
    )
    return plain.Data(
        source=table.source,
        rows_read=table.n_rows_read if found.outside is None else found.outside.target.rows,
        left_out=tuple((why, count) for why, count in lost if count),
        folds=len(split.folds),
        jobs=_jobs(found),
        how=split.how,
        judged=split.judged,
        model=MODEL_WORDS[found.plan.model],
    )


MODEL_WORDS: Final = {"boosted": "boosted trees (LightGBM)", "linear": "a linear model"}
JOBS: Final = (
    ("fit", "train the models"),
    ("stop", "say when to stop the training"),
    ("tune", "fit the decision rules"),
    ("compare", "are compared, and used for nothing else"),
)


def _jobs(found: Found) -> tuple[plain.Job, ...]:
    first, split = found.bench.split.folds[0], found.bench.split
    jobs = [plain.Job(name, len(getattr(first, name)), f"in the first fold, {words}") for name, words in JOBS]
    if found.outside is None:
        jobs.append(
            plain.Job("compared", len(split.compared), "in all folds together, each by models that never saw it")
        )
    else:
        words = (
            "outside the sample, read in parts, each by models that never saw it (the folds above only try the rules)"
        )
        jobs.append(plain.Job("compared", found.outside.costs.rows, words))
    handed = len(found.ready.rows.known)
    rounds = found.trained[found.advised.contender.model].rounds
    times = f" (for {rounds} rounds, the middle one of the folds)" if rounds else ""
    return (*jobs, plain.Job("handed out", handed, f"train the model that is handed out{times}"))


def _comparison(t: Telling, found: Found) -> plain.Comparison:
    comparison, split = t.comparison, found.bench.split
    training = (
        "The luck of training is in the intervals: the folds train anew."
        if len(split.folds) > 1
        else "The luck of training is not in the intervals: the models were trained once."
    )
    rows = len(split.compared) if found.outside is None else found.outside.costs.rows
    judged = _by(split.judged) if found.outside is None else f"by {BLOCKS:,} blocks of rows"
    explained = (
        f"Paired differences on {rows:,} rows, judged {judged}. Means have 95 % intervals; the 99 % intervals of the "
        f"differences hold for all {comparison.comparisons} comparisons together. {training} The model that is handed out "
        "learns from more rows than those that were compared, and should do a little better."
    )
    unit = found.ready.profile.unit_name if comparison.measure.in_target_unit else ""
    made = tuple(_row(t, i, row) for i, row in enumerate(comparison.rows))
    return plain.Comparison(comparison.measure.name, unit, explained, made, comparison.comparisons)


def _by(judged: str) -> str:
    return f"by {judged}" if judged[0].isdigit() else judged


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
        why=f"{ROLE_WORDS[contender.role]}: {contender.why}",
        mean=mean,
        margin=margin,
        difference=-below,
        difference_margin=half,
        counts=row.counts,
        chosen=position == t.comparison.chosen,
        best=position == t.comparison.best,
    )


def _gain(t: Telling) -> plain.Gain | None:
    """How much of the gain the rule alone and the loss alone get."""
    chosen, usual = t.chosen, t.default
    if chosen.contender.model < 0 or not usual.mean - chosen.mean > 0:
        return None
    share = rule_share(t)
    value = {name: shown(t.comparison.measure, row.mean, 0.0)[0] for name, row in (("usual", usual), ("best", chosen))}
    ruled = t.row("default with rule")
    sentence = f"From {t.plain(usual)} to {t.plain(chosen)}"
    if share is not None and chosen.contender.role == "candidate":
        sentence += f": the rule alone, on the usual loss, gets {100 * share:.0f} % of it; the rest needs the loss"
    return plain.Gain(
        usual=value["usual"],
        advised=value["best"],
        rule_alone=None if ruled is None else shown(t.comparison.measure, ruled.mean, 0.0)[0],
        rule_share=share,
        loss_share=None if share is None else max(0.0, 1 - share),
        sentence=f"{sentence}.",
    )


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


def _recommended(found: Found) -> dict[str, object]:
    rule = rule_to_dict(found.rule)
    candidate = found.trained[found.advised.contender.model].candidate
    judged = rule_to_dict(found.advised.contender.rule)
    return {
        "label": way_words(label(candidate), judged),
        "loss": candidate.loss_name,
        "parameters": dict(candidate.parameters),
        "rule": rule,
    }


def _observations(found: Found) -> tuple[plain.Observation, ...]:
    """What the profile saw, and whether errors grow with the prediction (by models that never saw the rows)."""
    profile = found.ready.profile
    seen = list(profile.evidence)
    ask = found.ask(found.default)
    if not profile.classes and ask.y_pred.ndim == 1:
        seen.append(noise_grows(ask.sample.y, ask.y_pred))
    whole = () if found.outside is None else (_all_rows(found.outside.target),)
    return whole + tuple(
        plain.Observation(e.what, e.value if isinstance(e.value, str) else _value(e), e.sentence) for e in seen
    )


SHARES: Final = frozenset({"missing targets", "whole numbers", "zeros", "ties", "excess zeros", "imbalance"})


def _value(seen: Evidence) -> str:
    assert not isinstance(seen.value, str)
    return percent(seen.value) if seen.what in SHARES else number(seen.value)


def _all_rows(target: ScannedTarget) -> plain.Observation:
    """What the target looks like over all rows, where the rest was seen in a sample."""
    ends = f"; values run from {number(target.minimum)} to {number(target.maximum)}, mean {number(target.mean)}"
    known = "" if target.mean != target.mean else ends
    words = (
        f"Of all {target.rows:,} rows {target.missing:,} have no {target.target}{known}. What follows is of the sample."
    )
    return plain.Observation("all rows", f"{target.rows:,}", words)


def _notes(found: Found, request: Request) -> tuple[str, ...]:
    ready = found.ready
    notes = [*ready.rows.table.notes, *ready.profile.warnings, *ready.final.notes, *ready.notes]
    notes += [f"{label(candidate)} could not be trained here: {why}" for candidate, why in found.failed]
    if request.quick:
        notes.append(
            "Quick study: a sample of the rows and few rounds were used. Run it without --quick before deciding."
        )
    done, planned = len(found.bench.split.folds), len(ready.split.folds)
    if done < planned:
        notes.append(f"The time limit ended the study after {done} of {planned} folds.")
    if not ready.aim.said:
        notes.append(
            "Nothing was said about what errors cost: with --cost the study judges by that, and finds the rule for it."
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
