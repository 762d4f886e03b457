"""Look at a target: a `Table` comes in; what kind of target it is, why, its shape, evidence and warnings go out.

The kind is decided in `kinds`, evidence is found in `evidence` and `order`, warnings on columns in `suspects` and
`leaks`. Which of two classes is the positive one, and in which order grades stand, is decided in `names`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.names import known_order, natural_order, positive_class, unit_of
from lossmith.advise.data.roles import as_texts
from lossmith.advise.data.table import Table, read_table
from lossmith.advise.look.evidence import COUNT_LOOKS, NUMBER_LOOKS, Evidence, observed, percent
from lossmith.advise.look.kinds import DOMAINS, FEW_VALUES, GRADES, suggested
from lossmith.advise.look.leaks import MOST_ROWS, leaks
from lossmith.advise.look.order import groups, time_order
from lossmith.advise.look.show import shown
from lossmith.advise.look.suspects import suspects
from lossmith.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

MOST_CLASSES = 100
ALIKE = 1.25
QUANTILE_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class Profile:
    """A target, described. Shares are fractions of the rows with a target; `missing` of the rows read.

    `y` is float64 (n,): the numbers themselves, 0/1 for binary (1 is `positive`), the index into `classes` for class and
    ordinal. `classes` and `counts` are empty unless the kind is binary (negative, positive), class (sorted) or ordinal
    (lowest first). `ties` is the share of rows whose value occurs in another row too, `rarest` that of the rarest class.
    Moments and quantiles are NaN or empty for classes. `quantiles` holds (level, value). `reason` says why this kind,
    without a full stop. `evidence` holds the observations, `warnings` what to look at, each a whole sentence.
    `leaking` names the columns that give the target away, alone or together (their warnings say how).
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
    evidence: tuple[Evidence, ...] = ()
    leaking: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shown(self)

    @property
    def levels(self) -> tuple[float, ...]:
        """The grades or classes as numbers, in the order of `classes`; empty where they are words."""
        try:
            return tuple(float(name) for name in self.classes)
        except ValueError:
            return ()

    def seen(self, what: str) -> Evidence | None:
        """Return the observation of this name, None where there is none."""
        return next((evidence for evidence in self.evidence if evidence.what == what), None)


def profile(
    data: Any,
    *,
    target: str | None = None,
    kind: str | None = None,
    positive: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    drop: Iterable[str] = (),
    id: str | None = None,
    encoding: str | None = None,
) -> Profile:
    """Describe the target of `data`: a `Table`, or a path or frame together with the name of the `target`.

    `kind` (real, positive, nonnegative, count, fraction, binary, class, ordinal) and `positive` (the class that counts
    as 1) overrule what the data suggest; the other columns are those of `read_table`. Weights only leave rows out: shares
    and moments are of rows. Printed, the profile is a page of plain text.

    Raises `DataError`: LM5xx of `read_table`, LM512 for a kind that the values contradict (the first such row is named),
    LM513 for too many classes, LM514 for an unknown positive class.

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
        table = read_table(
            data, target=target, time=time, weight=weight, group=group, drop=drop, id=id, encoding=encoding
        )
    values = table.frame[table.target]
    chosen, reason = (kind, f"you said --kind {kind}") if kind is not None else suggested(values)
    if chosen not in _DESCRIBE:
        hint = did_you_mean(str(chosen), _DESCRIBE)
        raise DataError("LM512", f'--kind "{chosen}" is not known. Known: {", ".join(_DESCRIBE)}.{hint}')
    facts = _DESCRIBE[chosen](values, table, chosen, positive)
    found = Profile(
        target=table.target,
        kind=chosen,
        reason=f"{reason}{facts.pop('reason', '')}",
        unit_name=unit_of(table.target),
        n_rows=len(values),
        missing=table.n_missing_target / table.n_rows_read,
        **facts,
    )
    told = leaks(table, found.y, 0 if chosen == "ordinal" else len(found.classes))
    warnings = (*found.warnings, *(leak.warning for leak in told), *suspects(table))
    leaking = tuple(dict.fromkeys(name for leak in told for name in leak.columns))
    return replace(found, evidence=_evidence(found, table), warnings=warnings, leaking=leaking)


def target_like(profiled: Profile, table: Table) -> tuple[Table, Floats]:
    """Return the rows of `table` whose target fits a profile of other rows, and their `y` as that profile counts it.

    Rows of classes or grades that the profile does not hold are left out, and a note of the table counts them. Raises
    `DataError` LM512 for numbers that its kind does not allow.

    >>> import polars as pl
    >>> first = pl.DataFrame({"x": range(3, 43), "kind": ["a", "b"] * 20})
    >>> later = pl.DataFrame({"x": range(3, 43), "kind": ["b", "c"] * 20})
    >>> table, y = target_like(profile(first, target="kind"), read_table(later, target="kind"))
    >>> table.frame.height, set(y.tolist()), table.notes
    (20, {1.0}, ('20 rows are left out, for their "kind" does not occur in the first data (such as "c").',))
    """
    values = table.frame[table.target]
    if not profiled.classes:
        return table, _fitting(values, table, profiled.kind)
    by_value = bool(profiled.levels) and values.dtype.is_numeric()
    places = {name: float(place) for place, name in enumerate(profiled.levels if by_value else profiled.classes)}
    named = values.cast(float).to_list() if by_value else as_texts(values).to_list()
    known = np.array([name in places for name in named])
    y = np.array([places[name] for name in named if name in places])
    if known.all():
        return table, y
    odd = as_texts(values)[int(np.argmin(known))]
    note = (
        f'{int((~known).sum()):,} rows are left out, for their "{table.target}" does not occur in the first data (such as '
        f'"{odd}").'
    )
    kept = replace(table, frame=table.frame.filter(known), row_numbers=table.row_numbers[known])
    return replace(kept, notes=(*table.notes, note)), y


def _evidence(found: Profile, table: Table) -> tuple[Evidence, ...]:
    """Return what was seen: the kind, the values, and how rows hang together."""
    y = found.y
    if found.kind == "class":  # of classes without order, the most frequent one is followed
        y = (y == float(np.argmax(found.counts))).astype(np.float64)
    looks = COUNT_LOOKS if found.kind == "count" else NUMBER_LOOKS
    return (
        Evidence("kind", found.kind, f'"{found.target}" is taken as {found.kind}: {found.reason}.'),
        *((_missing(found),) if found.missing else ()),
        *(_balance(found) if found.classes else observed(y, looks)),
        *((groups(y, table.frame[table.group]),) if table.group is not None else ()),
        *(time_order(y, table.frame[table.time]) if table.time is not None else ()),
        *((_sampled(found.n_rows),) if found.n_rows > MOST_ROWS else ()),
    )


def _missing(found: Profile) -> Evidence:
    return Evidence(
        "missing targets", found.missing, f"{percent(found.missing)} of the rows have no target and are left out."
    )


def _balance(found: Profile) -> tuple[Evidence, ...]:
    rare, often = int(np.argmin(found.counts)), int(np.argmax(found.counts))
    times = found.counts[often] / max(found.counts[rare], 1)
    words = (
        f'"{found.classes[rare]}" is the rarest of {len(found.classes)}: {percent(found.rarest)} of the rows, one for '
    )
    words += f'each {times:.3g} of "{found.classes[often]}".'
    if times < ALIKE:
        words = f"The {len(found.classes)} classes are about as frequent as each other."
    return (Evidence("imbalance", found.rarest, words),)


def _sampled(rows: int) -> Evidence:
    words = (
        f"Columns that may give the target away were looked for in {MOST_ROWS:,} of {rows:,} rows (drawn with seed 0)."
    )
    return Evidence("rows looked at", float(MOST_ROWS), words)


def _numbers(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of numbers, or name the first row that is none of this kind."""
    y = _fitting(values, table, kind)
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


