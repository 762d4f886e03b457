"""Which rows a picture of a loss shows: telling targets for each kind, and what moves along the axis.

Comes in: a loss. Goes out: `View` records, one for each raw prediction (of a loss with heads: one a head).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from lossmith.errors import LossmithError
from lossmith.formula.definition import resolved
from lossmith.formula.link import link_named
from lossmith.formula.node import among, symbols, walk
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import Numbers, Scene, View

CLASSES: Final = 3
MOST_SCENES: Final = 4
GRADES: Final[dict[str, tuple[float, float]]] = {"0": (-math.inf, -1.0), "1": (-1.0, 1.0), "2": (1.0, math.inf)}
"""Cut points around each of three grades, for losses that read them as the columns `low` and `high`."""


class Telling(NamedTuple):
    """Of a kind of target: the values shown, a small sample for the best constant, and other rows of a batch."""

    values: Numbers
    sample: Numbers
    others: tuple[tuple[float, float], ...]  # (target, how far the raw prediction is off)


TELLING: Final[dict[str, Telling]] = {
    "real": Telling((-2.0, 0.0, 2.0), (0.0, 0.0, 1.0, 1.0, 8.0), ((-1.0, 0.5), (1.0, -1.0), (3.0, 1.5))),
    "positive": Telling((0.5, 1.0, 5.0), (1.0, 1.0, 2.0, 2.0, 9.0), ((1.0, 0.5), (2.0, 0.0), (5.0, -0.5))),
    "nonnegative": Telling((0.0, 1.0, 5.0), (0.0, 1.0, 2.0, 2.0, 10.0), ((0.0, 0.5), (1.0, 0.0), (5.0, -0.5))),
    "count": Telling((0.0, 1.0, 5.0), (0.0, 1.0, 2.0, 2.0, 10.0), ((0.0, 0.5), (1.0, 0.0), (5.0, -0.5))),
    "fraction": Telling((0.0, 0.3, 1.0), (0.1, 0.2, 0.2, 0.3, 0.9), ((0.0, -1.0), (0.3, 0.0), (1.0, 1.0))),
    "binary": Telling((0.0, 1.0), (0.0, 0.0, 0.0, 1.0), ((1.0, 2.0), (0.0, -2.0), (1.0, -1.0), (0.0, 0.5))),
    "class": Telling((0.0, 1.0), (0.0, 0.0, 1.0, 2.0), ((0.0, 1.0), (1.0, 0.5), (2.0, -0.5))),
    "simplex": Telling((0.0, 1.0), (0.0, 0.0, 1.0, 2.0), ((0.0, 1.0), (1.0, 0.5), (2.0, -0.5))),
    "ordinal": Telling((0.0, 1.0, 2.0), (0.0, 0.0, 1.0, 2.0), ((0.0, -1.0), (1.0, 0.0), (2.0, 1.0))),
}

WINDOWS: Final[dict[str, tuple[float, float]]] = {
    "identity": (-4.0, 4.0),
    "sigmoid": (-6.0, 6.0),
    "softmax": (-6.0, 6.0),
    "exp": (-4.0, 3.0),
    "softplus": (-6.0, 8.0),
    "tanh": (-3.0, 3.0),
    "cloglog": (-5.0, 2.5),
    "probit": (-4.0, 4.0),
}
"""The part of the raw prediction's axis that is shown first, by the link behind it."""

BESIDE: Final = (-2.0, 3.0)  # the part shown first of a head behind a link, from where it is best

SCALE: Final[dict[str, tuple[float, float]]] = {
    "positive": (0.02, 8.0),
    "nonnegative": (0.02, 8.0),
    "count": (0.02, 8.0),
}
"""The same where predictions are on the scale of such a target."""

EVERYWHERE: Final = (-math.inf, math.inf)
INSIDE: Final = (0.001, 0.999)


def views(loss: Loss, kind: str, others: Sequence[float] = (), *, over_error: bool = True) -> tuple[View, ...]:
    """The views of a loss for targets of this kind; `others` are raw predictions at which heads rest.

    `over_error`: a loss that looks at the error alone is shown over the error.
    """
    declaration = loss.definition.declaration
    if declaration.heads:
        return tuple(_head(loss, kind, j, others) for j in range(len(declaration.heads)))
    if declaration.has_classes and kind in ("class", "simplex"):
        return (_of_classes(loss, kind),)
    if over_error and kind == "real" and moves_with_the_target(loss):
        scenes = _scenes(loss, kind, (0.0,))
        return (View("", "error: raw prediction z minus target y", "", scenes, WINDOWS["identity"], EVERYWHERE),)
    return (_plain(loss, kind),)


