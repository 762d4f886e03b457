"""Columns that give the target away: a table and its target come in, warnings and the columns they are of go out.

A column is judged alone: its values are cut into bins, the mean of the target in each bin is learned on one half of the
rows and compared on the other. A column that tells nearly all, where the others tell far less, is a copy of the target or
was written after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.names import AFTERWARDS_WORDS, TIME_WORDS, says, words_of
from lossmith.advise.data.table import Table

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MOST_ROWS: Final = 10_000
FEWEST_ROWS: Final = 50
BINS: Final = 64
ROWS_PER_BIN: Final = 20
MOST_LEVELS: Final = 200
MOST_CLASSES: Final = 8
NEARLY_ALL: Final = 0.975
"""How well a column tells the target alone (1 is perfectly), on the scale of a correlation: AUC 0.9875, R² 0.95."""

FAR_BELOW: Final = 0.9
"""What the best of the other columns reaches at most, times that."""

MOST_LEAKS: Final = 3
"""So many columns may leak together, or a quarter of all: more are good columns rather than leaks."""

EXACT: Final = 1e-9
SHOWN: Final = 4


@dataclass(frozen=True)
class Leak:
    """A warning, one whole sentence, and the columns that tell the target (none where only a name makes suspicious)."""

    warning: str
    columns: tuple[str, ...]


def leaks(table: Table, y: Floats, classes: int) -> tuple[Leak, ...]:
    """Return a warning for each column that gives the target away.

    `y` (n,) is the target as numbers; `classes` is 0 for numbers and grades, else how many classes it indexes.

    >>> import polars as pl
    >>> from lossmith.advise.data.table import read_table
    >>> rows = pl.DataFrame({"x": [i % 9 for i in range(90)], "paid": [3 * (i * 7 % 90) for i in range(90)]})
    >>> table = read_table(rows.with_columns(y=rows["paid"] / 3 + 1), target="y")
    >>> found = leaks(table, table.frame["y"].to_numpy(), 0)
    >>> found[0].columns, found[0].warning[:60]
    (('paid',), 'Column "paid" tells "y" nearly perfectly by itself, far more')
    """
    same = _equal(table)
    rows = _sample(table.frame.height)
    frame, goal = table.frame[rows], y[rows]
    told = {name: told_by(frame[name], goal, classes) for name in table.features if name not in same}
    told = {name: share for name, share in told.items() if name != table.time and not says(name, TIME_WORDS)}
    flagged = _far_above(told) if len(rows) >= FEWEST_ROWS else []
    sums = [] if classes or same or flagged else _sum_of(table, frame, goal)
    return (
        *(Leak(_copies_it(name), (name,)) for name in same),
        *(Leak(_gives_away(name, table.target), (name,)) for name in flagged),
        *sums,
        *_by_name(table, told, flagged),
    )


def _copies_it(name: str) -> str:
    return f'Column "{name}" equals the target in every row: leave it out (--drop {name}), or the models only copy it.'


def _gives_away(name: str, target: str) -> str:
    return (
        f'Column "{name}" tells "{target}" nearly perfectly by itself, far more than any other column: if it is not known '
        f"when you predict, or was made from the target, leave it out (--drop {name})."
    )


def _equal(table: Table) -> list[str]:
    target = table.frame[table.target]
    alike = [table.frame[name] for name in table.features if table.frame[name].dtype == target.dtype]
    return [column.name for column in alike if column.null_count() == 0 and bool((column == target).all())]


def _sample(rows: int) -> Codes:
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))


def _far_above(told: dict[str, float]) -> list[str]:
    """Return the columns that tell nearly all, where the best of the rest tells far less.

    All that tell nearly all are set aside first, and of those just below as many as may leak: leaks do not hide each
    other.
    """
    ordered = sorted(told, key=lambda name: -told[name])
    aside = [name for name in ordered if told[name] >= NEARLY_ALL]
    for few in range(max(len(aside), 1), min(max(MOST_LEAKS, len(ordered) // 4), len(ordered) - 1) + 1):
        if told[ordered[few]] <= FAR_BELOW * NEARLY_ALL:
            return aside
    return []


def told_by(column: pl.Series, y: Floats, classes: int) -> float:
    """Return how well a column alone tells the target: 0 not at all, 1 perfectly, on the scale of a correlation."""
    codes = _binned(column)
    goal = _goals(y, classes)
    guess = _held_out(codes, goal)
    error, spread = np.sum((goal - guess) ** 2), np.sum((goal - goal.mean(axis=0)) ** 2)
    share = float(np.sqrt(max(0.0, 1 - error / spread))) if spread else 0.0
    if classes == 2:
        return max(share, _gini(guess[:, 0], y), _gini_alone(column, y))
    return share if classes else max(share, _rank_correlation(column, y))


def _goals(y: Floats, classes: int) -> Floats:
    """Return what is to be told, one column each: the rank of a number, or whether it is each of the frequent classes."""
    if not classes:
        from scipy.stats import rankdata

        return np.asarray(rankdata(y), dtype=np.float64)[:, None]
    if classes == 2:
        return y[:, None]
    frequent = np.argsort(-np.bincount(y.astype(np.int64), minlength=classes), kind="stable")[:MOST_CLASSES]
    return np.asarray(y[:, None] == frequent, dtype=np.float64)


def _binned(column: pl.Series) -> Codes:
    """Return the bin of every row; missing values have their own, and of dates only that counts."""
    import polars as pl

    missing = column.is_null().to_numpy()
    if column.dtype in (pl.Date, pl.Datetime):
        return missing.astype(np.int64)
    if column.dtype == pl.String:
        counts = column.drop_nulls().value_counts(sort=True, name="rows").head(MOST_LEVELS)[column.name].to_list()
        places = {level: place + 2 for place, level in enumerate(counts)}
        codes = column.replace_strict(places, default=1, return_dtype=pl.Int64).to_numpy()
    else:
        values = column.cast(pl.Float64).fill_null(0.0).to_numpy()
        known = values[~missing]
        count = int(min(BINS, max(2, len(values) // ROWS_PER_BIN)))
        cuts = np.unique(np.quantile(known, np.arange(1, count) / count)) if len(known) else np.empty(0)
        codes = np.searchsorted(cuts, values, side="right") + 1
    return np.where(missing, 0, codes).astype(np.int64)


def _held_out(codes: Codes, goal: Floats) -> Floats:
    """Return the mean of each row's bin, learned on the half that the row is not in (the whole mean for unseen bins)."""
    half = np.random.default_rng(1).permutation(len(codes)) % 2
    guess = np.empty_like(goal)
    for own in (0, 1):
        learn, tell = half != own, half == own
        sizes = np.bincount(codes[learn], minlength=int(codes.max()) + 1)
        for place in range(goal.shape[1]):
            sums = np.bincount(codes[learn], goal[learn, place], minlength=len(sizes))
            means = np.where(sizes > 0, sums / np.maximum(sizes, 1), goal[learn, place].mean())
            guess[tell, place] = means[codes[tell]]
    return guess


