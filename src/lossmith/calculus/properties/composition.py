"""Convexity from how a formula is put together: one table of composition rules, for numbers and for rows of classes.

Comes in: a formula and the raw leaf. Goes out: whether it is convex, as far as the rules show it: sums, what rises and is
convex of what is convex, the largest of convex ones, log-sum-exp of straight ones, data in front that is never negative.
Along a row, or where all examples are looked at together: convex in all raw predictions together.
Source of the rules: Grant, Boyd and Ye (2006), Disciplined Convex Programming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lossmith.formula.node import Node, number_of, symbol_of, walk


@dataclass(frozen=True)
class Curve:
    """How a node bends in the raw predictions (`convex` and `concave`: straight) and whether it is known to be >= 0.

    `strict`: it bends along every direction but the one that moves all classes alike, or does not move at all along it.
    """

    convex: bool
    concave: bool
    nonnegative: bool = False
    strict: bool = False
    fixed: bool = False

    @property
    def straight(self) -> bool:
        """Both."""
        return self.convex and self.concave


UNKNOWN: Final = Curve(False, False)
NEVER_NEGATIVE: Final = frozenset(
    {"positive", "nonnegative", "count", "fraction", "binary", "class", "simplex", "ordinal"}
)


def _add(a: Curve, b: Curve) -> Curve:
    convex, concave = a.convex and b.convex, a.concave and b.concave
    return Curve(convex, concave, a.nonnegative and b.nonnegative, (a.strict or b.strict) and (convex or concave),
                 a.fixed and b.fixed)  # fmt: skip


def _minus(a: Curve) -> Curve:
    return Curve(a.concave, a.convex, False, a.strict, a.fixed)


def _scaled(a: Curve, b: Curve, number: float | None) -> Curve:
    """Data times a curve; the sign of data must be known."""
    if not a.fixed:
        return Curve(False, False, a.nonnegative and b.nonnegative)
    up = a.nonnegative or (number is not None and number >= 0)
    if up:
        return Curve(b.convex, b.concave, b.nonnegative, b.strict and number is not None and number > 0, b.fixed)
    if number is not None:
        return Curve(b.concave, b.convex, False, b.strict, b.fixed)
    return Curve(b.straight, b.straight, False, False, b.fixed)


def _rising(a: Curve, nonnegative: bool = False) -> Curve:
    """A convex function that rises."""
    return Curve(a.convex, False, nonnegative or a.nonnegative)


def _even(a: Curve) -> Curve:
    """A convex function of the size."""
    return Curve(a.straight or (a.convex and a.nonnegative), False, True)


def _log_softmax(a: Curve) -> Curve:
    return Curve(False, a.straight, False, False)


RULES: Final[Mapping[str, Callable[..., Curve]]] = {
    "add": _add,
    "subtract": lambda a, b: _add(a, _minus(b)),
    "negative": _minus,
    "abs": _even,
    "log_cosh": _even,
    "cosh": _even,
    "exp": lambda a: _rising(a, True),
    "expm1": _rising,
    "softplus": lambda a: _rising(a, True),
    "maximum": lambda a, b: Curve(a.convex and b.convex, False, a.nonnegative or b.nonnegative),
    "minimum": lambda a, b: Curve(False, a.concave and b.concave, a.nonnegative and b.nonnegative),
    "log": lambda a: Curve(False, a.concave),
    "log1p": lambda a: Curve(False, a.concave, a.nonnegative),
    "sqrt": lambda a: Curve(False, a.concave, True),
    **dict.fromkeys(("class_sum", "example_sum", "example_mean", "axis_mean"), lambda a: a),
    **dict.fromkeys(("example_logsumexp", "example_log_mean_exp"), lambda a: Curve(a.convex, False)),
    "example_max": lambda a: Curve(a.convex, False, a.nonnegative),
    "example_rms": _even,
    "class_max": lambda a: Curve(a.convex, False, a.nonnegative),
    "class_logsumexp": lambda a: Curve(a.convex, False),
    "log_softmax": _log_softmax,
    "softmax": lambda a: Curve(False, False, True),
    "softmax_complement": lambda a: Curve(False, False, True),
    "sigmoid": lambda a: Curve(False, False, True),
    "xlogy": lambda a, b: Curve(False, a.fixed and a.nonnegative and b.concave),
    "stop_gradient": lambda a: Curve(True, True, a.nonnegative, fixed=True),
}


def curves(root: Node, raw: Node, kind: str = "real") -> Mapping[Node, Curve]:
    """How every node under a formula bends in the raw leaf."""
    found: dict[Node, Curve] = {}
    for node in walk(root):
        found[node] = _curve(node, raw, kind, found)
    return found


def _curve(node: Node, raw: Node, kind: str, found: Mapping[Node, Curve]) -> Curve:
    value, leaf = number_of(node), symbol_of(node)
    if value is not None:
        return Curve(True, True, value >= 0, fixed=True)
    if leaf is not None:
        known = leaf.role == "target" and kind in NEVER_NEGATIVE
        return Curve(True, True, known, fixed=node is not raw)
    args = [found[a] for a in node.args]
    if all(a.fixed for a in args):
        return Curve(True, True, _never_negative(node, args), fixed=True)
    if node.op in ("multiply", "vanishing_product"):
        return _product(node, args)
    if node.op in ("divide", "safe_divide"):
        a, b = args
        up = b.fixed and b.nonnegative
        return Curve(a.convex and up, a.concave and up, a.nonnegative and up, a.strict and up)
    if node.op == "sqrt" and _is_sum_of_squares(node.args[0], found):
        return Curve(True, False, True)
    if node.op == "power":
        exponent = number_of(node.args[1])
        even = exponent is not None and exponent >= 1 and (args[0].nonnegative or exponent % 2 == 0)
        return _even(args[0]) if even else UNKNOWN
    rule = RULES.get(node.op)
    return UNKNOWN if rule is None else rule(*args)


def _is_sum_of_squares(node: Node, found: Mapping[Node, Curve]) -> bool:
    """Whether a root over it is a length: data that is never negative, and squares of straight lines, added up."""
    if node.op in ("add", "class_sum", "example_sum", "example_mean"):
        return all(_is_sum_of_squares(a, found) for a in node.args)
    square = node.op == "power" and number_of(node.args[1]) == 2.0
    square |= node.op == "multiply" and node.args[0] is node.args[1]
    known = found[node]
    return (known.fixed and known.nonnegative) or (square and found[node.args[0]].straight)


def _product(node: Node, args: list[Curve]) -> Curve:
    (a, b), (first, second) = node.args, args
    if a is b:
        return _even(first)
    return _scaled(first, second, number_of(a)) if first.fixed else _scaled(second, first, number_of(b))


def _never_negative(node: Node, args: list[Curve]) -> bool:
    """Data made of data: sums, products and quotients of what is never negative; 1 less a share."""
    if node.op in ("exp", "abs", "softplus", "sigmoid", "sqrt", "cosh"):
        return True
    if node.op == "subtract":
        one, part = number_of(node.args[0]), symbol_of(node.args[1])
        share = number_of(node.args[1])
        return one == 1.0 and ((share is not None and share <= 1) or (part is not None and part.role == "target"
                                                                      and "class" in node.args[1].axes))  # fmt: skip
    whole = node.op in ("add", "multiply", "divide", "safe_divide", "class_sum", "class_max", "maximum", "minimum")
    return whole and all(a.nonnegative for a in args)


def is_convex(root: Node, raw: Node, kind: str = "real") -> bool:
    """Whether the rules show that a formula is convex in the raw leaf.

    >>> from lossmith.formula.node import make, symbol
    >>> z = symbol("z", "raw", ["example", "class"])
    >>> is_convex(make("class_logsumexp", z) - make("class_sum", z), z), is_convex(-abs(z), z)
    (True, False)
    """
    return curves(root, raw, kind)[root].convex


def is_strictly_convex(root: Node, raw: Node, kind: str) -> bool:
    """Whether a formula is a mixture of minus log_softmax with shares that add up to 1, or such a mixture times a number.

    Its hessian is (diag p - p p') times the sum of the shares, which is 0 along the direction of all ones alone.
    """
    if kind not in ("class", "simplex") or not is_convex(root, raw, kind):
        return False
    node = root.args[0] if root.op == "negative" else root
    if node.op != "class_sum" or node.args[0].op != "multiply":
        return False
    weight, log = node.args[0].args if node.args[0].args[1].op == "log_softmax" else node.args[0].args[::-1]
    positive = root.op == "negative" and curves(weight, raw, kind)[weight].nonnegative
    return positive and log.op == "log_softmax" and log.args[0] is raw and _adds_up(weight)


def _adds_up(weight: Node) -> bool:
    """Whether shares of classes do not vanish together: a target, or a sum that has one in it, scaled by a number > 0."""
    leaf = symbol_of(weight)
    if leaf is not None:
        return leaf.role == "target"
    if weight.op == "add":
        return any(_adds_up(a) for a in weight.args)
    if weight.op == "multiply":
        numbers = [number_of(a) for a in weight.args]
        return any(n is not None and n > 0 and _adds_up(b) for n, b in zip(numbers, weight.args[::-1], strict=True))
    return False
