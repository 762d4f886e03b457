"""A floating-point form for every node that needs one: plain operations whose result is right in every regime.

Comes in: a formula with safe nodes. Goes out: an equal formula over plain operations only; never differentiated.
Each form keeps small results small (no 1 - p, no lse - z) and large arguments finite (only exp(-|x|)).
Shared parts (`exp(-|z|)`, the largest class) are one node, so a kernel computes them once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from lossmith.formula.node import OPERATIONS, Node, among, constant, make, make_from, rebuild
from lossmith.stable.arguments import argument_of, exponential, falling_power
from lossmith.stable.chosen import hand_over
from lossmith.stable.classes import (
    class_others,
    log_softmax,
    logsumexp,
    power,
    softmax,
    softmax_complement,
    softmax_complement_power,
    softmax_focal,
    softmax_focal_bend,
    softmax_focal_own,
    softmax_focal_slope,
    softmax_slope,
)
from lossmith.stable.flat import exp_excess, log_deficit
from lossmith.stable.patterns import by_patterns
from lossmith.stable.products import exponential_of, is_composed, rest_of

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
HALF: Final = constant(0.5)
TWO: Final = constant(2.0)
INFINITE: Final = constant(math.inf)
LOG_2: Final = constant(math.log(2.0))
BIG: Final = constant(2.0**500)
SMALLEST: Final = constant(2.0**-1022)  # the least number with all its digits


def _where(condition: Node, a: Node, b: Node) -> Node:
    return make("where", condition, a, b)


def _abs(x: Node) -> Node:
    return make("abs", x.args[0] if x.op == "negative" else x)


def _decay(x: Node) -> Node:
    """exp(-|x|), in [0, 1]; the rounding of a large sum or quotient would be multiplied by it: it is kept in two words."""
    inner = x.args[0] if x.op == "negative" else x
    found = argument_of(inner)
    if is_composed(inner) and (
        found.is_leaf or found.a.op == "multiply" or (found.c is not None and found.c.op == "multiply")
    ):
        return exponential_of(inner, _where(_below_zero(inner), ONE, -ONE))
    if found.is_leaf:
        return make("exp", -_abs(x))
    return exponential(_where(_below_zero(inner), ONE, -ONE), found)


def _below_zero(x: Node) -> Node:
    return x.args[0] > ZERO if x.op == "negative" else x < ZERO


def _sigmoid(x: Node) -> Node:
    e = _decay(x)
    return _where(_below_zero(x), e, ONE) * (ONE / (ONE + e))


def _sigmoid_slope(x: Node) -> Node:
    e = _decay(x)
    return e / (ONE + e * (TWO + e))


def _softplus(x: Node) -> Node:
    return make("maximum", x, ZERO) + make("log1p_unit", _decay(x))


def _sigmoid_power(x: Node, b: Node) -> Node:
    """e ** (b min(x, 0) - b log1p(e ** -|x|)): the large product is kept in two words."""
    tail, found = b * make("log1p_unit", _decay(x)), argument_of(x)
    if found.is_leaf or b.axes:
        return make("exp_muladd", b, make("minimum", x, ZERO), -tail)
    return falling_power(x, found, b, tail)


def _log_cosh(x: Node) -> Node:
    """Near 0: log1p of cosh - 1 = expm1(a)**2 / (2 e**a); far: a + log1p(e ** -2a) - log 2."""
    a = _abs(x)
    grown = make("expm1", make("minimum", a, TWO))
    near = make("log1p", (grown * grown) / (TWO * (ONE + grown)))
    far = (a - LOG_2) + make("log1p_unit", make("exp", -(TWO * a)))
    return _where(a < hand_over("log_cosh"), near, far)


def _beside_one(a: Node) -> Node | None:
    """The x of 1 + x."""
    if a.op != "add" or not among(ONE, a.args):
        return None
    return a.args[1] if a.args[0] is ONE else a.args[0]


def _squared(a: Node | None) -> Node | None:
    """The x of x * x."""
    return a.args[0] if a is not None and a.op == "multiply" and a.args[0] is a.args[1] else None


def _log1p(a: Node) -> Node:
    """The square of a huge number overflows, its logarithm does not."""
    x = _squared(a)
    if x is None:
        return make("log1p", a)
    size = make("abs", x)
    return _where(size > hand_over("log1p_of_square"), TWO * make("log", size), make("log1p", a))


def _sqrt(a: Node) -> Node:
    """sqrt(c + x**2) of a huge x is |x| sqrt(1 + c / x**2)."""
    squares = ((_squared(x), c) for x, c in (a.args, a.args[::-1])) if a.op == "add" else ()
    x, c = next(((x, c) for x, c in squares if x is not None), (None, ONE))
    if x is None:
        return make("sqrt", a)
    size = make("abs", x)
    far = size if c is ONE else size * make("sqrt", ONE + (c / size) / size)
    return _where(size > hand_over("root_of_one_plus_square"), far, make("sqrt", a))


def _subtract(a: Node, b: Node) -> Node:
    """sqrt(c**2 + x**2) - c as x**2 / (sqrt(c**2 + x**2) + c), which keeps a small x."""
    root = a.args[2] if a.op == "where" else a
    inner = root.args[0] if root.op == "sqrt" else root
    if inner.op != "add" or root.op != "sqrt":
        return a - b
    for rest, own in (inner.args, inner.args[::-1]):
        if (own is ONE and b is ONE) or _squared(own) is b or (b.op == "sqrt" and b.args[0] is own):
            x = _squared(rest)
            return rest / (a + b) if x is None else x * (x / (a + b))
    return a - b


def _log(a: Node) -> Node:
    """log(1 + x) keeps a small x; log(1 - e**x) for very negative x needs the exponential: expm1(x) has rounded to -1."""
    small = _beside_one(a)
    if small is not None:
        return _log1p(small)
    if a.op != "negative" or a.args[0].op != "expm1":
        return make("log", a)
    x = a.args[0].args[0]
    return _where(x < -hand_over("log_one_minus_exp"), make("log1p", -make("exp", x)), make("log", a))


def _grown(product: Node) -> Node | None:
    """exp(b log1p(a)) for a number b as (1 + a)**b: b log1p(a) would magnify its rounding; 1 + a is kept in two words."""
    if product.op != "multiply" or product.args[0].axes:
        return None
    b, log = product.args
    of_square = log.op == "where" and log.args[2].op == "log1p"  # where the square overflows, twice the logarithm
    if of_square:
        log = log.args[2]
    if log.op != "log1p":
        return None
    a = log.args[0]
    total = ONE + a
    lost = _where(a < ONE, a - (total - ONE), ONE - (total - a))
    power = make("power", total, b)
    near = power + power * _where(make("abs", total) < BIG, b * (lost / total), ZERO)
    return _where(product.args[1].args[0], make("exp", product), near) if of_square else near


def _expm1(a: Node) -> Node:
    grown = _grown(a)
    if grown is None and is_composed(a):
        grown = _exp(a)
    return make("expm1", a) if grown is None else _where(make("abs", a) < HALF, make("expm1", a), grown - ONE)


def _exp(a: Node) -> Node:
    """The rounding of a large product would be multiplied by the product: it is kept in two words."""
    grown = _grown(a)
    if grown is not None:
        return grown
    product = a.args[0] if a.op == "negative" else a
    if product.op == "exp":
        return _exp_of_exp(ONE if product is a else -ONE, product)
    if a.op == "subtract" and a.args[1].op == "example_max":
        return make("exp_muladd", ONE, a.args[0], -a.args[1])
    if not is_composed(a):
        return make("exp", a)
    if product.op == "multiply" and all(x.op == "symbol" or not x.axes for x in product.args):
        x, y = product.args
        return make("exp_muladd", x if product is a else -x, y, ZERO)
    return exponential_of(a)


def _hyperbolic(name: str, slope: str) -> Callable[[Node], Node]:
    """sinh or cosh: what rounding took from a residual would be multiplied by it."""

    def form(a: Node) -> Node:
        rest = rest_of(a)
        if rest is None:
            return make(name, a)
        lacking = make(slope, a) * rest
        return make(name, a) + _where(make("abs", lacking) < INFINITE, lacking, ZERO)

    return form


def _exp_of_exp(sign: Node, inner: Node) -> Node:
    """exp(s e**x): e**x is kept in two words, for its rounding would be multiplied by it."""
    return make("exp_muladd", sign, inner, sign * make("exp_rest", inner.args[0], inner))


def _xlogy(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * _log(b))


def _xlog1py(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * make("log1p", b))


def _safe_divide(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a / b)


def _vanishing_product(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * b)


def _log_ratio(a: Node, b: Node) -> Node:
    """Near 1 by the excess, else of the quotient, unless that leaves the range."""
    if b is ONE and a.op == "negative" and a.args[0].op == "expm1":
        return _log(a)
    excess, quotient = (a - b) / b, a / b
    inside = make("logical_and", quotient > SMALLEST, quotient < INFINITE)
    far = _where(inside, make("log", quotient), make("log", a) - make("log", b))
    return _where(make("abs", excess) < hand_over("log_ratio"), make("log1p", excess), far)


def _scaled_exp(a: Node, b: Node) -> Node:
    """Two halves of the exponential, so that neither overflows where the product does not."""
    grown = _grown(b)
    if grown is not None:
        return a * grown
    half = _exp((HALF * b.args[0]) * b.args[1]) if b.op == "multiply" and not b.args[0].axes else _half_of(b)
    return _where(make("equal", a, ZERO), ZERO, (half * a) * half)


def _half_of(b: Node) -> Node:
    """exp(b / 2)."""
    inner = b.args[0] if b.op == "negative" else b
    if inner.op != "exp":
        return exponential_of(b, HALF) if is_composed(b) else make("exp", HALF * b)
    return _exp_of_exp(HALF if inner is b else -HALF, inner)


def _exp_minus(x: Node, y: Node) -> Node:
    near, grown = make("expm1", x) - (y - ONE), _exp(x)
    far = _where(make("equal", grown, INFINITE), INFINITE, grown - y)
    return _where(make("abs", x) < hand_over("exp_minus"), near, far)


def _one_minus_scaled_exp(a: Node, b: Node) -> Node:
    near = -(make("expm1", b) + (a - ONE) * make("exp", b))
    return _where(make("abs", b) < hand_over("one_minus_scaled_exp"), near, ONE - _scaled_exp(a, b))


TINY: Final = constant(2.0**-500)
DOWN: Final = constant(2.0**-600)
UP: Final = constant(2.0**600)


def _example_rms(node: Node) -> Node:
    """Three sums of squares (huge, usual, tiny), each scaled into range; they add up over batches like any sum."""
    x = node.args[0]
    size = make("abs", x)
    huge, tiny = size > BIG, size < TINY
    down, up = x * DOWN, x * UP

    def total(body: Node) -> Node:
        return make("example_sum", body, attr=node.attr)

    many = total(ONE)
    big = total(_where(huge, down * down, ZERO))
    mid = total(_where(huge, ZERO, _where(tiny, ZERO, x * x)))
    small = total(_where(tiny, up * up, ZERO))
    root_big = UP * make("sqrt", _safe_divide(big + (mid * DOWN) * DOWN, many))
    root_mid = make("sqrt", _safe_divide(mid + (small * DOWN) * DOWN, many))
    root_small = DOWN * make("sqrt", _safe_divide(small, many))
    return _where(big > ZERO, root_big, _where(make("equal", mid, ZERO), root_small, root_mid))


def _example_log_mean_exp(node: Node) -> Node:
    """Near 0 log1p of the mean of expm1; else the log of the sum, which is kept relative to its largest term."""
    a = node.args[0]
    small = make("expm1", make("minimum", a, ONE))
    mean = _safe_divide(make("example_sum", small, attr=node.attr), make("example_sum", ONE, attr=node.attr))
    near = make("logical_and", make("example_max", a, attr=node.attr) <= ONE, make("abs", mean) < HALF)
    far = make("example_logsumexp", a, attr=node.attr) - make("log", make("example_sum", ONE, attr=node.attr))
    return _where(near, make("log1p", mean), far)


# safe node -> its form over plain operations
FORMS: Final[dict[str, Callable[..., Node]]] = {
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "subtract": _subtract,
    "exp": _exp,
    "expm1": _expm1,
    "power": power,
    "sinh": _hyperbolic("sinh", "cosh"),
    "cosh": _hyperbolic("cosh", "sinh"),
    "sigmoid": _sigmoid,
    "sigmoid_slope": _sigmoid_slope,
    "two_words": lambda a, b: a + b,
    "softplus": _softplus,
    "sigmoid_power": _sigmoid_power,
    "log_cosh": _log_cosh,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "safe_divide": _safe_divide,
    "vanishing_product": _vanishing_product,
    "log_ratio": _log_ratio,
    "scaled_exp": _scaled_exp,
    "exp_minus": _exp_minus,
    "one_minus_scaled_exp": _one_minus_scaled_exp,
    "exp_excess": lambda a: exp_excess(a, _expm1(a)),
    "log_deficit": log_deficit,
    "class_logsumexp": logsumexp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softmax_complement": softmax_complement,
    "softmax_complement_power": softmax_complement_power,
    "class_others": class_others,
    "softmax_slope": softmax_slope,
    "softmax_focal": softmax_focal,
    "softmax_focal_slope": softmax_focal_slope,
    "softmax_focal_bend": softmax_focal_bend,
    "softmax_focal_own": softmax_focal_own,
    "stop_gradient": lambda a: a,
}


# operation -> which of its arguments are conditions
CONDITIONS: Final[dict[str, tuple[bool, ...]]] = {
    "where": (True, False, False),
    "logical_and": (True, True),
    "logical_or": (True, True),
    "logical_not": (True,),
}


def _typed(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """Turn truth values into 1 and 0 where a number is wanted, and numbers into `not 0` where a condition is."""
    wanted = CONDITIONS.get(node.op, (False,) * len(args))
    return tuple(_as_condition(a) if w else _as_number(a) for a, w in zip(args, wanted, strict=True))


def _as_condition(node: Node) -> Node:
    if OPERATIONS[node.op].boolean:
        return node
    return make("logical_not", make("equal", node, ZERO))


def _as_number(node: Node) -> Node:
    return _where(node, ONE, ZERO) if OPERATIONS[node.op].boolean else node


def in_plain_operations(root: Node) -> Node:
    """Replace every safe node by its form, and means over examples by sums."""

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        args = _typed(node, args)
        same = make_from(node.op, args, node.attr)
        if node.op == "example_mean":
            count = make("example_sum", ONE, attr=node.attr)
            return _safe_divide(make("example_sum", args[0], attr=node.attr), count)
        if node.op == "example_rms":
            return _example_rms(same)
        if node.op == "example_log_mean_exp":
            return _example_log_mean_exp(same)
        return FORMS[node.op](*args) if node.op in FORMS else same

    return _as_number(rebuild(by_patterns(root), change))
