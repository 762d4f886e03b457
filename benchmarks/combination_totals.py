"""What a design makes of a batch, in rigorous balls: weights, labels, choices of rows, denominators, finished numbers.

Comes in: a `Tree`, a `Batch` and what the library has bound by fit (class weights, priors). Goes out: an `Account`: the loss,
gradient and diagonal of each present row, and the finished number with its gradient and its hessian times a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from benchmarks.combination_choices import (
    NARROW,
    CloseCallError,
    TooWideError,
    chosen_shares,
    refuse_close_calls,
    tilted,
)
from benchmarks.combination_draw import OF_CLASSES, Done, Leaf, Sum, Tree
from benchmarks.combination_leaves import formulas, leaf_number
from benchmarks.combination_numbers import (
    BALL,
    LEAST,
    NONE,
    ZERO,
    Balls,
    Number,
    added,
    divided,
    known,
    number,
    of,
    plus,
    radii,
    sizes,
    times,
    times_exact,
)
from benchmarks.combination_rows import SHIFT, SHIFTS, TERMS, Frame, of_rows, rounded, smoothed
from benchmarks.combination_trees import OWN, chain, gathered, normal, rebuilt, smoothing_of, with_own_weights, without
from lossmith.numerics.formats import Format, format_of

READINGS: Final = ("temper", "soft_cap")
BATCHWIDE: Final = ("mask", "ignore", "reweight", "empty", *READINGS)
READ: Final = ("low", "high", "cost")
CHOICES: Final = ("select", "cvar")


@dataclass(frozen=True)
class Batch:
    """Rows as a loss is given them. `y`: class numbers, shares or numbers; `columns`: data beside them; `v`: a direction."""

    y: NDArray[Any]
    raw: NDArray[Any]
    weight: NDArray[Any] | None
    columns: Mapping[str, NDArray[Any]]
    v: NDArray[Any]


@dataclass(frozen=True)
class Account:
    """`present`: which rows count; `rows`: the weighted loss of each (None: it has none); `whole`: the finished number."""

    present: NDArray[np.bool_]
    rows: Number | None
    whole: Number


@dataclass(frozen=True)
class _Rows:
    """The present rows: targets, weights, raw predictions as the losses read them."""

    y: Balls
    weight: Balls
    u: Number
    frame: Frame
    fmt: Format
    groups: NDArray[Any] = field(default_factory=lambda: np.zeros(0))


def account(kind: str, tree: Tree, batch: Batch, loss: Any, precision: int, *, diagonal: bool, full: bool) -> Account:
    """Everything about a batch, at a precision."""
    tree = with_own_weights(normal(tree))
    with ctx.workprec(precision):
        rows, present, tree = _rows_of(kind, tree, batch, loss, precision, diagonal, full)
        tree = without(tree, BATCHWIDE)
        form = row_form(tree)
        if form is None or not diagonal:
            return Account(present, None, finished(tree, rows))
        found = _weighted(rows, of_rows(form[0], rows.y, rows.u, rows.frame))
        return Account(present, found, _whole(rows, found, _denominator(form[1], rows)))


def _rows_of(
    kind: str, tree: Tree, batch: Batch, loss: Any, precision: int, diagonal: bool, full: bool
) -> tuple[_Rows, NDArray[np.bool_], Tree]:
    n = len(batch.raw)
    raw = batch.raw.reshape(n, -1)
    weight = np.ones(n) if batch.weight is None else batch.weight
    for call in gathered(tree, ("mask", "ignore")):
        weight = np.where(
            batch.columns["valid"] if call.call == "mask" else batch.y != call.numbers["index"], weight, 0.0
        )
    present = weight != 0
    w = BALL(weight[present])[:, None, None]
    for call in gathered(tree, ("reweight",)):
        if "by" in call.numbers:
            w = w * BALL(np.asarray(batch.columns["cost"][present], dtype=np.float64))[:, None, None]
            present[present] = batch.columns["cost"][present] != 0
            w = w[np.array([bool(b != 0) for b in w.ravel()])]
    y = BALL(_target(kind, batch.y[present], raw.shape[1]))[:, None, :]
    frame = _frame(kind, batch, present, loss, raw.shape[1], precision, diagonal, full)
    smooth, tree = smoothing_of(tree)
    for call in reversed(smooth):
        y = smoothed(y, call.numbers["epsilon"], frame)
    table = _class_table(loss, 2 if y.shape[-1] == 1 else y.shape[-1])
    if table is not None:
        after, mass = _weighed(y, table)
        frame = replace(frame, weighed=not _names_one(y).all())
        y = np.where(_names_one(y), y, after)
        w = w * mass
    u = _read(tree, _raw(BALL(raw[present].astype(np.float64)), batch.v.reshape(n, -1)[present], diagonal))
    groups = np.asarray(batch.columns.get("group", np.arange(n)))[present]
    return _Rows(y, w, u, frame, format_of(batch.raw.dtype), groups), present, tree


def _target(kind: str, y: NDArray[Any], width: int) -> NDArray[Any]:
    if kind in OF_CLASSES and y.ndim == 1:
        return np.eye(width)[y.astype(np.int64)]
    return y.reshape(len(y), -1).astype(np.float64)


def _frame(
    kind: str, batch: Batch, present: Any, loss: Any, width: int, precision: int, diagonal: bool, full: bool
) -> Frame:
    columns = {k: np.asarray(batch.columns[k], dtype=np.float64)[present][:, None] for k in READ if k in batch.columns}
    priors = loss.definition.priors
    log_prior = ZERO
    if priors:
        logs = [arb(share).log() for share in priors]
        log_prior = np.array([[logs if width > 1 else [logs[1] - logs[0]]]], dtype=object)
    return Frame(kind, columns, log_prior, precision, diagonal, full)


def _class_table(loss: Any, classes: int) -> Balls | None:
    """The weight of each class as the library has bound it: the product of all that are given."""
    if not loss.definition.weighs_classes:
        return None
    table = [arb(1)] * classes
    for row in loss.definition.reweighting:
        for k, weight in row.classes or ():
            table[k] = table[k] * arb(weight)
    return np.array(table, dtype=object)


def _weighed(y: Balls, table: Balls) -> tuple[Balls, Balls]:
    """A row as a measure over the classes: its mass, and its shares after weighing."""
    shares = np.concatenate([1 - y, y], axis=-1) if y.shape[-1] == 1 else y
    parts = shares * table
    mass = parts.sum(axis=-1, keepdims=True)
    after = parts / mass
    return (after[..., 1:] if y.shape[-1] == 1 else after), mass


def _names_one(y: Balls) -> NDArray[np.bool_]:
    """Rows that are 0 and 1 only: weighing leaves them as they are."""
    return np.asarray([[[all(bool(b == 0) or bool(b == 1) for b in row.ravel())]] for row in y])


def _raw(z: Balls, v: NDArray[Any], diagonal: bool) -> Number:
    """Raw predictions as given: exact, moving one at a time."""
    k = z.shape[1]
    one = BALL(np.eye(k))[None, :, :]
    b = one if diagonal else BALL(v.astype(np.float64))[:, None, :]
    found = number(z[:, None, :], one, b, ZERO)
    scales = (NONE * np.zeros((1, 1, k)), *found.strict[1:])
    return replace(found, strict=scales, conditioned=scales)


def _read(tree: Tree, z: Number) -> Number:
    for call in gathered(tree, READINGS):
        if call.call == "temper":
            z = rounded(times_exact(np.array([[[1 / arb(call.numbers["T"])]]], dtype=object), z))
        else:
            z = rounded(_capped(z, arb(call.numbers["c"])))
    return z


def _capped(z: Number, c: Any) -> Number:
    def at(ball: Any) -> tuple[Any, ...]:
        e = (-2 * abs(ball) / c).exp()
        size = (1 - e) / (1 + e)
        t, slope = (size if ball > 0 else -size), 4 * e / ((1 + e) * (1 + e))
        return c * t, slope, -2 * t * slope / c, (6 * t * t - 2) * slope / (c * c)

    return of(np.frompyfunc(at, 1, 4)(z.v), z)


# Finished numbers -------------------------------------------------------------------------------------------------------


def row_form(tree: Tree) -> tuple[Tree, str] | None:
    """The design of each row, and what the sum over rows is divided by; None for what is finished in another way."""
    core, calls = chain(tree)
    if any(
        c.call not in (*TERMS, *SHIFTS, "smooth", "over", OWN) and not _is_own_choice(c, calls, core) for c in calls
    ):
        return None
    overs = [c.numbers["denominator"] for c in calls if c.call == "over"]
    if isinstance(core, Leaf):
        found = formulas(core)
        below = ("weight" if found.is_mean else "one") if found.additive else None
    else:
        inside = [row_form(part) for part, _ in core.parts]
        kinds = {form[1] for form in inside if form is not None}
        below = kinds.pop() if None not in inside and len(kinds) == 1 else None
    below = overs[-1] if overs else below
    weighs = any(c.call == OWN for c in calls)
    return None if below is None or (weighs and below == "weight") else (without(tree, ("over",)), below)


def _is_own_choice(call: Done, calls: list[Done], core: Leaf | Sum) -> bool:
    """Whether rows are chosen each by itself, above a level, and something else divides than the weight that is chosen."""
    at = calls.index(call)
    named = any(c.call == "over" and (j > at or c.numbers["denominator"] != "weight") for j, c in enumerate(calls))
    return call.call == "select" and "above" in call.numbers and (named or _is_total(core))


def _is_total(core: Leaf | Sum) -> bool:
    """Whether the loss is a plain sum over the rows."""
    form = row_form(core)
    return form is not None and form[1] == "one"


def finished(tree: Tree, rows: _Rows) -> Number:
    """The finished number of a design, the derivative by each raw prediction, and the second derivative along v."""
    for call in (c for c in chain(tree)[1] if c.call == OWN):
        rows = _with_weights(rows, call)
    tree = _without_own(tree)
    form = row_form(tree)
    if form is not None:
        found = _weighted(rows, of_rows(form[0], rows.y, rows.u, rows.frame))
        return _whole(rows, found, _denominator(form[1], rows))
    core, calls = chain(tree)
    rows, calls = _prepared(calls, rows)
    inner, later = _below(core, calls, rows) if any(c.call in FINISH for c in calls) else (_core(core, rows), calls)
    for call in later:
        inner = AFTER[call.call](inner, call.numbers)
    return inner


def _without_own(tree: Tree) -> Tree:
    core, calls = chain(tree)
    return rebuilt(core, [c for c in calls if c.call != OWN])


def _with_weights(rows: _Rows, call: Done) -> _Rows:
    """The rows as a loss sees them that has weights of its own, by column or by class."""
    if "by" in call.numbers:
        return replace(rows, weight=rows.weight * BALL(rows.frame.columns["cost"])[:, :, None])
    y, mass = _weighed(rows.y, BALL(np.asarray(call.numbers["class_weight"], dtype=np.float64)))
    hard = _names_one(rows.y)
    frame = replace(rows.frame, weighed=rows.frame.weighed or not hard.all())
    return replace(rows, y=np.where(hard, rows.y, y), weight=rows.weight * mass, frame=frame)


def _prepared(calls: list[Done], rows: _Rows) -> tuple[_Rows, list[Done]]:
    """The rows with labels smoothed and raw predictions moved as this design says, and its other calls."""
    y, u = rows.y, rows.u
    for call in (c for c in reversed(calls) if c.call == "smooth"):
        y = smoothed(y, call.numbers["epsilon"], rows.frame)
    for call in (c for c in calls if c.call in SHIFTS):
        u = SHIFT[call.call](u, y, rows.frame, call.numbers)
    return replace(rows, y=y, u=u), [c for c in calls if c.call not in (*SHIFTS, "smooth")]


def _below(core: Leaf | Sum, calls: list[Done], rows: _Rows) -> tuple[Number, list[Done]]:
    """The first choice or tilt of rows, with the terms and denominators around it; and the calls on the finished number."""
    first = next(c for c in calls if c.call in FINISH)
    at = calls.index(first)
    form, later = row_form(rebuilt(core, calls[:at])), calls[at:]
    if form is None:
        return _core(core, rows), calls
    overs = [c.numbers["denominator"] for c in later if c.call == "over"]
    x = of_rows(form[0], rows.y, rows.u, rows.frame)
    if first.call == "flood":
        return _whole(rows, _weighted(rows, x), _denominator(form[1], rows)), later
    if first.call == "tilt":
        return tilted(x, rows.weight, first.numbers["t"]), later[1:]
    shares = chosen_shares(first, x, rows.y, rows.weight, rows.groups)
    refuse_close_calls(x, shares, rows.fmt, first.numbers.get("above"))
    total = _weighted(rows, times(shares, x))
    chosen = not overs and form[1] == "weight"  # what was chosen divides, unless something else is named after it
    divisor = (rows.weight * shares.v).sum() if chosen else _denominator(overs[-1] if overs else form[1], rows)
    if divisor == 0:
        return known(np.array([[[arb(0)]]], dtype=object)), [c for c in later[1:] if c.call != "over"]
    return _whole(rows, total, divisor), [c for c in later[1:] if c.call != "over"]


def _core(core: Leaf | Sum, rows: _Rows) -> Number:
    if isinstance(core, Sum):
        return plus(*(times_exact(BALL(np.array([[[f]]])), finished(part, rows)) for part, f in core.parts))
    return leaf_number(core, rows.y, rows.u, rows.frame, rows.weight[:, 0, :])


def _whole(rows: _Rows, x: Number, divisor: Any) -> Number:
    """A sum over the rows, divided; what a derivative loses by underflow before it is weighed is multiplied (rule d)."""
    found = divided(added(x), divisor)
    least = sizes(rows.weight) * LEAST
    rules = {
        rule: (s[0], np.maximum(s[1], least), s[2], np.maximum(s[3], least))
        for rule, s in (("strict", found.strict), ("conditioned", found.conditioned))
    }
    return replace(found, **rules)


def _weighted(rows: _Rows, x: Number) -> Number:
    """A number for each row times what the row weighs, which may have been computed from its label."""
    return times(known(rows.weight), x) if rows.frame.weighed else times_exact(rows.weight, x)


def _denominator(name: str, rows: _Rows) -> Any:
    n = len(rows.weight)
    positives = rows.y.sum() if rows.y.shape[-1] == 1 else arb(1)
    ways: dict[str, Callable[[], Any]] = {
        "weight": lambda: rows.weight.sum(), "count": lambda: arb(n), "one": lambda: arb(1), "examples": lambda: arb(n),
        "positives": lambda: positives.max(arb(1)),
    }  # fmt: skip
    return ways[name]()


def _flooded(x: Number, given: dict[str, Any]) -> Number:
    level = arb(given["b"])
    if (radii(x.v) > NARROW * x.strict[0]).any():
        raise TooWideError
    over = bool(x.v.item() >= level)
    if abs(float((x.v.item() - level).mid())) <= float(ALMOST * x.conditioned[0].item()):
        raise CloseCallError
    side = arb(1) if over else arb(-1)
    part = plus(x, known(np.array([[[-level]]], dtype=object)))
    return plus(times_exact(np.array([[[side]]], dtype=object), part), known(np.array([[[level]]], dtype=object)))


ALMOST: Final = 2.0**-47  # 16 units in float64: no kernel can tell on which side of the level a loss lies
FINISH: Final = ("flood", "tilt", *CHOICES)
AFTER: Final[Mapping[str, Callable[[Number, dict[str, Any]], Number]]] = {
    "flood": _flooded,
    "times": lambda x, given: times_exact(BALL(np.array([[[given["factor"]]]])), x),
}
