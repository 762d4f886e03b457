"""Minus the log probability of counts, with p = exp(raw prediction), nothing left out: the masses add up to 1.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import POSITIVE, Interval


@define(
    target="count",
    link="exp",
    source="Poisson (1837), Recherches sur la probabilite des jugements, article 81",
)
def poisson_likelihood(y: Node, p: Node) -> Node:
    """Minus the log probability of a Poisson count with mean p: the loss `poisson` and log(y!).

    Domain: whole numbers y >= 0; any finite raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats.

    >>> import lossmith as ls
    >>> round(ls.get("poisson_likelihood").value([3.0], [0.0]), 12)  # 1 + log(3!)
    2.791759469228
    """
    return p - y * ls.log(p) + ls.lgamma(y + 1)


@define(
    target="count",
    link="exp",
    domain={"dispersion": POSITIVE},
    source="Cameron and Trivedi (1986), Econometric Models Based on Count Data, J. Appl. Econometrics 1, model NB2",
)
def negative_binomial(y: Node, p: Node, dispersion: float = 1.0) -> Node:
    """Minus the log probability of counts that vary more than Poisson counts: mean p, variance p + dispersion * p**2.

    Domain: whole numbers y >= 0; any finite raw prediction; dispersion > 0 (near 0: a Poisson count).
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats; dispersion has none.

    >>> import lossmith as ls
    >>> round(ls.get("negative_binomial", dispersion=1.0).value([2.0], [0.0]) / ls.get("bce").value([1.0], [0.0]), 12)
    3.0
    """
    size = 1 / dispersion
    odds = ls.log(dispersion) + ls.log(p)  # the logarithm of the odds of one event more
    orders = ls.lgamma(y + 1) + ls.lgamma(size) - ls.lgamma(y + size)
    return size * ls.softplus(odds) + y * ls.softplus(-odds) + orders


@define(
    target="count",
    link="exp",
    domain={"zero": Interval(0.0, 1.0)},
    source="Lambert (1992), Zero-Inflated Poisson Regression, Technometrics 34, pages 1-14",
)
def zero_inflated_poisson(y: Node, p: Node, zero: float = 0.25) -> Node:
    """Minus the log probability of a Poisson count with mean p, of which a share `zero` is replaced by 0.

    Domain: whole numbers y >= 0; any finite raw prediction; 0 < zero < 1. The mean of y is (1 - zero) * p.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats; zero has none.

    >>> import lossmith as ls
    >>> round(ls.get("zero_inflated_poisson", zero=0.5).value([1.0], [0.0]) - ls.get("poisson").value([1.0], [0.0]), 12)
    0.69314718056
    """
    counted = p - y * ls.log(p) - ls.log(1 - zero)
    return ls.where(y == 0, -ls.log(zero + (1 - zero) * ls.exp(-p)), counted) + ls.lgamma(y + 1)
