"""Distances between two given distributions: the prediction is a row of probabilities itself, not a raw prediction.

Comes in: nothing. Goes out: one `Definition` for each loss.
"""

from __future__ import annotations

from lossmith import maths as ls
from lossmith.catalogue.entry import on_probability
from lossmith.formula.node import Node
from lossmith.formula.trace import define


@on_probability
@define(
    target="simplex",
    link="softmax",
    source="Goodfellow, Bengio and Courville (2016), Deep Learning, eq. 3.51",
)
def distribution_cross_entropy(y: Node, p: Node) -> Node:
    """Cross entropy H(y, p): the mean surprise when y is true and p was expected.

    Domain: rows of probabilities that add up to 1, both y and p.
    Shapes: y and p (n, k); a number for each row.
    Units: nats.

    >>> import lossmith as ls
    >>> loss = ls.get("distribution_cross_entropy")
    >>> round(loss.value([[0.5, 0.125, 0.125, 0.25]], [[0.25, 0.25, 0.25, 0.25]]), 4)
    1.3863
    """
    return -ls.over_classes(y * ls.log(p))


@on_probability
@define(
    target="simplex",
    link="softmax",
    source="Kullback and Leibler (1951), On Information and Sufficiency, Ann. Math. Statist. 22, pages 79-86",
)
def kl_divergence(y: Node, p: Node) -> Node:
    """Kullback-Leibler divergence of p from y: the cross entropy minus the least that it could be.

    Domain: rows of probabilities that add up to 1, both y and p.
    Shapes: y and p (n, k); a number for each row.
    Units: nats.

    >>> import lossmith as ls
    >>> loss = ls.get("kl_divergence")
    >>> round(loss.value([[0.5, 0.125, 0.125, 0.25]], [[0.25, 0.25, 0.25, 0.25]]), 4)
    0.1733
    """
    return ls.over_classes(y * ls.log(y / p))
