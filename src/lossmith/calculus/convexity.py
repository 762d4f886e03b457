"""Whether a loss bends upwards everywhere, and whether its gradient has no jump.

Comes in: a definition and parameter values. Goes out: facts with evidence; a booster's default curvature reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.evidence import Body, Fact, body_of, is_class_kind
from lossmith.calculus.kinks import Kink, kinks
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.node import Node
from lossmith.formula.text import to_text
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import DOMAINS

# Targets to look at, by kind; soft targets are mixtures of these, so nothing new.
TARGETS: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (0.0, 0.375, -3.25, 7.5, -310.0, -1e12, 1e12),
    "nonnegative": (0.0, 0.375, 1.0, 6.25, 1000.0),
    "positive": (0.001, 0.375, 1.0, 6.25, 1000.0),
    "count": (0.0, 1.0, 4.0, 1000.0),
    "fraction": (0.0, 0.125, 0.5, 1.0),
    "binary": (0.0, 1.0),
    "ordinal": (0.0, 1.0, 4.0),
}
RAWS: Final = (0.4, -0.21, 0.87, -1.4, 1.9, -5.7, 6.6, -30.3, 31.7, -300.1, 299.3, 0.0013, 0.04, 0.98, 0.9993)
LARGEST: Final = 1e6  # targets on kinks stay below it, so that a step beside them is still seen in float64
CLASS_ROWS: Final = ((0.0, 0.0, 0.0), (1.5, -0.25, 0.75), (30.0, 0.5, -2.0), (-4.0, 300.0, 1.0))
DIRECTIONS: Final = ((1.0, -1.0, 0.0), (0.25, 0.5, -0.75), (-1.0, -1.0, 2.0))


def strictly_convex(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether the loss of a row bends upwards everywhere: proved where it can be, else as far as it was seen.

    For a row of classes: along every direction but the one that adds a number to all classes, which changes nothing.
    """
    from lossmith.calculus.properties.bending import strictly_convex as proved

    body = body_of(definition, parameters)
    if isinstance(body, str):
        return proved(definition, parameters)
    seen = bends(body)  # cheap, and most losses that do not bend upwards everywhere are found by it
    if seen.evidence == "refuted":
        return seen
    found = proved(definition, parameters)
    return seen if found.evidence == "open" and seen.value and not _hole(definition, parameters) else found


def _hole(definition: Definition, parameters: Mapping[str, float] | None) -> str:
    """A place where the loss has no number, in words; empty where there is none."""
    from lossmith.calculus.properties.cases import studied
    from lossmith.calculus.properties.holes import lost

    study = studied(definition, parameters)
    return "" if isinstance(study, str) else lost(study)


def bends(body: Body) -> Fact[bool]:
    """Whether the second derivative was above 0 at every point that was looked at."""
    try:
        bend, direction = body.bend
    except UnsupportedError as error:
        return Fact(False, "open", note=error.sentence)
    leaves = class_points(body) if is_class_kind(body) else number_points(body)
    if not is_class_kind(body):
        leaves[direction] = np.ones_like(leaves[body.raw])
    found = body.at([bend], leaves)[0][:, 0]
    failed = [i for i, ball in enumerate(found) if not ball > 0]
    if not failed:
        return Fact(True, "sampled", len(found))
    against = [i for i in failed if found[i] <= 0]
    worst = (against or failed)[0]
    return Fact(False, "refuted" if against else "open", 1, place(body, leaves, worst))


def number_points(body: Body) -> dict[Node, NDArray[np.float64]]:
    """Targets and raw predictions to look at, (points, 1) each."""
    image = DOMAINS[body.image]
    raws = [z for z in RAWS if image.low < z < image.high]
    pairs = np.array(list(product(TARGETS[body.kind], raws)))
    return {body.target: pairs[:, :1], body.raw: pairs[:, 1:]}


