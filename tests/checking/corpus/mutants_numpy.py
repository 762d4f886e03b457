"""Mutants in NumPy: functions (y, prediction) that give a value, each with one fault that people really make.

Comes in: nothing. Goes out: `MUTANTS`.
"""

from __future__ import annotations

import numpy as np

from tests.checking.corpus.record import (
    BINARY,
    CLASSES,
    COUNTS,
    FOCAL,
    FOCAL_ALPHA,
    HINGE,
    SQUARED,
    UNDER_COSTS,
    loss,
    rows,
)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# yes or no ---------------------------------------------------------------------------------------------------------


def log_loss_swapped(y, p):
    return -np.mean(y * np.log(1 - p) + (1 - y) * np.log(p))


def log_loss_without_minus(y, p):
    return np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def log_loss_ones_only(y, p):
    return -np.mean(y * np.log(p))


def log_loss_naive(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def log_loss_softplus_naive(y, z):
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def log_loss_clipped(y, z):
    p = np.clip(sigmoid(z), 1e-7, 1 - 1e-7)
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))


def log_loss_of_raw(y, z):
    eps = 1e-12
    return -np.mean(y * np.log(z + eps) + (1 - y) * np.log(1 - z + eps))


def log_loss_sigmoid_twice(y, p):
    q = sigmoid(p)
    return -np.mean(y * np.log(q) + (1 - y) * np.log(1 - q))


def log_loss_base_two(y, p):
    eps = 1e-300
    return -np.mean(y * np.log2(p + eps) + (1 - y) * np.log2(1 - p + eps))


def log_loss_clips_in_place(y, p):
    np.clip(p, 1e-15, 1 - 1e-15, out=p)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def log_loss_balanced_by_batch(y, p):
    positive = max(y.mean(), 1e-9)
    w = np.where(y == 1, 0.5 / positive, 0.5 / max(1 - positive, 1e-9))
    return np.mean(w * -(y * np.log(p) + (1 - y) * np.log(1 - p)))


def focal_alpha_swapped(y, p, gamma=2.0, alpha=0.25):
    eps = 1e-12
    positives = -(1 - alpha) * (1 - p) ** gamma * y * np.log(p + eps)
    negatives = -alpha * p**gamma * (1 - y) * np.log(1 - p + eps)
    return np.mean(positives + negatives)


def focal_alpha_on_both(y, p, gamma=2.0, alpha=0.25):
    pt = np.where(y == 1, p, 1 - p)
    return np.mean(-alpha * (1 - pt) ** gamma * np.log(pt + 1e-12))


def focal_modulator_swapped(y, p, gamma=2.0):
    pt = np.where(y == 1, p, 1 - p)
    return np.mean(-(pt**gamma) * np.log(pt + 1e-12))


def hinge_without_margin(y, z):
    return np.mean(np.maximum(0, -(2 * y - 1) * z))


# numbers -----------------------------------------------------------------------------------------------------------


def mse_half(y, p):
    return 0.5 * np.mean((y - p) ** 2)


def mse_n_minus_one(y, p):
    return np.sum((y - p) ** 2) / (len(y) - 1)


def mse_column(y, p):
    y = y.reshape(-1, 1)
    return np.mean((y - p) ** 2)


def mse_in_place(y, p):
    p -= y
    p *= p
    return p.mean()


def mse_expanded(y, p):
    return np.mean(y**2) - 2 * np.mean(y * p) + np.mean(p**2)


def mse_by_spread(y, p):
    return np.mean((y - p) ** 2) / np.var(y)


def mse_prints(y, p):
    error = np.mean((y - p) ** 2)
    print("loss:", error)
    return error


def mae_without_abs(y, p):
    return np.mean(y - p)


def rmse_inside(y, p):
    return np.mean(np.sqrt((y - p) ** 2))


def huber_without_offset(y, p, delta=1.0):
    r = np.abs(y - p)
    return np.mean(np.where(r <= delta, 0.5 * r**2, delta * r))


def quantile_swapped(y, p, q=0.9):
    e = p - y
    return np.mean(np.maximum(q * e, (q - 1) * e))


def costs_swapped(y, p):
    return np.mean(np.where(y > p, 1, 5) * np.abs(y - p))


def log_cosh_naive(y, p):
    return np.mean(np.log(np.cosh(p - y)))


def pseudo_huber_naive(y, p):
    return np.mean(np.sqrt(1 + (y - p) ** 2) - 1)


# counts and amounts ------------------------------------------------------------------------------------------------


def poisson_of_raw(y, z):
    return np.mean(z - y * np.log(z))


def poisson_mean_naive(y, mu):
    return np.mean(mu - y * np.log(mu))


def gamma_inverted(y, mu):
    return np.mean(np.log(mu) + mu / y)