def _fitting(values: pl.Series, table: Table, kind: str) -> Floats:
    """Return the target as numbers, or name the first row that is none of this kind."""
    import polars as pl

    if values.dtype == pl.String:
        raise _contradiction(table, kind, 0, values[0], "a number")
    y = values.cast(pl.Float64).to_numpy()
    fits, words = DOMAINS[kind]
    bad = np.flatnonzero(~fits(y))
    if len(bad):
        raise _contradiction(table, kind, int(bad[0]), values[int(bad[0])], words, len(bad))
    return y


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
    named = sorted(as_texts(values.unique()), key=natural_order)
    return _indexed(values, named) if len(named) <= MOST_CLASSES else _too_many(values, named)


def _too_many(values: pl.Series, named: list[str]) -> NoReturn:
    advice = "Leave --kind out." if values.dtype.is_numeric() else "Correct the texts that should be numbers."
    raise DataError(
        "LM513",
        f'The target "{values.name}" has {len(named):,} different values (such as "{named[0]}", "{named[1]}"): '
        f"too many for classes (at most {MOST_CLASSES}). {advice}",
    )


def _binary(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of two classes, the positive one last."""
    texts = as_texts(values).to_list()
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


def _grades(values: pl.Series, table: Table, kind: str, positive: str | None) -> dict[str, Any]:
    """Describe a target of grades: their names from the lowest to the highest, and a position per row."""
    named = as_texts(values.unique()).to_list()
    if len(named) < GRADES[0]:
        raise DataError(
            "LM512",
            f'--kind ordinal does not fit "{table.target}": it has two values only, which is a choice. Leave --kind out.',
        )
    return _indexed(values, _in_order(named, table.target)) if len(named) <= MOST_CLASSES else _too_many(values, named)


def _in_order(named: list[str], target: str) -> list[str]:
    """Return grades from the lowest to the highest: numbers, texts that begin with one, words of a scale, letters."""
    leading = [re.match(r"[+-]?[0-9]+(?:\.[0-9]+)?", name) for name in named]
    numbers = [float(found[0]) for found in leading if found is not None]
    if len(set(numbers)) == len(named):
        return [name for _, name in sorted(zip(numbers, named, strict=True))]
    if (order := known_order(named)) is not None:
        return list(order)
    if all(re.fullmatch(r"[A-Za-z][+-]?", name) for name in named):
        return sorted(named)
    first, second = sorted(named)[:2]
    raise DataError(
        "LM512",
        f'--kind ordinal does not fit "{target}": the order of its texts (such as "{first}" and "{second}") is not known. '
        "Write numbers for them, or put a number in front of each.",
    )


def _indexed(values: pl.Series, named: list[str]) -> dict[str, Any]:
    place = {name: float(index) for index, name in enumerate(named)}
    y = np.array([place[text] for text in as_texts(values).to_list()])
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


_DESCRIBE: Mapping[str, Callable[[pl.Series, Table, str, str | None], dict[str, Any]]] = {
    **dict.fromkeys(DOMAINS, _numbers),
    "binary": _binary,
    "class": _classes,
    "ordinal": _grades,
}
