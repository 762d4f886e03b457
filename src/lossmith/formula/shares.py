"""Sums in which large terms cancel, written again with terms of one sign only.

Comes in: a sum or difference. Goes out: an equal formula, or None where there is nothing to gain.
Two shares of 1 (p and 1 - p, exp(-a) and -expm1(-a), y and 1 - y) stand for each other: a polynomial in them is brought to
one degree, as 1 - y - p + 2 y p is y p + (1 - y) (1 - p). In the same way a is softplus(a) - softplus(-a), and a sum with
a quotient is one quotient. What counts is only whether terms of both signs are left, for either outcome of a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final, TypeAlias

from lossmith.formula.denominators import denominator, of_one_root, over_denominator
from lossmith.formula.node import Node, among, constant, make, number_of, walk
from lossmith.formula.polynomial import (
    ONE,
    UNIT,
    Monomial,
    Polynomial,
    added,
    exponent_of,
    is_residual,
    joined,
    named,
    parts_of,
    polynomial,
    powered,
    scaled,
    times,
    with_term,
    without,
    written,
)
from lossmith.formula.signs import is_label, sign_of

Pair: TypeAlias = tuple[Node, Node]
TWO: Final = constant(2.0)
LOG_2: Final = make("log", TWO)
MOST_PARTS, MOST_NODES, MOST_GROWTH = 10, 64, 24  # what gets much longer rounds more often
MOST_OPENED: Final = 64  # terms after shares of 1 were brought to one degree: beyond that nothing is looked for


# Shares of 1 --------------------------------------------------------------------------------------------------------------


def complement(part: Node) -> Node | None:
    """What a part lacks of 1, as a part that is exact where it is small."""
    if part.op in ("sigmoid", "sigmoid_power"):
        x = part.args[0]
        if part.op == "sigmoid":
            return make("sigmoid", x.args[0] if x.op == "negative" else -x)
        return -make("expm1", -(part.args[1] * make("softplus", -x)))
    if part.op in ("softmax", "softmax_complement"):
        return make("softmax_complement" if part.op == "softmax" else "softmax", part.args[0])
    if part.op == "exp" and sign_of(part.args[0]) < 0:
        return -make("expm1", part.args[0])
    if part.op == "negative" and part.args[0].op == "expm1" and sign_of(part.args[0].args[0]) < 0:
        return make("exp", part.args[0].args[0])
    return _complement_of_pick(part)


def _complement_of_pick(part: Node) -> Node | None:
    """The same for the true class's share, sum of y p."""
    product = part.args[0] if part.op == "class_sum" else part
    if product.op != "multiply" or not is_label(product.args[0]) or product.args[1].op != "softmax":
        return None
    label, p = product.args
    return make("class_sum", label * make("softmax_complement", p.args[0])) + (ONE - make("class_sum", label))


def _pairs(node: Node, terms: Polynomial, of_labels: bool) -> list[Pair]:
    """The shares among the parts, computed ones first, then what stands in the formula as x and 1 - x, then labels."""
    parts, found = parts_of(terms), dict[Node, Node]()
    for part in parts:
        other = complement(part)
        if other is not None and not among(part, found.values()):
            found[part] = other
    literal = {n.args[1]: n for n in walk(node) if n.op == "subtract" and n.args[0] is ONE}
    for part in parts:
        if part in found or among(part, found.values()):
            continue
        if part in literal or (is_label(part) and (found or of_labels)):
            found[part] = ONE - part
    return list(found.items())


def _of_one_degree(terms: Polynomial, pair: Pair) -> Polynomial | None:
    """Every term times as many (x + (1 - x)) as it lacks of the highest degree in x and 1 - x."""
    degrees = {m: exponent_of(m, pair[0]) + exponent_of(m, pair[1]) for m in terms}
    if any(exponent_of(m, x) < 0 for m in terms for x in pair):
        return None
    whole: Polynomial = {named(pair[0]): Fraction(1), named(pair[1]): Fraction(1)}
    total: Polynomial = {}
    for monomial, factor in terms.items():
        grown = powered(whole, max(degrees.values()) - degrees[monomial])
        product = None if grown is None else times({monomial: factor}, grown)
        if product is None:
            return None
        total = added(total, product)
        if len(total) > MOST_OPENED:
            return None
    return total


# Other identities ---------------------------------------------------------------------------------------------------------


