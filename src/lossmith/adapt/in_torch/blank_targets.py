"""Overlap losses where there is nothing to overlap with: a class without positives in the batch.

Comes in: a `Loss` and a rule. Goes out: the loss under that rule; every other loss as it is.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Final

from lossmith.errors import AdapterError, did_you_mean
from lossmith.formula.node import Node, constant, make, walk
from lossmith.loss.handle import Loss

RULES: Final[dict[str, float | None]] = {"zero": 0.0, "nan": nan, "formula": None}
"""What a class without positives costs, with no gradient; None is what the formula says."""


def under(loss: Loss, rule: str) -> Loss:
    """The loss in which a class without positives costs what the rule says.

    Raises `AdapterError` LM442 for an unknown rule.

    >>> import lossmith as ls
    >>> under(ls.get("dice"), "zero").value([0.0, 0.0], [1.0, 2.0]), under(ls.get("mse"), "zero") == ls.get("mse")
    (0.0, True)
    """
    if rule not in RULES:
        known = ", ".join(f'"{name}"' for name in RULES)
        raise AdapterError("LM442", f"blank_target takes {known}, got {rule!r}.{did_you_mean(str(rule), RULES)}")
    cost = RULES[rule]
    return (
        loss
        if cost is None or not is_overlap(loss)
        else replace(loss, definition=replace(loss.definition, formula=_chosen(loss, cost)))
    )


def is_overlap(loss: Loss) -> bool:
    """Whether a loss is made, class by class, of sums over the rows alone, and its targets are yes or no."""
    declared = loss.definition.declaration
    kinds = [kind for _, kind in declared.target]
    ops = {node.op for node in walk(loss.definition.formula) if node.op.startswith("example_")}
    return kinds == ["binary"] and "class" in declared.per and ops == {"example_sum"} and not loss.is_additive


def _chosen(loss: Loss, cost: float) -> Node:
    definition = loss.definition
    positives = make("example_sum", definition.roles.leaves[definition.declaration.target[0][0]])
    return make("where", make("less", constant(0.0), positives), definition.formula, constant(cost))
