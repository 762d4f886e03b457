"""Whether a finished number is a sum over examples, and of what: read from the form of the formula.

Comes in: a resolved formula. Goes out: `Additive`, or None.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, constant, make, number_of, symbols

ONE: Final = constant(1.0)
TOTAL: Final = make("example_sum", ONE)


@dataclass(frozen=True)
class Additive:
    """A total that is a sum over examples: `factor` times the sum over the examples of `body`, over `denominator`.

    `denominator` is a finished number without predictions: the total weight (`TOTAL`) for a mean, 1 for a sum.
    `factor` is an explicit number in front, as `0.5 * loss` puts it there.
    """

    body: Node
    denominator: Node
    factor: float = 1.0

    @property
    def term(self) -> Node:
        """One example's term, factor included."""
        return self.body if self.factor == 1.0 else constant(self.factor) * self.body

    @property
    def is_mean(self) -> bool:
        """Whether the sum is divided by the total weight."""
        return self.denominator is TOTAL


def additive_part(root: Node) -> Additive | None:
    """The one sum over examples that the number is made of, or None."""
    if root.op in ("example_mean", "example_sum"):
        coupled = sums_examples(root.args[0]) or "group" in root.axes
        return None if coupled else Additive(root.args[0], TOTAL if root.op == "example_mean" else ONE)
    if root.op == "negative":
        part = additive_part(root.args[0])
        return part and replace(part, factor=-part.factor)
    if root.op == "axis_mean" and root.attr == "class":
        part = additive_part(root.args[0])
        if part is None or part.denominator.axes:
            return None
        return replace(part, body=make("class_sum", part.body) / make("class_sum", ONE))
    if root.op in ("add", "subtract"):
        return _joined(root.op, *root.args)
    if root.op == "multiply":
        return _scaled(*root.args) or _scaled(*root.args[::-1])
    if root.op == "divide" and _is_scale(root.args[1]):
        part = additive_part(root.args[0])
        return part and replace(part, body=part.body / root.args[1])
    if root.op == "divide" and _is_known(root.args[1]):
        part = additive_part(root.args[0])
        return replace(part, denominator=root.args[1]) if part and part.denominator is ONE else None
    return None


def _scaled(scale: Node, other: Node) -> Additive | None:
    part = additive_part(other) if _is_scale(scale) else None
    if part is None:
        return None
    number = number_of(scale)
    if number is None:
        return replace(part, body=scale * part.body)
    return replace(part, factor=part.factor * number)


def _joined(op: str, left: Node, right: Node) -> Additive | None:
    """Two sums of the same kind are one; a number added to a mean is added to each example."""
    a, b = additive_part(left), additive_part(right)
    if a and b:
        return Additive(make(op, a.term, b.term), a.denominator) if a.denominator is b.denominator else None
    if a and a.is_mean and _is_scale(right):
        return Additive(make(op, a.term, right), TOTAL)
    return Additive(make(op, left, b.term), TOTAL) if b and b.is_mean and _is_scale(left) else None


def _is_scale(node: Node) -> bool:
    """Whether a node is made of numbers and parameters only."""
    data = [n for role in ("raw", "prediction", "target", "column", "weight") for n in symbols(node, role=role)]
    return not node.axes and not data and not sums_examples(node)


def _is_known(node: Node) -> bool:
    """Whether a finished number holds no prediction: the data alone decide it."""
    free = not (symbols(node, role="raw") or symbols(node, role="prediction"))
    return free and "example" not in node.axes
