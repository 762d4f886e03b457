"""Gradient descent on a table: a file, a frame or the name of a bundled set comes in, a `Descent` goes out.

Columns of numbers are taken as they are, missing ones filled with the median (and a column that says so), texts become
columns of 0 and 1, dates their parts: the design of a study's linear model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.encode import Encoded, encode, make_encoding
from lossmith.advise.data.scan import may_be_large, open_rows, sample_rows
from lossmith.advise.data.source import read_source
from lossmith.advise.data.table import Table, read_table
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.linear import Design, DesignColumn, design_matrix, make_design
from lossmith.errors import ArgumentError, DataError, FormulaError, LossmithError, did_you_mean
from lossmith.kernel.measure import chooses_per_group
from lossmith.loss.handle import Loss
from lossmith.loss.library import look_up, parse
from lossmith.report.descent_page.record import Descent
from lossmith.teach.descent.bundled import SETS, data_set
from lossmith.teach.descent.task import USUAL
from lossmith.teach.descent.walk import descend

Floats = NDArray[np.float64]
LARGE_SAMPLE: Final = 100_000
MOST_NAMES: Final = 20
WORD: Final = re.compile(r"[A-Za-z_]\w*")


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
        raise ArgumentError("LM578", _no_target(data, encoding))
    sample, note = _in_reach(data, encoding, options.get("seed", 0))
    extra = _named_columns(loss, parameters or {}, sample, target, encoding)
    table = _read(sample, target=target, weight=weight, drop=(*drop, *extra), needed=extra, encoding=encoding)
    seen = profile(table, kind=kind, positive=positive)
    X, names = _matrix(table)
    weights = None if table.weight is None else table.frame[table.weight].cast(float).to_numpy()
    found, taken = _loss(loss, parameters or {}, seen.kind, extra)
    columns = {name: _column(table, name) for name in extra} or None
    named = _model(model or "linear")
    done = descend(found, X, _target(seen), weights, model=named, feature_names=names, columns=columns, **options)
    notes = tuple(filter(None, (taken, note, _extra_said(extra), *_said(table, seen, extra), *done.notes)))
    return replace(done, notes=notes, title=f"{done.title}: {target} of {table.source if not note else data}")


def _read(data: Any, **roles: Any) -> Table:
    """The table; of too few rows it is said what takes fewer."""
    try:
        return read_table(data, **roles)
    except DataError as error:
        if error.code != "LM507":
            raise
        told = error.sentence.replace("Only 1 rows have", "Only 1 row has").replace("a study needs", "a table needs")
        raise DataError("LM507", f"{told.rstrip('.')}; ls.descend in Python takes fewer.") from None


def _no_target(data: Any, encoding: str | None) -> str:
    """What to say where no target is named: the columns that there are, or the bundled sets."""
    if not isinstance(data, str) or Path(data).exists():
        names = _names_of(data, encoding)
        return f"name the column to predict with --target, one of: {', '.join(names[:MOST_NAMES])}" + (
            f" and {len(names) - MOST_NAMES} more." if len(names) > MOST_NAMES else "."
        )
    return f"name the column to predict with --target, or a bundled set: {', '.join(SETS)}.{did_you_mean(data, SETS)}"


def _names_of(data: Any, encoding: str | None) -> tuple[str, ...]:
    """The columns of a table; of one too large for memory without reading it."""
    if may_be_large(data):
        return tuple(open_rows(data, encoding=encoding).columns)
    return tuple(read_source(data, encoding)[0].columns)


# Columns that a loss reads -------------------------------------------------------------------------------------


def _named_columns(
    loss: str | Loss | None, parameters: Mapping[str, Any], data: Any, target: str, encoding: str | None
) -> tuple[str, ...]:
    """The columns of the table that the loss reads beside the target: declared ones, and words of a formula."""
    if loss is None:
        return ()
    declared, unknown = _declared(loss, parameters)
    if not declared and not unknown:
        return ()
    names = _names_of(data, encoding)
    missing = [name for name in declared if name not in names]
    if missing:
        raise DataError(
            "LM504",
            f'the loss reads the column "{missing[0]}", and the table has none of this name: '
            f"{', '.join(names[:MOST_NAMES])}.{did_you_mean(missing[0], names)}",
        )
    return (*declared, *(word for word in unknown if word in names and word != target))


def _declared(loss: str | Loss, parameters: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that a loss declares; of a formula with words that are not known, these words."""
    try:
        found = loss if isinstance(loss, Loss) else look_up(loss, parameters)[0]
    except FormulaError:
        words = dict.fromkeys(WORD.findall(str(loss)))
        return (), tuple(word for word in words if word not in ("y", "z", "p") and word not in parameters)
    definition = found.definition
    group = ("group",) if chooses_per_group(definition) or "group" in definition.declaration.per else ()
    return (*definition.declaration.columns, *group), ()


