"""Right objectives for LightGBM, XGBoost and CatBoost, and those that Lossmith hands to LightGBM.

Comes in: nothing. Goes out: `CORRECT`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.checking.corpus.record import BINARY, CLASSES, COUNTS, SQUARED, loss, made, rows


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def for_lightgbm(name: str, **parameters: Any) -> Callable[[], Any]:
    """The objective that Lossmith hands to LightGBM."""

    def make() -> Any:
        import lossmith as ls

        return ls.for_lightgbm(ls.get(name, **parameters)).objective

    return make


# LightGBM ----------------------------------------------------------------------------------------------------------


def lgb_binary(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return p - y, p * (1 - p)


def lgb_binary_weighted(preds, train_data):
    y, w, p = train_data.get_label(), train_data.get_weight(), sigmoid(preds)
    w = np.ones_like(y) if w is None else w
    return w * (p - y), w * p * (1 - p)


def lgb_binary_floored(preds, train_data):
    """A hessian above the true one: a bound on the curvature."""
    y, p = train_data.get_label(), sigmoid(preds)
    return p - y, np.maximum(p * (1 - p), 1e-16)


def lgb_squared(y_true, y_pred):
    return 2 * (y_pred - y_true), np.full_like(y_pred, 2.0)


def lgb_squared_weighted(y_true, y_pred, weight=None):
    w = np.ones_like(y_pred) if weight is None else weight
    return w * 2 * (y_pred - y_true), w * 2.0


def lgb_huber(preds, train_data, delta=1.0):
    r = preds - train_data.get_label()
    return np.clip(r, -delta, delta), np.ones_like(r)


def lgb_absolute(preds, train_data):
    return np.sign(preds - train_data.get_label()), np.ones_like(preds)


def lgb_quantile(preds, train_data, alpha=0.9):
    r = preds - train_data.get_label()
    return np.where(r >= 0, 1 - alpha, -alpha), np.ones_like(r)


def lgb_classes(preds, train_data):
    p = softmax(preds)
    return p - np.eye(preds.shape[1])[train_data.get_label().astype(int)], 2 * p * (1 - p)


def lgb_classes_by_columns(preds, train_data):
    p = softmax(preds)
    grad = p - np.eye(preds.shape[1])[train_data.get_label().astype(int)]
    return grad.ravel(order="F"), (preds.shape[1] / (preds.shape[1] - 1) * p * (1 - p)).ravel(order="F")


def lgb_metric(preds, eval_data):
    return "mae", float(np.mean(np.abs(preds - eval_data.get_label()))), False


# XGBoost -----------------------------------------------------------------------------------------------------------


def xgb_poisson(predt, dtrain):
    y, mu = dtrain.get_label(), np.exp(predt)
    return mu - y, mu


def xgb_gamma(predt, dtrain):
    ratio = dtrain.get_label() * np.exp(-predt)
    return 1 - ratio, ratio


def xgb_classes(predt, dtrain):
    p = softmax(predt)
    grad = p - np.eye(predt.shape[1])[dtrain.get_label().astype(int)]
    return grad.reshape(-1, 1), (2 * p * (1 - p)).reshape(-1, 1)


def xgb_squared_weighted(predt, dtrain):
    y, w = dtrain.get_label(), dtrain.get_weight()
    w = w if w.size else np.ones_like(y)
    return w * (predt - y), w


# CatBoost ----------------------------------------------------------------------------------------------------------


class CatLogloss:
    def calc_ders_range(self, approxes, targets, weights):
        found = []
        for i in range(len(targets)):
            e = math.exp(-abs(approxes[i]))
            p = (1.0 if approxes[i] >= 0 else e) / (1.0 + e)
            w = 1.0 if weights is None else weights[i]
            found.append((w * (targets[i] - p), -w * p * (1.0 - p)))
        return found


class CatSquared:
    def calc_ders_range(self, approxes, targets, weights):
        w = np.ones(len(targets)) if weights is None else np.asarray(weights)
        return list(zip(w * (np.asarray(targets) - np.asarray(approxes)), -w, strict=True))


class CatClasses:
    def calc_ders_multi(self, approxes, target, weight):
        e = np.exp(np.asarray(approxes) - np.max(approxes))
        p = e / e.sum()
        der1 = weight * (np.eye(len(p))[int(target)] - p)
        return list(der1), [list(row) for row in weight * (np.outer(p, p) - np.diag(p))]


class CatMetric:
    def is_max_optimal(self):
        return False

    def evaluate(self, approxes, target, weight):
        w = np.ones(len(target)) if weight is None else np.asarray(weight)
        return float(np.sum(w * (np.asarray(approxes[0]) - target) ** 2)), float(np.sum(w))

    def get_final_error(self, error, weight):
        return error / (weight + 1e-38)


HALF = {"kind": "real", "reference": "half_squared_error"}
LEVEL = {"kind": "real", "reference": loss("quantile", level=0.9)}

CORRECT = (
    *rows(
        ("binary", lgb_binary, "", BINARY),
        ("binary, unsaid", lgb_binary, "", {}),
        ("binary, weights", lgb_binary_weighted, "", BINARY),
        ("binary, hessian with a floor", lgb_binary_floored, "", BINARY),
        ("squared", lgb_squared, "", SQUARED),
        ("squared, weights", lgb_squared_weighted, "", SQUARED),
        ("Huber, hessian 1", lgb_huber, "", {"kind": "real", "reference": "huber"}),
        ("absolute, hessian 1", lgb_absolute, "", {"kind": "real", "reference": "absolute_error"}),
        ("quantile, hessian 1", lgb_quantile, "", LEVEL),
        ("classes", lgb_classes, "", CLASSES),
        ("classes, order of columns", lgb_classes_by_columns, "", CLASSES),
        ("metric", lgb_metric, "", {"kind": "real", "reference": "absolute_error"}),
        source="lightgbm",
    ),
    *rows(
        ("Poisson", xgb_poisson, "", COUNTS),
        ("gamma", xgb_gamma, "", {"kind": "positive", "reference": "gamma"}),
        ("classes", xgb_classes, "", CLASSES),
        ("half squared, weights", xgb_squared_weighted, "", HALF),
        source="xgboost",
    ),
    *rows(
        ("Logloss", CatLogloss(), "", BINARY),
        ("half squared", CatSquared(), "", HALF),
        ("MultiClass", CatClasses(), "", CLASSES),
        ("metric", CatMetric(), "", SQUARED),
        source="catboost",
    ),
    *made(
        ("for_lightgbm, binary_cross_entropy", for_lightgbm("binary_cross_entropy"), "", BINARY),
        ("for_lightgbm, cross_entropy", for_lightgbm("cross_entropy"), "", CLASSES),
        ("for_lightgbm, focal", for_lightgbm("focal", gamma=2.0), "",
         {"kind": "binary", "reference": loss("focal", gamma=2.0)}),
        ("for_lightgbm, quantile", for_lightgbm("quantile", level=0.9), "", LEVEL),
        ("for_lightgbm, poisson", for_lightgbm("poisson"), "", COUNTS),
        source="lossmith",
    ),
)  # fmt: skip
