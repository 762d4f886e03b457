"""Activation functions: maps of one number (softmax: of a row of classes), as formulas like any other.

Comes in: a node. Goes out: the node of its activation, through frozen `Activation` rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lossmith import maths as ls
from lossmith.errors import ArgumentError, did_you_mean
from lossmith.formula.definition import Parameter
from lossmith.formula.node import Node, symbol
from lossmith.numerics.interval import NONNEGATIVE

INPUT: Final[Node] = symbol("x", "raw", ["example"])
CLASSES: Final[Node] = symbol("x", "raw", ["example", "class"])


@dataclass(frozen=True)
class Activation:
    """A map: `build(x, *parameters)` gives its formula, `row` says that it looks at the whole class axis."""

    name: str
    build: Callable[..., Node]
    source: str
    parameters: tuple[Parameter, ...] = ()
    row: bool = False

    @property
    def input(self) -> Node:
        """The leaf `x` of `formula`."""
        return CLASSES if self.row else INPUT

    @property
    def formula(self) -> Node:
        """The map as a node over the leaf `x` and parameter leaves."""
        return self.build(self.input, *(symbol(p.name, "parameter") for p in self.parameters))

    @property
    def latex(self) -> str:
        """The map in LaTeX, derived from the formula."""
        from lossmith.calculus.sympy_bridge import to_latex

        return to_latex(self.formula)


def _leaky_relu(x: Node, slope: Node) -> Node:
    return ls.where(x <= 0, slope * x, x)


def _elu(x: Node, alpha: Node) -> Node:
    return ls.where(x <= 0, alpha * (ls.exp(x) - 1), x)


def _gelu(x: Node) -> Node:
    return x * (1 + ls.erf(x / ls.sqrt(2))) / 2


def _softmax(x: Node) -> Node:
    return ls.exp(x) / ls.over_classes(ls.exp(x))


ACTIVATIONS: Final[tuple[Activation, ...]] = (
    Activation("identity", lambda x: x, "the raw prediction itself"),
    Activation("sigmoid", lambda x: 1 / (1 + ls.exp(-x)), "Verhulst (1845), the logistic curve"),
    Activation("tanh", lambda x: ls.tanh(x), "LeCun, Bottou, Orr and Muller (1998), Efficient BackProp, section 4.4"),
    # Written with <=, so that the slope at 0 is the left one and NaN is handed on.
    Activation("relu", lambda x: ls.where(x <= 0, 0, x), "Nair and Hinton (2010), Rectified Linear Units"),
    Activation(
        "leaky_relu",
        _leaky_relu,
        "Maas, Hannun and Ng (2013), Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        (Parameter("slope", 0.01, NONNEGATIVE),),
    ),
    Activation(
        "elu",
        _elu,
        "Clevert, Unterthiner and Hochreiter (2016), Exponential Linear Units, arXiv:1511.07289",
        (Parameter("alpha", 1.0, NONNEGATIVE),),
    ),
    Activation("gelu", _gelu, "Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415, section 2"),
    Activation("silu", lambda x: x / (1 + ls.exp(-x)), "Elfwing, Uchibe and Doya (2018), arXiv:1702.03118"),
    Activation("softplus", lambda x: ls.log(1 + ls.exp(x)), "Dugas, Bengio et al. (2001), softplus"),
    Activation("softmax", _softmax, "Bridle (1990), Probabilistic Interpretation of Network Outputs", row=True),
)

_BY_NAME: Final[dict[str, Activation]] = {row.name: row for row in ACTIVATIONS}


def find_activation(name: str) -> Activation:
    """The activation of that name; raises LM274 with the closest known name.

    >>> find_activation("relu").formula
    where(less_equal(x, 0.0), 0.0, x)
    """
    found = _BY_NAME.get(name)
    if found is None:
        advice = did_you_mean(name, _BY_NAME) or f" Known: {', '.join(_BY_NAME)}."
        raise ArgumentError("LM274", f'there is no activation "{name}".{advice}')
    return found
