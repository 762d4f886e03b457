"""What probabilities and quantiles are worth: predictions of compared rows come in, a section of evidence goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.calibration import Calibration, Share, calibration, calibration_of_classes
from lossmith.advise.judge.compare import Judged
from lossmith.advise.judge.coverage import Coverage, coverage, coverages, crossings
from lossmith.advise.models.candidate import label
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import AsIs, Corrected, Rule, act, best_recalibration, probabilities
from lossmith.report.study.record import Picture, Section, Series, Table
from lossmith.report.words import number, with_margin

Floats = NDArray[np.float64]
HEADS: Final = (
    "way",
    "slope (1 is right)",
    "intercept (0 is right)",
    "said − happened",
    "miscalibration",
    "discrimination",
)


def calibrated(found: Found) -> Section | None:
    """Calibration of classes, coverage of quantiles; nothing where a mean is aimed at."""
    kind, aim = found.ready.profile.kind, found.ready.aim
    if kind == "binary":
        return _two_classes(found)
    if kind == "class":
        return _classes(found)
    return _quantiles(found) if aim.level is not None or aim.levels else None


@dataclass(frozen=True)
class Said:
    """Probabilities that a way gives to all compared rows, each by a model and a rule that did not see the row."""

    words: str
    p: Floats


def _all_said(found: Found) -> list[Said]:
    """The usual way and the advised one; then every reweighted loss, before and after its weights are undone."""
    as_they_are: tuple[Rule, ...] = (AsIs(),) * len(found.bench.split.folds)
    said: dict[str, Said] = {}
    for row in (found.default, found.advised):
        words = label(found.trained[row.contender.model].candidate)
        for name, rules in ((words, as_they_are), (f"{words}, corrected", row.contender.rules)):
            said.setdefault(name, Said(name, _probabilities(found, row.contender.model, rules)))
        if np.array_equal(said[words].p, said[f"{words}, corrected"].p):
            del said[f"{words}, corrected"]
    for model, trained in enumerate(found.trained):
        if trained.candidate.weights:
            words, undone = label(trained.candidate), Corrected(trained.candidate.weights)
            ways: tuple[tuple[str, Sequence[Rule]], ...] = (
                (words, as_they_are),
                (f"{words}, weights undone", (undone,) * len(as_they_are)),
                (f"{words}, weights undone, recalibrated", _recalibrated(found, model, undone)),
            )
            for name, way in ways:
                said.setdefault(name, Said(name, _probabilities(found, model, way)))
    return list(said.values())


def _recalibrated(found: Found, model: int, undone: Corrected) -> list[Rule]:
    """Undo the weights, then straighten what is left, fitted on the tune rows of each fold."""
    rules: list[Rule] = []
    for fold in range(len(found.bench.split.folds)):
        ask = found.bench.ask(model, fold, "tune")
        p = probabilities(undone, ask.y_pred, ask.sample.columns)
        rules.append(replace(undone, then=best_recalibration(ask.sample.y, p, ask.sample.weight)))
    return rules


def _probabilities(found: Found, model: int, rules: Sequence[Rule]) -> Floats:
    """What each fold's model says of its compared rows under that fold's rule; each row once."""
    parts = []
    for fold, rule in enumerate(rules):
        ask = found.bench.ask(model, fold, "compare")
        parts.append(probabilities(rule, ask.y_pred, ask.sample.columns))
    return np.concatenate(parts)[found.bench.first_met]


def _two_classes(found: Found) -> Section:
    positive = found.ready.profile.positive or "yes"
    seen = [(said.words, _calibration(found, said.p)) for said in _all_said(found)]
    table = Table(
        "How far the probabilities can be taken at their word",
        "Miscalibration is what a perfect recalibration would save in log loss, discrimination what knowing the features "
        "saves (higher is better).",
        HEADS,
        tuple((words, *_row(c)) for words, c in seen),
    )
    drawn = [pair for pair in seen if pair[0] in _drawn(found, seen)]
    picture = Picture(
        "calibration",
        "",
        f"Rows in groups of like probabilities: how often “{positive}” happened. On the line, a probability means what it "
        "says; bars are 95 % intervals.",
        "predicted probability",
        "share that happened",
        tuple(_curve(words, c) for words, c in drawn),
        diagonal=True,
    )
    sentences = tuple(f"{words[0].upper()}{words[1:]}: {c.sentence[0].lower()}{c.sentence[1:]}" for words, c in drawn)
    return Section("calibration", "What the probabilities are worth", sentences, (table,), (picture,))


def _drawn(found: Found, seen: list[tuple[str, Calibration]]) -> set[str]:
    usual = seen[0][0]
    advised = label(found.trained[found.advised.contender.model].candidate)
    known = {words for words, _ in seen}
    mended = (f"{advised}, corrected", f"{advised}, weights undone, recalibrated")
    best = next((words for words in mended if words in known), advised)
    return {usual, best}


def _calibration(found: Found, p: Floats) -> Calibration:
    rows = found.bench.rows.take(found.bench.split.compared)
    return calibration(rows.y, p, rows.weight, _blocks(found))


def _blocks(found: Found) -> list[NDArray[np.int64]]:
    rows = found.bench.split.compared
    return [blocks[rows] for blocks in found.bench.split.blocks]


def _row(c: Calibration) -> tuple[str, ...]:
    return (
        with_margin(c.slope, c.slope_margin),
        with_margin(c.intercept, c.intercept_margin),
        with_margin(c.excess, c.excess_margin),
        number(c.log_loss.miscalibration),
        number(c.log_loss.discrimination),
    )


def _curve(words: str, c: Calibration) -> Series:
    return _points(words, c.curve)


def _points(words: str, points: tuple[Share, ...]) -> Series:
    """Shares with their intervals, up and down."""
    up, down = (tuple(abs(end - p.share) for end, p in zip(ends, points, strict=True)) for ends in _ends(points))
    return Series(words, "points", tuple(p.predicted for p in points), tuple(p.share for p in points), up, down)


def _ends(points: tuple[Share, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(point.high for point in points), tuple(point.low for point in points)


def _classes(found: Found) -> Section:
    """One class against the rest."""
    row = found.advised
    ask = found.ask(row)
    p = _probabilities(found, row.contender.model, row.contender.rules)
    seen = calibration_of_classes(ask.sample.y, p, found.ready.profile.classes, ask.sample.weight, _blocks(found))
    table = Table(
        "Each class against the rest",
        "Slope 1 and intercept 0: the probabilities mean what they say.",
        ("class", *HEADS[1:]),
        tuple((name, *_row(c)) for name, c in zip(seen.labels, seen.classes, strict=True)),
    )
    curve = _curve("the most probable class", seen.top)
    picture = Picture(
        "calibration",
        "",
        "How often the most probable class was right, by how probable it was said to be; bars are 95 % intervals.",
        "predicted probability of the decision",
        "share that was right",
        (curve,),
        diagonal=True,
    )
    return Section("calibration", "What the probabilities are worth", (seen.top.sentence,), (table,), (picture,))


def _quantiles(found: Found) -> Section:
    """Coverage of the advised way and of the usual loss with its rule."""
    levels = found.ready.aim.levels
    rows = {id(row): row for row in (found.telling.simple, found.advised)}.values()
    covered = [(found.telling.way(row), _coverage(found, row)) for row in rows]
    table = Table(
        "How many rows lie where they were promised",
        "A right quantile keeps its promise in every range of predictions, not only on average.",
        ("way", "promised", "kept", "95 % interval"),
        tuple(
            (words, f"{100 * c.promised:.4g} %", f"{100 * c.share:.3g} %", f"{100 * c.low:.3g} – {100 * c.high:.3g} %")
            for words, each in covered
            for c in each
        ),
    )
    picture = Picture(
        "coverage",
        "",
        "The share of rows at or below the prediction (several quantiles: between the outermost), by the size of the "
        "prediction; the promise is the same for all.",
        "prediction",
        "share of rows",
        tuple(_by_size(words, each[-1]) for words, each in covered),
    )
    sentences = [each[-1].sentence for _, each in covered[-1:]]
    if levels:
        sentences.append(_crossing(found))
    return Section("coverage", "How many rows lie below the prediction", tuple(sentences), (table,), (picture,))


def _coverage(found: Found, row: Judged) -> tuple[Coverage, ...]:
    ask, aim = found.ask(row), found.ready.aim
    said = act(row.contender.rule, ask.y_pred, ask.sample.columns)
    if aim.levels:
        return coverages(ask.sample.y, said, aim.levels, ask.sample.weight, _blocks(found))
    assert aim.level is not None
    return (coverage(ask.sample.y, said, aim.level, ask.sample.weight, _blocks(found)),)


def _by_size(words: str, c: Coverage) -> Series:
    return _points(words, c.by_size)


def _crossing(found: Found) -> str:
    ask = found.ask(found.advised)
    before = crossings(ask.y_pred) if ask.y_pred.ndim > 1 else 0
    after = crossings(act(found.rule, ask.y_pred, ask.sample.columns))
    rows = len(ask.sample.y)
    if not before:
        return f"The quantiles cross in {after} of {rows:,} rows."
    return f"The quantiles of the models cross in {before:,} of {rows:,} rows; after sorting, in {after}."
