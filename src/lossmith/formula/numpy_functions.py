"""What NumPy's functions mean on nodes, so that a loss written for arrays can be pasted as it is.

Comes in: a NumPy function and its arguments, at least one a node. Goes out: a node; or LM107 with what to write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from lossmith.errors import FormulaError
from lossmith.formula.node import OPERATIONS, Node, as_node, make

# NumPy's and SciPy's elementwise functions by name. Two arguments in _SWAPPED change places.
_UFUNCS: Final[dict[str, str]] = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "true_divide": "divide",
    "negative": "negative", "power": "power", "float_power": "power", "exp": "exp", "expm1": "expm1", "log": "log",
    "log1p": "log1p", "sqrt": "sqrt", "tanh": "tanh", "cosh": "cosh", "sinh": "sinh", "sin": "sin", "cos": "cos",
    "absolute": "abs", "fabs": "abs", "sign": "sign", "less": "less", "less_equal": "less_equal", "equal": "equal",
    "maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum", "logical_and": "logical_and",
    "logical_or": "logical_or", "logical_not": "logical_not", "bitwise_and": "logical_and",
    "bitwise_or": "logical_or", "invert": "logical_not", "expit": "sigmoid", "erf": "erf", "gammaln": "lgamma",
    "psi": "digamma", "xlogy": "xlogy", "xlog1py": "xlog1py",
}  # fmt: skip
_SWAPPED: Final[dict[str, str]] = {"greater": "less", "greater_equal": "less_equal"}
_WRITTEN: Final[dict[str, Callable[..., Node]]] = {
    "positive": lambda a: a,
    "square": lambda a: a**2,
    "reciprocal": lambda a: 1 / a,
    "not_equal": lambda a, b: make("logical_not", make("equal", a, b)),
    "logaddexp": lambda a, b: a + make("softplus", b - a),
    "log2": lambda a: make("log", a) / math.log(2.0),
    "log10": lambda a: make("log", a) / math.log(10.0),
    "log_expit": lambda a: make("log", make("sigmoid", a)),
}

# NumPy's functions of whole arrays, where they have one meaning on nodes.
_ARRAY_FUNCTIONS: Final[dict[str, tuple[int, Callable[..., Node]]]] = {
    "where": (3, lambda condition, a, b: make("where", _holds(condition), a, b)),
    "clip": (3, lambda a, low, high: make("minimum", make("maximum", a, low), high)),
    "mean": (1, lambda a: make("example_mean", a)),
    "sum": (1, lambda a: make("example_sum", a)),
}


def from_ufunc(ufunc: Any, method: str, inputs: tuple[object, ...], kwargs: Mapping[str, object]) -> Node:
    """An elementwise function of NumPy or SciPy, on nodes and numbers."""
    name = str(ufunc.__name__)
    if method == "__call__" and not kwargs:
        args = tuple(as_node(x) for x in inputs)
        if name in _UFUNCS:
            return make(_UFUNCS[name], *args)
        if name in _SWAPPED:
            return make(_SWAPPED[name], *reversed(args))
        if name in _WRITTEN:
            return _WRITTEN[name](*args)
    raise _unknown(name if method == "__call__" else f"{name}.{method}")


def from_array_function(function: Any, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Node:
    """A function of NumPy on whole arrays, where it has one meaning on nodes."""
    name = str(function.__name__)
    count, build = _ARRAY_FUNCTIONS.get(name, (-1, make))
    if kwargs or len(args) != count:
        raise _unknown(name)
    return build(*(as_node(x) for x in args))


def _holds(condition: Node) -> Node:
    """A number in the place of a condition holds where it is not 0, as in NumPy."""
    return condition if OPERATIONS[condition.op].boolean else condition != 0


def _unknown(name: str) -> FormulaError:
    return FormulaError(
        "LM107",
        f"this use of numpy.{name} is not in the vocabulary of formulas, which help(lossmith.maths) lists. Sums and means "
        "take no axis=: over the examples write ls.mean(a) or ls.sum(a), over the classes ls.over_classes(a) or "
        "ls.max_over_classes(a).",
    )
