"""A floating-point form for every node that needs one: plain operations whose result is right in every regime.

Comes in: a formula with safe nodes. Goes out: an equal formula over plain operations only; never differentiated.
Each form keeps small results small (no 1 - p, no lse - z) and large arguments finite (only exp(-|x|)).
Shared parts (`exp(-|z|)`, the largest class) are one node, so a kernel computes them once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from lossmith.formula.node import OPERATIONS, Node, among, constant, make, make_from, number_of, rebuild
from lossmith.stable.arguments import argument_of, exponential, falling_power, relative
from lossmith.stable.patterns import by_patterns

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
HALF: Final = constant(0.5)
TWO: Final = constant(2.0)
INFINITE: Final = constant(math.inf)
LOG_2: Final = constant(math.log(2.0))
BIG: Final = constant(2.0**500)


def _where(condition: Node, a: Node, b: Node) -> Node:
    return make("where", condition, a, b)


def _abs(x: Node) -> Node:
    return make("abs", x.args[0] if x.op == "negative" else x)


def _decay(x: Node) -> Node:
    """exp(-|x|), in [0, 1]; the rounding of a large sum or quotient would be multiplied by it: it is kept in two words."""
    inner = x.args[0] if x.op == "negative" else x
    found = argument_of(inner)
    if found.is_leaf:
        return make("exp", -_abs(x))
    return exponential(_where(_below_zero(inner), ONE, -ONE), found)


def _below_zero(x: Node) -> Node:
    return x.args[0] > ZERO if x.op == "negative" else x < ZERO


def _sigmoid(x: Node) -> Node:
    e = _decay(x)
    return _where(_below_zero(x), e, ONE) * (ONE / (ONE + e))


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
    return _where(a < ONE, near, far)


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
    return _where(size > BIG, TWO * make("log", size), make("log1p", a))


def _sqrt(a: Node) -> Node:
    """sqrt(1 + x**2) of a huge x is |x|."""
    x = _squared(_beside_one(a))
    if x is None:
        return make("sqrt", a)
    size = make("abs", x)
    return _where(size > BIG, size, make("sqrt", a))


def _subtract(a: Node, b: Node) -> Node:
    """sqrt(1 + x**2) - 1 as x**2 / (sqrt(1 + x**2) + 1), which keeps a small x."""
    root = a.args[2] if a.op == "where" else a
    x = _squared(_beside_one(root.args[0])) if b is ONE and root.op == "sqrt" else None
    return a - b if x is None else x * (x / (a + ONE))


def _log(a: Node) -> Node:
    """log(1 + x) keeps a small x; log(1 - e**x) for very negative x needs the exponential: expm1(x) has rounded to -1."""
    small = _beside_one(a)
    if small is not None:
        return _log1p(small)
    if a.op != "negative" or a.args[0].op != "expm1":
        return make("log", a)
    x = a.args[0].args[0]
    return _where(x < -LOG_2, make("log1p", -make("exp", x)), make("log", a))


def _grown(product: Node) -> Node | None:
    """exp(b log1p(a)) for a number b as (1 + a)**b: b log1p(a) would magnify its rounding; 1 + a is kept in two words."""
    if product.op != "multiply" or product.args[0].axes or product.args[1].op != "log1p":
        return None
    b, a = product.args[0], product.args[1].args[0]
    total = ONE + a
    lost = _where(a < ONE, a - (total - ONE), ONE - (total - a))
    power = make("power", total, b)
    return power + power * _where(make("abs", total) < BIG, b * (lost / total), ZERO)


def _expm1(a: Node) -> Node:
    grown = _grown(a)
    return make("expm1", a) if grown is None else _where(make("abs", a) < HALF, make("expm1", a), grown - ONE)


def _exp(a: Node) -> Node:
    """The rounding of a large product would be multiplied by the product: it is kept in two words."""
    grown = _grown(a)
    if grown is not None:
        return grown
    product = a.args[0] if a.op == "negative" else a
    if a.op == "subtract" and a.args[1].op == "example_max":
        return make("exp_muladd", ONE, a.args[0], -a.args[1])
    if product.op != "multiply":
        return make("exp", a)
    x, y = product.args
    return make("exp_muladd", x if product is a else -x, y, ZERO)


def _xlogy(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * _log(b))


def _xlog1py(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * make("log1p", b))


def _safe_divide(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a / b)


def _vanishing_product(a: Node, b: Node) -> Node:
    return _where(make("equal", a, ZERO), ZERO, a * b)


def _log_ratio(a: Node, b: Node) -> Node:
    excess = (a - b) / b
    return _where(make("abs", excess) < HALF, make("log1p", excess), make("log", a) - make("log", b))


def _scaled_exp(a: Node, b: Node) -> Node:
    """Two halves of the exponential, so that neither overflows where the product does not."""
    grown = _grown(b)
    if grown is not None:
        return a * grown
    half = _exp((HALF * b.args[0]) * b.args[1]) if b.op == "multiply" else make("exp", HALF * b)
    return _where(make("equal", a, ZERO), ZERO, (half * a) * half)


def _exp_minus(x: Node, y: Node) -> Node:
    near, grown = make("expm1", x) - (y - ONE), make("exp", x)
    far = _where(make("equal", grown, INFINITE), INFINITE, grown - y)
    return _where(make("abs", x) < HALF, near, far)


def _one_minus_scaled_exp(a: Node, b: Node) -> Node:
    near = -(make("expm1", b) + (a - ONE) * make("exp", b))
    return _where(make("abs", b) < HALF, near, ONE - _scaled_exp(a, b))


def _distances(x: Node) -> tuple[Node, Node]:
    """How far each class lies from the largest, and the exponential of that."""
    found = argument_of(x)
    if not found.is_leaf:
        return relative(found, make("class_first_max", x))
    top = make("class_max", x)
    return x - top, make("exp_muladd", ONE, x, -top)  # the difference in two words: exp would magnify its rounding


def _row(x: Node) -> tuple[Node, Node, Node]:
    """The exponentials relative to the largest class, which class that is, and the sum of the others."""
    e, first = _distances(x)[1], make("class_first_max", x)
    return e, first, make("class_sum", _where(first, ZERO, e))


def _logsumexp(x: Node) -> Node:
    return make("class_max", x) + make("log1p", _row(x)[2])


def _log_softmax(x: Node) -> Node:
    return _distances(x)[0] - make("log1p", _row(x)[2])


def _softmax(x: Node) -> Node:
    e, _, rest = _row(x)
    return e * (ONE / (ONE + rest))


def _softmax_complement(x: Node) -> Node:
    e, first, rest = _row(x)
    return _where(first, rest, ONE + (rest - e)) * (ONE / (ONE + rest))


def _softmax_complement_power(x: Node, b: Node) -> Node:
    return _power(_softmax_complement(x), b)


def _class_others(a: Node) -> Node:
    """Leave out the largest element by summing the others, not by subtracting it from the sum."""
    size = make("abs", a)
    first = make("class_first_max", size)
    rest = make("class_sum", _where(first, ZERO, a))
    largest = make("class_sum", _where(first, a, ZERO))
    return _where(first, rest, largest + (rest - a))


def _power(base: Node, exponent: Node) -> Node:
    """Small whole powers as products."""
    value = number_of(exponent)
    if value == 2.0:
        return base * base
    return base * base * base if value == 3.0 else make("power", base, exponent)


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
    "power": _power,
    "sigmoid": _sigmoid,
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
    "class_logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmax_complement": _softmax_complement,
    "softmax_complement_power": _softmax_complement_power,
    "class_others": _class_others,
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
