"""Do probabilities mean what they say? Outcomes and predicted probabilities come in, a `Calibration` goes out.

Slope and intercept of the log-odds (Cox 1958), a reliability curve, and what a score loses by miscalibration, gains by
discrimination and cannot know (Murphy 1973), by isotonic regression instead of bins (CORP: Dimitriadis, Gneiting and
Jordan 2021, Stable reliability diagrams for probabilistic classifiers, PNAS 118).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.algebra.decision.fits import best_recalibration, size_edges
from lossmith.errors import ArgumentError

Floats = NDArray[np.float64]
Blocks = NDArray[np.int64]
Z: Final = 1.959963984540054  # the 97.5 % quantile of the normal distribution
BINS: Final = 10
FEWEST: Final = 10
"""Rows in a bin of a curve, at least."""


@dataclass(frozen=True)
class Share:
    """Of `count` rows with the mean prediction `predicted`, the share `share` holds, from `low` to `high` (95 %)."""

    predicted: float
    share: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Decomposition:
    """A mean score is miscalibration - discrimination + uncertainty; each part is at least 0, the score's unit is kept.

    Miscalibration is what the best rising curve through the probabilities would save; discrimination what that curve
    saves over one probability for all; uncertainty what that one probability costs.
    """

    name: str
    mean: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be taken at their word.

    Log-odds of the truth are slope * predicted log-odds + intercept: 1 and 0 are right. Margins are 95 % half-widths.
    All four are NaN where the rows cannot tell (one outcome only, or outcomes that one threshold parts).
    `excess` is the mean prediction less the share of positives.
    """

    rows: int
    share: float
    excess: float
    excess_margin: float
    slope: float
    slope_margin: float
    intercept: float
    intercept_margin: float
    curve: tuple[Share, ...]
    log_loss: Decomposition
    brier: Decomposition
    sentence: str

    @property
    def is_right(self) -> bool:
        """Whether the intervals hold slope 1, intercept 0 and no excess."""
        gaps = ((self.slope - 1, self.slope_margin), (self.intercept, self.intercept_margin))
        return all(abs(gap) <= margin for gap, margin in (*gaps, (self.excess, self.excess_margin)))


@dataclass(frozen=True)
class ClassCalibration:
    """One class against the rest, for each class, and how often the most probable class is right."""

    labels: tuple[str, ...]
    classes: tuple[Calibration, ...]
    top: Calibration


# Shares with intervals --------------------------------------------------------------------------------------------


def as_blocks(blocks: Blocks | Sequence[Blocks] | None, rows: int) -> tuple[Blocks, ...]:
    """Return one or more ways to form blocks, each numbered from 0; none means every row on its own."""
    if blocks is None:
        return (np.arange(rows),)
    given = (blocks,) if isinstance(blocks, np.ndarray) else tuple(blocks)
    return tuple(np.unique(each, return_inverse=True)[1].astype(np.int64) for each in given)


def cluster_error(terms: Floats, blocks: tuple[Blocks, ...]) -> Floats:
    """Return standard errors of the column sums of terms (n, d) that sum to about 0: the widest over the blocks."""
    found = [np.full(terms.shape[1], np.nan)]
    for each in blocks:
        sums = np.column_stack([np.bincount(each, column) for column in terms.T])
        used = np.bincount(each) > 0
        count = int(used.sum())
        if count > 1:
            found.append(np.sqrt((sums[used] ** 2).sum(axis=0) * count / (count - 1)))
    return np.asarray(np.fmax.reduce(found))


def share_of(holds: Floats, predicted: Floats, weight: Floats, blocks: tuple[Blocks, ...]) -> Share:
    """Return the weighted share of rows that hold (n,), with the interval of Wilson (1927).

    The number of rows in that interval is the one whose luck would be that of the blocks and weights.
    """
    total = float(weight.sum())
    if not total > 0:
        return Share(float("nan"), float("nan"), 0.0, 1.0, len(holds))
    share = float((weight * holds).sum() / total)
    error = float(cluster_error((weight * (holds - share))[:, None], blocks)[0]) / total
    if error > 0:
        most = float(weight.sum() ** 2 / (weight**2).sum())
        sure = min(share * (1 - share) / error**2, most) * (Z / _t(blocks)) ** 2
    else:
        sure = 1.0 if math.isnan(error) else _sure_rows(weight, blocks)
    low, high = wilson(share, sure)
    return Share(float((weight * predicted).sum() / total), share, low, high, len(holds))


def _sure_rows(weight: Floats, blocks: tuple[Blocks, ...]) -> float:
    """How many blocks of equal weight know as much (Kish 1965)."""
    return min(float(weight.sum() ** 2 / (np.bincount(each, weight) ** 2).sum()) for each in blocks)


