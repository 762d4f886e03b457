"""Look at a target: a `Table` comes in, what kind of target it is, why, and its shape go out.

The kind of a number is decided by one table, `KINDS_IN_ORDER`: the first row that fits the values wins, and the reason
is printed from what it saw. Which of two classes is the positive one is decided in `names`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.names import natural_order, positive_class, unit_of
from lossmith.advise.data.table import Table, read_table
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

MOST_CLASSES = 100
FEW_VALUES = 20
COUNTS_UP_TO = 1000
EVEN_SHARES = 0.5
MANY_COPIES = 0.05
QUANTILE_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

LABEL_WORDS = frozenset({"class", "label", "category", "species", "type", "group"})


@dataclass(frozen=True)
class Profile:
    """A target, described. Shares are fractions of the rows with a target; `missing` of the rows read.

    `y` is float64 (n,): the numbers themselves, 0/1 for binary (1 is `positive`), the index into `classes` for class.
    `classes` and `counts` are empty unless the kind is binary (negative, positive) or class (sorted). `ties` is the
    share of rows whose value occurs in another row too, `rarest` that of the rarest class. Moments and quantiles are
    NaN or empty for classes. `quantiles` holds (level, value). `reason` says why this kind, without a full stop.
    """

    target: str
    kind: str
    reason: str
    y: Floats
    unit_name: str
    n_rows: int
    classes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    positive: str | None = None
    missing: float = 0.0
    zeros: float = 0.0
    ties: float = 0.0
    rarest: float = float("nan")
    mean: float = float("nan")
    sd: float = float("nan")
    skew: float = float("nan")
    minimum: float = float("nan")
    maximum: float = float("nan")
    quantiles: tuple[tuple[float, float], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """What the values of a numeric target look like; `name` is the column's."""

    name: str
    values: Floats
    distinct: Floats
    counts: NDArray[np.int64]
    whole: bool
    low: float
    high: float

    @property
    def words(self) -> str:
        """The values in a few words, for reasons."""
        sort = "whole numbers" if self.whole else "numbers"
        return f"its {len(self.distinct):,} different {sort} run from {self.low:,.6g} to {self.high:,.6g}"


def profile(
    data: Any,
    *,
    target: str | None = None,
    kind: str | None = None,
    positive: str | None = None,
    encoding: str | None = None,
) -> Profile:
    """Describe the target of `data`: a `Table`, or a path or frame together with the name of the `target`.

    `kind` (real, positive, nonnegative, count, fraction, binary, class) and `positive` (the class that counts as 1)
    overrule what the data suggest. Raises `DataError`: LM5xx of `read_table`, LM512 for a kind that the values
    contradict (the first such row is named), LM513 for too many classes, LM514 for an unknown positive class.

    >>> import polars as pl
    >>> found = profile(pl.DataFrame({"x": range(3, 43), "sick": ["no", "no", "no", "yes"] * 10}), target="sick")
    >>> found.kind, found.classes, found.counts, found.reason
    ('binary', ('no', 'yes'), (30, 10), 'it has two values, "no" and "yes"; "yes" counts as positive by its word')
    """
    if isinstance(data, Table):
        table = data
    elif target is None:
        raise DataError("LM504", "profile needs the name of the column to describe: target=...")
    else:
        table = read_table(data, target=target, encoding=encoding)
    values = table.frame[table.target]
    chosen, reason = (kind, f"you said --kind {kind}") if kind is not None else _suggested(values)
    if chosen not in _DESCRIBE:
        hint = did_you_mean(str(chosen), _DESCRIBE)
        raise DataError("LM512", f'--kind "{chosen}" is not known. Known: {", ".join(_DESCRIBE)}.{hint}')
    facts = _DESCRIBE[chosen](values, table, chosen, positive)
    return Profile(
        target=table.target,
        kind=chosen,
        reason=f"{reason}{facts.pop('reason', '')}",
        unit_name=unit_of(table.target),
        n_rows=len(values),
        missing=table.n_missing_target / table.n_rows_read,
        warnings=(*facts.pop("warnings"), *_leaks(table), *_copies(table)),
        **facts,
    )


def _suggested(values: pl.Series) -> tuple[str, str]:
    """Return the kind that the values suggest, and why."""
    import polars as pl

    distinct = values.n_unique()
    if values.dtype == pl.Boolean or distinct == 2:
        shown = sorted(_texts(values.unique()))
        return "binary", f'it has two values, "{shown[0]}" and "{shown[1]}"'
    if values.dtype == pl.String:
        return "class", f"it has {distinct:,} different texts"
    seen = _look(values)
    return next((kind, say(seen)) for fits, kind, say in KINDS_IN_ORDER if fits(seen))


def _look(values: pl.Series) -> _Seen:
    numbers = values.cast(float).to_numpy()
    distinct, counts = np.unique(numbers, return_counts=True)
    whole = bool(np.all(distinct == np.floor(distinct)))
    return _Seen(values.name, numbers, distinct, counts, whole, float(distinct[0]), float(distinct[-1]))


