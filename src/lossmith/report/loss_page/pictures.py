"""The first pictures of a page, at the values that the parameters have: seen where no script runs.

Comes in: curves of named lines, marks. Goes out: three `Chart` records: loss, gradient, curvature.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from lossmith.report.loss_page.record import Curves, Jump, Reading, View
from lossmith.report.pages.chart import Chart, Line, Mark

TITLES: Final = {
    "loss": "Loss",
    "gradient": "Gradient (first derivative)",
    "curvature": "Curvature (second derivative)",
}
JUMPS: Final = {"loss": "the loss jumps", "gradient": "corner", "curvature": "curvature jumps"}
ENDLESS: Final = {"loss": "pole", "gradient": "infinite slope", "curvature": "infinite curvature"}
FAR_BEYOND: Final = 3.0
TOO_LITTLE: Final = 1e-5  # of the whole: nothing would be seen of the rest
NEAR_ZERO: Final = 0.3
ROOM: Final = 0.06


def charts(
    view: View,
    drawn: Sequence[tuple[str, Curves]],
    marks: Sequence[Mark],
    read: Sequence[Reading],
    endless: Collection[str] = (),
) -> tuple[Chart, ...]:
    """Loss, gradient and curvature of named lines over the raw prediction; those that are `endless` are cut off."""
    said = " ".join(
        f"{row.label}: least loss {row.cells[0]}, steepest gradient {row.cells[1]}, curvature below 0 {row.cells[3]}."
        for row in read
    )
    return tuple(
        Chart(
            title,
            view.x_label,
            "",
            tuple(Line(label, found.x, getattr(found, what)) for label, found in drawn),
            marks=tuple(marks) if what == "loss" else tuple(Mark(mark.at, "") for mark in marks),
            x_range=view.window,
            y_range=range_of(
                [y for _, found in drawn for y in getattr(found, what)],
                with_zero=what != "loss",
                endless=what in endless,
            ),
            alternative=said,
        )
        for what, title in TITLES.items()
    )


def jump_marks(jumps: Sequence[Sequence[Jump]]) -> tuple[Mark, ...]:
    """A mark for each place at which a line jumps, once."""
    named = [(jump, (ENDLESS if jump.endless else JUMPS)[jump.what]) for line in jumps for jump in line]
    found = {(round(jump.at, 9), name): Mark(jump.at, name) for jump, name in named}
    return tuple(found.values())


def range_of(values: Sequence[float], *, with_zero: bool, endless: bool = False) -> tuple[float, float]:
    """The range of an axis that shows what is not far beyond the rest; of what has no bound, always the rest.

    >>> low, high = range_of([*range(20), 1e4], with_zero=False)
    >>> round(low, 2), round(high, 2)
    (-2.04, 36.04)
    >>> range_of([1.0, 1.0], with_zero=False)
    (0.9, 1.1)
    """
    seen = sorted(float(v) for v in values if np.isfinite(v))
    if not seen:
        return 0.0, 1.0
    low, high = seen[0], seen[-1]
    inner, outer = (seen[_place(share, len(seen))] for share in (0.1, 0.9))
    span = outer - inner
    clear = endless or span > TOO_LITTLE * (high - low)
    high = outer + span if clear and high - outer > FAR_BEYOND * span else high
    low = inner - span if clear and inner - low > FAR_BEYOND * span else low
    if with_zero or 0 < low < NEAR_ZERO * high:
        low, high = min(low, 0.0), max(high, 0.0)
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size:
        return low - (size / 10 or 1.0), high + (size / 10 or 1.0)
    return low - ROOM * (high - low), high + ROOM * (high - low)


def _place(share: float, count: int) -> int:
    """The place of a share among sorted values, halves upwards, as JavaScript rounds."""
    return int(np.floor(share * (count - 1) + 0.5))
