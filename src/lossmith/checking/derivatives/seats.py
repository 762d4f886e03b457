"""Explanations by things in each other's place: classes, outcomes, arguments, rows and classes of a flat array.

Comes in: a `Scene`. Goes out: `Prediction`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lossmith.checking.derivatives import variants
from lossmith.checking.derivatives.known import plain_parts
from lossmith.checking.derivatives.links import link_of, other_form
from lossmith.checking.derivatives.points import CLASSES, LOGISTIC
from lossmith.checking.derivatives.scene import Prediction, Scene, of_losses, picked
from lossmith.checking.subject import Array


def weights_swapped(scene: Scene) -> Iterator[Prediction]:
    if scene.loss is not None:
        said = "{words} stands where 1 - {words} belongs, and the reverse."
        yield from of_losses(scene, variants.other_parameters(scene.loss), said)


def mirrored(scene: Scene) -> Iterator[Prediction]:
    if scene.loss is None or scene.seen.subject.kind not in LOGISTIC:
        return
    raw, z = scene.seen.subject.takes == "raw", scene.at.prediction
    parts = scene.elsewhere(prediction=-z if raw else 1.0 - z)
    said = "the probability of the outcome 1 is used as that of the outcome 0 (or the targets 0 and 1 are swapped)."
    if parts is not None:
        yield Prediction({k: -a if k == "gradient" else a for k, a in parts.items()}, said)
        yield Prediction(picked(parts, "gradient", "hessian"), "1 - p stands where p belongs.")
    yield from of_losses(
        scene, variants.swapped_inside(scene.loss), "in {words} and its like, p and 1 - p are swapped."
    )


def relabelled(scene: Scene) -> Iterator[Prediction]:
    subject, y = scene.seen.subject, scene.at.y
    if subject.kind not in CLASSES:
        return
    k = scene.at.prediction.shape[1]
    orders = {
        "in reverse order": np.arange(k)[::-1],
        "off by one": np.roll(np.arange(k), 1),
        "off by -1": np.roll(np.arange(k), -1),
    }
    for words, order in orders.items():
        parts = scene.elsewhere(y=order[y] if y.ndim == 1 else y[:, order])
        if parts is not None:
            yield Prediction(parts, f"the numbers of the classes are {words}.")


def arguments_swapped(scene: Scene) -> Iterator[Prediction]:
    swapped = variants.roles_swapped(scene.loss) if scene.loss else None
    if swapped is not None:
        said = "too high counts as too low: target and prediction, or the sides of their difference, are exchanged."
        parts = plain_parts(swapped, scene.at)
        if parts is not None:
            yield Prediction(parts, said)
        if scene.at.y.shape == scene.at.prediction.shape and scene.seen.subject.kind == "real":
            turned = scene.elsewhere(y=scene.at.prediction.astype(np.float64), prediction=scene.at.y.astype(np.float64))
            if turned is not None:
                yield Prediction(picked(turned, "gradient", "hessian"), said)


def array_order(scene: Scene) -> Iterator[Prediction]:
    """Rows and classes read, or written, in the other order of a flat array; seen only with all rows together."""
    z = scene.at.prediction
    if z.ndim < 2 or scene.loss is None:
        return
    orders: dict[str, Callable[[Array], Array]] = {
        "right": lambda a: a,
        "F for C": lambda a: a.ravel(order="F").reshape(a.shape),
        "C for F": lambda a: a.ravel().reshape(a.shape, order="F"),
    }
    for read, taken in orders.items():
        parts = scene.elsewhere(prediction=taken(z))
        for written, put in orders.items() if parts is not None else ():
            if (read, written) != ("right", "right") and parts is not None:
                said = (
                    "a flat array of rows and classes is cut row by row where class by class is meant, or the reverse."
                )
                yield Prediction({k: put(parts[k]) for k in ("gradient", "hessian") if k in parts}, said, whole=True)


def wrong_axis(scene: Scene) -> Iterator[Prediction]:
    """Softmax over the rows in place of the classes."""
    found = link_of(scene)
    if found is None or found[0] != "softmax" or scene.seen.subject.takes != "raw":
        return
    e = np.exp(found[1] - found[1].max(axis=0))
    p = e / e.sum(axis=0)
    y = scene.at.y if scene.at.y.ndim == 2 else np.eye(p.shape[1])[scene.at.y.astype(np.int64)]
    said = "softmax runs over the rows, not over the classes."
    if scene.loss is not None and scene.loss.definition.name == "cross_entropy":
        yield Prediction({"gradient": p - y, "hessian": p * (1.0 - p)}, said, whole=True)
        yield Prediction({"gradient": p - y}, said, whole=True)
    parts = other_form(scene, "probability", p)
    if parts is not None:
        g = parts["gradient"]
        yield Prediction({"gradient": p * (g - (p * g).sum(axis=0))}, said, whole=True)
