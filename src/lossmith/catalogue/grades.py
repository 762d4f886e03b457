"""Losses for grades in order (poor, fair, good): one raw prediction, and cut points between the grades.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define


@define(
    target="ordinal",
    columns=("low", "high"),
    source="McCullagh (1980), Regression Models for Ordinal Data, J. Royal Statistical Society B 42, pages 109-142",
)
def ordinal(y: Node, z: Node, low: Node, high: Node) -> Node:
    """Minus the log probability of a grade that logistic noise around the prediction puts between two cut points.

    Domain: any finite raw prediction; low < high are the cut points around the row's grade: low is minus infinity for
    the lowest grade, high is infinity for the highest. The grade y itself enters through its cut points only.
    Shapes: y, raw, low and high of one shape; a number for each entry.
    Units: nats; raw predictions and cut points are in units of the noise.

    >>> import lossmith as ls, numpy as np
    >>> cuts = {"low": [-np.inf, 0.0], "high": [0.0, np.inf]}
    >>> round(ls.get("ordinal").value([0, 1], [0.0, 0.0], columns=cuts), 12)
    0.69314718056
    """
    return ls.log(1 + ls.exp(z - high)) + ls.log(1 + ls.exp(low - z)) - ls.log(1 - ls.exp(low - high))
