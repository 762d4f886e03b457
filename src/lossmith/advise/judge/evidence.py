"""What the noise says: predictions under several losses come in, the noise models by held-out likelihood go out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.contender import Bench
from lossmith.advise.judge.noise import NoiseReport, compare_noises
from lossmith.advise.models.candidate import Candidate

Floats = NDArray[np.float64]
FEW: Final = 400
NUMBERS: Final = ("real", "positive", "nonnegative", "count")


def noise_of(bench: Bench, kind: str) -> NoiseReport | None:
    """The noise models behind the losses, dispersion fitted on tune rows, judged on compared rows.

    Those of the first fold are used where they are enough, so that no row is both; else those of all folds.
    """
    if kind not in NUMBERS:
        return None
    folds = bench.split.folds if len(bench.split.folds[0].compare) < FEW else bench.split.folds[:1]
    fit: dict[str, Floats] = {}
    held: dict[str, Floats] = {}
    for model in bench.trained:
        candidate, runs = model.candidate, model.runs[: len(folds)]
        if not (candidate.own or candidate.levels or candidate.by_cost or candidate.formula):
            fit.setdefault(candidate.loss_name, np.concatenate([run.tune.raw for run in runs]))
            held.setdefault(candidate.loss_name, np.concatenate([run.compare.raw for run in runs]))
    tuned, compared = (np.concatenate([getattr(fold, part) for fold in folds]) for part in ("tune", "compare"))
    blocks = np.unique(bench.split.blocks[0][compared], return_inverse=True)[1]
    return compare_noises(kind, bench.rows.y[tuned], fit, bench.rows.y[compared], held, blocks)


def favoured(bench: Bench, report: NoiseReport | None) -> dict[int, int]:
    """The models that evidence beside the comparison speaks for, with their ranks.

    First (0) the loss that aims at what is asked; then (1), where a mean or median is aimed at, the losses that belong to
    the noise, all those that cannot be told apart.
    """
    models = [(i, model.candidate) for i, model in enumerate(bench.trained) if not model.candidate.own]
    found = {i: 0 for i, candidate in models if _aims(candidate, bench)}
    level = bench.aim.level
    if report is not None and report.looks_like is not None and level in (None, 0.5) and not bench.aim.levels:
        likely = report.rows[report.looks_like]
        names = {seen.loss_name for seen in report.rows if seen.is_tied or seen is likely}
        found |= {i: 1 for i, candidate in models if candidate.loss_name in names and i not in found}
    return found


def _aims(candidate: Candidate, bench: Bench) -> bool:
    """Whether a loss makes a model estimate what is cheapest: the quantile of the costs, the median."""
    level = 0.5 if candidate.loss_name == "absolute_error" else candidate.parameters.get("level")
    return candidate.loss_name in ("absolute_error", "quantile") and level == bench.aim.level
