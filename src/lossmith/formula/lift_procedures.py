"""Lifting identities that no finite pattern can state: differences of sums, smoothed labels, products with a sign.

Comes in: a node. Goes out: an equal node, or None where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lossmith.formula.node import Node, among, constant, make, number_of, symbol_of, walk

ONE: Final = constant(1.0)


def one_minus_ratio(node: Node) -> Node | None:
    """1 - N/D, where N and D are linear in sums over examples: merge D - N into one sum."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "divide":
        return None
    top, bottom = node.args[1].args
    if "example" in node.axes or not any(n.op == "example_sum" for n in walk(top)):
        return None
    terms: dict[tuple[frozenset[Node], Node], float] = {}
    _collect(bottom, 1.0, frozenset(), terms)
    _collect(top, -1.0, frozenset(), terms)
    merged = _merge({key: factor for key, factor in terms.items() if factor != 0.0})
    return None if merged is None else make("safe_divide", merged, bottom)


def log_one_minus_exp(node: Node) -> Node | None:
    """log1p(-exp(a)) as log(-expm1(a))."""
    inner = node.args[0] if node.op == "log1p" else ONE
    if inner.op != "negative" or inner.args[0].op != "exp":
        return None
    return make("log", -make("expm1", inner.args[0].args[0]))


def other_outcome(node: Node) -> Node | None:
    """(1 - y) (log1p(-y) + a) for a target y, with 0 log 0 = 0."""
    if node.op != "multiply" or node.args[0].op != "subtract" or node.args[0].args[0] is not ONE:
        return None
    other, total = node.args
    y, log = other.args[1], make("log1p", -other.args[1])
    if symbol_of(y) is None or total.op not in ("add", "subtract") or not among(log, total.args):
        return None
    first = total.args[0] is log
    rest, product = total.args[1 if first else 0], make("xlog1py", other, -y)
    if total.op == "add":
        return product + other * rest
    return product - other * rest if first else other * rest - product


def with_outer_sign(node: Node) -> Node | None:
    """-(c a) for a negative number -c times a, except -1 itself."""
    value = number_of(node.args[0]) if node.op == "multiply" else None
    return None if value is None or value >= 0.0 else -(constant(-value) * node.args[1])


def complement_of(label: Node) -> Node | None:
    """1 - y for a target y, smoothed as often as may be: (1 - e) y + e/n has the complement (1 - e) (1 - y) + (e - e/n)."""
    leaf = symbol_of(label)
    if leaf is not None:
        return ONE - label if leaf.role == "target" else None
    if label.op != "add" or label.args[0].op != "multiply" or label.args[1].op != "divide":
        return None
    (kept, inside), (rate, classes) = label.args[0].args, label.args[1].args
    if kept.op != "subtract" or kept.args[0] is not ONE or kept.args[1] is not rate:
        return None
    other = complement_of(inside)
    share = label.args[1] if number_of(classes) == 2.0 else rate - label.args[1]
    return None if other is None else kept * other + share


def focal(node: Node) -> Node | None:
    """A product with (1 - p)**c and log p among its factors."""
    if node.op != "multiply":
        return None
    factors = _factors(node)
    for missed in (f for f in factors if f.op == "softmax_complement_power"):
        if among(make("log_softmax", missed.args[0]), factors):
            both = (missed, make("log_softmax", missed.args[0]))
            total = make("softmax_focal", *missed.args)
            for factor in (f for f in factors if not among(f, both)):
                total = factor * total
            return total if sum(among(f, both) for f in factors) == 2 else None
    return None


def _factors(node: Node) -> list[Node]:
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]


PROBABILITIES: Final[Mapping[str, Callable[[Node], Node]]] = {"sigmoid": lambda p: make("sigmoid", -p.args[0]),
                        "softmax": lambda p: make("softmax_complement", p.args[0])}  # fmt: skip


def one_minus_smoothed(node: Node) -> Node | None:
    """1 - y' for a smoothed label y'."""
    if node.op != "subtract" or node.args[0] is not ONE or symbol_of(node.args[1]) is not None:
        return None
    return complement_of(node.args[1])


