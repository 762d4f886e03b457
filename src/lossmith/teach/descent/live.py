"""A descent for the browser: an objective, its start and what was found along a path come in, a `Live` record goes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lossmith.errors import LossmithError
from lossmith.loss.javascript import javascript_object
from lossmith.report.activation_page.script import object_text
from lossmith.report.descent_page.live import Live, fitting
from lossmith.report.descent_page.record import Curvature, Floats
from lossmith.teach.descent.curvature import largest
from lossmith.teach.descent.rate import OF_EDGE, rounded
from lossmith.teach.descent.task import Objective

MOST_STEPS: Final = 300
BELOW, ABOVE = 1e-3, 20.0
"""The rates of the slider, as multiples of the edge (where there is none, of the rate that was run)."""


def live_of(
    objective: Objective, start: Floats, rate: float, steps: int, curvature: Curvature
) -> tuple[Live | None, str]:
    """What the page runs again, or None and why not."""
    try:
        live = _all_rows(objective, start, rate, steps, curvature)
    except LossmithError as error:
        return None, error.sentence
    kept = fitting(live)
    if kept is None:
        return live, ""
    some = Objective(objective.task.take(kept), objective.network)
    try:
        first = some.value_and_gradient(start)[0]
    except LossmithError as error:
        return None, f"a sample that is small enough for a page has no loss: {error.sentence}"
    if not math.isfinite(first):
        return None, "a sample that is small enough for a page has no finite loss."
    return _with_edge(live.take(kept), _edge(largest(some, start))), ""


def _all_rows(objective: Objective, start: Floats, rate: float, steps: int, curvature: Curvature) -> Live:
    task, network = objective.task, objective.network
    single = not isinstance(task.y, Mapping)
    targets = {"y": task.y} if single else dict(task.y)
    hidden = len(network.widths) > 2
    live = Live(
        javascript_object(task.loss),
        object_text(network.activation) if hidden else "null",
        task.X,
        {name: _numbers(part) for name, part in targets.items()},
        single,
        {name: _numbers(part) for name, part in (task.columns or {}).items()},
        task.weight,
        len(task.outputs) if task.loss.definition.declaration.has_classes else 0,
        network.widths,
        network.intercept,
        start,
        min(steps, MOST_STEPS),
        rate,
        0.0,
        0.0,
        math.inf,
        (),
        bool(np.isfinite(curvature.edges).any()),
        len(task.X),
    )
    return _with_edge(live, float(curvature.edges[0]))


def _numbers(part: Any) -> Floats:
    """A target or column, row by row; a name of a group becomes its number."""
    array = np.asarray(part)
    if array.dtype.kind not in "fiub":
        array = np.unique(array, return_inverse=True)[1]
    return array.astype(np.float64)


def _edge(top: float) -> float:
    return 2 / top if top > 0 else math.inf


def _with_edge(live: Live, edge: float) -> Live:
    """The same with the edge of its rows, and the rates that follow from it."""
    unit = edge if math.isfinite(edge) else live.rate
    shares = tuple(rounded(share * edge) for share in OF_EDGE if math.isfinite(edge))
    low, high = min(BELOW * unit, live.rate / 10), max(ABOVE * unit, 10 * live.rate)
    return replace(live, edge=edge, shares=shares, low=rounded(low), high=rounded(high))