def _few_whole(seen: _Seen) -> bool:
    return seen.whole and len(seen.distinct) <= FEW_VALUES


def _named_as_labels(seen: _Seen) -> bool:
    return _few_whole(seen) and any(word.lower() in LABEL_WORDS for word in re.findall(r"[^\W_]+", seen.name))


def _even_labels(seen: _Seen) -> bool:
    """Codes 0..k-1 or 1..k, each about as frequent: labels; counts fall off instead."""
    steps = bool(np.all(np.diff(seen.distinct) == 1)) and seen.low in (0.0, 1.0)
    return _few_whole(seen) and steps and seen.counts.min() >= EVEN_SHARES * seen.counts.max()


def _counts(seen: _Seen) -> bool:
    """Whole numbers from 0 or 1, that are small, or that leave few gaps; from 1 with few values they are grades."""
    if not seen.whole or seen.low not in (0.0, 1.0) or (seen.low == 1.0 and len(seen.distinct) <= FEW_VALUES):
        return False
    return seen.high <= COUNTS_UP_TO or 2 * len(seen.distinct) >= seen.high - seen.low + 1


_OR_CLASS = "; say --kind class if they are labels"


def _or_class(seen: _Seen) -> str:
    return _OR_CLASS if _few_whole(seen) and seen.high < 100 else ""


# (does it fit, kind, the reason). The first row that fits wins; the last always does.
KINDS_IN_ORDER: tuple[tuple[Callable[[_Seen], bool], str, Callable[[_Seen], str]], ...] = (
    (
        _named_as_labels,
        "class",
        lambda s: (
            f'it has {len(s.distinct)} whole numbers, and its name says that they are labels; "--kind real" '
            "takes them as numbers"
        ),
    ),
    (
        _even_labels,
        "class",
        lambda s: (
            f"it has only the whole numbers {s.low:g} to {s.high:g}, each about as often, like labels; "
            '"--kind real" takes them as numbers'
        ),
    ),
    (lambda s: s.low < 0, "real", lambda s: f"{s.words}, some below zero{_or_class(s)}"),
    (_counts, "count", lambda s: f"{s.words}, like counts{_or_class(s)}"),
    (
        lambda s: not s.whole and s.high <= 1,
        "fraction",
        lambda s: f"{s.words}, all between 0 and 1",
    ),
    (lambda s: s.low > 0, "positive", lambda s: f"{s.words}, all above zero{_or_class(s)}"),
    (lambda s: True, "nonnegative", lambda s: f"{s.words}, with zeros and nothing below{_or_class(s)}"),
)

# What a number must satisfy under each kind, and how it is said.
DOMAINS: Mapping[str, tuple[Callable[[Floats], NDArray[np.bool_]], str]] = {
    "real": (np.isfinite, "a number"),
    "positive": (lambda y: y > 0, "above zero"),
    "nonnegative": (lambda y: y >= 0, "zero or above"),
    "count": (lambda y: (y >= 0) & (y == np.floor(y)), "a whole number, zero or above"),
    "fraction": (lambda y: (y >= 0) & (y <= 1), "between 0 and 1"),
}


