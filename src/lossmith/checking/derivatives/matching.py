"""Whether numbers that were seen are those that a hypothesis predicts, up to what does no harm.

Comes in: numbers seen and predicted. Goes out: a factor (and constants of the targets) with which they agree, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.checking.derivatives.seen import PARTS, Parts, Seen
from lossmith.checking.subject import Array

TOLERANCE: Final[Mapping[str, Mapping[str, float]]] = {
    "float64": {"value": 2e-5, "gradient": 1e-4, "hessian": 5e-3},
    "float32": {"value": 3e-4, "gradient": 1e-3, "hessian": 1e-2},
}
"""Relative: wide enough for an epsilon of 1e-7 inside a logarithm and for derivatives taken by differences, which real
code has; a fault in the sense of a formula moves numbers by far more."""
FLOOR: Final = 0.02
"""Of the largest number, what a number near zero is measured by."""
FEWEST: Final = 6


@dataclass(frozen=True)
class Match:
    """The factor with which numbers agree, and whether constants of the targets were needed as well."""

    factor: float
    constant: bool = False


def tolerance(seen: Seen, part: str) -> float:
    """The relative tolerance for one part."""
    return TOLERANCE.get(seen.dtype, TOLERANCE["float32"])[part]


def agree(found: Array, predicted: Array, rtol: float, extra: Array | float = 0.0) -> bool:
    """Whether all numbers that both sides have are alike; at least a quarter, and six, must be there."""
    both = np.isfinite(found) & np.isfinite(predicted)
    if both.sum() < max(FEWEST, predicted.size // 4):
        return False
    size = np.abs(predicted[both])
    scale = np.maximum(size, FLOOR * size.max()) + np.broadcast_to(extra, found.shape)[both]
    return bool((np.abs(found[both] - predicted[both]) <= rtol * scale).all())


def best_factor(found: Array, predicted: Array) -> float:
    """The number by which the predicted ones come closest to those found (0 where there is nothing to compare)."""
    both = np.isfinite(found) & np.isfinite(predicted)
    square = float((predicted[both] ** 2).sum())
    return float((found[both] * predicted[both]).sum()) / square if square > 0.0 else 0.0


def target_labels(seen: Seen) -> Array:
    """A number for each row that says which target it has."""
    y = seen.at.y
    if seen.at.size > 1:
        return np.asarray(np.arange(len(seen.at.batches)))
    if y.ndim > 1:
        return np.asarray(np.unique(y, axis=0, return_inverse=True)[1].ravel())
    return np.asarray(np.unique(y, return_inverse=True)[1])


def centred(values: Array, labels: Array) -> Array:
    """The values less the mean of those with the same label."""
    known = np.isfinite(values)
    sums = np.bincount(labels[known], weights=values[known], minlength=int(labels.max()) + 1)
    counts = np.bincount(labels[known], minlength=int(labels.max()) + 1)
    return np.asarray(values - (sums / np.maximum(counts, 1))[labels])


def match_value(seen: Seen, predicted: Array, factor: float | None, sign: float = 1.0) -> Match | None:
    """The positive factor (or the one given) with which values agree, with constants of the targets if they must be."""
    found, rtol = seen.parts["value"], tolerance(seen, "value")
    plain = best_factor(found, predicted) if factor is None else factor
    if plain * sign > 0.0 and agree(found, plain * predicted, rtol):
        return Match(plain)
    labels = target_labels(seen)
    if np.bincount(labels).max() < 3 or not np.isfinite(predicted).any():
        return None
    both = np.where(np.isfinite(found), predicted, np.nan), np.where(np.isfinite(predicted), found, np.nan)
    less, gave = (centred(a, labels) for a in both)
    moved = best_factor(gave, less) if factor is None else factor
    size = np.abs(found) + np.abs(moved * predicted)
    moves = largest(less) > 1e-9 * largest(predicted)
    fits = moves and moved * sign > 0.0 and agree(gave, moved * less, rtol, extra=size)
    return Match(moved, constant=True) if fits else None


def largest(numbers: Array) -> float:
    """The largest size among the numbers that are known; 0 where none is.

    >>> largest(np.array([1.0, -3.0, np.nan])), largest(np.array([np.nan]))
    (3.0, 0.0)
    """
    return float(np.max(np.abs(numbers), initial=0.0, where=~np.isnan(numbers)))


def match_part(seen: Seen, part: str, predicted: Array, factor: float | None) -> Match | None:
    """The positive factor (or the one given) with which a part agrees."""
    if predicted.shape != seen.parts[part].shape:
        return None
    if part == "value":
        return match_value(seen, predicted, factor)
    found = seen.parts[part]
    with np.errstate(all="ignore"):
        c = best_factor(found, predicted) if factor is None else factor
        if factor is None and c <= 0.0:
            return None
        return Match(c) if agree(found, c * predicted, tolerance(seen, part)) else None


def is_bound(seen: Seen, true_hessian: Array, factor: float) -> bool:
    """Whether a hessian is what boosters accept: positive, and no smaller than the curvature wherever that is positive."""
    if not seen.subject.curvature or "hessian" not in seen.parts:
        return False
    h = seen.parts["hessian"]
    if h.shape != true_hessian.shape:
        return False
    known = np.isfinite(h) & np.isfinite(true_hessian)
    slack = tolerance(seen, "hessian")
    if (true_hessian[known] < 0.0).any():
        return bool((h[known] > 0.0).all())  # no loss that bends upwards: any positive number is a choice
    return bool((h[known] > 0.0).all() and (h[known] >= (1.0 - slack) * factor * true_hessian[known]).all())


@dataclass(frozen=True)
class Agreement:
    """The parts that agree with one factor; `factor` is None where none does. `bound`: the hessian is a bound only."""

    parts: frozenset[str]
    factor: float | None
    constant: bool = False
    bound: bool = False


def compare(seen: Seen, predicted: Parts, factor: float | None, only: frozenset[str] | None = None) -> Agreement:
    """Which parts agree with the prediction, all with the same factor: the one given, or that of the first that fits."""
    agreed: set[str] = set()
    constant = False
    for part in PARTS:
        if part not in seen.parts or part not in predicted or (only is not None and part not in only):
            continue
        found = match_part(seen, part, predicted[part], factor)
        if found is not None:
            agreed.add(part)
            factor, constant = found.factor, constant or found.constant
    known = "hessian" in predicted and factor is not None and "hessian" not in agreed
    bound = known and (only is None or "hessian" in only) and is_bound(seen, predicted["hessian"], factor or 1.0)
    return Agreement(frozenset(agreed | ({"hessian"} if bound else set())), factor, constant, bound)
