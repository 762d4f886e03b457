"""Losses of the squared residual: they make a model estimate the mean.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define


@define(target="real", source="Legendre (1805), Nouvelles methodes pour la determination des orbites, appendix")
def squared_error(y: Node, z: Node) -> Node:
    """Mean of the squared residuals, known as MSE.

    Domain: any finite y and raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the square of the target's unit.

    >>> import lossmith as ls
    >>> round(ls.get("squared_error").value([1.0, 3.0, 5.0, 6.0, 7.0], [3.0, 2.0, 7.0, 5.0, 8.0]), 12)
    2.2
    """
    return (y - z) ** 2


@define(target="real", source="Bishop (2006), Pattern Recognition and Machine Learning, eq. 1.2 per row")
def half_squared_error(y: Node, z: Node) -> Node:
    """Half of the squared residual, whose gradient is the residual itself; what most boosters call `l2`.

    Domain: any finite y and raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the square of the target's unit.

    >>> import lossmith as ls
    >>> ls.get("half_squared_error").value([1.0, 3.0], [3.0, 2.0])
    1.25
    """
    return (y - z) ** 2 / 2


@define(target="real", source="Bishop (2006), Pattern Recognition and Machine Learning, eq. 1.2")
def sum_of_squares_half(y: Node, z: Node) -> Node:
    """Half of the sum of the squared residuals: a sum, so it grows with the number of rows.

    Domain: any finite y and raw prediction.
    Shapes: y and raw of one shape; one number for all of them.
    Units: the square of the target's unit.

    >>> import lossmith as ls
    >>> ls.get("sum_of_squares_half").value([1.0, 3.0, 5.0, 6.0, 7.0], [3.0, 2.0, 7.0, 5.0, 8.0])
    5.5
    """
    return ls.sum((y - z) ** 2) / 2


@define(target="real", source="Hyndman and Koehler (2006), Another look at measures of forecast accuracy, section 2.1")
def rmse(y: Node, z: Node) -> Node:
    """Root of the mean squared residual: the same model as squared error, told in the target's own unit.

    Domain: any finite y and raw prediction. At a perfect fit the gradient is taken as 0.
    Shapes: y and raw of one shape; one number for all of them (it is no sum over rows).
    Units: the target's unit.

    >>> import lossmith as ls
    >>> ls.get("rmse").value([0.0, 0.0], [3.0, -3.0])
    3.0
    """
    return ls.sqrt(ls.mean((y - z) ** 2))