def smoothed_minus_probability(node: Node) -> Node | None:
    """y' - p, or p - y', for a smoothed label y': y' (1 - p) - (1 - y') p."""
    if node.op != "subtract":
        return None
    first, second = node.args
    for label, p, turned in ((first, second, False), (second, first, True)):
        other = complement_of(label) if p.op in PROBABILITIES and symbol_of(label) is None else None
        if other is not None:
            pair = label * PROBABILITIES[p.op](p), other * p
            return pair[1] - pair[0] if turned else pair[0] - pair[1]
    return None


def one_minus_smoothed_pick(node: Node) -> Node | None:
    """1 - sum of y' p over the classes for a smoothed label y': the sum of y' (1 - p), and what y' lacks of 1."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "class_sum":
        return None
    product = node.args[1].args[0]
    if product.op != "multiply" or product.args[1].op != "softmax" or symbol_of(product.args[0]) is not None:
        return None
    lacking = _lacking(product.args[0])
    if lacking is None:
        return None
    return make("class_sum", product.args[0] * make("softmax_complement", product.args[1].args[0])) + lacking


def _lacking(label: Node) -> Node | None:
    """What the shares of a label lack of 1: smoothing keeps (1 - e) of it."""
    if complement_of(label) is None:
        return None
    if label.op == "symbol":
        return ONE - make("class_sum", label)
    kept, inside = label.args[0].args
    rest = _lacking(inside)
    return None if rest is None else kept * rest


def one_minus_smoothed_mixture(node: Node) -> Node | None:
    """1 - (y' p + (1 - y') q) for a smoothed label y': y' (1 - p) + (1 - y') (1 - q)."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "add":
        return None
    terms = node.args[1].args
    if any(t.op != "multiply" for t in terms) or symbol_of(terms[0].args[0]) is not None:
        return None
    p, q = (t.args[1] for t in terms)
    if not (p.op == q.op == "sigmoid" or (symbol_of(p) is not None and q is ONE - p)):
        return None
    if complement_of(terms[0].args[0]) is not terms[1].args[0]:
        return None
    return terms[0].args[0] * (ONE - p) + terms[1].args[0] * (p if symbol_of(p) is not None else ONE - q)


def _collect(
    node: Node, factor: float, scales: frozenset[Node], terms: dict[tuple[frozenset[Node], Node], float]
) -> None:
    """Write a finished number as a sum of factor * scales * term."""
    if node.op in ("add", "subtract"):
        _collect(node.args[0], factor, scales, terms)
        _collect(node.args[1], factor if node.op == "add" else -factor, scales, terms)
    elif node.op == "negative":
        _collect(node.args[0], -factor, scales, terms)
    elif node.op == "multiply" and number_of(node.args[0]) is not None:
        _collect(node.args[1], factor * (number_of(node.args[0]) or 0.0), scales, terms)
    elif node.op == "multiply" and symbol_of(node.args[0]) is not None:
        _collect(node.args[1], factor, scales | {node.args[0]}, terms)
    else:
        terms[(scales, node)] = terms.get((scales, node), 0.0) + factor


def _merge(terms: dict[tuple[frozenset[Node], Node], float]) -> Node | None:
    """One sum over examples of the merged bodies, plus what is no such sum."""
    body: Node | None = None
    rest: Node | None = None
    attr = None
    for (scales, term), factor in sorted(terms.items(), key=lambda item: -item[1]):
        inner = term.args[0] if term.op == "example_sum" else term
        for scale in scales:
            inner = scale * inner
        sign = 1.0 if factor > 0 else -1.0
        scaled = inner if abs(factor) == 1.0 else constant(abs(factor)) * inner
        if term.op == "example_sum":
            attr = term.attr
            body = _signed(body, scaled, sign)
        else:
            rest = _signed(rest, scaled, sign)
    if body is None:
        return rest
    total = make("example_sum", body, attr=attr)
    return total if rest is None else total + rest


def _signed(total: Node | None, term: Node, sign: float) -> Node:
    if total is None:
        return term if sign > 0 else -term
    return total + term if sign > 0 else total - term
