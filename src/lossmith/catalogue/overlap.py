"""Losses of the overlap between a predicted and a true region: one ratio of sums for each class, not a sum over rows.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import NONNEGATIVE


@define(
    target="binary",
    link="sigmoid",
    per="class",
    domain={"smooth": NONNEGATIVE},
    source="Milletari, Navab and Ahmadi (2016), V-Net, arXiv:1606.04797, section 3, with plain sums in the denominator",
)
def dice(y: Node, p: Node, smooth: float = 1.0) -> Node:
    """One minus the Dice overlap, for each class, then averaged over the classes.

    Domain: y is 0 or 1, or a probability; any finite raw prediction; smooth >= 0.
    Shapes: y and raw of one shape; classes, where there are any, on axis 1; one number for all of them.
    Units: none (0 is a perfect overlap); smooth is in rows.

    >>> import lossmith as ls
    >>> ls.get("dice", smooth=0.0).value([1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    0.5
    """
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


@define(
    target="binary",
    link="sigmoid",
    per="class",
    domain={"alpha": NONNEGATIVE, "beta": NONNEGATIVE, "smooth": NONNEGATIVE},
    source="Salehi et al. (2017), Tversky loss function for image segmentation, arXiv:1706.05721",
)
def tversky(y: Node, p: Node, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> Node:
    """One minus the Tversky index: `alpha` weighs false alarms, `beta` weighs misses; for each class, then averaged.

    Domain: y is 0 or 1, or a probability; any finite raw prediction; alpha, beta, smooth >= 0.
    Shapes: y and raw of one shape; classes, where there are any, on axis 1; one number for all of them.
    Units: none (0 is a perfect overlap); smooth is in rows.

    >>> import lossmith as ls
    >>> ls.get("tversky", smooth=0.0).value([1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    0.5
    """
    hits = ls.sum(y * p)
    false_alarms = ls.sum((1 - y) * p)
    misses = ls.sum(y * (1 - p))
    return 1 - (hits + smooth) / (hits + alpha * false_alarms + beta * misses + smooth)
