"""Floating-point forms of what is computed from a row of classes: its softmax, complements and their powers.

Comes in: arguments over plain operations. Goes out: forms over plain operations, relative to the largest class.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, number_of
from lossmith.stable.arguments import argument_of, relative

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
TWO: Final = constant(2.0)


def _distances(x: Node) -> tuple[Node, Node]:
    """How far each class lies from the largest, and the exponential of that."""
    found = argument_of(x)
    if not found.is_leaf:
        return relative(found, make("class_first_max", x))
    top = make("class_max", x)
    return x - top, make("exp_muladd", ONE, x, -top)  # the difference in two words: exp would magnify its rounding


def _row(x: Node) -> tuple[Node, Node, Node]:
    """The exponentials relative to the largest class, which class that is, and the sum of the others."""
    e, first = _distances(x)[1], make("class_first_max", x)
    return e, first, make("class_sum", make("where", first, ZERO, e))


def logsumexp(x: Node) -> Node:
    return make("class_max", x) + make("log1p", _row(x)[2])


def log_softmax(x: Node) -> Node:
    return _distances(x)[0] - make("log1p", _row(x)[2])


def softmax(x: Node) -> Node:
    e, _, rest = _row(x)
    return e * (ONE / (ONE + rest))


def softmax_complement(x: Node) -> Node:
    e, first, rest = _row(x)
    return make("where", first, rest, ONE + (rest - e)) * (ONE / (ONE + rest))


def softmax_complement_power(x: Node, b: Node) -> Node:
    return power(softmax_complement(x), b)


def class_others(a: Node) -> Node:
    """Leave out the largest element by summing the others, not by subtracting it from the sum."""
    size = make("abs", a)
    first = make("class_first_max", size)
    rest = make("class_sum", make("where", first, ZERO, a))
    largest = make("class_sum", make("where", first, a, ZERO))
    return make("where", first, rest, largest + (rest - a))


def power(base: Node, exponent: Node) -> Node:
    """Small whole powers as products."""
    value = number_of(exponent)
    if value == 2.0:
        return base * base
    return base * base * base if value == 3.0 else make("power", base, exponent)


def softmax_slope(x: Node) -> Node:
    """p (1 - p) with one division, and without the roundings of the two sums with 1."""
    e, first, rest = _row(x)
    total, lost = _one_and(rest)
    others, lost_of_others = _one_and(rest - e)
    found = (e * make("where", first, rest, others)) / (total * total)
    return found + found * (make("where", first, ZERO, lost_of_others / others) - (lost / total + lost / total))


def _one_and(a: Node) -> tuple[Node, Node]:
    """1 + a, and what rounding takes from it (Knuth 1969)."""
    total = ONE + a
    back = total - ONE
    return total, (ONE - (total - back)) + (a - back)


def softmax_focal(x: Node, b: Node) -> Node:
    """(1 - p)**b log p."""
    return softmax_complement_power(x, b) * log_softmax(x)


def _log_by_odds(x: Node) -> Node:
    """log p times p / (1 - p): -1 for a class that is sure, 0 for one that is out of the question."""
    e, first, rest = _row(x)
    others = make("where", first, rest, ONE + (rest - e))
    found = make("where", make("equal", others, ZERO), -ONE, (log_softmax(x) / others) * e)
    return make("where", make("equal", e, ZERO), ZERO, found)


def softmax_focal_slope(x: Node, b: Node) -> Node:
    """(1 - p)**b (1 - b log p p / (1 - p)): no term is below 0."""
    return softmax_complement_power(x, b) * (ONE - b * _log_by_odds(x))


def softmax_focal_bend(x: Node, b: Node) -> Node:
    """-b (1 - p)**(b - 1) p (2 + log p - (b - 1) log p p / (1 - p)); 0 where p or 1 - p has underflowed."""
    _, first, rest = _row(x)
    bracket = (TWO + log_softmax(x)) - (b - ONE) * _log_by_odds(x)
    found = ((power(softmax_complement(x), b - ONE) * softmax(x)) * bracket) * -b
    sure = make("logical_and", first, make("equal", rest, ZERO))
    gone = make("logical_or", make("equal", softmax(x), ZERO), make("logical_or", sure, make("equal", b, ZERO)))
    return make("where", gone, ZERO, found)


def softmax_focal_own(x: Node, b: Node) -> Node:
    """-(1 - p)**b p (1 - p) (2b + 1 + b log p (1 - b p / (1 - p)))."""
    distance, scale = _distances(x)[0], make("log1p", _row(x)[2])  # log p is their difference
    bracket = ((TWO * b + ONE) + b * distance) - b * (scale + b * _log_by_odds(x))
    found = -((softmax_complement_power(x, b) * softmax_slope(x)) * bracket)
    return make("where", make("equal", softmax(x), ZERO), ZERO, found)