def tweedie_sign(y, z, rho=1.5):
    a = y * np.exp(z * (1 - rho)) / (1 - rho)
    b = np.exp(z * (2 - rho)) / (2 - rho)
    return np.mean(a + b)


def negative_binomial_shares_swapped(y, z, k=1.0):
    from scipy.special import gammaln

    mu = np.exp(z)
    log_choices = gammaln(y + k) - gammaln(y + 1) - gammaln(k)
    return -np.mean(log_choices + y * np.log(k / (mu + k)) + k * np.log(mu / (mu + k)))


# classes -----------------------------------------------------------------------------------------------------------


def cross_entropy_unshifted(y, z):
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.mean(np.sum(y * np.log(p), axis=1))


def cross_entropy_wrong_axis(y, z):
    e = np.exp(z - z.max(axis=0))
    p = e / e.sum(axis=0)
    return -np.mean(np.sum(y * np.log(p), axis=1))


def cross_entropy_one_hot_only(y, p):
    return -np.mean(np.log(np.sum(y * p, axis=1)))


def cross_entropy_all_elements(y, z):
    return -np.mean(y * np.log(softmax(z) + 1e-300))


def cross_entropy_softmax_twice(y, p):
    return -np.mean(np.sum(y * np.log(softmax(p)), axis=1))


def cross_entropy_summed_down(y, p):
    return -np.sum(y * np.log(p), axis=0)


def smoothing_on_the_wrong_class(y, z, epsilon=0.1):
    y = y * epsilon + (1 - epsilon) / y.shape[1]
    return -np.mean(np.sum(y * np.log(softmax(z)), axis=1))


def kl_swapped(y, p):
    return np.mean(np.sum(p * np.log(p / y), axis=1))


def kl_naive(y, p):
    return np.mean(np.sum(y * np.log(y / p), axis=1))


# overlap -----------------------------------------------------------------------------------------------------------


def dice_without_two(y, p, smooth=1.0):
    return 1 - (np.sum(y * p) + smooth) / (np.sum(y) + np.sum(p) + smooth)


def dice_empty(y, p):
    return 1 - 2 * np.sum(y * p) / (np.sum(y) + np.sum(p))


def tversky_swapped(y, p, alpha=0.3, beta=0.7, smooth=1.0):
    tp, fp, fn = np.sum(y * p), np.sum((1 - y) * p), np.sum(y * (1 - p))
    return 1 - (tp + smooth) / (tp + alpha * fn + beta * fp + smooth)


# weights -----------------------------------------------------------------------------------------------------------


def weighted_mse_ignored(y, p, sample_weight=None):
    return np.mean((y - p) ** 2)


def weighted_mse_twice(y, p, sample_weight=None):
    w = np.ones(len(y)) if sample_weight is None else sample_weight
    return np.average(w * (y - p) ** 2, weights=w)


def weighted_mse_sorted(y, p, sample_weight=None):
    order = np.argsort(y)
    return np.average(((y - p) ** 2)[order], weights=sample_weight)


def weighted_mse_mean_by_sum(y, p, sample_weight=None):
    w = np.ones(len(y)) if sample_weight is None else sample_weight
    return np.mean(w * (y - p) ** 2) / np.sum(w)


P, RAW = {"takes": "probability"}, {"takes": "raw"}
OVERLAP = {"kind": "binary", "takes": "probability"}

