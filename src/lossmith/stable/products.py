"""Exponents that are products, quotients or differences: what rounding takes from them is kept until the exponential.

Comes in: the exponent as a formula over plain operations. Goes out: e ** (s x) as one operation over two factors and a rest.
A residual y - z, a quotient x / c and their product lose half a unit each, which the exponential multiplies by the exponent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.stable.arguments import lost, quotient

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
BIG: Final = constant(2.0**500)


@dataclass
class _Product:
    """The factors of an exponent: powers of two (exact), other numbers, what varies, and what stands below the line."""

    exact: float = 1.0
    numbers: list[Node] = field(default_factory=list)
    varying: list[Node] = field(default_factory=list)
    below: list[Node] = field(default_factory=list)


def _read(node: Node, found: _Product, *, over: bool = False) -> None:
    value = number_of(node)
    if node.op == "negative":
        found.exact = -found.exact
        _read(node.args[0], found, over=over)
    elif node.op in ("multiply", "divide"):
        _read(node.args[0], found, over=over)
        _read(node.args[1], found, over=over ^ (node.op == "divide"))
    elif value is not None and value and abs(value) in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        found.exact *= 1.0 / value if over else value
    elif over:
        found.below.append(node)
    else:
        (found.varying if node.axes else found.numbers).append(node)


def is_composed(x: Node) -> bool:
    """Whether an exponent is more than a leaf, a number or a function of its own."""
    return x.op in ("multiply", "divide", "add", "subtract") or (x.op == "negative" and is_composed(x.args[0]))


def exponential_of(x: Node, sign: Node = ONE) -> Node:
    """exp(sign * x), for a sign of 1 or -1 or a power of two."""
    inner = x.args[0] if x.op == "negative" else x
    if inner.op in ("add", "subtract"):
        return _of_sum(inner, sign if inner is x else _times(constant(-1.0), sign))
    found = _Product()
    _read(x, found)
    if any(n.axes for n in found.below) or not 1 <= len(found.varying) <= 2:
        return make("exp", _times(sign, x))
    return _of_product(found, sign)


def _of_sum(x: Node, sign: Node) -> Node:
    """exp(s (p + q)): a product in it stays whole."""
    p, q = x.args[0], x.args[1] if x.op == "add" else -x.args[1]
    for one, other in ((p, q), (q, p)):
        found = _Product()
        _read(one, found)
        product = (one.args[0] if one.op == "negative" else one).op in ("multiply", "divide")
        if product and 1 <= len(found.varying) <= 2 and not any(n.axes for n in found.below):
            return _of_product(found, sign, _times(sign, other))
    return make("exp_muladd", sign, p, _times(sign, q))


def _of_product(found: _Product, sign: Node, more_added: Node = ZERO) -> Node:
    first, *more = found.varying
    second = more[0] if more else (found.numbers.pop(0) if found.numbers else ONE)
    scale = _times(sign, constant(found.exact))
    for number in found.numbers:
        scale = _times(scale, number)
    sides = (first, found.below[::2]), (second, found.below[1::2])
    if not more and len(sides[1][1]) and second is ONE:
        sides = (first, found.below), (second, [])
    (a, lack), (b, other) = (_side(top, tuple(bottoms)) for top, bottoms in sides)
    a = _times(scale, a)
    missing = _plus(lack, other)
    rest = ZERO if missing is ZERO else make("where", make("abs", a * b) < BIG, (a * b) * missing, ZERO)
    return make("exp_muladd", a, b, _plus(more_added, rest))


def _side(top: Node, bottoms: tuple[Node, ...]) -> tuple[Node, Node]:
    """A factor over numbers, rounded, and how much larger it really is, as a share of it."""
    taken = lost(*_terms(top)) if top.op in ("add", "subtract") else None
    share = ZERO if taken is None else make("where", make("equal", taken, ZERO), ZERO, taken / top)
    if not bottoms:
        return top, share
    found, more = quotient(top, bottoms)
    return found, _plus(share, more)


def _terms(top: Node) -> tuple[Node, Node]:
    return top.args[0], top.args[1] if top.op == "add" else -top.args[1]


def _plus(a: Node, b: Node) -> Node:
    return b if a is ZERO else (a if b is ZERO else a + b)


def _times(a: Node, b: Node) -> Node:
    if a is ONE:
        return b
    if b is ONE:
        return a
    x, y = number_of(a), number_of(b)
    if x is not None and y is not None:
        return constant(x * y)
    if x == -1.0:
        return b.args[0] if b.op == "negative" else -b
    return a * b


def rest_of(x: Node) -> Node | None:
    """What rounding takes from a sum of two leaves, or from half or twice of it; None where nothing can be told."""
    if x.op in ("add", "subtract"):
        return lost(*_terms(x))
    if x.op == "negative":
        inner = rest_of(x.args[0])
        return None if inner is None else -inner
    for value, part in ((number_of(x.args[0]), x.args[1]), (None, ONE)) if x.op == "multiply" else ():
        if value in (0.5, 2.0):
            inner = rest_of(part)
            return None if inner is None else constant(value or 0.0) * inner
    if x.op == "divide" and number_of(x.args[1]) in (0.5, 2.0):
        inner = rest_of(x.args[0])
        return None if inner is None else inner / x.args[1]
    return None


def is_raw(x: Node) -> bool:
    """Whether an exponent moves with a raw prediction."""
    return any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, walk(x)))