def _numbers(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of numbers, or name the first row that is none of this kind."""
    import polars as pl

    if values.dtype == pl.String:
        raise _contradiction(table, kind, 0, values[0], "a number")
    y = values.cast(pl.Float64).to_numpy()
    fits, words = DOMAINS[kind]
    bad = np.flatnonzero(~fits(y))
    if len(bad):
        raise _contradiction(table, kind, int(bad[0]), values[int(bad[0])], words, len(bad))
    _, counts = np.unique(y, return_counts=True)
    n, mean, sd = len(y), float(y.mean()), float(y.std())
    centred = (y - mean) / sd if sd > 0 else np.zeros(n)
    facts = {
        "y": y,
        "zeros": float((y == 0).mean()),
        "ties": 1 - float((counts == 1).sum()) / n,
        "mean": mean,
        "sd": sd,
        "skew": float((centred**3).mean()),
        "minimum": float(y.min()),
        "maximum": float(y.max()),
        "quantiles": tuple(zip(QUANTILE_LEVELS, map(float, np.quantile(y, QUANTILE_LEVELS)), strict=True)),
    }
    return facts | {"warnings": _number_warnings(values.name, facts, counts)}


def _number_warnings(name: str, facts: Mapping[str, Any], counts: NDArray[np.int64]) -> list[str]:
    most_common = float(counts.max() / counts.sum()) if len(counts) > FEW_VALUES else 0.0
    low, high = facts["quantiles"][0][1], facts["quantiles"][-1][1]
    wide = max(high - low, 0.0)
    rows = (
        (facts["zeros"] > 0.5, f'{facts["zeros"]:.0%} of the values of "{name}" are zero.'),
        (
            most_common > 0.2 and facts["zeros"] < most_common,
            f'One value of "{name}" makes up {most_common:.0%} of its rows; was it written for missing values?',
        ),
        (
            wide > 0 and facts["maximum"] > high + 10 * wide,
            f'The largest value of "{name}" is {facts["maximum"]:,.6g}, yet 99 % lie below {high:,.6g}.',
        ),
        (
            wide > 0 and facts["minimum"] < low - 10 * wide,
            f'The least value of "{name}" is {facts["minimum"]:,.6g}, yet 99 % lie above {low:,.6g}.',
        ),
    )
    return [sentence for holds, sentence in rows if holds]


def _classes(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of classes: their names in order, and an index per row."""
    named = sorted(_texts(values.unique()), key=natural_order)
    if len(named) > MOST_CLASSES:
        advice = "Leave --kind out." if values.dtype.is_numeric() else "Correct the texts that should be numbers."
        raise DataError(
            "LM513",
            f'The target "{values.name}" has {len(named):,} different values (such as "{named[0]}", "{named[1]}"): '
            f"too many for classes (at most {MOST_CLASSES}). {advice}",
        )
    return _indexed(values, named)


def _binary(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of two classes, the positive one last."""
    texts = _texts(values)
    named = sorted(set(texts), key=natural_order)
    if len(named) > 2:
        first = next(place for place, text in enumerate(texts) if text not in set(_first_two(texts)))
        raise _contradiction(table, kind, first, texts[first], f"one of two values ({len(named):,} found)")
    rare_first = sorted(named, key=texts.count)
    chosen, why = positive_class(named, rare_first, texts.count(rare_first[0]) < texts.count(rare_first[1]), positive)
    named = [name for name in named if name != chosen] + [chosen]
    return _indexed(values, named) | {"positive": chosen, "reason": f'; "{chosen}" counts as positive {why}'}


def _first_two(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))[:2]


def _texts(values: pl.Series) -> list[str]:
    """Return each value as the text that names its class (1.0 is "1")."""
    import polars as pl

    if values.dtype == pl.Float64:
        numbers = values.to_numpy()
        if bool(np.all((numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53))):
            values = values.cast(pl.Int64)
    return values.cast(pl.String).to_list()


def _indexed(values: pl.Series, named: list[str]) -> dict[str, Any]:
    place = {name: float(index) for index, name in enumerate(named)}
    y = np.array([place[text] for text in _texts(values)])
    counts = np.bincount(y.astype(np.int64), minlength=len(named))
    rarest = float(counts.min()) / len(y)
    facts = {"y": y, "classes": tuple(named), "counts": tuple(map(int, counts)), "rarest": rarest, "ties": 1.0}
    return facts | {"warnings": _class_warnings(values.name, named, counts)}


def _class_warnings(name: str, named: list[str], counts: NDArray[np.int64]) -> list[str]:
    least = int(counts.argmin())
    warnings = []
    if counts[least] < 30:
        warnings.append(
            f'"{named[least]}" occurs in only {counts[least]:,} of the rows of "{name}": what is said about it is uncertain.'
        )
    elif counts[least] < 0.01 * counts.sum():
        warnings.append(f'"{named[least]}" is rare: {counts[least] / counts.sum():.2%} of the rows of "{name}".')
    return warnings


def _contradiction(table: Table, kind: str, place: int, value: object, words: str, count: int = 0) -> DataError:
    many = f" (nor in {count - 1:,} more)" if count > 1 else ""
    row = int(table.row_numbers[place]) if len(table.row_numbers) else place + 1
    return DataError(
        "LM512",
        f'--kind {kind} does not fit "{table.target}": row {row:,} holds {value}, which is not {words}{many}. '
        "Leave --kind out to see what the values suggest.",
    )


def _leaks(table: Table) -> list[str]:
    """Return a warning for each feature that equals the target in every row."""
    target = table.frame[table.target]
    same = [name for name in table.features if table.frame[name].dtype == target.dtype]
    return [
        f'Column "{name}" equals the target in every row: leave it out, or the models only copy it.'
        for name in same
        if table.frame[name].null_count() == 0 and bool((table.frame[name] == target).all())
    ]


def _copies(table: Table) -> list[str]:
    """Return a warning where many rows equal another one: then rows to compare have been learned from."""
    rows, different = table.frame.height, table.frame.n_unique()
    if rows - different < MANY_COPIES * rows:
        return []
    return [
        f"{rows - different:,} of {rows:,} rows are copies of another row, target included. If they are the same cases "
        "written twice, leave them out: rows that were learned from are compared too, and look better than new ones."
    ]


_DESCRIBE: Mapping[str, Callable[[pl.Series, Table, str, str | None], dict[str, Any]]] = {
    **dict.fromkeys(DOMAINS, _numbers),
    "binary": _binary,
    "class": _classes,
}
