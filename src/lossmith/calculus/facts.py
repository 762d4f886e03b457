"""What is known of a loss without being told: every fact is derived from its formula and carries its evidence.

Comes in: a definition and parameter values. Goes out: `Facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lossmith.calculus.additivity import additive_part
from lossmith.calculus.convexity import smooth, strictly_convex
from lossmith.calculus.evidence import Fact
from lossmith.calculus.functional import UNNAMED, Functional, functional
from lossmith.calculus.kinks import Kink, kinks
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.node import walk


@dataclass(frozen=True)
class Facts:
    """The derived facts of one loss at one choice of parameters.

    `additive`: the total is a sum (or mean) over the examples. `shape`: `pointwise`, `row-wise` or `set-wise`.
    `functional`: what the loss makes a model estimate. `smooth`: the gradient has no jump.
    `strictly_convex`: it bends upwards everywhere in the raw prediction. `kinks`: where slopes differ, and the choice.
    """

    additive: Fact[bool]
    shape: Fact[str]
    functional: Fact[Functional]
    smooth: Fact[bool]
    strictly_convex: Fact[bool]
    kinks: tuple[Kink, ...]


def facts(definition: Definition, parameters: Mapping[str, float] | None = None) -> Facts:
    """Everything that is known of a loss now.

    >>> from lossmith.formula.trace import define
    >>> from lossmith.maths import where
    >>> late = define(target="real")(lambda y, z: where(y > z, 5, 1) * abs(y - z))
    >>> known = facts(late)
    >>> known.functional.value.text, known.shape.value, known.smooth.text
    ('quantile 0.833333', 'pointwise', 'refuted (the gradient jumps at y=0, z=0)')
    """
    return Facts(
        additive=additive(definition),
        shape=shape(definition),
        functional=weighed(functional(definition, parameters), definition),
        smooth=smooth(definition, parameters),
        strictly_convex=strictly_convex(definition, parameters),
        kinks=kinks(resolved(definition)),
    )


def weighed(found: Fact[Functional], definition: Definition) -> Fact[Functional]:
    """What is estimated when rows are weighed by their class: the same of a population with other shares."""
    if not definition.weighs_classes:
        return found
    table: dict[int, float] = {}
    for row in definition.reweighting:
        if row.column is None and row.classes is None:
            return Fact(UNNAMED, "open", note="the class weights are not fitted yet")
        table.update({k: table.get(k, 1.0) * weight for k, weight in row.classes or ()})
    pairs = tuple(sorted(table.items()))
    return found if set(table.values()) <= {1.0} else replace(found, value=replace(found.value, weights=pairs))


def additive(definition: Definition) -> Fact[bool]:
    """Whether the total is a sum or a mean over the examples, from the form of the formula."""
    part = additive_part(resolved(definition))
    if part is None:
        return Fact(False, "proved", note="the sums over examples go through a further formula")
    kind = "mean" if part.is_mean else "sum"
    return Fact(True, "proved", note=f"a {kind} over the examples")


def shape(definition: Definition) -> Fact[str]:
    """`pointwise` (each number alone), `row-wise` (the classes of a row together) or `set-wise` (all examples)."""
    root = resolved(definition)
    part = additive_part(root)
    if part is None:
        return Fact("set-wise", "proved", note="the examples are looked at together")
    coupled = any(n.op.startswith(("class_", "softmax", "log_softmax")) for n in walk(part.term))
    if coupled:
        return Fact("row-wise", "proved", note="the classes of a row are looked at together")
    return Fact("pointwise", "proved", note="each number is looked at alone")


__all__ = ["Fact", "Facts", "Functional", "additive", "facts", "functional", "shape", "smooth", "strictly_convex"]
