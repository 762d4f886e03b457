"""softplus(a) and 1 - exp(-exp(a)) where they underflow: there they are e**a, to more digits than any float has.

Comes in: a logarithm of one of them, or a quotient by one. Goes out: the same as a choice, whose far branch is written with
a alone; or None. Both are short of e**a by a share of e**a / 2, which is below 2**-1021 where the far branch holds.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, symbol_of, walk

ONE: Final = constant(1.0)
FAR: Final = constant(-708.0)  # e**-708 is the least power of e with all its digits


def far_left(node: Node) -> Node | None:
    """log(softplus(a)) as a where a is far below 0, and b / softplus(a) as b e**-a."""
    small = _underflowing(node.args[1]) if node.op in ("xlogy", "divide") else None
    if node.op == "log":
        small = _underflowing(node.args[0])
        return None if small is None else _choice(small, small, make("log_ratio", node.args[0], ONE))
    if small is None:
        return None
    b, below = node.args
    if node.op == "xlogy":
        return _choice(small, b * small, b * make("log_ratio", below, ONE))
    if any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, walk(b))):
        return None
    return _choice(small, b * make("exp", -small), make("safe_divide", b, below))


def _underflowing(node: Node) -> Node | None:
    """The a of softplus(a) or 1 - exp(-exp(a)), if it moves with a raw prediction."""
    a = node.args[0] if node.op == "softplus" else None
    if node.op == "negative" and node.args[0].op == "expm1":
        power = node.args[0].args[0]
        a = power.args[0].args[0] if power.op == "negative" and power.args[0].op == "exp" else None
    moves = a is not None and any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, walk(a)))
    return a if moves else None


def _choice(a: Node, far: Node, near: Node) -> Node:
    return make("where", a < FAR, far, near)
