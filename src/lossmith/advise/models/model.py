"""Trained models behind one door: a matrix comes in, predictions before and after the link go out.

A model also knows the files that `predict.py` needs to say the same without Lossmith.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.models.plan import threads_to_predict

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """What a model says of some rows: raw and on the target's scale, (n,) or (n, classes or levels)."""

    raw: Floats
    y_pred: Floats

    def take(self, rows: NDArray[Any]) -> Prediction:
        """Only these rows."""
        return Prediction(self.raw[rows], self.y_pred[rows])


class Model(Protocol):
    """What every trained model can do."""

    def predict(self, matrix: Floats) -> Prediction:
        """Predict rows of the encoded matrix."""
        ...

    def files(self, name: str) -> dict[str, str]:
        """The texts that `predict.py` reads, by file name; `name` is the stem."""
        ...


@dataclass(frozen=True)
class Boosted:
    """Trees of LightGBM, their start and link inside."""

    booster: Any

    def predict(self, matrix: Floats) -> Prediction:
        """Predict rows twice, before and after the link, as the plain library does."""
        many = threads_to_predict(len(matrix))
        raw, y_pred = (self.booster.predict(matrix, raw_score=before, num_threads=many) for before in (True, False))
        return Prediction(np.asarray(raw), np.asarray(y_pred))

    def files(self, name: str) -> dict[str, str]:
        """One text of LightGBM."""
        return {f"{name}.txt": self.booster.model_to_string()}


@dataclass(frozen=True)
class Linear:
    """A linear model, see `lossmith.advise.models.linear`."""

    fitted: Any

    def predict(self, matrix: Floats) -> Prediction:
        """Predict rows before and after the link."""
        from lossmith.advise.models.linear_row import predict_linear

        y_pred = np.asarray(predict_linear(self.fitted.to_dict(), matrix))
        return Prediction(np.asarray(self.fitted.predict_raw(matrix)), y_pred)

    def files(self, name: str) -> dict[str, str]:
        """One text of JSON."""
        return {f"{name}.json": json.dumps(self.fitted.to_dict(), ensure_ascii=True, indent=1) + "\n"}


@dataclass(frozen=True)
class Several:
    """One model for each of several levels; their predictions stand side by side."""

    models: tuple[Model, ...]

    def predict(self, matrix: Floats) -> Prediction:
        """Predict (n, levels)."""
        each = [model.predict(matrix) for model in self.models]
        return Prediction(np.column_stack([p.raw for p in each]), np.column_stack([p.y_pred for p in each]))

    def files(self, name: str) -> dict[str, str]:
        """The files of all models, numbered."""
        return {
            file: text
            for place, model in enumerate(self.models, start=1)
            for file, text in model.files(f"{name}-{place}").items()
        }


# LightGBM's own objectives (version 4, Parameters.rst): catalogue name -> objective, and its parameters from ours.
OWN_OBJECTIVES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "squared_error": ("regression", {}),
    "half_squared_error": ("regression", {}),
    "absolute_error": ("regression_l1", {}),
    "huber": ("huber", {"delta": "alpha"}),
    "quantile": ("quantile", {"level": "alpha"}),
    "poisson": ("poisson", {}),
    "gamma": ("gamma", {}),
    "tweedie": ("tweedie", {"power": "tweedie_variance_power"}),
    "binary_cross_entropy": ("cross_entropy", {}),
    "cross_entropy": ("multiclass", {}),
}


def own_objective(loss_name: str, parameters: Mapping[str, float], kind: str, classes: int) -> dict[str, Any] | None:
    """Return LightGBM's parameters for its own objective of this loss, or None where it has none.

    >>> own_objective("quantile", {"level": 0.9}, "real", 0)
    {'objective': 'quantile', 'alpha': 0.9}
    """
    row = OWN_OBJECTIVES.get(loss_name)
    if row is None or not set(parameters) <= set(row[1]):
        return None
    name = "binary" if kind == "binary" and row[0] == "cross_entropy" else row[0]
    settings = {"objective": name} | {theirs: parameters[ours] for ours, theirs in row[1].items() if ours in parameters}
    return settings | ({"num_class": classes} if name == "multiclass" else {})
