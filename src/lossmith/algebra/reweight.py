"""Weights of rows by class or by column, as data in a definition and as numbers for a data set.

Comes in: a definition and what to weigh by. Goes out: a definition with a `Reweighting`; the weight of every row; and the
weights that a loss holds with the rule that undoes what they do to probabilities.
Such weights multiply `sample_weight` and so enter the denominator of a mean, as class weights do in PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.algebra.rules import AsIs, Corrected, Rule
from lossmith.calculus.evidence import body_of
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition, Reweighting
from lossmith.formula.link import link_named

Array = NDArray[Any]
ClassWeight = Mapping[int, float] | Sequence[float] | str


def reweighted(definition: Definition, class_weight: ClassWeight | None = None, by: str | None = None) -> Definition:
    """The same loss with rows weighed by class (numbers, or "balanced" until fitted) or by a column."""
    if (class_weight is None) == (by is None):
        raise ArgumentError("LM280", f"{definition.name}: reweight takes class_weight= or by=, one of them.")
    if by is not None:
        declaration = definition.declaration
        columns = declaration.columns if by in declaration.columns else (*declaration.columns, by)
        row = Reweighting(column=by)
        return replace(
            definition, declaration=replace(declaration, columns=columns), reweighting=(*definition.reweighting, row)
        )
    kinds = {kind for _, kind in definition.declaration.target}
    if not kinds & {"binary", "class", "simplex"} or "class" in definition.declaration.per:
        raise UnsupportedError(
            "LM281",
            f"{definition.name}: class weights need a target of classes with one weight per row. "
            'Weigh rows by a column instead: reweight(by="column").',
        )
    row = Reweighting(None if isinstance(class_weight, str) else _pairs(definition, class_weight))
    if isinstance(class_weight, str) and class_weight != "balanced":
        raise ArgumentError("LM282", f'{definition.name}: class_weight is "balanced" or numbers, got "{class_weight}".')
    return replace(definition, reweighting=(*definition.reweighting, row))


def _pairs(definition: Definition, class_weight: Any) -> tuple[tuple[int, float], ...]:
    items = class_weight.items() if isinstance(class_weight, Mapping) else enumerate(class_weight)
    pairs = tuple(sorted((int(k), float(v)) for k, v in items))
    for k, weight in pairs:
        if not (weight >= 0 and np.isfinite(weight)):
            raise ArgumentError(
                "LM283", f"{definition.name}: the weight of class {k} must be finite and >= 0, got {weight}."
            )
    return pairs


def class_shares(y: Array, n_classes: int) -> Array:
    """How much of each class every row is: (n, classes), from indices, binary targets or probabilities."""
    if y.ndim == 2:
        return y
    if y.dtype.kind == "i":
        return np.asarray(y[:, None] == np.arange(n_classes), dtype=np.float64)
    return np.stack([1.0 - y, y], axis=1)


def row_weights(row: Reweighting, shares: Array | None, column: ArrayLike | None, name: str) -> Array:
    """The weight of every row under one reweighting."""
    if row.column is not None:
        return np.asarray(column, dtype=np.float64)
    if row.classes is None:
        raise ArgumentError(
            "LM284", f"{name}: balanced class weights depend on the training set; call loss.fit(y_true) first."
        )
    assert shares is not None
    table = np.ones(shares.shape[1])
    for k, weight in row.classes:
        if k >= len(table):
            raise ArgumentError("LM285", f"{name}: there is a weight for class {k}, but only {len(table)} classes.")
        table[k] = weight
    return np.asarray(shares @ table)


def balanced(shares: Array, weight: Array | None) -> tuple[tuple[int, float], ...]:
    """n / (classes · n_k), with weighted counts: every class then weighs the same in total."""
    counts = shares.sum(axis=0) if weight is None else weight @ shares
    if not (counts > 0).all():
        missing = int(np.flatnonzero(counts == 0)[0])
        raise ArgumentError("LM286", f"class {missing} does not occur in y_true, so balanced weights are not defined.")
    values = counts.sum() / (len(counts) * counts)
    return tuple((k, float(v)) for k, v in enumerate(values))


def fitted(definition: Definition, shares: Array | None, weight: Array | None) -> Definition:
    """The definition with every "balanced" made numbers of this training set."""
    if all(row.classes is not None or row.column is not None for row in definition.reweighting) or shares is None:
        return definition
    rows = tuple(
        row if row.classes is not None or row.column is not None else Reweighting(balanced(shares, weight))
        for row in definition.reweighting
    )
    return replace(definition, reweighting=rows)


# The way back -----------------------------------------------------------------------------------------------------

RAWS: Final = (-3.0, -1.0, -0.2, 0.5, 2.0)
GIVEN: Final = (0.05, 0.25, 0.4, 0.6, 0.9)
SAME: Final = 1e-12  # far above the rounding of balls of 512 bits, far below any weight that matters


def class_weights(
    definition: Definition, parameters: Mapping[str, float] | None = None, classes: int = 2
) -> tuple[float, ...] | None:
    """Return how much each class weighs in a loss, beside one that makes a model predict true probabilities.

    Weights come from `reweight` and, for two classes, from the formula itself (-20·y·log(p) - (1-y)·log(1-p) weighs
    the positive class 20). None if no weights say what the loss does to probabilities (focal loss with gamma above 0).
    Raises `ArgumentError` LM284 for balanced weights that are not fitted yet.

    >>> import lossmith as ls
    >>> class_weights(ls.parse("-20*y*log(p) - (1-y)*log(1-p)", target="binary", link="sigmoid").definition)
    (1.0, 20.0)
    """
    inside = _weights_inside(definition, parameters) if classes == 2 else (1.0,) * classes
    rows = [row for row in definition.reweighting if row.column is None]
    if inside is None or (len(rows) < len(definition.reweighting)):
        return None
    table = np.asarray(inside)
    for row in rows:
        table = table * row_weights(row, np.eye(classes), None, definition.name)
    return tuple(float(weight) for weight in table)


def _weights_inside(definition: Definition, parameters: Mapping[str, float] | None) -> tuple[float, float] | None:
    """The weights in the formula of two classes: their ratio where predicted and true odds differ by a factor.

    A model is right where q·g1 + (1-q)·g0 = 0, with the slopes g of both outcomes, so the true odds are -g0/g1.
    """
    body = body_of(definition, parameters)
    if isinstance(body, str) or body.kind != "binary" or body.row_wise:
        return None
    raw = np.repeat(GIVEN if body.given else RAWS, 2)[:, None]
    target = np.tile([0.0, 1.0], len(raw) // 2)[:, None]
    predicted = body.raw if body.given else link_named(body.link).inverse(body.raw)
    slope, p = (
        np.array([float(ball) for ball in balls[:, 0]])
        for balls in body.at([body.slope, predicted], {body.raw: raw, body.target: target})
    )
    with np.errstate(all="ignore"):
        ratios = -slope[1::2] / slope[::2] * p[::2] / (1 - p[::2])
    if not np.isfinite(ratios).all() or not (ratios > 0).all() or np.ptp(ratios) > SAME * ratios.min():
        return None
    return 1.0, _short(float(np.median(ratios)))


def _short(number: float) -> float:
    """The shortest number within rounding: 20 rather than 20.000000000000004."""
    tried = (float(f"{number:.{digits}g}") for digits in range(1, 13))
    return next((short for short in tried if abs(short - number) <= SAME * number), number)


def undone(weights: Sequence[float | str] | None, then: Rule | None = None) -> Rule:
    """Return the rule that undoes class weights (None: there are none), then decides by `then` (as it is).

    This is the inverse of `reweighted`: `act(undone(weights), y_pred)` are the probabilities without the weights.

    >>> undone((1.0, 20.0)), undone((3.0, 3.0))
    (Corrected(weights=(1.0, 20.0), then=AsIs()), AsIs())
    """
    after = AsIs() if then is None else then
    if weights is None or len(set(weights)) == 1:
        return after
    return Corrected(tuple(weights), after)