def _without_argument(terms: Polynomial, a: Node) -> Iterator[Polynomial]:
    """The terms with a part v of a = softplus(a) - softplus(-a) expressed by the two."""
    line = polynomial(a)
    if line is None:
        return
    ramps: Polynomial = {named(make("softplus", a)): Fraction(1), named(make("softplus", _minus(a))): Fraction(-1)}
    for part, sign in ((a, 1), (_minus(a), -1)):
        whole = _substituted(terms, part, scaled(ramps, Fraction(sign)))
        if whole is not None and any(exponent_of(m, part) for m in terms):
            yield whole
    for monomial, factor in line.items():
        if len(monomial) == 1 and next(iter(monomial))[1] == 1:
            part = next(iter(monomial))[0]
            rest = {m: f for m, f in line.items() if m != monomial}
            value = scaled(added(ramps, rest, -1), 1 / factor)
            found = _substituted(terms, part, value)
            if found is not None and not number_of(part):
                yield found


def _without_ramps(terms: Polynomial) -> Polynomial | None:
    """The terms with softplus(-a) as softplus(a) - a, where no softplus(a) is left."""
    for part in parts_of(terms):
        a = part.args[0] if part.op == "softplus" and part.args[0].op == "negative" else None
        line = None if a is None else polynomial(a)
        if a is None or line is None or not any(exponent_of(m, make("softplus", a.args[0])) for m in terms):
            continue
        ramp = named(make("softplus", a.args[0]))
        found = _substituted(terms, part, added({ramp: Fraction(1)}, line))
        if found is not None and not any(exponent_of(m, make("softplus", a.args[0])) for m in found):
            return found
    return None


def _with_tanh(terms: Polynomial) -> Polynomial | None:
    """The terms with s(a) as (1 + tanh(a / 2)) / 2, where fewer are left: 2 x s(a) - x is x tanh(a / 2)."""
    for part in parts_of(terms):
        if part.op == "sigmoid" and all(exponent_of(m, part) in (0, 1) for m in terms):
            half: Polynomial = {UNIT: Fraction(1, 2), named(make("tanh", part.args[0] / TWO)): Fraction(1, 2)}
            found = _substituted(terms, part, half)
            found = None if found is None else _opened_alone(found)
            if found is not None and len(found) < len(terms):
                return found
    return None


def _opened_alone(terms: Polynomial) -> Polynomial:
    """The terms with a sum that stands alone written out: it was kept whole only in products."""
    total: Polynomial = {}
    for monomial, factor in terms.items():
        part = next(iter(monomial))[0] if len(monomial) == 1 and next(iter(monomial))[1] == 1 else None
        line = polynomial(part) if part is not None and is_residual(part) else None
        total = added(total, {monomial: factor} if line is None else scaled(line, factor))
    return total


def _substituted(terms: Polynomial, part: Node, value: Polynomial) -> Polynomial | None:
    """The terms with a part of degree 1 replaced."""
    total: Polynomial = {}
    for monomial, factor in terms.items():
        k = exponent_of(monomial, part)
        if k not in (0, 1):
            return None
        more = {monomial: factor} if k == 0 else times({without(monomial, part): factor}, value)
        if more is None:
            return None
        total = added(total, more)
    return total


def _minus(a: Node) -> Node:
    return a.args[0] if a.op == "negative" else -a


def _opened(terms: Polynomial) -> Polynomial:
    """tanh(a) as sigmoid(2a) - sigmoid(-2a), and log(cosh(a)) as half of softplus(2a) + softplus(-2a), less log 2."""
    for part in parts_of(terms):
        ramp = _ramp(part)
        fall = None if ramp is None else make("softplus", -make("abs", ramp))
        if ramp is not None and fall is not None and among(fall, parts_of(terms)):
            both: Polynomial = {named(make("softplus", ramp)): Fraction(1), named(fall): Fraction(-1)}
            terms = _substituted(terms, part, both) or terms
        if part.op in ("log_cosh", "tanh"):
            a = TWO * part.args[0]
            op, share = ("softplus", Fraction(1, 2)) if part.op == "log_cosh" else ("sigmoid", Fraction(1))
            value: Polynomial = {named(make(op, a)): share, named(make(op, _minus(a))): share}
            if part.op == "tanh":
                value[named(make(op, _minus(a)))] = -share
            else:
                value[named(LOG_2)] = Fraction(-1)
            terms = _substituted(terms, part, value) or terms
    return terms


