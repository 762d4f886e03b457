"""Formulas as polynomials in their parts, with exact coefficients.

Comes in: a formula. Goes out: its terms {monomial: coefficient}, a monomial being parts with whole exponents (negative
ones stand below the line), and back: the terms as a formula with what they share in front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, TypeAlias

from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk

Monomial: TypeAlias = frozenset[tuple[Node, int]]
Polynomial: TypeAlias = dict[Monomial, Fraction]

ONE: Final = constant(1.0)
UNIT: Final[Monomial] = frozenset()
MOST_TERMS: Final = 24
MOST_DEGREE: Final = 4


def polynomial(node: Node) -> Polynomial | None:
    """The terms of a formula; None where they would be too many."""
    value = number_of(node)
    if value is not None:
        return ({UNIT: Fraction(value)} if value else {}) if math.isfinite(value) else None
    if node.op == "power":
        return _power(node)
    if node.op == "expm1":
        return {frozenset({(-node, 1)}): Fraction(-1)}  # its part is 1 - e**a, what e**a lacks of 1
    if node.op == "sigmoid_power" and number_of(node.args[1]) in (2.0, 3.0):
        return {frozenset({(make("sigmoid", node.args[0]), int(number_of(node.args[1]) or 0))}): Fraction(1)}
    if node.op == "multiply" and node.args[0] is node.args[1]:
        return _power(node.args[0] ** constant(2.0))
    if node.op not in ("add", "subtract", "negative", "multiply", "divide"):
        return {frozenset({(node, 1)}): Fraction(1)}
    if node.op == "negative" and node.args[0].op == "expm1":
        return {frozenset({(node, 1)}): Fraction(1)}
    if node.op == "multiply":
        return _product(node)
    parts = [polynomial(a) for a in node.args]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if node.op == "negative":
        return scaled(known[0], Fraction(-1))
    if node.op == "divide":
        return _quotient(known[0], known[1], node.args[1])
    found = added(known[0], known[1], 1 if node.op == "add" else -1)
    return found if len(found) <= MOST_TERMS else None


def factors_of(node: Node) -> list[Node]:
    """The factors of a product of products."""
    return [f for a in node.args for f in factors_of(a)] if node.op == "multiply" else [node]


def _product(node: Node) -> Polynomial | None:
    factors = factors_of(node)
    several = sum(bool(f.axes) for f in factors) > 1
    total: Polynomial | None = {UNIT: Fraction(1)}
    for factor in factors:
        terms = _as_part(factor) if several and is_residual(factor) else polynomial(factor)
        total = None if total is None or terms is None else times(total, terms)
    return total if total is not None and len(total) <= MOST_TERMS else None


def _power(node: Node) -> Polynomial | None:
    base, exponent = node.args
    value = number_of(exponent)
    if value is None or value != int(value) or not 0 < value <= MOST_DEGREE:
        return {frozenset({(node, 1)}): Fraction(1)}
    inner = polynomial(base)
    if inner is not None and len(inner) > 1 and not _opens(base):
        return {frozenset({(base, int(value))}): Fraction(1)}
    return None if inner is None else powered(inner, int(value))


def _opens(base: Node) -> bool:
    """Whether the power of a sum is worth writing out: one of shares of 1, not one of residuals."""
    return (base.op == "subtract" and base.args[0] is ONE) or any(n.op in SHARES for n in walk(base))


SHARES: Final = frozenset({"sigmoid", "sigmoid_power", "softmax", "softmax_complement", "expm1", "tanh"})


def is_residual(node: Node) -> bool:
    """A sum that moves with a raw prediction, without shares of 1: a product of such is not worth writing out."""
    if node.op in ("divide", "negative"):
        return is_residual(node.args[0])
    if node.op not in ("add", "subtract"):
        return False
    below = walk(node)
    moves = any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, below))
    return moves and not any(n.op in SHARES for n in below)


def _as_part(node: Node) -> Polynomial:
    if node.op == "negative":
        return scaled(_as_part(node.args[0]), Fraction(-1))
    return {frozenset({(node, 1)}): Fraction(1)}


def _quotient(top: Polynomial, bottom: Polynomial, node: Node) -> Polynomial | None:
    if len(bottom) != 1:
        return times(top, {frozenset({(node, -1)}): Fraction(1)})
    ((monomial, factor),) = bottom.items()
    return times(top, {frozenset((part, -k) for part, k in monomial): 1 / factor})


def added(a: Polynomial, b: Polynomial, sign: int = 1) -> Polynomial:
    """a + b, or a - b."""
    total = dict(a)
    for monomial, factor in b.items():
        total[monomial] = total.get(monomial, Fraction(0)) + sign * factor
    return {monomial: factor for monomial, factor in total.items() if factor}


def scaled(a: Polynomial, factor: Fraction) -> Polynomial:
    """Every coefficient times a number."""
    return {monomial: factor * value for monomial, value in a.items()}


def times(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The product; None where its terms are too many."""
    if len(a) * len(b) > 16 * MOST_TERMS:
        return None
    total: Polynomial = {}
    for p, x in a.items():
        for q, y in b.items():
            monomial = joined(p, q)
            total[monomial] = total.get(monomial, Fraction(0)) + x * y
    return {monomial: factor for monomial, factor in total.items() if factor}


