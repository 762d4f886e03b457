"""A loss in words and facts: what is divided by what, what is known.

Comes in: a definition. Goes out: a few plain lines, printed from the formula, never typed.
"""

from __future__ import annotations

from functools import lru_cache

from lossmith.calculus.facts import Facts, facts
from lossmith.compiler import expressions
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, walk
from lossmith.formula.text import to_text

EMPTY = "Rows of weight 0 are absent. Without rows the loss is 0 and so is its gradient."
DENOMINATOR = {
    "example_mean": "the sum over rows of sample_weight (the number of rows, if there are no weights)",
    "example_sum": "1 (nothing is divided)",
}


@lru_cache(maxsize=512)
def facts_of(definition: Definition, parameters: tuple[tuple[str, float], ...]) -> Facts:
    """The facts of a definition at parameter values, derived once."""
    return facts(definition, dict(parameters))


def explain(definition: Definition) -> str:
    """Numerator and denominator of the finished number; the sums and the finish for a loss that is not additive."""
    additive = expressions(definition).additive
    lines: list[str]
    if additive is not None:
        kind = "mean" if additive.op == "example_mean" else "sum"
        lines = [
            f"{definition.name} is a {kind} over rows.",
            f"numerator: the sum over rows of sample_weight * {_body(definition)}",
            f"denominator: {DENOMINATOR[additive.op]}",
        ]
    else:
        lines = [
            f"{definition.name} is no sum over rows: it is finished from sums, {to_text(definition.formula)}",
            "the sums:",
        ]
        lines += [f"  {text}" for text in _sums(definition.formula)]
        lines += [f"finished per {axis}, then the plain mean is taken" for axis in reversed(definition.declaration.per)]
    for row in definition.reweighting:
        what = (
            f'the column "{row.column}"'
            if row.column
            else "a weight of its class"
            if row.classes
            else "a balanced class weight"
        )
        lines.append(f"sample_weight is multiplied by {what}")
    lines += [f"{name} = {text}" for name, text in _links(definition)]
    return "\n".join([*lines, EMPTY])


def _body(definition: Definition) -> str:
    formula = definition.formula
    text = to_text(formula)
    if "example" not in formula.axes:
        return text
    return f"({text})" if formula.op in ("add", "subtract", "negative") else text


def _sums(formula: Node) -> list[str]:
    return [f"{to_text(node)}: the weighted {node.op.removeprefix('example_')} over rows"
            for node in walk(formula) if node.op.startswith("example_")]  # fmt: skip


def _links(definition: Definition) -> list[tuple[str, str]]:
    """How predictions follow from raw predictions, where the formula reads them."""
    used = set(walk(definition.formula))
    return [
        (repr(p), link_named(link).text.removeprefix("p = ").removeprefix("p_k = "))
        for p, _, link in definition.roles.linked
        if p in used and link != "identity"
    ]
