"""What an exponential exceeds its tangent by, and a logarithm falls short of it: two functions flat at 0.

Comes in: a sum. Goes out: an equal formula with e**a - 1 - a, or a - log(1 + a), as one node, or None.
LINEX, the deviances of Poisson, gamma and exponential counts, and Fair's loss are made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lossmith.formula.node import Node, constant, make, symbol_of, walk
from lossmith.formula.polynomial import (
    ONE,
    UNIT,
    Polynomial,
    added,
    exponent_of,
    named,
    parts_of,
    polynomial,
    times,
    without,
    written,
)

ZERO = constant(0.0)


def flat_at_zero(node: Node) -> Node | None:
    """c (e**a - 1 - a), or c (a - log(1 + a)), where all terms of the sum belong to it."""
    if node.op not in ("add", "subtract") or not any(
        n.op in ("exp", "scaled_exp", "expm1", "log1p", "log") for n in walk(node)
    ):
        return None
    terms = polynomial(node)
    if terms is None or len(terms) > 8:
        return None
    order = {n: i for i, n in enumerate(walk(node))}
    for part in parts_of(terms):
        for factor, flat, whole in _candidates(part, terms):
            if whole is not None and not added(terms, whole, -1):
                front = written(factor, order)
                return None if front is None else flat if front is ONE else front * flat
    return None


def _candidates(part: Node, terms: Polynomial) -> Iterator[tuple[Polynomial, Node, Polynomial | None]]:
    """What stands in front of the part, the flat function that it may belong to, and its terms written out."""
    front = {without(m, part): f for m, f in terms.items() if exponent_of(m, part) == 1}
    inner = _exponent(part)
    unit: Polynomial = {UNIT: Fraction(1)}
    if inner is not None:
        a, grown, sign = inner
        line = polynomial(a)
        if line is not None:
            factor = {m: sign * f for m, f in front.items()}
            yield factor, make("exp_excess", a), times(factor, added(added(grown, unit, -1), line, -1))
            for y in [p for p in parts_of(terms) if _is_target(p)] if part.op == "exp" else []:
                yield from _of_counts(part, y, factor, line)
    elif part.op in ("log1p", "log"):
        of_log = _argument(part)
        line = None if of_log is None else polynomial(of_log)
        if of_log is not None and line is not None:
            factor = {m: -f for m, f in front.items()}
            yield factor, make("log_deficit", of_log), times(factor, added(line, {named(part): Fraction(1)}, -1))


def _exponent(part: Node) -> tuple[Node, Polynomial, int] | None:
    """The a of e**a, e**a as terms, and the sign with which the part stands for it."""
    if part.op == "exp":
        return part.args[0], {named(part): Fraction(1)}, 1
    if part.op == "negative" and part.args[0].op == "expm1":
        return part.args[0].args[0], {UNIT: Fraction(1), named(part): Fraction(-1)}, -1
    if part.op == "scaled_exp" and not _moves(part.args[0]):
        scale = part.args[0]
        log = -make("log", scale.args[1]) if scale.op == "divide" and scale.args[0] is ONE else make("log", scale)
        return part.args[1] + log if log.op != "negative" else part.args[1] - log.args[0], {named(part): Fraction(1)}, 1
    return None


def _of_counts(
    part: Node, y: Node, factor: Polynomial, line: Polynomial
) -> Iterator[tuple[Polynomial, Node, Polynomial | None]]:
    """e**a - y - y (a - log y) is y times the excess of a - log y, and e**a where y is 0."""
    own, more = {named(y): Fraction(1)}, times({named(y): Fraction(1)}, line)
    if more is None:
        return
    whole = added(
        added(added({named(part): Fraction(1)}, own, -1), more, -1), {named(make("xlogy", y, y)): Fraction(1)}
    )
    flat = y * make("exp_excess", part.args[0] - make("log", y))
    yield factor, make("where", make("equal", y, ZERO), part, flat), times(factor, whole)


def _argument(part: Node) -> Node | None:
    """The a of log(1 + a)."""
    if part.op == "log1p":
        return part.args[0]
    inner = part.args[0]
    if inner.op != "add" or not any(a is ONE for a in inner.args):
        return None
    return inner.args[1] if inner.args[0] is ONE else inner.args[0]


def _is_target(node: Node) -> bool:
    leaf = symbol_of(node)
    return leaf is not None and leaf.role == "target"


def _moves(node: Node) -> bool:
    return any(leaf is not None and leaf.role == "raw" for leaf in map(symbol_of, walk(node)))
