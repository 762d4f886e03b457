"""Formulas as text: what `parse` reads back, and what people read.

Comes in: a node. Goes out: one line with as few brackets as Python needs. Every formula made from the words of
`lossmith.maths` is read back as the very same node; nodes that only Lossmith makes (in derivatives) are shown by what
they mean, and are not meant to be read back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lossmith.errors import FormulaError
from lossmith.formula.node import Node, Symbol, constant, make, make_from, number_of, rebuild, symbol, walk

TEXT_LIMIT: Final = 20_000

# How strongly an expression holds together, in Python's order.
COMPARE, OR, AND, SUM, PRODUCT, UNARY, POWER, ATOM, NEVER = range(1, 10)


@dataclass(frozen=True)
class _Infix:
    """`left sign right`; each side is put in brackets unless it holds at least so strongly."""

    sign: str
    level: int
    left: int
    right: int


_INFIX: Final[dict[str, _Infix]] = {
    "less": _Infix(" < ", COMPARE, OR, OR),
    "less_equal": _Infix(" <= ", COMPARE, OR, OR),
    "equal": _Infix(" == ", COMPARE, OR, OR),
    "not_equal": _Infix(" != ", COMPARE, OR, OR),
    "logical_or": _Infix(" | ", OR, OR, AND),
    "logical_and": _Infix(" & ", AND, AND, SUM),
    "add": _Infix(" + ", SUM, SUM, PRODUCT),
    "subtract": _Infix(" - ", SUM, SUM, PRODUCT),
    "multiply": _Infix(" * ", PRODUCT, PRODUCT, UNARY),
    "divide": _Infix(" / ", PRODUCT, PRODUCT, UNARY),
    "power": _Infix(" ** ", POWER, ATOM, UNARY),
}

_PREFIX: Final[dict[str, str]] = {"negative": "-", "logical_not": "~"}

# Operations whose word in formulas is another than their name here.
_WORDS: Final[dict[str, str]] = {
    "example_sum": "sum",
    "example_mean": "mean",
    "example_count": "count",
    "example_log_mean_exp": "log_mean_exp",
    "class_sum": "over_classes",
    "class_max": "max_over_classes",
    "class_logsumexp": "logsumexp_over_classes",
    "class_others": "over_other_classes",
}

_AXIS_MEANS: Final[dict[str, str]] = {"class": "mean_over_classes", "group": "mean_over_groups"}

_ONE: Final = constant(1.0)

# What the nodes mean that only Lossmith makes, in plain words of the vocabulary.
MEANINGS: Final[dict[str, Callable[..., Node]]] = {
    "sigmoid_power": lambda a, b: make("sigmoid", a) ** b,
    "safe_divide": lambda a, b: a / b,
    "vanishing_product": lambda a, b: a * b,
    "log_ratio": lambda a, b: make("log", a / b),
    "scaled_exp": lambda a, b: make("exp", b) if a is _ONE else a * make("exp", b),
    "exp_minus": lambda a, b: make("exp", a) - b,
    "one_minus_scaled_exp": lambda a, b: _ONE - a * make("exp", b),
    "exp_excess": lambda a: make("expm1", a) - a,
    "log_deficit": lambda a: a - make("log1p", a),
    "exp_muladd": lambda a, b, c: make("exp", a * b + c),
    "exp_rest": lambda a, b: make("exp", a) - b,
    "softmax_complement": lambda a: _ONE - make("softmax", a),
    "softmax_complement_power": lambda a, b: (_ONE - make("softmax", a)) ** b,
    "two_words": lambda a, b: a + b,
    "rest_of_sum": lambda a: constant(0.0),
    "sigmoid_slope": lambda a: make("sigmoid", a) * make("sigmoid", -a),
    "softmax_slope": lambda a: make("softmax", a) * (_ONE - make("softmax", a)),
    "softmax_focal": lambda a, b: (_ONE - make("softmax", a)) ** b * make("log_softmax", a),
    "softmax_focal_slope": lambda a, b: softmax_focal_slope(a, b),
    "softmax_focal_bend": lambda a, b: softmax_focal_bend(a, b),
    "softmax_focal_own": lambda a, b: (
        (_ONE - make("softmax", a))
        * ((_ONE - make("softmax", a)) * softmax_focal_bend(a, b) - make("softmax", a) * softmax_focal_slope(a, b))
    ),
    "example_rms": lambda a: make("sqrt", make("example_mean", a ** constant(2.0))),
}


def softmax_focal_slope(a: Node, b: Node) -> Node:
    """c**b - b c**(b-1) p log p for p = softmax(a), c = 1 - p."""
    p, log = make("softmax", a), make("log_softmax", a)
    return (_ONE - p) ** b - b * (_ONE - p) ** (b - _ONE) * p * log


def softmax_focal_bend(a: Node, b: Node) -> Node:
    """-b c**(b-1) p (2 + log p - (b-1) p log p / c) for p = softmax(a), c = 1 - p."""
    p, log = make("softmax", a), make("log_softmax", a)
    inner = constant(2.0) + log - (b - _ONE) * p * log / (_ONE - p)
    return -(b * (_ONE - p) ** (b - _ONE) * p * inner)


_Y: Final = symbol("y", "target", ["example", "class"])


def to_text(formula: Node) -> str:
    """The formula as one line of text, its numbers exact.

    Raises LM127 where the line would be longer than `TEXT_LIMIT` characters (a formula that shares large parts).

    >>> y, p = symbol("y", "target", ["example"]), symbol("p", "prediction", ["example"])
    >>> to_text(-y * make("log", p) - (1 - y) * make("log", 1 - p))
    '-y * log(p) - (1 - y) * log(1 - p)'
    >>> to_text(make("one_minus_scaled_exp", y, -p))
    '1 - y * exp(-p)'
    """
    written: dict[Node, tuple[str, int]] = {}
    root = rebuild(formula, _meaning)
    for node in walk(root):
        text, level = _written(node, written)
        if len(text) > TEXT_LIMIT:
            raise FormulaError("LM127", f"the formula takes more than {TEXT_LIMIT:,} characters to write out.")
        written[node] = text, level
    return written[root][0]


def _meaning(node: Node, args: tuple[Node, ...]) -> Node:
    meaning = MEANINGS.get(node.op)
    return make_from(node.op, args, node.attr) if meaning is None else meaning(*args)


def _written(node: Node, written: Mapping[Node, tuple[str, int]]) -> tuple[str, int]:
    """The text of one node and how strongly it holds together."""
    if isinstance(node.attr, Symbol):
        return node.attr.name, ATOM
    if isinstance(node.attr, float):
        return number_text(node.attr), ATOM if math.copysign(1.0, node.attr) > 0 else UNARY
    op, args = (node.op, node.args) if not _is_unequal(node) else ("not_equal", node.args[0].args)
    if op in _INFIX:
        row = _INFIX[op]
        left, right = _held(written[args[0]], row.left), _held(written[args[1]], row.right)
        return f"{left}{row.sign}{right}", row.level
    if op in _PREFIX:
        # A minus before a number is part of the number, so a negated number keeps its brackets.
        level = NEVER if number_of(args[0]) is not None else UNARY
        return _PREFIX[op] + _held(written[args[0]], level), UNARY
    return _call(node, written), ATOM


def _held(part: tuple[str, int], level: int) -> str:
    return part[0] if part[1] >= level else f"({part[0]})"


def _is_unequal(node: Node) -> bool:
    return node.op == "logical_not" and node.args[0].op == "equal"


def _call(node: Node, written: Mapping[Node, tuple[str, int]]) -> str:
    word, args = _WORDS.get(node.op, node.op), node.args
    if node.op == "axis_mean":
        word = _AXIS_MEANS[str(node.attr)]
    elif isinstance(node.attr, tuple):
        word += "".join(f"_per_{axis}" for axis in node.attr)
    elif node.op == "class_sum" and args[0] is _ONE:
        word, args = "class_count", ()
    elif node.op == "class_sum" and args[0].op == "multiply" and args[0].args[0] is _Y:
        word, args = "true_class", (args[0].args[1],)
    return f"{word}({', '.join(written[a][0] for a in args)})"


def number_text(value: float) -> str:
    """A number that reads back exactly, without a useless `.0`.

    >>> number_text(2.0), number_text(-0.0), number_text(0.1), number_text(1e300)
    ('2', '-0', '0.1', '1e+300')
    """
    if math.isfinite(value) and value == int(value) and abs(value) < 1e16:
        return f"{value:.0f}"
    return repr(value)


def with_numbers(name: str, values: Mapping[str, float | None]) -> str:
    """A name in which parameters stand by their values.

    >>> with_numbers("focal(gamma=gamma).select(top=top)", {"gamma": 2.0, "top": 0.25})
    'focal(gamma=2).select(top=0.25)'
    """

    def number(found: re.Match[str]) -> str:
        value = values[found[0]]
        return "unbound" if value is None else number_text(value)

    words = "|".join(map(re.escape, values))
    return re.sub(rf"(?<![\w.'\"])({words})(?![\w=(])", number, name) if words and "(" in name else name