def _column(table: Table, name: str) -> Any:
    """One column as a loss takes it: numbers, truth values as 1 and 0, of groups any values."""
    series = table.frame[name]
    if series.null_count():
        raise DataError(
            "LM504", f"the loss reads the column “{name}”, which is missing in {series.null_count():,} rows."
        )
    if name == "group":
        return np.unique(series.to_numpy(), return_inverse=True)[1]
    try:
        return series.cast(float).to_numpy()
    except Exception:  # polars has errors of its own
        raise DataError("LM504", f"the loss reads the column “{name}”, which must hold numbers.") from None


def _extra_said(extra: tuple[str, ...]) -> str:
    what = ", ".join(f"“{name}”" for name in extra)
    return f"The loss reads {what} of each row, which is no feature then." if extra else ""


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


def _loss(
    loss: str | Loss | None, parameters: Mapping[str, Any], kind: str, columns: tuple[str, ...] = ()
) -> tuple[Loss, str]:
    """The loss that was named, or the usual one for this kind of target, and a sentence on what was taken for granted."""
    if loss is None:
        found, _ = look_up(USUAL.get(kind, "squared_error"), parameters)
        return found, f"The target is taken as {kind}, and {found.name} is its usual loss; --loss names another."
    if isinstance(loss, Loss):
        return loss.bind(**parameters), ""
    if columns and not _declared(loss, parameters)[0]:
        return _with_columns(loss, parameters, kind, columns)
    found, remark = look_up(loss, parameters)
    if not remark:
        return found, ""
    try:
        return look_up(loss, parameters, kind)[0], f"The formula names no loss, so its target is taken as {kind}."
    except LossmithError:
        return found, remark


def _with_columns(text: str, parameters: Mapping[str, Any], kind: str, columns: tuple[str, ...]) -> tuple[Loss, str]:
    """A formula whose words are columns of the table; its target is that of the losses it names, else of this kind."""
    said: dict[str, Any] = {"columns": columns, **({"parameters": dict(parameters)} if parameters else {})}
    try:
        return parse(text, **said), ""
    except LossmithError:
        return parse(text, target=kind, **said), f"The formula names no loss, so its target is taken as {kind}."


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


def _said(table: Table, seen: Profile, extra: tuple[str, ...]) -> Iterable[str]:
    """What was done with the rows and columns of the table."""
    if table.n_missing_target:
        yield f"{table.n_missing_target:,} rows without a target are left out."
    if seen.kind == "binary":
        yield f"“{seen.classes[1]}” counts as 1, “{seen.classes[0]}” as 0."
    if seen.kind == "class":
        yield f"The classes are numbered in this order: {', '.join(seen.classes[:12])}."
    told = " ".join(table.notes[:3])
    left_out = [(name, reason) for name, reason in table.left_out if f'"{name}"' not in told and name not in extra]
    yield from (f"“{name}” is left out: {reason}." for name, reason in left_out[:6])
    yield from table.notes[:3]
