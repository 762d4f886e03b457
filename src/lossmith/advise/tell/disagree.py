"""Where two ways disagree most: what the usual and the advised way say of compared rows comes in, tables go out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import Judged
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.tell.found import Found
from lossmith.advise.tell.verdict import capital
from lossmith.algebra.decision import act
from lossmith.report.study.record import Section, Table
from lossmith.report.words import number, with_margin

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
ROWS_SHOWN: Final = 8
RANGES_SHOWN: Final = 6
PARTS: Final = 5
FEWEST: Final = 30
MOST_COLUMNS: Final = 40


@dataclass(frozen=True)
class Pair:
    """Two ways on the same rows: the row numbers, what each says and what each costs."""

    rows: NDArray[np.int64]
    usual: Floats
    advised: Floats
    usual_cost: Floats
    advised_cost: Floats


def disagreement(found: Found) -> Section | None:
    """The rows and the ranges of features in which the usual and the advised way differ most."""
    first, second = found.telling.simple, _other(found)
    if second is None:
        return None
    pair = _pair(found, first, second)
    names = (found.telling.way(first), found.telling.way(second))
    sentence = _sentence(found, pair, names)
    tables = [_rows(found, pair, names)]
    ranges = _ranges(found, pair)
    if ranges:
        tables.append(ranges)
    return Section("disagreement", "Where the two ways disagree most", (sentence,), tuple(tables))


def _other(found: Found) -> Judged | None:
    """The advised way, or the best one under another loss where the usual loss is advised."""
    if found.advised.contender.role == "candidate":
        return found.advised
    others = [row for row in found.comparison.rows if row.contender.role == "candidate" and np.isfinite(row.mean)]
    return min(others, key=lambda row: row.mean, default=None)


def _pair(found: Found, first: Judged, second: Judged) -> Pair:
    """Every compared row once, by the fold that compared it first, with that fold's rules."""
    folds = found.bench.split.folds
    rows, place = found.bench.split.compared, found.bench.first_met
    said = [np.concatenate([_said(found, way, k) for k in range(len(folds))])[place] for way in (first, second)]
    cost = [np.concatenate(way.contender.costs)[place] for way in (first, second)]
    return Pair(rows, said[0], said[1], cost[0], cost[1])


def _said(found: Found, way: Judged, fold: int) -> Floats:
    ask = found.bench.ask(way.contender.model, fold, "compare")
    return act(way.contender.rules[fold], ask.y_pred, ask.sample.columns)


def _distance(pair: Pair) -> Floats:
    """How far apart the two answers are in each row."""
    gap = np.abs(pair.usual - pair.advised)
    return gap if gap.ndim == 1 else gap.max(axis=1)


def _sentence(found: Found, pair: Pair, names: tuple[str, str]) -> str:
    distance = _distance(pair)
    decided = bool(found.ready.profile.classes) and found.comparison.measure.is_cost
    if decided:
        differ = float(np.mean(distance > 0))
        return f"{capital(names[0])} and {names[1]} decide differently in {100 * differ:.3g} % of the rows."
    better = float(np.mean(pair.advised_cost < pair.usual_cost))
    return (
        f"Half of the answers lie less than {number(float(np.median(distance)))} apart, one in a hundred more than "
        f"{number(float(np.quantile(distance, 0.99)))}; {names[1]} is nearer to the truth in {100 * better:.0f} % of the rows."
    )


def _rows(found: Found, pair: Pair, names: tuple[str, str]) -> Table:
    distance = _distance(pair)
    order = np.lexsort((-np.abs(pair.usual_cost - pair.advised_cost), -distance))[:ROWS_SHOWN]
    numbers, frame, table = found.ready.rows.numbers, found.ready.rows.frame, found.ready.rows.table
    shown = [feature.name for feature in found.ready.final.features][:4]
    heads = ("row", *((table.id,) if table.id else ()), *shown, "truth", *names)
    rows = []
    for i in order.tolist():
        row = int(pair.rows[i])
        identity = (str(frame[table.id][row]),) if table.id else ()
        values = tuple(_cell(frame[name][row]) for name in shown)
        answers = (_answer(found, pair.usual[i]), _answer(found, pair.advised[i]))
        rows.append((numbers[row], *identity, *values, _answer(found, np.asarray(found.bench.rows.y[row])), *answers))
    caption = "The rows with the largest difference between the two answers (each by a model that never saw the row)."
    return Table("Rows in which they differ most", caption, heads, tuple(rows))


def _cell(value: object) -> str:
    if value is None:
        return "missing"
    return number(value) if isinstance(value, float) else str(value)


def _answer(found: Found, value: Floats) -> str:
    classes = found.ready.profile.classes
    values = np.atleast_1d(value)
    if classes and values.size == 1 and float(values[0]).is_integer() and 0 <= values[0] < len(classes):
        decided = found.comparison.measure.is_cost or (value.ndim == 0 and float(value) == int(value))
        return classes[int(values[0])] if decided else number(float(values[0]))
    return ", ".join(number(float(v)) for v in values)


def _ranges(found: Found, pair: Pair) -> Table | None:
    """The ranges of single features in which the mean costs of the two ways differ most."""
    frame = found.ready.rows.frame[pair.rows]
    saved, blocks = pair.usual_cost - pair.advised_cost, found.bench.split.blocks[0][pair.rows]
    if not np.isfinite(saved).all():
        return None
    seen: list[tuple[float, tuple[str, ...]]] = []
    for feature in found.ready.final.features[:MOST_COLUMNS]:
        for words, inside in _parts(frame[feature.name], feature.kind):
            if FEWEST <= inside.sum() <= len(inside) - FEWEST:
                seen.append(_range(feature.name, words, inside, saved, blocks))
    if not seen:
        return None
    seen.sort(key=lambda item: -item[0])
    caption = (
        "For each column on its own: how much less the second way costs there, on average (below zero: how much more). "
        "The strongest of many looks: read it as a hint."
    )
    return Table(
        "Where the difference is largest", caption, ("column", "where", "rows", "saved per row"),
        tuple(row for _, row in seen[:RANGES_SHOWN]),
    )  # fmt: skip


def _range(
    name: str, words: str, inside: NDArray[np.bool_], saved: Floats, blocks: NDArray[np.int64]
) -> tuple[float, tuple[str, ...]]:
    _, local = np.unique(blocks[inside], return_inverse=True)
    mean, error, freedom = mean_and_error(saved[inside], local)
    strength = abs(mean - float(saved.mean())) / error if error > 0 else 0.0
    return strength, (name, words, f"{int(inside.sum()):,}", with_margin(mean, margin(error, freedom)))


def _parts(column: pl.Series, kind: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Ranges of a number (fifths), or the most frequent categories."""
    import polars as pl

    if kind in ("category", "boolean"):
        texts = column.cast(pl.String)
        top = texts.drop_nulls().alias("level").value_counts(sort=True, name="rows")["level"].head(PARTS)
        return [(f"“{level}”", (texts == level).fill_null(False).to_numpy()) for level in top]
    numbers = column.dt.epoch("d").cast(pl.Float64) if kind == "date" else column.cast(pl.Float64, strict=False)
    values = numbers.fill_null(np.nan).to_numpy()
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1))) if len(known) else np.empty(0)
    parts = []
    for low, high in pairwise(edges.tolist()):
        last = high == edges[-1]
        inside = (values >= low) & ((values <= high) if last else (values < high))
        parts.append((f"{_shown(low, kind)} to {_shown(high, kind)}", inside))
    return parts


def _shown(value: float, kind: str) -> str:
    return str(np.datetime64(round(value), "D")) if kind == "date" else number(value)
