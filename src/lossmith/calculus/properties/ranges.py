"""Rigorous ranges of formulas over boxes: every end is rounded outwards, and boxes may reach to infinity.

Comes in: nodes, and for every leaf a `Range` over the boxes. Goes out: a `Range` that holds every value that the formula
takes in each box. Sums and products are rounded by their exact error; functions are evaluated at ends by balls of arb.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.properties.ends import LARGEST, ends_of, power_ends, wave_ends
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node, number_of, walk
from lossmith.numerics.double_word import two_prod, two_sum

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Range:
    """Closed intervals of real values, one per box: `away`: 0 is not among them; `defined`: there is a value everywhere."""

    low: Floats
    high: Floats
    away: Bools
    defined: Bools

    @property
    def positive(self) -> Bools:
        """Where all values are above 0."""
        return (self.low > 0) | ((self.low >= 0) & self.away)

    @property
    def negative(self) -> Bools:
        """Where all values are below 0."""
        return (self.high < 0) | ((self.high <= 0) & self.away)


def range_of(low: Any, high: Any, away: Any = False, defined: Any = True) -> Range:
    """Ranges from their ends; an end beyond 0 shows that 0 is away."""
    low, high = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
    low, high = np.broadcast_arrays(np.minimum(low, LARGEST), np.maximum(high, -LARGEST))
    away = np.broadcast_to(away, low.shape) | (low > 0) | (high < 0)
    return Range(low, high, away, np.broadcast_to(defined, low.shape))


def _down(rounded: Any, error: Any) -> Any:
    """The largest float that is not above rounded + error, where the error is known; one lower where it is not."""
    return np.where(error >= 0, rounded, np.nextafter(rounded, -np.inf))


def _up(rounded: Any, error: Any) -> Any:
    return np.where(error <= 0, rounded, np.nextafter(rounded, np.inf))


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    s, e = two_sum(a, b)
    return s, np.where(np.isfinite(s), e, np.where(np.isinf(a) | np.isinf(b), 0.0, np.nan))


def _add(a: Range, b: Range) -> Range:
    same = (a.low >= 0) & (b.low >= 0) | (a.high <= 0) & (b.high <= 0)
    low, high = _down(*_sum(a.low, b.low)), _up(*_sum(a.high, b.high))
    return range_of(low, high, same & (a.away | b.away), a.defined & b.defined)


def _negative(a: Range) -> Range:
    return Range(-a.high, -a.low, a.away, a.defined)


SAFE: Final = (1e-120, 1e120)


def _product(a: Floats, b: Floats) -> tuple[Any, Any]:
    """A product of ends with its error; 0 times an end at infinity is 0, for values are finite."""
    zero = (a == 0) | (b == 0)
    p = np.where(zero, 0.0, a * b)
    inside = (np.abs(p) > SAFE[0]) & (np.abs(p) < SAFE[1]) & (np.abs(a) < SAFE[1]) & (np.abs(b) < SAFE[1])
    x, y = np.where(inside, a, 1.0), np.where(inside, b, 1.0)
    exact = zero | np.isinf(a) | np.isinf(b)
    return p, np.where(inside, two_prod(x, y).lo, np.where(exact, 0.0, np.nan))


def _multiply(a: Range, b: Range) -> Range:
    """By the products of the ends; of two single numbers exact where the product is a float."""
    away, defined = a.away & b.away, a.defined & b.defined
    if (a.low == a.high).all() and (b.low == b.high).all():
        p, error = _product(a.low, b.low)
        return range_of(_down(p, error), _up(p, error), away, defined)
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]  # 0 * infinity: 0, for values are finite
    low = np.minimum(np.minimum(*map(_no_nan, corners[:2])), np.minimum(*map(_no_nan, corners[2:])))
    high = np.maximum(np.maximum(*map(_no_nan, corners[:2])), np.maximum(*map(_no_nan, corners[2:])))
    lower, upper = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    zero_low = (low == 0) & ((a.low >= 0) & (b.low >= 0) | (a.high <= 0) & (b.high <= 0))
    zero_high = (high == 0) & ((a.low >= 0) & (b.high <= 0) | (a.high <= 0) & (b.low >= 0))
    nothing = (a.low == 0) & (a.high == 0) | (b.low == 0) & (b.high == 0)
    return range_of(np.where(zero_low | nothing, 0.0, lower), np.where(zero_high | nothing, 0.0, upper), away, defined)


def _no_nan(p: Floats) -> Floats:
    return np.where(np.isnan(p), 0.0, p)


def _square(a: Range) -> Range:
    return _even(a, lambda size: _multiply(size, size))


def _even(a: Range, of_size: Callable[[Range], Range]) -> Range:
    return of_size(_abs(a))


def _abs(a: Range) -> Range:
    low = np.where((a.low <= 0) & (a.high >= 0), 0.0, np.minimum(np.abs(a.low), np.abs(a.high)))
    return range_of(low, np.maximum(np.abs(a.low), np.abs(a.high)), a.away, a.defined)


def _reciprocal(b: Range) -> Range:
    """1 / b: where b only touches 0 the quotient reaches to infinity; where b crosses it, everywhere."""
    across = (b.low < 0) & (b.high > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = 1.0 / b.high, 1.0 / b.low
    exact_low, exact_high = _is_inverse(b.high, low), _is_inverse(b.low, high)
    low = np.where(across | (b.high == 0), -np.inf, np.where(exact_low, low, np.nextafter(low, -np.inf)))
    high = np.where(across | (b.low == 0), np.inf, np.where(exact_high, high, np.nextafter(high, np.inf)))
    low, high = np.where((b.low >= 0) & (low < 0), 0.0, low), np.where((b.high <= 0) & (high > 0), 0.0, high)
    return range_of(low, high, True, b.defined & (b.away | ~((b.low <= 0) & (b.high >= 0))))


def _is_inverse(b: Floats, q: Floats) -> Any:
    """Whether q is 1 / b exactly: for powers of two, and at infinity."""
    return np.isinf(b) | (np.abs(np.frexp(b)[0]) == 0.5) & np.isfinite(q)


def _divide(a: Range, b: Range) -> Range:
    """a / b by ends: of exact ends the quotient is exact where it is a float."""
    found = _multiply(a, _reciprocal(b))
    point = (a.low == a.high) & (b.low == b.high) & (b.low != 0)
    with np.errstate(all="ignore"):
        q = np.where(point, a.low / np.where(point, b.low, 1.0), 0.0)
    back, error = _product(q, np.where(point, b.low, 1.0))
    exact = point & (back == a.low) & (error == 0)
    low, high = np.where(exact, q, found.low), np.where(exact, q, found.high)
    return range_of(low, high, a.away & found.away, found.defined)


# Functions that rise, by balls at the ends ----------------------------------------------------------------------------

# name -> where it is defined from (and whether there), its limits, whether it is 0 only where its argument is, never 0
_RISING: Final[Mapping[str, tuple[float, bool, float, float, str]]] = {
    "exp": (-math.inf, False, 0.0, math.inf, "never"),
    "expm1": (-math.inf, False, -1.0, math.inf, "same"),
    "log": (0.0, False, -math.inf, math.inf, ""),
    "log1p": (-1.0, False, -math.inf, math.inf, "same"),
    "sqrt": (0.0, True, 0.0, math.inf, "same"),
    "tanh": (-math.inf, False, -1.0, 1.0, "same"),
    "sinh": (-math.inf, False, -math.inf, math.inf, "same"),
    "erf": (-math.inf, False, -1.0, 1.0, "same"),
    "sigmoid": (-math.inf, False, 0.0, 1.0, "never"),
    "softplus": (-math.inf, False, 0.0, math.inf, "never"),
    "digamma": (0.0, False, -math.inf, math.inf, ""),
    "trigamma": (0.0, False, -math.inf, 0.0, "never"),
    "normal_cdf": (-math.inf, False, 0.0, 1.0, "never"),
    "log_normal_cdf": (-math.inf, False, -math.inf, 0.0, "never"),
    "normal_hazard": (-math.inf, False, -math.inf, 0.0, "never"),
    "normal_gap": (-math.inf, False, 0.0, math.inf, "never"),
    "log_cosh": (0.0, True, 0.0, math.inf, "same"),
    "cosh": (0.0, True, 1.0, math.inf, "never"),
}


def _rising(name: str, a: Range) -> Range:
    start, closed, below, above, zero = _RISING[name]
    inside = (a.low > start) | (a.low == start) & (closed | (a.away & (start == 0.0)))
    inside |= np.isinf(a.low) & (start == -np.inf)
    lows = [below if x <= start else (above if x == math.inf else ends_of(name, float(x))[0]) for x in a.low]
    highs = [above if x == math.inf else (below if x <= start else ends_of(name, float(x))[1]) for x in a.high]
    low, high = np.maximum(lows, below), np.minimum(highs, above)
    return range_of(low, high, a.away if zero == "same" else zero == "never", a.defined & inside)


def _lgamma(a: Range) -> Range:
    """Falls to its minimum near 1.46163 (value above -0.1215), then rises."""
    falls, rises = a.high <= 1.4616, a.low >= 1.4617
    ends = [[math.inf if x <= 0 or x == math.inf else ends_of("lgamma", float(x))[k] for x in end]
            for k, end in ((0, a.low), (1, a.low), (0, a.high), (1, a.high))]  # fmt: skip
    low = np.where(rises, ends[0], np.where(falls, ends[2], -0.1215))
    high = np.maximum(ends[1], ends[3])
    return range_of(low, high, False, a.defined & ((a.low > 0) | (a.low >= 0) & a.away))


def _sign(a: Range) -> Range:
    low = np.where(a.positive, 1.0, np.where(a.low >= 0, 0.0, -1.0))
    high = np.where(a.negative, -1.0, np.where(a.high <= 0, 0.0, 1.0))
    return range_of(low, high, a.away, a.defined)


def _power(a: Range, b: Range) -> Range:
    if len(set(b.low)) == 1 and (b.low == b.high).all():
        return _fixed_power(a, float(b.low[0]))
    return _rising("exp", _multiply(b, _rising("log", a)))


def _fixed_power(a: Range, b: float) -> Range:
    if b < 0:
        return _reciprocal(_fixed_power(a, -b))
    if b == 0.0 or b == 1.0:
        return a if b else range_of(np.ones_like(a.low), np.ones_like(a.low))
    if b == int(b) and b <= 16:
        size = _abs(a)
        grown = size
        for _ in range(int(b) - 1):
            grown = _multiply(grown, size)
        return grown if b % 2 == 0 else _odd(a, grown)
    size = range_of(np.maximum(a.low, 0.0), np.maximum(a.high, 0.0), a.away, a.defined & (a.low >= 0))
    ends = [power_ends(float(x), b) for x in (*size.low, *size.high)]
    n = len(size.low)
    return range_of([e[0] for e in ends[:n]], [e[1] for e in ends[n:]], size.away, size.defined)


def _odd(a: Range, grown: Range) -> Range:
    """An odd power from that of the size: ends by the ends of the argument."""
    low = np.where(a.low >= 0, grown.low, np.where(a.high <= 0, -grown.high, -grown.high))
    high = np.where(a.low >= 0, grown.high, np.where(a.high <= 0, -grown.low, grown.high))
    return range_of(low, high, a.away, a.defined)


# Choice ---------------------------------------------------------------------------------------------------------------


def _truth(surely: Any, surely_not: Any, a: Range, b: Range) -> Range:
    return Range(np.where(surely, 1.0, 0.0), np.where(surely_not, 0.0, 1.0), np.asarray(surely), a.defined & b.defined)


def _less(a: Range, b: Range) -> Range:
    d = _add(b, _negative(a))
    return _truth(d.positive, d.high <= 0, a, b)


def _less_equal(a: Range, b: Range) -> Range:
    d = _add(b, _negative(a))
    return _truth(d.low >= 0, d.negative, a, b)


def _equal(a: Range, b: Range) -> Range:
    d = _add(a, _negative(b))
    return _truth((d.low == 0) & (d.high == 0), d.away | (d.low > 0) | (d.high < 0), a, b)


def _where(c: Range, a: Range, b: Range) -> Range:
    first, second = c.low > 0, c.high <= 0
    low = np.where(first, a.low, np.where(second, b.low, np.minimum(a.low, b.low)))
    high = np.where(first, a.high, np.where(second, b.high, np.maximum(a.high, b.high)))
    away = np.where(first, a.away, np.where(second, b.away, a.away & b.away))
    defined = np.where(first, a.defined, np.where(second, b.defined, a.defined & b.defined))
    return range_of(low, high, away, c.defined & defined)


def _maximum(a: Range, b: Range) -> Range:
    away = a.positive | b.positive | (a.negative & b.negative)
    return range_of(np.maximum(a.low, b.low), np.maximum(a.high, b.high), away, a.defined & b.defined)


def _not(a: Range) -> Range:
    return Range(1 - a.high, 1 - a.low, a.high <= 0, a.defined)


def _vanishing(result: Range, a: Range) -> Range:
    """0 where a is 0, whatever the rest is."""
    zero = (a.low == 0) & (a.high == 0)
    return range_of(np.where(zero, 0.0, result.low), np.where(zero, 0.0, result.high), result.away & ~zero,
                    np.where(zero, a.defined, result.defined))  # fmt: skip


_ONE: Final = range_of(1.0, 1.0)


def _exp(a: Range) -> Range:
    return _rising("exp", a)


def _wave(name: str, a: Range) -> Range:
    ends = [wave_ends(name, float(x), float(y)) for x, y in zip(a.low, a.high, strict=True)]
    return range_of([e[0] for e in ends], [e[1] for e in ends], False, a.defined)


def _sum_of_many(a: Range) -> Range:
    """The sum of any number of values in a range."""
    return range_of(np.where(a.low >= 0, 0.0, -np.inf), np.where(a.high <= 0, 0.0, np.inf), False, a.defined)


RANGES: Final[Mapping[str, Callable[..., Range]]] = {
    **{
        name: (lambda a, name=name: _rising(name, a))
        for name in _RISING
        if name not in ("log_cosh", "cosh", "trigamma", "normal_hazard")
    },
    "log_cosh": lambda a: _even(a, lambda size: _rising("log_cosh", size)),
    "cosh": lambda a: _even(a, lambda size: _rising("cosh", size)),
    "trigamma": lambda a: _negative(_rising("trigamma", a)),
    "normal_hazard": lambda a: _negative(_rising("normal_hazard", a)),
    "lgamma": _lgamma,
    "sin": lambda a: _wave("sin", a),
    "cos": lambda a: _wave("cos", a),
    "add": _add,
    "subtract": lambda a, b: _add(a, _negative(b)),
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "power": _power,
    "abs": _abs,
    "sign": _sign,
    "less": _less,
    "less_equal": _less_equal,
    "equal": _equal,
    "where": _where,
    "logical_not": _not,
    "logical_and": lambda a, b: _negative(_maximum(_negative(a), _negative(b))),
    "logical_or": _maximum,
    "maximum": _maximum,
    "minimum": lambda a, b: _negative(_maximum(_negative(a), _negative(b))),
    "stop_gradient": lambda a: a,
    "sigmoid_power": lambda a, b: _exp(_negative(_multiply(b, _rising("softplus", _negative(a))))),
    "xlogy": lambda a, b: _vanishing(_multiply(a, _rising("log", b)), a),
    "xlog1py": lambda a, b: _vanishing(_multiply(a, _rising("log1p", b)), a),
    "safe_divide": lambda a, b: _vanishing(_divide(a, b), a),
    "vanishing_product": lambda a, b: _vanishing(_multiply(a, b), a),
    "log_ratio": lambda a, b: _rising("log", _divide(a, b)),
    "scaled_exp": lambda a, b: _vanishing(_multiply(a, _exp(b)), a),
    "exp_minus": lambda a, b: _add(_exp(a), _negative(b)),
    "exp_rest": lambda a, b: _add(_exp(a), _negative(b)),
    **dict.fromkeys(("example_mean", "axis_mean"), lambda a: replace(a, away=a.positive | a.negative)),
    **dict.fromkeys(("example_sum", "example_count", "class_others"), _sum_of_many),
    **dict.fromkeys(("softmax", "softmax_complement"), lambda a: range_of(0.0, 1.0, True, a.defined)),
    "class_sum": lambda a: _sum_of_many(a) if (a.low <= 0).any() else range_of(a.low, np.inf, True, a.defined),
    "log_softmax": lambda a: range_of(-np.inf, 0.0, True, a.defined),
    "softmax_focal": lambda a, b: range_of(-np.inf, 0.0, True, a.defined & b.defined & (b.low >= 0)),
    "one_minus_scaled_exp": lambda a, b: _add(_ONE, _negative(_multiply(a, _exp(b)))),
}


def _own_product(node: Node, done: Mapping[Node, Range]) -> Range | None:
    """Products whose factors know each other: a * a, and sigmoid(u) * sigmoid(-u), which is at most 1/4."""
    a, b = node.args
    if a is b:
        return _square(done[a])
    if a.op == b.op == "sigmoid" and (_is_minus(a.args[0], b.args[0]) or _is_minus(b.args[0], a.args[0])):
        plain = _multiply(done[a], done[b])
        return range_of(plain.low, np.minimum(plain.high, 0.25), True, plain.defined)
    return None


def _is_minus(a: Node, b: Node) -> bool:
    return a.op == "negative" and a.args[0] is b


def ranges(roots: Sequence[Node], leaves: Mapping[Node, Range]) -> list[Range]:
    """The ranges of formulas over boxes. Raises `UnsupportedError` for an operation without a rule.

    >>> from lossmith.formula.node import make, symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> found = ranges([make("tanh", z)], {z: range_of(-math.inf, math.inf)})[0]
    >>> found.low.item(), found.high.item()
    (-1.0, 1.0)
    """
    done: dict[Node, Range] = {**_numbers(tuple(roots)), **leaves}
    with np.errstate(all="ignore"):
        for node in walk(*roots):
            if node not in done:
                done[node] = _range(node, done)
    return [done[root] for root in roots]


@lru_cache(maxsize=2000)
def _numbers(roots: tuple[Node, ...]) -> Mapping[Node, Range]:
    """The ranges of all parts that hold no leaf: found once."""
    done: dict[Node, Range] = {}
    with np.errstate(all="ignore"):
        for node in walk(*roots):
            if node.op != "symbol" and all(a in done for a in node.args):
                done[node] = _range(node, done)
    return done


def _range(node: Node, done: Mapping[Node, Range]) -> Range:
    value = number_of(node)
    if value is not None:
        return range_of(value, value)
    if node.op not in RANGES:
        raise UnsupportedError("LM340", f"{node.op} has no range over a box.")
    own = _own_product(node, done) if node.op in ("multiply", "vanishing_product") else None
    return RANGES[node.op](*(done[a] for a in node.args)) if own is None else own
