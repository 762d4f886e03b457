"""The probes of numbers: each planted fault is named with its place, and its right twin is silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.derivatives import Known, recognise
from lossmith.checking.numbers import look
from lossmith.checking.subject import Array, Subject
from tests.checking.losses import booster, criterion, faults, generated, known_as, sigmoid, softmax, subject
from tests.sampling import every

COLUMNS = frozenset({"ordinal"})
"""Losses that want more columns than anyone's loss is given."""


def _log_loss(y: Array, p: Array) -> Any:
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))


def _bounded(e: float) -> Callable[[Array], Array]:
    return lambda p: np.clip(p, e, 1 - e)


def _right_log_loss(y: Array, z: Array) -> Any:
    return np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z))))


def _cross_entropy(y: Array, z: Array) -> Any:
    s = z - z.max(axis=1, keepdims=True)
    return -np.mean((s - np.log(np.exp(s).sum(axis=1, keepdims=True)))[np.arange(len(y)), y])


ROWS: dict[str, Any] = {"kind": "class", "classes": 3, "target": "rows"}
PLANTED: dict[str, tuple[Subject, str, str | None]] = {
    "log loss by probability": (subject(lambda y, z: _log_loss(y, sigmoid(z)), kind="binary"), "bce", "nan_region"),
    "log(1 + exp)": (
        subject(lambda y, z: np.mean(np.log(1 + np.exp(z)) - y * z), kind="binary"),
        "bce",
        "overflow_region",
    ),
    "exp / (1 + exp)": (
        booster(lambda y, z: (np.exp(z) / (1 + np.exp(z)) - y, np.exp(z) / (1 + np.exp(z)) ** 2), "binary"),
        "bce",
        "nan_region",
    ),
    "clipped probability": (
        subject(lambda y, z: _log_loss(y, _bounded(1e-7)(sigmoid(z))), kind="binary"),
        "bce",
        "dead_gradient",
    ),
    "epsilon in the logarithm": (
        subject(
            lambda y, z: np.mean(-y * np.log(sigmoid(z) + 1e-7) - (1 - y) * np.log(1 - sigmoid(z) + 1e-7)),
            kind="binary",
        ),
        "bce",
        "dead_gradient",
    ),
    "clipped gradient": (
        booster(lambda y, z: (np.where(np.abs(z) < 30, sigmoid(z) - y, 0), np.ones_like(z)), "binary"),
        "bce",
        "dead_gradient",
    ),
    "log(cosh)": (subject(lambda y, z: np.mean(np.log(np.cosh(z - y)))), "log_cosh", "overflow_region"),
    "softmax by exp": (
        subject(lambda y, z: -np.mean(np.sum(y * np.log(np.exp(z) / np.exp(z).sum(1, keepdims=True)), 1)), **ROWS),
        "cross_entropy",
        "nan_region",
    ),
    "clipped softmax": (
        subject(lambda y, z: -np.mean(np.sum(y * np.log(np.clip(softmax(z), 1e-7, 1)), 1)), **ROWS),
        "cross_entropy",
        "dead_gradient",
    ),
    "0 * log(0)": (subject(_log_loss, kind="binary", takes="probability"), "bce", "nan_at_perfect"),
    "0 * log(0) of classes": (
        subject(lambda y, p: -np.mean(np.sum(y * np.log(p), 1)), takes="probability", **ROWS),
        "cross_entropy",
        "nan_at_perfect",
    ),
    "slope of a root at 0": (
        subject(
            lambda y, z: (np.sqrt(np.mean((y - z) ** 2)), (z - y) / len(y) / np.sqrt(np.mean((y - z) ** 2))),
            ("value", "gradient"),
        ),
        "rmse",
        "nan_at_perfect",
    ),
    "no sigmoid": (subject(_log_loss, kind="binary"), "bce", "logits_taken_for_probabilities"),
    "digits beyond 10": (
        subject(lambda y, z: np.mean(np.where(np.abs(z) > 10, 1.01, 1.0) * (y - z) ** 2)),
        "mse",
        "inaccurate",
    ),
    "right log loss": (subject(_right_log_loss, kind="binary"), "bce", None),
    "right objective": (
        booster(lambda y, z: (sigmoid(z) - y, np.maximum(sigmoid(z) * (1 - sigmoid(z)), 1e-16)), "binary"),
        "bce",
        None,
    ),
    "right cross entropy": (subject(_cross_entropy, kind="class", classes=4, target="index"), "cross_entropy", None),
    "squared error": (
        subject(lambda y, z: (np.mean((y - z) ** 2), 2 * (z - y) / len(y)), ("value", "gradient")),
        "mse",
        None,
    ),
    "poisson": (subject(lambda y, z: np.mean(np.exp(z) - y * z), kind="count"), "poisson", None),
    "poisson objective": (booster(lambda y, z: (np.exp(z) - y, np.exp(z)), "count"), "poisson", None),
    "hinge": (subject(lambda y, z: np.mean(np.maximum(0, 1 - (2 * y - 1) * z)), kind="binary"), "hinge", None),
    "absolute error": (
        subject(lambda y, z: (np.mean(np.abs(y - z)), np.sign(z - y) / len(y)), ("value", "gradient")),
        "mae",
        None,
    ),
    "log loss bounded at the gap": (
        subject(
            lambda y, p: _log_loss(y, _bounded(float(np.finfo(p.dtype).eps))(p)), kind="binary", takes="probability"
        ),
        "bce",
        None,
    ),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("with_reference", [True, False])
def test_each_fault_is_named_and_right_ones_are_silent(name: str, with_reference: bool) -> None:
    of, reference, code = PLANTED[name]
    if not with_reference and code in ("inaccurate",):
        pytest.skip("without a reference nobody knows the truth")
    known = known_as(reference, of) if with_reference and reference in (*ls.names(), "bce", "mse", "mae") else None
    found = faults(look, of, known)
    assert set(found) == ({code} if code else set()), found


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("log loss by probability", (36.74, 16.64)),  # log(2**53), log(2**24): p rounds to 1
        ("log(1 + exp)", (709.8, 88.72)),  # the logarithm of the largest float
        ("exp / (1 + exp)", (709.8, 88.72)),
        ("clipped probability", (-16.12,)),  # log(1e7)
        ("clipped gradient", (-30,)),
        ("clipped softmax", (-15.06,)),  # log(1e7) less the logarithm of exp(0) + exp(0.5)... of the other classes
    ],
)
def test_the_border_is_told_to_four_digits(name: str, numbers: tuple[float, ...]) -> None:
    of, reference, code = PLANTED[name]
    sentence = faults(look, of, known_as(reference, of))[str(code)]
    told = [float(x) for x in re.findall(r"-?\d+\.?\d*", sentence)]
    if name == "clipped softmax":
        numbers = (-np.log(1e7) + np.log(np.exp(0.0) + np.exp(0.5)),)
    for number in numbers:
        assert min(abs(x - number) for x in told) <= 2e-3 * abs(number), sentence


