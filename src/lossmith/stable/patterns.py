"""Floating-point forms of whole patterns, where a form for each node alone is not enough.

Comes in: exact formulas (value, gradient, hessian). Goes out: equal formulas that choose the exact expression with the
most digits in each regime. Applied last: what is chosen here is never differentiated.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, constant, make, substitute
from lossmith.formula.rewrite import Rule, rewrite, wildcard

A: Final = wildcard("A")
B: Final = wildcard("B")
C: Final = wildcard("C")
D: Final = wildcard("D")
ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
HUGE: Final = constant(2.0**500)
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

PATTERNS: Final[tuple[Rule, ...]] = (
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


def by_patterns(root: Node) -> Node:
    """Apply the table once over the formula."""
    return rewrite(root, PATTERNS)[0]
