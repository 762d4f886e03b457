"""The pictures of a descent: its record comes in, charts and a surface as records go out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.report.descent_page.record import Counts, Descent, Floats, Plane
from lossmith.report.pages.chart import Chart, Line, Mark, Spot, Surface
from lossmith.report.pages.number import number

MOST_POINTS: Final = 400
LOG_FROM: Final = 20.0
"""From so many times the last loss at the start on, losses are drawn on a logarithmic axis."""


def shown_steps(count: int) -> list[int]:
    """Which of so many places of a path are drawn and can be chosen: all, or evenly many.

    >>> shown_steps(3), len(shown_steps(5000))
    ([0, 1, 2], 400)
    """
    if count <= MOST_POINTS:
        return list(range(count))
    return sorted({round(k) for k in np.linspace(0, count - 1, MOST_POINTS).tolist()})


def numbers(values: Floats) -> tuple[float, ...]:
    """Numbers for a picture."""
    return tuple(float(value) for value in values)


def surface(plane: Plane) -> Surface:
    """The loss around the path, with start, end and the lowest point."""
    path = plane.path[shown_steps(len(plane.path))]
    spots = [_spot(path[0], "start"), _spot(path[-1], "end")]
    if plane.lowest is not None:
        spots.append(_spot(plane.lowest, "minimum" if plane.whole else "lowest of this plane"))
    return Surface(
        "The loss around the path",
        plane.x_label,
        plane.y_label,
        numbers(plane.x),
        numbers(plane.y),
        tuple(numbers(row) for row in plane.z),
        (Line("the path", numbers(path[:, 0]), numbers(path[:, 1])),),
        tuple(spots),
        alternative=f"The path runs from {number(path[0, 0])}, {number(path[0, 1])} to {number(path[-1, 0])}, "
        f"{number(path[-1, 1])} on a surface of losses from {number(np.nanmin(plane.z))} to {number(np.nanmax(plane.z))}.",
    )


def bare_surface(plane: Plane) -> Surface:
    """The same surface without the path, for a script that draws one."""
    low, high = number(np.nanmin(plane.z)), number(np.nanmax(plane.z))
    spots = [_spot(plane.path[0], "start")]
    return replace(
        surface(plane),
        title="The path at this rate",
        paths=(),
        spots=tuple(spots),
        alternative=f"Losses from {low} to {high}; a script draws the path at the rate of the slider.",
    )


def _spot(at: Floats, label: str) -> Spot:
    return Spot(float(at[0]), float(at[1]), label)


def losses(descent: Descent) -> Chart:
    """The loss after every step, with the lowest that was found."""
    steps = shown_steps(len(descent.losses))
    values = descent.losses[steps]
    finite = values[np.isfinite(values)]
    log = bool(finite.size and finite.min() > 0 and finite.max() > LOG_FROM * finite.min())
    marks = (Mark(descent.lowest, f"lowest found: {number(descent.lowest)}", "y"),) if _near(descent, log) else ()
    return Chart(
        "Loss against step",
        "step",
        "loss",
        (Line("loss", tuple(map(float, steps)), numbers(values)),),
        marks,
        y_log=log,
        alternative=f"The loss goes from {number(descent.losses[0])} to {number(descent.losses[-1])}.",
    )


def _near(descent: Descent, log: bool) -> bool:
    """Whether the lowest loss can stand in the picture of the losses without squeezing them."""
    finite = descent.losses[np.isfinite(descent.losses)]
    if log:
        return descent.lowest > 0.05 * float(finite.min())
    return math.isfinite(descent.lowest) and abs(descent.lowest) <= 2 * float(np.abs(finite).max())


def predictions(descent: Descent) -> Chart:
    """How large the actual change and the errors of both predictions are, at every step."""
    taylor = descent.taylor
    steps = shown_steps(len(taylor.actual))
    x = tuple(float(k) for k in steps)

    def size(values: Floats) -> tuple[float, ...]:
        return tuple(float(v) if v > 0 else math.nan for v in np.abs(values[steps]))

    return Chart(
        "What was foretold, and how wrong it was",
        "step",
        "size of the change of the loss, and of the errors",
        (
            Line("actual change", x, size(taylor.actual)),
            Line("error of the slope alone", x, size(taylor.error_first)),
            Line("error of slope and curvature", x, size(taylor.error_second), "dashed"),
        ),
        y_log=True,
        alternative="The error of the second prediction lies below that of the first where steps are small.",
    )


def edges(descent: Descent) -> Chart | None:
    """The largest stable rates along the path, beside the rate that was used; None where the loss does not bend."""
    found = descent.curvature
    if not np.isfinite(found.edges).any():
        return None
    steps = shown_steps(len(descent.taylor.actual))
    along = tuple(float(v) if np.isfinite(v) and v > 0 else math.nan for v in descent.taylor.stable[steps])
    return Chart(
        "The largest stable learning rate along the path",
        "step",
        "learning rate",
        (
            Line("2 / largest curvature", tuple(map(float, found.steps)), numbers(found.edges)),
            Line("along the gradient: 2 g·g / g·Hg", tuple(map(float, steps)), along, "dashed"),
        ),
        (Mark(descent.learning_rate, f"used: {number(descent.learning_rate)}", "y"),),
        y_log=True,
        alternative=f"The rate used is {number(descent.learning_rate)}; the edge at the end is {number(found.edges[-1])}.",
    )


def rates(descent: Descent) -> Chart:
    """Where every rate that was run ended."""
    start = float(descent.losses[0])
    tried = [t for t in descent.trials if math.isfinite(t.last) and t.last <= start + abs(start)]
    log = (
        all(t.last > 0 for t in tried) and bool(tried) and max(t.last for t in tried) > 10 * min(t.last for t in tried)
    )
    marks = [Mark(descent.learning_rate, "used")]
    edge = next(
        (t.learning_rate / t.of_edge for t in descent.trials if math.isfinite(t.of_edge) and t.of_edge > 0), None
    )
    marks += [Mark(edge, "edge")] if edge is not None else []
    return Chart(
        "Loss after as many steps at other learning rates",
        "learning rate",
        "loss at the end",
        (Line("loss at the end", tuple(t.learning_rate for t in tried), tuple(t.last for t in tried), "points"),),
        tuple(marks),
        (),
        True,
        log,
        alternative="Every rate was really run; those that ended above twice the loss of the start are not drawn.",
    )


def counted(counts: Counts) -> Chart:
    """Operations for one gradient against the number of weights."""
    x = tuple(map(float, counts.weights))
    rows = (
        ("one loss (forward pass)", counts.forward),
        ("reverse mode (back-propagation)", counts.reverse_mode),
        ("forward mode", counts.forward_mode),
        ("finite differences", counts.differences),
    )
    return Chart(
        "Operations for one gradient",
        "weights",
        "operations",
        tuple(Line(label, x, tuple(map(float, values))) for label, values in rows),
        x_log=True,
        y_log=True,
        alternative="Reverse mode stays a fixed multiple of one loss; the others grow with the square of the weights.",
    )