def _gini(guess: Floats, y: Floats) -> float:
    """Return twice the area under the ROC curve, less one (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    positive = float(y.sum())
    negative = len(y) - positive
    if not positive or not negative:
        return 0.0
    area = (float(rankdata(guess)[y == 1].sum()) - positive * (positive + 1) / 2) / (positive * negative)
    return 2 * area - 1


def _gini_alone(column: pl.Series, y: Floats) -> float:
    """Return the size of that of a number itself: bins blur the edge between zeros and small amounts."""
    if not column.dtype.is_numeric() or column.null_count() > 0.1 * len(column):
        return 0.0
    known = column.is_not_null().to_numpy()
    return abs(_gini(column.drop_nulls().to_numpy().astype(np.float64), y[known]))


def _rank_correlation(column: pl.Series, y: Floats) -> float:
    """Return the size of Spearman's correlation of a number with a number, 0 where it has many missing values."""
    from scipy.stats import spearmanr

    if not column.dtype.is_numeric() or column.null_count() > 0.1 * len(column):
        return 0.0
    known = column.is_not_null().to_numpy()
    values = column.drop_nulls().to_numpy()
    if not known.any() or values.min() == values.max() or np.ptp(y[known]) == 0:
        return 0.0
    return abs(float(spearmanr(values, y[known]).statistic))


def _sum_of(table: Table, frame: pl.DataFrame, y: Floats) -> Iterator[Leak]:
    """Warn where the target can be computed from columns of numbers (a total beside its parts)."""
    names = [name for name in table.features if frame[name].dtype.is_numeric() and frame[name].null_count() == 0]
    if not names or len(y) < max(FEWEST_ROWS, 4 * len(names)):
        return
    x = np.stack([frame[name].to_numpy().astype(np.float64) for name in names], axis=1)
    x, spread = x - x.mean(axis=0), x.std(axis=0)
    names = [name for name, wide in zip(names, spread, strict=True) if wide > 0]
    x, centred = (x[:, spread > 0] / spread[spread > 0]), y - y.mean()
    slopes, *_ = np.linalg.lstsq(x, centred, rcond=None)
    total = float(np.sum(centred**2))
    if float(np.sum((centred - x @ slopes) ** 2)) > EXACT * total:
        return
    parts = [names[place] for place in np.argsort(-np.abs(slopes)) if abs(slopes[place]) > 1e-3 * y.std()]
    shown = " and ".join(f'"{name}"' for name in parts[:SHOWN])
    words = (
        f'"{table.target}" can be computed exactly from {shown}{" and others" if len(parts) > SHOWN else ""}: if these are '
        f"its parts and are not known when you predict, leave them out (--drop {parts[0]} …)."
    )
    yield Leak(words, tuple(parts))


def _by_name(table: Table, told: dict[str, float], flagged: list[str]) -> Iterator[Leak]:
    """Warn of columns whose name says that they are known afterwards, or that they are made of the target."""
    own = words_of(table.target)
    for name, share in told.items():
        derived = name != table.target and own < words_of(name) and share >= FAR_BELOW
        if name not in flagged and (derived or says(name, AFTERWARDS_WORDS)):
            why = f'is made of "{table.target}"' if derived else "is known only afterwards"
            words = (
                f'The name of column "{name}" says that it {why}: if it is not known when you predict, leave it out '
            )
            yield Leak(f"{words}(--drop {name}).", (name,) if share >= FAR_BELOW else ())
