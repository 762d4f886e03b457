"""Weights of rows written into the formula, so that a weighed loss can stand in a sum beside one that is not.

Comes in: a `Bound` with weights by class (of two outcomes) or by column. Goes out: the same loss without these stages, its
sums and its denominator weighed in the formula; or None where a formula cannot say it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import mul

from lossmith.algebra.parts import YES_OR_NO, Bound, ratio_of
from lossmith.algebra.reweight import class_table
from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import LossmithError
from lossmith.formula.definition import Definition, sums_examples
from lossmith.formula.node import Node, constant, make
from lossmith.formula.outcomes import by_outcome, is_mixture


def weights_inside(bound: Bound) -> Bound | None:
    """The loss with its weights in the formula: sum(weight * loss) / sum(weight)."""
    definition = bound.definition
    if not definition.reweighting:
        return bound
    try:
        part = ratio_of(bound, "weights")
        table = class_table(definition, 2) if definition.weighs_classes else None
    except LossmithError:
        return None
    masked = any(row.mask for row in definition.reweighting)  # an absent row may hold NaN, which no factor takes away
    if masked or sums_examples(part.body) or (table is not None and not _weighs_outcomes(bound, part.body)):
        return None
    y, columns = bound.y, _columns(definition)
    body, mass = part.body, ONE
    if table is not None:
        other, happened = (constant(float(weight)) for weight in table)
        body = by_outcome(body, y, happened * y, other * (ONE - y))
        mass = happened * y + other * (ONE - y)
    body, mass = reduce(mul, columns, body), reduce(mul, columns, mass)
    total = make("example_sum", body)
    bottom = make("example_sum", mass) if part.denominator is TOTAL else part.denominator
    formula = total if bottom is ONE else total / bottom
    formula = formula if part.factor == 1.0 else constant(part.factor) * formula
    return replace(bound, definition=replace(definition, formula=formula, reweighting=()))


def _columns(definition: Definition) -> list[Node]:
    return [definition.roles.leaves[row.column] for row in definition.reweighting if row.column is not None]


def _weighs_outcomes(bound: Bound, body: Node) -> bool:
    """Whether weights of two outcomes can be put on the parts of the formula."""
    return bound.kind in YES_OR_NO and "class" not in bound.definition.declaration.per and is_mixture(body, bound.y)
