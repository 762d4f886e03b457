"""Weights of rows by class or by column, as data in a definition and as numbers for a data set.

Comes in: a definition and what to weigh by. Goes out: a definition with a `Reweighting`; and the weight of every row.
Such weights multiply `sample_weight` and so enter the denominator of a mean, as class weights do in PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition, Reweighting

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
