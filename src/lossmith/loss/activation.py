"""Activation functions on arrays: value and derivative, compiled from the same formulas as losses.

Comes in: the name of an activation. Goes out: a callable `ActivationFunction`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.calculus.derivative import tangent
from lossmith.calculus.evidence import Fact
from lossmith.calculus.kinks import Kink, kinks
from lossmith.calculus.terms import ONE, or_zero
from lossmith.catalogue import Activation, find_activation
from lossmith.errors import ArgumentError, UnsupportedError, did_you_mean
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, constant, is_number, make, make_from, rebuild, symbol
from lossmith.loss.shown import Shown
from lossmith.runtime import numpy_function
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise


@dataclass(frozen=True)
class ActivationFacts:
    """Derived facts: whether the map only rises, is odd (and so centred on 0), is bounded; and where it has corners."""

    increasing: Fact[bool]
    odd: Fact[bool]
    bounded: Fact[bool]
    kinks: tuple[Kink, ...]


@final
@dataclass(frozen=True)
class ActivationFunction(Shown):
    """An activation, callable on arrays; outputs have the dtype of the input (integers become float64).

    >>> import lossmith as ls
    >>> relu = ls.activation("relu")
    >>> relu([-1.0, 2.0]).tolist(), relu.derivative([-1.0, 2.0]).tolist()
    ([0.0, 2.0], [0.0, 1.0])
    """

    record: Activation
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """The name, for people."""
        return self.record.name

    @property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return self.record.latex

    @property
    def facts(self) -> ActivationFacts:
        """What is known of the map, each fact with its evidence."""
        return _facts(self)

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """The value at every number; softmax works along the last axis."""
        return _apply(_value(self.record, _fixed(self.parameters)), x, self.parameters, self.record.row)

    def derivative(self, x: ArrayLike) -> NDArray[Any]:
        """The derivative at every number; refused for softmax, whose derivative is a matrix per row.

        >>> import lossmith as ls
        >>> ls.activation("tanh").derivative([0.0]).tolist()
        [1.0]
        """
        if self.record.row:
            raise UnsupportedError(
                "LM313", f"{self.name} mixes the classes of a row: its derivative is a matrix, not a number."
            )
        return _apply(_derivative(self.record, _fixed(self.parameters)), x, self.parameters, False)


MINUS: Final = constant(-1.0)
SAMPLES: Final = np.concatenate([np.linspace(-30.0, 30.0, 2401), [-1e6, -1e3, 1e3, 1e6]])


def _facts(activation: ActivationFunction) -> ActivationFacts:
    """Sampled on `SAMPLES`; softmax is looked at in its first class, against a class that stays at 0."""
    x = np.sort(SAMPLES)
    row = activation.record.row
    y = activation(np.stack([x, np.zeros_like(x)], axis=1))[:, 0] if row else activation(x)
    falls = np.flatnonzero(y[1:] < y[:-1])
    even = np.flatnonzero(~(np.abs(y + y[::-1]) <= 1e-12 * np.maximum(1.0, np.abs(y))))
    large = np.flatnonzero(np.abs(y) > 1e5)
    return ActivationFacts(
        _judged(falls, x), _judged(even, x), _judged(large, x), kinks(lift(activation.record.formula)[0])
    )  # fmt: skip


def _judged(against: NDArray[Any], x: NDArray[Any]) -> Fact[bool]:
    if len(against):
        return Fact(False, "refuted", 1, f"x={x[against[0]]:g}")
    return Fact(True, "sampled", len(x))


def _apply(
    function: Callable[..., Any], x: ArrayLike, parameters: tuple[tuple[str, float], ...], row: bool
) -> NDArray[Any]:
    array = np.asarray(x)
    dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    wide = array.astype(np.float64)
    shape = wide.shape
    flat = wide.reshape(-1, shape[-1]) if row else wide.reshape(-1, 1)
    with np.errstate(all="ignore"):
        found = np.asarray(function(flat, *(np.float64(v) for _, v in parameters), flat.shape[1], 1)[0])
    return np.broadcast_to(found, flat.shape).reshape(shape).astype(dtype)


def _fixed(parameters: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    """The parameters that are 1: their products and quotients are left out, so that celu is elu and swish is silu."""
    return tuple(name for name, value in parameters if value == 1.0)


@lru_cache(maxsize=64)
def _value(record: Activation, fixed: tuple[str, ...]) -> Callable[..., Any]:
    return _compiled(record, lift(_with_ones(record.formula, fixed))[0])


@lru_cache(maxsize=64)
def _derivative(record: Activation, fixed: tuple[str, ...]) -> Callable[..., Any]:
    formula = lift(_with_ones(record.formula, fixed))[0]
    return _compiled(record, stabilise(or_zero(tangent(formula, {record.input: ONE})))[0])


def _with_ones(formula: Node, fixed: tuple[str, ...]) -> Node:
    """A formula in which these parameters are 1, without products with 1 and quotients by 1."""
    ones = {symbol(name, "parameter") for name in fixed}

    def without(node: Node, args: tuple[Node, ...]) -> Node:
        if node in ones:
            return ONE
        if node.op in ("multiply", "divide") and is_number(args[1], 1.0):
            return args[0]
        if node.op == "multiply" and is_number(args[0], 1.0):
            return args[1]
        if node.op == "negative" and is_number(args[0], 1.0):
            return MINUS
        if node.op == "multiply" and is_number(args[0], -1.0):
            return make("negative", args[1])
        return make_from(node.op, args, node.attr) if args else node

    return rebuild(formula, without) if fixed else formula


def derivative_formula(record: Activation) -> Node:
    """The derivative of an elementwise activation by its input, exact, over the same leaves.

    >>> from lossmith.catalogue import find_activation
    >>> derivative_formula(find_activation("softplus"))
    sigmoid(x)
    """
    return or_zero(tangent(lift(record.formula)[0], {record.input: ONE}))


def _compiled(record: Activation, formula: Node) -> Callable[..., Any]:
    names = {symbol(p.name, "parameter"): p.name for p in record.parameters}
    return numpy_function({record.input: "x", **names}, (in_plain_operations(formula),))


def activation(name: str, **parameters: float) -> ActivationFunction:
    """An activation by name, with its parameters.

    >>> import lossmith as ls
    >>> ls.activation("leaky_relu", slope=0.1)([-1.0]).tolist()
    [-0.1]
    """
    record = find_activation(name)
    known = {p.name: p for p in record.parameters}
    for key, value in parameters.items():
        if key not in known:
            raise ArgumentError("LM203", f'{name} has no parameter "{key}".{did_you_mean(key, known)}')
        if value not in known[key].domain:
            raise ArgumentError("LM205", f"{name}: {key} must be {known[key].domain.describe()}, got {value!r}.")
    return ActivationFunction(
        record, tuple((p.name, float(parameters.get(p.name, p.default or 0.0))) for p in record.parameters)
    )
