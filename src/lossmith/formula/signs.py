"""The sign of a formula, as far as its form tells it.

Comes in: a formula. Goes out: 1, -1, or 0 where the sign cannot be told. Parameters count as positive: what is decided by a
sign here is only which of two equal forms is taken.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, number_of, symbol_of

ONE: Final = constant(1.0)
POSITIVE: Final = frozenset(
    {"exp", "sigmoid", "softplus", "sigmoid_power", "log_cosh", "cosh", "abs", "sqrt", "softmax", "softmax_complement",
     "softmax_complement_power", "exp_excess", "log_deficit", "normal_cdf", "normal_hazard",
     "normal_gap"}
)  # fmt: skip
SAME: Final = frozenset({"class_sum", "example_sum", "example_mean", "class_max"})


def sign_of(node: Node) -> int:
    """1 or -1 where the sign of a formula can be told; 0 where it cannot. Parameters count as positive."""
    value, leaf = number_of(node), symbol_of(node)
    if value is not None:
        return 1 if value >= 0 else -1
    if leaf is not None:
        return 1 if leaf.role in ("parameter", "weight") else 0
    if node.op in POSITIVE:
        return 1
    if node.op == "log_softmax":
        return -1
    if node.op == "power" and number_of(node.args[1]) in (2.0, 4.0):
        return 1
    return _sign_of_parts(node)


def _sign_of_parts(node: Node) -> int:
    signs = [sign_of(a) for a in node.args]
    if node.op in ("multiply", "divide", "safe_divide", "vanishing_product"):
        same = node.args[0] is node.args[1] and node.op == "multiply"
        return 1 if same else signs[0] * signs[1]
    if node.op == "negative":
        return 1 if node.args[0].op == "expm1" and sign_of(node.args[0].args[0]) < 0 else -signs[0]
    if node.op == "add" or (node.op == "subtract" and signs[0] == -signs[1]):
        return signs[0] if node.op == "subtract" or signs[0] == signs[1] else 0
    if node.op == "where":
        return signs[1] if signs[1] == signs[2] else 0
    if node.op == "scaled_exp":
        return signs[0]
    if node.op in SAME or node.op == "power":
        return signs[0] if node.op in SAME else max(signs[0], 0)
    return 1 if node.op == "subtract" and node.args[0] is ONE else 0


def is_label(node: Node) -> bool:
    leaf = symbol_of(node)
    return leaf is not None and leaf.role == "target"