def _ramp(part: Node) -> Node | None:
    """The a of max(a, 0), which is softplus(a) - softplus(-|a|)."""
    zero = constant(0.0)
    if part.op == "maximum" and among(zero, part.args):
        return part.args[1] if part.args[0] is zero else part.args[0]
    if part.op == "where" and part.args[1] is zero and part.args[0] is make("less_equal", part.args[2], zero):
        return part.args[2]
    return None


def _closed(terms: Polynomial) -> Polynomial | None:
    """softplus(a) + softplus(-a), as often as one another, as 2 log(cosh(a / 2)) + 2 log 2."""
    for part in parts_of(terms):
        other = make("softplus", _minus(part.args[0])) if part.op == "softplus" else part
        mine = {without(m, part): f for m, f in terms.items() if exponent_of(m, part) == 1}
        if (
            other is not part
            and mine
            and _is_linear(terms, part, other)
            and mine == {without(m, other): f for m, f in terms.items() if exponent_of(m, other) == 1}
        ):
            rest = {m: f for m, f in terms.items() if not exponent_of(m, part) and not exponent_of(m, other)}
            whole = times(mine, {named(make("log_cosh", _half(part.args[0]))): Fraction(2), named(LOG_2): Fraction(2)})
            return None if whole is None else added(rest, whole)
    return None


def _is_linear(terms: Polynomial, *parts: Node) -> bool:
    """Whether no term has two of the parts, or a power of one."""
    return all(
        sorted(abs(exponent_of(m, part)) for part in parts) <= [0] * (len(parts) - 1) + [1] for m in terms
    ) and all(exponent_of(m, part) >= 0 for m in terms for part in parts)


def _half(a: Node) -> Node:
    """a / 2, without its sign, which log(cosh) does not see."""
    if a.op == "negative":
        return _half(a.args[0])
    value = number_of(a.args[0]) if a.op == "multiply" else None
    if value is None:
        return a / TWO
    return a.args[1] if abs(value) == 2.0 else constant(abs(value) / 2.0) * a.args[1]


def _candidates(node: Node, terms: Polynomial) -> Iterator[Polynomial]:
    """Equal polynomials: by ramps, by shares (all at once, then one by one)."""
    opened = _opened(terms)
    ramps = [p.args[0] for p in parts_of(opened) if p.op == "softplus"]
    even = _without_ramps(terms)
    odd = _with_tanh(terms)
    yield from (c for c in (even, odd) if c is not None)
    bases = [found for a in ramps for found in _without_argument(opened, a)]
    yield from (c for c in map(_closed, bases) if c is not None)
    yield from of_one_root(terms)
    for base, of_labels in ((terms, False), (opened, False), *((b, True) for b in bases)):
        yield base
        pairs = _pairs(node, base, of_labels)
        whole: Polynomial | None = base
        for pair in pairs:
            whole = None if whole is None else _of_one_degree(whole, pair)
        if pairs and whole is not None:
            yield whole
        for pair in pairs if len(pairs) > 1 else []:
            alone = _of_one_degree(base, pair)
            if alone is not None:
                yield alone


# What is left -------------------------------------------------------------------------------------------------------------


def _clashes(terms: Iterable[tuple[Monomial, Fraction]], labels: Mapping[Node, Node]) -> int:
    """For how many outcomes of a label terms of both signs are left (or of no known sign beside others)."""
    groups: dict[Monomial, list[int]] = {}
    for monomial, factor in terms:
        mark = _mark(monomial, labels)
        if len(mark) < 2:
            groups.setdefault(mark, []).append(_sign(without(monomial, *(p for p, _ in mark)), factor))
    everywhere = groups.pop(UNIT, []) if len(groups) > 1 else []
    found = [signs + everywhere for signs in groups.values()]
    return sum(len(signs) > 1 and (0 in signs or len(set(signs)) > 1) for signs in found)


def clashes_of(terms: Polynomial) -> int:
    """Whether terms of both signs, or of no known sign, stand in a sum."""
    return _clashes(terms.items(), {})


def _mark(monomial: Monomial, labels: Mapping[Node, Node]) -> Monomial:
    """The labels of a monomial, and what they lack of 1."""
    return frozenset((part, k) for part, k in monomial if part in labels or among(part, labels.values()))


