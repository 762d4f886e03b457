"""Losses for yes-or-no targets, with p = sigmoid(raw prediction).

Comes in: nothing. Goes out: one `Definition` for each loss. Targets between 0 and 1 count as mixtures of the two.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.algebra.parts import Bound
from lossmith.algebra.terms import modulate, weigh_outcomes
from lossmith.catalogue.entry import described
from lossmith.formula.node import Node
from lossmith.formula.trace import define

_FOCAL = "Lin, Goyal, Girshick, He and Dollar (2017), Focal Loss for Dense Object Detection, arXiv:1708.02002"


@define(
    target="binary",
    link="sigmoid",
    source="Good (1952), Rational Decisions, Journal of the Royal Statistical Society B 14, pages 107-114",
)
def binary_cross_entropy(y: Node, p: Node) -> Node:
    """Log loss: minus the log of the probability that was given to what happened.

    Domain: y is 0 or 1, or a probability; any finite raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats.

    >>> import lossmith as ls
    >>> round(ls.get("binary_cross_entropy", on="probability").value([0, 1], [0.5, 0.5]), 12)
    0.69314718056
    """
    return -y * ls.log(p) - (1 - y) * ls.log(1 - p)


@define(
    target="binary",
    link="sigmoid",
    source="Brier (1950), Verification of forecasts expressed in terms of probability, Mon. Weather Rev. 78, pages 1-3",
)
def brier(y: Node, p: Node) -> Node:
    """Squared distance between the probability and what happened (half of Brier's sum over both outcomes).

    Domain: y is 0 or 1, or a probability; any finite raw prediction.
    Shapes: y and raw of one shape; a number for each entry.
    Units: none (a squared probability).

    >>> import lossmith as ls
    >>> ls.get("brier").per_example([1, 0], [0.0, 0.0]).tolist()
    [0.25, 0.25]
    """
    return (y - p) ** 2


focal = described(
    modulate(Bound(binary_cross_entropy), 2.0),
    "focal",
    """Log loss in which rows that are already right count less, by (1 - probability of the truth) ** gamma.

    Domain: y is 0 or 1, or a probability; any finite raw prediction; gamma >= 0, whole or not.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats, shrunk; gamma has none. With alpha given, both outcomes are weighted as well.

    >>> import lossmith as ls
    >>> round(ls.get("focal", gamma=2.0).value([1.0], [0.0]) / ls.get("bce").value([1.0], [0.0]), 12)
    0.25
    """,
    f"{_FOCAL}, eq. 4",
)


weighted_focal = described(
    weigh_outcomes(modulate(Bound(binary_cross_entropy), 2.0), "alpha", 0.25),
    "focal",
    """Focal loss in which the outcome 1 weighs `alpha` and the outcome 0 weighs `1 - alpha`.

    Domain: y is 0 or 1, or a probability; any finite raw prediction; gamma >= 0; 0 <= alpha <= 1.
    Shapes: y and raw of one shape; a number for each entry.
    Units: nats, shrunk; gamma and alpha have none.

    >>> import lossmith as ls
    >>> round(ls.get("focal", alpha=0.25).value([1.0], [0.0]) / ls.get("focal").value([1.0], [0.0]), 12)
    0.25
    """,
    f"{_FOCAL}, eq. 5",
)
