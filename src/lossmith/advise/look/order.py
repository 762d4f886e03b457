"""Rows that depend on each other: a target with groups or times comes in, `Evidence` on them goes out.

Sources: the share of variance between groups (intraclass correlation from a one-way analysis of variance, Fisher 1925);
the correlation of a series with itself one step before, and its size by chance (Bartlett 1946).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.look.evidence import NORMAL_99, Evidence, Floats, percent
from lossmith.report.words import number

if TYPE_CHECKING:
    import polars as pl

FEWEST_PERIODS: Final = 20
MOST_PERIODS: Final = 2_000
SLICES: Final = 100


def groups(y: Floats, group: pl.Series) -> Evidence:
    """Say how many groups there are, of which sizes, and how much of the variance lies between them.

    `value` is that share (NaN where no group has two rows).

    >>> import polars as pl
    >>> print(groups(np.array([1.0, 1.0, 5.0, 5.0]), pl.Series("team", ["a", "a", "b", "b"])))
    2 groups ("team") of 2 rows each; 100 % of the variance lies between groups: rows of a group are alike, and stay together.
    """
    _, codes, sizes = np.unique(_codes(group), return_inverse=True, return_counts=True)
    least, most = int(sizes.min()), int(sizes.max())
    spread = (
        f"{least:,} rows each"
        if least == most
        else f"{least:,} to {most:,} rows (half have {np.median(sizes):,.0f} or fewer)"
    )
    head = f'{len(sizes):,} groups ("{group.name}") of {spread}'
    share = _between(y, codes, sizes)
    if share is None:
        return Evidence("groups", float("nan"), f"{head}: no group has two rows.")
    alike = "rows of a group are alike, and stay together" if share >= 0.05 else "rows of a group are hardly alike"
    return Evidence("groups", share, f"{head}; {percent(share)} of the variance lies between groups: {alike}.")


def _codes(column: pl.Series) -> NDArray[np.int64]:
    import polars as pl

    return column.cast(pl.String).fill_null("").rank("dense").cast(pl.Int64).to_numpy()


def _between(y: Floats, codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> float | None:
    n, k = len(y), len(sizes)
    if n == k or k < 2:
        return None
    means = np.bincount(codes, y) / sizes
    between = float(np.sum(sizes * (means - y.mean()) ** 2)) / (k - 1)
    within = float(np.sum((y - means[codes]) ** 2)) / (n - k)
    size = (n - float(np.sum(sizes.astype(np.float64) ** 2)) / n) / (k - 1)
    total = between + (size - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else 0.0


def time_order(y: Floats, time: pl.Series) -> tuple[Evidence, ...]:
    """Say whether the target rises or falls with time (trend) and whether its means wander (correlation one step on).

    The means are by day, hour, value of the column, or hundredth of the rows: the first that makes at least 20 periods.
    """
    periods, word = _periods(time)
    if not word:
        return ()
    sizes = np.bincount(periods)
    return _trend(y, time, periods, sizes), _wandering(np.bincount(periods, y) / sizes, word)


def _periods(time: pl.Series) -> tuple[NDArray[np.int64], str]:
    """Return the period of every row (0, 1, … in time order) and its name; no name where there are too few."""
    import polars as pl

    steps = [(time, "value of time")]
    if time.dtype == pl.Datetime:
        steps = [(time.dt.date(), "day"), (time.dt.truncate("1h"), "hour"), *steps]
    elif time.dtype == pl.Date:
        steps = [(time, "day")]
    for column, word in steps:
        codes = column.rank("dense").cast(pl.Int64).to_numpy() - 1
        count = int(codes.max()) + 1
        if FEWEST_PERIODS <= count <= MOST_PERIODS:
            return codes, word
        if count > MOST_PERIODS:
            place = np.argsort(np.argsort(codes, kind="stable"), kind="stable")
            return place * SLICES // len(place), "hundredth of the rows"
    return np.zeros(len(time), np.int64), ""


def _trend(y: Floats, time: pl.Series, periods: NDArray[np.int64], sizes: NDArray[np.int64]) -> Evidence:
    from scipy.stats import spearmanr

    means = np.bincount(periods, y) / sizes
    found = float(spearmanr(np.arange(len(means)), means).statistic) if np.ptp(means) > 0 else 0.0
    order = np.argsort(periods, kind="stable")
    fifth = max(1, len(y) // 5)
    first, last = float(y[order[:fifth]].mean()), float(y[order[-fifth:]].mean())
    if abs(found) * np.sqrt(len(means) - 1) < NORMAL_99:
        return Evidence("trend", found, f'No steady rise or fall with time ("{time.name}").')
    way = "rises" if found > 0 else "falls"
    return Evidence(
        "trend",
        found,
        f'It {way} with time ("{time.name}"): {number(first)} on average in the first fifth of the rows, {number(last)} in '
        "the last.",
    )


def _wandering(means: Floats, word: str) -> Evidence:
    steps = np.arange(len(means), dtype=np.float64)
    rest = means - np.polyval(np.polyfit(steps, means, 1), steps)
    total = float(np.sum(rest**2))
    found = float(np.sum(rest[1:] * rest[:-1])) / total if total > 0 else 0.0
    if found * np.sqrt(len(means)) < NORMAL_99:
        return Evidence("wandering", found, f"Its mean by {word} does not wander: one says little about the next.")
    return Evidence(
        "wandering",
        found,
        f"Its mean by {word} wanders: a high one tends to follow a high one (correlation {found:.2f} from one to the next "
        f"of {len(means):,}), so rows near in time are alike.",
    )
