"""What somebody's loss says against itself: a gradient that is not that of its value, a hessian that is not that of its gradient.

Comes in: what was seen of a loss that is none of ours. Goes out: findings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.checking.derivatives import differences, guards
from lossmith.checking.derivatives.differences import Slopes
from lossmith.checking.derivatives.explain import explain
from lossmith.checking.derivatives.points import Points
from lossmith.checking.derivatives.seen import Seen
from lossmith.checking.finding import Finding
from lossmith.checking.subject import Array

SLACK: Final = {"float64": 1e-3, "float32": 5e-3}
"""Relative difference between a derivative and differences that tells a fault, on top of the error of the differences."""
FEWEST: Final = 2
"""Places at which it must show: one alone may be a kink."""


def look_alone(seen: Seen, seed: int) -> list[Finding]:
    findings = own_gradient(seen, seed) or list(guards.dead_everywhere(seen))
    if "value" not in seen.parts:
        findings += guards.reversed_far_away(seen)
    if not findings:
        findings += _own_hessian(seen)
    return findings or list(guards.unusable(seen))


def own_gradient(seen: Seen, seed: int) -> list[Finding]:
    slopes = differences.of_value(seen, seed)
    return [] if slopes is None else _judged(seen, slopes, "gradient", "differences of its own value give")


def _own_hessian(seen: Seen) -> list[Finding]:
    slopes = differences.of_gradient(seen)
    return [] if slopes is None else _judged(seen, slopes, "hessian", "differences of its own gradient give")


def _judged(seen: Seen, slopes: Slopes, part: str, source: str) -> list[Finding]:
    """Whether a derivative is that of what it belongs to; if not, the simplest row of the table that says how."""
    ok = slopes.reliable
    if ok.sum() < 4:
        return []
    size = np.abs(slopes.found)
    slack = SLACK.get(seen.dtype, 5e-3) * np.maximum(size, 0.02 * size[ok].max(initial=0.0)) + 3.0 * slopes.error
    wrong = ok & (np.abs(slopes.given - slopes.found) > slack)
    if wrong.sum() < FEWEST or (part == "hessian" and _is_positive_bound(seen, slopes, ok, slack)):
        return []
    named = _named(seen, slopes, ok, part)
    if named:
        return named
    row = int(np.argmax(np.where(wrong, np.abs(slopes.given - slopes.found) / slack, 0.0)))
    gave, own = (guards.number(a[row] / slopes.length[row]) for a in (slopes.given, slopes.found))
    along = "" if seen.at.size == 1 and seen.at.prediction.ndim == 1 else " along a random direction"
    told = f"at {guards.place(seen, int(slopes.rows[row]))} it is {gave}{along}; {source} {own}."
    return [Finding(f"{part}_wrong", told)]


def _is_positive_bound(
    seen: Seen,
    slopes: Slopes,
    ok: Array,
    slack: Array,
) -> bool:
    """What boosters accept: a positive number, no smaller than the curvature unless the loss bends down somewhere."""
    if not seen.subject.curvature or not (slopes.given[ok] > 0.0).all():
        return False
    return bool((slopes.found[ok] < -slack[ok]).any() or (slopes.given[ok] >= slopes.found[ok] - slack[ok]).all())


def _named(seen: Seen, slopes: Slopes, ok: Array, part: str) -> list[Finding]:
    """The table, with differences for the truth, in the places that they reach."""
    rows = slopes.rows
    if part == "gradient":
        y, z = seen.at.y[rows], seen.at.prediction[rows]
        truth = {"gradient": np.where(ok, slopes.found / slopes.length, np.nan)}
        parts = {"gradient": slopes.given / slopes.length}
    else:
        y, z = seen.at.y[rows], seen.at.prediction.ravel()
        truth = {"hessian": np.where(ok, slopes.found, np.nan), "gradient": seen.parts["gradient"].ravel()}
        parts = {"hessian": slopes.given, "gradient": seen.parts["gradient"].ravel()}
    units = replace(seen, at=Points(y, z), parts=parts, whole={})
    return list(explain(units, None, truth, 1.0).findings)
