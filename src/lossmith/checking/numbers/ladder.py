"""Where numbers are looked for: a ladder of predictions from the middle to far away, for each target.

Comes in: a `Subject`, a number format. Goes out: `Rung`s: one target and one ladder, and the arrays that a call takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.checking.subject import Array, Subject

CLASSES: Final = frozenset({"class", "simplex"})
SIZES: Final = (0.1, 1.0, 3.0, 8.0, 12.0, 17.0, 20.0, 30.0, 40.0, 60.0, 90.0, 300.0, 720.0, 1e3, 1e4, 1e8, 1e30)
RAW: Final = (*(-size for size in reversed(SIZES)), -1e-4, -1e-8, 0.0, 1e-8, 1e-4, *SIZES)
"""Raw predictions: sizes at which published losses are known to fail, both signs."""
SMALL: Final = (1e-30, 1e-20, 1e-16, 1e-13, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3)
FRACTIONS: Final = (*SMALL, 0.5, *(1.0 - p for p in reversed(SMALL[2:])))
"""Probabilities, close to both ends; the ends themselves are looked at apart, for there the truth may be infinite."""
AMOUNTS: Final = (1e-30, 1e-15, 1e-8, 1e-4, 0.01, 0.1, 0.5, 1.5, 3.0, 10.0, 100.0, 1e4, 1e8, 1e15, 1e30)
TARGETS: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (0.0, 2.7),
    "positive": (0.7, 4.3),
    "nonnegative": (0.0, 3.2),
    "count": (0.0, 4.0),
    "binary": (1.0, 0.0),
    "fraction": (1.0, 0.0, 0.3),
    "ordinal": (0.0, 1.0),
}
REST: Final = (0.0, 0.5, -1.0, 0.25)
"""The other raw predictions of a row of classes."""


@dataclass(frozen=True, eq=False)
class Rung:
    """One target (of classes: whether the climbing class is the true one), and the predictions that are tried."""

    subject: Subject
    dtype: str
    target: float
    places: Array

    @property
    def of_classes(self) -> bool:
        """Whether a row holds the numbers of several classes."""
        return self.subject.kind in CLASSES

    @property
    def words(self) -> str:
        """The target, for people."""
        if self.of_classes:
            return "for the true class" if self.target == 1.0 else "for a class that is not the true one"
        return f"where the target is {self.target:g}"

    @property
    def wrong_side(self) -> int:
        """The direction in which the prediction gets worse, for yes-or-no targets and classes; 0 "
        "where it is unclear."""
        if self.subject.kind not in CLASSES | {"binary", "fraction"} or not self.target.is_integer():
            return 0
        return -1 if self.target == 1.0 else 1

    def arrays(self, places: Array) -> tuple[Array, Array]:
        """Targets and predictions as the subject takes them, a row for each place; the first number of a row climbs."""
        x = np.asarray(places, dtype=self.dtype)
        k = self.subject.classes
        if k == 1:
            return np.full(x.shape, self.target, dtype=self.dtype), x
        others = np.resize(np.asarray(REST), k - 1)
        if self.subject.takes == "probability":
            share = np.exp(others) / np.exp(others).sum()
            rest = (
                (1.0 - x.astype(np.float64))[:, None] * share if self.of_classes else np.full((x.size, 1), 0.4) * share
            )
        else:
            rest = np.broadcast_to(others, (x.size, k - 1))
        return self._targets(x.size), np.column_stack([x.astype(np.float64), rest]).astype(self.dtype)

    def _targets(self, rows: int) -> Array:
        k = self.subject.classes
        if not self.of_classes:
            return np.repeat(np.array([[self.target, *np.resize([1.0, 0.0], k - 1)]], dtype=self.dtype), rows, axis=0)
        true = 0 if self.target == 1.0 else 1
        if self.subject.target == "index":
            return np.full(rows, true)
        return np.repeat(np.eye(k, dtype=self.dtype)[[true]], rows, axis=0)


def rungs(subject: Subject, dtype: str) -> list[Rung]:
    """The ladders of a subject in one number format.

    >>> from lossmith.checking.subject import Answer
    >>> subject = Subject("f", "plain", "binary", "raw", lambda y, z, w: Answer(), frozenset())
    >>> [(rung.target, rung.places.size) for rung in rungs(subject, "float64")]
    [(1.0, 39), (0.0, 39)]
    """
    targets = TARGETS["binary"] if subject.kind in CLASSES else TARGETS.get(subject.kind, TARGETS["real"])
    return [Rung(subject, dtype, t, ladder(subject, dtype, t)) for t in targets]


def ladder(subject: Subject, dtype: str, target: float) -> Array:
    """The predictions that are tried: in the format, inside the domain, a perfect one left out."""
    if subject.takes == "raw" or subject.kind in ("real", "ordinal"):
        steps: tuple[float, ...] = RAW
    else:
        steps = FRACTIONS if subject.kind in CLASSES | {"binary", "fraction"} else AMOUNTS
    x = np.unique(np.asarray(steps, dtype=dtype).astype(np.float64))
    if subject.takes == "probability" and steps is FRACTIONS:
        x = x[(x > 0.0) & (x < 1.0)]
    return np.asarray(x[x != target] if subject.kind == "real" or subject.takes == "probability" else x)


def perfect(subject: Subject, dtype: str) -> list[tuple[Rung, Array]]:
    """Predictions that are exactly right, where such a thing is finite: the residual is 0, or the "
    "probability 0 or 1."""
    if subject.takes == "raw" and subject.kind != "real":
        return []
    return [(rung, np.array([rung.target])) for rung in rungs(subject, dtype) if math.isfinite(rung.target)]


def between(inner: float, outer: float) -> float:
    """A place halfway, by size where the two are of different size."""
    if inner * outer > 0.0 and max(abs(inner), abs(outer)) > 3.0 * min(abs(inner), abs(outer)):
        return math.copysign(math.sqrt(abs(inner)) * math.sqrt(abs(outer)), outer)
    return 0.5 * (inner + outer)


def shown(number: Any) -> str:
    """A number with four digits; close to 1 as a distance from it.

    >>> shown(36.7368), shown(1 - 1e-7), shown(-709.7827)
    ('36.74', '1 - 1e-07', '-709.8')
    """
    value = float(number) + 0.0
    if 0.999 < value < 1.0:
        return f"1 - {1.0 - value:.3g}"
    return f"{value:.4g}"
