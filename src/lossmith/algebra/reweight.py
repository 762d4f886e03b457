"""Weights of rows by class or by column, as data in a definition and as numbers for a data set.

Comes in: a definition and what to weigh by. Goes out: a definition with a `Reweighting`; the weight of every row; and the
weights that a loss holds with the rule that undoes what they do to probabilities.
Such weights multiply `sample_weight` and so enter the denominator of a mean, as class weights do in PyTorch.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.algebra.decision.rules import AsIs, Corrected, Rule
from lossmith.algebra.parts import Bound, called
from lossmith.calculus.evidence import body_of
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition, Reweighting
from lossmith.formula.roles import RESERVED
from lossmith.formula.text import number_text

Array = NDArray[Any]


@dataclass(frozen=True)
class EffectiveNumber:
    """Class weights by the effective number of rows; `Loss.fit` makes them numbers."""

    beta: float


ClassWeight = Mapping[int, float] | Sequence[float] | str | EffectiveNumber
NAMED: Final = re.compile(r"effective_number\((?:beta=)?([0-9.eE+-]+)\)")


def effective_number(beta: float) -> EffectiveNumber:
    """Class weights (1 - beta) / (1 - beta**n_k) for `Loss.reweight`: from equal (0) to balanced (towards 1).

    Raises `ArgumentError` LM282 unless 0 <= beta < 1.
    Source: Cui et al. (2019), Class-Balanced Loss Based on Effective Number of Samples, arXiv:1901.05555.

    >>> import lossmith as ls
    >>> loss = ls.get("log_loss").reweight(effective_number(0.99)).fit([0] * 90 + [1] * 10)
    >>> [(k, round(w, 3)) for k, w in loss.definition.reweighting[0].classes]
    [(0, 0.277), (1, 1.723)]
    """
    if isinstance(beta, bool) or not isinstance(beta, int | float | np.number) or not 0 <= beta < 1:
        raise ArgumentError("LM282", f"effective_number: beta must lie in [0, 1), got {beta!r}. Usual: 0.9 to 0.9999.")
    return EffectiveNumber(float(beta))


def by_column(definition: Definition, column: str, *, mask: bool = False) -> Definition:
    """The same loss with rows weighed (or masked) by a declared column."""
    declaration = definition.declaration
    if not isinstance(column, str) or not column.isidentifier() or column in RESERVED or keyword.iskeyword(column):
        taken = ", ".join(sorted(RESERVED))
        raise ArgumentError(
            "LM114",
            f"{column!r} cannot name a column: use a plain identifier that is none of {taken} and no word of Python.",
        )
    columns = declaration.columns if column in declaration.columns else (*declaration.columns, column)
    row = Reweighting(column=column, mask=mask)
    return replace(
        definition, declaration=replace(declaration, columns=columns), reweighting=(*definition.reweighting, row)
    )


def reweighted(definition: Definition, class_weight: ClassWeight | None = None, by: str | None = None) -> Definition:
    """The same loss with rows weighed by class (numbers, or what `fit` makes numbers of) or by a column."""
    if (class_weight is None) == (by is None):
        raise ArgumentError("LM280", f"{definition.title}: reweight takes class_weight= or by=, one of them.")
    if by is not None:
        return by_column(called(Bound(definition), f"reweight(by={by!r})").definition, by)
    kinds = {kind for _, kind in definition.declaration.target}
    if not kinds & {"binary", "class", "simplex"} or "class" in definition.declaration.per:
        raise UnsupportedError(
            "LM281",
            f"{definition.title}: class weights need a target of classes with one weight per row. "
            'Weigh rows by a column instead: reweight(by="column").',
        )
    row = _by_class(definition, class_weight)
    made = called(Bound(definition), f"reweight({_shown(row)})").definition
    return replace(made, reweighting=(*definition.reweighting, row))


def _shown(row: Reweighting) -> str:
    if row.classes is not None:
        return f"{{{', '.join(f'{k}: {number_text(weight)}' for k, weight in row.classes)}}}"
    return "'balanced'" if row.beta is None else f"effective_number({number_text(row.beta)})"


def _by_class(definition: Definition, class_weight: Any) -> Reweighting:
    if isinstance(class_weight, str) and (found := NAMED.fullmatch(class_weight.replace(" ", ""))):
        class_weight = effective_number(float(found[1]))
    if isinstance(class_weight, EffectiveNumber):
        return Reweighting(beta=class_weight.beta)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ArgumentError(
                "LM282",
                f'{definition.title}: class_weight is "balanced", effective_number(beta) or numbers, got "{class_weight}".',
            )
        return Reweighting()
    return Reweighting(_pairs(definition, class_weight))


def _pairs(definition: Definition, class_weight: Any) -> tuple[tuple[int, float], ...]:
    """Numbers by class from a mapping (or a table with an index, as pandas has), or in the order of the classes."""
    try:
        items = class_weight.items() if hasattr(class_weight, "items") else enumerate(class_weight)
        pairs = tuple(sorted((float(k), float(v)) for k, v in items))
    except (TypeError, ValueError):
        pairs = ()
    if not pairs or not all(k >= 0 and k.is_integer() for k, _ in pairs):
        raise ArgumentError(
            "LM283",
            f"{definition.title}: class weights are numbers by class number, as in {{0: 1, 1: 20}} or [1, 20], got "
            f"{class_weight!r}.",
        )
    for k, weight in pairs:
        if not (weight >= 0 and np.isfinite(weight)):
            raise ArgumentError(
                "LM283", f"{definition.title}: the weight of class {k:g} must be finite and >= 0, got {weight}."
            )
    return tuple((int(k), weight) for k, weight in pairs)


def class_shares(y: Array, n_classes: int) -> Array:
    """How much of each class every row is: (n, classes), from indices, binary targets or probabilities."""
    if y.ndim == 2:
        return y
    if y.dtype.kind == "i":
        return np.asarray(y[:, None] == np.arange(n_classes), dtype=np.float64)
    return np.stack([1.0 - y, y], axis=1)


def class_table(definition: Definition, classes: int) -> Array:
    """The weight of every class: the product of all that are given."""
    table = np.ones(classes)
    for row in definition.reweighting:
        if row.column is None and row.classes is None:
            raise ArgumentError(
                "LM284",
                f"{definition.title}: these class weights depend on the training set; call loss.fit(y_true) first.",
            )
        for k, weight in row.classes or ():
            if k >= classes:
                raise ArgumentError(
                    "LM285", f"{definition.title}: there is a weight for class {k}, but only {classes} classes."
                )
            table[k] *= weight
    return table


def class_counts(shares: Array, weight: Array | None, needed_for: str) -> Array:
    """The (weighted) number of rows of each class; one that does not occur is refused."""
    counts = np.asarray(shares.sum(axis=0) if weight is None else weight @ shares, dtype=np.float64)
    if not (counts > 0).all():
        missing = int(np.flatnonzero(counts == 0)[0])
        raise ArgumentError("LM286", f"class {missing} does not occur in y_true, so {needed_for} are not defined.")
    return counts


def balanced(counts: Array) -> Array:
    """n / (classes · n_k): every class then weighs the same in total."""
    return np.asarray(counts.sum() / (len(counts) * counts))


def effective(counts: Array, beta: float) -> Array:
    """(1 - beta) / (1 - beta**n_k), made to add up to the number of classes: rows of a large class repeat each other.

    Source: Cui et al. (2019), Class-Balanced Loss Based on Effective Number of Samples, arXiv:1901.05555, eq. 2 and 4.
    """
    values = (1.0 - beta) / -np.expm1(counts * np.log(beta)) if beta > 0 else np.ones_like(counts)
    return np.asarray(values * (len(counts) / values.sum()))


def fitted(definition: Definition, shares: Array | None, weight: Array | None) -> Definition:
    """The definition with all that depends on the training set made numbers of this one."""
    open_rows = [row for row in definition.reweighting if row.classes is None and row.column is None]
    if shares is None or not (open_rows or definition.priors == ()):
        return definition
    counts = class_counts(shares, weight, "balanced weights" if open_rows else "class priors")
    rows = tuple(_fitted(row, counts) if row in open_rows else row for row in definition.reweighting)
    priors = tuple((counts / counts.sum()).tolist()) if definition.priors == () else definition.priors
    return replace(definition, reweighting=rows, priors=priors)


def _fitted(row: Reweighting, counts: Array) -> Reweighting:
    values = balanced(counts) if row.beta is None else effective(counts, row.beta)
    return Reweighting(tuple((k, float(v)) for k, v in enumerate(values)))


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
    if inside is None or any(row.column is not None for row in definition.reweighting):
        return None
    return tuple(float(weight) for weight in np.asarray(inside) * class_table(definition, classes))


def _weights_inside(definition: Definition, parameters: Mapping[str, float] | None) -> tuple[float, float] | None:
    """The weights in the formula of two classes: their ratio where predicted and true odds differ by a factor.

    A model is right where q·g1 + (1-q)·g0 = 0, with the slopes g of both outcomes, so the true odds are -g0/g1.
    """
    body = body_of(definition, parameters)
    if isinstance(body, str) or body.kind != "binary" or body.row_wise:
        return None
    raw = np.repeat(GIVEN if body.given else RAWS, 2)[:, None]
    target = np.tile([0.0, 1.0], len(raw) // 2)[:, None]
    predicted = body.raw if body.given else body.predicted(body.link)
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
