"""The normal distribution's words in formulas, from the error function that people write.

Comes in: a sum or a difference of a formula. Goes out: an equal one by `normal_cdf`, or None.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, number_of

ROOT_TWO: Final = make("sqrt", constant(2.0))


def half_of_erf(node: Node) -> Node | None:
    """c + c erf(a) as 2 c normal_cdf(a sqrt(2)), and c - c erf(a), whose digits are lost where erf(a) is near 1, alike."""
    if node.op not in ("add", "subtract"):
        return None
    for number, grown in (node.args, node.args[::-1]) if node.op == "add" else (node.args,):
        found = _factor_of_erf(grown)
        size = number_of(number)
        if found is not None and size is not None and size == abs(found[0]) > 0:
            sign = found[0] * (1.0 if node.op == "add" else -1.0)
            at = _times_root_two(found[1])
            share = make("normal_cdf", at if sign > 0 else -at)
            return share if size == 0.5 else constant(2.0 * size) * share
    return None


def _factor_of_erf(node: Node) -> tuple[float, Node] | None:
    """The number before an error function, and what that is of."""
    if node.op == "erf":
        return 1.0, node.args[0]
    if node.op == "negative" and (inside := _factor_of_erf(node.args[0])) is not None:
        return -inside[0], inside[1]
    if node.op == "multiply":
        for number, other in (node.args, node.args[::-1]):
            if (size := number_of(number)) is not None and other.op == "erf":
                return size, other.args[0]
    if node.op == "divide" and node.args[0].op == "erf" and (size := number_of(node.args[1])) in (1.0, 2.0, 4.0):
        return 1.0 / size, node.args[0].args[0]
    return None


def _times_root_two(node: Node) -> Node:
    if node.op == "negative":
        return -_times_root_two(node.args[0])
    if node.op == "divide" and node.args[1] is ROOT_TWO:
        return node.args[0]
    return node * ROOT_TWO
