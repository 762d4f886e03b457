"""Terms with powers of one sum, a degree apart: what cancels between them is taken out before anything is rounded.

Comes in: a sum in a derivative. Goes out: (1 + x)**(b - 1) times one polynomial with terms of one sign, or None. The second
derivative of (1 + r**2)**(1/2) is (1 + r**2)**(-3/2): of its two terms nothing but that is left far away.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, number_of, walk
from lossmith.formula.polynomial import added, polynomial, times, written
from lossmith.formula.shares import clashes_of

ONE: Final = constant(1.0)


def powers_met(node: Node) -> Node | None:
    """r (1 + x)**b + q (1 + x)**(b - 1) as (1 + x)**(b - 1) (r (1 + x) + q), where that is of one sign."""
    if node.op not in ("add", "subtract"):
        return None
    (one, first), (two, second) = (_apart(a) for a in node.args)
    if first is None or second is None or first.args[1] is not second.args[1]:
        return None
    b, lower = first.args[0], second.args[0]
    step = _lower_by_one(b, lower) - _lower_by_one(lower, b)
    if not step:
        return None
    log = first.args[1]
    grown = polynomial(ONE + log.args[0])
    upper, under = polynomial(one), polynomial(two)
    if grown is None or upper is None or under is None:
        return None
    raised, other = (times(grown, upper), under) if step > 0 else (upper, times(grown, under))
    if raised is None or other is None:
        return None
    total = added(raised, other, 1 if node.op == "add" else -1)
    if not total or clashes_of(total):
        return None
    inner = written(total, {n: i for i, n in enumerate(walk(node))})
    return None if inner is None else make("scaled_exp", inner, (lower if step > 0 else b) * log)


def _apart(node: Node) -> tuple[Node, Node | None]:
    """What stands before exp(b log1p(x)), and its exponent."""
    if node.op == "negative":
        front, power = _apart(node.args[0])
        return -front, power
    if node.op == "multiply":
        for at in (0, 1):
            front, power = _apart(node.args[at])
            if power is not None:
                other = node.args[1 - at]
                return other if front is ONE else other * front, power
        return node, None
    if node.op == "divide" or node.op == "safe_divide":
        front, power = _apart(node.args[0])
        return (node, None) if power is None else (front / node.args[1], power)
    front, power = (
        (node.args if node.op == "scaled_exp" else (ONE, node.args[0]))
        if node.op in ("exp", "scaled_exp")
        else (ONE, ONE)
    )
    is_power = power.op == "multiply" and not power.args[0].axes and power.args[1].op == "log1p"
    return (front, power) if is_power else (node, None)


def _lower_by_one(b: Node, lower: Node) -> bool:
    """Whether an exponent is another less 1."""
    x, y = _number(b), _number(lower)
    return lower is b - ONE or (x is not None and y is not None and x - y == 1.0)


def _number(node: Node) -> float | None:
    if node.op == "subtract" and not node.axes:
        x, y = (_number(a) for a in node.args)
        return None if x is None or y is None else x - y
    return number_of(node)
