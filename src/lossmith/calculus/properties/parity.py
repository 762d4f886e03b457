"""Whether one formula is the mirror image of another in the raw prediction.

Comes in: two formulas of the raw prediction. Goes out: whether the first at z is the second at -z, as far as signs that
move through odd and even functions show it.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import OPERATIONS, Node, fingerprint, make, make_from, number_of, rebuild, substitute

ODD: Final = frozenset({"tanh", "sinh", "erf", "sign", "sin"})
EVEN: Final = frozenset({"abs", "cosh", "log_cosh", "cos"})


def mirrored(first: Node, second: Node, raw: Node) -> bool:
    """Whether first(z) = second(-z) as far as signs show it.

    >>> from lossmith.formula.node import symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> mirrored(make("log_cosh", z), make("log_cosh", z), z), mirrored(z**3, z**3, z)
    (True, False)
    """
    turned = substitute(second, {raw: -raw})
    return fingerprint(signed(first)) == fingerprint(signed(turned))


def signed(root: Node) -> Node:
    """The same function with minus signs moved outwards, and gone where a function is even."""
    return rebuild(root, _moved)


def _bare(node: Node) -> tuple[Node, bool]:
    return (node.args[0], True) if node.op == "negative" else (node, False)


def _with_sign(node: Node, minus: bool) -> Node:
    if not minus:
        return node
    return node.args[0] if node.op == "negative" else make("negative", node)


def _moved(node: Node, args: tuple[Node, ...]) -> Node:
    bare = [_bare(a) for a in args]
    if node.op == "negative":
        return _with_sign(args[0], True)
    if node.op in ODD:
        return _with_sign(make(node.op, bare[0][0]), bare[0][1])
    if node.op in EVEN:
        return make(node.op, bare[0][0])
    if node.op in ("multiply", "divide", "safe_divide", "vanishing_product"):
        return _with_sign(make(node.op, bare[0][0], bare[1][0]), bare[0][1] != bare[1][1])
    if node.op == "power" and (exponent := number_of(args[1])) is not None and exponent == int(exponent):
        return _with_sign(make("power", bare[0][0], args[1]), bare[0][1] and exponent % 2 == 1)
    if node.op in ("add", "subtract"):
        return _sum(node.op, bare)
    assert node.op in OPERATIONS
    return make_from(node.op, args, node.attr)


def _sum(op: str, bare: list[tuple[Node, bool]]) -> Node:
    """A sum with its signs in one order: -a - b as -(a + b), -a + b as b - a."""
    (a, x), (b, y) = bare
    y = y != (op == "subtract")
    if x == y:
        return _with_sign(make("add", a, b), x)
    first, second = (a, b) if y else (b, a)
    ordered = fingerprint(first) <= fingerprint(second)
    return make("subtract", first, second) if ordered else make("negative", make("subtract", second, first))