def powered(a: Polynomial, n: int) -> Polynomial | None:
    """A whole power."""
    total: Polynomial | None = {UNIT: Fraction(1)}
    for _ in range(n):
        total = None if total is None else times(total, a)
    return total if total is None or len(total) <= MOST_TERMS else None


def joined(p: Monomial, q: Monomial) -> Monomial:
    """The product of two monomials."""
    powers = dict(p)
    for part, k in q:
        powers[part] = powers.get(part, 0) + k
    return frozenset((part, k) for part, k in powers.items() if k)


def exponent_of(monomial: Monomial, part: Node) -> int:
    """The exponent of a part, 0 where it is absent."""
    return next((k for other, k in monomial if other is part), 0)


def without(monomial: Monomial, *parts: Node) -> Monomial:
    """A monomial without some of its parts."""
    return frozenset((part, k) for part, k in monomial if not any(part is other for other in parts))


def parts_of(a: Polynomial) -> list[Node]:
    """Every part, each once."""
    return list({part: None for monomial in a for part, _ in monomial})


def shared(a: Polynomial) -> Monomial:
    """What all terms have in common."""
    common: dict[Node, int] = {}
    for part in parts_of(a):
        least = min(exponent_of(monomial, part) for monomial in a)
        if least:
            common[part] = least
    return frozenset(common.items())


def inverse(monomial: Monomial) -> Monomial:
    """1 over a monomial."""
    return frozenset((part, -k) for part, k in monomial)


# Back to formulas -------------------------------------------------------------------------------------------------------


def written(a: Polynomial, order: Mapping[Node, int]) -> Node | None:
    """The polynomial as a formula, positive terms first; None where a coefficient is no float."""
    if not a:
        return constant(0.0)
    if not all(map(_is_writable, a.values())):
        return None
    common = shared(a)
    inner = {joined(monomial, inverse(common)): factor for monomial, factor in a.items()}
    sign = -1 if all(factor < 0 for factor in inner.values()) else 1
    terms = sorted(inner.items(), key=lambda item: (item[1] * sign < 0, _place(item[0], order)))
    total: Node | None = None
    for monomial, factor in terms:
        term = _term(monomial, abs(factor), order)
        total = with_term(total, term, factor * sign < 0)
    assert total is not None
    if common:
        total = _term(common, Fraction(1), order, total)
    return -total if sign < 0 else total


def with_term(total: Node | None, term: Node, negative: bool) -> Node:
    """A sum with one more term."""
    if total is None:
        return -term if negative else term
    return total - term if negative else total + term


def _is_writable(factor: Fraction) -> bool:
    return Fraction(float(factor)) == factor or max(abs(factor.numerator), factor.denominator) < 2**53


def _place(monomial: Monomial, order: Mapping[Node, int]) -> list[tuple[int, int]]:
    return sorted((order.get(part, -1), k) for part, k in monomial)


def _term(monomial: Monomial, factor: Fraction, order: Mapping[Node, int], first: Node | None = None) -> Node:
    """A product, data first; what stands below the line divides it."""
    whole = Fraction(float(factor)) == factor
    top = factor if whole else Fraction(factor.numerator)
    found = constant(float(top)) if top != 1 else None
    below = None if whole else constant(float(factor.denominator))
    parts = sorted(monomial, key=lambda item: (_is_moving(item[0]), order.get(item[0], -1)))
    for part, k in parts:
        power = part if abs(k) == 1 else part ** constant(float(abs(k)))
        if k > 0:
            found = power if found is None else found * power
        else:
            below = power if below is None else below * power
    if first is not None and first is not ONE:
        found = first if found is None else found * first
    found = ONE if found is None else found
    return found if below is None else found / below


def _is_moving(part: Node) -> bool:
    leaf = symbol_of(part)
    return leaf is None or leaf.role == "raw"


def named(node: Node) -> Monomial:
    """A part alone."""
    return frozenset({(node, 1)})


def complement_name(a: Node) -> Node:
    """1 - a as a formula."""
    return make("subtract", ONE, a)
