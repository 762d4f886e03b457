"""Floating-point forms of whole patterns, where a form for each node alone is not enough.

Comes in: exact formulas (value, gradient, hessian). Goes out: equal formulas that choose the exact expression with the
most digits in each regime. Applied last: what is chosen here is never differentiated.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, substitute, walk
from lossmith.formula.rewrite import Procedure, Rule, Step, rewrite, wildcard
from lossmith.stable.overlaps import in_two_words, slope_of_overlap

A: Final = wildcard("A")
B: Final = wildcard("B")
C: Final = wildcard("C")
D: Final = wildcard("D")
ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
HALF: Final = constant(0.5)
HUGE: Final = constant(2.0**500)
TINIEST: Final = constant(2.0**-500)
FAR: Final = constant(-700.0)  # e**-700 is a number with all its digits, e**-746 is 0
NEAR: Final = constant(16.0)  # a root at a raw prediction this large is four terms wide: no digit is lost beside it


def _where(condition: Node, a: Node, b: Node) -> Node:
    return make("where", condition, a, b)


def _sigmoid(a: Node) -> Node:
    return make("sigmoid", a)


def _is_near(a: Node) -> Node:
    return make("abs", a) < NEAR


_SQUARE: Final = ONE + A**TWO
_PULL: Final = _where(make("abs", A) < ONE, A / (ONE + A * A), ONE / (A + ONE / A))
_BELL: Final = _where(make("abs", A) < ONE, ONE / (ONE + A * A), _PULL / A)

# of the ratio x = (b - a) / d, which may overflow: x / (1 + x**2) / d, 1 / (1 + x**2) / d**2, and d - d x, d + d x
_RATIO: Final = (B - A) / D
_PULL_OF_RATIO: Final = substitute(_PULL, {A: _RATIO})
_BELL_OF_RATIO: Final = substitute(_BELL, {A: _RATIO})
_IS_SMALL: Final = make("abs", _RATIO) < ONE
_SLOPE: Final = _where(_IS_SMALL, _PULL_OF_RATIO / D, ONE / ((B - A) + D / _RATIO))
_BEND: Final = _where(_IS_SMALL, (_BELL_OF_RATIO / D) / D, _SLOPE / (B - A))
_IS_BELOW: Final = make("abs", A) < make("abs", D)  # then the sum of d and b is exact enough, else that of b and a
_FIRST: Final = _where(_IS_BELOW, (D - B) + A, D - (B - A))
_SECOND: Final = _where(_IS_BELOW, (D + B) - A, D + (B - A))

_RISING: Final = make("exp", (TWO - C) * A)
_FALLING: Final = make("scaled_exp", B, (ONE - C) * A)

_ODDS: Final = make("log", C) + A
_EVENTS: Final = (ONE / C) * _sigmoid(_ODDS)
_SEEN: Final = B * _sigmoid(-_ODDS)

_MIDDLE: Final = (B + C) - TWO * A  # twice the way from a to the middle of b and c
_ABOVE: Final = make("vanishing_product", _sigmoid(A - C), _sigmoid(-(B - A)) * make("expm1", _MIDDLE))
_BELOW: Final = make("vanishing_product", _sigmoid(B - A), _sigmoid(-(A - C)) * make("expm1", -_MIDDLE))

_SHARE: Final = (ONE - B) * make("expm1", A)
_INFLATED: Final = B + make("scaled_exp", ONE - B, A)

_TWICE_LOG_COSH: Final = -(TWO * make("log_cosh", A))  # of the slope of tanh: 1 / cosh(a)**2
_TANH_SLOPE: Final = constant(4.0) * (_sigmoid(TWO * A) * _sigmoid(-(TWO * A)))

_HALF_OF: Final = (C / TWO) * make("log1p", A)
_NEARLY_ONE: Final = _where(make("equal", _HALF_OF, ZERO), ONE, make("expm1", _HALF_OF) / _HALF_OF)


def _share_of_others(node: Node) -> Node | None:
    """p_j times the sum over the other classes of x_k / c_k**2, c = 1 - p: for the surest class p_j / c_k comes first.

    All other classes have c of 1/2 and more, but its c may be so small that 1 / c**2 is infinite though p_j**2 / c**2 is not.
    """
    if node.op not in ("multiply", "vanishing_product") or node.args[1].op != "class_others":
        return None
    p, spread = node.args[0], node.args[1].args[0]
    if p.op != "softmax":
        return None
    z, c = p.args[0], make("softmax_complement", p.args[0])
    quotient = next((f for f in _factors(spread) if f.op == "safe_divide" and f.args[1] is c), None)
    if quotient is None or not any(n.op == "safe_divide" and n.args[1] is c for n in walk(quotient.args[0])):
        return None
    first = make("class_first_max", z)

    def surest(x: Node) -> Node:
        return make("class_sum", _where(first, x, ZERO))

    top = surest(substitute(spread, {quotient: quotient.args[0]}))
    rest = make("vanishing_product", p, make("class_others", _where(first, ZERO, spread)))
    return _where(first, rest, top * make("safe_divide", p, surest(c)) + rest)


def _others_alone(z: Node) -> tuple[Node, Node, Node]:
    """How far the second class lies below the first, the exponentials of the others relative to it, and their sum."""
    first, lowest = make("class_first_max", z), -make("class_max", -z)
    second = make("class_max", _where(first, lowest, z))
    others = _where(first, ZERO, make("exp", z - second))
    return second - make("class_max", z), others, make("class_sum", others)


def _log_of_complement(node: Node) -> Node | None:
    """log(1 - p) of the surest class by the second one, where 1 - p underflows."""
    if node.op not in ("log", "xlogy") or node.args[-1].op != "softmax_complement":
        return None
    z = node.args[-1].args[0]
    gap, _, total = _others_alone(z)
    far = make("logical_and", make("class_first_max", z), gap < FAR)
    near = _where(make("softmax", z) < HALF, make("log1p", -make("softmax", z)), make("log_ratio", node.args[-1], ONE))
    found = _where(far, gap + make("log1p", total - ONE), near)
    return found if node.op == "log" else make("vanishing_product", node.args[0], found)


def _share_beside_surest(node: Node) -> Node | None:
    """p_j times the sum over the other classes of x_k / c_k, c = 1 - p: beside the surest class p_j / c is a share of the others.

    Both p_j and c may underflow; what they are relative to the second class does not.
    """
    if node.op not in ("multiply", "vanishing_product") or node.args[1].op != "class_others":
        return None
    p, spread = node.args[0], node.args[1].args[0]
    if p.op != "softmax":
        return None
    z, c = p.args[0], make("softmax_complement", p.args[0])
    if spread.op in ("add", "subtract") and any(_is_over(a, c) for a in spread.args):
        return make(spread.op, *(make("vanishing_product", p, make("class_others", a)) for a in spread.args))
    if spread.op == "negative" and _is_over(spread.args[0], c):
        return -make("vanishing_product", p, make("class_others", spread.args[0]))
    if not _is_over(spread, c):
        return None
    first, (_, others, total) = make("class_first_max", z), _others_alone(z)
    top = make("class_sum", _where(first, spread.args[0], ZERO))
    rest = make("vanishing_product", p, make("class_others", _where(first, ZERO, spread)))
    return _where(first, rest, top * (others / total) + rest)


def _is_over(node: Node, c: Node) -> bool:
    """x / c, for an x without 1 / c."""
    return node.op == "safe_divide" and node.args[1] is c and not any(n.op == "safe_divide" for n in walk(node.args[0]))


def _factors(node: Node) -> list[Node]:
    if node.op in ("multiply", "vanishing_product", "negative"):
        return [f for a in node.args for f in _factors(a)]
    return [node]


PATTERNS: Final[tuple[Rule, ...]] = (
    Rule("cancellation_between_shares", _sigmoid(A) - _sigmoid(-A), make("tanh", A / TWO),
         "p - (1 - p) is a false 0 near p = 1/2"),
    Rule("cancellation_between_shares", _sigmoid(-A) - _sigmoid(A), -make("tanh", A / TWO),
         "p - (1 - p) is a false 0 near p = 1/2"),
    Rule("cancellation_in_cosh_minus_one", make("cosh", A) - ONE, TWO * make("sinh", A / TWO) ** TWO, "cosh(a) - 1 is a false 0"),
    Rule("rounding_in_a_bell", make("exp", _TWICE_LOG_COSH), _TANH_SLOPE, "log(cosh(a)) rounds, and exp magnifies that"),
    Rule("rounding_in_a_bell", make("scaled_exp", B, _TWICE_LOG_COSH), B * _TANH_SLOPE,
         "log(cosh(a)) rounds, and exp magnifies that"),
    Rule("rounding_of_a_reciprocal", make("softmax", A) * make("softmax_complement", A), make("softmax_slope", A),
         "p (1 - p) with one division in place of two"),
    Rule("rounding_of_a_part", make("safe_divide", A * (_sigmoid(B) * _sigmoid(-B)), C),
         make("safe_divide", A * make("sigmoid_slope", B), C), "p (1 - p) with one division in place of two"),
    Rule("cancellation_at_root_of_focal",
         make("softmax_complement", A) * (B * (make("softmax_focal_bend", A, C) * make("softmax_complement", A)))
         - make("softmax_slope", A) * (B * make("softmax_focal_slope", A, C)), B * make("softmax_focal_own", A, C),
         "the own second derivative of (1 - p)**c log p as one product"),
    Rule("underflow_of_a_vanishing_power", (D / C) * make("expm1", _HALF_OF),
         _where(make("abs", _HALF_OF) < TINIEST, ((D / TWO) * make("log1p", A)) * _NEARLY_ONE, (D * make("expm1", _HALF_OF)) / C),
         "c log(1 + a) underflows where its quotient by c does not"),
    Rule("overflow_of_a_square", make("safe_divide", B * A, _SQUARE), B * _PULL, "a**2 overflows, a / (1 + a**2) is 1 / a"),
    Rule("overflow_of_a_square", make("safe_divide", B, _SQUARE), B * _BELL, "a**2 overflows, b / (1 + a**2) does not vanish"),
    Rule("underflow_of_a_cube", ((B * _PULL) * _BELL) * (A * C), (B * C) * (_PULL * _PULL),
         "a / (1 + a**2)**2 vanishes where its product with a does not"),
    Rule("overflow_of_a_ratio", make("log", ONE + (A / D) ** TWO),
         _where(make("abs", A / D) > HUGE, TWO * (make("log", make("abs", A)) - make("log", make("abs", D))),
                make("log1p", (A / D) ** TWO)), "a / d overflows though its logarithm is harmless"),
    Rule("overflow_of_a_ratio", (C * _PULL_OF_RATIO) * (ONE / D), C * _SLOPE, "a / d overflows for small d"),
    Rule("cancellation_at_turn_of_student_t",
         (ONE / D) * (-(TWO * ((ONE / D) * C)) * _BELL_OF_RATIO
                      + ((C * TWO) * ((ONE / D) * TWO)) * (_PULL_OF_RATIO * _PULL_OF_RATIO)),
         -((C * TWO) * ((_FIRST * _BEND) * (_SECOND * _BEND))), "1 - a**2 over (1 + a**2)**2 near a = 1"),
    Rule("cancellation_at_root_of_tweedie", _RISING - _FALLING,
         _where(_is_near(A), make("exp", (ONE - C) * A) * make("exp_minus", A, B), _RISING + (-_FALLING)),
         "exp((2-c) a) - b exp((1-c) a) near a = log b, at small a"),
    Rule("cancellation_at_root_of_negative_binomial", _EVENTS - _SEEN,
         _where(_is_near(A), _sigmoid(-_ODDS) * make("exp_minus", A, B), _EVENTS + (-_SEEN)),
         "shares of exp(a) and b near a = log b, at small a"),
    Rule("cancellation_between_cuts", _sigmoid(A - C) - _sigmoid(B - A),
         _where(_MIDDLE < ZERO, -_ABOVE, _BELOW), "two equal shares near the middle of the cuts"),
    Rule("cancellation_in_log_of_inflated", make("log", _INFLATED),
         _where(constant(-0.5) > _SHARE, make("log_ratio", _INFLATED, ONE), make("log1p", _SHARE)),
         "log(b + (1-b) exp(a)) is a false 0 for small a"),
)  # fmt: skip


PROCEDURES: Final = (
    Procedure("rounding_of_a_part", slope_of_overlap, "what is read by every row is rounded once"),
    Procedure(
        "rounding_of_a_part", in_two_words, "sums over the examples are rounded, and once more where they are added"
    ),
    Procedure("underflow_in_a_logarithm", _log_of_complement, "1 - p underflows where its logarithm does not"),
    Procedure("underflow_of_a_share", _share_beside_surest, "p_j and 1 - p underflow where their quotient does not"),
    Procedure("overflow_of_a_share", _share_of_others, "1 / c**2 is infinite where p**2 / c**2 is not"),
)


def by_patterns(root: Node) -> Node:
    """Apply the tables once over the formula."""
    return pattern_steps(root)[0]


def pattern_steps(root: Node) -> tuple[Node, tuple[Step, ...]]:
    """The same, with the steps."""
    return rewrite(root, (*PATTERNS, *PROCEDURES))
