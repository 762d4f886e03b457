"""Where a formula has a corner, a jump or an infinite slope, and which slope is taken there.

Comes in: a formula. Goes out: `Kink` records: the surface on which it happens (a node that is 0 there), the slopes on
both sides and the declared choice between them. The choices are those of the derivative table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lossmith.formula.node import Node, make, number_of, symbols, walk
from lossmith.formula.text import to_text


@dataclass(frozen=True)
class Kink:
    """A corner: `surface` is 0 there; `left` and `right` say the slope where it is below and above 0.

    The slopes are those of the operation by `surface`, in words or as a number; `chosen` is the declared one.
    """

    surface: Node
    operation: str
    left: str
    right: str
    chosen: str


_COMPARISONS: Final = ("less", "less_equal", "equal")
_LOGICAL: Final = ("logical_and", "logical_or", "logical_not")


def kinks(root: Node) -> tuple[Kink, ...]:
    """The kinks of a formula in its raw predictions (a choice by the target alone is none), each once.

    >>> from lossmith.formula.node import symbol
    >>> y, z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
    >>> [(k.operation, k.surface, k.left, k.right, k.chosen) for k in kinks(abs(y - z))]
    [('abs', subtract(y, z), '-1', '1', '0')]
    """
    found: dict[tuple[int, str], Kink] = {}
    for node in walk(root):
        for kink in _TABLE[node.op](node) if node.op in _TABLE else _bare_comparisons(node):
            if _moves(kink.surface):
                found.setdefault((id(kink.surface), kink.operation), kink)
    return tuple(found.values())


def _moves(surface: Node) -> bool:
    return bool(symbols(surface, role="raw") or symbols(surface, role="prediction"))


def _abs(node: Node) -> Iterator[Kink]:
    if not is_positive(node.args[0]):
        yield Kink(node.args[0], "abs", "-1", "1", "0")


def _sign(node: Node) -> Iterator[Kink]:
    yield Kink(node.args[0], "sign", "0", "0", "0, though the value jumps")


def _sqrt(node: Node) -> Iterator[Kink]:
    if not is_positive(node.args[0]):
        yield Kink(node.args[0], "sqrt", "not defined", "infinite", "0")


def _extreme(node: Node) -> Iterator[Kink]:
    a, b = node.args
    below, above = (b, a) if node.op == "maximum" else (a, b)
    left, right = f"that of {to_text(below)}", f"that of {to_text(above)}"
    yield Kink(make("subtract", a, b), node.op, left, right, "half of each")


def _class_max(node: Node) -> Iterator[Kink]:
    ties = make("subtract", node.args[0], node)
    yield Kink(ties, "class_max", "0", "1 for the largest", "shared equally by those that tie")


def _where(node: Node) -> Iterator[Kink]:
    condition, chosen, other = node.args
    yield from _of_condition(condition, chosen, other)


def _of_condition(condition: Node, chosen: Node, other: Node) -> Iterator[Kink]:
    if condition.op == "logical_not":
        yield from _of_condition(condition.args[0], other, chosen)
    elif condition.op in _LOGICAL or any(a.op in (*_COMPARISONS, *_LOGICAL) for a in condition.args):
        for part in condition.args:
            yield from _of_condition(part, chosen, other)
    elif condition.op in _COMPARISONS:
        below = other if condition.op == "equal" else chosen
        at = other if condition.op == "less" else chosen
        surface = make("subtract", *condition.args)
        yield Kink(surface, "where", f"that of {to_text(below)}", f"that of {to_text(other)}", f"that of {to_text(at)}")


def _bare_comparisons(node: Node) -> Iterator[Kink]:
    """A comparison that is used as the number 0 or 1."""
    if node.op in _LOGICAL:
        return
    for argument in node.args:
        if argument.op in (*_COMPARISONS, *_LOGICAL):
            for inner in walk(argument):
                if inner.op in _COMPARISONS:
                    yield Kink(make("subtract", *inner.args), inner.op, "0", "0", "0, though the value jumps")


_TABLE: Final[dict[str, Callable[[Node], Iterator[Kink]]]] = {
    "abs": _abs,
    "sign": _sign,
    "sqrt": _sqrt,
    "maximum": _extreme,
    "minimum": _extreme,
    "class_max": _class_max,
    "where": _where,
}

_ALWAYS_POSITIVE: Final = frozenset({"exp", "cosh", "sigmoid", "softplus", "softmax", "softmax_complement"})
_NEVER_NEGATIVE: Final = frozenset({"abs", "sqrt", "log_cosh", "example_rms"})
_KEEPS_SIGN: Final = frozenset({"class_sum", "class_max", "example_sum", "example_mean", "axis_mean"})


def is_positive(node: Node) -> bool:
    """Whether the formula's form alone shows that it is greater than 0; False means "not shown".

    >>> from lossmith.formula.node import symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> is_positive(1 + z**2), is_positive(z**2)
    (True, False)
    """
    value = number_of(node)
    if value is not None:
        return value > 0
    if node.op == "add":
        a, b = node.args
        return (is_positive(a) and is_nonnegative(b)) or (is_nonnegative(a) and is_positive(b))
    if node.op in ("multiply", "divide", "minimum"):
        return all(is_positive(a) for a in node.args)
    if node.op == "maximum":
        return any(is_positive(a) for a in node.args)
    if node.op in ("power", "sqrt", "class_sum", "class_max"):
        return is_positive(node.args[0])
    return node.op in _ALWAYS_POSITIVE


def is_nonnegative(node: Node) -> bool:
    """Whether the formula's form alone shows that it is at least 0."""
    if is_positive(node) or node.op in _NEVER_NEGATIVE or number_of(node) == 0:
        return True
    if node.op == "power":
        exponent = number_of(node.args[1])
        return (exponent is not None and exponent % 2 == 0) or is_nonnegative(node.args[0])
    if node.op == "multiply" and node.args[0] is node.args[1]:
        return True
    if node.op in ("add", "multiply", "divide", "minimum"):
        return all(is_nonnegative(a) for a in node.args)
    return node.op in _KEEPS_SIGN and is_nonnegative(node.args[0])
