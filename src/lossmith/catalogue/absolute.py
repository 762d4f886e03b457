"""Losses of the absolute residual.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith.formula.node import Node
from lossmith.formula.trace import define


@define(target="real", source="Laplace (1774), Memoire sur la probabilite des causes par les evenemens, problem III")
def absolute_error(y: Node, z: Node) -> Node:
    """Mean of the absolute residuals, known as MAE.

    Domain: any finite y and raw prediction. Where they are equal the gradient is taken as 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the target's unit.

    >>> import lossmith as ls
    >>> ls.get("absolute_error").value([1.0, 3.0], [3.0, 2.0])
    1.5
    """
    return abs(y - z)
