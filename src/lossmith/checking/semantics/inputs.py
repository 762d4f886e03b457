"""What a loss does with its inputs: whether it changes them, which shapes it gives back, which valid input it refuses.

Comes in: a `Scene`. Goes out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.semantics.asking import Sample, Scene, Told, ask, ask_as_it_is, number
from lossmith.checking.subject import Array

WRONG_SHAPE: Final = "WrongShape"
"""The name of the error that intake raises for what has a wrong shape."""


def look_for_changes(scene: Scene) -> list[Finding]:
    """The arrays that were handed over must be the same afterwards."""
    given = {"the targets": scene.sample.y.copy(), "the predictions": scene.sample.prediction.copy()}
    weight = np.linspace(0.5, 2.0, scene.rows).astype(scene.subject.dtypes[0]) if scene.subject.weighted else None
    if weight is not None:
        given["the weights"] = weight
    before = {name: array.copy() for name, array in given.items()}
    ask_as_it_is(scene.subject, given["the targets"], given["the predictions"], weight)
    for name, array in given.items():
        if not np.array_equal(array, before[name], equal_nan=array.dtype.kind == "f"):
            with np.errstate(all="ignore"):
                i = int(np.argmax(np.ravel(array != before[name])))
            said = (
                f"after a call {name} are others: {number(np.ravel(before[name])[i])} has become "
                f"{number(np.ravel(array)[i])}. Work on a copy."
            )
            return [Finding("in_place", said)]
    return []


def look_at_shapes(scene: Scene) -> list[Finding]:
    """Value, gradient and hessian have the right shape, however many rows there are."""
    for rows in (scene.rows, 1):
        sample = scene.sample.rows(slice(0, rows))
        told = ask(scene.subject, sample)
        if told.error is not None and type(told.error).__name__ == WRONG_SHAPE:
            return [Finding("wrong_shape", f"{told.error}.")]
        for part, found in told.parts.items():
            if found.shape not in _right_shapes(part, sample.prediction.shape):
                said = f"the {part} has shape {found.shape} for predictions of shape {sample.prediction.shape}."
                return [Finding("wrong_shape", said)]
    return []


def _right_shapes(part: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    if part == "value":
        return ((), (1,), shape[:1], (shape[0], 1), shape)
    return (shape, (int(np.prod(shape)),), (*shape, 1))


# Valid input ----------------------------------------------------------------------------------------------------------


def _single(scene: Scene) -> Told:
    return next((told for told in scene.alone if told.error is not None), scene.alone[0])


def _one_class(scene: Scene) -> Told:
    y = np.broadcast_to(scene.sample.y[:1], scene.sample.y.shape).copy()
    return ask(scene.subject, Sample(y, scene.sample.prediction))


def _with_gaps(scene: Scene) -> Told:
    y, z = (np.repeat(a, 2, axis=0)[::2] for a in (scene.sample.y, scene.sample.prediction))
    return ask_as_it_is(scene.subject, y, z)


def _whole_numbers(scene: Scene) -> Told:
    y = scene.sample.y
    return (
        ask(scene.subject, Sample(y.astype(np.int64), scene.sample.prediction))
        if np.array_equal(y, np.rint(y))
        else Told({})
    )


def _empty(scene: Scene) -> Told:
    return ask(scene.subject, scene.sample.rows(slice(0, 0)))


VALID: Final[Mapping[str, tuple[Callable[[Scene], Told], bool]]] = {
    "rows that all have the same target": (_one_class, False),
    "a single row": (_single, True),
    "arrays with gaps in memory (every second row of a larger one)": (_with_gaps, True),
    "targets that are whole numbers (int64)": (_whole_numbers, False),
    "no rows at all": (_empty, False),
}
"""Valid input, and whether refusing it is a fault (or worth knowing only); a later one is not told if it was refused
for an earlier cause."""


def look_at_valid_input(scene: Scene) -> list[Finding]:
    """What raises although nothing is wrong with it."""
    if scene.together.error is not None:
        return []
    for name, (call, is_fault) in VALID.items():
        if scene.subject.form in COMPILED and not is_fault:
            continue
        error = call(scene).error
        if error is not None and type(error).__name__ != WRONG_SHAPE:
            text = " ".join(str(error).split())[:160]
            return [
                Finding(
                    "raises", f"with {name} it raises {type(error).__name__}: {text}", "fault" if is_fault else "note"
                )
            ]
    return []


COMPILED: Final = frozenset({"jax"})
"""Forms that are compiled for every shape and format: there, what is only worth knowing is not worth the wait."""


# Columns --------------------------------------------------------------------------------------------------------------


def look_at_columns(scene: Scene) -> list[Finding]:
    """Targets (n,) and predictions (n, 1), as networks put them out: an error, or the right number."""
    subject = scene.subject
    if subject.classes > 1 or "value" not in subject.gives or "value" not in scene.together.parts:
        return []
    y, z = scene.sample.y, scene.sample.prediction
    for pair, shapes in (
        ((y, z[:, None]), "y_true (n,) and predictions (n, 1)"),
        ((y[:, None], z), "y_true (n, 1) and predictions (n,)"),
    ):
        told = ask(subject, Sample(*pair))
        sentence = _spread(scene, told, shapes)
        if sentence:
            return [Finding("broadcasting", sentence, "note")]
    return []


def _spread(scene: Scene, told: Told, shapes: str) -> str:
    """What went wrong, in words; empty where it is right, an error, or told by a warning of its own."""
    right = scene.together.parts["value"]
    if type(told.error).__name__ == WRONG_SHAPE:
        return f"with {_sized(shapes, scene.rows)} {told.error}: compare the shapes and refuse unequal ones."
    if "value" not in told.parts or told.warned or not np.isfinite(right).all():
        return ""
    gave = told.parts["value"]
    sides: list[Array] = [right, np.asarray(right.sum()), np.asarray(right.mean())]
    if gave.size == right.size and any(
        scene.like(gave.reshape(side.shape), side) for side in sides if side.size == gave.size
    ):
        return ""
    number_or_shape = number(float(gave.ravel()[0])) if gave.size == 1 else f"an array of shape {gave.shape}"
    expected = number(float(right.ravel()[0])) if right.size == 1 else f"an array of shape {right.shape}"
    return (
        f"with {_sized(shapes, scene.rows)} it gives {number_or_shape} without a word; the right one is "
        f"{expected}. Compare the shapes and refuse unequal ones."
    )


def _sized(shapes: str, rows: int) -> str:
    return shapes.replace("(n", f"({rows}")
