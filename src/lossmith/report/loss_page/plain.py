"""The formulas of a row's value, gradient and curvature as a person writes them, with nothing that keeps them safe.

Comes in: a loss. Goes out: a formula for each output, and how NumPy computes their steps. Derivatives are those of the chain
rule, step by step, nothing cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.additivity import additive_part
from lossmith.calculus.derivative import gradient, tangent
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import or_zero
from lossmith.compiler import direction
from lossmith.formula.definition import resolved
from lossmith.formula.node import OPERATIONS, Node, constant, make, make_from, rebuild
from lossmith.interpret import System, numpy_system
from lossmith.loss.handle import Loss

Array = NDArray[Any]
Output = Literal["value", "gradient", "hessian"]
ONE: Final = constant(1.0)


def _divided(a: Node, total: Node) -> Node:
    return make("divide", a, total)


# What a person writes for a node that has a safe form.
WRITTEN: Final[Mapping[str, Callable[..., Node]]] = MappingProxyType(
    {
        "sigmoid": lambda z: ONE / (ONE + make("exp", -z)),
        "softplus": lambda z: make("log", ONE + make("exp", z)),
        "log_sigmoid": lambda z: make("log", ONE / (ONE + make("exp", -z))),
        "log_cosh": lambda z: make("log", make("cosh", z)),
        "expm1": lambda z: make("exp", z) - ONE,
        "log1p": lambda z: make("log", ONE + z),
        "softmax": lambda z: _divided(make("exp", z), make("class_sum", make("exp", z))),
        "log_softmax": lambda z: make("log", _divided(make("exp", z), make("class_sum", make("exp", z)))),
        "class_logsumexp": lambda z: make("log", make("class_sum", make("exp", z))),
        "example_logsumexp": lambda z: make("log", make("example_sum", make("exp", z))),
        "example_rms": lambda z: make("sqrt", make("example_mean", z * z)),
        "xlogy": lambda a, b: a * make("log", b),
        "xlog1py": lambda a, b: a * make("log", ONE + b),
        "sigmoid_power": lambda z, b: make("power", ONE / (ONE + make("exp", -z)), b),
    }
)

# What derivatives bring in; as plain steps.
STEPS: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "safe_divide": lambda a, b: np.asarray(a / b),
        "vanishing_product": lambda a, b: np.asarray(a * b),
        "sigmoid": lambda a: np.asarray(1 / (1 + np.exp(-a))),
        "softplus": lambda a: np.asarray(np.log(1 + np.exp(a))),
        "xlogy": lambda a, b: np.asarray(a * np.log(b)),
    }
)


def plain_formulas(loss: Loss) -> dict[Output, Node]:
    """The formulas of a row's own value, gradient and curvature; of a loss that is no sum over rows, of the finished number.

    There each place is a group of rows: sums over rows are sums over the rows of a group.
    """
    definition = loss.definition
    whole = rebuild(resolved(definition), _as_written)
    part, raw = additive_part(whole), definition.roles.raw[0]
    if part is None:
        whole = rebuild(whole, _by_group)
        slope = gradient(whole, raw)
        return {"value": whole, "gradient": slope, "hessian": or_zero(tangent(slope, {raw: direction(raw)}))}
    slope = gradient(part.term, raw)
    return {"value": part.term, "gradient": slope, "hessian": diagonal(slope, raw)}


def _by_group(node: Node, args: tuple[Node, ...]) -> Node:
    return make_from(node.op, args, ("group",) if OPERATIONS[node.op].joins_examples else node.attr)


def _as_written(node: Node, args: tuple[Node, ...]) -> Node:
    if node.op in WRITTEN and node.attr is None:
        return WRITTEN[node.op](*args)
    return make_from(node.op, args, node.attr)


def plain_system(dtype: np.dtype[Any]) -> System:
    system = numpy_system(dtype)
    return replace(system, primitives=MappingProxyType({**system.primitives, **STEPS}))
