"""Number systems: a table of primitive operations on arrays, and the safe nodes derived from them once for all.

Comes in: arrays of numbers of one sort. Goes out: arrays of the same sort. Here NumPy's floats, in `balls` the others.
Conditions are numbers too, so that "not known" can travel: among floats they are 0, 1 or NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class System:
    """Numbers of one sort: `lift` makes them from floats, `primitives` computes with them, `centre` looks at them."""

    name: str
    lift: Callable[[ArrayLike], Array]
    primitives: Mapping[str, Callable[..., Array]]
    centre: Callable[[Array], NDArray[np.float64]]
    context: Callable[[], AbstractContextManager[object]]

    def __call__(self, op: str, *args: Array) -> Array:
        """One elementwise operation: a primitive, or one derived from primitives."""
        found = self.primitives.get(op)
        return found(*args) if found else DERIVED[op](self, *args)


# Safe nodes, said once through primitives: exact meaning, in forms that stay narrow in balls -------------------------


def _sigmoid(s: System, a: Array) -> Array:
    e = s("exp", -s("abs", a))
    one = s.lift(1.0)
    return s("divide", s("where", s("less_equal", s.lift(0.0), a), one, e), one + e)


def _softplus(s: System, a: Array) -> Array:
    return s("maximum", a, s.lift(0.0)) + s("log1p", s("exp", -s("abs", a)))


def _log_cosh(s: System, a: Array) -> Array:
    size, half = s("abs", a), s("sinh", a * s.lift(0.5))
    far = size - s("log", s.lift(2.0)) + s("log1p", s("exp", s.lift(-2.0) * size))
    return s("where", s("less", size, s.lift(1.0)), s("log1p", s.lift(2.0) * half * half), far)


def zero_where_zero(s: System, a: Array, result: Array) -> Array:
    """The result, but 0 where a is 0."""
    return s("where", s("equal", a, s.lift(0.0)), s.lift(0.0), result)


DERIVED: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "negative": lambda s, a: -a,
        "add": lambda s, a, b: a + b,
        "subtract": lambda s, a, b: a - b,
        "multiply": lambda s, a, b: a * b,
        "stop_gradient": lambda s, a: a,
        "sigmoid": _sigmoid,
        "softplus": _softplus,
        "sigmoid_power": lambda s, a, b: s("exp", -(b * s("softplus", -a))),
        "log_cosh": _log_cosh,
        "xlogy": lambda s, a, b: zero_where_zero(s, a, a * s("log", b)),
        "xlog1py": lambda s, a, b: zero_where_zero(s, a, a * s("log1p", b)),
        "safe_divide": lambda s, a, b: zero_where_zero(s, a, s("divide", a, b)),
        "vanishing_product": lambda s, a, b: zero_where_zero(s, a, a * b),
        "log_ratio": lambda s, a, b: s("log", s("divide", a, b)),
        "scaled_exp": lambda s, a, b: zero_where_zero(s, a, a * s("exp", b)),
        "exp_minus": lambda s, a, b: s("exp", a) - b,
        "exp_excess": lambda s, a: s("expm1", a) - a,
        "log_deficit": lambda s, a: a - s("log1p", a),
        "log1p_unit": lambda s, a: s("log1p", a),
        "exp_muladd": lambda s, a, b, c: s("exp", a * b + c),
        "two_words": lambda s, a, b: a + b,
        "rest_of_sum": lambda s, a: a - a,
        "sigmoid_slope": lambda s, a: s("sigmoid", a) * s("sigmoid", -a),
        "exp_rest": lambda s, a, b: s("exp", a) - b,
        "one_minus_scaled_exp": lambda s, a, b: s.lift(1.0) - zero_where_zero(s, a, a * s("exp", b)),
    }
)


# Floats --------------------------------------------------------------------------------------------------------------


def _float_condition(test: Callable[..., Any]) -> Callable[[Array, Array], Array]:
    def condition(a: Array, b: Array) -> Array:
        return np.asarray(np.where(np.isnan(a) | np.isnan(b), np.nan, test(a, b)))

    return condition


def _float_where(condition: Array, a: Array, b: Array) -> Array:
    return np.asarray(np.where(np.isnan(condition), np.nan, np.where(condition != 0, a, b)))


def _special(name: str, *before: float) -> Callable[[Array], Array]:
    def function(a: Array) -> Array:
        from scipy import special

        return np.asarray(getattr(special, name)(*before, a.astype(np.float64)), dtype=a.dtype)

    return function


def _normal_hazard(a: Array) -> Array:
    return np.asarray(0.7978845608028654 / _special("erfcx")(a * -0.7071067811865476), dtype=a.dtype)


def _normal_gap(a: Array) -> Array:
    """By Laplace's continued fraction where a + hazard would cancel."""
    t = np.maximum(-a, 1.5)
    rest = t
    for k in range(216, 1, -1):
        rest = t + k / rest
    return np.asarray(np.where(a < -1.5, 1.0 / rest, a + _normal_hazard(a)), dtype=a.dtype)


def _float_primitives() -> dict[str, Callable[..., Array]]:
    names = "divide power exp expm1 log log1p sqrt tanh cosh sinh sin cos abs sign maximum minimum"
    plain: dict[str, Callable[..., Array]] = {name: getattr(np, name) for name in names.split()}
    return plain | {
        "erf": _special("erf"),
        "lgamma": _special("gammaln"),
        "normal_cdf": _special("ndtr"),
        "log_normal_cdf": _special("log_ndtr"),
        "normal_hazard": _normal_hazard,
        "normal_gap": _normal_gap,
        "digamma": _special("digamma"),
        "trigamma": _special("polygamma", 1),
        "less": _float_condition(np.less),
        "less_equal": _float_condition(np.less_equal),
        "equal": _float_condition(np.equal),
        "logical_and": np.minimum,
        "logical_or": np.maximum,
        "logical_not": lambda a: 1.0 - a,
        "where": _float_where,
    }


def numpy_system(dtype: DTypeLike) -> System:
    """NumPy floats of one type. Conditions are 0, 1 or NaN, so that NaN reaches the result."""
    return System(
        np.dtype(dtype).name,
        lambda x: np.asarray(x, dtype=dtype),
        MappingProxyType(_float_primitives()),
        lambda a: np.asarray(a, dtype=np.float64),
        lambda: np.errstate(all="ignore"),
    )


NUMPY: Final = numpy_system(np.float64)
LONGDOUBLE: Final = numpy_system(np.longdouble)
