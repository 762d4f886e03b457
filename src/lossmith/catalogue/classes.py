"""Losses for one of several classes, with p = softmax(raw prediction) over the class axis.

Comes in: nothing. Goes out: one `Definition` for each loss.
The target is a class number, a one-hot row or a row of probabilities.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.algebra.parts import Bound
from lossmith.algebra.targets import smooth
from lossmith.algebra.terms import modulate
from lossmith.catalogue.entry import described
from lossmith.formula.node import Node
from lossmith.formula.trace import define


@define(
    target="class",
    link="softmax",
    source="Bridle (1990), Probabilistic Interpretation of Feedforward Classification Network Outputs, pages 227-236",
)
def cross_entropy(y: Node, p: Node) -> Node:
    """Minus the log of the probability that was given to the true class.

    Domain: class numbers from 0, one-hot rows or rows of probabilities; any finite raw predictions.
    Shapes: raw (n, k); y (n,) of class numbers or (n, k); a number for each row.
    Units: nats.

    >>> import lossmith as ls
    >>> round(ls.get("cross_entropy").value([2], [[0.0, 0.0, 0.0, 0.0]]), 12)
    1.38629436112
    """
    return -ls.over_classes(y * ls.log(p))


label_smoothed_cross_entropy = described(
    smooth(Bound(cross_entropy), 0.1),
    "label_smoothed_cross_entropy",
    """Cross entropy against the target mixed with `epsilon` of the uniform distribution.

    Domain: as cross entropy; 0 <= epsilon < 1.
    Shapes: raw (n, k); y (n,) of class numbers or (n, k); a number for each row.
    Units: nats; epsilon has none.

    >>> import lossmith as ls
    >>> round(ls.get("label_smoothed_cross_entropy", epsilon=0.3).value([0], [[0.0, 0.0]]), 12)
    0.69314718056
    """,
    "Szegedy et al. (2016), Rethinking the Inception Architecture, arXiv:1512.00567, section 7",
)


softmax_focal = described(
    modulate(Bound(cross_entropy), 2.0),
    "softmax_focal",
    """Cross entropy in which rows that are already right count less, by (1 - probability of the truth) ** gamma.

    Domain: as cross entropy; gamma >= 0, whole or not.
    Shapes: raw (n, k); y (n,) of class numbers or (n, k); a number for each row.
    Units: nats, shrunk; gamma has none.

    >>> import lossmith as ls
    >>> round(ls.get("softmax_focal", gamma=1.0).value([0], [[0.0, 0.0]]), 12)
    0.34657359028
    """,
    "Lin et al. (2017), Focal Loss for Dense Object Detection, arXiv:1708.02002, eq. 4, with softmax",
)
