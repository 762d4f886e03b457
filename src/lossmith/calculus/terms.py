"""Sums and products of the terms of a derivative: structural zeros are dropped, numbers fold, infinities do not meet zeros.

Comes in: nodes, or None for a term that is 0 by structure. Goes out: the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, constant, is_number, make, number_of, symbols

Maybe: TypeAlias = Node | None

ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
HALF: Final = constant(0.5)
ZERO: Final = constant(0.0)


def or_zero(a: Maybe) -> Node:
    """The node, or the constant 0 for a structural zero."""
    return ZERO if a is None else a


def plus(a: Maybe, b: Maybe) -> Maybe:
    """a + b, where None is a structural zero."""
    if a is None or b is None:
        return a if b is None else b
    if b.op == "negative":
        return minus(a, b.args[0])
    if a.op == "negative":
        return minus(b, a.args[0])
    joined = _over_one_denominator(plus, a, b)
    return make("add", a, b) if joined is None else joined


def minus(a: Maybe, b: Maybe) -> Maybe:
    """a - b, where None is a structural zero."""
    if b is None:
        return a
    if a is None:
        return negate(b)
    joined = _over_one_denominator(minus, a, b)
    return make("subtract", a, b) if joined is None else joined


def _over_one_denominator(join: Callable[[Maybe, Maybe], Maybe], a: Node, b: Node) -> Maybe:
    """a/d + b/d as (a + b)/d: where d underflows the terms may be infinite, and their difference NaN."""
    if a.op == b.op == "safe_divide" and a.args[1] is b.args[1]:
        return make("safe_divide", or_zero(join(a.args[0], b.args[0])), a.args[1])
    return None


def negate(a: Maybe) -> Maybe:
    """-a, without double signs."""
    if a is None:
        return None
    value = number_of(a)
    if value is not None:
        return constant(-value)
    return a.args[0] if a.op == "negative" else make("negative", a)


def times(a: Maybe, b: Maybe) -> Maybe:
    """a * b, where None is a structural zero and factors of one vanish; signs are pulled out."""
    if a is None or b is None:
        return None
    for one, other in ((a, b), (b, a)):
        if is_number(one, 1.0):
            return other
        if is_number(one, -1.0):
            return negate(other)
        if number_of(one) is not None and other.op == "multiply" and number_of(other.args[0]) is not None:
            return _folded(one, other)
        if one.op == "where" and _selects(one):
            return make("where", one.args[0], *(_selected(branch, other) for branch in one.args[1:]))
        if other.op == "multiply" and _is_scale(other.args[0]) and _is_bounded(one):
            return make("multiply", or_zero(times(one, other.args[0])), other.args[1])
        if one.op == "negative":
            return negate(times(one.args[0], other))
        if other.op == "multiply" and _is_quotient(one):
            for scale, rest in (other.args, other.args[::-1]):
                if _is_scale(scale):
                    return make("multiply", or_zero(times(one, scale)), rest)
        if one.op == "safe_divide" and _takes_in(*one.args):
            return make("safe_divide", or_zero(times(one.args[0], other)), one.args[1])
    return make("multiply", a, b)


def _folded(number: Node, product: Node) -> Node:
    """x * (y * a) as (x y) * a, if x y is exact: 0.5 * (2 * a) may overflow where a does not."""
    x, y = number_of(number) or 0.0, number_of(product.args[0]) or 0.0
    if not math.isfinite(x * y) or Fraction(x) * Fraction(y) != Fraction(x * y):
        return make("multiply", number, product)
    return or_zero(times(constant(x * y), product.args[1]))


def _is_quotient(node: Node) -> bool:
    """Whether a varying factor holds a quotient: a number joins it before a huge factor does, whose double overflows."""
    return (node.op == "divide" and not _is_scale(node)) or (
        node.op == "multiply" and any(map(_is_quotient, node.args))
    )


def _is_scale(node: Node) -> bool:
    return not node.axes and not sums_examples(node)


def _is_bounded(node: Node) -> bool:
    """Whether a factor is a number, or chooses between numbers: it joins another number before a large factor does."""
    if node.op == "where":
        return all(_is_bounded(branch) for branch in node.args[1:])
    return _is_scale(node)


def _takes_in(numerator: Node, denominator: Node) -> bool:
    """Whether a factor goes into the numerator: it may vanish with the denominator, and 0/0 is 0 where 0 * 1/0 is NaN.

    Not where the numerator itself vanishes with the denominator: the product of two small numbers may be a false 0.
    """
    return "example" not in denominator.axes or not symbols(numerator, role="raw")


def _selects(node: Node) -> bool:
    """Whether a `where` has a branch of 0 or chooses between numbers: multiply inside, for 0 * infinity is NaN."""
    branches = node.args[1:]
    return any(is_number(b, 0.0) for b in branches) or all(
        number_of(b) is not None or (b.op == "where" and _selects(b)) for b in branches
    )


def _selected(branch: Node, other: Node) -> Node:
    return branch if is_number(branch, 0.0) else or_zero(times(branch, other))


def reciprocal(node: Node) -> Node:
    """1 / node, as a number where it is exact."""
    value = number_of(node)
    if value and Fraction(1 / value) * Fraction(value) == 1:
        return constant(1 / value)
    return ONE / node
