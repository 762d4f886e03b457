"""Derivatives of what depends on a row of classes by its log_softmax alone: one table.

Comes in: nodes over a row and what stands before their derivative. Goes out: the same by the log_softmax of each class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lossmith.calculus.terms import ONE, TWO, Maybe, minus, negate, or_zero, times
from lossmith.formula.node import Axis, Node, make


def axis_size(axis: Axis) -> Node:
    """The number of classes or groups, as a formula."""
    return make("class_sum", ONE) if axis == "class" else make("group_count")


def reverse_log_softmax(z: Node, adjoint: Maybe) -> Maybe:
    """The adjoint of z from that of log_softmax(z): a p_k - p_j for k = j as 1 - p_j, without the difference."""
    if adjoint is None:
        return None
    own = times(adjoint, make("softmax_complement", z))
    return minus(own, times(make("softmax", z), over_others(adjoint)))


def over_others(weight: Node) -> Node:
    """The sum of a weight over the other classes, of which there are one fewer than all."""
    if "class" in weight.axes:
        return make("class_others", weight)
    return or_zero(times(weight, axis_size("class") - ONE))


def _power_by_log(n: Node, t: Maybe) -> Maybe:
    """-b c**b p t / c: what may vanish with c stands above it."""
    z, exponent = n.args
    scaled = times(exponent, times(t, n * make("softmax", z)))
    return None if scaled is None else negate(make("safe_divide", scaled, make("softmax_complement", z)))


# What depends on a row by its log_softmax alone: t times the partial derivative by the log_softmax of the same class. All
# of them that stand on one row pass what they have to it together, so that terms that cancel meet before they are spread.
BY_LOG: Final[dict[str, Callable[[Node, Maybe], Maybe]]] = {
    "log_softmax": lambda n, t: t,
    "softmax": lambda n, t: times(t, n),
    "softmax_complement": lambda n, t: negate(times(t, make("softmax", n.args[0]))),
    "softmax_complement_power": _power_by_log,
    "softmax_focal": lambda n, t: times(t, make("softmax_focal_slope", *n.args)),
    "softmax_focal_slope": lambda n, t: times(t, make("softmax_focal_bend", *n.args)),
    "softmax_focal_bend": lambda n, t: times(t, softmax_focal_third(*n.args)),
}


def softmax_focal_third(z: Node, b: Node) -> Node:
    """The derivative of -b c**(b-1) p (2 + log p) + b (b-1) c**(b-2) p**2 log p by log p."""
    p, log = make("softmax", z), make("log_softmax", z)
    c, lower, lowest = make("softmax_complement", z), b - ONE, b - TWO
    first = ((p / c) * (lower * (TWO + log)) - (TWO + log)) - ONE
    second = lower * (((p / c) ** TWO) * (ONE - lowest * ((p / c) * log)) + (TWO * (p / c) ** TWO) * log)
    return (b * c**b) * ((p / c) * first + second)
