"""Trained by evaluated: every model by every measure, so that what each loss is good for can be seen side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import shown
from lossmith.advise.judge.measure import Measure, by_cost, by_loss
from lossmith.advise.models.candidate import Candidate, label
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import AsIs, CostMatrix, deciding, zero_one
from lossmith.report.study import record as plain

Floats = NDArray[np.float64]


def grid(found: Found) -> plain.Grid:
    """Every loss by every measure, each model as it predicts (what decides: under its best rule)."""
    models = [i for i, model in enumerate(found.trained) if not model.candidate.own]
    measures = _measures(found)
    columns = [_decided(found, models), *([_as_is(found, i, measure) for i in models] for measure in measures)]
    values = np.array(columns, dtype=np.float64).T
    names = (found.comparison.measure.name, *(measure.name for measure in measures))
    rows = tuple(label(found.trained[i].candidate) for i in models)
    least = tuple(int(np.argmin(np.where(np.isnan(column), np.inf, column))) for column in values.T)
    return plain.Grid(names, rows, tuple(tuple(float(v) for v in row) for row in values), least)


def _decided(found: Found, models: list[int]) -> list[float]:
    """The least that each model comes to by what decides."""
    rows, measure = found.comparison.rows, found.comparison.measure
    means = {i: [shown(measure, r.mean, r.margin)[0] for r in rows if r.contender.model == i] for i in models}
    return [min(means[i]) for i in models]


def _measures(found: Found) -> list[Measure]:
    """The losses that were trained under, once each, and for classes the share of wrong decisions."""
    profile, decides = found.ready.profile, found.comparison.measure.name
    if profile.kind == "ordinal" or found.ready.aim.levels:
        return []
    measures = {m.name: m for m in (by_loss(model.candidate) for model in found.trained if _judges(model.candidate))}
    if profile.classes:
        wrong = by_cost(CostMatrix(zero_one(len(profile.classes))), "share of wrong decisions")
        measures[wrong.name] = wrong
    return [measure for name, measure in measures.items() if name != decides]


def _judges(candidate: Candidate) -> bool:
    return not (candidate.own or candidate.by_cost or candidate.weights)


def _as_is(found: Found, model: int, measure: Measure) -> float:
    """The mean of a measure over all folds: losses as the model predicts, decisions as usual."""
    bench, profile = found.bench, found.ready.profile
    total = weight = 0.0
    for fold in range(len(bench.split.folds)):
        ask = bench.ask(model, fold, "compare")
        rule = deciding(AsIs(), len(profile.classes)) if measure.is_cost else AsIs()
        costs = measure.per_row(ask.sample, ask.y_pred, rule)
        weights = np.ones(len(costs)) if ask.sample.weight is None else ask.sample.weight
        total, weight = total + float(costs @ weights), weight + float(weights.sum())
    return shown(measure, total / weight, 0.0)[0]