def _sign(monomial: Monomial, factor: Fraction) -> int:
    sign = 1 if factor > 0 else -1
    for part, k in monomial:
        sign *= sign_of(part) if k % 2 else 1
    return sign


def _as_it_stands(node: Node) -> list[tuple[Monomial, Fraction]]:
    """The terms of a sum with their products left as they are."""
    found = []
    for sign, term in _addends(node):
        monomial, factor = UNIT, Fraction(sign)
        for f in _factors(term):
            value = number_of(f)
            if value is not None:
                factor *= Fraction(value)
            else:
                monomial = joined(monomial, named(f))
        found.append((monomial, factor))
    return found


def _addends(node: Node, sign: int = 1) -> list[tuple[int, Node]]:
    if node.op == "negative" and node.args[0].op != "expm1":
        return _addends(node.args[0], -sign)
    if node.op not in ("add", "subtract") or (node.args[0] is ONE and is_label(node.args[1])):
        return [(sign, node)]
    return _addends(node.args[0], sign) + _addends(node.args[1], sign if node.op == "add" else -sign)


def _factors(node: Node) -> list[Node]:
    if node.op == "negative" and node.args[0].op != "expm1":
        return [constant(-1.0), *_factors(node.args[0])]
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]


def of_one_sign(node: Node) -> Node | None:
    """A sum with terms of one sign, for each outcome of a label, in the place of one with terms of both."""
    if node.op not in ("add", "subtract") or len(_addends(node)) > MOST_PARTS or not _has_shares(node):
        return None
    terms = polynomial(node)
    if terms is None or not terms or len(parts_of(terms)) > MOST_PARTS:
        return None
    labels = {part: ONE - part for part in parts_of(terms) if is_label(part)}
    if not _clashes(_as_it_stands(node), labels):
        return None
    found = _best(node, terms, labels) if len(walk(node)) <= MOST_NODES else None
    return found if found is not None and len(walk(found)) <= len(walk(node)) + MOST_GROWTH else None


def _best(node: Node, terms: Polynomial, labels: Mapping[Node, Node]) -> Node | None:
    bottom = denominator(terms)
    if bottom is not None:
        power = -min(exponent_of(m, bottom) for m in terms)
        under = polynomial(bottom)
        raised = None if under is None else over_denominator(terms, bottom, power, under)
        terms = terms if raised is None else raised
        bottom = None if raised is None else bottom ** constant(float(power)) if power > 1 else bottom
    found = [(_clashes(c.items(), labels), len(c), c) for c in _candidates(node, terms) if c]
    for clashes, _, best in sorted(found, key=lambda item: item[:2]):
        if not clashes:
            result = _by_outcome(best, labels, node)
            if result is not None and result is not node:
                return result if bottom is None else result / bottom
    return None


def _has_shares(node: Node) -> bool:
    """Whether there is anything to gain: shares of 1, ramps, or a sum below the line."""
    kinds = (
        "sigmoid",
        "sigmoid_power",
        "softmax",
        "softmax_complement",
        "softplus",
        "log_cosh",
        "expm1",
        "exp",
        "tanh",
        "sqrt",
    )
    return any(
        n.op in kinds or (n.op in ("divide", "safe_divide") and n.args[1].op in ("add", "subtract"))
        or (n.op == "subtract" and n.args[0] is ONE)
        for n in walk(node)
    )  # fmt: skip


def _by_outcome(terms: Polynomial, labels: Mapping[Node, Node], node: Node) -> Node | None:
    """The polynomial as a formula: the terms of each outcome together."""
    order = {n: i for i, n in enumerate(walk(node, *parts_of(terms)))}
    groups: dict[Monomial, Polynomial] = {}
    for monomial, factor in terms.items():
        mark = _mark(monomial, labels)
        groups.setdefault(mark, {})[without(monomial, *(p for p, _ in mark))] = factor
    total: Node | None = None
    for mark, inner in groups.items():
        body, label = written(inner, order), written({mark: Fraction(1)}, order)
        if body is None or label is None:
            return None
        negative = body.op == "negative" and body.args[0].op != "expm1"
        size = body.args[0] if negative else body
        total = with_term(total, size if not mark else (label if size is ONE else label * size), negative)
    return total
