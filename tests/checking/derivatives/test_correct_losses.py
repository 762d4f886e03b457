"""No false alarm: losses of the catalogue as standalone NumPy code, and implementations as public libraries have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.checking.derivatives import look, recognise
from lossmith.checking.subject import Answer, Array, Subject
from tests.checking.derivatives.subjects import booster, numpy_pair, sigmoid, softmax
from tests.sampling import every

LOSSES = {
    "squared_error": {}, "half_squared_error": {}, "absolute_error": {}, "log_cosh": {}, "poisson": {}, "gamma": {},
    "huber": {"delta": (0.3, 2.5)}, "quantile": {"level": (0.05, 0.95)}, "expectile": {"level": (0.05, 0.95)},
    "student_t": {"degrees": (1.0, 9.0), "scale": (0.5, 2.0)}, "logistic": {"scale": (0.4, 2.0)},
    "gaussian": {"scale": (0.4, 3.0)},
    "tweedie": {"power": (1.1, 1.9)}, "negative_binomial": {"dispersion": (0.1, 3.0)},
    "zero_inflated_poisson": {"zero": (0.1, 0.9)},
    "binary_cross_entropy": {}, "brier": {}, "focal": {"gamma": (0.3, 5.0), "alpha": (0.1, 0.5)}, "rmse": {},
    "cross_entropy": {}, "softmax_focal": {"gamma": (0.3, 5.0)}, "label_smoothed_cross_entropy": {"epsilon": (0.02, 0.5)},
    "dice": {"smooth": (0.0, 3.0)}, "log_normal": {"sigma": (0.3, 3.0)},
}  # fmt: skip
"""Losses and the ranges of their parameters."""


def autograd(function: Callable[..., Any], kind: str = "real", *, takes: str = "raw", **more: Any) -> Subject:
    """A PyTorch function of (prediction, target), differentiated by PyTorch, in float32."""
    import torch

    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        raw = torch.tensor(z, requires_grad=True)
        value = function(raw, torch.tensor(y))
        value.sum().backward()
        gradient = np.zeros_like(z) if raw.grad is None else raw.grad.numpy()
        return Answer(value=value.detach().numpy(), gradient=gradient)

    gives = frozenset({"value", "gradient"})
    return Subject("f", "torch", kind, takes, call, gives, dtypes=("float32",), **more)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _code(name: str, parameters: tuple[tuple[str, float], ...]) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(ls.get(name, **dict(parameters)).source("numpy"), space)
    return space


def standalone(name: str, parameters: dict[str, float], dtype: str) -> Subject:
    """The generated code of a loss as a stranger's value and gradient, in the number format of the call."""
    code, kind = _code(name, tuple(parameters.items())), ls.get(name).target

    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        value, gradient = np.asarray(code["value"](y, z)), np.asarray(code["gradient"](y, z))
        return Answer(value=value.astype(dtype), gradient=gradient.astype(dtype))

    many = 3 if kind == "class" else 1
    form = "index" if kind == "class" else "number"
    gives = frozenset({"value", "gradient"})
    return Subject("f", "numpy", kind, "raw", call, gives, classes=many, target=form, dtypes=(dtype,))  # type: ignore[arg-type]


def faults(subject: Subject, reference: Any = None, seed: int = 0) -> list[str]:
    found = look(subject, recognise(subject, reference, seed), seed)
    return [f"{f.code}: {f.sentence}" for f in found if f.verdict == "fault"]


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_losses_of_the_catalogue_pass_and_are_recognised(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LOSSES)))
    parameters = {k: data.draw(st.floats(*ends)) for k, ends in LOSSES[name].items()}
    subject = standalone(name, parameters, data.draw(st.sampled_from(["float64", "float32"])))
    known = recognise(subject, None, 1)
    assert known is not None
    assert [f for f in look(subject, known, 1) if f.verdict == "fault"] == []
    assert faults(subject, ls.get(name, **parameters), seed=1) == []


def _softmax_objective(y: Array, z: Array, factor: float) -> tuple[Array, Array]:
    p = softmax(z)
    return p - np.eye(3)[y.astype(int)], factor * p * (1.0 - p)


def _tweedie(y: Array, z: Array, rho: float = 1.37) -> tuple[Array, Array]:
    a, b = y * np.exp((1 - rho) * z), np.exp((2 - rho) * z)
    return b - a, (2 - rho) * b - (1 - rho) * a


