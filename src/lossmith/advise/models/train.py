"""Train one boosted model under each loss: encoded rows and candidates come in, models with predictions go out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.encode import Encoded
from lossmith.advise.judge.split import Split
from lossmith.advise.models.shortlist import Candidate

if TYPE_CHECKING:
    from lossmith.loss import Loss

Floats = NDArray[np.float64]
ROUNDS: Final = 400
PATIENCE: Final = 30
QUICK_ROUNDS: Final = 100
QUICK_PATIENCE: Final = 10
MOST_WORK: Final = 4e8  # rows x classes x rounds; keeps a full study within minutes on two cores
SMALL: Final = 1_000
MANY_ROWS: Final = 2_000_000


@dataclass(frozen=True)
class Prediction:
    """What a model says of some rows: raw and on the target's scale, (n,) or (n, classes)."""

    raw: Floats
    y_pred: Floats


@dataclass(frozen=True)
class Trained:
    """A model under one loss, its predictions for the rows to stop and to compare, and what it took."""

    candidate: Candidate
    loss: Loss
    link: str
    booster: Any
    stop: Prediction
    compare: Prediction
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """How much work training may be: rows to fit, classes (0 for numbers), seed, and whether it is a first look."""

    rows: int
    classes: int
    seed: int
    quick: bool

    @property
    def rounds(self) -> int:
        """The most rounds of boosting."""
        most = QUICK_ROUNDS if self.quick else ROUNDS
        return int(min(most, max(50, MOST_WORK / (self.rows * max(self.classes, 1)))))

    @property
    def patience(self) -> int:
        """Rounds without a better value on the stop rows that end the training."""
        return QUICK_PATIENCE if self.quick else PATIENCE


def loss_of(candidate: Candidate) -> Loss:
    """Return the loss that a candidate names."""
    from lossmith.loss import get

    return get(candidate.loss_name, **candidate.parameters)  # type: ignore[arg-type]


def train_all(
    candidates: tuple[Candidate, ...],
    encoded: Encoded,
    y: Floats,
    split: Split,
    plan: Plan,
    step: Callable[[str, float], None],
) -> tuple[Trained, ...]:
    """Train the same model under each candidate, with early stopping by its own value on the stop rows."""
    count = len(candidates)
    return tuple(
        _train(
            candidate,
            encoded,
            y,
            split,
            plan,
            lambda share, i=i, name=candidate.loss_name: step(  # type: ignore[misc]
                f"training under {name}", (i + share) / count
            ),
        )
        for i, candidate in enumerate(candidates)
    )


def model_settings(rows: int, seed: int) -> dict[str, Any]:
    """Return LightGBM's settings: its own defaults, made repeatable; smaller trees where rows are few."""
    settings: dict[str, Any] = {
        "learning_rate": 0.1,
        "num_leaves": 31,
        "min_data_in_leaf": 20,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": threads(rows),
        "verbosity": -1,
    }
    if rows < SMALL:
        settings |= {"learning_rate": 0.05, "num_leaves": 7, "min_data_in_leaf": max(2, rows // 50)}
    return settings


def threads(rows: int) -> int:
    """Return 1 below two million rows, else all cores.

    Trees on fewer rows take hundredths of a second on one thread; with two, LightGBM's threads wait in a busy loop for
    each other and take up to 25 times as long where the cores are shared (measured on 40,000 and 200,000 rows).
    """
    if rows < MANY_ROWS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _train(
    candidate: Candidate, encoded: Encoded, y: Floats, split: Split, plan: Plan, step: Callable[[float], None]
) -> Trained:
    from lossmith.adapt.in_lightgbm import for_lightgbm

    began = time.perf_counter()
    step(0.0)
    loss, X = loss_of(candidate), encoded.matrix
    booster = for_lightgbm(loss).train(
        X[split.fit],
        y[split.fit],
        params=model_settings(plan.rows, plan.seed),
        rounds=plan.rounds,
        valid=(X[split.stop], y[split.stop]),
        early_stopping_rounds=plan.patience,
        categorical_feature=list(encoded.categorical),
        on_round=lambda done, value: step(done / plan.rounds),
    )
    stop, compare = (predict(booster, X[rows]) for rows in (split.stop, split.compare))
    seconds = time.perf_counter() - began
    return Trained(candidate, loss, loss.link, booster, stop, compare, _rounds(booster), seconds)


def _rounds(booster: Any) -> int:
    best = int(booster.best_iteration)
    return best if best > 0 else int(booster.current_iteration())


def predict(booster: Any, X: Floats) -> Prediction:
    """Predict rows twice, before and after the link, as the plain library does."""
    many = threads(len(X))
    raw, y_pred = (booster.predict(X, raw_score=before, num_threads=many) for before in (True, False))
    return Prediction(np.asarray(raw), np.asarray(y_pred))