def wilson(share: float, rows: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was seen on so many rows.

    >>> [round(x, 4) for x in wilson(0.0, 10)]
    [0.0, 0.2775]
    """
    spread = Z * Z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = float(np.sqrt(share * (1 - share) * spread + spread**2 / 4)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def shares_by(
    holds: Floats, predicted: Floats, weight: Floats, blocks: tuple[Blocks, ...], by: Floats | None = None
) -> tuple[Share, ...]:
    """Return shares in up to ten ranges of `by` (the prediction), of equally many rows each; ties stay together."""
    key = predicted if by is None else by
    place = np.searchsorted(size_edges(key, BINS, FEWEST), key, side="right")
    parts = [np.flatnonzero(place == number) for number in range(int(place.max()) + 1)]
    return tuple(
        share_of(holds[rows], predicted[rows], weight[rows], tuple(each[rows] for each in blocks)) for rows in parts
    )


# Calibration ------------------------------------------------------------------------------------------------------


def calibration(
    y_true: ArrayLike,
    probability: ArrayLike,
    weight: ArrayLike | None = None,
    blocks: Blocks | Sequence[Blocks] | None = None,
    what: str = "happen",
) -> Calibration:
    """Compare probabilities (n,) with outcomes (n,) of 0 and 1.

    Rows of one block may depend on each other; of several ways to form blocks the widest interval counts. `what` is the
    verb of the sentence. Raises `ArgumentError` LM245 for shapes, outcomes or probabilities that are none.

    >>> found = calibration([0, 1] * 50, [0.2, 0.8] * 40 + [0.8, 0.2] * 10)
    >>> round(found.slope, 6), found.share  # 80 % of the rows called 80 % happen
    (1.0, 0.5)
    """
    y, p = np.asarray(y_true, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    _check(y, p, w)
    known = w > 0
    groups = tuple(each[known] for each in as_blocks(blocks, len(y)))
    y, p, w = y[known], p[known], w[known]
    total = float(w.sum())
    share = float((w * y).sum() / total)
    gap = p - y
    excess = float((w * gap).sum() / total)
    error = float(cluster_error((w * (gap - excess))[:, None], groups)[0]) / total
    line = _line(y, p, w, groups)
    curve = shares_by(y, p, w, groups)
    flat = np.full(len(y), share)
    rising = isotonic(y, p, w)
    scores = [
        _decomposed(name, *(float((w * each(y, q)).sum() / total) for q in (p, rising, flat)))
        for name, each in SCORES.items()
    ]
    made = Calibration(len(y), share, excess, _t(groups) * error, *line, curve, scores[0], scores[1], "")
    return _worded(made, what)


def _check(y: Floats, p: Floats, w: Floats) -> None:
    if y.ndim != 1 or y.shape != p.shape or not len(y) or w.shape != y.shape:
        raise ArgumentError(
            "LM245",
            f"calibration needs outcomes, probabilities and weights of one shape (n,), found {y.shape}, {p.shape}.",
        )
    if not np.isin(y, (0.0, 1.0)).all():
        raise ArgumentError("LM245", f"calibration needs outcomes of 0 and 1, found {y[~np.isin(y, (0, 1))][0]:g}.")
    bad = ~((p >= 0) & (p <= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ArgumentError("LM245", f"a probability lies from 0 to 1, but row {row + 1:,} has {p[row]:g}.")
    if not (np.isfinite(w).all() and (w >= 0).all() and w.any()):
        raise ArgumentError("LM245", "weights are finite numbers of at least 0, not all of them 0.")


def _t(blocks: tuple[Blocks, ...]) -> float:
    """The factor of a 95 % half-width for the fewest blocks."""
    from scipy.stats import t

    freedom = min(len(np.unique(each)) for each in blocks) - 1
    return float(t.ppf(0.975, freedom)) if freedom > 0 else float("nan")


def _line(y: Floats, p: Floats, w: Floats, blocks: tuple[Blocks, ...]) -> tuple[float, float, float, float]:
    """Return slope, its margin, intercept, its margin, by the sandwich of Huber (1967) over blocks."""
    rule, undefined = best_recalibration(y, p, w), (float("nan"),) * 4
    used = (p > 0) & (p < 1)
    z = np.log(p[used]) - np.log1p(-p[used])
    if not len(z) or np.ptp(z) == 0 or (rule.slope, rule.intercept) == (1.0, 0.0):
        return undefined
    line = rule.slope * z + rule.intercept
    small = np.exp(-np.abs(line))
    q = np.where(line >= 0, 1.0, small) / (1.0 + small)
    bend, off = w[used] * q * (1 - q), w[used] * (y[used] - q)
    mixed = float((bend * z).sum())
    bread = np.linalg.pinv(np.array([[float((bend * z * z).sum()), mixed], [mixed, float(bend.sum())]]))
    influence = np.column_stack([off * (z * bread[0, 0] + bread[1, 0]), off * (z * bread[0, 1] + bread[1, 1])])
    errors = cluster_error(influence, tuple(each[used] for each in blocks))
    slope, intercept = (float(error) * _t(blocks) for error in errors)
    return rule.slope, slope, rule.intercept, intercept


def isotonic(y_true: ArrayLike, probability: ArrayLike, weight: ArrayLike) -> Floats:
    """Return the best probabilities that rise with the given ones: pooled shares of positives (n,)."""
    from sklearn.isotonic import isotonic_regression

    p = np.asarray(probability, dtype=np.float64)
    y, w = np.asarray(y_true, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    values, place = np.unique(p, return_inverse=True)
    weights = np.bincount(place, w)
    held = weights > 0
    means = np.bincount(place, w * y)[held] / weights[held]
    rising = np.zeros(len(values))
    rising[held] = isotonic_regression(means, sample_weight=weights[held], y_min=0.0, y_max=1.0)
    return np.asarray(rising[place])


def log_score(y: Floats, p: Floats) -> Floats:
    """Return the log loss of each row; infinite where what was called impossible happened."""
    with np.errstate(divide="ignore"):
        return -np.where(y == 1, np.log(p), np.log1p(-p))


def brier_score(y: Floats, p: Floats) -> Floats:
    """Return the squared error of each probability."""
    return np.asarray((p - y) ** 2)


SCORES: Final = {"log loss": log_score, "Brier score": brier_score}


def _decomposed(name: str, mean: float, rising: float, flat: float) -> Decomposition:
    return Decomposition(name, mean, mean - rising, flat - rising, flat)


# In words ---------------------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """Write a share as a percentage with two digits, more near 0 and 100.

    >>> percent(0.1), percent(0.0023), percent(0.996), percent(1.0)
    ('10 %', '0.23 %', '99.6 %', '100 %')
    """
    near = 100 * min(share, 1 - share)
    digits = max(0, (1 if share < 0.5 else 0) - math.floor(math.log10(near))) if near > 0 else 0
    text = f"{100 * share:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _worded(found: Calibration, what: str) -> Calibration:
    worst = max(found.curve, key=_surprise)
    seen = f"Of the rows it calls {percent(worst.predicted)}, {percent(worst.share)} {what}"
    return replace(found, sentence=f"{seen}: {_judgement(found)}{_slope_words(found)}.")


def _surprise(part: Share) -> float:
    """By how many widths of its interval a prediction lies outside it; where none does, the highest prediction counts."""
    outside = max(part.low - part.predicted, part.predicted - part.high, 0.0)
    return outside / (part.high - part.low) if outside else part.predicted - 2.0


def _judgement(found: Calibration) -> str:
    if not np.isfinite(found.slope):
        return "too few of one outcome, or too few different probabilities, to say more"
    faults = []
    if abs(found.excess) > found.excess_margin:
        faults.append("too high" if found.excess > 0 else "too low")
    if abs(found.slope - 1) > found.slope_margin:
        faults.append("too extreme" if found.slope < 1 else "too cautious")
    if faults:
        return f"probabilities are {' and '.join(faults)}"
    if abs(found.intercept) > found.intercept_margin:
        return "probabilities are somewhat off"
    return "probabilities can be taken at their word"


def _slope_words(found: Calibration) -> str:
    return f"; slope {found.slope:.2f} ± {found.slope_margin:.2f} (1 is right)" if np.isfinite(found.slope) else ""


# Several classes --------------------------------------------------------------------------------------------------


def calibration_of_classes(
    y_true: ArrayLike,
    probability: ArrayLike,
    labels: Sequence[str] = (),
    weight: ArrayLike | None = None,
    blocks: Blocks | Sequence[Blocks] | None = None,
) -> ClassCalibration:
    """Compare probabilities (n, k) with class positions (n,): each class against the rest, and the most probable one.

    Raises `ArgumentError` LM245 if the shapes do not fit.
    """
    y, p = np.asarray(y_true, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ArgumentError(
            "LM245",
            f"several classes need class positions (n,) and probabilities (n, k), found {y.shape} and {p.shape}.",
        )
    names = tuple(labels) or tuple(map(str, range(p.shape[1])))
    p = np.where((p > 1) & (p < 1 + 1e-9), 1.0, p)  # a sum that rounds above 1
    each = [calibration((y == k).astype(float), p[:, k], weight, blocks, f"are {name}") for k, name in enumerate(names)]
    top = calibration((p.argmax(axis=1) == y).astype(float), p.max(axis=1), weight, blocks, "are right")
    return ClassCalibration(names, tuple(each), top)
