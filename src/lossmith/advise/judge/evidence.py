"""What the noise says: predictions under several losses come in, the noise models by held-out likelihood go out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.contender import Bench
from lossmith.advise.judge.noise import NoiseReport, compare_noises

Floats = NDArray[np.float64]
NUMBERS: Final = ("real", "positive", "nonnegative", "count")


def noise_of(bench: Bench, kind: str) -> NoiseReport | None:
    """The noise models behind the losses, dispersion fitted on tune rows, judged on compared rows of the first fold."""
    if kind not in NUMBERS:
        return None
    fold, rows = bench.split.folds[0], bench.rows
    fit: dict[str, Floats] = {}
    held: dict[str, Floats] = {}
    for model in bench.trained:
        candidate = model.candidate
        if not (candidate.own or candidate.levels or candidate.by_cost or candidate.formula):
            fit.setdefault(candidate.loss_name, model.runs[0].tune.raw)
            held.setdefault(candidate.loss_name, model.runs[0].compare.raw)
    blocks = np.unique(bench.split.blocks[0][fold.compare], return_inverse=True)[1]
    return compare_noises(kind, rows.y[fold.tune], fit, rows.y[fold.compare], held, blocks)


def favoured(bench: Bench, report: NoiseReport | None) -> int | None:
    """The model under the loss that belongs to the noise, where a mean or median is aimed at; None where none does."""
    if report is None or report.looks_like is None or bench.aim.level not in (None, 0.5) or bench.aim.levels:
        return None
    wanted = report.rows[report.looks_like].loss_name
    models = enumerate(bench.trained)
    return next((i for i, model in models if model.candidate.loss_name == wanted and not model.candidate.own), None)
