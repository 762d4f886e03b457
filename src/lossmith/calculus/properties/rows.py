"""The same facts for losses over a row of classes: by composition where that shows it, else by looking along lines.

Comes in: a study. Goes out: facts. Rows of three classes are looked at; a proof is one of any number of classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties import witnesses
from lossmith.calculus.properties.cases import Study, folded
from lossmith.calculus.properties.composition import is_convex, is_strictly_convex
from lossmith.calculus.properties.ranges import range_of, ranges
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node
from lossmith.formula.roles import CLASS_KINDS
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import DOMAINS, REAL, Interval

Floats = NDArray[np.float64]

ROWS: Final = (
    (0.0, 0.0, 0.0), (1.5, -0.25, 0.75), (4.0, 0.0, -2.0), (-3.0, 0.0, 0.5), (0.0, 0.0, -30.0), (0.0, 6.0, 0.0),
    (-8.0, 0.0, 0.0), (20.0, 0.0, -20.0), (0.5, -6.0, 3.0),
)  # fmt: skip
SHARES: Final = ((0.25, 0.25, 0.5), (0.01, 0.9, 0.09), (0.6, 0.3, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.001, 0.001, 0.998))
MARGIN: Final = 4e-9
FLAT: Final = 1e-9


def _targets(study: Study) -> list[Floats]:
    hard = list(np.eye(3))
    if study.body.kind in ("class", "simplex"):
        return [*hard, np.array([0.25, 0.25, 0.5])] if study.body.kind == "simplex" else hard
    return [np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])]


def _pairs(study: Study) -> Iterator[tuple[Floats, Floats, Floats]]:
    rows = SHARES if study.body.given else ROWS
    for target, (a, b) in product(_targets(study), product(rows, rows)):
        if a != b:
            yield target, np.array(a), np.array(b)


def _values(study: Study, root: Node, targets: Floats, raws: Floats) -> Floats:
    leaves: dict[Node, Any] = {**study.body.fixed, study.body.raw: raws}
    leaves[study.body.target] = targets if "class" in study.body.target.axes else targets[:, :1]
    with np.errstate(all="ignore"):
        return np.asarray(interpret([root], leaves, NUMPY)[0], dtype=np.float64)


def _stacked(study: Study) -> tuple[Floats, Floats, Floats]:
    return tuple(np.array(part) for part in zip(*_pairs(study), strict=True))  # type: ignore[return-value]


def are_numbers(study: Study) -> bool:
    """Whether all rows that are looked at have a loss."""
    targets, a, _ = _stacked(study)
    return bool(np.isfinite(_values(study, study.body.node, targets, a)).all())


def convex(study: Study) -> Fact[bool]:
    """Convex along every line through the rows."""
    node, raw, kind = folded(study.plain), study.body.raw, study.body.kind
    targets, a, b = _stacked(study)
    left, middle, right = (_values(study, study.body.node, targets, r).sum(axis=1) for r in (a, (a + b) / 2, b))
    with np.errstate(all="ignore"):
        excess = (middle - (left + right) / 2) / (np.abs(left) + np.abs(middle) + np.abs(right))
    k = int(np.argmax(np.where(np.isfinite(excess), excess, -1.0)))
    if excess[k] > MARGIN:
        note = f"{_shown(study, targets[k], (a[k] + b[k]) / 2)}: the loss lies above a line between two rows"
        return Fact(
            False, "refuted", 1, note, witnesses.row_chord(study, targets[k].tolist(), a[k].tolist(), b[k].tolist())
        )
    if is_convex(node, raw, kind):
        return Fact(True, "proved", note="for any number of classes")
    return Fact(True, "sampled", len(excess))


def _shown(study: Study, target: Floats, row: Floats) -> str:
    def numbers(values: Floats) -> str:
        return f"({', '.join(f'{v:g}' for v in values)})"

    return f"{study.body.target!r}={numbers(target)}, {study.body.raw!r}={numbers(row)}"


def strictly_convex(study: Study) -> Fact[bool]:
    """Along every direction but the one that adds a number to all classes."""
    known = convex(study)
    if not known.value:
        return known
    if known.evidence == "proved" and is_strictly_convex(folded(study.plain), study.body.raw, study.body.kind):
        return Fact(True, "proved", note=known.note)
    from lossmith.calculus import convexity

    found = convexity.bends(study.body)
    return replace(found, counterexample=_level(study)) if found.evidence == "refuted" else found


def strict_everywhere(study: Study) -> Fact[bool]:
    """Along every direction there is: scores of classes to which one number is added leave a softmax as it was."""
    known = strictly_convex(study)
    if not known.value:
        return known
    text = _level(study) if study.body.given else None
    if text is not None:
        return Fact(False, "refuted", 1, "no bend between two classes that the target does not name", text)
    target, row = _targets(study)[0], np.array(ROWS[1])
    values: Any = [] if study.body.given else _values(study, study.body.node, np.array([target] * 3), _lifted(row))
    ends = [float(v) for v in np.sum(values, axis=-1)] if len(values) else []
    if len(ends) != 3 or max(ends) - min(ends) > 1e-12 * max(1.0, *map(abs, ends)):
        return known
    note = "adding one number to all classes changes nothing; along any other direction it bends upwards"
    return Fact(False, "refuted", 1, note, witnesses.row_level(study, target.tolist(), row.tolist()))


def _lifted(row: Floats) -> Floats:
    """A row, and the same with one number added to all classes."""
    return np.array([row, row + 1.0, row + 2.0])


def _level(study: Study) -> str | None:
    """Two rows between which the slope does not rise at all."""
    step = np.array([1.0, -1.0, 0.0]) / 64
    rows = np.array(SHARES if study.body.given else ROWS)
    rows = rows[(rows + step > 0).all(axis=1)] if study.body.given else rows
    for target in _targets(study):
        stacked = np.array([target] * len(rows))
        a, b = (_values(study, study.body.slope, stacked, r) for r in (rows, rows + step))
        rises = ((b - a) * step).sum(axis=1)
        for k in np.flatnonzero(rises <= 0):
            return witnesses.row_flat(study, target.tolist(), rows[k].tolist(), (rows[k] + step).tolist(), 0.0)
    return None


def strongly_convex(study: Study) -> Fact[float | None]:
    """The least rise of the slope along a line; far apart rows of a softmax hardly differ in it."""
    known = convex(study)
    if not known.value:
        return Fact(None, "refuted", 1, known.note, known.counterexample)
    strict = strict_everywhere(study)
    if study.body.given and strict.evidence == "refuted":
        return Fact(None, "refuted", 1, strict.note, strict.counterexample)
    rows = np.array(SHARES) if study.body.given else np.array([(40.0, 0.0, 0.0), (0.0, 60.0, 0.0)])
    target = _targets(study)[0]
    direction = np.array([1.0, -1.0, 0.0]) * 1e-3
    stacked = np.array([target] * len(rows))
    a, b = (_values(study, study.body.slope, stacked, r) for r in (rows, rows + direction))
    rises = ((b - a) * direction).sum(axis=1) / (direction**2).sum()
    k = int(np.argmin(rises))
    if rises[k] < FLAT:
        note = f"hardly any bend at {_shown(study, target, rows[k])}"
        text = witnesses.row_flat(study, target.tolist(), rows[k].tolist(), (rows[k] + direction).tolist(), FLAT)
        return Fact(None, "refuted", 1, note, text)
    return Fact(float(rises[k]), "sampled", len(rows))


def bounded_below(study: Study) -> Fact[float | None]:
    """The bound that ranges of the parts show for any number of classes, where rows were seen that come next to it."""
    body, shares = study.body, Interval(0.0, 1.0)
    targets = shares if body.kind in CLASS_KINDS else DOMAINS.get(body.kind, REAL)
    image = shares if body.image == "simplex" else DOMAINS.get(body.image, REAL)
    leaves = {
        body.target: range_of(targets.low, targets.high),
        body.raw: range_of(image.low, image.high, image.low == 0),
    }
    try:
        found = ranges([folded(study.plain)], leaves)[0]
    except (UnsupportedError, KeyError):
        return Fact(None, "open", note=OF_CLASSES)
    low = float(found.low[0]) + 0.0
    if not (found.defined.all() and math.isfinite(low)):
        return Fact(None, "open", note=OF_CLASSES)
    for target in _targets(study):
        rows = _toward(study, target)
        values = _values(study, body.node, np.broadcast_to(target, rows.shape), rows).sum(axis=1)
        if not np.nanmin(values) - low <= NEAREST * max(1.0, abs(low)):
            return Fact(
                None, "open", note=f"never below {low:g}; the least depends on the target or on how many classes"
            )
    return Fact(low, "proved", note=REACHED)


OF_CLASSES: Final = "a row of classes"
REACHED: Final = "for any number of classes; approached where the true class is ever farther in front of the others"
NEAREST: Final = 1e-9


def _toward(study: Study, target: Floats) -> Floats:
    """Rows that say the target ever more clearly."""
    if study.body.given:
        return np.stack([(1 - s) * target + s / target.size for s in (1e-3, 1e-6, 1e-10)])
    return np.stack([size * (2 * target - 1) for size in (1.0, 10.0, 30.0, 300.0)])


def steepest(study: Study) -> Fact[float]:
    """The largest length of the gradient of a row that was seen."""
    targets, a, _ = _stacked(study)
    sizes = np.sqrt((_values(study, study.body.slope, targets, a) ** 2).sum(axis=1))
    if study.body.given:
        near = np.array([(1e-9, 0.5, 0.5)])
        size = float(np.abs(_values(study, study.body.slope, np.eye(3)[:1], near)).max())
        text = witnesses.program(study, [
            "g = loss.per_example_gradient(np.array([[1.0, 0.0, 0.0]]), np.array([[1e-9, 0.5, 0.5]]))",
            "assert abs(g).max() > 1e6",
        ])  # fmt: skip
        if size > 1e6:
            return Fact(float("inf"), "refuted", 1, "the gradient grows without bound as a share nears 0", text)
        return Fact(float(np.nanmax(sizes)), "sampled", len(sizes), "length of the gradient of a row")
    if _is_cross_entropy(study):
        return Fact(math.sqrt(2.0), "proved", note="for any number of classes")
    rows = _grid()
    found = [_values(study, study.body.slope, np.broadcast_to(t, rows.shape), rows) for t in _targets(study)]
    seen = np.sqrt((np.concatenate(found) ** 2).sum(axis=1))
    return Fact(float(np.nanmax(seen)), "sampled", seen.size, "three classes, length of the gradient of a row")


def most_bent(study: Study) -> Fact[float]:
    """The largest rise of the gradient along a direction of length 1: of a mixture of minus log_softmax, 1/2.

    That is the largest eigenvalue of diag p - p p', for any number of classes; others are looked at on a grid.
    """
    if _is_cross_entropy(study):
        return Fact(0.5, "proved", note="for any number of classes")
    if study.body.given:
        steep = steepest(study)
        if math.isinf(steep.value):  # a bounded slope of the gradient bounds the gradient on shares
            return Fact(math.inf, "refuted", 1, steep.note, steep.counterexample)
        rows = np.array(SHARES)
    else:
        rows = _grid()
    found = [_stiffness(study, target, rows) for target in _targets(study)]
    seen = np.concatenate(found)
    return Fact(float(np.nanmax(seen)), "sampled", seen.size, "three classes, along a direction of length 1")


def _stiffness(study: Study, target: Floats, rows: Floats) -> Floats:
    """The largest singular value of the second derivatives of each row, by central differences."""
    width, targets = 2.0**-17, np.broadcast_to(target, rows.shape)
    columns = []
    for axis in np.eye(3) * width:
        ahead, behind = (_values(study, study.body.slope, targets, rows + s * axis) for s in (1, -1))
        columns.append((ahead - behind) / (2 * width))
    hessians = np.stack(columns, axis=-1)
    hessians = hessians[np.isfinite(hessians).all(axis=(1, 2))]
    return np.asarray(np.linalg.norm(hessians, ord=2, axis=(1, 2)))


def _grid() -> Floats:
    """Raw predictions of three classes: the first two all over, the third low, level and high."""
    line = np.sinh(np.linspace(-4.4, 4.4, 89))
    return np.array(list(product(line, line, (-40.0, 0.0, 40.0))))


def _is_cross_entropy(study: Study) -> bool:
    """Whether the loss of a row is minus log_softmax of the true class: shares that add up to 1, and no more."""
    node, kind = folded(study.plain), study.body.kind
    if not is_strictly_convex(node, study.body.raw, kind) or study.body.given or node.op != "negative":
        return False
    return study.body.target in node.args[0].args[0].args
