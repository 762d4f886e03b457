"""Objectives and metrics of CatBoost, known by their methods, without that package.

Comes in: an object or a class. Goes out: `Opened`. CatBoost climbs: its objectives give derivatives of minus the loss.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lossmith.checking.intake.code import title
from lossmith.checking.intake.hints import Bind, CallError, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.intake.plain import instance, rather_classes
from lossmith.checking.intake.returned import ShapeError, WayError, answer, finding_of
from lossmith.checking.subject import Answer, Array, Call
from lossmith.errors import ArgumentError

OBJECTIVE: Final = ("calc_ders_range", "calc_ders_multi")
METRIC: Final = ("evaluate", "get_final_error")
BOTH: Final = frozenset({"gradient", "hessian"})


def is_objective(thing: Any) -> bool:
    """Whether it has a method by which CatBoost asks for derivatives."""
    return any(callable(getattr(thing, name, None)) for name in OBJECTIVE)


def is_metric(thing: Any) -> bool:
    """Whether it has the methods by which CatBoost asks for a metric."""
    return all(callable(getattr(thing, name, None)) for name in METRIC)


def _made(thing: Any) -> Any:
    try:
        return instance(thing)
    except TypeError as error:
        raise ArgumentError(
            "LM353", f"{title(thing)}: the class wants arguments ({error}). Give an object that is made with them."
        ) from None
    except Exception as error:
        raise CallError(title(thing), finding_of(error, "no arguments, to make an object")) from None


def open_objective(thing: Any, hints: Hints) -> Opened:
    """One number a row through `calc_ders_range`, several through `calc_ders_multi`."""
    made, name = _made(thing), title(thing)
    binds = {"calc_ders_range": _bind_range, "calc_ders_multi": _bind_multi}
    ways = tuple(
        Way("catboost", bind(made), weighted=True, gives=BOTH, curvature=True, says=hints.takes or "raw")
        for method, bind in binds.items()
        if callable(getattr(made, method, None))
    )
    return Opened(name, ways, rather_classes(made, name))


def _bind_range(made: Any) -> Bind:
    def bind(layout: Layout) -> Call:
        if layout.classes > 1:
            raise WayError("calc_ders_range is of one number a row")

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            returned = made.calc_ders_range(prediction, y_true, sample_weight)
            found = np.asarray(list(returned), dtype=np.float64)
            if found.shape != (prediction.shape[0], 2):
                raise ShapeError(
                    f"calc_ders_range returns numbers of shape {found.shape} for {prediction.shape[0]} rows, "
                    "not two for each row"
                )
            return Answer(gradient=-found[:, 0], hessian=-found[:, 1])

        return call

    return bind


def _bind_multi(made: Any) -> Bind:
    def bind(layout: Layout) -> Call:
        if layout.classes == 1 or layout.target == "rows":
            raise WayError("calc_ders_multi is of several numbers a row and one class number")

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            weights = np.ones(y_true.shape[0]) if sample_weight is None else sample_weight
            rows = [made.calc_ders_multi(p, y, w) for p, y, w in zip(prediction, y_true, weights, strict=True)]
            return _of_rows(rows, prediction.shape)

        return call

    return bind


def _of_rows(rows: list[Any], shape: tuple[int, ...]) -> Answer:
    if not all(isinstance(row, tuple | list) and len(row) == 2 for row in rows):
        raise ShapeError("calc_ders_multi returns something else than a list and a matrix")
    parts = [np.asarray([row[i] for row in rows], dtype=np.float64) for i in (0, 1)]
    found = answer(parts, ("gradient", "hessian"), shape, "exact")
    assert found.gradient is not None and found.hessian is not None
    return Answer(gradient=-found.gradient, hessian=-found.hessian)


def open_metric(thing: Any, hints: Hints) -> Opened:
    """`evaluate` gives a sum and a weight, `get_final_error` the number; where higher is better, times -1."""
    made, name = _made(thing), title(thing)
    way = Way("catboost_metric", _bind_metric(made), weighted=True, says=hints.takes or "raw")
    return Opened(name, (way,), rather_classes(made, name))


def _bind_metric(made: Any) -> Bind:
    sign = -1.0 if callable(getattr(made, "is_max_optimal", None)) and made.is_max_optimal() else 1.0

    def bind(layout: Layout) -> Call:
        if layout.target == "rows":
            raise WayError("a metric of CatBoost takes one label for each row")

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            columns = [prediction] if prediction.ndim == 1 else list(prediction.T)
            total, weight = made.evaluate(columns, y_true, sample_weight)
            found = np.asarray(made.get_final_error(total, weight), dtype=np.float64)
            return answer([sign * found], ("value",), prediction.shape)

        return call

    return bind
