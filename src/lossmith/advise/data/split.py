"""Rows that do one job each: targets, an order in time and groups come in, folds of row numbers go out.

Every fold parts the rows by job: some train the models (fit), some say when to stop the training (stop), some fit the
decision rule (tune), and some are touched once, to compare. Without a time each row is compared once in every repeat,
under models that never saw it; with a time the folds move forward, so that the past is learned and the future compared;
rows of one group are never both learned from and compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Rows = NDArray[np.int64]
SLICES: Final = 20
STOP: Final = 2
TUNE: Final = 3  # slices of the twenty; the others that are not compared train the models
WINDOWS: Final = 3
FIRST: Final = 0.5  # the share of the rows that no window touches: with less, the first fold would learn from little
QUICK_ROWS: Final = 70_000

# Up to so many rows: folds, repeats, and how many folds of each repeat are used. Few rows are parted more often, for
# there the luck of one parting is large; many rows take long, and leave little luck.
PLANS: Final[tuple[tuple[float, int, int, int], ...]] = (
    (500, 5, 4, 5),
    (6_000, 5, 2, 5),
    (50_000, 5, 1, 5),
    (500_000, 4, 1, 4),
    (float("inf"), 4, 1, 2),
)


@dataclass(frozen=True)
class Fold:
    """Row numbers by job, sorted; no row has two jobs."""

    fit: Rows
    stop: Rows
    tune: Rows
    compare: Rows


@dataclass(frozen=True)
class Split:
    """All folds, and what rows depend on each other.

    `blocks` holds one or more arrays (n,): the block of every row. Rows of one block are judged together; with several
    arrays the wider interval counts. `moves` says that folds move through time: then they differ by drift too, which the
    blocks of time hold already.
    """

    folds: tuple[Fold, ...]
    blocks: tuple[Rows, ...]
    how: str
    judged: str
    repeats: int = 1
    notes: tuple[str, ...] = ()
    moves: bool = False

    @property
    def reuse(self) -> float:
        """Compared rows for each row that was learned from, on average over the folds; at most 1 (a file of its own)."""
        return min(1.0, float(np.mean([len(fold.compare) / max(len(fold.fit), 1) for fold in self.folds])))

    @property
    def compared(self) -> Rows:
        """The rows that were compared, each once, sorted."""
        return np.unique(np.concatenate([fold.compare for fold in self.folds]))


@dataclass(frozen=True)
class Layout:
    """What a split needs to know of the rows.

    `y` (n,); `classes` is 0 for numbers; `time` and `group` are columns of n rows or None; `tested` (n,) marks the rows
    of a file of their own that are compared and never learned from.
    """

    y: NDArray[np.float64]
    classes: int = 0
    time: pl.Series | None = None
    group: pl.Series | None = None
    tested: NDArray[np.bool_] | None = None


def split_rows(layout: Layout, *, seed: int, quick: bool = False) -> Split:
    """Part the rows into folds.

    Raises `DataError` LM533 for a seed that is none, LM541 for a time with too few distinct values, LM543 for fewer
    than three groups, LM542 for rows to learn from that hold a single value.
    """
    if not 0 <= seed < 2**31:
        raise DataError("LM533", f"the seed must be a whole number from 0 to {2**31 - 1:,}, got {seed}.")
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(~layout.tested) if layout.tested is not None else np.arange(len(layout.y))
    if quick and len(known) > QUICK_ROWS:
        known = np.sort(rng.choice(known, QUICK_ROWS, replace=False))
    split = _in_time(layout, known, quick) if layout.time is not None else _at_random(layout, known, rng, quick)
    split = _without_unseen(split, layout) if layout.classes else split
    learned = tuple(fold for fold in split.folds if np.any(layout.y[fold.fit] != layout.y[fold.fit][0]))
    if not learned:
        when = "the earliest rows" if layout.time is not None else "the rows to learn from"
        raise DataError(
            "LM542", f"the target is constant in {when}, so nothing can be learned from them. Use more rows."
        )
    return replace(split, folds=learned)


def _at_random(layout: Layout, known: Rows, rng: np.random.Generator, quick: bool) -> Split:
    _, count, repeats, used = next(plan for plan in PLANS if len(known) <= plan[0])
    if quick:
        repeats, used = 1, 2
    folds: list[Fold] = []
    for _ in range(repeats):
        dealt = _deal(layout, known, count, rng)
        folds += [_fold(known, dealt, fold, rng) for fold in range(min(used, dealt.count))]
    if layout.tested is not None:
        folds = [replace(fold, compare=np.flatnonzero(layout.tested)) for fold in folds]
    blocks = _group_blocks(layout)
    share = f"{100 / count:.3g} % to compare"
    how = "the file of its own to compare" if layout.tested is not None else f"{share}, each row once"
    parts = "whole groups at random" if layout.group is not None else "at random"
    times = f"{len(folds)} times" + (f" ({repeats} × {used})" if repeats > 1 else "")
    judged = f"{_count(blocks, folds)} groups" if layout.group is not None else "row by row"
    return Split(tuple(folds), (blocks,), f"{parts}, {times}: {how}", judged, repeats)


def _count(blocks: Rows, folds: list[Fold]) -> int:
    return len(np.unique(blocks[np.concatenate([fold.compare for fold in folds])]))


def _group_blocks(layout: Layout) -> Rows:
    return _codes(layout.group) if layout.group is not None else np.arange(len(layout.y))


def _codes(column: pl.Series) -> Rows:
    return np.asarray(column.rank("dense").fill_null(0).to_numpy(), dtype=np.int64)


@dataclass(frozen=True)
class _Deal:
    """The slice of every row, in how many folds the slices are compared, and whether stop and tune hold whole groups."""

    slices: Rows
    count: int
    whole: bool = True

    @property
    def edges(self) -> Rows:
        """The slice with which each fold begins to compare."""
        return np.linspace(0, SLICES, self.count + 1).astype(np.int64)


def _deal(layout: Layout, known: Rows, count: int, rng: np.random.Generator) -> _Deal:
    """Deal the rows into twenty slices, whole groups together; few groups are dealt to the folds themselves."""
    if layout.group is None:
        return _Deal(_dealt(layout.y[known] if layout.classes else np.zeros(len(known)), rng), count)
    names, codes, sizes = np.unique(_codes(layout.group)[known], return_inverse=True, return_counts=True)
    if len(names) < 3:
        raise DataError(
            "LM543",
            f"the column of --group holds {len(names)} group(s); to learn from some and compare on others at least 3 "
            "are needed. Leave --group out, or choose another column.",
        )
    whole = len(names) >= SLICES
    dealt = _Deal(codes, count if whole else min(count, len(names)), whole)
    places = np.arange(SLICES) if whole else dealt.edges[:-1]
    load, place = np.zeros(len(places)), np.zeros(len(names), dtype=np.int64)
    for group in sorted(rng.permutation(len(names)), key=lambda g: -sizes[g]):  # the largest first, to the least full
        least = int(np.argmin(load))
        place[group] = places[least]
        load[least] += sizes[group]
    return replace(dealt, slices=place[codes])


def _dealt(strata: NDArray[np.float64], rng: np.random.Generator) -> Rows:
    """Deal rows like cards, class by class, so that every slice has its share of every class."""
    order = np.lexsort((rng.permutation(len(strata)), strata))
    slices = np.empty(len(strata), dtype=np.int64)
    slices[order] = (np.arange(len(strata)) + rng.integers(SLICES)) % SLICES
    return rng.permutation(SLICES)[slices]


def _fold(known: Rows, dealt: _Deal, fold: int, rng: np.random.Generator) -> Fold:
    slices, (first, last) = dealt.slices, dealt.edges[fold : fold + 2]
    compared = (slices >= first) & (slices < last)
    if not dealt.whole:  # few groups: those that are not compared are parted row by row
        rest = rng.permutation(np.flatnonzero(~compared))
        slices = slices.copy()
        slices[rest] = last + np.arange(len(rest)) * (SLICES - (last - first)) // max(len(rest), 1)
    after = (slices - last) % SLICES
    stop, tune = ~compared & (after < STOP), ~compared & (after >= STOP) & (after < STOP + TUNE)
    return Fold(*(known[part] for part in (~(compared | stop | tune), stop, tune, compared)))


def _in_time(layout: Layout, known: Rows, quick: bool) -> Split:
    """Move forward through time: each fold stops, tunes and compares on the windows that follow what it learned."""
    assert layout.time is not None
    codes = _codes(layout.time)
    order = known[np.argsort(codes[known], kind="stable")]
    borders = np.flatnonzero(np.diff(codes[order])) + 1
    ends = 2 if layout.tested is not None else 3  # windows beside what is learned
    if len(borders) < ends:
        raise DataError(
            "LM541",
            f'the time column "{layout.time.name}" holds {len(borders) + 1} distinct value(s); to fit, stop, tune and '
            f"compare in the order of time at least {ends + 1} are needed. Leave --time out, or choose another column.",
        )
    count = min(1 if quick else WINDOWS, len(borders) - ends + 1)
    cuts = _cuts(borders, len(order), count + ends - 1)
    folds = tuple(_window(order, cuts, j, layout.tested) for j in range(count))
    blocks = _time_blocks(layout.time, order, cuts, layout.tested)
    how = (
        f"in the order of {layout.time.name}, {len(folds)} time(s), moving forward: the past to fit, then to stop, "
        + (
            "then to tune, a file of its own to compare"
            if layout.tested is not None
            else "then to tune, then to compare"
        )
    )
    judged = f"{_count(blocks, list(folds))} blocks of time"
    if layout.group is None:
        return Split(folds, (blocks,), how, judged, moves=True)
    groups = _codes(layout.group)
    both = f"{judged} and by {_count(groups, list(folds))} groups (the wider interval counts)"
    return Split(folds, (blocks, groups), how, both, moves=True)


def _cuts(borders: Rows, rows: int, windows: int) -> list[int]:
    """Places where windows begin, between rows of different times, about equally many rows apart."""
    cuts: list[int] = []
    for j in range(windows):
        left = borders[len(cuts) : len(borders) - (windows - 1 - j)]
        left = left[left > cuts[-1]] if cuts else left
        wanted = rows * (FIRST + (1 - FIRST) * j / windows)
        cuts.append(int(left[np.argmin(np.abs(left - wanted))]))
    return [*cuts, rows]


def _window(order: Rows, cuts: list[int], j: int, tested: NDArray[np.bool_] | None) -> Fold:
    fit, stop, tune = order[: cuts[j]], order[cuts[j] : cuts[j + 1]], order[cuts[j + 1] : cuts[j + 2]]
    compare = order[cuts[j + 2] : cuts[j + 3]] if tested is None else np.flatnonzero(tested)
    return Fold(*(np.sort(part) for part in (fit, stop, tune, compare)))


def _time_blocks(time: pl.Series, order: Rows, cuts: list[int], tested: NDArray[np.bool_] | None) -> Rows:
    """Return a block number for every row: runs of neighbouring days (or times) inside each window, numbered in time."""
    blocks, first = np.zeros(len(time), dtype=np.int64), 1  # what is always learned from is block 0
    windows = [order[start:end] for start, end in pairwise(cuts)]
    for window in (*windows, *(() if tested is None else (np.flatnonzero(tested),))):
        blocks[window] = first + blocks_of(time, window)
        first = int(blocks[window].max()) + 1
    return blocks


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


def _without_unseen(split: Split, layout: Layout) -> Split:
    """Leave out of each fold the rows of classes that it has no row to learn from, and say so."""
    lost: set[int] = set()

    def kept(fold: Fold) -> Fold:
        seen = np.unique(layout.y[fold.fit])
        parts: list[Rows] = []
        for part in (fold.stop, fold.tune, fold.compare):
            known = np.isin(layout.y[part], seen)
            lost.update(part[~known].tolist())
            parts.append(part[known])
        return Fold(fold.fit, *parts)

    folds = tuple(map(kept, split.folds))
    if not lost:
        return split
    note = f"{len(lost):,} rows have a class that no row to learn from has; they are left out where that is so."
    return replace(split, folds=folds, notes=(*split.notes, note))
