"""Right losses: metrics of scikit-learn, functions of SciPy, plain NumPy, what Lossmith writes and hands to LightGBM;
and losses of scikit-learn with a fault that was measured.

Comes in: nothing. Goes out: `CORRECT`, `FAULTY_LIBRARIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.checking.corpus.correct_boosters import CORRECT as OF_BOOSTERS
from tests.checking.corpus.record import BINARY, CLASSES, COUNTS, HINGE, SQUARED, loss, made, rows, written


def metric(name: str, **options: Any) -> Callable[[], Any]:
    """A metric of scikit-learn, with options bound as a user binds them."""

    def make() -> Any:
        import functools

        import sklearn.metrics

        function = getattr(sklearn.metrics, name)
        return functools.partial(function, **options) if options else function

    return make


def generated(name: str, part: str, **parameters: Any) -> Callable[[], Any]:
    """A function of the NumPy source that Lossmith writes for a loss."""

    def make() -> Any:
        import lossmith as ls

        namespace: dict[str, Any] = {"__name__": name}
        exec(compile(ls.get(name, **parameters).source("numpy"), f"<{name}>", "exec"), namespace)
        return namespace[part]

    return make


def tweedie_of_sklearn():
    from sklearn._loss import HalfTweedieLoss

    inner = HalfTweedieLoss(power=1.5)

    def tweedie(y_true, raw_prediction):
        y, z = (np.ascontiguousarray(a, dtype=np.float64) for a in (y_true, raw_prediction))
        return inner.loss(y, z).mean()

    return tweedie


# SciPy -------------------------------------------------------------------------------------------------------------


def scipy_huber():
    from scipy.special import huber

    def loss_of(y_true, y_pred, delta=1.0):
        return huber(delta, y_pred - y_true).mean()

    return loss_of


def scipy_pseudo_huber():
    from scipy.special import pseudo_huber

    def loss_of(y_true, y_pred, delta=1.0):
        return pseudo_huber(delta, y_pred - y_true).mean()

    return loss_of


def scipy_rel_entr():
    from scipy.special import rel_entr

    def kl(y_true, y_prob):
        return rel_entr(y_true, y_prob).sum(axis=1).mean()

    return kl


def scipy_kl_div():
    from scipy.special import kl_div

    def kl(y_true, y_prob):
        return kl_div(y_true, y_prob).sum(axis=1).mean()

    return kl


def scipy_log_loss():
    from scipy.special import xlog1py, xlogy

    def log_loss(y_true, y_prob):
        return -(xlogy(y_true, y_prob) + xlog1py(1 - y_true, -y_prob)).mean()

    return log_loss


def scipy_cross_entropy():
    from scipy.special import log_softmax

    def cross_entropy(y_true, logits):
        return -(y_true * log_softmax(logits, axis=1)).sum(axis=1).mean()

    return cross_entropy


# NumPy -------------------------------------------------------------------------------------------------------------


def log_loss_from_raw(y, z, sample_weight=None):
    each = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
    return np.average(each, weights=sample_weight)


def squared_weighted(y, p, sample_weight=None):
    return np.average((y - p) ** 2, weights=sample_weight)


def squared_with_gradient(y_true, y_pred):
    r = y_pred - y_true
    return np.mean(r**2), 2 * r / len(r)


def mse_half(y_true, y_pred):
    return 0.5 * np.mean((y_true - y_pred) ** 2)


def absolute(y_true, y_pred):
    return np.abs(y_true - y_pred).mean()


def quantile_sum(y, z, level=0.9):
    e = y - z
    return np.sum(np.maximum(level * e, (level - 1) * e))


def cross_entropy_of_index(y, logits):
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.mean(total - logits[np.arange(len(logits)), y.astype(int)])


def poisson_of_log(y, z):
    return np.mean(np.exp(z) - y * z)


def log_cosh_stable(y_true, y_pred):
    r = np.abs(y_pred - y_true)
    return np.mean(np.where(r < 1, np.log1p(2 * np.sinh(r / 2) ** 2), r + np.log1p(np.exp(-2 * r)) - np.log(2)))


def expectile(y_true, y_pred, level=0.8):
    r = y_true - y_pred
    return np.mean(np.where(r > 0, level, 1 - level) * r**2)


P, RAW = {"takes": "probability"}, {"takes": "raw"}
ABSOLUTE, KL = {"kind": "real", "reference": "absolute_error"}, {"kind": "simplex", "reference": "kl_divergence"}
LEVEL = {"kind": "real", "reference": loss("quantile", level=0.9)}
HUBER = {"kind": "real", "reference": "huber"}
PSEUDO_HUBER = {"kind": "real", "reference": written("sqrt(1 + (y - z)**2) - 1", target="real")}

OF_SKLEARN = made(
    ("mean_squared_error", metric("mean_squared_error"), "", SQUARED),
    ("root_mean_squared_error", metric("root_mean_squared_error"), "", {"kind": "real", "reference": "rmse"}),
    ("mean_absolute_error", metric("mean_absolute_error"), "", ABSOLUTE),
    ("mean_absolute_percentage_error", metric("mean_absolute_percentage_error"), "", {"kind": "positive"}),
    ("mean_squared_log_error", metric("mean_squared_log_error"), "", {"kind": "nonnegative"} | P),
    ("mean_pinball_loss", metric("mean_pinball_loss", alpha=0.9), "", LEVEL),
    ("mean_poisson_deviance", metric("mean_poisson_deviance"), "", {"kind": "count"} | P),
    ("mean_gamma_deviance", metric("mean_gamma_deviance"), "", {"kind": "positive"} | P),
    ("mean_tweedie_deviance", metric("mean_tweedie_deviance", power=1.5), "", {"kind": "nonnegative"} | P),
    ("log_loss", metric("log_loss"), "", BINARY | P),
    ("log_loss, labels", metric("log_loss", labels=[0, 1]), "", BINARY | P),
    ("brier_score_loss", metric("brier_score_loss"), "", {"kind": "binary", "reference": "brier"} | P),
    source="sklearn",
)  # fmt: skip

OF_SCIPY = made(
    ("huber", scipy_huber, "", HUBER),
    ("pseudo_huber", scipy_pseudo_huber, "", PSEUDO_HUBER),
    ("rel_entr", scipy_rel_entr, "", KL | P),
    ("kl_div", scipy_kl_div, "", KL | P),
    ("xlogy", scipy_log_loss, "", BINARY | P),
    ("log_softmax", scipy_cross_entropy, "", CLASSES | RAW),
    source="scipy",
)  # fmt: skip

OF_NUMPY = rows(
    ("log loss of the raw prediction, weights", log_loss_from_raw, "", BINARY | RAW),
    ("squared, weights", squared_weighted, "", SQUARED),
    ("squared with its gradient", squared_with_gradient, "", SQUARED),
    ("half squared", mse_half, "", {"kind": "real", "reference": "half_squared_error"}),
    ("absolute, unsaid", absolute, "", {}),
    ("quantile, sum", quantile_sum, "", LEVEL),
    ("cross entropy of class numbers", cross_entropy_of_index, "", CLASSES | RAW),
    ("Poisson of the log", poisson_of_log, "", COUNTS | RAW),
    ("log-cosh in two pieces", log_cosh_stable, "", {"kind": "real", "reference": "log_cosh"}),
    ("expectile", expectile, "", {"kind": "real", "reference": loss("expectile", level=0.8)}),
    source="numpy",
)  # fmt: skip

OF_LOSSMITH = made(
    ("binary_cross_entropy, value", generated("binary_cross_entropy", "value"), "", BINARY | RAW),
    ("huber, value", generated("huber", "value"), "", HUBER),
    ("quantile, value", generated("quantile", "value", level=0.9), "", LEVEL),
    ("cross_entropy, derivatives", generated("cross_entropy", "gradient_and_hessian"), "", CLASSES | RAW),
    ("tweedie, derivatives", generated("tweedie", "gradient_and_hessian"), "",
     {"kind": "nonnegative", "reference": "tweedie"} | RAW),
    source="lossmith",
)  # fmt: skip

CORRECT = (*OF_SKLEARN, *OF_SCIPY, *OF_NUMPY, *OF_LOSSMITH, *OF_BOOSTERS)

FAULTY_LIBRARIES = made(
    ("HalfTweedieLoss", tweedie_of_sklearn, "nan_region|overflow_region",
     {"kind": "nonnegative", "reference": "tweedie"} | RAW),
    ("hinge_loss, a batch of one class", metric("hinge_loss"), "batch_split|classes_swapped",
     {"kind": "binary", "reference": HINGE} | RAW),
    source="sklearn",
)  # fmt: skip
