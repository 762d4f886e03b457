"""Explanations by raw predictions and probabilities that are taken for each other.

Comes in: a `Scene`. Goes out: `Prediction`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.checking.derivatives.known import SLOPES, taking, true_parts
from lossmith.checking.derivatives.points import LOGISTIC
from lossmith.checking.derivatives.scene import Prediction, Scene, picked
from lossmith.checking.derivatives.seen import Parts
from lossmith.checking.subject import Array

RAW: Final[Mapping[str, Callable[[Array], Array]]] = {
    "sigmoid": lambda p: np.asarray(np.log(p) - np.log1p(-p)),
    "exp": lambda p: np.asarray(np.log(p)),
    "softmax": lambda p: np.asarray(np.log(p)),
}
"""Raw predictions of which the link makes given predictions."""


def link_of(scene: Scene) -> tuple[str, Array, Array] | None:
    """The link, the raw predictions and the predictions on the target's scale, of a loss with a link."""
    raw = taking(scene.loss, "raw") if scene.loss else None
    if raw is None or raw.link == "identity":
        return None
    given = scene.at.prediction.astype(np.float64)
    with np.errstate(all="ignore"):
        if scene.seen.subject.takes == "raw":
            return raw.link, given, np.asarray(raw.predict(given))
        return (raw.link, RAW[raw.link](given), given) if raw.link in RAW else None


def other_form(scene: Scene, takes: str, prediction: Array) -> Parts | None:
    """The truth of the loss in its form for raw predictions or for probabilities, at these."""
    loss = taking(scene.loss, "raw" if takes == "raw" else "probability") if scene.loss else None
    return None if loss is None else true_parts(loss, replace(scene.at, prediction=prediction))


def by_probability(scene: Scene) -> Iterator[Prediction]:
    if scene.loss is None:
        yield from _by_usual_link(scene)
    found = link_of(scene)
    if found is None or scene.seen.subject.takes != "raw":
        return
    parts = other_form(scene, "probability", found[2])
    if parts is not None:
        said = "the derivative of the link is missing from the chain rule: multiply by d prediction / d raw_prediction."
        yield Prediction(picked(parts, "gradient", "hessian"), said)
        yield Prediction(picked(parts, "gradient"), said)


def _by_usual_link(scene: Scene) -> Iterator[Prediction]:
    """The same for a loss that is not known, with the link that its kind of target usually has."""
    subject, z = scene.seen.subject, scene.at.prediction.astype(np.float64)
    if subject.takes == "raw" and subject.kind != "real" and "gradient" in scene.true and z.ndim == 1:
        p, link = (1.0 / (1.0 + np.exp(-z)), "sigmoid") if subject.kind in LOGISTIC else (np.exp(z), "exp")
        said = "the derivative of the link is missing from the chain rule: multiply by d prediction / d raw_prediction."
        yield Prediction({"gradient": scene.true["gradient"] / SLOPES[link](p, z)[0]}, said)


def by_raw(scene: Scene) -> Iterator[Prediction]:
    found = link_of(scene)
    if found is None or scene.seen.subject.takes != "probability":
        return
    parts = other_form(scene, "raw", found[1])
    if parts is not None:
        said = "it is the derivative by the raw prediction, though the loss takes predictions on the target's scale."
        yield Prediction(picked(parts, "gradient", "hessian"), said)


def _chained(parts: Parts, inner: Array, link: str, z: Array) -> Parts:
    """Derivatives by z of a loss of `inner`, a link of z, from its derivatives by `inner`."""
    if link == "softmax":
        g = parts["gradient"]
        return {"value": parts["value"], "gradient": inner * (g - (inner * g).sum(axis=1, keepdims=True))}
    first, second = SLOPES[link](inner, z)
    chained = {"value": parts["value"], "gradient": parts["gradient"] * first}
    if "hessian" in parts:
        chained["hessian"] = parts["hessian"] * first**2 + parts["gradient"] * second
    return chained


def link_twice(scene: Scene) -> Iterator[Prediction]:
    """The link on what has been through it: with the chain rule, and as a formula of the booster's kind without it."""
    found = link_of(scene)
    if found is None:
        return
    link, z, p = found
    said = f"{link} is applied to what is a probability already."
    if scene.seen.subject.takes == "raw":
        parts = other_form(scene, "raw", p)
        if parts is not None:
            said = f"{link} is applied twice."
            yield Prediction(_chained(parts, p, link, z), said)
            yield Prediction(picked(parts, "gradient", "hessian"), said)
    elif (parts := other_form(scene, "raw", p)) is not None:
        yield Prediction(parts, said)


def _inside(link: str, z: Array) -> Array:
    """Raw predictions as if they were probabilities: only those that could be; NaN elsewhere."""
    ok = (z > 0.0) & ((z < 1.0) | (link in ("exp", "softplus")))
    ok = np.broadcast_to(ok.all(axis=1, keepdims=True), z.shape) if link == "softmax" else ok
    return np.where(ok, z, np.nan)


def link_missing(scene: Scene) -> Iterator[Prediction]:
    found = link_of(scene)
    if found is None or scene.seen.subject.takes != "raw" or found[0] not in ("sigmoid", "softmax"):
        return
    link, z, _ = found
    inside = _inside(link, z)
    said = f"{link} is missing: raw predictions go into the formula as they are."
    parts = _masked(scene, "probability", inside, inside)
    if parts is not None:
        yield Prediction(parts, said)
    with np.errstate(all="ignore"):
        as_raw = np.log(inside) if link == "softmax" else np.log(inside) - np.log1p(-inside)
    if link == "sigmoid" and (parts := _masked(scene, "raw", as_raw, inside)) is not None:
        yield Prediction(picked(parts, "gradient", "hessian"), said)


def _masked(scene: Scene, takes: str, prediction: Array, known: Array) -> Parts | None:
    """The truth in the rows whose prediction is known, NaN in the others."""
    rows: Array = np.asarray(np.isfinite(known.reshape(known.shape[0], -1)).all(axis=1))
    if scene.at.size > 1 or rows.sum() < 6:
        return None
    keep = np.where(rows if known.ndim == 1 else rows[:, None], prediction, 0.5)
    parts = other_form(scene, takes, keep)
    if parts is None:
        return None
    return {k: np.where(rows if a.ndim == 1 else rows[:, None], a, np.nan) for k, a in parts.items()}
