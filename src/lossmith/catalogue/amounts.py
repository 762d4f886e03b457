"""Minus the log density of amounts, with p = exp(raw prediction): noise that grows with the prediction.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import POSITIVE, Interval


@define(
    target="positive",
    link="exp",
    domain={"sigma": POSITIVE},
    source="Aitchison and Brown (1957), The Lognormal Distribution, chapter 2",
)
def log_normal(y: Node, p: Node, sigma: float = 1.0) -> Node:
    """Minus the log density of noise that multiplies: the logarithm of y falls in a bell around that of p.

    Domain: y > 0; any finite raw prediction; sigma > 0. The prediction is the median, not the mean.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats; sigma is the standard deviation of log y and has none (0.1 is about 10 % of the prediction).

    >>> import lossmith as ls
    >>> round(ls.get("log_normal", sigma=0.5).value([1.0], [1.0]), 12)
    2.225791352645
    """
    return ((ls.log(y) - ls.log(p)) / sigma) ** 2 / 2 + ls.log(y) + ls.log(sigma) + ls.log(2 * ls.pi) / 2


@define(
    target="positive",
    link="exp",
    domain={"shape": POSITIVE},
    source="McCullagh and Nelder (1989), Generalized Linear Models, section 8.2",
)
def gamma_likelihood(y: Node, p: Node, shape: float = 1.0) -> Node:
    """Minus the log density of gamma noise with mean p, complete: the noise is p over the root of `shape`.

    Domain: y > 0; any finite raw prediction; shape > 0 (1: exponential waiting times; large: nearly a bell curve).
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats (negative where the density is above 1); shape has none.

    >>> import lossmith as ls
    >>> ls.get("gamma_likelihood", shape=1.0).per_example([1.0, 3.0], [0.0, 0.0]).tolist()
    [1.0, 3.0]
    """
    rest = (1 - shape) * ls.log(y) + ls.lgamma(shape) - shape * ls.log(shape)
    return shape * (ls.log(p) + y / p) + rest


@define(
    target="nonnegative",
    link="exp",
    domain={"power": Interval(1.0, 2.0)},
    source="Jorgensen (1987), Exponential Dispersion Models, Journal of the Royal Statistical Society B 49, section 4",
)
def tweedie(y: Node, p: Node, power: float = 1.5) -> Node:
    """Minus the Tweedie log likelihood, for amounts with many exact zeros: noise of variance p ** power.

    Domain: y >= 0; any finite raw prediction; 1 < power < 2 (near 1: as counts; near 2: as gamma noise).
    Shapes: y and raw of one shape; a number for each entry.
    Units: the target's unit to the power 2 - power, up to a constant of the data; power has none.

    >>> import lossmith as ls
    >>> ls.get("tweedie", power=1.5).per_example([0.0, 3.0], [0.0, 0.0]).tolist()
    [2.0, 8.0]
    """
    return p ** (2 - power) / (2 - power) - y * p ** (1 - power) / (1 - power)
