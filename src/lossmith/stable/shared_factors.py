"""What terms of a derivative share: shares of 1 that differ by a factor, a label that is divided and multiplied by.

Comes in: a node of a derivative. Goes out: an equal node without the difference or the detour, or None.
"""

from __future__ import annotations

from lossmith.formula.node import Node, among
from lossmith.formula.signs import is_label


def shares_apart(node: Node) -> Node | None:
    """x p (1 - p) p - x p (1 - p) (1 - p) as x p (1 - p) times p - (1 - p), which is a tanh."""
    if node.op not in ("add", "subtract"):
        return None
    (first, plus), (second, other) = map(_signed, node.args)
    if plus != (other if node.op == "subtract" else -other) or len(first) < 2:
        return None
    common, left, right = _shared(first, second)
    if len(left) != 1 or len(right) != 1 or not common or not _are_opposite(left[0], right[0]):
        return None
    found = _product(common) * (left[0] - right[0])
    return found if plus > 0 else -found


def _signed(node: Node) -> tuple[list[Node], int]:
    """The factors of a product, and its sign."""
    if node.op == "negative":
        factors, sign = _signed(node.args[0])
        return factors, -sign
    return _factors(node), 1


def _shared(first: list[Node], second: list[Node]) -> tuple[list[Node], list[Node], list[Node]]:
    """What both have, and what is left of each."""
    common, right = list[Node](), list(second)
    left = list[Node]()
    for factor in first:
        at = next((i for i, f in enumerate(right) if f is factor), None)
        (left if at is None else common).append(factor)
        if at is not None:
            right.pop(at)
    return common, left, right


def _are_opposite(a: Node, b: Node) -> bool:
    """s(a) and s(-a)."""
    if a.op != "sigmoid" or b.op != "sigmoid":
        return False
    x, y = a.args[0], b.args[0]
    return (x.op == "negative" and x.args[0] is y) or (y.op == "negative" and y.args[0] is x)


def _product(factors: list[Node]) -> Node:
    found = factors[0]
    for factor in factors[1:]:
        found = found * factor
    return found


def label_taken_back(node: Node) -> Node | None:
    """(c y) (a / y) as c a for a label y: a / y may be too small for a float though a is not."""
    if node.op != "multiply":
        return None
    factors = _factors(node)
    for below in factors:
        if below.op != "divide" or not is_label(below.args[1]) or not among(below.args[1], factors):
            continue
        at = next(i for i, f in enumerate(factors) if f is below.args[1])
        return _product([f if f is not below else below.args[0] for i, f in enumerate(factors) if i != at])
    return None


def _factors(node: Node) -> list[Node]:
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]
