"""Records as the rows of tables: the certificate by kernel, the limits of number formats, facts side by side.

Comes in: `LossPart` records. Goes out: names with their cells.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from lossmith.report.loss_page.limits import Limit
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import CertificateRow, FactRow, LossPart

OUTPUTS: Final = {"value": "loss", "gradient": "gradient", "hessian": "curvature"}
"""What an output is called on the page."""

KERNELS: Final = (("numpy", "float32"), ("numpy", "float64"), ("numba", "float32"), ("numba", "float64"))
SIDES: Final = {
    "above": "from {} on",
    "below": "up to {}",
    "near": "within {} of the target",
    "everywhere": "everywhere",
}
BRANCH: Final = "branches"


def certificate(rows: Sequence[CertificateRow]) -> list[tuple[str, list[CertificateRow | None]]]:
    """For each output the measured accuracy of each kernel, None where it was not measured."""
    found = {(row.output, row.backend, row.dtype): row for row in rows}
    return [
        (word, [found.get((output, *kernel)) for kernel in KERNELS])
        for output, word in OUTPUTS.items()
        if any((output, *kernel) in found for kernel in KERNELS)
    ]


NOT_FOUND: Final = "nowhere found"
NOT_LOOKED_FOR: Final = "not looked for"


def limits(rows: Sequence[Limit], known: Collection[str] = tuple(OUTPUTS)) -> list[tuple[str, list[list[str]]]]:
    """For each format where the plain loss, gradient and curvature break, a line for each scene and side.

    `known`: which of them were looked at.
    """
    formats = sorted({row.format for row in rows})
    return [(name, [_cell(rows, name, output, known) for output in OUTPUTS]) for name in formats]


def _cell(rows: Sequence[Limit], format: str, output: str, known: Collection[str]) -> list[str]:
    found = [_said(row) for row in rows if (row.format, row.output) == (format, output)]
    return found or [NOT_FOUND if output in known else NOT_LOOKED_FOR]


def _said(row: Limit) -> str:
    where = f"{row.view}, {row.label}" if row.view else row.label
    at = abs(row.at - row.target) if row.side == "near" else row.at
    return f"{where}: {row.what} {SIDES[row.side].format(short(at))}"


def facts_by_title(parts: Sequence[LossPart]) -> list[tuple[str, list[FactRow | None]]]:
    """Facts side by side: for each title a cell of every loss; where a formula branches is left out."""
    titles = dict.fromkeys(fact.title for found in parts for fact in found.facts if fact.title != BRANCH)
    by_title = [{fact.title: fact for fact in found.facts} for found in parts]
    return [(title, [facts.get(title) for facts in by_title]) for title in titles]
