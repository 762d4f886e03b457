"""Rigorous balls as a number system: every operation returns a ball that contains the exact answer.

Comes in: arrays of python-flint `arb`. Goes out: the same. Conditions are True, False or None: where balls overlap a
comparison is undecided, and `where` then returns a ball around both branches; more precision narrows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike

from lossmith.interpret.normal import log_normal_cdf, normal_cdf, normal_gap, normal_hazard
from lossmith.interpret.systems import Array, System

HUGE: Final = arb(2.0**64)


def _ball_exp(a: Any) -> Any:
    """e**a; the exponent of a huge result is itself long, and needs digits of its own."""
    if not abs(a) > HUGE or not a.is_finite():
        return arb(0) if a == arb("-inf") else a.exp()
    with ctx.workprec(ctx.prec + 1100):
        return a.exp()


def _ball_expm1(a: Any) -> Any:
    return _ball_exp(a) - 1 if abs(a) > HUGE else a.expm1()


def _ball_hyperbolic(name: str, sign: int) -> Callable[[Any], Any]:
    def function(a: Any) -> Any:
        return (_ball_exp(a) + sign * _ball_exp(-a)) / 2 if abs(a) > HUGE else getattr(a, name)()

    return function


def _ball_log(a: Any) -> Any:
    return arb("-inf") if a.is_zero() else a.log()


def _ball_divide(a: Any, b: Any) -> Any:
    """a / b; over an exact 0 it is an infinity with the sign of a, as over IEEE's +0."""
    return a * arb("inf") if b.is_zero() else a / b


def _ball_power(a: Any, b: Any) -> Any:
    return arb("inf") if a.is_zero() and b < 0 else a**b


def _undecided_or(answer: bool, other: bool) -> bool | None:
    return answer if answer != other else None


def _ball_and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else (None if a is None or b is None else True)


def _ball_not(a: bool | None) -> bool | None:
    return None if a is None else not a


def _ball_where(condition: bool | None, a: Any, b: Any) -> Any:
    return a.union(b) if condition is None else (a if condition else b)


_BALL_SCALARS: Final[dict[str, tuple[int, Callable[..., Any]]]] = {
    "divide": (2, _ball_divide),
    "power": (2, _ball_power),
    "exp": (1, _ball_exp),
    "expm1": (1, _ball_expm1),
    "log": (1, _ball_log),
    "log1p": (1, lambda a: arb("-inf") if a == -1 else a.log1p()),
    "sqrt": (1, lambda a: a.sqrt()),
    "tanh": (1, lambda a: a.tanh()),
    "cosh": (1, _ball_hyperbolic("cosh", 1)),
    "sinh": (1, _ball_hyperbolic("sinh", -1)),
    "erf": (1, lambda a: a.erf()),
    "normal_cdf": (1, normal_cdf),
    "log_normal_cdf": (1, log_normal_cdf),
    "normal_hazard": (1, normal_hazard),
    "normal_gap": (1, normal_gap),
    "lgamma": (1, lambda a: a.lgamma()),
    "digamma": (1, lambda a: a.digamma()),
    "trigamma": (1, lambda a: arb(2).zeta(a)),
    "sin": (1, lambda a: a.sin()),
    "cos": (1, lambda a: a.cos()),
    "abs": (1, abs),
    "sign": (1, lambda a: a.sgn()),
    "maximum": (2, lambda a, b: a.max(b)),
    "minimum": (2, lambda a, b: a.min(b)),
    "less": (2, lambda a, b: _undecided_or(a < b, a >= b)),
    "less_equal": (2, lambda a, b: _undecided_or(a <= b, a > b)),
    "equal": (2, lambda a, b: _undecided_or(a == b, a != b)),
    "logical_and": (2, _ball_and),
    "logical_or": (2, lambda a, b: _ball_not(_ball_and(_ball_not(a), _ball_not(b)))),
    "logical_not": (1, _ball_not),
    "where": (3, _ball_where),
}
_TO_BALL: Final = np.frompyfunc(lambda x: arb(float(x)), 1, 1)
_BALL_PRIMITIVES: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {name: np.frompyfunc(function, arity, 1) for name, (arity, function) in _BALL_SCALARS.items()}
)


def _lift_balls(x: ArrayLike) -> Array:
    given = np.asarray(x)
    return given if given.dtype == object else np.asarray(_TO_BALL(given), dtype=object)


@lru_cache(maxsize=32)
def BALLS(precision: int) -> System:  # noqa: N802
    """Rigorous balls (python-flint `arb`) of `precision` bits: the exact answer lies inside."""
    return System(
        f"balls of {precision} bits",
        _lift_balls,
        _BALL_PRIMITIVES,
        lambda a: np.vectorize(lambda b: float(b.mid()), otypes=[np.float64])(a),
        lambda: ctx.workprec(precision),
    )
