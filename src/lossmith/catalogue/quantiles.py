"""Lopsided losses: being too low and being too high cost different amounts.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import Interval


@define(
    target="real",
    domain={"level": Interval(0.0, 1.0)},
    source="Koenker and Bassett (1978), Regression Quantiles, Econometrica 46, pages 33-50",
)
def quantile(y: Node, z: Node, level: float = 0.5) -> Node:
    """Pinball loss: `level` for each unit too low, `1 - level` for each unit too high.

    Domain: any finite y and raw prediction; 0 < level < 1. Where y equals the prediction the gradient is 1 - level.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the target's unit.

    >>> import lossmith as ls
    >>> ls.get("quantile", level=0.75).per_example([4.0, 4.0], [0.0, 8.0]).tolist()
    [3.0, 1.0]
    """
    return ls.where(y > z, level * (y - z), (1 - level) * (z - y))


@define(
    target="real",
    domain={"level": Interval(0.0, 1.0)},
    source="Newey and Powell (1987), Asymmetric Least Squares Estimation and Testing, Econometrica 55, pages 819-847",
)
def expectile(y: Node, z: Node, level: float = 0.5) -> Node:
    """Squared residual, weighted by `level` where the prediction is too low and by `1 - level` where it is too high.

    Domain: any finite y and raw prediction; 0 < level < 1.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the square of the target's unit.

    >>> import lossmith as ls
    >>> ls.get("expectile", level=0.75).per_example([2.0, 2.0], [0.0, 4.0]).tolist()
    [3.0, 1.0]
    """
    return ls.where(y > z, level, 1 - level) * (y - z) ** 2
