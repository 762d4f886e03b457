"""What is left of one after a ratio of sums: c - c N/D as c (D - N)/D, with the sums of D - N written as one.

Comes in: a node of a gradient. Goes out: an equal node without the difference, or None where there is nothing to do.
D and N are sums over examples of polynomials in targets, probabilities and parameters; D - N is written out only where
all its coefficients are positive, so that nothing cancels in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lossmith.formula.definition import sums_examples
from lossmith.formula.lift_procedures import complement_of
from lossmith.formula.node import Node, among, constant, is_number, make, number_of, walk

Monomial: TypeAlias = tuple[tuple[Node, int], ...]
Polynomial: TypeAlias = dict[Monomial, float]
Labels: TypeAlias = Mapping[Node, Node]

ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
MOST_TERMS: Final = 32


def left_of_one(node: Node) -> Node | None:
    """c - c N/D, and (1 - y) c - c N/D, where a soft label mixes both outcomes."""
    if node.op != "subtract" or node.args[1].op not in ("safe_divide", "divide"):
        return None
    top, bottom = node.args[1].args
    if "example" in bottom.axes or not sums_examples(bottom):
        return None
    kept, shares = _scales_and_shares(_factors(node.args[0]))
    labels = labels_of(node)
    if len(shares) > 1 or (shares and shares[0] not in labels):
        return None
    counted = _without(_factors(top), kept)
    if counted is None or len(counted) != 1 or "example" in counted[0].axes:
        return None
    rest = _difference(bottom, counted[0])
    if rest is None:
        return None
    scaled = _product([*kept, make("safe_divide", rest, bottom)])
    return scaled if not shares else shares[0] * scaled - labels[shares[0]] * node.args[1]


def merged_mixture(node: Node) -> Node | None:
    """((1 - y) (1 - l) - y l) - y as (1 - l) - 2 y, for l = N/D: exact at both hard labels, and rounded less between."""
    if node.op != "subtract" or node.args[0].op != "subtract":
        return None
    first, second = (_factors(a) for a in node.args[0].args)
    label = node.args[1]
    if len(first) != 2 or len(second) != 2 or not among(label, second) or not among(ONE - label, first):
        return None
    (right,), (left,) = ([f for f in part if f is not known] for part, known in ((first, ONE - label), (second, label)))
    if right.op != "safe_divide" or left.op != "safe_divide" or right.args[1] is not left.args[1]:
        return None
    return right - TWO * label if _difference(left.args[1], left.args[0]) is right.args[0] else None


def left_of_common(node: Node) -> Node | None:
    """x - x (t m) / (t + o) as x (o + t (1 - m)) / (t + o), for a factor x and any m."""
    if node.op != "subtract":
        return None
    above, below = (_over(n) for n in node.args)
    tops, bottoms = (_without(b, a) for a, b in zip(above, below, strict=True))
    if not tops or bottoms is None or len(bottoms) != 1 or bottoms[0].op != "add":
        return None
    for t, other in (bottoms[0].args, bottoms[0].args[::-1]):
        rest = _without(tops, _factors(t))
        if rest:
            return node.args[0] * ((other + t * (ONE - _product(rest))) / bottoms[0])
    return None


def _over(node: Node) -> tuple[list[Node], list[Node]]:
    """The factors above and below the line."""
    if node.op in ("multiply", "vanishing_product"):
        parts = [_over(a) for a in node.args]
        return [f for part in parts for f in part[0]], [f for part in parts for f in part[1]]
    if node.op in ("divide", "safe_divide"):
        (top, under), (bottom, over) = map(_over, node.args)
        return top + over, under + bottom
    if node.op == "power" and is_number(node.args[1], 2.0):
        top, under = _over(node.args[0])
        return top * 2, under * 2
    return ([] if is_number(node, 1.0) else [node]), []


def _factors(node: Node) -> list[Node]:
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]


def _scales_and_shares(factors: list[Node]) -> tuple[list[Node], list[Node]]:
    kept = [f for f in factors if "example" not in f.axes and not is_number(f, 1.0)]
    return kept, [f for f in factors if "example" in f.axes]


def labels_of(root: Node) -> dict[Node, Node]:
    """The labels of a formula, smoothed or not, by their complements."""
    found = ((complement_of(n), n) for n in walk(root))
    return {other: label for other, label in found if other is not None}


def _without(factors: list[Node], taken: list[Node]) -> list[Node] | None:
    left = Counter(factors)
    left.subtract(taken)
    return None if min(left.values(), default=0) < 0 else [f for f in left.elements() if not is_number(f, 1.0)]


def _product(factors: list[Node]) -> Node:
    found = factors[0]
    for factor in factors[1:]:
        found = found * factor
    return found


# Polynomials ----------------------------------------------------------------------------------------------------------


def _difference(bottom: Node, top: Node) -> Node | None:
    """bottom - top as one sum over the examples and a number, if all their terms are positive."""
    attrs = {n.attr for n in walk(bottom, top) if n.op == "example_sum"}
    over, under = (_totals(part, labels_of(top)) for part in (bottom, top))
    if over is None or under is None or len(attrs) != 1:
        return None
    body, number = (_minus(a, b) for a, b in zip(over, under, strict=True))
    if not body or any(value < 0 for part in (body, number) for value in part.values()):
        return None
    total = make("example_sum", _written(body), attr=attrs.pop())
    return total + _written(number) if number else total


def _totals(node: Node, labels: Labels) -> tuple[Polynomial, Polynomial] | None:
    """What is summed over the examples, and what is added to it."""
    if node.op == "example_sum":
        body = _polynomial(node.args[0], labels)
        return None if body is None else (body, {})
    if node.op in ("add", "subtract"):
        parts = [_totals(a, labels) for a in node.args]
        if parts[0] is None or parts[1] is None:
            return None
        join = _plus if node.op == "add" else _minus
        return join(parts[0][0], parts[1][0]), join(parts[0][1], parts[1][1])
    if node.op == "multiply":
        a, b = node.args
        return _scaled_totals(a, b, labels) or _scaled_totals(b, a, labels)
    rest = None if sums_examples(node) else _polynomial(node, labels)
    return None if rest is None else ({}, rest)


def _scaled_totals(scale: Node, node: Node, labels: Labels) -> tuple[Polynomial, Polynomial] | None:
    factor = None if sums_examples(scale) or scale.axes else _polynomial(scale, labels)
    inner = None if factor is None else _totals(node, labels)
    if factor is None or inner is None:
        return None
    return _times(factor, inner[0]), _times(factor, inner[1])


def _polynomial(node: Node, labels: Labels) -> Polynomial | None:
    """A formula as a polynomial in its leaves, labels and probabilities; a complement is 1 minus what it belongs to."""
    if node in labels:
        return {(): 1.0, ((labels[node], 1),): -1.0}
    if any(node is label for label in labels.values()):
        return {((node, 1),): 1.0}
    value = number_of(node)
    if value is not None:
        return {(): value}
    if node.op == "sigmoid" and node.args[0].op == "negative":
        return {(): 1.0, ((make("sigmoid", node.args[0].args[0]), 1),): -1.0}
    if node.op not in JOINS:
        return {((node, 1),): 1.0}
    parts = [_polynomial(a, labels) for a in node.args]
    known = [p for p in parts if p is not None]
    found = JOINS[node.op](*known) if len(known) == len(parts) else None
    return found if found is not None and len(found) <= MOST_TERMS else None


def _plus(a: Polynomial, b: Polynomial, sign: float = 1.0) -> Polynomial:
    total = dict(a)
    for key, value in b.items():
        total[key] = total.get(key, 0.0) + sign * value
    return {key: value for key, value in total.items() if value != 0.0}


def _minus(a: Polynomial, b: Polynomial) -> Polynomial:
    return _plus(a, b, -1.0)


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for p, x in a.items():
        for q, y in b.items():
            powers = Counter(dict(p))
            powers.update(dict(q))
            total = _plus(total, {tuple(sorted(powers.items(), key=lambda item: id(item[0]))): x * y})
    return total


JOINS: Final[Mapping[str, Callable[..., Polynomial]]] = {
    "add": _plus,
    "subtract": _minus,
    "negative": lambda a: _minus({}, a),
    "multiply": _times,
}


def _written(polynomial: Polynomial) -> Node:
    """The polynomial as a formula, targets before probabilities."""
    terms = [_term(value, monomial) for monomial, value in polynomial.items()]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _term(value: float, monomial: Monomial) -> Node:
    factors = [leaf for leaf, power in sorted(monomial, key=lambda p: p[0].op == "sigmoid") for _ in range(power)]
    numbers = [constant(value)] if value != 1.0 or not factors else []
    return _product([*numbers, *factors])
