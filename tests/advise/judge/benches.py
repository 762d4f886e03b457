"""Benches without a booster behind them: targets and what models predict come in, a `Bench` or an `Ask` goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.split import Layout, Split, split_rows
from lossmith.advise.judge.contender import Bench
from lossmith.advise.judge.decide import Ask
from lossmith.advise.judge.measure import Measure, measure_of
from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim, Estimate
from lossmith.advise.models.candidate import Candidate
from lossmith.advise.models.model import Prediction
from lossmith.advise.models.train import Run, Trained
from lossmith.algebra.decision import CostMatrix, ErrorCosts, UnderOver

Floats = NDArray[np.float64]
FIVE_TO_ONE = Aim(UnderOver(5.0, 1.0), Estimate("quantile", (5 / 6,)), True)
EVEN = Aim(UnderOver(1.0, 1.0), Estimate("median"), True)
MEAN = Aim(None, Estimate("mean"), True)
MISSED = Aim(ErrorCosts(20.0, 1.0), Estimate("probability"), True)
PROBABILITY = Aim(None, Estimate("probability"), False)
LEVELS = Aim(None, Estimate("quantile", (0.1, 0.5, 0.9)), True)
GRADES = CostMatrix(((0.0, 1.0, 2.0), (1.0, 0.0, 1.0), (2.0, 1.0, 0.0)))


def by_matrix(matrix: CostMatrix) -> Aim:
    """Judged by a matrix of costs."""
    return Aim(matrix, Estimate("probability"), True)


def ask(
    aim: Aim,
    y: Floats,
    y_pred: Floats,
    candidate: Candidate | None = None,
    *,
    weight: Floats | None = None,
    columns: Mapping[str, Floats] | None = None,
    blocks: NDArray[np.int64] | None = None,
    ordered: bool = False,
) -> Ask:
    """Predictions of rows that may fit a rule."""
    blocks = np.arange(len(y)) if blocks is None else blocks
    sample = Sample(np.asarray(y, dtype=np.float64), weight, columns or {}, blocks, ordered)
    return Ask(aim, candidate or Candidate("squared_error", is_default=True), sample, Prediction(y_pred, y_pred))


def model(name: str, y_pred: Floats, default: bool = False, **more: Any) -> tuple[Candidate, Floats]:
    """A candidate, and what its models say of all rows (in every fold the same)."""
    return Candidate(name, is_default=default, **more), np.asarray(y_pred, dtype=np.float64)


def bench(
    aim: Aim,
    y: Floats,
    *models: tuple[Candidate, Floats],
    classes: int = 0,
    split: Split | None = None,
    measure: Measure | None = None,
    weight: Floats | None = None,
    columns: Mapping[str, Floats] | None = None,
    seed: int = 0,
) -> Bench:
    """A bench whose models predict what is given."""
    y = np.asarray(y, dtype=np.float64)
    split = split or split_rows(Layout(y, classes), seed=seed)
    trained = tuple(Trained(candidate, cast(Any, None), _runs(y_pred, split)) for candidate, y_pred in models)
    rows = Sample(y, weight, columns or {}, split.blocks[0], split.moves)
    return Bench(rows, split, trained, aim, measure or measure_of(aim, classes))


def _runs(y_pred: Floats, split: Split) -> tuple[Run, ...]:
    parts = [[Prediction(y_pred[r], y_pred[r]) for r in (fold.tune, fold.compare)] for fold in split.folds]
    return tuple(Run(cast(Any, None), tune, compare, 1, 0.0) for tune, compare in parts)
