"""Gradient descent on a table: a file, a frame or the name of a bundled set comes in, a `Descent` goes out.

Columns of numbers are taken as they are, missing ones filled with the median (and a column that says so), texts become
columns of 0 and 1, dates their parts: the design of a study's linear model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.encode import Encoded, encode, make_encoding
from lossmith.advise.data.scan import may_be_large, open_rows, sample_rows
from lossmith.advise.data.table import Table, read_table
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.linear import Design, DesignColumn, design_matrix, make_design
from lossmith.errors import ArgumentError, DataError, LossmithError, did_you_mean
from lossmith.loss.handle import Loss
from lossmith.loss.library import look_up
from lossmith.report.descent_page.record import Descent
from lossmith.teach.descent.bundled import SETS, data_set
from lossmith.teach.descent.task import USUAL
from lossmith.teach.descent.walk import descend

Floats = NDArray[np.float64]
LARGE_SAMPLE: Final = 100_000


def descend_table(
    data: Any,
    *,
    target: str | None = None,
    loss: str | Loss | None = None,
    parameters: Mapping[str, Any] | None = None,
    model: str | None = None,
    kind: str | None = None,
    positive: str | None = None,
    weight: str | None = None,
    drop: Iterable[str] = (),
    encoding: str | None = None,
    **options: Any,
) -> Descent:
    """Gradient descent on a table, or on a bundled set by its name; `options` are those of `lossmith.descend`.

    Raises `DataError` and `ArgumentError`, one clear sentence each; LM578 where no target is named.

    >>> found = descend_table("iris", steps=20)
    >>> found.loss, found.widths, found.losses[-1] < found.losses[0]
    ('cross_entropy', (4, 3), np.True_)
    """
    if isinstance(data, str) and data in SETS and not Path(data).exists():
        return _bundled(data, target, loss, parameters or {}, model, options)
    if target is None:
        known, near = ", ".join(SETS), did_you_mean(data, SETS) if isinstance(data, str) else ""
        raise ArgumentError("LM578", f"name the column to predict with --target, or a bundled set: {known}.{near}")
    sample, note = _in_reach(data, encoding, options.get("seed", 0))
    table = read_table(sample, target=target, weight=weight, drop=drop, encoding=encoding)
    seen = profile(table, kind=kind, positive=positive)
    X, names = _matrix(table)
    weights = None if table.weight is None else table.frame[table.weight].cast(float).to_numpy()
    found, taken = _loss(loss, parameters or {}, seen.kind)
    done = descend(found, X, _target(seen), weights, model=_model(model or "linear"), feature_names=names, **options)
    notes = tuple(filter(None, (taken, note, *_said(table, seen), *done.notes)))
    return replace(done, notes=notes, title=f"{done.title}: {target} of {table.source if not note else data}")


def _bundled(
    name: str,
    target: str | None,
    loss: str | Loss | None,
    parameters: Mapping[str, Any],
    model: str | None,
    options: Mapping[str, Any],
) -> Descent:
    given = data_set(name)
    if target not in (None, given.target):
        raise DataError("LM504", f'The target of the bundled set {name} is "{given.target}", not "{target}".')
    found, taken = _loss(loss or given.source.loss, parameters, given.source.kind)
    named = _model(model or given.source.model)
    done = descend(found, given.X, given.y, model=named, feature_names=given.features, **options)
    notes = (*filter(None, (taken,)), f"Data: {given.source.source}.", *done.notes)
    return replace(done, notes=notes, title=f"{done.title}: {given.target} of {name}")


def _model(name: str) -> Any:
    """The name of a model as `descend` checks it."""
    return name


def _loss(loss: str | Loss | None, parameters: Mapping[str, Any], kind: str) -> tuple[Loss, str]:
    """The loss that was named, or the usual one for this kind of target, and a sentence on what was taken for granted."""
    if loss is None:
        found, _ = look_up(USUAL.get(kind, "squared_error"), parameters)
        return found, f"The target is taken as {kind}, and {found.name} is its usual loss; --loss names another."
    if isinstance(loss, Loss):
        return loss.bind(**parameters), ""
    found, remark = look_up(loss, parameters)
    if not remark:
        return found, ""
    try:
        return look_up(loss, parameters, kind)[0], f"The formula names no loss, so its target is taken as {kind}."
    except LossmithError:
        return found, remark


def _in_reach(data: Any, encoding: str | None, seed: int) -> tuple[Any, str]:
    """The data, or a sample of data too large for memory, and a sentence that says so."""
    if not may_be_large(data):
        return data, ""
    source = open_rows(data, encoding=encoding)
    frame, _ = sample_rows(source, min(LARGE_SAMPLE, source.rows), seed)
    return frame, f"Of {source.rows:,} rows {frame.height:,} were read, drawn at random (seed {seed})."


def _matrix(table: Table) -> tuple[Floats, tuple[str, ...]]:
    """The columns that have weights, and what each is called."""
    encoding = make_encoding(table, np.arange(table.frame.height))
    encoded = encode(encoding, table.frame)
    design = _as_it_is(make_design(encoded))
    levels = {f.name: f.levels for f in encoding.features if f.kind == "category"}
    names = tuple(name for column in design.columns for name in _names(column, encoded, levels))
    if not names:
        raise DataError(
            "LM510", f"{table.source} has no column that says anything about a row: nothing to predict from."
        )
    return design_matrix(design, encoded.matrix), names


def _as_it_is(design: Design) -> Design:
    """The design without limits, shifts and scales of numbers: descent says itself what it does to features."""
    return Design(tuple(replace(c, low=-np.inf, high=np.inf, centre=0.0, scale=1.0) for c in design.columns))


def _names(column: DesignColumn, encoded: Encoded, levels: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    name = encoded.names[column.position]
    if column.kind == "category":
        yield from (f"{name} = {levels[name][level]}" for level in column.levels)
    else:
        yield name
    if column.missing:
        yield f"{name} is missing"


def _target(seen: Profile) -> Any:
    return seen.y.astype(np.int64) if seen.kind in ("class", "ordinal") else seen.y


def _said(table: Table, seen: Profile) -> Iterable[str]:
    """What was done with the rows and columns of the table."""
    if table.n_missing_target:
        yield f"{table.n_missing_target:,} rows without a target are left out."
    if seen.kind == "binary":
        yield f"“{seen.classes[1]}” counts as 1, “{seen.classes[0]}” as 0."
    if seen.kind == "class":
        yield f"The classes are numbered in this order: {', '.join(seen.classes[:12])}."
    told = " ".join(table.notes[:3])
    yield from (f"“{name}” is left out: {reason}." for name, reason in table.left_out[:6] if f'"{name}"' not in told)
    yield from table.notes[:3]