def class_points(body: Body) -> dict[Node, Any]:
    """Targets, raw predictions and directions to look at, (points, 3) each."""
    rows = np.array(CLASS_ROWS)
    if body.given:
        rows = np.array([(0.25, 0.25, 0.5), (0.01, 0.9, 0.09), (0.6, 0.3, 0.1)])
    targets = np.array([(0.25, 0.25, 0.5), (0.7, 0.2, 0.1)]) if body.kind == "simplex" else np.eye(3)
    listed = list(product(targets, rows, np.array(DIRECTIONS)))
    _, direction = body.bend
    return {
        leaf: np.array([triple[i] for triple in listed]) for i, leaf in enumerate((body.target, body.raw, direction))
    }


def place(body: Body, leaves: Mapping[Node, Any], row: int) -> str:
    """One point in words."""
    return ", ".join(f"{leaf!r}={_shown(leaves[leaf][row])}" for leaf in (body.target, body.raw))


def _shown(values: Any) -> str:
    numbers = [f"{float(v):g}" for v in np.ravel(values)]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def smooth(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether the gradient has no jump: proved where the formula has no kink, else looked for on every kink.

    A kink across which the slopes agree (the two parts of Huber's loss) is none for this purpose.
    """
    found = kinks(resolved(definition))
    if missing := _hole(definition, parameters):
        return Fact(False, "refuted", 1, missing)
    if not found:
        return Fact(True, "proved", note="no kink in the formula")
    body = body_of(definition, parameters)
    if isinstance(body, str) or is_class_kind(body):
        return Fact(False, "open", note=body if isinstance(body, str) else "a kink between classes")
    seen = 0
    for kink in kinks(body.node):
        points = list(_on_surface(body, kink))
        for y, z in points:
            if _jumps(body, y, z):
                return Fact(False, "refuted", 1, f"the gradient jumps at y={y:g}, {body.raw!r}={z:g}")
        if not points:
            return Fact(False, "open", note=f"no point was found where {to_text(kink.surface)} is 0")
        seen += len(points)
    return Fact(True, "sampled", seen)


def _on_surface(body: Body, kink: Kink) -> Iterator[tuple[float, float]]:
    """Points of a kink: for some targets, the raw predictions where its surface changes sign or is touched."""
    far = np.geomspace(1e-6, 1e9, 46)
    for y in TARGETS[body.kind]:
        if abs(y) > LARGEST:
            continue
        grid = np.unique(np.concatenate([-far, [0.0], far, y - far, [y], y + far]))
        image = DOMAINS[body.image]
        grid = grid[(grid > image.low) & (grid < image.high)]
        heights = _surface(body, kink, y, grid)
        yield from ((y, float(z)) for z in grid[heights == 0.0])
        crosses = np.flatnonzero(np.sign(heights[:-1]) * np.sign(heights[1:]) < 0)
        yield from ((y, _bisected(body, kink, y, grid[i], grid[i + 1])) for i in crosses)


def _surface(body: Body, kink: Kink, y: float, raws: NDArray[np.float64]) -> NDArray[np.float64]:
    leaves = {**body.fixed, body.target: np.full_like(raws, y), body.raw: raws}
    with np.errstate(all="ignore"):
        found = interpret([kink.surface], leaves, NUMPY)[0]
    return np.broadcast_to(found, (raws.size, 1))[:, 0].astype(np.float64)


def _bisected(body: Body, kink: Kink, y: float, low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        ends = _surface(body, kink, y, np.array([low, middle]))
        low, high = (low, middle) if ends[0] * ends[1] <= 0 else (middle, high)
    return (low + high) / 2


def _jumps(body: Body, y: float, z: float) -> bool:
    """Whether the gradient's difference across the point stays when the step becomes 1000 times smaller."""
    width = 2.0**-20 * max(1.0, abs(z))
    raws = np.array([z - width, z + width, z - width / 1024, z + width / 1024])
    leaves = {body.target: np.full_like(raws, y).reshape(-1, 1), body.raw: raws.reshape(-1, 1)}
    g = body.at([body.slope], leaves)[0][:, 0]
    wide, narrow = abs(g[1] - g[0]), abs(g[3] - g[2])
    return bool(narrow > wide / 32)