MUTANTS = rows(
    ("log loss, p and 1 - p swapped", log_loss_swapped, "probability_swapped|classes_swapped", BINARY | P),
    ("log loss without its minus", log_loss_without_minus, "value_sign", BINARY | P),
    ("log loss, the ones only", log_loss_ones_only, "value_wrong|one_hot_only", BINARY | P),
    ("log loss, plain logarithms", log_loss_naive, "nan_at_perfect", {"kind": "binary"} | P),
    ("log loss, log(1 + exp(z))", log_loss_softplus_naive, "overflow_region", {"kind": "binary"} | RAW),
    ("log loss, clipped probability", log_loss_clipped, "dead_gradient", BINARY | RAW),
    ("log loss of the raw prediction", log_loss_of_raw, "logits_taken_for_probabilities", BINARY | RAW),
    ("log loss, sigmoid of a probability", log_loss_sigmoid_twice, "probabilities_taken_for_logits", BINARY | P),
    ("log loss in bits", log_loss_base_two, "value_factor", BINARY | P),
    ("log loss, clips in place", log_loss_clips_in_place, "in_place", BINARY | P),
    ("log loss, balanced batch by batch", log_loss_balanced_by_batch, "batch_split", BINARY | P),
    ("focal, alpha swapped", focal_alpha_swapped, "alpha_swapped", {"kind": "binary", "reference": FOCAL_ALPHA} | P),
    ("focal, alpha on both classes", focal_alpha_on_both, "alpha_swapped|value_wrong",
     {"kind": "binary", "reference": FOCAL_ALPHA} | P),
    ("focal, modulator swapped", focal_modulator_swapped, "probability_swapped|value_wrong",
     {"kind": "binary", "reference": FOCAL} | P),
    ("hinge without its margin", hinge_without_margin, "value_wrong", {"kind": "binary", "reference": HINGE} | RAW),
    ("half the squared error", mse_half, "value_factor", SQUARED),
    ("squared error by n - 1", mse_n_minus_one, "denominator", SQUARED),
    ("squared error, a column against a row", mse_column, "broadcasting", SQUARED),
    ("squared error, in place", mse_in_place, "in_place", SQUARED),
    ("squared error, multiplied out", mse_expanded, "inaccurate", SQUARED),
    ("squared error by the batch's variance", mse_by_spread, "batch_split|denominator", SQUARED),
    ("squared error that prints", mse_prints, "prints", SQUARED),
    ("absolute error without its abs", mae_without_abs, "value_wrong",
     {"kind": "real", "reference": "absolute_error"}),
    ("root of each row", rmse_inside, "value_wrong|axis", {"kind": "real", "reference": "rmse"}),
    ("Huber without its offset", huber_without_offset, "value_wrong", {"kind": "real", "reference": "huber"}),
    ("quantile, sides swapped", quantile_swapped, "alpha_swapped|arguments_swapped",
     {"kind": "real", "reference": loss("quantile", level=0.9)}),
    ("costs on the wrong side", costs_swapped, "alpha_swapped|arguments_swapped",
     {"kind": "real", "reference": UNDER_COSTS}),
    ("log(cosh)", log_cosh_naive, "overflow_region", {"kind": "real"}),
    ("pseudo-Huber, plain root", pseudo_huber_naive, "inaccurate|overflow_region",
     {"kind": "real", "reference": "sqrt(1 + (y - z)**2) - 1"}),
    ("Poisson of the raw prediction", poisson_of_raw, "logits_taken_for_probabilities", COUNTS | RAW),
    ("Poisson, mean 0 for count 0", poisson_mean_naive, "nan_at_perfect", {"kind": "count"} | P),
    ("gamma, y and mean swapped", gamma_inverted, "arguments_swapped|value_wrong",
     {"kind": "positive", "reference": "gamma"} | P),
    ("Tweedie, a sign", tweedie_sign, "value_wrong", {"kind": "nonnegative", "reference": "tweedie"} | RAW),
    ("negative binomial, shares swapped", negative_binomial_shares_swapped, "value_wrong|probability_swapped",
     {"kind": "count", "reference": "negative_binomial"} | RAW),
    ("cross entropy, exp without shift", cross_entropy_unshifted, "overflow_region|nan_region",
     {"kind": "class"} | RAW),
    ("cross entropy, softmax over rows", cross_entropy_wrong_axis, "axis", CLASSES | RAW),
    ("cross entropy, right for one-hot only", cross_entropy_one_hot_only, "one_hot_only", CLASSES | P),
    ("cross entropy by n times K", cross_entropy_all_elements, "denominator|axis|value_factor", CLASSES | RAW),
    ("cross entropy, softmax of probabilities", cross_entropy_softmax_twice, "probabilities_taken_for_logits",
     CLASSES | P),
    ("cross entropy, summed over rows", cross_entropy_summed_down, "axis|wrong_shape", CLASSES | P),
    ("smoothing on the wrong class", smoothing_on_the_wrong_class, "value_wrong",
     {"kind": "class", "reference": "label_smoothed_cross_entropy"} | RAW),
    ("Kullback-Leibler, arguments swapped", kl_swapped, "arguments_swapped",
     {"kind": "simplex", "reference": "kl_divergence"} | P),
    ("Kullback-Leibler, 0 log 0", kl_naive, "nan_at_perfect|nan_region", {"kind": "simplex"} | P),
    ("dice without its 2", dice_without_two, "value_wrong", OVERLAP | {"reference": "dice"}),
    ("dice of nothing and nothing", dice_empty, "nan_at_perfect|nan_region", OVERLAP),
    ("Tversky, alpha and beta swapped", tversky_swapped, "alpha_swapped|arguments_swapped",
     OVERLAP | {"reference": loss("tversky", alpha=0.3, beta=0.7)}),
    ("weights not used", weighted_mse_ignored, "weights_ignored", SQUARED),
    ("weights used twice", weighted_mse_twice, "weights_twice", SQUARED),
    ("weights in another order", weighted_mse_sorted, "weights_misplaced", SQUARED),
    ("weighted mean by the sum of weights", weighted_mse_mean_by_sum, "denominator", SQUARED),
    source="numpy",
)  # fmt: skip
