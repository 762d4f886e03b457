"""Losses as anyone would hand them over, for the tests: NumPy pairs, booster objectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossmith.checking.subject import Answer, Array, Subject

Both = Callable[[Array, Array], tuple[Any, Any]]


def numpy_pair(
    value: Callable[..., Any],
    gradient: Callable[..., Any] | None = None,
    kind: str = "real",
    *,
    takes: str = "raw",
    dtypes: tuple[str, ...] = ("float64", "float32"),
    **more: Any,
) -> Subject:
    """A value, and its gradient if there is one, as functions of (y, prediction)."""

    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        g = None if gradient is None else np.asarray(gradient(y, z))
        return Answer(value=np.asarray(value(y, z)), gradient=g)

    gives = frozenset({"value"} | ({"gradient"} if gradient else set()))
    return Subject("f", "numpy", kind, takes, call, gives, dtypes=dtypes, **more)  # type: ignore[arg-type]


def booster(
    objective: Both,
    kind: str = "real",
    *,
    form: str = "lightgbm",
    dtypes: tuple[str, ...] = ("float64", "float32"),
    **more: Any,
) -> Subject:
    """An objective of (y, raw) that gives gradient and hessian; of CatBoost, which climbs, with the opposite signs."""
    sign = -1.0 if form == "catboost" else 1.0

    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        g, h = objective(y, z)
        return Answer(gradient=sign * np.asarray(g), hessian=sign * np.asarray(h))

    gives = frozenset({"gradient", "hessian"})
    return Subject("f", form, kind, "raw", call, gives, dtypes=dtypes, curvature=True, **more)


def sigmoid(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def softmax(z: Array, axis: int = 1) -> Array:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))
