"""A small sample, and what a loss says of it: together, row by row, in another order, with weights.

Comes in: a `Subject`, a seed. Goes out: `Sample`, and `Told`: float64 copies of what came back, or why nothing did.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from lossmith.checking.derivatives.known import Known
from lossmith.checking.derivatives.points import points
from lossmith.checking.subject import Answer, Array, Subject

ROWS: Final = 11
"""No multiple of a usual size of batch or number of classes."""
PARTS: Final = ("value", "gradient", "hessian")
ALIKE: Final[Mapping[str, float]] = {"float64": 1e-8, "float32": 2e-4}
"""Relative difference up to which two sums of the same numbers are the same."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Targets and predictions as the loss takes them."""

    y: Array
    prediction: Array

    def rows(self, chosen: Array | slice) -> Sample:
        """Some of the rows, or all in another order."""
        return Sample(self.y[chosen].copy(), self.prediction[chosen].copy())


@dataclass(frozen=True, eq=False)
class Told:
    """The parts of an answer; `error`: what was raised instead; `warned`: the text of a warning on the way."""

    parts: Mapping[str, Array]
    error: BaseException | None = None
    warned: str = ""


def ask(subject: Subject, sample: Sample, weight: Array | None = None) -> Told:
    """One call with copies of everything."""
    given = None if weight is None else weight.astype(subject.dtypes[0])
    return ask_as_it_is(subject, sample.y.copy(), sample.prediction.copy(), given)


def ask_as_it_is(subject: Subject, y: Array, prediction: Array, weight: Array | None = None) -> Told:
    """One call with the arrays themselves."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            answer = subject.call(y, prediction, weight)
        except Exception as error:  # whatever a stranger's code raises
            return Told({}, error)
    return Told(_parts(answer), None, next((str(w.message) for w in caught), ""))


def _parts(answer: Answer) -> dict[str, Array]:
    found = {name: getattr(answer, name) for name in PARTS}
    return {name: np.array(part, dtype=np.float64) for name, part in found.items() if part is not None}


@dataclass(frozen=True, eq=False)
class Scene:
    """What the probes share."""

    subject: Subject
    known: Known | None
    sample: Sample
    seed: int

    @cached_property
    def together(self) -> Told:
        """All rows in one call."""
        return ask(self.subject, self.sample)

    @cached_property
    def alone(self) -> list[Told]:
        """Each row in a call of its own."""
        return [ask(self.subject, self.sample.rows(slice(i, i + 1))) for i in range(self.rows)]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.sample.y.shape[0])

    @property
    def tolerance(self) -> float:
        """Relative difference up to which two sums are the same."""
        return ALIKE.get(self.subject.dtypes[0], 2e-4)

    def of_rows(self, part: str) -> Array | None:
        """A part from the calls with one row each: numbers for each row; None where such a call gives none."""
        found = [told.parts[part] for told in self.alone if part in told.parts]
        if len(found) < self.rows or not all(np.isfinite(piece).all() for piece in found):
            return None
        return np.array([piece.ravel() if part != "value" else np.sum(piece) for piece in found])

    def like(self, a: Array | float, b: Array | float) -> bool:
        """Whether numbers are the same, up to rounding."""
        a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return False
        size = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
        return bool(np.abs(a - b).max(initial=0.0) <= self.tolerance * size)


def scene(subject: Subject, known: Known | None, seed: int) -> Scene:
    """The sample of a subject: moderate rows of every target.

    >>> scene(Subject("f", "plain", "class", "raw", lambda y, z, w: Answer(), frozenset(), 3), None, 0).rows
    11
    """
    at = points(subject, seed)
    n = at.y.shape[0]
    chosen = np.arange(min(n, ROWS))
    return Scene(subject, known, Sample(at.y, at.prediction).rows(chosen), seed)


def one_factor(alone: Array, together: Array, tolerance: float) -> float | None:
    """The one factor between the numbers of rows alone and those of rows together; None where there is none.

    >>> one_factor(np.array([1.0, 2.0]), np.array([0.5, 1.0]), 1e-8)
    0.5
    """
    top = float(np.vdot(alone, alone))
    if top == 0.0:
        return 1.0
    c = float(np.vdot(alone, together)) / top
    return c if np.abs(together - c * alone).max() <= 10.0 * tolerance * np.abs(together).max() else None


def number(value: float) -> str:
    """A number as it is told.

    >>> number(1.23456789)
    '1.23457'
    """
    return f"{float(value):.6g}"
