"""Which noise it looks like: predictions under several losses come in, the noise models by held-out likelihood go out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.noise import NoiseReport, compare_noises
from lossmith.advise.tell.found import Found
from lossmith.report.record import Section, Table
from lossmith.report.words import number, with_margin

Floats = NDArray[np.float64]
NUMBERS = ("real", "positive", "nonnegative", "count")


def noise(found: Found) -> Section | None:
    """The noise models behind the losses, dispersion fitted on tune rows, judged on compared rows of the first fold."""
    profile = found.ready.profile
    if profile.kind not in NUMBERS:
        return None
    fold, rows = found.bench.split.folds[0], found.bench.rows
    fit: dict[str, Floats] = {}
    held: dict[str, Floats] = {}
    for model in found.trained:
        candidate = model.candidate
        if not (candidate.own or candidate.levels or candidate.by_cost or candidate.formula):
            run = model.runs[0]
            fit.setdefault(candidate.loss_name, run.tune.raw)
            held.setdefault(candidate.loss_name, run.compare.raw)
    blocks = np.unique(found.bench.split.blocks[0][fold.compare], return_inverse=True)[1]
    report = compare_noises(profile.kind, rows.y[fold.tune], fit, rows.y[fold.compare], held, blocks)
    return _section(report) if report.rows else None


def _section(report: NoiseReport) -> Section:
    unit = (
        f"Probabilities of the written-down value (unit {report.unit:g})"
        if report.unit is not None
        else "Densities (the values look continuous)"
    )
    table = Table(
        "Noise models by held-out likelihood",
        f"{unit}, mean logarithm per row on rows that neither model nor dispersion was fitted on; higher is better.",
        ("noise", "belongs to the loss", "log-likelihood", "below the best", "fitted"),
        tuple(
            (
                seen.name,
                seen.loss_name.replace("_", " "),
                with_margin(seen.log_likelihood, seen.margin),
                "best" if seen is report.rows[0] else with_margin(seen.below_best, seen.below_best_margin),
                ", ".join(f"{name} {number(value)}" for name, value in seen.parameters.items()),
            )
            for seen in report.rows
        ),
    )
    left = tuple(f"{name} is not compared: {reason}" for name, reason in report.refused)
    return Section("noise", "Which noise does it look like?", (report.sentence, *left), (table,))
