"""Do quantiles keep their promise? Truths and predicted quantiles come in, shares of rows below them go out.

A quantile of level 0.9 promises that 90 % of the rows lie at or below it, and that in every range of predictions: one
that is right on average may be too low for small predictions and too high for large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.advise.judge.calibration import Blocks, Share, as_blocks, percent, share_of, shares_by
from lossmith.errors import ArgumentError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coverage:
    """How many rows lie where a quantile, or the range between two, promised: `promised` against `share`.

    `strict` counts rows on the bound itself as outside: where truths repeat (whole numbers, zeros), a right quantile
    promises a share between the two. `low` and `high` are the 95 % interval of what is true of other rows. `by_size`
    holds the share in up to ten ranges of the prediction.
    """

    levels: tuple[float, ...]
    promised: float
    share: float
    strict: float
    low: float
    high: float
    by_size: tuple[Share, ...]
    sentence: str

    @property
    def is_kept(self) -> bool:
        """Whether the promise lies inside the interval."""
        return self.low <= self.promised <= self.high


def coverage(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    level: float,
    weight: ArrayLike | None = None,
    blocks: Blocks | Sequence[Blocks] | None = None,
) -> Coverage:
    """Return how many rows lie at or below a predicted quantile (n,), overall and by the size of the prediction.

    Rows of one block may depend on each other. Raises `ArgumentError` LM246 for shapes that do not fit.

    >>> coverage(range(100), [89.0] * 100, 0.9).share
    0.9
    """
    y, p, w, groups = _prepared(y_true, y_pred, weight, blocks)
    at_or_below, below = (y <= p).astype(float), (y < p).astype(float)
    return _made((level,), level, at_or_below, below, (p, w, groups))


def interval_coverage(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    levels: tuple[float, float],
    weight: ArrayLike | None = None,
    blocks: Blocks | Sequence[Blocks] | None = None,
) -> Coverage:
    """Return how many rows lie between two predicted quantiles (n, 2), bounds included; by the size of their middle.

    >>> interval_coverage(range(100), [[10.0, 89.0]] * 100, (0.1, 0.9)).share
    0.8
    """
    pair = np.asarray(y_pred, dtype=np.float64)
    if pair.ndim != 2 or pair.shape[1] != 2:
        raise ArgumentError("LM246", f"a range needs two quantiles (n, 2) for each row, found {pair.shape}.")
    low, high = pair.T
    y, middle, w, groups = _prepared(y_true, low + 0.5 * (high - low), weight, blocks)
    inside, strictly = ((y >= low) & (y <= high)).astype(float), ((y > low) & (y < high)).astype(float)
    return _made(levels, levels[1] - levels[0], inside, strictly, (middle, w, groups))


def coverages(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    levels: Sequence[float],
    weight: ArrayLike | None = None,
    blocks: Blocks | Sequence[Blocks] | None = None,
) -> tuple[Coverage, ...]:
    """Return the coverage of several quantiles (n, levels), then that of the range between the outermost two."""
    p = np.asarray(y_pred, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != len(levels):
        raise ArgumentError("LM246", f"{len(levels)} levels need predictions (n, {len(levels)}), found {p.shape}.")
    each = [coverage(y_true, p[:, j], level, weight, blocks) for j, level in enumerate(levels)]
    if len(levels) > 1:
        outer = (float(levels[0]), float(levels[-1]))
        each.append(interval_coverage(y_true, p[:, [0, -1]], outer, weight, blocks))
    return tuple(each)


def crossings(y_pred: ArrayLike) -> int:
    """Count the rows of (n, levels) in which a quantile of a higher level lies below one of a lower level.

    >>> crossings([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [2.0, 2.0, 2.0]])
    1
    """
    return int((np.diff(np.asarray(y_pred, dtype=np.float64), axis=1) < 0).any(axis=1).sum())


def _prepared(
    y_true: ArrayLike, y_pred: ArrayLike, weight: ArrayLike | None, blocks: Blocks | Sequence[Blocks] | None
) -> tuple[Floats, Floats, Floats, tuple[Blocks, ...]]:
    y, p = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        raise ArgumentError(
            "LM246",
            f"coverage needs truths and predictions of one shape (n,) with n > 0, found {y.shape} and {p.shape}.",
        )
    w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    return y, p, w, as_blocks(blocks, len(y))


def _made(
    levels: tuple[float, ...],
    promised: float,
    held: Floats,
    strictly: Floats,
    rows: tuple[Floats, Floats, tuple[Blocks, ...]],
) -> Coverage:
    p, w, groups = rows
    upper, lower = share_of(held, p, w, groups), share_of(strictly, p, w, groups)
    by_size = shares_by(held, p, w, groups)
    found = Coverage(levels, promised, upper.share, lower.share, lower.low, upper.high, by_size, "")
    return Coverage(levels, promised, upper.share, lower.share, lower.low, upper.high, by_size, _sentence(found))


def _sentence(found: Coverage) -> str:
    where = "at or below it" if len(found.levels) == 1 else "inside the range"
    seen = f"{percent(found.share)} of the rows lie {where}, {percent(found.promised)} were promised"
    if not found.is_kept:
        few = found.high < found.promised
        off = ("too low" if few else "too high") if len(found.levels) == 1 else ("too narrow" if few else "too wide")
        return f"{seen}: it is {off}{_uneven(found)}."
    return f"{seen}: the promise is kept{_uneven(found)}."


def _uneven(found: Coverage) -> str:
    """Say where the share is furthest from the promise, if ranges of the prediction clearly differ from it."""
    if len(found.by_size) < 2 or found.strict < found.share:
        return ""
    gaps = [max(part.low - found.promised, found.promised - part.high) for part in found.by_size]
    worst = int(np.argmax(gaps))
    if gaps[worst] <= 0.01:  # ten intervals of 95 %: one may miss by a hair
        return ""
    part = found.by_size[worst]
    return f"; around predictions of {part.predicted:.4g} it is {percent(part.share)}"
