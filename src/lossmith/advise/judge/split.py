"""Rows that do one job each: the target and an order in time come in, row numbers to fit, stop and compare go out.

60 % of the rows train a model; 20 % say when to stop training and fit the decision rule; 20 % are touched once, to
compare. With a time, the three are blocks in the order of time and rows of one time stay together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Rows = NDArray[np.int64]
SHARES: Final = (0.6, 0.2, 0.2)
QUICK_ROWS: Final = (40_000, 15_000, 15_000)


@dataclass(frozen=True)
class Split:
    """Row numbers by job, sorted. Rows of one block (see `blocks_of`) are judged together in every interval."""

    fit: Rows
    stop: Rows
    compare: Rows
    stop_blocks: Rows
    compare_blocks: Rows
    how: str
    blocks: str
    notes: tuple[str, ...] = ()


def split_rows(
    y: NDArray[np.float64], *, classes: int, time: pl.Series | None, seed: int, quick: bool = False
) -> Split:
    """Part the rows of `y` (n,). `classes` is 0 for numbers; for classes each part gets its share of every class.

    Raises `DataError` LM541 for a time with fewer than three distinct values, LM542 for rows to learn from that hold
    a single value, LM533 for a seed that is none.
    """
    if not 0 <= seed < 2**31:
        raise DataError("LM533", f"the seed must be a whole number from 0 to {2**31 - 1:,}, got {seed}.")
    parts = _in_time(time) if time is not None else _at_random(y, classes, np.random.default_rng(seed))
    if quick:
        parts = _thinned(parts, np.random.default_rng(seed))
    split = _described(parts, time)
    split = _without_unseen(split, y) if classes else split
    if np.all(y[split.fit] == y[split.fit][0]):
        when = "the earliest 60 % of the rows" if time is not None else "the rows to learn from"
        raise DataError(
            "LM542", f"the target is constant in {when}, so nothing can be learned from them. Use more rows."
        )
    return split


def _at_random(y: NDArray[np.float64], classes: int, rng: np.random.Generator) -> tuple[Rows, Rows, Rows]:
    strata = y if classes else np.zeros(len(y))
    parts: list[list[Rows]] = [[], [], []]
    for value in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == value))
        held = int(SHARES[2] * len(rows) + 0.5)
        for part, chunk in zip(parts, np.split(rows, [len(rows) - 2 * held, len(rows) - held]), strict=True):
            part.append(chunk)
    fit, stop, compare = (np.sort(np.concatenate(part)) for part in parts)
    return fit, stop, compare


def _in_time(time: pl.Series) -> tuple[Rows, Rows, Rows]:
    codes = time.rank("dense").to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    borders = np.flatnonzero(np.diff(codes[order])) + 1
    if len(borders) < 2:
        raise DataError(
            "LM541",
            f'the time column "{time.name}" holds {len(borders) + 1} distinct value(s); to fit, stop and compare in '
            "the order of time at least 3 are needed. Leave --time out, or choose another column.",
        )
    first = int(_nearest(borders[:-1], SHARES[0] * len(codes)))
    second = int(_nearest(borders[borders > first], (SHARES[0] + SHARES[1]) * len(codes)))
    fit, stop, compare = (np.sort(part) for part in np.split(order, [first, second]))
    return fit, stop, compare


def _nearest(places: Rows, wanted: float) -> np.int64:
    found: np.int64 = places[np.argmin(np.abs(places - wanted))]
    return found


def _thinned(parts: tuple[Rows, Rows, Rows], rng: np.random.Generator) -> tuple[Rows, Rows, Rows]:
    fit, stop, compare = (
        rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
        for rows, most in zip(parts, QUICK_ROWS, strict=True)
    )
    return fit, stop, compare


def _described(parts: tuple[Rows, Rows, Rows], time: pl.Series | None) -> Split:
    fit, stop, compare = parts
    if time is None:
        how = "at random: 60 % to fit, 20 % to stop and tune, 20 % to compare"
        return Split(fit, stop, compare, np.arange(len(stop)), np.arange(len(compare)), how, "row by row")
    stop_blocks, compare_blocks = blocks_of(time, stop), blocks_of(time, compare)
    how = f"in the order of {time.name}: the earliest to fit, the next to stop and tune, the latest to compare"
    return Split(fit, stop, compare, stop_blocks, compare_blocks, how, f"{compare_blocks.max() + 1} blocks of time")


def blocks_of(time: pl.Series, rows: Rows) -> Rows:
    """Return a block number for each of `rows`: runs of neighbouring days (or times), about d^(2/3) blocks of d days.

    Neighbours in time err together, so an interval counts blocks, not rows; blocks of about d^(1/3) days are the rate
    at which the variance of a mean of dependent values is estimated best (Hall, Horowitz and Jing 1995).
    """
    import polars as pl

    chosen = time[rows]
    days = chosen.dt.date() if chosen.dtype == pl.Datetime and chosen.dt.date().n_unique() > 4 else chosen
    codes = days.rank("dense").to_numpy().astype(np.int64) - 1
    known = int(codes.max()) + 1
    count = min(known, max(4, round(known ** (2 / 3))))
    return np.asarray(codes * count // known, dtype=np.int64)


def _without_unseen(split: Split, y: NDArray[np.float64]) -> Split:
    """Leave out the rows of classes that no row to learn from has, and say so."""
    seen = np.unique(y[split.fit])
    stop, compare = np.isin(y[split.stop], seen), np.isin(y[split.compare], seen)
    lost = int(np.count_nonzero(~stop) + np.count_nonzero(~compare))
    if not lost:
        return split
    note = (
        f"{lost:,} rows to stop or compare have a class that no earlier row has; they are left out of the comparison."
    )
    return replace(
        split,
        stop=split.stop[stop],
        compare=split.compare[compare],
        stop_blocks=split.stop_blocks[stop],
        compare_blocks=split.compare_blocks[compare],
        notes=(*split.notes, note),
    )
