"""What a row counts for: the stages of a definition that weigh rows and smooth targets, applied to laid-out arrays.

Comes in: a definition, its leaves as arrays, weights. Goes out: the weight of every row, the targets as the weights leave
them, and the columns that follow from the data alone.

A row is a measure over the classes: of weight w and target shares y. Weights c by class make it the weight w·Σ y c with
shares y c / Σ y c, so that weights nest as products, and a soft label is a mixture of hard ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossmith.algebra.reweight import class_shares, class_table
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node, among, symbols, walk
from lossmith.formula.roles import CLASS_KINDS, EXAMPLE_SHARE

Array = NDArray[Any]


def weighing_columns(definition: Definition) -> tuple[str, ...]:
    """The columns by which rows are weighed or masked, each as often as it is named."""
    return tuple(row.column for row in definition.reweighting if row.column is not None)


def measured(
    definition: Definition,
    leaves: dict[Node, Array],
    weight: Array | None,
    parameters: Mapping[str, float],
    width: int,
) -> Array | None:
    """The weight of every row with that of its class; a soft target in `leaves` is changed to what class weights make of it."""
    if not definition.weighs_classes:
        return None if weight is None else np.ascontiguousarray(weight)
    leaf = definition.roles.leaves[definition.declaration.target[0][0]]
    y = leaves[leaf]
    classes = width if "class" in leaf.axes else 2
    table = class_table(definition, classes)
    if not definition.smoothing and _is_hard(y):
        return np.ascontiguousarray(times(weight, _of_class(y, table)))
    shares = class_shares(y, width)
    for name in definition.smoothing:
        shares = (1.0 - parameters[name]) * shares + parameters[name] / classes
    parts = shares * table
    mass = parts.sum(axis=1)
    shares = np.divide(parts, mass[:, None], out=shares.astype(np.float64), where=(mass != 0)[:, None])
    leaves[leaf] = np.ascontiguousarray(shares if "class" in leaf.axes else shares[:, 1])
    return np.ascontiguousarray(times(weight, mass))


def _is_hard(y: Array) -> bool:
    """Whether every target names one class."""
    return y.dtype.kind == "i" or bool(((y == 0) | (y == 1)).all())


def _of_class(y: Array, table: Array) -> Array:
    """The weight of the class of every row."""
    if y.ndim > 1:
        return np.asarray(y @ table)
    return table[y] if y.dtype.kind == "i" else np.where(y == 1, table[1], table[0])


def times(weight: Array | None, factor: Array) -> Array:
    """The product of weights; a row of weight 0 stays absent, whatever its factor is made from."""
    return factor if weight is None else np.multiply(weight, factor, out=np.zeros(len(weight)), where=weight != 0)


def shares_of(definition: Definition, leaves: Mapping[Node, Array], width: int) -> Array | None:
    """How much of each class every row is; None where the target has no classes."""
    name, kind = definition.declaration.target[0]
    if kind not in (*CLASS_KINDS, "binary"):
        return None
    return class_shares(leaves[definition.roles.leaves[name]], width)


@lru_cache(maxsize=512)
def _read(definition: Definition) -> frozenset[str]:
    """What the formula reads of the data beside its declared leaves: choices per group, shares of first-axis entries."""
    found = {repr(EXAMPLE_SHARE)} if among(EXAMPLE_SHARE, symbols(definition.formula)) else set()
    if any(node.op == "largest" and node.attr for node in walk(definition.formula)):
        found.add("group")
    return frozenset(found)


def chooses_per_group(definition: Definition) -> bool:
    """Whether examples are chosen within their group."""
    return "group" in _read(definition)


def data_leaves(
    definition: Definition, n: int, width: int, first: tuple[int, int], weight: Array | None
) -> dict[Node, Array]:
    """The columns that follow from the data alone: logarithms of class shares, and parts of first-axis entries."""
    found: dict[Node, Array] = {}
    if definition.priors is not None:
        leaf = definition.roles.log_prior
        found[leaf] = np.broadcast_to(log_priors(definition, width), (n, width) if "class" in leaf.axes else (n,))
    if repr(EXAMPLE_SHARE) in _read(definition):
        present = (np.ones(n) if weight is None else weight != 0).reshape(first).astype(np.float64)
        held = present.sum(axis=1, keepdims=True)
        found[EXAMPLE_SHARE] = np.divide(present, held, out=np.zeros_like(present), where=held != 0).reshape(-1)
    return found


def log_priors(definition: Definition, width: int) -> Array:
    """The logarithm of each class's share; of two outcomes, of their odds. (classes,) or ()"""
    priors = definition.priors
    if not priors:
        raise ArgumentError(
            "LM284", f"{definition.title}: class priors depend on the training set; call loss.fit(y_true) first."
        )
    if "class" not in definition.roles.log_prior.axes:
        return np.asarray(np.log(priors[1]) - np.log(priors[0]))
    if len(priors) != width:
        raise ArgumentError("LM285", f"{definition.title}: there are {len(priors)} class priors, but {width} classes.")
    return np.asarray(np.log(np.asarray(priors)))
