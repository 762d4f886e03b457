"""Ranges of formulas far out, measured in powers of the raw prediction: x / (1 + x**2) is between 0 and 1 / x there.

Comes in: a formula and a piece of the line that ends at infinity. Goes out: a rigorous `Range` of it there, and the power
of the prediction by which it grows at most (below 0: it fades).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.calculus.properties.ranges import RANGES, Range, range_of
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node, number_of, walk

FADING: Final = 8.0  # exp(-x) is bounded by this power of 1 / x
DEEPEST: Final = 40.0


@dataclass(frozen=True)
class Tail:
    """A value that lies in x**power * scaled and in plain, for all |x| >= start."""

    power: float
    scaled: Range
    plain: Range


def _op(name: str, *args: Range) -> Range:
    return RANGES[name](*args)


def _meet(a: Range, b: Range) -> Range:
    return range_of(np.maximum(a.low, b.low), np.minimum(a.high, b.high), a.away | b.away, a.defined)


@lru_cache(maxsize=1000)
def _grown(start: float, power: float) -> Range:
    """x ** power for x >= start >= 1."""
    x = range_of(start, math.inf)
    return range_of(1.0, 1.0) if power == 0 else _op("power", x, range_of(power, power))


def _rebased(t: Tail, power: float, start: float) -> Range:
    """The scaled range by a higher power."""
    return t.scaled if power == t.power else _op("multiply", t.scaled, _grown(start, t.power - power))


def _settled(power: float, scaled: Range, plain: Range, start: float) -> Tail:
    """The plain range is met with what the scaled one says of it."""
    return Tail(power, scaled, _meet(plain, _op("multiply", scaled, _grown(start, power))))


def _add(a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    power = max(a.power, b.power)
    return _settled(power, _op("add", _rebased(a, power, start), _rebased(b, power, start)), plain, start)


def _multiply(a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    if abs(a.power + b.power) > DEEPEST:
        return Tail(0.0, plain, plain)
    return _settled(a.power + b.power, _op("multiply", a.scaled, b.scaled), plain, start)


def _divide(a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    if (b.scaled.low <= 0).all() and (b.scaled.high >= 0).all():
        return Tail(0.0, plain, plain)
    return _settled(a.power - b.power, _op("divide", a.scaled, b.scaled), plain, start)


def _power(a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    exponent = float(b.plain.low[0])
    sound = exponent == float(b.plain.high[0]) and abs(a.power * exponent) <= DEEPEST
    if not sound or (exponent != int(exponent) and float(a.scaled.low[0]) < 0):
        return Tail(0.0, plain, plain)
    return _settled(a.power * exponent, _op("power", a.scaled, b.plain), plain, start)


def _fading(grows: Range, power: float, start: float, plain: Range) -> Tail:
    """exp of minus x**power * c, c >= the least of `grows`: bounded by a power of 1 / x.

    x**N exp(-c x**p) is largest at x**p = N / (c p), or at the start.
    """
    c = float(grows.low[0])
    if not (c > 0 and power > 0 and math.isfinite(c)):
        return Tail(0.0, plain, plain)
    at = max(start, (FADING / (c * power)) ** (1 / power))
    top = range_of(0.0, math.nextafter(at * (1 + 1e-9), math.inf))  # the true place lies below: bounds the power of x
    bound = _op("multiply", _op("power", top, range_of(FADING, FADING)), _falling(c, power, at, start))
    return _settled(-FADING, range_of(0.0, float(bound.high[0]), True), plain, start)


def _falling(c: float, power: float, at: float, start: float) -> Range:
    """exp(-c x**power) at a place not beyond `at`, as an upper bound."""
    low = max(start, at * (1 - 1e-9))
    x = _op("power", range_of(low, low), range_of(power, power))
    return _op("exp", _op("negative", _op("multiply", range_of(c, c), x)))


def _exp(a: Tail, start: float, plain: Range) -> Tail:
    if a.power > 0 and (a.scaled.high < 0).all():
        return _fading(_op("negative", a.scaled), a.power, start, plain)
    return Tail(0.0, plain, plain)


def _as_exp(name: str) -> Callable[[Tail, float, Range], Tail]:
    """What is at most exp of its argument where that falls; a straight line where it rises (softplus)."""

    def rule(a: Tail, start: float, plain: Range) -> Tail:
        if a.power > 0 and (a.scaled.high < 0).all():
            return _exp(a, start, plain)
        if name == "softplus" and a.power > 0 and (a.scaled.low > 0).all():
            rest = _op("multiply", range_of(0.0, 1.0), _grown(start, -a.power))
            return _settled(a.power, _op("add", a.scaled, rest), plain, start)
        return Tail(0.0, plain, plain)

    return rule


def _log_cosh(a: Tail, start: float, plain: Range) -> Tail:
    """|a| less at most log 2."""
    size = _op("abs", a.scaled)
    if a.power <= 0:
        return Tail(0.0, plain, plain)
    rest = _op("multiply", range_of(-0.6931471805599454, 0.0), _grown(start, -a.power))
    return _settled(a.power, _op("add", size, rest), plain, start)


def _sqrt(a: Tail, start: float, plain: Range) -> Tail:
    if (a.scaled.low < 0).any():
        return Tail(0.0, plain, plain)
    return _settled(a.power / 2, _op("sqrt", a.scaled), plain, start)


def _scaled_exp(a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    return _multiply(a, _exp(b, start, _op("exp", b.plain)), start, plain)


def _where(c: Tail, a: Tail, b: Tail, start: float, plain: Range) -> Tail:
    if (c.plain.low > 0).all():
        return a
    return b if (c.plain.high <= 0).all() else Tail(0.0, plain, plain)


def _flip(name: str) -> Callable[[Tail, float, Range], Tail]:
    return lambda a, start, plain: Tail(a.power, _op(name, a.scaled), plain)


TAILS: Final[Mapping[str, Callable[..., Tail]]] = {
    "add": _add,
    "subtract": lambda a, b, start, plain: _add(
        a, Tail(b.power, _op("negative", b.scaled), _op("negative", b.plain)), start, plain
    ),
    "multiply": _multiply,
    "vanishing_product": _multiply,
    "divide": _divide,
    "safe_divide": _divide,
    "power": _power,
    "negative": _flip("negative"),
    "abs": _flip("abs"),
    "sqrt": _sqrt,
    "exp": _exp,
    "sigmoid": _as_exp("sigmoid"),
    "softplus": _as_exp("softplus"),
    "log_cosh": _log_cosh,
    "scaled_exp": _scaled_exp,
    "where": _where,
    "stop_gradient": lambda a, start, plain: a,
}


def tail(root: Node, raw: Node, low: float, high: float) -> Tail:
    """The value of a formula of the raw prediction on [low, inf) with low >= 1, or on (-inf, high] with high <= -1.

    >>> from lossmith.formula.node import symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> found = tail(z / (1 + z**2), z, 64.0, math.inf)
    >>> found.power, found.plain.high.item() < 1 / 63
    (-1.0, True)
    """
    start = low if high == math.inf else -high
    sign = 1.0 if high == math.inf else -1.0
    done: dict[Node, Tail] = {raw: Tail(1.0, range_of(sign, sign), range_of(low, high))}
    with np.errstate(all="ignore"):
        for node in walk(root):
            if node not in done:
                done[node] = _tail_of(node, done, start)
    return done[root]


def _tail_of(node: Node, done: Mapping[Node, Tail], start: float) -> Tail:
    value = number_of(node)
    if value is not None:
        return Tail(0.0, range_of(value, value), range_of(value, value))
    if node.op not in RANGES:
        raise UnsupportedError("LM340", f"{node.op} has no range over a box.")
    args = [done[a] for a in node.args]
    plain = RANGES[node.op](*(a.plain for a in args))
    rule = TAILS.get(node.op)
    return Tail(0.0, plain, plain) if rule is None else rule(*args, start, plain)


def tail_range(root: Node, raw: Node, low: float, high: float) -> Range:
    """The range alone."""
    return tail(root, raw, low, high).plain
