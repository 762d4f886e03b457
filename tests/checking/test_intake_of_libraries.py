"""Objectives of boosters, criteria of PyTorch and functions of JAX are called as their libraries call them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.intake import intake
from lossmith.checking.intake.boosters import Labelled, LabelledForXgboost
from lossmith.checking.subject import Answer, Subject
from lossmith.errors import ArgumentError

Y = np.array([0.0, 1.0, 1.0, 0.0])
Z = np.array([-0.5, 0.25, 1.5, 2.0])
P = 1.0 / (1.0 + np.exp(-Z))
CLASSES = np.array([2, 0, 1, 1])
LOGITS = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 0.5], [1.0, 1.5, -0.5], [-2.0, 0.0, 1.0]])
SOFT = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
HOT = np.eye(3)[CLASSES]


def taken(thing: Any, **hints: Any) -> Subject:
    found = intake(thing, **hints)
    assert isinstance(found, Subject)
    return found


def asked(thing: Any, y: Any, z: Any, w: Any = None, **hints: Any) -> Answer:
    return taken(thing, **hints).call(y, z.copy(), w)


# Boosters ----------------------------------------------------------------------------------------------------


def lightgbm_binary(preds, train_data):
    y, p = train_data.get_label(), 1 / (1 + np.exp(-preds))
    g, h = p - y, p * (1 - p)
    w = train_data.get_weight()
    return (g, h) if w is None else (g * w, h * w)


def lightgbm_multi(preds, train_data):
    p = np.exp(preds - preds.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p - np.eye(preds.shape[1])[train_data.get_label().astype(int)], p * (1 - p)


def lightgbm_flat(preds, data):
    """As before 4.0: class after class."""
    y = data.get_label().astype(int)
    z = preds.reshape(-1, y.size).T if preds.ndim == 1 else None
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(z.shape[1])[y]).T.reshape(-1), (p * (1 - p)).T.reshape(-1)


def xgboost_multi(predt, dtrain):
    return tuple(part.reshape(-1, 1) for part in lightgbm_multi(predt, dtrain))


def either(predt, data):
    """No name tells the library, but only that of XGBoost has an empty array of weights."""
    assert data.get_weight().size == 0
    return lightgbm_multi(predt, data)


def lightgbm_metric(preds, eval_data):
    return "l1", np.mean(np.abs(preds - eval_data.get_label())), False


def xgboost_metric(predt, dtrain):
    w = dtrain.get_weight()
    return "rmse", float(np.sqrt(np.average((predt - dtrain.get_label()) ** 2, weights=w if w.size else None)))


@pytest.mark.parametrize(
    ("thing", "form", "kind", "classes", "weighted"),
    [
        (lightgbm_binary, "lightgbm", "binary", 1, True),
        (lightgbm_multi, "lightgbm", "class", 3, False),
        (lightgbm_flat, "lightgbm", "class", 3, False),
        (xgboost_multi, "xgboost", "class", 3, False),
        (either, "xgboost", "class", 3, False),
        (lightgbm_metric, "lightgbm", "real", 1, False),
        (xgboost_metric, "xgboost", "real", 1, True),
    ],
)
def test_objectives_of_a_data_set(thing: Any, form: str, kind: str, classes: int, weighted: bool) -> None:
    found = taken(thing)
    assert (found.form, found.kind, found.takes, found.classes) == (form, kind, "raw", classes)
    assert found.weighted is weighted


@pytest.mark.parametrize("thing", [lightgbm_multi, lightgbm_flat, xgboost_multi])
def test_each_library_lays_classes_out_in_its_own_order(thing: Any) -> None:
    found = asked(thing, CLASSES, LOGITS)
    np.testing.assert_allclose(found.gradient, SOFT - HOT, rtol=1e-12)
    np.testing.assert_allclose(found.hessian, SOFT * (1 - SOFT), rtol=1e-12)


def test_a_flat_gradient_in_the_order_of_c_is_mixed_up_for_lightgbm_as_lightgbm_would() -> None:
    def flattened(preds, train_data):
        return tuple(part.reshape(-1) for part in lightgbm_multi(preds, train_data))

    found = asked(flattened, CLASSES, LOGITS)
    np.testing.assert_allclose(found.gradient, (SOFT - HOT).reshape(-1).reshape((4, 3), order="F"), rtol=1e-12)


def test_weights_reach_an_objective() -> None:
    w = np.array([1.0, 2.0, 0.0, 3.0])
    np.testing.assert_allclose(asked(lightgbm_binary, Y, Z, w).gradient, w * (P - Y))


def test_the_data_set_is_what_the_libraries_hand_over() -> None:
    one, other = Labelled(Y, None), LabelledForXgboost(Y, None)
    assert one.get_weight() is None
    assert other.get_weight().size == 0 == other.get_float_info("weight").size
    assert one.num_data() == other.num_row() == 4
    assert one.get_field("label") is other.get_label() is Y
    assert LabelledForXgboost(Y, Z).get_weight() is Z


class Logloss:
    def calc_ders_range(self, approxes, targets, weights):
        found = []
        for i in range(len(targets)):
            p = 1 / (1 + np.exp(-approxes[i]))
            w = 1.0 if weights is None else weights[i]
            found.append((w * (targets[i] - p), -w * p * (1 - p)))
        return found


class Softmax:
    def calc_ders_multi(self, approx, target, weight):
        p = np.exp(np.array(approx) - max(approx))
        p /= p.sum()
        first = [weight * ((k == int(target)) - p[k]) for k in range(len(p))]
        second = [[-weight * p[j] * ((j == k) - p[k]) for k in range(len(p))] for j in range(len(p))]
        return first, second


class Accuracy:
    def is_max_optimal(self):
        return True

    def evaluate(self, approxes, target, weight):
        assert len(approxes) == 1
        right = sum((approxes[0][i] > 0) == (target[i] > 0.5) for i in range(len(target)))
        return right, len(target)

    def get_final_error(self, error, weight):
        return error / weight


def test_catboost_climbs_so_its_derivatives_are_turned_around() -> None:
    w = np.array([1.0, 2.0, 0.5, 3.0])
    for thing in (Logloss, Logloss()):
        found = taken(thing)
        assert (found.form, found.kind, found.takes, found.weighted) == ("catboost", "binary", "raw", True)
        given = found.call(Y, Z.copy(), w)
        np.testing.assert_allclose(given.gradient, w * (P - Y))
        np.testing.assert_allclose(given.hessian, w * P * (1 - P))


def test_of_the_matrix_of_catboost_the_diagonal_is_taken() -> None:
    found = asked(Softmax, CLASSES, LOGITS, np.array([1.0, 2.0, 1.0, 1.0]))
    w = np.array([[1.0], [2.0], [1.0], [1.0]])
    np.testing.assert_allclose(found.gradient, w * (SOFT - HOT), rtol=1e-12)
    np.testing.assert_allclose(found.hessian, w * SOFT * (1 - SOFT), rtol=1e-12)
    assert taken(Softmax()).kind == "class"


def test_a_metric_of_catboost_that_shall_be_high_is_turned_around() -> None:
    found = taken(Accuracy(), kind="binary")
    assert found.form == "catboost_metric"
    assert found.call(Y, Z.copy(), None).value == pytest.approx(-3 / 4)


# PyTorch and JAX ---------------------------------------------------------------------------------------------


@pytest.mark.peers("torch")
@pytest.mark.parametrize(
    ("name", "kind", "takes", "target", "formula"),
    [
        ("MSELoss", "real", "raw", "number", "mse"),
        ("HuberLoss", "real", "raw", "number", "huber"),
        ("BCELoss", "binary", "probability", "number", "bce"),
        ("BCEWithLogitsLoss", "binary", "raw", "number", "bce"),
        ("CrossEntropyLoss", "class", "raw", "index", "cross_entropy"),
        ("NLLLoss", "class", "probability", "index", "cross_entropy"),
        ("PoissonNLLLoss", "count", "raw", "number", "poisson"),
    ],
)
def test_criteria_of_pytorch(name: str, kind: str, takes: str, target: str, formula: str) -> None:
    import torch

    found = taken(getattr(torch.nn, name))
    assert (found.form, found.kind, found.takes, found.target) == ("torch", kind, takes, target)
    y, prediction = (CLASSES, LOGITS) if target == "index" else (Y, Z)
    prediction = {"raw": prediction, "probability": SOFT if target == "index" else P}[takes]
    given = found.call(y, prediction.copy(), None)
    truth = ls.get(formula, on="probability") if takes == "probability" else ls.get(formula)
    truth = truth.using("numpy")
    np.testing.assert_allclose(given.gradient, truth.gradient(y, prediction), rtol=1e-7)
    assert given.value == pytest.approx(truth.value(y, prediction))
    _, bend = truth.per_example_gradient_and_hessian(y, prediction)
    np.testing.assert_allclose(given.hessian, bend / len(y), rtol=1e-7, atol=1e-16)


@pytest.mark.peers("torch")
def test_modules_and_functions_of_the_user_in_pytorch() -> None:
    import torch

    class DiceLoss(torch.nn.Module):
        def forward(self, inputs, targets, smooth=1.0):
            p = torch.sigmoid(inputs)
            return 1 - (2 * (p * targets).sum() + smooth) / (p.sum() + targets.sum() + smooth)

    class NeedsMore(torch.nn.Module):
        def __init__(self, gamma):
            super().__init__()

        def forward(self, inputs, targets):
            return (inputs - targets).mean()

    def rows(logits, y):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="none")

    dice = asked(DiceLoss, Y, Z)
    assert dice.value == pytest.approx(ls.get("dice").value(Y, Z))
    assert dice.hessian.shape == (4,)
    assert taken(DiceLoss).call(np.zeros(600), np.zeros(600), None).hessian is None  # rows touch, and there are many
    assert (taken(rows).per_row, taken(rows).kind, taken(rows).takes) == (True, "binary", "raw")
    assert taken(torch.nn.functional.mse_loss).weighted
    with pytest.raises(ArgumentError, match="LM353 NeedsMore: the class wants arguments"):
        intake(NeedsMore)


@pytest.mark.peers("torch")
def test_what_a_criterion_does_to_its_inputs_shows() -> None:
    import torch

    def harsh(logits, target):
        target.mul_(0.5)
        logits.clamp_(-1, 1)
        return ((torch.sigmoid(logits) - target) ** 2).mean()

    y, z = Y.copy(), np.array([-3.0, 0.5, 2.0, 1.0])
    taken(harsh, kind="binary").call(y, z, None)
    assert y.tolist() == (0.5 * Y).tolist()
    assert z.tolist() == [-1.0, 0.5, 1.0, 1.0]


@pytest.mark.peers("jax", "optax")
def test_functions_of_jax_in_either_order() -> None:
    import jax.numpy as jnp
    import optax

    def mse(y, z):
        return jnp.mean((y - z) ** 2)

    found = taken(mse)
    assert (found.form, found.kind, found.dtypes) == ("jax", "real", ("float32",))
    given = found.call(Y.astype(np.float32), Z.astype(np.float32), None)
    np.testing.assert_allclose(given.gradient, (Z - Y) / 2, rtol=1e-6)
    np.testing.assert_allclose(given.hessian, np.full(4, 0.5), rtol=1e-6)
    several = taken(optax.softmax_cross_entropy_with_integer_labels)
    assert (several.kind, several.takes, several.target, several.per_row) == ("class", "raw", "index", True)
    given = several.call(CLASSES, LOGITS.astype(np.float32), None)
    np.testing.assert_allclose(given.gradient, SOFT - HOT, rtol=2e-6)
    np.testing.assert_allclose(given.hessian, SOFT * (1 - SOFT), rtol=2e-6)


@pytest.mark.peers("jax")
def test_a_function_of_jax_that_cannot_be_compiled_is_run_as_it_is() -> None:
    import jax.numpy as jnp

    def branches(y, z):
        return jnp.where(float(y[0]) > 5.0, 2.0, 1.0) * jnp.mean((y - z) ** 2)

    given = asked(branches, np.float32([9.0, 0.0]), np.float32([1.0, 1.0]), kind="real")
    np.testing.assert_allclose(given.gradient, [-16.0, 2.0])
