"""Whether the classes of float32 rows may be computed in float32, with the numbers of a row kept in float64.

Comes in: a pass. Goes out: yes or no. Yes where nothing is magnified: every sum is of terms of one sign, which are
bounded, every exponential is of the distance to the largest class (its difference kept in two words), and there is no
other operation than these, products and choices. A few roundings are then all that is between the result and the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from lossmith.emit.class_targets import HERE, AtTarget
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, is_number, number_of, symbol_of

Range = tuple[float, float]
Marks = Mapping[Node, Node]
"""Numbers at the target's class, and the leaf that each is of."""
NONE: Final[Marks] = {}
ANY: Final[Range] = (-math.inf, math.inf)
CONDITIONS: Final = frozenset(
    {"equal", "less", "less_equal", "logical_and", "logical_or", "logical_not", "class_first_max"}
)


def narrow_enough(target: AtTarget) -> bool:
    """Whether every node is safe with classes in float32; only predictions may vary over the classes."""
    parts = target.parts
    stops = dict.fromkeys((*parts.inputs, *parts.chosen), "")
    ranges: dict[Node, Range] = {}
    rounded: set[Node] = set()
    for node in needed([*target.is_first.values(), *parts.roots], stops):
        leaf = node in stops or not node.args
        ranges[node] = _leaf_range(node) if leaf else _range(node, [ranges[a] for a in node.args], target.looked_up)
        if leaf and not _safe_leaf(node):
            return False
        if node.op == "class_sum" or (not leaf and ("class" in node.axes or any(a in rounded for a in node.args))):
            rounded.add(node)
        if node in rounded and not _safe(node, ranges):
            return False
        if node.op == "class_max" and node.args[0].args:
            return False
    return True


def _safe_leaf(node: Node) -> bool:
    found = symbol_of(node)
    return "class" not in node.axes or node is HERE or (found is not None and found.role == "raw")


def _safe(node: Node, ranges: dict[Node, Range]) -> bool:
    """Whether float32 roundings of the arguments, or of this operation, stay a few last digits of the result."""
    if node.op == "class_sum":
        low, high = ranges[node.args[0]]
        return "class" in node.args[0].axes and (low >= 0.0 or high <= 0.0) and high - low < math.inf
    if node.op in ("add", "subtract"):
        return is_distance(node) or _is_others(node) or not _cancels(node, ranges)
    if node.op == "exp_muladd":
        return is_fall(node)
    if "class" not in node.axes and node.op == "log1p":
        return ranges[node.args[0]][0] >= 0.0
    wide_too = "class" not in node.axes and node.op in ("divide", "log1p_unit", "sqrt")
    return wide_too or node.op in CONDITIONS or node.op in ("multiply", "negative", "abs", "where")


def _is_others(node: Node) -> bool:
    """The sum of e**(x - largest x) over the classes but the largest, without another: what is left is added to 1."""
    return node.op == "subtract" and node.args[0].op == "class_sum" and node.args[1].op == "exp_muladd"


def is_fall(node: Node, marks: Marks = NONE) -> bool:
    """exp(x - largest x), of any class or of the target's: never above 1."""
    if node.op != "exp_muladd":
        return False
    one, x, less = node.args
    return is_number(one, 1.0) and not x.args and less.op == "negative" and _is_largest(less.args[0], marks.get(x, x))


def is_distance(node: Node, marks: Marks = NONE) -> bool:
    """x - largest x, both exact."""
    if node.op != "subtract" or node.args[0].args:
        return False
    x, top = node.args
    return _is_largest(top, marks.get(x, x))


def _is_largest(node: Node, x: Node) -> bool:
    return node.op == "class_max" and node.args[0] is x


def _cancels(node: Node, ranges: dict[Node, Range]) -> bool:
    (a, b), (c, d) = (ranges[x] for x in node.args)
    if node.op == "subtract":
        c, d = -d, -c
    return not ((a >= 0.0 and c >= 0.0) or (b <= 0.0 and d <= 0.0))


def _leaf_range(node: Node) -> Range:
    value = number_of(node)
    return ANY if value is None else (value, value)


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0.0 or b == 0.0 else a * b


def _of_product(x: Range, y: Range) -> Range:
    ends = [_times(a, b) for a in x for b in y]
    return min(ends), max(ends)


def _of_quotient(x: Range, y: Range) -> Range:
    if y[0] <= 0.0:
        return ANY
    return _of_product(x, (0.0 if y[1] == math.inf else 1.0 / y[1], 1.0 / y[0]))


def _of_sum_over_classes(x: Range) -> Range:
    return _times(x[0], math.inf), _times(x[1], math.inf)


RANGES: Final[dict[str, Callable[..., Range]]] = {
    "add": lambda x, y: (x[0] + y[0], x[1] + y[1]),
    "subtract": lambda x, y: (x[0] - y[1], x[1] - y[0]),
    "multiply": _of_product,
    "divide": _of_quotient,
    "negative": lambda x: (-x[1], -x[0]),
    "abs": lambda x: (0.0, max(abs(x[0]), abs(x[1]))),
    "where": lambda _, x, y: (min(x[0], y[0]), max(x[1], y[1])),
    "class_sum": _of_sum_over_classes,
    "exp": lambda _: (0.0, math.inf),
    "log1p": lambda x: (math.log1p(x[0]) if x[0] > -1.0 else -math.inf, math.inf),
}


def _range(node: Node, args: list[Range], marks: Marks) -> Range:
    if node.op == "exp_muladd":
        return (0.0, 1.0 if is_fall(node, marks) else math.inf)
    if is_distance(node, marks):
        return (-math.inf, 0.0)
    if _is_others(node):
        return (0.0, math.inf)
    low, high = RANGES[node.op](*args) if node.op in RANGES else ANY
    return (-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high)
