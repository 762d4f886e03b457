"""The truth about somebody's loss: the reference that it is, and how it relates to it.

Comes in: a `Loss` of ours, and what the subject takes. Goes out: `Known`, and exact values and derivatives of rows
from the kernels of that loss in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from lossmith.calculus.additivity import additive_part
from lossmith.calculus.derivative import adjoints
from lossmith.calculus.derivative import gradient as derivative
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import or_zero
from lossmith.catalogue import on_probability
from lossmith.checking.derivatives.points import Points
from lossmith.checking.derivatives.seen import Parts
from lossmith.checking.subject import Array, Takes
from lossmith.errors import LossmithError
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.node import Node, symbols
from lossmith.formula.text import number_text
from lossmith.interpret import NUMPY, interpret
from lossmith.loss.handle import Loss

Denominator: TypeAlias = Literal["per row", "sum", "mean", "other"]


@dataclass(frozen=True, eq=False)
class Known:
    """What somebody's loss is: `factor` times `loss`, less a number that depends on the target alone.

    `loss` takes what the subject takes. `given`: the user named it. `constant`: whether such a number is left out.
    `denominator`: what the value of several rows is divided by. `said`: how the subject departs from it, in words.
    `bound`: its hessian is a positive bound on the curvature, as boosters accept it.
    """

    loss: Loss
    given: bool = False
    factor: float = 1.0
    constant: bool = False
    denominator: Denominator = "per row"
    said: str = ""
    bound: bool = False

    @property
    def words(self) -> str:
        """What it is, for people.

        >>> import lossmith as ls
        >>> Known(ls.get("focal", gamma=2, alpha=0.25), factor=2.0, said="with p and 1 - p swapped").words
        '2 * focal(gamma=2, alpha=0.25), with p and 1 - p swapped'
        """
        factor = "" if abs(self.factor - 1.0) < 1e-3 else f"{_short(self.factor)} * "
        dropped = ", up to a number that depends on the target alone" if self.constant else ""
        summed = ", summed over the rows" if self.denominator == "sum" and self.loss.is_additive else ""
        return f"{factor}{name_of(self.loss)}{summed}{dropped}{', ' + self.said if self.said else ''}"

    def parts(self, at: Points) -> Parts | None:
        """Exact value, gradient and hessian at points, without the factor; None where the targets are not its own."""
        return true_parts(self.loss, at)


def name_of(loss: Loss) -> str:
    """The name of a loss with its parameters.

    >>> import lossmith as ls
    >>> name_of(ls.get("huber", delta=0.5)), name_of(ls.get("mse"))
    ('huber(delta=0.5)', 'squared_error')
    """
    name, values = loss.name, {k: v for k, v in loss.parameters.items() if v is not None}
    if "(" in name or "*" in name or not values:
        return name
    return f"{name}({', '.join(f'{k}={_short(v)}' for k, v in values.items())})"


def _short(number: float) -> str:
    """A number with four digits at most."""
    return number_text(float(f"{number:.4g}"))


def taking(loss: Loss, takes: Takes) -> Loss | None:
    """The same loss of raw predictions, or of predictions on the target's scale; None where it has no link.

    >>> import lossmith as ls
    >>> taking(ls.get("bce"), "probability").link, taking(ls.get("mse"), "probability")
    ('identity', None)
    """
    if loss.definition.declaration.on == takes:
        return loss
    made = _taking(loss.definition, takes)
    return None if made is None else replace(loss, definition=made)


@lru_cache(maxsize=256)
def _taking(definition: Definition, takes: Takes) -> Definition | None:
    try:
        made = on_probability(definition)
    except LossmithError:
        return None
    return made if takes == "probability" else replace(made, declaration=replace(definition.declaration, on="raw"))


def for_subject(loss: Loss, takes: Takes) -> Loss:
    """The loss as the subject takes predictions, computed by NumPy in float64."""
    return (taking(loss, takes) or loss).using("numpy")


def true_parts(loss: Loss, at: Points) -> Parts | None:
    """Exact parts of a loss at points; None where it refuses these targets or shapes.

    >>> import lossmith as ls
    >>> at = Points(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    >>> {k: v.tolist() for k, v in true_parts(ls.get("mse"), at).items()}
    {'value': [4.0, 4.0], 'gradient': [4.0, 4.0], 'hessian': [2.0, 2.0]}
    """
    y, z = (at.y if at.y.dtype.kind in "iu" else at.y.astype(np.float64)), at.prediction.astype(np.float64)
    loss = loss.using("numpy")
    try:
        with np.errstate(all="ignore"):
            return _of_rows(loss, y, z) if at.size == 1 and loss.is_additive else _of_batches(loss, y, z, at)
    except (LossmithError, IndexError, ValueError):
        return None


def value_parts(loss: Loss, at: Points) -> Parts | None:
    """The exact value alone, which is quicker to have."""
    y, z = (at.y if at.y.dtype.kind in "iu" else at.y.astype(np.float64)), at.prediction.astype(np.float64)
    loss = loss.using("numpy")
    try:
        with np.errstate(all="ignore"):
            if at.size > 1 or not loss.is_additive:
                return {"value": np.array([loss.value(y[batch], z[batch]) for batch in at.batches])}
            return {"value": loss.per_example(y, z).reshape(z.shape[0], -1).sum(axis=1)}
    except (LossmithError, IndexError, ValueError):
        return None


def _of_rows(loss: Loss, y: Array, z: Array) -> Parts:
    value = loss.per_example(y, z)
    gradient, hessian = loss.per_example_gradient_and_hessian(y, z)
    flat = value if value.ndim == 1 else value.reshape(value.shape[0], -1).sum(axis=1)
    return {"value": flat, "gradient": gradient, "hessian": hessian}


def _of_batches(loss: Loss, y: Array, z: Array, at: Points) -> Parts:
    found = [loss.value_and_gradient(y[batch], z[batch]) for batch in at.batches]
    return {"value": np.array([value for value, _ in found]), "gradient": np.concatenate([g for _, g in found])}


def plain_parts(loss: Loss, at: Points) -> Parts | None:
    """The same from the formula as it is written, without a kernel: for variants that are looked at once.

    >>> import lossmith as ls
    >>> at = Points(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    >>> {k: v.tolist() for k, v in plain_parts(ls.get("mse"), at).items()}
    {'value': [4.0, 4.0], 'gradient': [4.0, 4.0], 'hessian': [2.0, 2.0]}
    """
    definition = loss.definition
    if (
        definition.reweighting
        or definition.ignored
        or definition.priors is not None
        or at.prediction.ndim > 1 + (definition.declaration.has_classes)
    ):
        return true_parts(loss, at)
    made = _derived(definition)
    if made.alone and at.size == 1:
        return _interpreted(loss, made, at, slice(None))
    found = [_interpreted(loss, _derived_whole(definition), at, batch) for batch in at.batches]
    value, gradient = (np.concatenate([f[k] for f in found]) for k in ("value", "gradient"))
    return {"value": value, "gradient": gradient}


@dataclass(frozen=True, eq=False)
class _Derived:
    """Formulas of value and derivatives; `alone`: of one row."""

    nodes: tuple[Node, ...]
    alone: bool


@lru_cache(maxsize=1024)
def _derived(definition: Definition) -> _Derived:
    part, leaf = additive_part(resolved(definition)), definition.roles.raw[0]
    if part is None:
        return _derived_whole(definition)
    slope = or_zero(adjoints(part.term).get(leaf))
    return _Derived((part.term, slope, diagonal(slope, leaf)), alone=True)


@lru_cache(maxsize=1024)
def _derived_whole(definition: Definition) -> _Derived:
    whole = resolved(definition)
    return _Derived((whole, derivative(whole, definition.roles.raw[0])), alone=False)


def _interpreted(loss: Loss, made: _Derived, at: Points, rows: slice) -> dict[str, Array]:
    y, z = at.y[rows], at.prediction[rows].astype(np.float64)
    roles = loss.definition.roles
    target = roles.leaves[loss.definition.declaration.target[0][0]]
    if y.ndim < z.ndim:
        y = np.eye(z.shape[1])[y.astype(np.int64)]
    tall = [a.astype(np.float64).reshape(a.shape[0], -1) for a in (y, z)]
    values: dict[Node, Any] = dict(zip((target, roles.raw[0]), tall, strict=True))
    values |= {leaf: loss.parameters[repr(leaf)] for leaf in symbols(*made.nodes, role="parameter")}
    with np.errstate(all="ignore"):
        found = interpret(made.nodes, values, NUMPY)
    n = z.shape[0] if made.alone else found[0].shape[0]
    parts: dict[str, Array] = {"value": np.broadcast_to(found[0], (n, 1)).ravel().copy()}
    for name, array in zip(("gradient", "hessian"), found[1:], strict=False):
        parts[name] = np.broadcast_to(array, tall[1].shape).reshape(z.shape).copy()
    return parts


SLOPES: Final[Mapping[str, Any]] = {
    "sigmoid": lambda p, z: (p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p)),
    "exp": lambda p, z: (p, p),
    "softplus": lambda p, z: (-np.expm1(-p), -np.expm1(-p) * np.exp(-p)),
}
"""First and second derivative of the prediction by the raw prediction, for links that act on each number alone."""
