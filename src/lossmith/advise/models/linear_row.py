"""Predict with a linear model, NumPy alone: this file's text is embedded, as it is, in a study's `predict.py`.

Comes in: a model as plain data (read from JSON) and the encoded float64 matrix (n, p). Goes out: predictions on the
target's scale. It imports nothing of Lossmith. Products are added column by column, never by a matrix product, whose
rounding depends on the machine and on how many rows come at once.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np


def number_design(column: Mapping[str, Any], values: Any) -> Iterator[Any]:
    """Yield one number, filled where missing, kept within its limits, centred and scaled; then whether it was missing."""
    absent = np.isnan(values)
    known = np.where(absent, column["fill"], values)
    limited = np.minimum(np.maximum(known, column["low"]), column["high"])
    yield (limited - column["centre"]) / column["scale"]
    if column["missing"]:
        yield absent.astype(np.float64)


def category_design(column: Mapping[str, Any], values: Any) -> Iterator[Any]:
    """Yield 0 or 1 for each kept level; then whether the level is missing or unknown."""
    for level in column["levels"]:
        yield (values == level).astype(np.float64)
    if column["missing"]:
        yield np.isnan(values).astype(np.float64)


DESIGN_OF: dict[str, Callable[[Mapping[str, Any], Any], Iterator[Any]]] = {
    "number": number_design,
    "category": category_design,
}


def design_columns(design: Sequence[Mapping[str, Any]], matrix: Any) -> Iterator[Any]:
    """Yield the model's own columns (n,) one after the other, in the order of its weights."""
    for column in design:
        yield from DESIGN_OF[column["kind"]](column, np.array(matrix[:, column["position"]], dtype=np.float64))


def sigmoid_link(raw: Any) -> Any:
    """Return 1 / (1 + exp(-raw)) without an exponential that overflows."""
    small = np.exp(-np.abs(raw))
    return np.where(raw < 0, small, 1.0) / (1.0 + small)


def softmax_link(raw: Any) -> Any:
    """Return the shares of exp(raw) in each row."""
    grown = np.exp(raw - raw.max(axis=1, keepdims=True))
    total = np.zeros(len(raw))
    for k in range(raw.shape[1]):
        total = total + grown[:, k]
    return grown / total[:, None]


def probit_link(raw: Any) -> Any:
    """Return the normal distribution function."""
    return np.array([math.erfc(-z / math.sqrt(2.0)) / 2 for z in raw.ravel().tolist()]).reshape(raw.shape)


# From raw predictions to the target's scale.
LINK_OF: dict[str, Callable[[Any], Any]] = {
    "identity": lambda raw: raw,
    "sigmoid": sigmoid_link,
    "exp": np.exp,
    "softplus": lambda raw: np.maximum(raw, 0.0) + np.log1p(np.exp(-np.abs(raw))),
    "tanh": np.tanh,
    "cloglog": lambda raw: -np.expm1(-np.exp(raw)),
    "probit": probit_link,
    "softmax": softmax_link,
}


def raw_linear(model: Mapping[str, Any], matrix: Any) -> Any:
    """Return raw predictions: (n,), or (n, outputs) where the model has several outputs."""
    intercept = np.array(model["intercept"], dtype=np.float64)
    raw = np.zeros((len(matrix), *intercept.shape)) + intercept
    for values, weight in zip(design_columns(model["design"], matrix), model["weights"], strict=True):
        raw = raw + np.multiply.outer(values, np.array(weight, dtype=np.float64))
    return raw


def predict_linear(model: Mapping[str, Any], matrix: Any) -> Any:
    """Return predictions on the target's scale: (n,), or (n, outputs); `link` is a name, or one for each output."""
    raw, link = raw_linear(model, matrix), model["link"]
    with np.errstate(over="ignore", under="ignore"):
        if isinstance(link, str):
            return LINK_OF[link](raw)
        return np.column_stack([LINK_OF[name](raw[:, k].copy()) for k, name in enumerate(link)])
