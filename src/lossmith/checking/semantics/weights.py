"""What sample weights do: to which rows they go, how often, and what they are divided by.

Comes in: a `Scene`. Goes out: `Finding`s. The effect of weights on each part is explained by the first row of `EFFECTS`
that fits, with the first row of `DIVISORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.semantics.asking import Scene, ask, number, one_factor
from lossmith.checking.subject import Array

Code = str | None


@dataclass(frozen=True)
class Effect:
    """One way to use weights: which weight each row really has; its fault, None where it is right; how it is told."""

    effective: Callable[[Array], Array]
    code: Code = None
    said: str = ""


EFFECTS: Final[tuple[Effect, ...]] = (
    Effect(lambda w: w),
    Effect(
        np.ones_like,
        "weights_ignored",
        "{part} is the same with and without weights{example}; multiply each row's {share} by its weight.",
    ),
    Effect(
        lambda w: w * w,
        "weights_twice",
        "each row's {share} is multiplied by the square of its weight{example}; multiply once.",
    ),
    Effect(
        lambda w: w**3,
        "weights_twice",
        "each row's {share} is multiplied by its weight three times{example}; multiply once.",
    ),
    Effect(
        lambda w: 1.0 / w, "weights_misplaced", "each row's {share} is divided by its weight{example}; multiply by it."
    ),
    Effect(
        lambda w: np.sqrt(w),
        "weights_misplaced",
        "each row's {share} is multiplied by the root of its weight{example}; multiply by the weight itself.",
    ),
    Effect(
        lambda w: w[::-1],
        "weights_misplaced",
        "rows get each other's weights: they are used in the opposite order{example}.",
    ),
    Effect(
        lambda w: np.roll(w, 1),
        "weights_misplaced",
        "rows get each other's weights: they are moved by one row{example}.",
    ),
    Effect(
        lambda w: np.roll(w, -1),
        "weights_misplaced",
        "rows get each other's weights: they are moved by one row{example}.",
    ),
    Effect(np.sort, "weights_misplaced", "rows get each other's weights: they are sorted first{example}."),
    Effect(
        lambda w: np.sort(w)[::-1],
        "weights_misplaced",
        "rows get each other's weights: they are sorted first{example}.",
    ),
)
"""How weights reach the rows, the right way first."""

DIVISORS: Final[Mapping[str, Callable[[Array, Array], float]]] = {
    "nothing": lambda w, e: 1.0,
    "the sum of the weights": lambda w, e: float(w.sum()),
    "the number of rows": lambda w, e: float(w.size),
    "the sum of what it multiplies by": lambda w, e: float(e.sum()),
    "the square of the sum of the weights": lambda w, e: float(w.sum()) ** 2,
    "the number of rows times the sum of the weights": lambda w, e: float(w.size * w.sum()),
    "the square of the number of rows": lambda w, e: float(w.size) ** 2,
}
"""What the value is divided by."""
TWICE: Final = tuple(DIVISORS)[4:]


def look_at_weights(scene: Scene) -> list[Finding]:
    """What is wrong with how weights are used; empty where they are right or not taken."""
    if not scene.subject.weighted or not scene.together.parts:
        return []
    w = np.random.default_rng(scene.seed).permutation(np.geomspace(0.4, 3.1, scene.rows))
    told = ask(scene.subject, scene.sample, w)
    if told.error is not None:
        return [
            Finding(
                "raises",
                f"with sample weights of shape ({scene.rows},) it raises {type(told.error).__name__}: {told.error}.",
            )
        ]
    found: list[Finding] = []
    shares: dict[str, str] = {}
    for part in ("gradient", "hessian", "value"):
        if part in told.parts and part in scene.together.parts:
            made = (
                _value(scene, told.parts[part], w, shares)
                if part == "value" and not scene.subject.per_row
                else _rowwise(scene, part, told.parts[part], w, shares)
            )
            found += [f for f in made if f.code not in {g.code for g in found}]
    return found + ([] if found else list(_inconsistent(shares)))


def _rowwise(scene: Scene, part: str, weighted: Array, w: Array, shares: dict[str, str]) -> Iterator[Finding]:
    """The ratio of each row with and without weights, against the weights it should follow."""
    plain = scene.together.parts[part]
    n = scene.rows
    if weighted.size != plain.size or plain.size % n or not _by_itself(scene, part, plain):
        return
    a, b = plain.reshape(n, -1), weighted.reshape(n, -1)
    usable = np.abs(a) > 1e-6 * np.abs(a).max(initial=0.0)
    if usable.any(axis=1).sum() < 5:
        return
    with np.errstate(all="ignore"):
        ratio = np.array(
            [np.median(b[i][usable[i]] / a[i][usable[i]]) if usable[i].any() else np.nan for i in range(n)]
        )
    known = np.isfinite(ratio)
    for effect in EFFECTS:
        e = effect.effective(w)
        scale = ratio[known] / e[known]
        if _steady(scale, scene):
            shares[part] = _share(float(np.median(scale)), w)
            if effect.code is not None:
                i = int(np.flatnonzero(known)[np.argmax(w[known])])
                yield Finding(
                    effect.code,
                    _told(
                        effect,
                        part,
                        f": a row of weight {number(w[i])} has {number(ratio[i])} times as much as without",
                    ),
                )
            return
    if known.all():
        yield Finding(
            "weights_misplaced",
            f"each row's {part} should be multiplied by its weight; rows of weight {number(w[0])} and "
            f"{number(w[1])} have {number(ratio[0])} and {number(ratio[1])} times as much.",
        )


def _by_itself(scene: Scene, part: str, plain: Array) -> bool:
    """Whether a row's numbers depend on that row alone, up to what all are divided by."""
    alone = scene.of_rows(part)
    if alone is None or alone.size != plain.size:
        return True
    return one_factor(alone.ravel(), plain.ravel(), scene.tolerance) is not None


