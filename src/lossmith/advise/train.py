"""Train one boosted model under each loss: encoded rows and candidates come in, models with predictions go out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.encode import Encoded
from lossmith.advise.shortlist import Candidate
from lossmith.advise.split import Split

if TYPE_CHECKING:
    from lossmith.loss import Loss

Floats = NDArray[np.float64]
ROUNDS: Final = 400
PATIENCE: Final = 30
QUICK_ROUNDS: Final = 100
QUICK_PATIENCE: Final = 10
MOST_WORK: Final = 4e8  # rows x classes x rounds; keeps a full study within minutes on two cores
SMALL: Final = 1_000


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


def loss_of(candidate: Candidate) -> Loss:
    """Return the loss that a candidate names."""
    from lossmith.loss import get

    return get(candidate.loss_name, **candidate.parameters)


def link_of(loss: Loss) -> str:
    """Return the name of the link from raw to target's scale."""
    return str(loss.declaration.get("link") or "identity")


def train_all(
    candidates: tuple[Candidate, ...],
    encoded: Encoded,
    y: Floats,
    split: Split,
    *,
    seed: int,
    quick: bool,
    classes: int,
    step: Callable[[str], None],
) -> tuple[Trained, ...]:
    """Train the same model under each candidate, with early stopping by its own value on the stop rows."""
    settings = model_settings(len(split.fit), seed)
    rounds, patience = (QUICK_ROUNDS, QUICK_PATIENCE) if quick else (ROUNDS, PATIENCE)
    rounds = int(min(rounds, max(50, MOST_WORK / (len(split.fit) * max(classes, 1)))))
    trained = []
    for candidate in candidates:
        step(f"training under {candidate.loss_name}")
        trained.append(_train(candidate, encoded, y, split, settings, rounds, patience))
    return tuple(trained)


def model_settings(rows: int, seed: int) -> dict[str, Any]:
    """Return LightGBM's settings: its own defaults, made repeatable; smaller trees where rows are few."""
    settings: dict[str, Any] = {
        "learning_rate": 0.1,
        "num_leaves": 31,
        "min_data_in_leaf": 20,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": _threads(),
        "verbosity": -1,
    }
    if rows < SMALL:
        settings |= {"learning_rate": 0.05, "num_leaves": 7, "min_data_in_leaf": max(2, rows // 50)}
    return settings


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _train(
    candidate: Candidate,
    encoded: Encoded,
    y: Floats,
    split: Split,
    settings: Mapping[str, Any],
    rounds: int,
    patience: int,
) -> Trained:
    from lossmith.adapt.in_lightgbm import for_lightgbm

    began = time.perf_counter()
    loss = loss_of(candidate)
    X = encoded.matrix
    booster = for_lightgbm(loss).train(
        X[split.fit],
        y[split.fit],
        params=dict(settings),
        rounds=rounds,
        valid=(X[split.stop], y[split.stop]),
        early_stopping_rounds=patience,
        categorical_feature=list(encoded.categorical),
    )
    stop, compare = (predict(booster, X[rows]) for rows in (split.stop, split.compare))
    seconds = time.perf_counter() - began
    return Trained(candidate, loss, link_of(loss), booster, stop, compare, _rounds(booster), seconds)


def _rounds(booster: Any) -> int:
    best = int(booster.best_iteration)
    return best if best > 0 else int(booster.current_iteration())


def predict(booster: Any, X: Floats) -> Prediction:
    """Predict rows twice, before and after the link, as the plain library does."""
    return Prediction(np.asarray(booster.predict(X, raw_score=True)), np.asarray(booster.predict(X)))