def moves_with_the_target(loss: Loss) -> bool:
    """Whether a loss of one number looks at the difference of target and prediction alone.

    Of rows that are finished together by its formula, which reads both nowhere else; of a row alone as seen at several.
    """
    if not loss.is_additive and not _reads_differences(loss):
        return False
    if loss.link != "identity" or len(loss.definition.declaration.target) > 1 or loss.definition.declaration.columns:
        return False
    x = np.array([-3.0, -0.9, -0.25, 0.125, 0.6, 2.5])
    try:
        with np.errstate(all="ignore"):
            seen = [loss.value(np.full(6, y), x + y) for y in (0.0, 3.0, -1.5)]
            rows = [loss.per_example(np.full(6, y), x + y) for y in (0.0, 3.0, -1.5)] if loss.is_additive else [[0.0]]
    except LossmithError:
        return False
    return all(np.allclose(a, b[0], rtol=1e-9, atol=1e-12) for b in (seen, rows) for a in b)


def _reads_differences(loss: Loss) -> bool:
    """Whether the formula reads target and prediction only as the one minus the other."""
    formula = resolved(loss.definition)
    read = {*symbols(formula, role="target"), *symbols(formula, role="raw"), *symbols(formula, role="prediction")}
    users = [node for node in walk(formula) if any(among(leaf, node.args) for leaf in read)]
    return all(node.op == "subtract" and set(node.args) == read for node in users) and len(read) > 1


def columns_of(loss: Loss, targets: Sequence[float], kind: str) -> tuple[tuple[str, Numbers], ...]:
    """A value for each declared column and row: of grades the cut points around them, of others 1."""
    found: list[tuple[str, Numbers]] = []
    for name in loss.definition.declaration.columns:
        if kind == "ordinal" and name in ("low", "high"):
            side = 0 if name == "low" else 1
            found.append((name, tuple(GRADES[f"{y:g}"][side] for y in targets)))
        else:
            found.append((name, (1.0,) * len(targets)))
    masks = [row.column for row in loss.definition.row_weights if row.column is not None]
    named = {name for name, _ in found}
    return (*found, *((name, (1.0,) * len(targets)) for name in dict.fromkeys(masks) if name not in named))


def _plain(loss: Loss, kind: str) -> View:
    """One raw prediction, a number for each row."""
    link, given = loss.link, loss.definition.declaration.on == "probability"
    window, bounds = WINDOWS[link], EVERYWHERE
    if given or (link == "identity" and kind in ("fraction", "binary") and _stays_inside(loss)):
        window, bounds = INSIDE, (0.0, 1.0)
    elif link == "identity":
        window = SCALE.get(kind, window)
    scenes = _scenes(loss, kind, TELLING[kind].values)
    return View("", "raw prediction z", _predicted(loss), scenes, window, bounds)


def _stays_inside(loss: Loss) -> bool:
    """Whether a loss without a link has no number outside 0 to 1, so that it takes probabilities."""
    with np.errstate(all="ignore"):
        return not math.isfinite(loss.value([1.0], [-0.5])) or not math.isfinite(loss.value([0.0], [1.5]))


def _predicted(loss: Loss) -> str:
    """What the prediction on the target's scale is called, if it is another number than the raw one."""
    declaration = loss.definition.declaration
    if declaration.on == "probability" or (loss.link == "identity" and loss.definition.reading is None):
        return ""
    return "prediction p: " + (
        link_named(loss.link).text.partition("= ")[2] if loss.definition.reading is None else "of z"
    )


def _scenes(loss: Loss, kind: str, values: Numbers, j: int = 0, rest: Sequence[float] = (0.0,)) -> tuple[Scene, ...]:
    """A scene for each target value; of several targets, for each of their first combinations."""
    names = loss.definition.declaration.target
    further = [TELLING[other].values for _, other in names[1:]]
    chosen = list(itertools.product(values, *further))[:MOST_SCENES]
    return tuple(_scene(loss, kind, targets, j, rest) for targets in chosen)


def _scene(loss: Loss, kind: str, targets: Numbers, j: int, rest: Sequence[float]) -> Scene:
    """The moving row, and behind it the other rows of the batch where rows are finished together."""
    others = () if loss.is_additive else TELLING[kind].others
    names = [name for name, _ in loss.definition.declaration.target]
    heads = len(rest)
    moving = tuple(0.0 if i == j else rest[i] for i in range(heads))
    steady = [tuple(_at(loss, y, off) if i == j else rest[i] for i in range(heads)) for y, off in others]
    rows = [targets, *((y, *targets[1:]) for y, _ in others)]
    base = tuple(itertools.chain(moving, *steady))
    return Scene(
        label=", ".join(f"{name} = {short(y)}" for name, y in zip(names, targets, strict=True)),
        targets=tuple((name, tuple(row[i] for row in rows)) for i, name in enumerate(names)),
        base=base,
        slope=tuple(1.0 if i == j else 0.0 for i in range(len(base))),
        place=j,
        columns=columns_of(loss, [row[0] for row in rows], kind),
        classes=1 if loss.definition.declaration.has_classes else 0,
        said=_said(loss, kind, rest, j, _batch_said(others, [row[j] for row in steady])),
    )


