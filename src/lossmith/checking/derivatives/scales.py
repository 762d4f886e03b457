"""Explanations by a sign or a factor.

Comes in: a `Scene`. Goes out: `Prediction`s.
"""

from __future__ import annotations

from collections.abc import Iterator

from lossmith.checking.derivatives.matching import best_factor, tolerance
from lossmith.checking.derivatives.scene import Prediction, Scene, picked, with_less
from lossmith.checking.derivatives.seen import PARTS


def catboost(scene: Scene) -> Iterator[Prediction]:
    if scene.seen.subject.form.startswith("catboost"):
        said = (
            "the derivatives of the loss are returned as they are; CatBoost climbs, so both must be multiplied by -1."
        )
        yield from with_less(scene.true, ("gradient", "hessian"), -1.0, said)
        only = "the second derivative is returned with the sign of the loss; CatBoost climbs, so it must be multiplied by -1."
        yield Prediction(picked(scene.true, "hessian", times=-1.0), only)


def gradient_sign(scene: Scene) -> Iterator[Prediction]:
    said = "it points away from the target: training would make the loss larger. Multiply it by -1."
    yield from with_less(scene.true, ("gradient", "hessian"), -1.0, said)


def value_sign(scene: Scene) -> Iterator[Prediction]:
    said = "it falls where the prediction gets worse: it is minus {loss}."
    yield from with_less(scene.true, PARTS, -1.0, said)


def hessian_sign(scene: Scene) -> Iterator[Prediction]:
    yield Prediction(picked(scene.true, "hessian", times=-1.0), "it is minus the second derivative of {loss}.")


def _factored(scene: Scene, part: str) -> float | None:
    """The factor between a part and its truth, if it is positive and not 1."""
    if part not in scene.seen.parts or part not in scene.true or scene.true[part].shape != scene.seen.parts[part].shape:
        return None
    ratio = best_factor(scene.seen.parts[part], (scene.factor or 1.0) * scene.true[part])
    return ratio if ratio > 0.0 and abs(ratio - 1.0) > 10.0 * tolerance(scene.seen, part) else None


def factor_text(ratio: float) -> str:
    """A factor as people say it.

    >>> factor_text(2.0), factor_text(0.3333333), factor_text(1.27)
    ('2', '1/3', '1.27')
    """
    for number in (*range(2, 11), 100, 1000):
        if abs(ratio * number - 1.0) < 1e-3:
            return f"1/{number}"
    return f"{float(f'{ratio:.4g}'):g}"


def gradient_factor(scene: Scene) -> Iterator[Prediction]:
    ratio = _factored(scene, "gradient")
    if ratio is not None:
        said = f"it is {factor_text(ratio)} times the derivative of {{loss}}."
        yield from with_less(scene.true, ("gradient", "hessian"), ratio, said)


def hessian_factor(scene: Scene) -> Iterator[Prediction]:
    ratio = _factored(scene, "hessian")
    if ratio is not None:
        steps = " Steps of a booster get too long." if ratio < 1.0 else ""
        said = f"it is {factor_text(ratio)} times the second derivative that belongs to the gradient.{steps}"
        yield Prediction(picked(scene.true, "hessian", times=ratio), said)


def value_factor(scene: Scene) -> Iterator[Prediction]:
    ratio = _factored(scene, "value")
    if ratio is not None:
        said = f"it is {factor_text(ratio)} times {{loss}}."
        yield from with_less(scene.true, PARTS, ratio, said)
