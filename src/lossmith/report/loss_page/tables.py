"""Records as the rows of tables: the certificate by kernel, the limits of number formats, facts side by side.

Comes in: `LossPart` records. Goes out: names with their cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lossmith.report.loss_page.limits import Limit
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import CertificateRow, FactRow, LossPart

OUTPUTS: Final = {"value": "loss", "gradient": "gradient", "hessian": "curvature"}
"""What an output is called on the page."""

KERNELS: Final = (("numpy", "float32"), ("numpy", "float64"), ("numba", "float32"), ("numba", "float64"))
BRANCH: Final = "branches"


def certificate(rows: Sequence[CertificateRow]) -> list[tuple[str, list[CertificateRow | None]]]:
    """For each output the measured accuracy of each kernel, None where it was not measured."""
    found = {(row.output, row.backend, row.dtype): row for row in rows}
    return [
        (word, [found.get((output, *kernel)) for kernel in KERNELS])
        for output, word in OUTPUTS.items()
        if any((output, *kernel) in found for kernel in KERNELS)
    ]


def limits(rows: Sequence[Limit]) -> list[tuple[str, list[list[str]]]]:
    """For each format where the plain loss, gradient and curvature break, a line for each scene and side."""
    formats = sorted({row.format for row in rows})
    return [
        (name, [[_said(row) for row in rows if (row.format, row.output) == (name, output)] for output in OUTPUTS])
        for name in formats
    ]


def _said(row: Limit) -> str:
    side = "from {} on" if row.side == "above" else "up to {}"
    where = f"{row.view}, {row.label}" if row.view else row.label
    return f"{where}: {row.what} {side.format(short(row.at))}"


def facts_by_title(parts: Sequence[LossPart]) -> list[tuple[str, list[FactRow | None]]]:
    """Facts side by side: for each title a cell of every loss; where a formula branches is left out."""
    titles = dict.fromkeys(fact.title for found in parts for fact in found.facts if fact.title != BRANCH)
    by_title = [{fact.title: fact for fact in found.facts} for found in parts]
    return [(title, [facts.get(title) for facts in by_title]) for title in titles]
