"""Losses that are square near zero and straight far away, so that a few wild rows do not rule the fit.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import POSITIVE


@define(
    target="real",
    domain={"delta": POSITIVE},
    source="Huber (1964), Robust Estimation of a Location Parameter, Ann. Math. Statist. 35, pages 73-101",
)
def huber(y: Node, z: Node, delta: float = 1.0) -> Node:
    """Half the squared residual up to `delta`, a straight line beyond.

    Domain: any finite y and raw prediction; delta > 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: the square of the target's unit; delta is in the target's unit.

    >>> import lossmith as ls
    >>> ls.get("huber", delta=2.0).per_example([0.0, 0.0], [1.0, 5.0]).tolist()
    [0.5, 8.0]
    """
    residual = abs(y - z)
    return ls.where(residual <= delta, residual**2 / 2, delta * (residual - delta / 2))


@define(
    target="real",
    source="Green (1990), Bayesian reconstructions from emission tomography data, IEEE Trans. Med. Imaging 9",
)
def log_cosh(y: Node, z: Node) -> Node:
    """Log of the hyperbolic cosine of the residual: half its square near zero, |residual| - log 2 far away.

    Domain: any finite y and raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: none of its own: it treats a residual of 1 in the target's unit as the border between small and large.

    >>> import lossmith as ls
    >>> round(ls.get("log_cosh").value([0.0], [1000.0]), 9)
    999.306852819
    """
    return ls.log(ls.cosh(z - y))
