"""Arguments of exponentials in two words: where a raw prediction was divided or moved before, its rounding would be magnified.

Comes in: the argument x of exp(-|x|) or of a power of a sigmoid, as an exact formula. Goes out: the same exponential over
plain operations, with x as a/b + c: the quotient by a number, the sum and their rounding are kept until the exponential.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, constant, make, number_of, symbol_of

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
BIG: Final = constant(2.0**500)
SPLITTER: Final = constant(134217729.0)  # 2**27 + 1 cuts 53 bits in two, whose products are exact (Dekker 1971)


@dataclass(frozen=True)
class Argument:
    """a / over + c (+ rest / over, which a has lost by rounding); None where there is no such part."""

    a: Node
    over: tuple[Node, ...] = ()
    c: Node | None = None
    rest: Node | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether there is nothing that rounding takes anything from."""
        return not self.over and self.c is None


def argument_of(x: Node) -> Argument:
    """An argument taken apart as far as it can be."""
    if x.op == "negative":
        return _mapped(argument_of(x.args[0]), lambda part: part.args[0] if part.op == "negative" else -part)
    if x.op == "multiply" and _is_power_of_two(x.args[0]):
        return _mapped(argument_of(x.args[1]), lambda part: x.args[0] * part)
    if x.op == "divide" and _is_scale(x.args[1]):
        return _divided(*x.args)
    if x.op in ("add", "subtract"):
        return _added(x.args[0], x.args[1] if x.op == "add" else -x.args[1])
    return Argument(x)


def _mapped(found: Argument, change: object) -> Argument:
    """The same with every part that is no denominator changed."""
    assert callable(change)
    return Argument(
        change(found.a), found.over,
        None if found.c is None else change(found.c), None if found.rest is None else change(found.rest),
    )  # fmt: skip


def _is_power_of_two(node: Node) -> bool:
    value = number_of(node)
    return value is not None and value in (0.5, 2.0, 4.0)


def _is_scale(node: Node) -> bool:
    return not node.axes and not sums_examples(node)


def _divided(n: Node, d: Node) -> Argument:
    inner = argument_of(n)
    if inner.c is None:
        return replace(inner, over=(*inner.over, d))
    return Argument(n, (d,), rest=None if inner.over else lost(inner.a, inner.c))


def lost(a: Node, b: Node) -> Node | None:
    """What rounding takes from a + b (Knuth 1969), if both are leaves or signs of leaves: nothing can be fused then."""
    if not (_is_leaf(a) and _is_leaf(b)):
        return None
    total = a + b
    part = total - a
    return (a - (total - part)) + (b - part)


def _is_leaf(node: Node) -> bool:
    return symbol_of(node.args[0] if node.op == "negative" else node) is not None


def _added(p: Node, q: Node) -> Argument:
    first, second = argument_of(p), argument_of(q)
    if first.c is None and first.over:
        return replace(first, c=q)
    if second.c is None and second.over:
        return replace(second, c=p)
    return Argument(p, c=q)


def quotient(top: Node, bottoms: tuple[Node, ...]) -> tuple[Node, Node]:
    """top over numbers and parameters, rounded, and how much larger the quotient really is, as a share of it."""
    more = ZERO
    for bottom in bottoms:
        found = top / bottom
        (a, b), (c, d) = _halves(found), _halves(bottom)
        left = (((top - a * c) - a * d) - b * c) - b * d
        share = make("where", make("equal", left, ZERO), ZERO, left / top)
        top, more = found, share if more is ZERO else more + share
    return top, more


def _halves(x: Node) -> tuple[Node, Node]:
    grown = SPLITTER * x
    high = grown - (grown - x)
    return high, x - high


def exponential(sign: Node, found: Argument) -> Node:
    """exp(sign * x) for a sign of 1 or -1."""
    if not found.over:
        return make("exp_muladd", sign, found.a, ZERO if found.c is None else sign * found.c)
    share, more = quotient(ONE, found.over)
    a = sign * found.a
    return make("exp_muladd", a, share, _smaller(found, a, sign, share, more))


def _smaller(found: Argument, a: Node, sign: Node, share: Node, more: Node) -> Node:
    rest = None if found.rest is None else sign * found.rest
    total = _rounding(a, share, more, rest)
    return total if found.c is None else total + sign * found.c


def _rounding(a: Node, share: Node, more: Node, rest: Node | None) -> Node:
    """What a * share lacks of the quotient; nothing where it would be infinite."""
    lacking = (a * share) * more
    if rest is not None:
        lacking = lacking + rest * share
    return make("where", make("abs", a) < BIG, lacking, ZERO)


def falling_power(x: Node, found: Argument, b: Node, tail: Node) -> Node:
    """exp(b * min(x, 0) - tail) for an argument that is more than a leaf."""
    below = x < ZERO

    def if_below(part: Node) -> Node:
        return make("where", below, part, ZERO)

    if not found.over:
        c = -tail if found.c is None else if_below(b * found.c) - tail
        return make("exp_muladd", b, if_below(found.a), c)
    share, more = quotient(b, found.over)
    a = if_below(found.a)
    smaller = _rounding(a, share, more, None if found.rest is None else if_below(found.rest))
    if found.c is not None:
        smaller = smaller + if_below(b * found.c)
    return make("exp_muladd", a, share, smaller - tail)


def relative(found: Argument, first: Node) -> tuple[Node, Node]:
    """Over the classes: the distance of each from the one that is `first`, and its exponential."""
    d = found.a - _at(found.a, first)
    lost = _lost_beside(found.a, first) if _is_leaf(found.a) else None
    c = None if found.c is None or "class" not in found.c.axes else found.c - _at(found.c, first)
    if not found.over:
        grown = make("exp_muladd", ONE, d, _sum(lost, c))
        return (d if c is None else d + c), grown
    share, more = quotient(ONE, found.over)
    grown = make("exp_muladd", d, share, _sum(_rounding(d, share, more, lost), c))
    distance = d
    for bottom in found.over:
        distance = distance / bottom
    return (distance if c is None else distance + c), grown


def _at(part: Node, first: Node) -> Node:
    return make("class_sum", make("where", first, part, ZERO))


def _lost_beside(a: Node, first: Node) -> Node:
    """What rounding takes from the distance."""
    top = -_at(a, first)
    total = a + top
    part = total - a
    return make("where", make("abs", total) < BIG, (a - (total - part)) + (top - part), ZERO)


def _sum(p: Node | None, q: Node | None) -> Node:
    if p is None or q is None:
        only = q if p is None else p
        return ZERO if only is None else only
    return p + q
