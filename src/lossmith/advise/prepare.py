"""From a table to numbers: data and a request come in; rows by job, an aim, and one matrix go out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.encode import Encoded, Encoding, encode, make_encoding
from lossmith.advise.data.split import Layout, Split, split_rows
from lossmith.advise.data.table import Table, read_like, read_table
from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim, aim_of, estimate_from
from lossmith.advise.look.profile import Profile, profile, target_like
from lossmith.advise.models.train import Material
from lossmith.advise.request import Request
from lossmith.algebra.decision import (
    CostMatrix,
    Costs,
    cost_columns,
    costs_for,
    costs_from,
    only_classes,
    row_stakes,
)
from lossmith.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """The rows of a study: the table, and below its rows those of a test file, marked in `tested` (n,); `y` (n,)."""

    table: Table
    frame: pl.DataFrame
    y: Floats
    tested: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> NDArray[np.int64]:
        """The rows that may be learned from."""
        return np.arange(self.frame.height) if self.tested is None else np.flatnonzero(~self.tested)

    @property
    def numbers(self) -> list[str]:
        """The number of every row as read (from 1); rows of the test file say so."""
        known = [str(number) for number in self.table.row_numbers.tolist()]
        return [*known, *(f"test {place + 1}" for place in range(self.frame.height - len(known)))]

    def column(self, name: str | None) -> Any:
        """A column of the frame, or None."""
        return None if name is None else self.frame[name]


@dataclass(frozen=True)
class Prepared:
    """All that training and judging need. `judged` encodes rows for the comparison, `final` for the model handed out."""

    rows: Rows
    profile: Profile
    aim: Aim
    split: Split
    judged: Encoding
    final: Encoding
    material: Material
    sample: Sample
    handed: Encoded
    notes: tuple[str, ...] = ()


def prepare(data: Any, request: Request) -> Prepared:
    """Read, profile, aim, split and encode.

    Raises `DataError` (LM5xx) and `ArgumentError` (LM2xx), one clear sentence each.
    """
    stated = costs_from(request.cost) if request.cost is not None else None
    estimate = estimate_from(request.estimate) if request.estimate is not None else None
    table = read_table(
        data,
        target=request.target,
        time=request.time,
        weight=request.weight,
        group=request.group,
        drop=request.drop,
        id=request.id,
        needed=cost_columns(stated) if stated is not None else (),
        encoding=request.encoding,
    )
    profiled = profile(table, kind=request.kind, positive=request.positive)
    costs = costs_for(stated, profiled.classes) if stated is not None else None
    every = profiled.classes
    rows, profiled, split, notes = settled(with_test(table, profiled, request), profiled, request)
    if isinstance(costs, CostMatrix) and profiled.classes != every:
        costs = only_classes(costs, [every.index(name) for name in profiled.classes])
    return _encoded(rows, profiled, aim_of(profiled, costs, estimate), split, notes)


def with_test(table: Table, profiled: Profile, request: Request) -> Rows:
    """The rows of the table, with those of `--test` below."""
    import polars as pl

    if request.test is None:
        return Rows(table, table.frame, profiled.y)
    other, y = target_like(profiled, read_like(table, request.test, request.encoding))
    frame = pl.concat([table.frame, other.frame.select(table.frame.columns)], how="vertical_relaxed")
    tested = np.arange(frame.height) >= table.frame.height
    notes = (
        f"Compared on {other.frame.height:,} rows of {other.source}, which nothing was learned from.",
        *other.notes,
    )
    return Rows(table, frame, np.concatenate([profiled.y, y]), tested, notes)


def settled(rows: Rows, profiled: Profile, request: Request) -> tuple[Rows, Profile, Split, tuple[str, ...]]:
    """Part the rows; leave out classes that some fold could not learn, and say so, until every fold knows every class."""
    notes: list[str] = []
    while True:
        table, classes = rows.table, len(profiled.classes)
        layout = Layout(rows.y, classes, rows.column(table.time), rows.column(table.group), rows.tested)
        split = split_rows(layout, seed=request.seed, quick=request.quick)
        known = _known_in_all(rows.y, split) if profiled.kind == "class" else np.arange(classes)
        if len(known) == classes:
            return rows, profiled, split, (*notes, *rows.notes)
        lost = [name for i, name in enumerate(profiled.classes) if i not in known]
        gone = int(np.count_nonzero(~np.isin(rows.y, known)))
        shown = ", ".join(f"“{name}”" for name in lost[:5]) + (" …" if len(lost) > 5 else "")
        notes.append(f"{gone:,} rows are left out: too few rows to learn from have the class {shown}.")
        rows, profiled = _only(rows, profiled, known, request)


def _known_in_all(y: Floats, split: Split) -> NDArray[np.int64]:
    """The classes that every fold has rows to learn from."""
    known = np.unique(y).astype(np.int64)
    for fold in split.folds:
        known = np.intersect1d(known, y[fold.fit].astype(np.int64))
    return known


def _only(rows: Rows, profiled: Profile, known: NDArray[np.int64], request: Request) -> tuple[Rows, Profile]:
    """The rows of these classes."""
    keep = np.isin(rows.y, known)
    main = keep if rows.tested is None else keep[~rows.tested]
    table = replace(rows.table, frame=rows.table.frame.filter(main), row_numbers=rows.table.row_numbers[main])
    if len(known) < 2:
        raise DataError("LM542", "too few rows of each class to learn from: only one class is left. Use more rows.")
    kind = profiled.kind if len(known) > 2 else "binary"
    found = profile(table, kind=kind, positive=request.positive)
    y = np.searchsorted(known, rows.y[keep]).astype(np.float64)
    if found.classes != tuple(profiled.classes[i] for i in known):  # two are left, and the positive one is the first
        y = 1 - y
    tested = None if rows.tested is None else rows.tested[keep]
    return Rows(table, rows.frame.filter(keep), y, tested, rows.notes), found


def _encoded(rows: Rows, profiled: Profile, aim: Aim, split: Split, notes: tuple[str, ...]) -> Prepared:
    y = rows.y
    table = replace(rows.table, frame=rows.frame)
    final = make_encoding(table, rows.known)
    judged = make_encoding(table, split.folds[0].fit) if table.time is not None else final
    handed = encode(final, rows.frame)
    matrix = handed if judged == final else encode(judged, rows.frame)
    weight = None if table.weight is None else _numbers(rows.frame[table.weight])
    columns = {name: _numbers(rows.frame[name]) for name in (cost_columns(aim.costs) if aim.costs is not None else ())}
    material = Material(
        matrix.matrix,
        matrix.categorical,
        y,
        profiled.kind,
        len(profiled.classes),
        weight,
        row_costs=row_costs(aim.costs, y, columns),
    )
    return Prepared(
        rows,
        profiled,
        aim,
        split,
        judged,
        final,
        material,
        Sample(y, weight, columns, split.blocks[0], split.moves),
        handed,
        notes,
    )


def _numbers(series: pl.Series) -> Floats:
    import polars as pl

    return np.asarray(series.cast(pl.Float64).fill_null(np.nan).to_numpy(), dtype=np.float64)


def row_costs(costs: Costs | None, y: Floats, columns: dict[str, Floats]) -> Floats | None:
    """What an error in each row weighs in training, 1 on average; None where all rows cost the same."""
    if costs is None or not columns:
        return None
    each = row_stakes(costs, y, columns)
    return np.asarray(each / each.mean())
