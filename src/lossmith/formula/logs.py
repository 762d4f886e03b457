"""Logarithms of products and sums, and quotients, whose parts overflow or underflow though the result does not.

Comes in: a logarithm, a quotient or a product. Goes out: an equal formula in which exponentials meet by their exponents, or
None where there is nothing to gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.formula.polynomial import ONE, Polynomial, added, polynomial, scaled, with_term, written
from lossmith.formula.signs import sign_of

TWO: Final = constant(2.0)
HALF: Final = constant(0.5)
STEEP: Final = frozenset({"exp", "scaled_exp", "sigmoid", "sigmoid_power", "softmax", "cosh"})
Power = tuple[Node, Node]


def is_steep(node: Node) -> bool:
    """Whether a factor, or a term of it, may overflow or underflow in a raw prediction."""
    if node.op in ("add", "subtract", "multiply", "divide", "negative", "power", "sqrt"):
        return any(map(is_steep, node.args))
    return node.op in STEEP and _moves(node)


def _moves(node: Node) -> bool:
    return any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, walk(node)))


def _is_number(node: Node) -> bool:
    return not node.axes


# Factors ------------------------------------------------------------------------------------------------------------------


def factors(node: Node, power: Node = ONE, *, of_any_sign: bool = False) -> Iterator[Power]:
    """The factors of a product with their exponents; what may be negative keeps its powers, unless they are whole."""
    if node.op in ("multiply", "divide"):
        yield from factors(node.args[0], power, of_any_sign=of_any_sign)
        power = power if node.op == "multiply" else _negative(power)
        yield from factors(node.args[1], power, of_any_sign=of_any_sign)
    elif node.op == "sqrt":
        yield from factors(node.args[0], _product(HALF, power))
    elif node.op == "scaled_exp":
        yield node.args[0], power
        yield make("exp", node.args[1]), power
    elif node.op == "power" and (sign_of(node.args[0]) > 0 or (of_any_sign and number_of(node.args[1]) == 2.0)):
        yield from factors(node.args[0], _product(node.args[1], power))
    else:
        yield node, power


def _negative(a: Node) -> Node:
    value = number_of(a)
    return -a if value is None else constant(-value)


def _product(a: Node, b: Node) -> Node:
    x, y = number_of(a), number_of(b)
    if x is not None and y is not None:
        return constant(x * y)
    return b if a is ONE else (a if b is ONE else a * b)


def log_of_product(node: Node) -> Node | None:
    """log of a product as the sum of logarithms, where a factor is steep and none may be negative."""
    if node.op != "log" or not is_steep(node.args[0]):
        return None
    found = list(factors(node.args[0]))
    if len(found) == 1 and found[0][1] is ONE:
        return _log_of_factor(found[0][0])
    if any(sign_of(f) <= 0 and _moves(f) for f, _ in found) or any((number_of(f) or 1.0) <= 0 for f, _ in found):
        return None
    total: Node | None = None
    for factor, power in found:
        value, negative = make("log", factor), (number_of(power) or 1.0) < 0
        term = _product(_negative(power) if negative else power, value)
        total = with_term(total, term, negative)
    return total


def product_with_log(node: Node) -> Node | None:
    """b log(x y) for a steep x as b log x + b log y, with 0 log 0 = 0 where y is b."""
    if node.op != "xlogy" or not is_steep(node.args[1]):
        return None
    b, found = node.args[0], list(factors(node.args[1]))
    if any(sign_of(f) <= 0 and _moves(f) for f, _ in found):
        return None
    total: Node | None = None
    for factor, power in found:
        k = number_of(power)
        if k is None or factor is ONE:
            continue
        term = make("xlogy", b, factor) if not is_steep(factor) else b * make("log", factor)
        term = term if abs(k) == 1.0 else constant(abs(k)) * term
        total = with_term(total, term, k < 0)
    return total


def _log_of_factor(a: Node) -> Node | None:
    if a.op == "sigmoid_power":
        return -(a.args[1] * make("softplus", -a.args[0]))
    if a.op == "scaled_exp" and not _moves(a.args[0]):
        return make("log", a.args[0]) + a.args[1]
    if a.op == "softmax" or a.op != "add":
        return None
    return _log_of_sum(a)


# Sums ---------------------------------------------------------------------------------------------------------------------


def _terms(node: Node) -> list[Node]:
    return _terms(node.args[0]) + _terms(node.args[1]) if node.op == "add" else [node]


def _log_of_sum(node: Node) -> Node | None:
    """log(a + b) by the logarithms of a and b, which are no larger than the result."""
    terms = _terms(node)
    plain = [t for t in terms if _is_number(t)]
    moving = [t for t in terms if not _is_number(t)]
    if any(sign_of(t) <= 0 or (_moves(t) and not is_steep(t)) for t in terms) or not all(map(_moves, moving)):
        return None
    first = plain[0] if plain else moving.pop(0)
    for t in plain[1:]:
        first = first + t
    if len(moving) != 1 or _is_inflated(first, moving[0]):
        return None
    a, b = (_log(t) for t in (first, moving[0]))
    return None if a is None or b is None else _joined(a, b)


def _is_inflated(first: Node, other: Node) -> bool:
    """b + (1 - b) e**a, which has a form of its own near 1."""
    return other.op in ("multiply", "scaled_exp") and ONE - first is other.args[0]


def _log(term: Node) -> Polynomial | None:
    """The logarithm of a product of exponentials and numbers, as a polynomial."""
    total: Polynomial = {}
    for factor, power in factors(term):
        value = polynomial(factor.args[-1] if factor.op in ("exp", "scaled_exp") else make("log", factor))
        k = number_of(power)
        if value is None or k is None or (_moves(factor) and factor.op not in ("exp", "scaled_exp")):
            return None
        value = {} if factor is ONE else value
        if factor.op == "scaled_exp":
            more = polynomial(make("log", factor.args[0]))
            value = added(value, more or {})
        total = added(total, scaled(value, Fraction(k)))
    return total


def _joined(a: Polynomial, b: Polynomial) -> Node | None:
    order: dict[Node, int] = {}
    middle, apart = (_node(scaled(p, Fraction(1, 2)), order) for p in (added(a, b), added(b, a, -1)))
    if middle is not None and apart is not None and not _moves(middle):
        return make("log_cosh", apart) + (make("log", TWO) + middle)
    if any(_moves(part) for m in a for part, _ in m) and _growth(b) > _growth(a):
        a, b = b, a
    first, gap = _node(a, order), _node(added(b, a, -1), order)
    if first is None or gap is None:
        return None
    return make("softplus", gap) if not a else first + make("softplus", gap)


def _growth(a: Polynomial) -> Fraction:
    """How fast a logarithm grows: what falls least is the larger one far away."""
    moving = [f for m, f in a.items() if any(_moves(part) for part, _ in m)]
    return sum(moving, Fraction(0))


def _node(a: Polynomial, order: dict[Node, int]) -> Node | None:
    return written(a, order)


# Quotients ----------------------------------------------------------------------------------------------------------------


def met_exponents(node: Node) -> Node | None:
    """A quotient of exponentials and sigmoids as one exponential: e**a above and below the line meet in the exponent."""
    if node.op != "divide" or not is_steep(node.args[1]):
        return None
    powers: dict[Node, float] = {}
    for factor, power in factors(node, of_any_sign=True):
        k = number_of(power)
        if k is None:
            return None
        powers[factor] = powers.get(factor, 0.0) + k
    exponents: dict[Node, float] = {}
    for factor, k in sorted(powers.items(), key=lambda item: item[0].op != "exp"):
        if factor.op == "sigmoid" and k < 0:
            _without_sigmoid(powers, exponents, factor)
        elif factor.op == "exp":
            a, times = _multiple(factor.args[0])
            exponents[a] = exponents.get(a, 0.0) + times * powers.pop(factor)
        elif k < 0 and (grown := _beside_one(factor)) is not None:
            _without_sum(powers, exponents, factor, grown)
    found = _recomposed(powers, exponents)
    return None if found is node else found


def _multiple(a: Node) -> tuple[Node, float]:
    """An exponent as a number of times another."""
    if a.op == "negative":
        inner, k = _multiple(a.args[0])
        return inner, -k
    value = number_of(a.args[0]) if a.op == "multiply" else None
    return (a, 1.0) if value is None else (a.args[1], value)


def _without_sigmoid(powers: dict[Node, float], exponents: dict[Node, float], below: Node) -> None:
    """s(-a) / s(a) is e**-a; what is left of 1 / s(a) is 1 + e**-a."""
    a = below.args[0]
    minus = a.args[0] if a.op == "negative" else -a
    k, other = -powers.pop(below), make("sigmoid", minus)
    met = min(k, max(powers.get(other, 0.0), 0.0))
    if met:
        exponents[minus] = exponents.get(minus, 0.0) + met
        powers[other] -= met
    if k - met:
        grown = ONE + make("exp", minus)
        powers[grown] = powers.get(grown, 0.0) + k - met


def _beside_one(node: Node) -> Node | None:
    """The a of 1 + e**a."""
    if node.op != "add":
        return None
    for one, other in (node.args, node.args[::-1]):
        if one is ONE and other.op == "exp":
            return other.args[0]
    return None


def _without_sum(powers: dict[Node, float], exponents: dict[Node, float], below: Node, a: Node) -> None:
    """1 / (1 + e**a) is s(-a), e**a / (1 + e**a) is s(a), and (e**a - 1) / (1 + e**a) is tanh(a / 2)."""
    k, minus = -powers.pop(below), a.args[0] if a.op == "negative" else -a
    for top, share in ((make("expm1", a), make("tanh", a / TWO)), (-make("expm1", a), make("tanh", minus / TWO))):
        met = min(k, max(powers.get(top, 0.0), 0.0))
        if met:
            powers[top] -= met
            powers[share] = powers.get(share, 0.0) + met
            k -= met
    met = min(k, max(powers.pop(make("exp", a), 0.0) + exponents.get(a, 0.0), 0.0))
    if met:
        exponents[a] = exponents.get(a, 0.0) - met
        powers[make("sigmoid", a)] = powers.get(make("sigmoid", a), 0.0) + met
    if k - met:
        powers[make("sigmoid", minus)] = powers.get(make("sigmoid", minus), 0.0) + k - met


def _recomposed(powers: dict[Node, float], exponents: dict[Node, float]) -> Node | None:
    for factor in [f for f, k in powers.items() if k > 0]:
        _enter(factor, powers, exponents)
    top: Node | None = None
    bottom: Node | None = None
    for factor, k in powers.items():
        power = factor if abs(k) == 1.0 else make("sqrt", factor) if abs(k) == 0.5 else factor ** constant(abs(k))
        if k > 0 and factor is not ONE:
            top = power if top is None else top * power
        elif k < 0:
            bottom = power if bottom is None else bottom * power
    exponent: Node | None = None
    for a, k in exponents.items():
        if k:
            term = a if k == 1.0 else _negative(a) if k == -1.0 else constant(k) * a
            exponent = term if exponent is None else exponent + term
    found = top
    if exponent is not None:
        found = make("exp", exponent) if top is None else top * make("exp", exponent)
    found = ONE if found is None else found
    return found if bottom is None else found / bottom


def _enter(factor: Node, powers: dict[Node, float], exponents: dict[Node, float]) -> None:
    """(b - e**a) e**-a as b e**-a - 1, also inside |.|: the sum is large where the exponential is."""
    inner = factor.args[0] if factor.op == "abs" else factor
    if inner.op not in ("subtract", "add"):
        return
    for side, other in (inner.args, inner.args[::-1]):
        met = min(powers[factor], -exponents.get(side.args[0], 0.0)) if side.op == "exp" and not _moves(other) else 0.0
        if met >= 1.0 and met == int(met):
            shrunk = other * make("exp", -side.args[0])
            changed = make(inner.op, *((ONE, shrunk) if inner.args[0] is side else (shrunk, ONE)))
            powers[factor] -= met
            powers[make("abs", changed) if factor.op == "abs" else changed] = met
            exponents[side.args[0]] += met
            return


def cosh_of_two(node: Node) -> Node | None:
    """e**a + e**-a as 2 cosh(a), and their half as cosh(a): what is short of 1 there has a form of its own."""
    if node.op == "divide" and node.args[1] is TWO and node.args[0].op == "multiply" and node.args[0].args[0] is TWO:
        return node.args[0].args[1] if node.args[0].args[1].op == "cosh" else None
    if node.op not in ("add", "subtract") or not all(a.op == "exp" for a in node.args):
        return None
    a, b = (polynomial(x.args[0]) for x in node.args)
    if a is None or b is None or added(a, b) or not all(map(_moves, node.args)):
        return None
    return TWO * make("cosh" if node.op == "add" else "sinh", node.args[0].args[0])


def grown_quotient(node: Node) -> Node | None:
    """|b - e**a| / (d + e**a) as |b e**-a - 1| / (1 + d e**-a) where a > 0: both sides of the line overflow there."""
    if node.op != "divide" or node.args[1].op != "add":
        return None
    for grown, d in (node.args[1].args, node.args[1].args[::-1]):
        if grown.op != "exp" or not _moves(grown) or _moves(d) or not d.axes:
            continue
        a = grown.args[0]
        powers, exponents = dict[Node, float](), {a: -1.0}
        for factor, power in factors(node.args[0]):
            powers[factor] = powers.get(factor, 0.0) + (number_of(power) or 0.0)
        for factor in [f for f, k in powers.items() if k > 0]:
            _enter(factor, powers, exponents)
        top = None if exponents[a] else _recomposed(powers, {})
        if top is not None:
            return make("where", constant(0.0) < a, top / (ONE + d * make("exp", -a)), make("safe_divide", *node.args))
    return None
