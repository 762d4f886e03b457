"""Where a loss is looked at: moderate targets and predictions, at which every formula that is right has many digits.

Comes in: the kind of a target, the number of classes, a seed. Goes out: `Points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.checking.subject import Array, Subject

BATCH: Final = 4
"""Rows of a batch, for losses that are no sums over rows."""
TARGETS: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (-1.9, 0.4, 2.7),
    "positive": (0.7, 1.6, 4.3),
    "nonnegative": (0.0, 0.7, 3.2),
    "count": (0.0, 1.0, 4.0),
    "binary": (0.0, 1.0),
    "fraction": (0.0, 1.0, 0.3),
    "ordinal": (0.0, 1.0, 2.0),
}
RESIDUALS: Final = (-4.1, -2.6, -1.45, -0.83, -0.47, -0.21, -0.07, 0.05, 0.19, 0.42, 0.77, 1.38, 2.4, 3.9)
SPREAD: Final[Mapping[str, tuple[float, ...]]] = {
    "positive": (-1.3, -0.8, -0.35, -0.1, 0.12, 0.3, 0.45, 0.62, 0.81, 1.05, 1.3, 1.6),
    "binary": (-4.0, -2.7, -1.8, -1.1, -0.6, -0.25, 0.11, 0.24, 0.38, 0.55, 0.71, 0.86, 1.2, 1.7, 2.5, 3.6),
}
"""Raw predictions, whatever the target; those of yes-or-no targets also serve as probabilities where they can."""
FAMILY: Final[Mapping[str, str]] = {"nonnegative": "positive", "count": "positive", "fraction": "binary"}
LOGISTIC: Final = frozenset({"binary", "fraction"})
CLASSES: Final = frozenset({"class", "simplex"})


@dataclass(frozen=True, eq=False)
class Points:
    """Targets and predictions as a loss takes them; `size` rows make one value (1: each row has its own)."""

    y: Array
    prediction: Array
    size: int = 1

    @property
    def batches(self) -> list[slice]:
        """The rows of each value."""
        return [slice(i, i + self.size) for i in range(0, self.y.shape[0], self.size)]


def points(subject: Subject, seed: int, size: int = 1, *, soft: bool = False) -> Points:
    """Points for a loss of this kind, in the best number format that it computes in; `soft`: mixtures of classes.

    >>> from lossmith.checking.subject import Answer
    >>> subject = Subject("mse", "numpy", "real", "raw", lambda y, z, w: Answer(), gives=frozenset())
    >>> points(subject, 0).prediction.shape
    (42,)
    """
    random = np.random.default_rng(seed)
    if subject.kind in CLASSES:
        return _of_classes(subject, random, soft=soft or subject.kind == "simplex")
    y, z = _pairs(subject.kind, random)
    if subject.classes > 1:  # several yes-or-no answers in each row
        n = y.size // subject.classes * subject.classes
        y, z = (a[:n].reshape(-1, subject.classes) for a in (y, z))
    n = y.shape[0] // size * size
    p = taken(subject, z[:n])
    return Points(y[:n].astype(subject.dtypes[0]), p.astype(subject.dtypes[0]), size)


def taken(subject: Subject, z: NDArray[Any]) -> NDArray[Any]:
    """Raw predictions as the loss takes them: themselves, or on the target's scale."""
    if subject.takes == "raw" or subject.kind == "real":
        return z
    if subject.kind in CLASSES:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
    return np.asarray(1.0 / (1.0 + np.exp(-z)) if subject.kind in LOGISTIC else np.exp(z))


def _pairs(kind: str, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every target with predictions on both sides of it, mixed and a little shaken, so that no kink is met."""
    targets = np.asarray(TARGETS.get(kind, TARGETS["real"]))
    spread = SPREAD.get(FAMILY.get(kind, kind))
    y = np.repeat(targets, len(spread or RESIDUALS))
    z = np.tile(spread, targets.size) if spread else y + np.tile(RESIDUALS, targets.size)
    order = random.permutation(y.size)
    return y[order], (z * random.uniform(0.97, 1.03, z.size))[order]


def _of_classes(subject: Subject, random: np.random.Generator, *, soft: bool) -> Points:
    """Rows of scores; every second row lies between 0 and 1, and so could be taken for probabilities."""
    k, n = max(2, subject.classes), 8 * max(2, subject.classes) + 1
    z = random.normal(scale=1.4, size=(n, k))
    z[::2] = random.uniform(0.08, 0.9, size=z[::2].shape)
    classes = random.permutation(np.arange(n) % k)
    y = np.eye(k)[classes]
    if soft:
        mixtures = np.round(0.5 * np.eye(k) + 0.5 * random.dirichlet(np.ones(k), size=k), 3)
        y = (mixtures / mixtures.sum(axis=1, keepdims=True))[classes]
    dtype = subject.dtypes[0]
    given = classes if subject.target == "index" else y.astype(dtype)
    return Points(given, taken(subject, z).astype(dtype))
