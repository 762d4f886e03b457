"""Mixed second derivatives: how the gradient along a direction of the raw predictions changes with a target or weight.

Comes in: a definition, whose (the finished number's or each row's), by what. Goes out: a `Program` with one output. Learned
weights of rows (Ren et al. 2018, arXiv:1803.09050) and learned targets are trained through it.
"""

from __future__ import annotations

from lossmith.calculus.derivative import gradient, tangent
from lossmith.compiler import by_weights, direction, expressions
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.node import substitute
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.kernel.schedule import ONE, schedule, select_present
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise

MIXED = {False: "mixed", True: "per_example_mixed"}


def mixed_program(definition: Definition, per_row: bool, by: str | None, weighted: bool, name: str) -> Program:
    """The program of one mixed derivative; `by` names a target or column, None is the weight of the row."""
    found = expressions(definition)
    whole = found.per_example if per_row else found.value
    if whole is None:
        raise UnsupportedError(
            "LM310", f"{definition.title}: the total is not a sum over rows, so rows have no own loss."
        )
    moved = tangent(whole, {leaf: direction(leaf) for leaf in found.raw})
    weight = WEIGHT if weighted else ONE
    if by is not None:
        node = stabilise(gradient(moved, definition.roles.leaves[by]))[0]
        node = select_present(node if weight is ONE else weight * node, weight)
    else:
        node = stabilise(moved)[0] if per_row else by_weights(moved, definition)
    return schedule({}, {f"{name}:0": in_plain_operations(substitute(node, {WEIGHT: weight}))}, weight)
