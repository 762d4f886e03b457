"""The outcomes of a target of classes in a formula: y, what happened, and 1 - y, what did not.

Comes in: a formula and its target leaf. Goes out: the formula with both replaced, and whether it is a mixture of outcomes:
sum of y times something and (1 - y) times something, so that a soft label is a mixture of hard ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lossmith.formula.node import Node, constant, make, make_from, rebuild, walk

ONE: Final = constant(1.0)


def by_outcome(formula: Node, y: Node, happened: Node, other: Node) -> Node:
    """The formula with `happened` in the place of y and `other` in the place of 1 - y.

    >>> from lossmith.formula.node import symbol
    >>> from lossmith.formula.text import to_text
    >>> y, a = symbol("y", "target", ["example"]), symbol("a", "parameter")
    >>> to_text(by_outcome(y * 2 + (1 - y) * 3, y, y * a, 1 - y))
    'y * a * 2 + (1 - y) * 3'
    """
    complement = ONE - y

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        if node is complement:
            return other
        return happened if node is y else make_from(node.op, args, node.attr)

    return rebuild(formula, change)


def is_mixture(formula: Node, y: Node) -> bool:
    """Whether every term has exactly one factor y or 1 - y, read from the form of the formula.

    >>> from lossmith.formula.node import symbol
    >>> y, p = symbol("y", "target", ["example"]), symbol("p", "prediction", ["example"])
    >>> is_mixture(-y * p - (1 - y) * 2, y), is_mixture((y - p) ** 2, y)
    (True, False)
    """
    complement = ONE - y
    degree: dict[Node, int | None] = {}
    for node in walk(formula):
        if node is y or node is complement:
            degree[node] = 1
        else:
            below = [degree[a] for a in node.args]
            degree[node] = 0 if not any(below) and None not in below else _degree(node, below)
    return degree[formula] == 1


def _degree(node: Node, below: list[int | None]) -> int | None:
    rule = DEGREES.get(node.op)
    return None if rule is None or None in below else rule([b or 0 for b in below])


def _product(below: list[int]) -> int | None:
    return sum(below) if sum(below) <= 1 else None


def _alike(below: list[int]) -> int | None:
    return below[0] if len(set(below)) == 1 else None


# The degree in the outcomes, from the degrees of the arguments; what is not here keeps no degree.
DEGREES: Final[dict[str, Callable[[list[int]], int | None]]] = {
    "add": _alike,
    "subtract": _alike,
    "negative": _alike,
    "multiply": _product,
    "xlogy": lambda below: _product(below) if below[1] == 0 else None,
    "xlog1py": lambda below: _product(below) if below[1] == 0 else None,
    "divide": lambda below: below[0] if below[1] == 0 else None,
    "where": lambda below: _alike(below[1:]) if below[0] == 0 else None,
    "class_sum": _alike,
}


def smoothed(formula: Node, y: Node, epsilon: Node, *, of_classes: bool) -> Node:
    """The formula of the target mixed with `epsilon` of all classes alike (of both outcomes, for yes or no)."""
    share = epsilon / make("class_sum", ONE) if of_classes else epsilon / constant(2.0)
    kept = ONE - epsilon
    return by_outcome(formula, y, kept * y + share, kept * (ONE - y) + share)
