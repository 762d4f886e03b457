"""Means and differences over folds, with honest intervals: costs summed by block come in, estimates go out.

Two kinds of luck are in an interval: that of the rows (rows of one block may depend on each other), and that of
training, which shows in how far the folds differ beyond what their rows explain. Folds learn from largely the same rows,
so their mean keeps more of it than 1 / folds (Nadeau and Bengio 2003, Inference for the generalization error). No row is
kept: sums by block are enough, so that they may come from more rows than memory holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]
LEVEL: Final = 0.95
PRIOR: Final = 8
"""Degrees of freedom that the average over the ways counts for, beside a way's own folds (Smyth 2004, Linear models and
empirical Bayes methods, section 3)."""
JOINT_LEVEL: Final = 0.99


@dataclass(frozen=True)
class Tally:
    """One fold: its block numbers (b,), the sums of weighted costs (b, ways), and of weights (b,)."""

    blocks: Blocks
    sums: Floats
    weights: Floats


@dataclass(frozen=True)
class Estimate:
    """A mean (or mean difference) with its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: float

    def margin(self, comparisons: int = 1, level: float = LEVEL) -> float:
        """Return the half-width of an interval that holds for `comparisons` intervals together (Bonferroni)."""
        from scipy.stats import t

        if not self.freedom >= 1:
            return float("nan")
        return float(t.ppf(1 - (1 - level) / (2 * comparisons), self.freedom)) * self.error


def tally(costs: Floats, weight: Floats | None, blocks: Blocks) -> Tally:
    """Sum the costs (n, ways) of one fold by block.

    >>> tally(np.array([[1.0], [2.0], [4.0]]), None, np.array([7, 7, 9])).sums.tolist()
    [[3.0], [4.0]]
    """
    names, place = np.unique(blocks, return_inverse=True)
    each = np.ones(len(costs)) if weight is None else weight
    with np.errstate(invalid="ignore"):
        weighted = costs * each[:, None]
        sums = np.column_stack([np.bincount(place, column, len(names)).astype(np.float64) for column in weighted.T])
    return Tally(names, sums, np.asarray(np.bincount(place, each, len(names)), dtype=np.float64))


@dataclass(frozen=True)
class Tallies:
    """All folds under one way to form blocks, and how many rows are compared for each that is learned from.

    `usual` is the way that the others are compared with: how much folds differ beyond their rows is learned from all
    ways together, for a few folds say little about a single one. Folds that move through time (`moves`) differ by drift
    too, which the blocks of time hold already: there nothing is added.
    """

    folds: tuple[Tally, ...]
    reuse: float
    usual: int = 0
    moves: bool = False

    def estimate(self, plus: int, minus: int | None = None) -> Estimate:
        """Return the mean cost of way `plus`, or the mean difference of `plus` and `minus`."""
        parts, weights = self._parts(plus, minus)
        if not all(np.isfinite(part).all() for part in parts):
            return Estimate(float(np.concatenate(parts).sum() / np.concatenate(weights).sum()), float("nan"), 0)
        names = np.concatenate([fold.blocks for fold in self.folds])
        _, place = np.unique(names, return_inverse=True)
        total, weight = (np.bincount(place, np.concatenate(part)).astype(float) for part in (parts, weights))
        mean, rows = _ratio(total, weight)
        spread = _Spread(1.0, 0.0, 0) if self.moves else _spread(parts, weights)
        typical = self._alone if minus is None else self._compared
        explained = 1 - self._overlap  # rows that all folds compare explain no difference between them
        beyond = max(0.0, (PRIOR * typical + spread.freedom * spread.ratio) / (PRIOR + spread.freedom) - explained)
        training = beyond * spread.inside * (1 / len(parts) + self.reuse) if spread.freedom else 0.0
        return _together(mean, (rows, len(total) - 1), (training, PRIOR + spread.freedom))

    def _parts(self, plus: int, minus: int | None) -> tuple[list[Floats], list[Floats]]:
        with np.errstate(invalid="ignore"):  # infinity less infinity is no number, and so is their difference
            parts = [(fold.sums[:, plus] - (0.0 if minus is None else fold.sums[:, minus])) for fold in self.folds]
        return parts, [fold.weights for fold in self.folds]

    @cached_property
    def _overlap(self) -> float:
        """The share of blocks that two folds have in common, on average over the pairs of folds."""
        pairs = list(combinations([set(fold.blocks.tolist()) for fold in self.folds], 2))
        return float(np.mean([len(a & b) / min(len(a), len(b)) for a, b in pairs])) if pairs else 0.0

    @cached_property
    def _alone(self) -> float:
        return self._over(True)

    @cached_property
    def _compared(self) -> float:
        return self._over(False)

    def _over(self, alone: bool) -> float:
        """How much folds differ over what their rows explain, on average over the ways."""
        ways = range(self.folds[0].sums.shape[1])
        pairs = [(way, None if alone else self.usual) for way in ways if alone or way != self.usual]
        ratios = [_spread(*self._parts(*pair)).ratio for pair in pairs]
        known = [ratio for ratio in ratios if np.isfinite(ratio)]
        return float(np.mean(known)) if known else 1.0


@dataclass(frozen=True)
class _Spread:
    """How fold means differ: over what the rows explain (`ratio`), what those explain (`inside`), freedom."""

    ratio: float
    inside: float
    freedom: int


def _spread(parts: list[Floats], weights: list[Floats]) -> _Spread:
    if len(parts) < 2 or not all(np.isfinite(part).all() for part in parts):
        return _Spread(1.0, 0.0, 0)
    means, inside = (np.array(v) for v in zip(*map(_ratio, parts, weights), strict=True))
    known = float(np.mean(inside)) if np.isfinite(inside).all() else 0.0
    if not known > 0:
        return _Spread(1.0, 0.0, 0)
    return _Spread(float(np.var(means, ddof=1)) / known, known, len(parts) - 1)


def _ratio(sums: Floats, weights: Floats) -> tuple[float, float]:
    """The ratio of two sums over blocks, and the variance of that ratio (Cochran 1977, eq. 6.13)."""
    used = weights > 0
    sums, weights = sums[used], weights[used]
    mean = float(sums.sum() / weights.sum())
    count = len(sums)
    if count < 2:
        return mean, float("nan")
    return mean, float(np.sum((sums - mean * weights) ** 2)) * count / (count - 1) / float(weights.sum()) ** 2


def _together(mean: float, rows: tuple[float, int], training: tuple[float, int]) -> Estimate:
    """Add two variances; degrees of freedom after Satterthwaite (1946)."""
    variance = rows[0] + training[0]
    if not np.isfinite(variance) or rows[1] < 1:
        return Estimate(mean, float("nan"), 0)
    if variance == 0:
        return Estimate(mean, 0.0, float(rows[1]))
    spent = sum(v**2 / f for v, f in (rows, training) if f > 0 and v > 0)
    return Estimate(mean, float(np.sqrt(variance)), variance**2 / spent)


def widest(tallies: tuple[Tallies, ...], plus: int, minus: int | None = None) -> Estimate:
    """Return the estimate whose 95 % interval is widest, over all ways to form blocks."""
    found = [each.estimate(plus, minus) for each in tallies]
    return max(found, key=lambda estimate: np.nan_to_num(estimate.margin(), nan=np.inf))
