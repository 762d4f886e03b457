"""What a loss gives on a ladder, and what is true there.

Comes in: a `Rung`, and the reference if it is known. Goes out: `Climb`: value, gradient and hessian at each place, as
float64, and the truth beside them as far as it can be trusted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from lossmith.checking.derivatives.known import Known
from lossmith.checking.derivatives.points import Points
from lossmith.checking.numbers.ladder import CLASSES, Rung, between
from lossmith.checking.subject import Answer, Array, Subject

Parts: TypeAlias = Mapping[str, Array]
PARTS: Final = ("value", "gradient", "hessian")
COPIES: Final = (1, 2, 5)
"""Equal rows in a call: some losses cannot be called with one."""
MODERATE: Final = 4.0
LIKE: Final = 0.02
"""Relative difference at moderate places up to which the reference is the truth about this subject."""
STEPS: Final = 16
RAISED: Final = 0.0
"""What stands where a call raises: no number that is looked for here."""


@dataclass(frozen=True, eq=False)
class Climb:
    """`got` and `truth` at `places`; a part of the truth is missing where it is not known.

    `exact`: a part of the truth at any other place.
    """

    rung: Rung
    places: Array
    got: Parts
    truth: Parts
    exact: Callable[[float, str], float | None] = lambda place, part: None

    @property
    def moderate(self) -> Array:
        """Which places are ordinary ones."""
        return moderate(self.rung, self.places)


def moderate(rung: Rung, places: Array) -> Array:
    """Which places are ordinary ones."""
    if rung.subject.takes == "raw" or rung.subject.kind == "real":
        return np.asarray(np.abs(places) <= MODERATE)
    if rung.subject.kind in CLASSES | {"binary", "fraction"}:
        return np.asarray((places > 0.005) & (places < 0.995))
    return np.asarray((places > 0.05) & (places < 20.0))


def quietly(subject: Subject, y: Array, prediction: Array) -> Answer | None:
    """One call; None where it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return subject.call(y, prediction, None)
        except Exception:  # what a stranger's code raises is told elsewhere
            return None


def ask(rung: Rung, places: Array) -> Parts:
    """What the subject gives at places: in one call where each row has its own answer, else one by one."""
    subject = rung.subject
    if subject.per_row or "value" not in subject.gives:
        found = _together(rung, places)
        if found is not None:
            return found
    rows = [_alone(rung, float(x)) for x in places]
    return {name: np.array([row.get(name, RAISED) for row in rows]) for name in PARTS if any(name in r for r in rows)}


def _together(rung: Rung, places: Array) -> Parts | None:
    """All places in one call; None where it does not work, or where bad rows spoil the others."""
    y, z = rung.arrays(places)
    answer = quietly(rung.subject, y, z)
    if answer is None:
        return None
    found = {
        name: _row_numbers(getattr(answer, name), places.size) for name in PARTS if getattr(answer, name) is not None
    }
    right = all(part is not None for part in found.values())
    fine = {name: part for name, part in found.items() if part is not None}
    ordinary = moderate(rung, places)
    return fine if right and fine and all(np.isfinite(part[ordinary]).any() for part in fine.values()) else None


def _alone(rung: Rung, place: float) -> dict[str, float]:
    for copies in COPIES:
        y, z = rung.arrays(np.full(copies, place))
        answer = quietly(rung.subject, y, z)
        if answer is not None:
            found = {n: _row_numbers(getattr(answer, n), copies) for n in PARTS if getattr(answer, n) is not None}
            return {name: float(part[0]) for name, part in found.items() if part is not None}
    return {}


def _row_numbers(part: Array, rows: int) -> Array | None:
    """One number for each row: the first, unless another of the row is no finite number."""
    a = np.asarray(part, dtype=np.float64)
    if a.ndim == 0:
        return np.full(rows, float(a))
    if a.size % rows:
        return None
    a = a.reshape(rows, -1)
    found = np.where(np.isinf(a).any(axis=1) & np.isfinite(a[:, 0]), np.inf, a[:, 0])
    return np.asarray(np.where(np.isnan(a).any(axis=1), np.nan, found))


def is_trusted(subject: Subject, known: Known) -> bool:
    """Whether the reference can say what is true far away: it is no guess that departs from what was seen."""
    of_classes = bool(known.loss.definition.declaration.has_classes)
    return known.given or (not known.said and of_classes == (subject.kind in CLASSES))


def true(rung: Rung, places: Array, known: Known | None) -> Parts:
    """The truth in float64 at places, after rounding these to the subject's format."""
    if known is None or not is_trusted(rung.subject, known):
        return {}
    y, z = rung.arrays(places)
    found = known.parts(Points(y, z))
    if not found:
        return {}
    n = places.size
    return {
        name: known.factor * np.asarray(part, dtype=np.float64).reshape(n, -1)[:, 0] for name, part in found.items()
    }


def climb(rung: Rung, known: Known | None) -> Climb:
    """Go up and down the ladder."""
    got, truth = ask(rung, rung.places), true(rung, rung.places, known)
    ordinary = moderate(rung, rung.places)
    shifts: dict[str, float] = {}
    for name, part in truth.items():
        if name in got and (name == "hessian" or _alike(got[name][ordinary], part[ordinary])):
            shifts[name] = _shift(got[name][ordinary], part[ordinary]) if name == "value" else 0.0

    def exact(place: float, part: str) -> float | None:
        found = true(rung, np.array([place]), known).get(part) if part in shifts else None
        return None if found is None else float(found[0]) + shifts[part]

    return Climb(rung, rung.places, got, {name: truth[name] + shift for name, shift in shifts.items()}, exact)


def _shift(got: Array, truth: Array) -> float:
    """The constant that a value leaves out."""
    with np.errstate(invalid="ignore"):
        off = got - truth
    middle = float(np.median(off[np.isfinite(off)])) if np.isfinite(off).any() else 0.0
    return middle if abs(middle) > LIKE else 0.0


def _alike(got: Array, truth: Array) -> bool:
    both = np.isfinite(got) & np.isfinite(truth)
    if both.sum() < 3:
        return False
    g, t = got[both], truth[both]
    off, size = g - t - _shift(g, t), LIKE * max(1e-30, float(np.abs(t).max()))
    return bool(np.median(np.abs(off)) <= size and np.quantile(np.abs(off), 0.8) <= 5.0 * size)


def border(rung: Rung, inner: float, outer: float, is_beyond: Callable[[float], bool]) -> tuple[float, float]:
    """The last place on this side and the first beyond, close together."""
    for _ in range(STEPS):
        middle = between(inner, outer)
        if is_beyond(middle):
            outer = middle
        else:
            inner = middle
        if abs(outer - inner) <= 2e-5 * min(
            abs(outer), abs(1.0 - outer) if rung.subject.takes != "raw" else abs(outer)
        ):
            break
    return inner, outer


def one(rung: Rung, place: float, part: str) -> float:
    """One number at one place."""
    found = ask(rung, np.array([place]))
    return float(found[part][0]) if part in found else RAISED