def _said(loss: Loss, kind: str, rest: Sequence[float], j: int, batch: str) -> str:
    """What stands still in a scene: other rows, other heads, columns."""
    heads = loss.definition.declaration.heads
    still = [f"z of {name} rests at {short(z)}, its best on the sample below" for name, z in _others(heads, rest, j)]
    named = [name for name, _ in columns_of(loss, (0.0,), kind) if kind != "ordinal" or name not in ("low", "high")]
    cuts = ["the cut points between the grades 0, 1 and 2 are −1 and 1"] if kind == "ordinal" and not named else []
    said = [*([batch] if batch else []), *still, *([f"{' and '.join(named)} = 1 in each row"] if named else []), *cuts]
    return "; ".join(said)


def _others(heads: Sequence[tuple[str, str]], rest: Sequence[float], j: int) -> list[tuple[str, float]]:
    return [(name, z) for i, ((name, _), z) in enumerate(zip(heads, rest, strict=False)) if i != j]


def _at(loss: Loss, y: float, off: float) -> float:
    """The raw prediction of another row: off by so much on the target's scale, or that raw prediction."""
    if loss.definition.declaration.on == "probability":
        return min(max(0.5 + off / 5, 0.05), 0.95)
    return y + off if loss.link == "identity" and not loss.definition.declaration.heads else off


def _batch_said(others: Sequence[tuple[float, float]], raw: Sequence[float]) -> str:
    if not others:
        return ""
    rows = ", ".join(f"(y = {short(y)}, z = {short(z)})" for (y, _), z in zip(others, raw, strict=True))
    return f"a batch of {len(others) + 1} rows: one row's raw prediction moves, the others rest at {rows}"


def _head(loss: Loss, kind: str, j: int, others: Sequence[float]) -> View:
    """One head moves; the others rest where they are best on the sample."""
    name, link = loss.definition.declaration.heads[j]
    rest = [float(x) for x in others] or [0.0] * len(loss.definition.declaration.heads)
    values = TELLING[kind].values
    scenes = _scenes(loss, kind, values, j, rest)
    given = loss.definition.declaration.on == "probability"
    predicted = "" if given or link == "identity" else f"{name}: {link_named(link).text.partition('= ')[2]}"
    low, high = BESIDE
    window = WINDOWS[link] if link == "identity" else (rest[j] + low, rest[j] + high)
    return View(name, f"raw prediction z of {name}", predicted, scenes, window, EVERYWHERE)


def _of_classes(loss: Loss, kind: str) -> View:
    """The raw prediction of one class moves, the others rest at 0 (of probabilities: share what is left)."""
    given = loss.definition.declaration.on == "probability"
    base, slope = ((0.0, 0.5, 0.5), (1.0, -0.5, -0.5)) if given else ((0.0,) * CLASSES, (1.0, 0.0, 0.0))
    shown = [("the true class", (1.0, 0.0, 0.0)), ("another class is true", (0.0, 1.0, 0.0))]
    if kind == "simplex":
        shown = [("share 1", (1.0, 0.0, 0.0)), ("share 0.6", (0.6, 0.3, 0.1)), ("share 0", (0.0, 1.0, 0.0))]
    scenes = tuple(_class_scene(loss, kind, label, shares, base, slope) for label, shares in shown)
    if given:
        return View("", "prediction of one class (the others share the rest)", "", scenes, INSIDE, (0.0, 1.0))
    label = "raw prediction z of one class (the other two at 0)"
    return View("", label, "prediction p of this class", scenes, WINDOWS["softmax"], EVERYWHERE)


def _class_scene(loss: Loss, kind: str, label: str, shares: Numbers, base: Numbers, slope: Numbers) -> Scene:
    others = () if loss.is_additive else TELLING[kind].others
    raw = [[off if k == int(y) else 0.0 for k in range(CLASSES)] for y, off in others]
    truth = [shares.index(max(shares)), *(int(y) for y, _ in others)]
    hard = kind == "class"
    soft = [*shares, *itertools.chain(*([float(k == y) for k in range(CLASSES)] for y in truth[1:]))]
    return Scene(
        label=label,
        targets=((loss.definition.declaration.target[0][0], tuple(map(float, truth)) if hard else tuple(soft)),),
        base=(*base, *itertools.chain(*raw)),
        slope=(*slope, *(0.0 for _ in itertools.chain(*raw))),
        columns=columns_of(loss, truth, kind),
        classes=CLASSES,
        said=_class_batch_said(others),
    )


def _class_batch_said(others: Sequence[tuple[float, float]]) -> str:
    if not others:
        return ""
    rows = ", ".join(short(off) for _, off in others)
    moving = "in one row the raw prediction moves, in the others that of the true class is"
    return f"a batch of {len(others) + 1} rows: {moving} {rows}"
