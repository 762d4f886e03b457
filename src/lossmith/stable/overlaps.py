"""Floating-point forms of overlaps of two sums: what every row reads is finished once, in two words.

Comes in: a node of a gradient, as an exact formula over finished sums. Goes out: an equal node, or None.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from lossmith.formula.node import Node, constant, make
from lossmith.formula.rewrite import match, wildcard
from lossmith.stable.arguments import quotient

Words: TypeAlias = tuple[Node, Node | None]

ZERO: Final = constant(0.0)
TWO: Final = constant(2.0)
ONE: Final = constant(1.0)
BIG: Final = constant(2.0**300)
TINY: Final = constant(2.0**-300)
GROWN: Final = constant(2.0**600)
TOP: Final = wildcard("top")
BOTTOM: Final = wildcard("bottom")
LABEL: Final = wildcard("label")
SIZE: Final = wildcard("size")
RAW: Final = wildcard("raw")

_SHARE: Final = make("safe_divide", TOP, BOTTOM) - TWO * LABEL
_SLOPE: Final = make("safe_divide", _SHARE * make("sigmoid_slope", RAW), BOTTOM) / SIZE


def in_two_words(node: Node) -> Node | None:
    """A sum of finished sums, with what rounding takes from each of them and from their sum (Knuth 1969)."""
    if node.op != "add" or any("example" in a.axes for a in node.args):
        return None
    parts = [words(a) for a in node.args]
    if all(rest is None for _, rest in parts):
        return None
    (a, _), (b, _) = parts
    total = a + b
    back = total - a
    rest = (a - (total - back)) + (b - back)
    for _, more in parts:
        rest = rest if more is None else rest + more
    return make("two_words", total, make("where", make("abs", total) < BIG, rest, ZERO))


def words(node: Node) -> Words:
    """A finished number as it is rounded, and what rounding took from it, where that is known."""
    if node.op == "two_words":
        return node.args[0], node.args[1]
    return node, make("rest_of_sum", node) if node.op == "example_sum" else None


def slope_of_overlap(node: Node) -> Node | None:
    """(n/d - 2 y) p (1 - p) / d / k as (n/d/d/k - y (2/d/k)) p (1 - p): the numbers of all rows are rounded once."""
    found = next(match(_SLOPE, node, {}), None) if node.op == "divide" else None
    if found is None:
        return None
    bottom, size = words(found[BOTTOM]), words(found[SIZE])
    grown = make(
        "where", bottom[0] < TINY, GROWN, ONE
    )  # d may be so small that 2/d is infinite, where p (1 - p) / d is not
    scaled = bottom[0] * grown, None if bottom[1] is None else bottom[1] * grown
    first = _quotient(words(found[TOP]), (bottom, scaled, size))
    second = _quotient((TWO, None), (scaled, size))
    return (first - found[LABEL] * second) * (grown * make("sigmoid_slope", found[RAW]))


def _quotient(top: Words, bottoms: tuple[Words, ...]) -> Node:
    """A quotient of finished numbers, rounded once; 0 for an empty overlap."""
    (n, lost), first = top, bottoms[0][0]
    found, more = quotient(n, tuple(b for b, _ in bottoms))
    if lost is not None:
        more = more + make("safe_divide", lost, n)
    for b, rest in bottoms:
        more = more if rest is None else more - make("safe_divide", rest, b)
    small = make("logical_and", make("abs", n) < BIG, make("abs", first) < BIG)
    whole = found + make("where", small, found * more, ZERO)
    return make("where", make("equal", first, ZERO), ZERO, whole)
