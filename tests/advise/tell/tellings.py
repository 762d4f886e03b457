"""Comparisons with their words: made benches come in, `Telling`s of every answer go out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lossmith.advise.judge.compare import compare
from lossmith.advise.judge.contender import Bench
from lossmith.advise.tell.verdict import Telling
from tests.advise.judge.benches import EVEN, FIVE_TO_ONE, MEAN, MISSED, bench, model

N = 3_000
RNG = np.random.default_rng(11)
SIGNAL, NOISE = RNG.normal(size=N), RNG.normal(size=N)
SPREAD = RNG.uniform(0.1, 5.0, size=N)
P = RNG.beta(0.5, 3.0, size=N)
HAPPENED = (RNG.uniform(size=N) < P).astype(np.float64)


def quantile_pays() -> Telling:
    """Noise that varies under lopsided costs."""
    right = model("quantile", SIGNAL + 0.967 * SPREAD, parameters={"level": 5 / 6})
    made = bench(FIVE_TO_ONE, SIGNAL + SPREAD * NOISE, model("squared_error", SIGNAL, True), right)
    return told(made, "in minutes (too low counts 5×, too high 1×)")


def shift_pays() -> Telling:
    """Constant noise under lopsided costs."""
    about = model("quantile", SIGNAL + 0.967 + 0.2 * RNG.normal(size=N), parameters={"level": 5 / 6})
    return told(bench(FIVE_TO_ONE, SIGNAL + NOISE, model("squared_error", SIGNAL, True), about), "in minutes")


def threshold_pays() -> Telling:
    """Missed positives cost more."""
    models = (model("binary_cross_entropy", P, True), model("brier", P))
    made = bench(MISSED, HAPPENED, *models, classes=2)
    return told(made, "(a missed “ill” costs 20, a false alarm 1)", ("well", "ill"))


def nothing_matters() -> Telling:
    """Two losses that learned the same."""
    twin = model("huber", SIGNAL + 1e-3 * RNG.normal(size=N))
    return told(bench(EVEN, SIGNAL + NOISE, model("squared_error", SIGNAL, True), twin), "in minutes")


def nothing_helps() -> Telling:
    """Features that say nothing."""
    models = (model("squared_error", 0.1 * SIGNAL, True), model("huber", 0.1 * SIGNAL + 0.5))
    return told(bench(EVEN, NOISE, *models), "in minutes")


def few_rows() -> Telling:
    """So few rows that a weak model may help or not."""
    y = NOISE[:100]
    weak = 0.1 * y + 0.3 * SIGNAL[:100]
    return told(bench(EVEN, y, model("squared_error", 0 * y, True), model("huber", weak)), "in minutes")


def mean_is_asked() -> Telling:
    """Squared errors, shown as their root."""
    worse = model("huber", SIGNAL + 1)
    return told(bench(MEAN, SIGNAL + 2 * NOISE, model("squared_error", SIGNAL, True), worse), "in minutes")


def told(made: Bench, unit: str, classes: tuple[str, ...] = ()) -> Telling:
    """The comparison of a bench, with its words."""
    return Telling(compare(made), made.trained, "delay", unit, classes)


TOLD: dict[str, tuple[Callable[[], Telling], str]] = {
    "quantile pays": (quantile_pays, "loss"),
    "shift pays": (shift_pays, "rule"),
    "threshold pays": (threshold_pays, "rule"),
    "nothing matters": (nothing_matters, "same"),
    "nothing helps": (nothing_helps, "nothing"),
    "few rows": (few_rows, ""),
    "mean is asked": (mean_is_asked, "same"),
}
