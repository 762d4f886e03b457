"""Mutants for boosters: objectives and metrics of LightGBM, XGBoost and CatBoost, each with one fault.

Comes in: nothing. Goes out: `MUTANTS`.
"""

from __future__ import annotations

import numpy as np

from tests.checking.corpus.mutants_catboost import MUTANTS as OF_CATBOOST
from tests.checking.corpus.record import BINARY, CLASSES, FOCAL, SQUARED, loss, rows


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# LightGBM, yes or no -----------------------------------------------------------------------------------------------


def binary_sign(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return y - p, p * (1 - p)


def binary_twice_the_gradient(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return 2 * (p - y), p * (1 - p)


def binary_by_probability(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return -y / p + (1 - y) / (1 - p), y / p**2 + (1 - y) / (1 - p) ** 2


def binary_hessian_of_gradient(preds, train_data):
    grad = sigmoid(preds) - train_data.get_label()
    return grad, grad * (1 - grad)


def binary_hessian_squared(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return p - y, (p * (1 - p)) ** 2


def binary_hessian_negative(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    return p - y, -p * (1 - p)


def binary_sigmoid_of_minus(preds, train_data):
    y, p = train_data.get_label(), sigmoid(-preds)
    return p - y, p * (1 - p)


def binary_zeros_as_ones(preds, train_data):
    y, p = 1 - train_data.get_label(), sigmoid(preds)
    return p - y, p * (1 - p)


def binary_of_probabilities(preds, train_data):
    """Takes raw predictions for probabilities."""
    y = train_data.get_label()
    return preds - y, preds * (1 - preds)


def binary_clipped(preds, train_data):
    y, p = train_data.get_label(), sigmoid(preds)
    q = np.clip(p, 1e-7, 1 - 1e-7)
    return (q - y) / (q * (1 - q)) * p * (1 - p), p * (1 - p)


def binary_exp_over_exp(preds, train_data):
    y, p = train_data.get_label(), np.exp(preds) / (1 + np.exp(preds))
    return p - y, p * (1 - p)


def focal_constant_modulator(preds, train_data, gamma=2.0):
    y, p = train_data.get_label(), sigmoid(preds)
    modulator = np.where(y == 1, 1 - p, p) ** gamma
    return modulator * (p - y), modulator * p * (1 - p)


# LightGBM, weights -------------------------------------------------------------------------------------------------


def weights_on_gradient_only(preds, train_data):
    y, w, p = train_data.get_label(), train_data.get_weight(), sigmoid(preds)
    grad, hess = p - y, p * (1 - p)
    return (grad, hess) if w is None else (w * grad, hess)


def weights_twice(preds, train_data):
    y, w = train_data.get_label(), train_data.get_weight()
    w = np.ones_like(y) if w is None else w
    residual = w * (preds - y)
    return w * residual, w * w


def weights_backwards(preds, train_data):
    y, w = train_data.get_label(), train_data.get_weight()
    w = np.ones_like(y) if w is None else w[::-1]
    return w * (preds - y), w


def weights_read_only(preds, train_data):
    y, w, p = train_data.get_label(), train_data.get_weight(), sigmoid(preds)
    w = np.ones_like(y) if w is None else np.ones_like(w)
    return w * (p - y), w * p * (1 - p)


# LightGBM, numbers -------------------------------------------------------------------------------------------------


def absolute_hessian_zero(preds, train_data):
    return np.sign(preds - train_data.get_label()), np.zeros_like(preds)


def absolute_by_quotient(preds, train_data):
    r = preds - train_data.get_label()
    return r / np.abs(r), np.ones_like(r)


def quantile_sides_swapped(preds, train_data, alpha=0.9):
    y = train_data.get_label()
    return np.where(y > preds, alpha - 1, alpha), np.ones_like(preds)


def quantile_pushed_at_the_kink(preds, train_data, alpha=0.9):
    """Gives perfect rows a push, lest they stand still."""
    r = preds - train_data.get_label()
    grad = np.where(r < 0, -alpha, 1 - alpha)
    grad[r == 0] = 1.0
    return grad, np.ones_like(r)


def squared_in_place(preds, train_data):
    preds -= train_data.get_label()
    return preds, np.ones_like(preds)


def log_cosh_one_minus(preds, train_data):
    t = np.tanh(preds - train_data.get_label())
    return t, 1 - t**2


# LightGBM's scikit-learn interface ---------------------------------------------------------------------------------


def huber_without_sign(y_true, y_pred, delta=1.0):
    r = y_pred - y_true
    return np.where(np.abs(r) <= delta, r, delta), np.ones_like(r)


def squared_gradient_by_n(y_true, y_pred):
    return 2 * (y_pred - y_true) / len(y_true), 2 * np.ones_like(y_pred)


def squared_sign(y_true, y_pred):
    return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)


def poisson_without_exp(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_pred)


# LightGBM, classes -------------------------------------------------------------------------------------------------


def classes_in_rows_order(preds, train_data):
    y, p = train_data.get_label().astype(int), softmax(preds)
    grad, hess = p - np.eye(preds.shape[1])[y], 2 * p * (1 - p)
    return grad.ravel(), hess.ravel()


def classes_from_one(preds, train_data):
    y, p = train_data.get_label().astype(int), softmax(preds)
    return p - np.eye(preds.shape[1])[y - 1], 2 * p * (1 - p)


def classes_over_rows(preds, train_data):
    e = np.exp(preds - preds.max(axis=0))
    p = e / e.sum(axis=0)
    return p - np.eye(preds.shape[1])[train_data.get_label().astype(int)], 2 * p * (1 - p)


# XGBoost -----------------------------------------------------------------------------------------------------------


def xgb_classes_unshifted(predt, dtrain):
    e = np.exp(predt)
    p = e / e.sum(axis=1, keepdims=True)
    return p - np.eye(predt.shape[1])[dtrain.get_label().astype(int)], 2 * p * (1 - p)


def xgb_classes_hessian_negative(predt, dtrain):
    p = softmax(predt)
    return p - np.eye(predt.shape[1])[dtrain.get_label().astype(int)], p * (p - 1)


def xgb_classes_columns_order(predt, dtrain):
    p = softmax(predt)
    grad = p - np.eye(predt.shape[1])[dtrain.get_label().astype(int)]
    return grad.reshape((-1, 1), order="F"), (2 * p * (1 - p)).reshape((-1, 1), order="F")


def xgb_poisson_of_raw(predt, dtrain):
    y = dtrain.get_label()
    return 1 - y / predt, y / predt**2


def xgb_gamma_exponent(predt, dtrain):
    y = dtrain.get_label()
    return 1 - y * np.exp(predt), y * np.exp(predt)


def xgb_tweedie_hessian(predt, dtrain, rho=1.5):
    y = dtrain.get_label()
    a, b = y * np.exp((1 - rho) * predt), np.exp((2 - rho) * predt)
    return -a + b, (1 - rho) * a + (2 - rho) * b


def xgb_weights_divided(predt, dtrain):
    y, w = dtrain.get_label(), dtrain.get_weight()
    w = w if w.size else np.ones_like(y)
    return (predt - y) / w, 1 / w


def xgb_metric_weights_ignored(predt, dtrain):
    _ = dtrain.get_weight()
    return "mse", float(np.mean((predt - dtrain.get_label()) ** 2))


ABSOLUTE = {"kind": "real", "reference": "absolute_error"}
LEVEL = {"kind": "real", "reference": loss("quantile", level=0.9)}

OF_LIGHTGBM = rows(
    ("binary, sign", binary_sign, "gradient_sign", BINARY),
    ("binary, twice the gradient", binary_twice_the_gradient, "gradient_factor", BINARY),
    ("binary, by the probability", binary_by_probability, "gradient_of_probability", BINARY),
    ("binary, hessian of the gradient", binary_hessian_of_gradient, "hessian_negative|hessian_wrong", BINARY),
    ("binary, hessian squared", binary_hessian_squared, "hessian_wrong", BINARY),
    ("binary, hessian negative", binary_hessian_negative, "hessian_negative", BINARY),
    ("binary, sigmoid of minus z", binary_sigmoid_of_minus, "probability_swapped|classes_swapped", BINARY),
    ("binary, zeros as ones", binary_zeros_as_ones, "classes_swapped|probability_swapped", BINARY),
    ("binary, raw for probability", binary_of_probabilities, "logits_taken_for_probabilities|gradient_wrong", BINARY),
    ("binary, clipped", binary_clipped, "dead_gradient", BINARY),
    ("binary, exp over exp", binary_exp_over_exp, "nan_region|overflow_region", BINARY),
    ("focal, modulator as a constant", focal_constant_modulator, "gradient_wrong|detached",
     {"kind": "binary", "reference": FOCAL}),
    ("weights on the gradient only", weights_on_gradient_only, "weights_ignored", BINARY),
    ("weights twice", weights_twice, "weights_twice", SQUARED),
    ("weights backwards", weights_backwards, "weights_misplaced", SQUARED),
    ("weights read, not used", weights_read_only, "weights_ignored", BINARY),
    ("absolute, hessian zero", absolute_hessian_zero, "hessian_zero", ABSOLUTE),
    ("absolute, r / |r|", absolute_by_quotient, "nan_at_perfect|nan_region|kink_slope", ABSOLUTE),
    ("quantile, sides swapped", quantile_sides_swapped, "alpha_swapped|arguments_swapped", LEVEL),
    ("quantile, pushed at the kink", quantile_pushed_at_the_kink, "kink_slope", LEVEL),
    ("squared, in place", squared_in_place, "in_place", SQUARED),
    ("log-cosh, 1 - tanh**2", log_cosh_one_minus, "inaccurate|hessian_zero",
     {"kind": "real", "reference": "log_cosh"}),
    ("Huber without sign", huber_without_sign, "gradient_wrong", {"kind": "real", "reference": "huber"}),
    ("squared, gradient by n", squared_gradient_by_n, "denominator|gradient_factor|batch_split", SQUARED),
    ("squared, sign", squared_sign, "gradient_sign", SQUARED),
    ("Poisson without exp", poisson_without_exp, "gradient_wrong", {"kind": "count", "reference": "poisson"}),
    ("classes, order of rows", classes_in_rows_order, "class_order", CLASSES),
    ("classes, from one", classes_from_one, "classes_swapped|class_order", CLASSES),
    ("classes, softmax over rows", classes_over_rows, "axis", CLASSES),
    source="lightgbm",
)  # fmt: skip

OF_XGBOOST = rows(
    ("classes, unshifted exp", xgb_classes_unshifted, "nan_region|overflow_region", CLASSES),
    ("classes, hessian negative", xgb_classes_hessian_negative, "hessian_negative", CLASSES),
    ("classes, order of columns", xgb_classes_columns_order, "class_order", CLASSES),
    ("Poisson of the raw prediction", xgb_poisson_of_raw, "logits_taken_for_probabilities|gradient_of_probability",
     {"kind": "count", "reference": "poisson"}),
    ("gamma, sign of the exponent", xgb_gamma_exponent, "gradient_wrong", {"kind": "positive", "reference": "gamma"}),
    ("Tweedie, hessian", xgb_tweedie_hessian, "hessian_wrong|hessian_negative",
     {"kind": "nonnegative", "reference": "tweedie"}),
    ("divided by the weights", xgb_weights_divided, "weights_misplaced", SQUARED),
    ("metric without its weights", xgb_metric_weights_ignored, "weights_ignored", SQUARED),
    source="xgboost",
)  # fmt: skip

MUTANTS = (*OF_LIGHTGBM, *OF_XGBOOST, *OF_CATBOOST)
