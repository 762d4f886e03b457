"""Losses for amounts that cannot be negative, with p = exp(raw prediction).

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define


@define(
    target="nonnegative",
    link="exp",
    source="McCullagh and Nelder (1989), Generalized Linear Models, chapter 6: minus the log likelihood",
)
def poisson(y: Node, p: Node) -> Node:
    """Minus the Poisson log likelihood, without the term that does not depend on the prediction.

    Domain: y >= 0, whole numbers or rates; any finite raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats, up to a constant of the data (so it can be negative).

    >>> import lossmith as ls
    >>> ls.get("poisson").per_example([0.0, 3.0], [0.0, 0.0]).tolist()
    [1.0, 1.0]
    """
    return p - y * ls.log(p)


@define(
    target="positive",
    link="exp",
    source="McCullagh and Nelder (1989), Generalized Linear Models, chapter 8: minus the log likelihood at shape 1",
)
def gamma(y: Node, p: Node) -> Node:
    """Minus the gamma log likelihood at shape 1, without the term of y alone: only the ratio y / p counts.

    Domain: y > 0; any finite raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats, up to a constant of the data (so it can be negative).

    >>> import lossmith as ls
    >>> ls.get("gamma").per_example([1.0, 3.0], [0.0, 0.0]).tolist()
    [1.0, 3.0]
    """
    return ls.log(p) + y / p
