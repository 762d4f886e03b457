"""What one outlier does, as a picture with its words; of several losses, those that were measured alike in one picture.

Comes in: labels and records of losses. Goes out: `ShownOutlier` records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossmith.report.loss_page.influence import Influence
from lossmith.report.loss_page.record import LossPart
from lossmith.report.pages.chart import Chart, Line
from lossmith.report.pages.svg import drawn


@dataclass(frozen=True)
class ShownOutlier:
    """A drawn picture, sentences by label, and where the rows come from."""

    svg: str
    sentences: tuple[tuple[str, str], ...]
    source: str


def shown(named: Sequence[tuple[str, LossPart]]) -> list[ShownOutlier]:
    """One picture for each way of measuring, in the order of the losses."""
    groups: dict[tuple[str, tuple[float, ...]], list[tuple[str, Influence]]] = {}
    for label, found in named:
        if found.influence is not None:
            groups.setdefault((found.influence.title, found.influence.x), []).append((label, found.influence))
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[tuple[str, Influence]]) -> ShownOutlier:
    first = group[0][1]
    sentences = tuple((label, f"{found.sentence} {found.limit}") for label, found in group)
    chart = Chart(
        first.title,
        first.x_label,
        first.y_label,
        (
            *(Line(label, found.x, found.y) for label, found in group),
            *(Line(name, first.x, y, "dashed") for name, y in first.beside),
        ),
        alternative=" ".join(f"{label}: {said}" for label, said in sentences),
    )
    return ShownOutlier(drawn(chart), sentences, first.source)