def test_what_overflows_in_truth_is_no_fault_without_a_reference() -> None:
    exponential = subject(lambda y, z: np.mean(np.exp(-(2 * y - 1) * z)), kind="binary")
    assert faults(look, exponential) == {}
    assert faults(look, PLANTED["poisson"][0]) == {}


def test_beyond_practice_an_overflow_is_a_note() -> None:
    found = look(subject(lambda y, z: np.sqrt(np.mean((y - z) ** 2))), None, 0)
    assert {f.verdict for f in found} == {"note"} and "1.845e+19" in found[0].sentence


def test_a_wrong_derivative_is_not_taken_for_lost_digits() -> None:
    upside_down = subject(lambda y, z: (np.mean((y - z) ** 2), 2 * (y - z) / len(y)), ("value", "gradient"))
    assert faults(look, upside_down, known_as("mse", upside_down)) == {}


@pytest.mark.parametrize("name", every(2, [n for n in ls.names() if n not in COLUMNS]))
def test_no_false_alarm_on_standalone_code_of_the_catalogue(name: str) -> None:
    for of in generated(name):
        assert faults(look, of, known_as(name, of)) == {}


def test_few_calls_are_made() -> None:
    calls: list[int] = []

    def counted(y: Array, z: Array) -> Any:
        calls.append(1)
        return _log_loss(y, sigmoid(z))

    look(subject(counted, kind="binary"), None, 0)
    assert len(calls) <= 400