OBJECTIVES = {
    "lightgbm l2": booster(lambda y, z: (z - y, np.ones_like(z))),
    "lightgbm quantile": booster(lambda y, z: (np.where(z > y, 0.1, -0.9), np.ones_like(z))),
    "lightgbm l1": booster(lambda y, z: (np.sign(z - y), np.ones_like(z))),
    "lightgbm huber": booster(lambda y, z: (np.clip(z - y, -0.9, 0.9), np.ones_like(z))),
    "lightgbm fair": booster(lambda y, z: ((z - y) / (np.abs(z - y) + 1), 1 / (np.abs(z - y) + 1) ** 2)),
    "lightgbm poisson": booster(lambda y, z: (np.exp(z) - y, np.exp(z + 0.7)), "count"),
    "lightgbm gamma": booster(lambda y, z: (1 - y * np.exp(-z), y * np.exp(-z)), "positive"),
    "lightgbm tweedie": booster(_tweedie, "nonnegative"),
    "lightgbm mape": booster(lambda y, z: (np.sign(z - y) / np.maximum(1, np.abs(y)), 1 / np.maximum(1, np.abs(y)))),
    "lightgbm softmax": booster(lambda y, z: _softmax_objective(y, z, 1.5), "class", classes=3, target="index"),
    "xgboost softmax": booster(lambda y, z: _softmax_objective(y, z, 2.0), "class", classes=3, target="index"),
    "xgboost logistic": booster(
        lambda y, z: (sigmoid(z) - y, np.maximum(sigmoid(z) * (1 - sigmoid(z)), 1e-16)), "binary", form="xgboost"
    ),
    "xgboost pseudo-huber": booster(
        lambda y, z: ((z - y) / np.sqrt(1 + (z - y) ** 2), 1 / (1 + (z - y) ** 2) ** 1.5), form="xgboost"
    ),
    "catboost rmse": booster(lambda y, z: (y - z, -np.ones_like(z)), form="catboost"),
    "weighted log loss": booster(
        lambda y, z: ((sigmoid(z) - y) * (1 + 4 * y), sigmoid(z) * (1 - sigmoid(z)) * (1 + 4 * y)), "binary"
    ),
    "smoothed log loss": booster(lambda y, z: (sigmoid(z) - (0.9 * y + 0.05), sigmoid(z) * (1 - sigmoid(z))), "binary"),
    "epsilon in the log": numpy_pair(
        lambda y, p: -np.mean(y * np.log(p + 1e-7) + (1 - y) * np.log(1 - p + 1e-7)), kind="binary", takes="probability"
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", every(2, OBJECTIVES))
def test_objectives_as_libraries_have_them_pass(name: str, dtype: str) -> None:
    assert faults(replace(OBJECTIVES[name], dtypes=(dtype,))) == []


@pytest.mark.peers("torch")
def test_criteria_of_pytorch_pass() -> None:
    import torch

    F = torch.nn.functional
    weight = torch.tensor([1.0, 2.0, 0.5])
    classes: dict[str, Any] = {"kind": "class", "classes": 3, "target": "index"}
    subjects = [
        autograd(F.mse_loss), autograd(F.l1_loss), autograd(F.smooth_l1_loss), autograd(F.huber_loss),
        autograd(lambda z, y: F.smooth_l1_loss(z, y, beta=0.3)), autograd(lambda z, y: F.mse_loss(z, y).sqrt()),
        autograd(F.poisson_nll_loss, "count"), autograd(F.binary_cross_entropy_with_logits, "binary"),
        autograd(lambda z, y: F.binary_cross_entropy_with_logits(z, y, pos_weight=torch.tensor(3.0)), "binary"),
        autograd(F.binary_cross_entropy, "binary", takes="probability"),
        autograd(lambda z, y: F.soft_margin_loss(z, 2 * y - 1), "binary"),
        autograd(lambda z, y: F.relu(1 - (2 * y - 1) * z).mean(), "binary"),
        autograd(F.binary_cross_entropy_with_logits, "binary", classes=3, target="rows"),
        autograd(F.cross_entropy, **classes), autograd(F.cross_entropy, **{**classes, "target": "rows"}),
        autograd(lambda z, y: F.cross_entropy(z, y, weight=weight), **classes),
        autograd(lambda z, y: F.cross_entropy(z, y, label_smoothing=0.13), **classes),
        autograd(lambda z, y: (torch.abs(z - y) ** 1.5 + 0.1 * z**2).mean()),
    ]  # fmt: skip
    for subject in subjects:
        assert faults(subject) == []


@pytest.mark.peers("torch")
def test_a_term_that_is_detached_in_pytorch_is_named() -> None:
    import torch

    F = torch.nn.functional

    def focal(z: Any, y: Any) -> Any:
        p = torch.sigmoid(z)
        truth = (p * y + (1 - p) * (1 - y)).detach()
        return (F.binary_cross_entropy_with_logits(z, y, reduction="none") * (1 - truth) ** 2).mean()

    def dice(z: Any, y: Any) -> Any:
        p = torch.sigmoid(z)
        return 1 - (2 * (p * y).sum() + 1) / (p.sum().detach() + y.sum() + 1)

    for function in (focal, dice):
        assert [text.split(":")[0] for text in faults(autograd(function, "binary"))] == ["detached"]
