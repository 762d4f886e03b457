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
from lossmith.numerics.interval import NONNEGATIVE, POSITIVE

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


def _celu(x: Node, alpha: Node) -> Node:
    return ls.where(x <= 0, alpha * (ls.exp(x / alpha) - 1), x)


# The fixed point of Klambauer et al.: a unit keeps mean 0 and variance 1.
_SELU_ALPHA: Final = 1.6732632423543772
_SELU_SCALE: Final = 1.0507009873554805


def _selu(x: Node) -> Node:
    return ls.where(x <= 0, _SELU_SCALE * _SELU_ALPHA * (ls.exp(x) - 1), _SELU_SCALE * x)


def _gelu(x: Node) -> Node:
    return x * (1 + ls.erf(x / ls.sqrt(2))) / 2


def _hard_swish(x: Node) -> Node:
    return ls.where(x <= -3, 0, ls.where(x >= 3, x, x * (x + 3) / 6))


def _softmax(x: Node, temperature: Node) -> Node:
    return ls.exp(x / temperature) / ls.over_classes(ls.exp(x / temperature))


# Written so that the slope at a corner is that of the outer piece (of the left one at 0), and NaN is handed on.
ACTIVATIONS: Final[tuple[Activation, ...]] = (
    Activation("identity", lambda x: x, "the raw prediction itself"),
    Activation("sigmoid", lambda x: 1 / (1 + ls.exp(-x)), "Verhulst (1845), the logistic curve"),
    Activation("tanh", lambda x: ls.tanh(x), "LeCun, Bottou, Orr and Muller (1998), Efficient BackProp, section 4.4"),
    Activation("relu", lambda x: ls.where(x <= 0, 0, x), "Nair and Hinton (2010), Rectified Linear Units"),
    Activation(
        "leaky_relu",
        _leaky_relu,
        "Maas, Hannun and Ng (2013), Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        (Parameter("slope", 0.01, NONNEGATIVE),),
    ),
    Activation(
        "prelu",
        _leaky_relu,
        "He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, arXiv:1502.01852: the slope is learned, from 0.25",
        (Parameter("slope", 0.25, NONNEGATIVE),),
    ),
    Activation(
        "elu",
        _elu,
        "Clevert, Unterthiner and Hochreiter (2016), Exponential Linear Units, arXiv:1511.07289",
        (Parameter("alpha", 1.0, NONNEGATIVE),),
    ),
    Activation(
        "celu",
        _celu,
        "Barron (2017), Continuously Differentiable Exponential Linear Units, arXiv:1704.07483",
        (Parameter("alpha", 1.0, POSITIVE),),
    ),
    Activation(
        "selu",
        _selu,
        "Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-Normalizing Neural Networks, arXiv:1706.02515",
    ),
    Activation("gelu", _gelu, "Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415, section 2"),
    Activation("silu", lambda x: x / (1 + ls.exp(-x)), "Elfwing, Uchibe and Doya (2018), arXiv:1702.03118"),
    Activation(
        "swish",
        lambda x, beta: x / (1 + ls.exp(-beta * x)),
        "Ramachandran, Zoph and Le (2017), Searching for Activation Functions, arXiv:1710.05941",
        (Parameter("beta", 1.0, POSITIVE),),
    ),
    Activation("mish", lambda x: x * ls.tanh(ls.log(1 + ls.exp(x))), "Misra (2020), Mish, arXiv:1908.08681"),
    Activation("softplus", lambda x: ls.log(1 + ls.exp(x)), "Dugas, Bengio et al. (2001), softplus"),
    Activation(
        "log_sigmoid",
        lambda x: ls.log(1 / (1 + ls.exp(-x))),
        "the log-likelihood of one outcome: Cox (1958), The Regression Analysis of Binary Sequences",
    ),
    Activation(
        "softsign",
        lambda x: x / (1 + abs(x)),
        "Glorot and Bengio (2010), Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    ),
    Activation(
        "scaled_tanh",
        lambda x: 1.7159 * ls.tanh(2 * x / 3),
        "LeCun, Bottou, Orr and Muller (1998), Efficient BackProp, section 4.4: near 1 at 1, steepest bend there",
    ),
    Activation(
        "relu6",
        lambda x: ls.where(x <= 0, 0, ls.where(x >= 6, 6, x)),
        "Krizhevsky (2010), Convolutional Deep Belief Networks on CIFAR-10",
    ),
    Activation(
        "hard_tanh",
        lambda x: ls.where(x <= -1, -1, ls.where(x >= 1, 1, x)),
        "Collobert (2004), Large Scale Machine Learning",
    ),
    Activation(
        "hard_sigmoid",
        lambda x: ls.where(x <= -3, 0, ls.where(x >= 3, 1, (x + 3) / 6)),
        "Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2",
    ),
    Activation(
        "hard_swish", _hard_swish, "Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2"
    ),
    Activation("exponential", lambda x: ls.exp(x), "the inverse of the log link: Nelder and Wedderburn (1972)"),
    Activation(
        "softmax",
        _softmax,
        "Bridle (1990), Probabilistic Interpretation of Network Outputs; temperature: Hinton, Vinyals and Dean (2015)",
        (Parameter("temperature", 1.0, POSITIVE),),
        row=True,
    ),
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