def _steady(scale: Array, scene: Scene) -> bool:
    middle = float(np.median(scale))
    return bool(middle > 0.0 and np.abs(scale / middle - 1.0).max() <= max(1e-4, 10.0 * scene.tolerance))


def _share(scale: float, w: Array) -> str:
    """What the weights are divided by, beside what is divided by without weights."""
    return (
        "the sum of the weights"
        if abs(scale * w.mean() - 1.0) < 1e-3
        else "the number of rows"
        if abs(scale - 1.0) < 1e-3
        else "other"
    )


def _told(effect: Effect, part: str, example: str) -> str:
    share = "term" if part == "value" else part
    return effect.said.format(part=f"the {part}", share=share, example=example)


def _value(scene: Scene, weighted: Array, w: Array, shares: dict[str, str]) -> Iterator[Finding]:
    """The finished number with weights, from the values of single rows; of losses that are no sums by repeated rows."""
    rows, plain, gave = scene.of_rows("value"), float(np.sum(scene.together.parts["value"])), float(np.sum(weighted))
    if scene.like(plain, gave) and _is_deaf(scene, plain):
        yield Finding("weights_ignored", _told(EFFECTS[1], "value", f": {number(plain)}"))
        return
    if rows is None or not any(scene.like(plain, total) for total in (rows.sum(), rows.mean())):
        yield from _by_repeating(scene)
        return
    for effect in EFFECTS:
        e = effect.effective(w)
        for name, divisor in DIVISORS.items():
            if scene.like(gave, float((e * rows).sum()) / divisor(w, e)):
                shares["value"] = name
                if effect.code is not None:
                    yield Finding(
                        effect.code,
                        _told(
                            effect,
                            "value",
                            f": it is {number(gave)}, and should be {number(float((w * rows).sum() / w.sum()))}",
                        ),
                    )
                elif name in TWICE:
                    yield Finding(
                        "denominator",
                        f"with weights the value is {number(gave)}: the sum over rows is divided by "
                        f"{name}; divide by the sum of the weights, once.",
                    )
                return
    yield Finding(
        "weights_misplaced",
        f"with weights the value is {number(gave)}; the weighted mean of the rows is "
        f"{number(float((w * rows).sum() / w.sum()))}, their weighted sum "
        f"{number(float((w * rows).sum()))}.",
    )


def _is_deaf(scene: Scene, plain: float) -> bool:
    """Whether very unequal weights change nothing either: a median may stay where it is under moderate ones."""
    for order in (1, -1):
        told = ask(scene.subject, scene.sample, np.geomspace(1e-3, 1e3, scene.rows)[::order])
        if "value" not in told.parts or not scene.like(plain, float(np.sum(told.parts["value"]))):
            return False
    return True


def _by_repeating(scene: Scene) -> Iterator[Finding]:
    """A weight of 2 is two equal rows, whatever the loss is."""
    w = np.where(np.arange(scene.rows) % 3 == 0, 2.0, 1.0)
    told, repeated = (
        ask(scene.subject, scene.sample, w),
        ask(scene.subject, scene.sample.rows(np.repeat(np.arange(scene.rows), w.astype(int)))),
    )
    if "value" not in told.parts or "value" not in repeated.parts:
        return
    gave, right = float(np.sum(told.parts["value"])), float(np.sum(repeated.parts["value"]))
    ratio = gave / right if right else 1.0
    fine = [1.0, w.mean(), np.sqrt(w.mean())]
    if not any(abs(ratio / f - 1.0) < 1e-3 for f in fine):
        yield Finding(
            "weights_misplaced",
            f"with a weight of 2 in every third row the value is {number(gave)}; with these rows "
            f"repeated it is {number(right)}.",
            "note",
        )


def _inconsistent(shares: Mapping[str, str]) -> Iterator[Finding]:
    """Value and gradient divided by different things as soon as there are weights."""
    named = {"the sum of the weights", "the number of rows"}
    value, gradient = shares.get("value"), shares.get("gradient")
    if value in named and gradient in named and value != gradient:
        yield Finding(
            "denominator",
            f"with weights the value is divided by {value} and the gradient by {gradient}; divide both by the same.",
        )
    if "hessian" in shares and gradient in named and shares["hessian"] in named and shares["hessian"] != gradient:
        yield Finding(
            "denominator",
            f"with weights the gradient is divided by {gradient} and the hessian by "
            f"{shares['hessian']}; divide both by the same.",
        )
