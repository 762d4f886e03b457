"""Functions of a label and a probability, told apart by what happened: y = 1, y = 0, and a label in between.

Comes in: a logarithm, a root, a power, a size or a quotient of a polynomial in a label and in shares of 1. Goes out: the same
as a choice, whose branches for hard labels hold one share each, or None. A condition on a row's label says nothing about
other rows: what sums over rows or classes is left alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Final

from lossmith.formula.node import Node, among, constant, make, make_from, number_of, symbol_of, walk
from lossmith.formula.signs import is_label, sign_of

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
SHARES: Final = frozenset({"sigmoid", "sigmoid_power"})
JOINS: Final = frozenset({"add", "subtract", "multiply", "negative", "power", "constant", "symbol"})
MOST_NODES: Final = 60


def by_hard_label(node: Node) -> Node | None:
    """log, sqrt, |.|, a power or a quotient of a sum with a label in it, apart for y = 1, y = 0 and between."""
    if node.op not in SOFT or not any(_is_sum(a) or (node.op == "sqrt" and _has_share(a)) for a in _inside(node)):
        return None
    label = _label(_inside(node))
    if label is None:
        return None
    steep = node.args[1] if node.op == "divide" else node.args[0]
    if not any(_may_vanish(folded(steep, label, value)) for value in (ONE, ZERO)):
        return None
    hard, other = (_decided(node, label, value) for value in (ONE, ZERO))
    if hard is None or other is None:
        return None
    return make("where", make("equal", label, ONE), hard, make("where", make("equal", label, ZERO), other, _soft(node)))


def _inside(node: Node) -> tuple[Node, ...]:
    """What must be a polynomial: everything but a given exponent."""
    if node.op == "power":
        return node.args[:1] if number_of(node.args[1]) not in (1.0, 2.0, 3.0) and not node.args[1].axes else ()
    return node.args


def _is_sum(a: Node) -> bool:
    """A sum in which a label and a share meet; 1 - y alone is a label."""
    if a.op in ("multiply", "negative"):
        return any(_is_sum(x) for x in a.args)
    below = _outside_shares(a)
    return a.op in ("add", "subtract") and any(map(is_label, below)) and any(n.op in SHARES for n in below)


def _outside_shares(*roots: Node) -> list[Node]:
    """The nodes of a polynomial, without what is inside its shares."""
    found = dict[Node, None]()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += [] if node.op in SHARES else node.args
    return list(found)


def _label(parts: tuple[Node, ...]) -> Node | None:
    """The only label of polynomials in it and in shares of a raw prediction."""
    nodes = _outside_shares(*parts)
    labels = [n for n in nodes if is_label(n)]
    if len(nodes) > MOST_NODES or len(labels) != 1 or "class" in labels[0].axes:
        return None
    shares = [n for n in nodes if n.op in SHARES]
    alone = all(leaf is None or n is labels[0] or leaf.role == "parameter" for n in nodes for leaf in (symbol_of(n),))
    inner = walk(*shares)
    apart = not among(labels[0], inner) and not any(n.op.startswith(("example_", "class_")) for n in inner)
    return labels[0] if alone and apart and all(n.op in JOINS or n.op in SHARES for n in nodes) else None


def _may_vanish(part: Node) -> bool:
    """Whether every term of a sum is a share, or has one as a factor, and may underflow."""
    if part.op in ("add", "subtract"):
        return all(map(_may_vanish, part.args))
    return part.op in SHARES or (part.op in ("multiply", "negative", "power") and any(map(_may_vanish, part.args)))


def _soft(node: Node) -> Node:
    return SOFT[node.op](*node.args)


def _log(a: Node) -> Node:
    """The logarithm under another name, which no rule takes up again."""
    return make("log_ratio", a, ONE)


# operation -> the same under another name, for a label in between
SOFT: Final[Mapping[str, Callable[..., Node]]] = {
    "log": _log,
    "sqrt": lambda a: make("exp", constant(0.5) * _log(a)),
    "abs": lambda a: make("maximum", a, -a),
    "power": lambda a, b: make("exp", b * _log(a)),
    "divide": lambda a, b: make("safe_divide", a, b),
}


def into_choice(node: Node) -> Node | None:
    """A sum with a choice by a hard label, as the choice of the sums: terms that cancel meet within a branch."""
    if node.op not in ("add", "subtract"):
        return None
    for at, choice in enumerate(node.args):
        other = node.args[1 - at]
        known = _known(choice, other)
        if known is not None:
            first, second = (_beside(node, at, *pair) for pair in zip(choice.args[1:], known, strict=True))
            return make("where", choice.args[0], first, second)
    return None


def _known(choice: Node, other: Node) -> tuple[Node, Node] | None:
    """What stands beside a choice by a hard label: where the label is that, and where it is not."""
    if choice.op != "where" or not _is_of_label(choice.args[0]):
        return None
    if other.op == "where" and other.args[0] is choice.args[0]:
        return other.args[1], other.args[2]
    if number_of(other) is not None:
        return other, other
    label, value = choice.args[0].args if is_label(choice.args[0].args[0]) else choice.args[0].args[::-1]
    return (folded(other, label, value), other) if _label((other,)) is label and _has_share(other) else None


def _has_share(node: Node) -> bool:
    return any(n.op in SHARES for n in _outside_shares(node))


def _beside(node: Node, at: int, part: Node, other: Node) -> Node:
    return _simpler(node.op, *((part, other) if at == 0 else (other, part)))


def _is_of_label(condition: Node) -> bool:
    return (
        condition.op == "equal"
        and any(map(is_label, condition.args))
        and any(a is ONE or a is ZERO for a in condition.args)
    )


# Choices by the classes of a row --------------------------------------------------------------------------------------


def one_pick(node: Node) -> Node | None:
    """A product of two choices by `the row names one class` as one, where sum(y a) sum(y b) is sum(y a b)."""
    if node.op != "multiply":
        return None
    factors = _factors(node)
    choices = [f for f in factors if f.op == "where" and _named(f.args[0]) is not None]
    pair = next(((a, b) for a in choices for b in choices if a is not b and a.args[0] is b.args[0]), None)
    if pair is None:
        return None
    (condition, a, c), (_, b, d) = (n.args for n in pair)
    label = _named(condition)
    assert label is not None
    inside = [x.args[0].args[1] for x in (a, b) if _is_pick(x, label)]
    both = make("class_sum", label * (inside[0] * inside[1])) if len(inside) == 2 else a * b
    found = make("where", condition, both, c * d)
    for factor in [f for f in factors if not among(f, pair)]:
        found = factor * found
    return found


def _factors(node: Node) -> list[Node]:
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]


def _named(condition: Node) -> Node | None:
    """The labels y of `sum(y) is 1 and max(y) is 1`."""
    parts = [n.args for n in condition.args if n.op == "equal"] if condition.op == "logical_and" else []
    inner = {x.op: x.args[0] for args in parts for x in args if x.op in ("class_sum", "class_max")}
    same = len(inner) == 2 and inner["class_sum"] is inner["class_max"] and is_label(inner["class_sum"])
    return inner["class_sum"] if same and all(among(ONE, args) for args in parts) else None


def _is_pick(node: Node, label: Node) -> bool:
    return node.op == "class_sum" and node.args[0].op == "multiply" and node.args[0].args[0] is label


# Folding --------------------------------------------------------------------------------------------------------------


def _decided(node: Node, label: Node, value: Node) -> Node | None:
    """The node at one outcome; None where nothing is left of what moves with it."""
    args = tuple(folded(a, label, value) for a in node.args)
    if node.op == "divide":
        return None if args[1] is ZERO else _quotient(*args)
    if args[0] is ZERO:
        return ZERO if node.op in ("abs", "sqrt") else None
    sign = sign_of(args[0]) if node.op == "abs" else 0
    return (args[0] if sign > 0 else -args[0]) if sign else make_from(node.op, args, node.attr)


def _quotient(top: Node, bottom: Node) -> Node:
    return ZERO if top is ZERO else ONE if top is bottom else top / bottom


def folded(root: Node, label: Node, value: Node) -> Node:
    """A polynomial with its label put in, and what is 0 or 1 gone."""
    done: dict[Node, Node] = {label: value}

    def fold(node: Node) -> Node:
        if node not in done:
            args = tuple(fold(a) for a in node.args) if node.op in JOINS else ()
            done[node] = _simpler(node.op, *args) if args else node
        return done[node]

    return fold(root)


NUMBERS: Final[dict[str, Callable[[float, float], float]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "negative": lambda a, _: -a,
    "power": operator.pow,
}


def _simpler(op: str, a: Node, b: Node = ONE) -> Node:
    x, y = number_of(a), number_of(b)
    if x is not None and y is not None:
        return constant(NUMBERS[op](x, y))
    if op == "multiply":
        return ZERO if a is ZERO or b is ZERO else b if a is ONE else a if b is ONE else a * b
    if op in ("add", "subtract") and a is ZERO:
        return b if op == "add" else -b
    if (op in ("add", "subtract") and b is ZERO) or (op == "power" and b is ONE):
        return a
    if op == "power" and (a is ZERO or a is ONE):
        return a
    return -a if op == "negative" else make(op, a, b)
