"""What goes wrong with losses: a table of explanations, each of which predicts the numbers that one would see.

Comes in: a `Scene`: the truth about a loss, and where it was looked at. Goes out: `Prediction`s by row of `TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lossmith.checking.derivatives import links, scales, seats, variants
from lossmith.checking.derivatives.known import SLOPES, name_of
from lossmith.checking.derivatives.links import link_of, other_form
from lossmith.checking.derivatives.scene import Prediction, Scene, of_losses, picked


@dataclass(frozen=True)
class Hypothesis:
    """A row of the table: the fault's code, and what it predicts. `strict`: it is a fault even where boosters live with it.
    `of_value`: it explains values, not derivatives alone.
    """

    code: str
    predict: Callable[[Scene], Iterator[Prediction]]
    strict: bool = False
    of_value: bool = False


def held_constant(scene: Scene) -> Iterator[Prediction]:
    if "gradient" in scene.seen.parts and not np.nan_to_num(scene.seen.parts["gradient"]).any():
        zero = {"gradient": np.zeros_like(scene.true["gradient"])}
        yield Prediction(zero, "the gradient is 0 everywhere: the whole value is cut off from the prediction.")
    if scene.loss is None:
        return
    said = "{words} is held constant, so its change is missing from the gradient (detach, no_grad, stop_gradient)."
    for prediction in of_losses(scene, variants.detached(scene.loss), said):
        yield replace(prediction, parts=picked(prediction.parts, "gradient", "hessian"))
        yield replace(prediction, parts=picked(prediction.parts, "gradient"))


def other_hessians(scene: Scene) -> Iterator[Prediction]:
    """Numbers that are taken for the second derivative and are not it."""
    if "hessian" not in scene.seen.parts:
        return
    found, h, g = link_of(scene), scene.true.get("hessian"), scene.true["gradient"]
    if h is not None:
        yield Prediction({"hessian": h**2}, "it is the square of the second derivative of {loss}.")
        yield Prediction({"hessian": np.abs(g)}, "it is the absolute gradient.")
    yield Prediction({"hessian": g}, "it is the gradient once more.")
    yield Prediction({"hessian": g * (1.0 - g)}, "it is g * (1 - g) of the gradient g; p * (1 - p) is meant.")
    if found is None or scene.seen.subject.takes != "raw":
        return
    p, parts = found[2], other_form(scene, "probability", found[2])
    yield Prediction({"hessian": p}, "it is p alone: the factor 1 - p is missing.")
    yield Prediction({"hessian": 1.0 - p}, "it is 1 - p alone: the factor p is missing.")
    yield Prediction({"hessian": p**2}, "it is p ** 2; p * (1 - p) is meant.")
    if parts is not None and "hessian" in parts:
        yield Prediction(
            {"hessian": parts["hessian"]}, "it is the second derivative by the probability, not by the raw prediction."
        )
    if h is not None and found[0] in SLOPES:
        with np.errstate(all="ignore"):
            slope = SLOPES[found[0]](p, found[1])[0]
        yield Prediction(
            {"hessian": h / slope}, "the derivative of the link (p * (1 - p) for a sigmoid) is missing from it."
        )
        yield Prediction(
            {"hessian": h * slope}, "the derivative of the link (p * (1 - p) for a sigmoid) is in it once too often."
        )


def said_of(prediction: Prediction, scene: Scene) -> str:
    """The sentence of a prediction, with the name of the loss."""
    return prediction.said.replace("{loss}", "the loss's own value" if scene.loss is None else name_of(scene.loss))


TABLE: Final[tuple[Hypothesis, ...]] = (
    Hypothesis("catboost_sign", scales.catboost),
    Hypothesis("gradient_sign", scales.gradient_sign),
    Hypothesis("value_sign", scales.value_sign, of_value=True),
    Hypothesis("hessian_negative", scales.hessian_sign),
    Hypothesis("value_factor", scales.value_factor, of_value=True),
    Hypothesis("alpha_swapped", seats.weights_swapped, of_value=True),
    Hypothesis("gradient_factor", scales.gradient_factor),
    Hypothesis("hessian_wrong", scales.hessian_factor),
    Hypothesis("gradient_of_probability", links.by_probability),
    Hypothesis("probability_swapped", seats.mirrored, of_value=True),
    Hypothesis("probabilities_taken_for_logits", links.link_twice, of_value=True),
    Hypothesis("logits_taken_for_probabilities", links.link_missing, of_value=True),
    Hypothesis("classes_swapped", seats.relabelled, of_value=True),
    Hypothesis("class_order", seats.array_order),
    Hypothesis("axis", seats.wrong_axis),
    Hypothesis("arguments_swapped", seats.arguments_swapped, of_value=True),
    Hypothesis("detached", held_constant),
    Hypothesis("gradient_wrong", links.by_raw),
    Hypothesis("hessian_wrong", other_hessians, strict=True),
)
"""Every explanation, the simplest first."""