# Other libraries ------------------------------------------------------------------------------------------------------


def _torch_cases(torch: Any, dtype: str) -> dict[str, tuple[Subject, str | None]]:

    functional = torch.nn.functional

    def clamped(z: Any, y: Any) -> Any:
        p = torch.sigmoid(z).clamp(1e-5, 1 - 1e-5)
        return functional.binary_cross_entropy(p, y)

    def by_hand(z: Any, y: Any) -> Any:
        p = torch.sigmoid(z)
        return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()

    return {
        "by hand": (criterion(torch, by_hand, "binary", dtype), "nan_region"),
        "clamped": (criterion(torch, clamped, "binary", dtype), "dead_gradient"),
        "soft margin": (
            criterion(torch, lambda z, y: functional.soft_margin_loss(z, 2 * y - 1), "binary", dtype),
            "overflow_region",
        ),
        "rmse": (criterion(torch, lambda z, y: torch.sqrt(functional.mse_loss(z, y)), "real", dtype), "nan_at_perfect"),
        "bce": (criterion(torch, torch.nn.BCEWithLogitsLoss(), "binary", dtype), None),
        "bce of p": (criterion(torch, torch.nn.BCELoss(), "binary", dtype, takes="probability"), None),
        "ce": (criterion(torch, torch.nn.CrossEntropyLoss(), "class", dtype, classes=3, target="index"), None),
        "huber": (criterion(torch, torch.nn.HuberLoss(), "real", dtype), None),
        "smooth l1": (criterion(torch, torch.nn.SmoothL1Loss(), "real", dtype), None),
        "mse": (criterion(torch, torch.nn.MSELoss(), "real", dtype), None),
        "mae": (criterion(torch, torch.nn.L1Loss(), "real", dtype), None),
        "poisson": (criterion(torch, torch.nn.PoissonNLLLoss(), "count", dtype), None),
        "margins": (criterion(torch, torch.nn.MultiMarginLoss(), "class", dtype, classes=3, target="index"), None),
    }


@pytest.mark.peers("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for name, (of, code) in _torch_cases(torch, dtype).items():
        for known in (recognise(of, None), None):
            found = faults(look, of, known)
            assert set(found) == ({code} if code else set()), (name, found)


def test_metrics_of_scikit_learn() -> None:
    from sklearn import metrics

    for name, kind, takes in (
        ("mean_squared_error", "real", "raw"),
        ("mean_absolute_error", "real", "raw"),
        ("mean_pinball_loss", "real", "raw"),
        ("mean_poisson_deviance", "count", "probability"),
        ("mean_squared_log_error", "nonnegative", "probability"),
        ("brier_score_loss", "binary", "probability"),
    ):
        of = subject(getattr(metrics, name), kind=kind, takes=takes)
        assert faults(look, of, recognise(of, None)) == {}, name


def test_a_reference_that_is_only_a_guess_is_not_the_truth() -> None:
    of = subject(lambda y, z: np.mean((y - z) ** 2) if np.abs(z).max() < 5 else 0.0 * np.mean(z))
    guess = Known(ls.get("mse"), said="with something else")
    assert faults(look, of, guess) == {}
