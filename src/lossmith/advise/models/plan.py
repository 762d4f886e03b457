"""How much work a study may be: rows, classes and a time limit come in, rounds, settings and threads go out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Final

ROUNDS: Final = 400
PATIENCE: Final = 30
QUICK_ROUNDS: Final = 100
QUICK_PATIENCE: Final = 10
MOST_WORK: Final = 4e8  # rows x classes x rounds; keeps a full study within minutes on two cores
SMALL: Final = 1_500
MANY_ROWS: Final = 2_000_000
MANY_TO_PREDICT: Final = 200_000


@dataclass(frozen=True)
class Plan:
    """How much work training may be: rows to fit, outputs (1, or classes), seed, first look or not, and until when.

    `model` is "boosted" or "linear"; `deadline` is a time of `time.monotonic`, or None.
    """

    rows: int
    outputs: int
    seed: int
    quick: bool = False
    model: str = "boosted"
    deadline: float | None = None

    @property
    def rounds(self) -> int:
        """The most rounds of boosting."""
        most = QUICK_ROUNDS if self.quick else ROUNDS
        return int(min(most, max(50, MOST_WORK / (self.rows * max(self.outputs, 1)))))

    @property
    def patience(self) -> int:
        """Rounds without a better value on the stop rows that end the training."""
        return QUICK_PATIENCE if self.quick else PATIENCE

    @property
    def is_over(self) -> bool:
        """Whether the time limit has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline


def model_settings(rows: int, seed: int) -> dict[str, Any]:
    """Return LightGBM's settings: its own defaults, made repeatable; smaller and slower trees where rows are few."""
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
    return 1 if rows < MANY_ROWS else cores()


def threads_to_predict(rows: int) -> int:
    """Return all cores for many rows: prediction has no threads that wait for each other."""
    return 1 if rows < MANY_TO_PREDICT else cores()


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
