"""Minus the log density of noise that falls evenly around the prediction: bell curve, Laplace, Student-t, logistic.

Comes in: nothing. Goes out: one `Definition` for each loss, with nothing left out: densities integrate to 1.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.formula.node import Node
from lossmith.formula.trace import define
from lossmith.numerics.interval import POSITIVE


@define(
    target="real",
    domain={"scale": POSITIVE},
    source="Gauss (1809), Theoria motus corporum coelestium, book 2, section 3, articles 177-179",
)
def gaussian(y: Node, z: Node, scale: float = 1.0) -> Node:
    """Minus the log density of bell-curve noise around the prediction, `scale` being its standard deviation.

    Domain: any finite y and raw prediction; scale > 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats (negative where the density is above 1); scale is in the target's unit.

    >>> import lossmith as ls
    >>> round(ls.get("gaussian", scale=2.0).value([3.0], [1.0]), 12)
    2.112085713765
    """
    return ((y - z) / scale) ** 2 / 2 + ls.log(scale) + ls.log(2 * ls.pi) / 2


@define(
    target="real",
    domain={"scale": POSITIVE},
    source="Laplace (1774), Memoire sur la probabilite des causes par les evenemens, problem III",
)
def laplace(y: Node, z: Node, scale: float = 1.0) -> Node:
    """Minus the log density of Laplace noise (a sharp peak, tails on both sides): `scale` is its mean absolute error.

    Domain: any finite y and raw prediction; scale > 0. Where y equals the prediction the gradient is taken as 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats (negative where the density is above 1); scale is in the target's unit.

    >>> import lossmith as ls
    >>> ls.get("laplace", scale=0.5).value([3.0], [1.0])
    4.0
    """
    return abs(y - z) / scale + ls.log(2 * scale)


@define(
    target="real",
    domain={"degrees": POSITIVE, "scale": POSITIVE},
    source="Lange, Little and Taylor (1989), Robust Statistical Modeling Using the t Distribution, JASA 84, eq. 1",
)
def student_t(y: Node, z: Node, degrees: float = 4.0, scale: float = 1.0) -> Node:
    """Minus the log density of Student-t noise: a bell with heavy tails, the heavier the fewer `degrees` of freedom.

    Domain: any finite y and raw prediction; degrees > 0, whole or not; scale > 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats (negative where the density is above 1); scale is in the target's unit.

    >>> import lossmith as ls
    >>> round(ls.get("student_t", degrees=1.0).value([3.0], [1.0]), 12)  # Cauchy: log(pi * (1 + 2**2))
    2.754167798284
    """
    spread = ((degrees + 1) / 2) * ls.log(1 + ((y - z) / (scale * ls.sqrt(degrees))) ** 2)
    return spread + ls.log(scale) + ls.log(ls.pi * degrees) / 2 + ls.lgamma(degrees / 2) - ls.lgamma((degrees + 1) / 2)


@define(
    target="real",
    domain={"scale": POSITIVE},
    source="Balakrishnan (1992), Handbook of the Logistic Distribution, chapter 1",
)
def logistic(y: Node, z: Node, scale: float = 1.0) -> Node:
    """Minus the log density of logistic noise: like a bell curve near the prediction, like Laplace noise far away.

    Domain: any finite y and raw prediction; scale > 0.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats (negative where the density is above 1); scale is in the target's unit.

    >>> import lossmith as ls
    >>> round(ls.get("logistic", scale=2.0).value([3.0], [3.0]), 12)  # the density at its top is 1 / (4 * scale)
    2.07944154168
    """
    return 2 * ls.log(ls.cosh((y - z) / (2 * scale))) + ls.log(4 * scale)
