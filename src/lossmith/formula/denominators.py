"""Polynomials over sums and roots: all terms over one denominator.

Comes in: terms, some of which have a sum or a root below the line. Goes out: equal terms over the same power of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lossmith.formula.node import Node
from lossmith.formula.polynomial import (
    ONE,
    Polynomial,
    added,
    exponent_of,
    parts_of,
    polynomial,
    powered,
    times,
    without,
)


def of_one_root(terms: Polynomial) -> Iterator[Polynomial]:
    """Every term over the same power of a root: 1 / r is d / r**3 for the root r of d."""
    for part in parts_of(terms):
        root = _inverse_root(part)
        under = None if root is None else polynomial(root.args[0])
        if under is None:
            continue
        own: Polynomial = (
            {frozenset({(part, 2)}): Fraction(1)} if part is not root else {frozenset({(part, -2)}): Fraction(1)}
        )
        one = times(under, own)
        sign = 1 if part is not root else -1
        degrees = {m: sign * exponent_of(m, part) for m in terms}
        most = max(degrees.values())
        if one is None or any((most - k) % 2 or k < 0 for k in degrees.values()):
            continue
        total: Polynomial = {}
        for monomial, factor in terms.items():
            grown = powered(one, (most - degrees[monomial]) // 2)
            product = None if grown is None else times({monomial: factor}, grown)
            if product is None:
                return
            total = added(total, product)
        yield total


def _inverse_root(part: Node) -> Node | None:
    """The root that a part is, or is 1 over (and 0 where the root is 0)."""
    if part.op == "sqrt":
        return part
    inner = part.args[2] if part.op == "where" else part
    return inner.args[1] if inner.op == "divide" and inner.args[1].op == "sqrt" and inner.args[0] is ONE else None


def denominator(terms: Polynomial) -> Node | None:
    """A sum below the line, if there is just one."""
    below = [part for part in parts_of(terms) if any(exponent_of(m, part) < 0 for m in terms)]
    sums = [part for part in below if part.op in ("add", "subtract")]
    return sums[0] if len(sums) == 1 else None


def over_denominator(terms: Polynomial, bottom: Node, power: int, under: Polynomial) -> Polynomial | None:
    """The terms times a power of what stands below them."""
    total: Polynomial = {}
    for monomial, factor in terms.items():
        grown = powered(under, power + exponent_of(monomial, bottom))
        product = None if grown is None else times({without(monomial, bottom): factor}, grown)
        if product is None:
            return None
        total = added(total, product)
    return total
