"""Every row of the table names a planted fault, in float64 and float32, and is silent about the correct twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.derivatives import look, recognise
from lossmith.checking.subject import Array, Subject
from tests.checking.derivatives.subjects import booster, numpy_pair, sigmoid, softmax
from tests.sampling import every

Make = Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Planted:
    """A fault and its twin without it; `reference` names the loss that the user meant, where it must be told."""

    code: str
    wrong: Subject
    right: Subject
    reference: Any = None


def one_hot(y: Array, k: int = 3) -> Array:
    return np.eye(k)[y.astype(int)]


def rows_of(make: Make, kind: str = "real", **more: Any) -> Subject:
    return booster(make, kind, **more)


def logistic(slopes: Callable[[Array, Array], tuple[Any, Any]], **more: Any) -> Subject:
    """An objective of (y, p), p the sigmoid of the raw prediction."""
    return booster(lambda y, z: slopes(y, sigmoid(z)), "binary", **more)


def classes(slopes: Callable[[Array, Array], tuple[Any, Any]], **more: Any) -> Subject:
    return booster(slopes, "class", classes=3, target="index", **more)


def bce(y: Array, z: Array) -> Any:
    return np.mean(np.logaddexp(0.0, z) - y * z)


def f_order(a: Array) -> Array:
    return a.ravel(order="F").reshape(a.shape)


def softmax_objective(y: Array, z: Array, axis: int = 1) -> tuple[Array, Array]:
    p = softmax(z, axis)
    return p - one_hot(y), 1.5 * p * (1.0 - p)


def focal_weight(y: Array, p: Array) -> Array:
    return np.where(y == 1.0, 1.0 - p, p) ** 2


def focal_slope(y: Array, p: Array) -> Array:
    """The gradient of focal loss with gamma 2 by the raw prediction."""
    t, sign = np.where(y == 1.0, p, 1.0 - p), np.where(y == 1.0, 1.0, -1.0)
    return np.asarray(sign * (1.0 - t) ** 2 * (2.0 * t * np.log(t) + t - 1.0))


def focal_value(y: Array, z: Array, alpha: float = 0.5, turned: bool = False) -> Any:
    p = sigmoid(z)
    t = np.where(y == 1.0, p, 1.0 - p)
    weight = t if turned else 1.0 - t
    return np.mean(-np.where(y == 1.0, alpha, 1.0 - alpha) * weight**2 * np.log(t))


def mean_log_loss(y: Array, p: Array) -> Any:
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def clipped(z: Array) -> Array:
    return np.clip(z, 1e-6, 1 - 1e-6)


L2 = rows_of(lambda y, z: (z - y, np.ones_like(z)))
LOG = logistic(lambda y, p: (p - y, p * (1 - p)))
CAT = logistic(lambda y, p: (y - p, -p * (1 - p)), form="catboost")
SOFT = classes(softmax_objective)
MSE = numpy_pair(lambda y, z: np.mean((y - z) ** 2), lambda y, z: 2 * (z - y) / y.size)
MAE = numpy_pair(lambda y, z: np.mean(np.abs(y - z)), lambda y, z: np.sign(z - y) / y.size)
VALUE = numpy_pair(bce, lambda y, z: (sigmoid(z) - y) / y.size, "binary")
PROBABILITY = numpy_pair(mean_log_loss, kind="binary", takes="probability")
FOCAL = logistic(lambda y, p: (focal_slope(y, p), p * (1 - p)))
POISSON = rows_of(lambda y, z: (np.exp(z) - y, np.exp(z + 0.7)), "count")
PINBALL = rows_of(lambda y, z: (np.where(z > y, 0.1, -0.9), np.ones_like(z)))
ROOT = numpy_pair(
    lambda y, z: np.mean(np.abs(y - z) ** 1.5),
    lambda y, z: 1.5 * np.sqrt(np.abs(z - y)) * np.sign(z - y) / y.size,
)
CUBE = rows_of(lambda y, z: ((z - y) ** 3, 3 * (z - y) ** 2))


PLANTED = {
    "l2 turned round": Planted("gradient_sign", rows_of(lambda y, z: (y - z, np.ones_like(z))), L2),
    "log loss turned round": Planted("gradient_sign", logistic(lambda y, p: (y - p, p * (1 - p))), LOG),
    "numpy turned round": Planted(
        "gradient_sign", numpy_pair(lambda y, z: np.mean((y - z) ** 2), lambda y, z: 2 * (y - z) / y.size), MSE
    ),
    "catboost, both as they are": Planted(
        "catboost_sign", logistic(lambda y, p: (p - y, p * (1 - p)), form="catboost"), CAT
    ),
    "catboost, second only": Planted(
        "catboost_sign", logistic(lambda y, p: (y - p, p * (1 - p)), form="catboost"), CAT
    ),
    "minus the loss": Planted(
        "value_sign", numpy_pair(lambda y, z: -np.mean((y - z) ** 2), lambda y, z: -2 * (z - y) / y.size), MSE
    ),
    "half a gradient": Planted(
        "gradient_factor", numpy_pair(lambda y, z: np.mean((y - z) ** 2), lambda y, z: (z - y) / y.size), MSE
    ),
    "twice a gradient": Planted("gradient_factor", logistic(lambda y, p: (2 * (p - y), p * (1 - p))), LOG),
    "half a sum": Planted("value_factor", numpy_pair(lambda y, z: np.sum((y - z) ** 2) / 2), MSE, ls.get("mse")),
    "by p": Planted("gradient_of_probability", logistic(lambda y, p: ((p - y) / (p * (1 - p)), p * (1 - p))), LOG),
    "by p, both": Planted(
        "gradient_of_probability",
        logistic(lambda y, p: (-y / p + (1 - y) / (1 - p), y / p**2 + (1 - y) / (1 - p) ** 2)),
        LOG,
    ),
    "numpy by p": Planted(
        "gradient_of_probability",
        numpy_pair(bce, lambda y, z: (sigmoid(z) - y) / (sigmoid(z) * (1 - sigmoid(z))) / y.size, "binary"),
        VALUE,
    ),
    "rate by rate": Planted(
        "gradient_of_probability", rows_of(lambda y, z: (1 - y * np.exp(-z), y * np.exp(-2 * z)), "count"), POISSON
    ),
    "p alone": Planted("hessian_wrong", logistic(lambda y, p: (p - y, p)), LOG),
    "squared": Planted("hessian_wrong", logistic(lambda y, p: (p - y, (p * (1 - p)) ** 2)), LOG),
    "half a hessian": Planted("hessian_wrong", rows_of(lambda y, z: (z - y, 0.5 * np.ones_like(z))), L2),
    "gradient again": Planted("hessian_wrong", rows_of(lambda y, z: (np.exp(z) - y, np.exp(z) - y), "count"), POISSON),
    "a third of it": Planted("hessian_wrong", rows_of(lambda y, z: ((z - y) ** 3, (z - y) ** 2)), CUBE),
    "hessian below zero": Planted("hessian_negative", logistic(lambda y, p: (p - y, -p * (1 - p))), LOG),
    "no hessian": Planted(
        "hessian_zero", rows_of(lambda y, z: (np.where(z > y, 0.1, -0.9), np.zeros_like(z))), PINBALL
    ),
    "flat tails": Planted(
        "hessian_zero",
        rows_of(lambda y, z: (np.clip(z - y, -1, 1), (np.abs(z - y) <= 1) * 1.0)),
        rows_of(lambda y, z: (np.clip(z - y, -1, 1), np.ones_like(z))),
    ),
    "exact focal": Planted(
        "hessian_negative",
        booster(lambda y, z: (focal_slope(y, sigmoid(z)), _focal_curvature(y, z)), "binary", dtypes=("float64",)),
        FOCAL,
    ),
    "1 - p for p": Planted("probability_swapped", logistic(lambda y, p: ((1 - p) - y, p * (1 - p))), LOG),
    "log of the other": Planted(
        "probability_swapped",
        numpy_pair(lambda y, p: mean_log_loss(1 - y, p), kind="binary", takes="probability"),
        PROBABILITY,
    ),
    "focal turned": Planted(
        "probability_swapped",
        numpy_pair(lambda y, z: focal_value(y, z, turned=True), kind="binary"),
        numpy_pair(focal_value, kind="binary"),
    ),
    "alpha": Planted(
        "alpha_swapped",
        numpy_pair(lambda y, z: focal_value(y, z, 0.75), kind="binary"),
        numpy_pair(lambda y, z: focal_value(y, z, 0.25), kind="binary"),
        ls.get("focal", gamma=2, alpha=0.25),
    ),
    "written in F": Planted(
        "class_order", classes(lambda y, z: tuple(f_order(a) for a in softmax_objective(y, z))), SOFT
    ),  # type: ignore[arg-type,return-value]
    "read in F": Planted("class_order", classes(lambda y, z: softmax_objective(y, f_order(z))), SOFT),
    "over the rows": Planted("axis", classes(lambda y, z: softmax_objective(y, z, axis=0)), SOFT),
    "classes off by one": Planted("classes_swapped", classes(lambda y, z: softmax_objective((y + 1) % 3, z)), SOFT),
    "weight held": Planted(
        "detached", logistic(lambda y, p: ((p - y) * focal_weight(y, p), p * (1 - p) * focal_weight(y, p))), FOCAL
    ),
    "sigmoid twice": Planted(
        "probabilities_taken_for_logits", numpy_pair(lambda y, z: bce(y, sigmoid(z)), kind="binary"), VALUE
    ),
    "sigmoid on p": Planted(
        "probabilities_taken_for_logits", numpy_pair(bce, kind="binary", takes="probability"), PROBABILITY
    ),
    "no sigmoid": Planted(
        "logits_taken_for_probabilities",
        numpy_pair(lambda y, z: mean_log_loss(y, clipped(z)), kind="binary"),
        VALUE,
    ),
    "no sigmoid in a booster": Planted(
        "logits_taken_for_probabilities", booster(lambda y, z: (z - y, z * (1 - z)), "binary"), LOG
    ),
    "sides exchanged": Planted(
        "arguments_swapped",
        numpy_pair(lambda y, z: np.mean(np.exp(y - z) - (y - z) - 1)),
        numpy_pair(lambda y, z: np.mean(np.exp(z - y) - (z - y) - 1)),
        ls.parse("exp(z - y) - (z - y) - 1", target="real"),
    ),
    "level on the other side": Planted(
        "alpha_swapped",
        numpy_pair(lambda y, z: np.mean(np.maximum(0.9 * (z - y), 0.1 * (y - z)))),
        numpy_pair(lambda y, z: np.mean(np.maximum(0.9 * (y - z), 0.1 * (z - y)))),
        ls.get("quantile", level=0.9),
    ),
    "log of a sum": Planted(
        "one_hot_only",
        numpy_pair(
            lambda y, p: -np.mean(np.log((y * p).sum(1))), kind="class", takes="probability", classes=3, target="rows"
        ),
        numpy_pair(
            lambda y, p: -np.mean((y * np.log(p)).sum(1)), kind="class", takes="probability", classes=3, target="rows"
        ),
    ),
    "corner": Planted(
        "kink_slope",
        numpy_pair(
            lambda y, z: np.mean(np.abs(z - y)), lambda y, z: np.where(z > y, 1.0, np.where(z < y, -1.0, 2.0)) / y.size
        ),
        MAE,
    ),
    "corner of a booster": Planted(
        "kink_slope", rows_of(lambda y, z: (np.where(z > y, 0.1, np.where(z < y, -0.9, 0.5)), np.ones_like(z))), PINBALL
    ),
    "another loss's gradient": Planted(
        "gradient_wrong",
        numpy_pair(lambda y, z: np.mean((y - z) ** 2), lambda y, z: np.tanh(z - y) / y.size),
        MSE,
    ),
    "unknown, three times": Planted(
        "gradient_factor",
        numpy_pair(
            lambda y, z: np.mean(np.abs(y - z) ** 1.5),
            lambda y, z: 4.5 * np.sqrt(np.abs(z - y)) * np.sign(z - y) / y.size,
        ),
        ROOT,
    ),
    "unknown, turned round": Planted(
        "gradient_sign",
        numpy_pair(
            lambda y, z: np.mean(np.abs(y - z) ** 1.5),
            lambda y, z: -1.5 * np.sqrt(np.abs(z - y)) * np.sign(z - y) / y.size,
        ),
        ROOT,
    ),
    "unknown objective turned round": Planted(
        "gradient_sign", rows_of(lambda y, z: (-((z - y) ** 3), 3 * (z - y) ** 2)), CUBE
    ),
    "another value": Planted("value_wrong", numpy_pair(lambda y, z: np.mean(np.abs(y - z))), MSE, ls.get("mse")),
}


def _focal_curvature(y: Array, z: Array, step: float = 1e-4) -> Array:
    return (focal_slope(y, sigmoid(z + step)) - focal_slope(y, sigmoid(z - step))) / (2 * step)


def faults(subject: Subject, reference: Any) -> list[str]:
    known = recognise(subject, reference, seed=3)
    return [f.code for f in look(subject, known, seed=3) if f.verdict == "fault"]


CASES = [*((name, "float64") for name in PLANTED), *every(3, ((name, "float32") for name in PLANTED))]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_planted_fault_is_named_once(name: str, dtype: str) -> None:
    case = PLANTED[name]
    if dtype in case.wrong.dtypes:
        assert faults(replace(case.wrong, dtypes=(dtype,)), case.reference) == [case.code]


@pytest.mark.parametrize(("name", "dtype"), every(2, CASES))
def test_its_correct_twin_passes(name: str, dtype: str) -> None:
    case = PLANTED[name]
    assert faults(replace(case.right, dtypes=(dtype,)), case.reference) == []
