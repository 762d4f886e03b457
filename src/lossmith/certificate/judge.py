"""The judge: computed numbers against balls, number by number.

Comes in: a `Subject`, cases (values and what a kernel made of them), a format. Goes out: a `Certificate`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.certificate.record import Certificate, bound_of
from lossmith.certificate.scales import LOOK, Subject, beyond_kinks, place_of, row_of, scales, size
from lossmith.formula.node import Node
from lossmith.interpret import BALLS, interpret, truths
from lossmith.interpret.truth import Truth
from lossmith.numerics.formats import Format, error_in_ulp, round_to, ulp

RULES: Final = "bcdek"


@dataclass(frozen=True)
class Case:
    """Values of the leaves, and what a kernel made of them, in the shape of the output (rows, or rows and classes)."""

    values: Mapping[Node, Any]
    computed: NDArray[Any]


@dataclass
class _Tally:
    """What is counted while a kernel is judged, and the worst so far."""

    ulp: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    worst: float = 0.0
    point: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Judgement:
    """What a number is held against: the subject, the format and the units allowed."""

    subject: Subject
    fmt: Format
    bound: float
    tally: _Tally

    def case(self, case: Case, found: Truth) -> None:
        """Judge every number of a case."""
        given = _two_dimensional(case.computed, found.balls.shape)
        shape = np.broadcast_shapes(given.shape, found.balls.shape)
        computed, found = np.broadcast_to(given, shape), found.spread(shape)
        for at in np.ndindex(shape):
            number = float(computed[at])
            self.tally.counts["points"] += 1
            self.tally.counts["nan"] += math.isnan(number)
            if found.decided[at] or _narrow(found.balls[at], self.fmt):
                self.number(case, found, at, number)
            else:
                self.tally.counts["undecided"] += 1

    def number(self, case: Case, found: Truth, at: tuple[int, ...], computed: float) -> None:
        """Judge one number by rule (a), and by the others only where it is too far off."""
        tally, ball = self.tally, found.balls[at]
        truth = float(found.rounded[at]) if found.decided[at] else round_to(ball, self.fmt)
        error = units = _error(computed, ball, self.fmt)
        if math.isinf(computed) and math.isfinite(truth):
            tally.counts["false_infinity"] += 1
        elif error > self.bound and not math.isnan(computed):
            units = self.excused(case, at, computed, ball, truth)
        if units > tally.worst or not tally.point:
            row = at[0] if self.subject.row_wise else None
            tally.worst = units
            tally.point = {**_point(case.values, row), "column": at[1], "computed": computed, "truth": truth}
        tally.ulp.append(error)

    def excused(self, case: Case, at: tuple[int, ...], computed: float, ball: Any, truth: float) -> float:
        """The units left by the rule that suffices, else by the kindest."""
        left = {"a": _error(computed, ball, self.fmt)}
        place = place_of(self.subject, case.values, at)
        for rule, scale in scales(place, self.fmt, truth):
            left[rule] = _error(computed, ball, self.fmt, max(scale, size(ball)))
            if left[rule] <= self.bound:
                break
        else:
            left["k"] = min((_error(computed, b, self.fmt) for b in beyond_kinks(place, self.fmt)), default=math.inf)
        best = min(left, key=left.__getitem__)
        self.tally.rules[best] += 1
        lost = computed == 0.0 and abs(truth) >= self.fmt.smallest_normal
        self.tally.counts["false_zero"] += lost and left[best] > self.bound
        return left[best]


def _narrow(ball: Any, fmt: Format) -> bool:
    """Whether a ball that does not round to one float (a tie but for a hair) still tells the error to 1/1000 ulp."""
    return bool(ball.is_finite()) and float(ball.rad()) < ulp(ball, fmt) / 1000


def _error(computed: float, ball: Any, fmt: Format, scale: Fraction | None = None) -> float:
    """The error in ulp; where the truth is exactly infinite any infinity is right (a pole has no side)."""
    if ball.is_finite():
        return error_in_ulp(computed, ball, fmt, scale)
    return 0.0 if math.isinf(computed) else math.inf


def _two_dimensional(computed: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """A column, for numbers per row, unless the shape says that they belong to classes."""
    array = np.asarray(computed)
    if array.ndim == 2:
        return array
    return array.reshape((1, -1) if shape[0] == 1 and array.size == shape[1] else (-1, 1))


def _point(values: Mapping[Node, Any], row: int | None) -> dict[str, Any]:
    """The leaves of one row (of the whole batch where `row` is None), as plain data under their names."""
    parts = {repr(leaf): value if row is None else row_of(leaf, value, row) for leaf, value in values.items()}
    return {name: np.squeeze(np.asarray(part, dtype=np.float64)).tolist() for name, part in parts.items()}


def certify(
    subject: Subject,
    cases: Sequence[Case],
    fmt: Format,
    *,
    backend: str,
    bound: float | None = None,
    seed: int = 0,
    truth: Sequence[Truth] | None = None,
    checked: int = 50,
) -> Certificate:
    """Judge computed numbers. Each case of a row-wise subject has many rows; each case of another is one batch.

    `checked` rows (or batches) are also compared with the clean formula: a rewriting that changes the meaning shows.
    `truth` is what `exact` returned for these cases, where several kernels are judged at the same points.

    >>> from lossmith.formula.node import make, symbol
    >>> from lossmith.numerics.formats import FLOAT64
    >>> z = symbol("z", "raw", ["example"])
    >>> naive = Case({z: [0.0, 40.0]}, -np.log(1 / (1 + np.exp([-0.0, -40.0]))))
    >>> found = certify(Subject("naive", "value", make("softplus", -z), (z,)), [naive], FLOAT64, backend="numpy")
    >>> found.meets, found.false_zero, found.worst_point["z"]
    (False, 1, 40.0)
    """
    limit = bound_of(subject.loss) if bound is None else bound
    tally = _Tally()
    judgement = _Judgement(subject, fmt, limit, tally)
    for case, found in zip(cases, truth or exact(subject, [c.values for c in cases], fmt), strict=True):
        judgement.case(case, found)
    each = [case.values for case in cases[:checked]] if checked else []
    rows = checked // max(len(cases), 1) + 1
    tally.counts["contradictions"] = sum(contradictions(subject, values, rows) for values in each)
    return _certificate(subject, tally, limit, backend=backend, dtype=fmt.name, seed=seed)


def exact(subject: Subject, points: Sequence[Mapping[Node, Any]], fmt: Format) -> list[Truth]:
    """The truth at each set of points."""
    return [truths([subject.node], values, fmt)[0] for values in points]


def _certificate(subject: Subject, tally: _Tally, bound: float, *, backend: str, dtype: str, seed: int) -> Certificate:
    finite = [u for u in tally.ulp if math.isfinite(u)]
    faults = ("nan", "false_infinity", "false_zero", "undecided", "contradictions")
    counts = {fault: tally.counts[fault] for fault in faults}
    return Certificate(
        loss=subject.loss,
        output=subject.output,
        backend=backend,
        dtype=dtype,
        bound=bound,
        points=tally.counts["points"],
        worst_ulp=max(tally.ulp, default=0.0),
        median_ulp=float(np.median(finite)) if finite else 0.0,
        worst_units=tally.worst,
        worst_point=tally.point,
        rules={rule: tally.rules[rule] for rule in RULES if tally.rules[rule]},
        seed=seed,
        meets=not any(counts.values()) and tally.worst <= bound,
        parameters=dict(subject.parameters),
        on=subject.on,
        **counts,
    )


def contradictions(subject: Subject, values: Mapping[Node, Any], rows: int) -> int:
    """Numbers at which the clean formula and the rewritten one cannot both be right, among that many rows."""
    if subject.clean is None:
        return 0
    few = {leaf: _some_rows(leaf, value, rows) for leaf, value in values.items()} if subject.row_wise else values
    clean, rewritten = np.broadcast_arrays(*interpret([subject.clean, subject.node], few, BALLS(LOOK)))
    pairs = [(a, b) for a, b in zip(clean.ravel(), rewritten.ravel(), strict=True) if a.is_finite() and b.is_finite()]
    return sum(not a.overlaps(b) for a, b in pairs)


def _some_rows(leaf: Node, value: Any, rows: int) -> NDArray[Any]:
    array = np.asarray(value)
    if "example" not in leaf.axes or array.ndim == 0 or array.shape[0] <= rows:
        return array
    return array[np.linspace(0, array.shape[0] - 1, rows).astype(np.int64)]
