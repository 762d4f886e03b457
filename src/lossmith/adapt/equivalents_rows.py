"""The losses of the catalogue under their names in other libraries: one table.

Comes in: nothing. Goes out: `ROWS`. A test runs the code of every row beside our loss, at several parameter values. Libraries
that are not among the witnesses of the tests (CatBoost, torchvision: too large to install for it) have no rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Relation = Literal["equal", "equal on shares", "but a term of y", "fits", "boosts"]

TORCH: Final = "(raw_prediction, y_true)"
KERAS: Final = "(y_true, raw_prediction)"
KERAS_P: Final = "(y_true, y_pred)"


@dataclass(frozen=True)
class Row:
    """A loss of the catalogue in another library.

    `code`: Python, in which {name} stands for the value of a parameter. It speaks of `y_true`, `raw_prediction` and
    `y_pred`, arrays of that library, or makes an object, which is called as `call` says. `when`: parameter values that the
    row is for; empty: for all; not for those of `unless`.
    `relation`: the number is equal; or equal where rows add up to 1, because it divides them by their sum first; or equal but
    for a term of y alone; or it is a model that has its minimum at the same place; or a booster with it as its objective:
    then its gradient is `slope` times ours and its curvature `bend` times ours (None: 1 for every row); with `own_leaves` it
    sets each leaf to a quantile of the residuals, whatever the curvature.
    `off`: by how much the library itself is off in float64, where it is more than rounding: it keeps away from 0 by so much.
    """

    loss: str
    library: str
    code: str
    note: str = ""
    call: str = ""
    when: Mapping[str, float] = field(default_factory=dict)
    relation: Relation = "equal"
    slope: float = 1.0
    bend: float | None = 1.0
    own_leaves: bool = False
    off: float = 0.0
    unless: Mapping[str, float] = field(default_factory=dict)


def _torch(loss: str, code: str, note: str = "", call: str = "", **when: float) -> Row:
    return Row(loss, "PyTorch", code, note, call, when)


def _criterion(loss: str, code: str, note: str = "", **when: float) -> Row:
    return _torch(loss, f"torch.nn.{code}", note, TORCH, **when)


def _sklearn(loss: str, code: str, note: str = "", **when: float) -> Row:
    return Row(loss, "scikit-learn", code, note, when=when)


def _deviance(loss: str, code: str) -> Row:
    text = f"sklearn.metrics.{code} / 2"
    return Row(loss, "scikit-learn", text, "up to a term of y_true alone", relation="but a term of y")


def _fits(loss: str, code: str, note: str = "the linear model that minimises it", **when: float) -> Row:
    return Row(loss, "scikit-learn", f"sklearn.linear_model.{code}", note, when=when, relation="fits")


def _optax(loss: str, code: str, note: str = "", **when: float) -> Row:
    return Row(loss, "optax (JAX)", f"optax.losses.{code}", note, when=when)


def _jax(loss: str, code: str, note: str = "", **when: float) -> Row:
    return Row(loss, "JAX", code, note, when=when)


def _scipy(loss: str, code: str, note: str = "", **when: float) -> Row:
    return Row(loss, "SciPy", code, note, when=when)


def _keras(loss: str, code: str, note: str = "", call: str = KERAS, off: float = 0.0, **when: float) -> Row:
    return Row(loss, "Keras", f"keras.losses.{code}", note, call, when, off=off)


def _lightgbm(loss: str, code: str, note: str = "", bend: float | None = 1.0, own_leaves: bool = False) -> Row:
    return Row(loss, "LightGBM", f"lightgbm.{code}", note, relation="boosts", bend=bend, own_leaves=own_leaves)


def _xgboost(loss: str, code: str, note: str = "", slope: float = 1.0, bend: float | None = 1.0) -> Row:
    own = bend is None
    return Row(loss, "XGBoost", f"xgboost.{code}", note, relation="boosts", slope=slope, bend=bend, own_leaves=own)


def _shares(loss: str, library: str, code: str, call: str = "", note: str = "", off: float = 0.0) -> Row:
    said = "; ".join(text for text in ("it divides each row of y_pred by its sum first", note) if text)
    return Row(loss, library, code, said, call, relation="equal on shares", off=off)


OF_P: Final = "of the prediction y_pred, after the link"
EPSILON: Final = "Keras keeps probabilities 1e-7 away from 0 and 1"
SMOOTH_HALF: Final = "its smooth is half of ours"
ONE_HOT: Final = "jax.nn.one_hot(y_true, raw_prediction.shape[1])"

ROWS: Final[tuple[Row, ...]] = (
    # Squared residuals
    _criterion("squared_error", "MSELoss()"),
    _sklearn("squared_error", "sklearn.metrics.mean_squared_error(y_true, y_pred)"),
    _fits("squared_error", "LinearRegression()"),
    _lightgbm("squared_error", 'LGBMRegressor(objective="regression")'),
    _xgboost("squared_error", 'XGBRegressor(objective="reg:squarederror")', slope=0.5, bend=0.5),
    _optax("squared_error", "squared_error(raw_prediction, y_true).mean()"),
    _keras("squared_error", "MeanSquaredError()"),
    _torch("half_squared_error", "torch.nn.MSELoss()(raw_prediction, y_true) / 2"),
    _sklearn("half_squared_error", "sklearn.metrics.mean_squared_error(y_true, y_pred) / 2"),
    _fits("half_squared_error", "LinearRegression()"),
    _lightgbm("half_squared_error", 'LGBMRegressor(objective="regression")'),
    _xgboost("half_squared_error", 'XGBRegressor(objective="reg:squarederror")'),
    _optax("half_squared_error", "l2_loss(raw_prediction, y_true).mean()"),
    _torch("sum_of_squares_half", 'torch.nn.MSELoss(reduction="sum")(raw_prediction, y_true) / 2'),
    _fits("sum_of_squares_half", "LinearRegression()"),
    _optax("sum_of_squares_half", "l2_loss(raw_prediction, y_true).sum()"),
    _torch(
        "rmse", "torch.nn.MSELoss()(raw_prediction, y_true).sqrt()", "at a perfect fit its gradient is NaN, ours is 0"
    ),
    _sklearn("rmse", "sklearn.metrics.root_mean_squared_error(y_true, y_pred)"),
    # Absolute residuals, and between absolute and squared
    _criterion("absolute_error", "L1Loss()"),
    _sklearn("absolute_error", "sklearn.metrics.mean_absolute_error(y_true, y_pred)"),
    _fits("absolute_error", "QuantileRegressor(quantile=0.5, alpha=0)"),
    _lightgbm("absolute_error", 'LGBMRegressor(objective="regression_l1")', bend=None, own_leaves=True),
    _xgboost("absolute_error", 'XGBRegressor(objective="reg:absoluteerror")', bend=None),
    _keras("absolute_error", "MeanAbsoluteError()"),
    _criterion("huber", "HuberLoss(delta={delta})"),
    _criterion("huber", "SmoothL1Loss(beta=1)", delta=1.0),
    Row(
        "huber",
        "PyTorch",
        "{delta} * torch.nn.SmoothL1Loss(beta={delta})(raw_prediction, y_true)",
        "SmoothL1Loss is HuberLoss divided by its delta",
        unless={"delta": 1.0},
    ),
    _lightgbm("huber", 'LGBMRegressor(objective="huber", alpha={delta})', bend=None),
    _optax("huber", "huber_loss(raw_prediction, y_true, delta={delta}).mean()"),
    _keras("huber", "Huber(delta={delta})"),
    _scipy("huber", "scipy.special.huber({delta}, y_true - raw_prediction).mean()"),
    _optax("log_cosh", "log_cosh(raw_prediction, y_true).mean()"),
    _keras("log_cosh", "LogCosh()"),
    # Lopsided
    _sklearn("quantile", "sklearn.metrics.mean_pinball_loss(y_true, y_pred, alpha={level})"),
    _fits("quantile", "QuantileRegressor(quantile={level}, alpha=0)"),
    _lightgbm("quantile", 'LGBMRegressor(objective="quantile", alpha={level})', bend=None, own_leaves=True),
    _xgboost("quantile", 'XGBRegressor(objective="reg:quantileerror", quantile_alpha={level})', bend=None),
    _torch("quantile", "torch.nn.L1Loss()(raw_prediction, y_true) / 2", "the median", level=0.5),
    _torch("expectile", "torch.nn.MSELoss()(raw_prediction, y_true) / 2", "the mean", level=0.5),
    # Minus log densities around the prediction
    _torch(
        "gaussian",
        "torch.nn.GaussianNLLLoss(full=True)(raw_prediction, y_true, torch.full_like(y_true, {scale} ** 2))",
        "it takes the variance, the square of the scale",
    ),
    _torch("gaussian", "-torch.distributions.Normal(raw_prediction, {scale}).log_prob(y_true).mean()"),
    _scipy("gaussian", "-scipy.stats.norm.logpdf(y_true, raw_prediction, {scale}).mean()"),
    _jax("gaussian", "-jax.scipy.stats.norm.logpdf(y_true, raw_prediction, {scale}).mean()"),
    _torch("laplace", "-torch.distributions.Laplace(raw_prediction, {scale}).log_prob(y_true).mean()"),
    _scipy("laplace", "-scipy.stats.laplace.logpdf(y_true, raw_prediction, {scale}).mean()"),
    _jax("laplace", "-jax.scipy.stats.laplace.logpdf(y_true, raw_prediction, {scale}).mean()"),
    _torch("student_t", "-torch.distributions.StudentT({degrees}, raw_prediction, {scale}).log_prob(y_true).mean()"),
    _torch(
        "student_t",
        "-torch.distributions.Cauchy(raw_prediction, {scale}).log_prob(y_true).mean()",
        "Cauchy",
        degrees=1.0,
    ),
    _scipy("student_t", "-scipy.stats.t.logpdf(y_true, {degrees}, raw_prediction, {scale}).mean()"),
    _jax("student_t", "-jax.scipy.stats.t.logpdf(y_true, {degrees}, raw_prediction, {scale}).mean()"),
    _scipy("logistic", "-scipy.stats.logistic.logpdf(y_true, raw_prediction, {scale}).mean()"),
    _jax("logistic", "-jax.scipy.stats.logistic.logpdf(y_true, raw_prediction, {scale}).mean()"),
    # Counts and amounts, with y_pred = exp(raw_prediction)
    _criterion("poisson", "PoissonNLLLoss(log_input=True, full=False)"),
    _deviance("poisson", "mean_poisson_deviance(y_true, y_pred)"),
    _fits("poisson", "PoissonRegressor(alpha=0)"),
    _lightgbm("poisson", 'LGBMRegressor(objective="poisson")'),
    _xgboost("poisson", 'XGBRegressor(objective="count:poisson")', "exp(0.7), its max_delta_step", bend=math.exp(0.7)),
    _keras("poisson", "Poisson()", f"{OF_P}; Keras adds 1e-7 to what it takes the logarithm of", KERAS_P, off=1e-7),
    _torch("poisson_likelihood", "-torch.distributions.Poisson(y_pred).log_prob(y_true).mean()", OF_P),
    _scipy("poisson_likelihood", "-scipy.stats.poisson.logpmf(y_true, y_pred).mean()", OF_P),
    _jax("poisson_likelihood", "-jax.scipy.stats.poisson.logpmf(y_true, y_pred).mean()", OF_P),
    _fits("poisson_likelihood", "PoissonRegressor(alpha=0)"),
    _deviance("gamma", "mean_gamma_deviance(y_true, y_pred)"),
    _fits("gamma", "GammaRegressor(alpha=0)"),
    _lightgbm("gamma", 'LGBMRegressor(objective="gamma")'),
    _xgboost("gamma", 'XGBRegressor(objective="reg:gamma")'),
    _torch("gamma_likelihood", "-torch.distributions.Gamma({shape}, {shape} / y_pred).log_prob(y_true).mean()", OF_P),
    _torch(
        "gamma_likelihood",
        "-torch.distributions.Exponential(1 / y_pred).log_prob(y_true).mean()",
        f"waiting times; {OF_P}",
        shape=1.0,
    ),
    _scipy("gamma_likelihood", "-scipy.stats.gamma.logpdf(y_true, {shape}, scale=y_pred / {shape}).mean()", OF_P),
    _jax("gamma_likelihood", "-jax.scipy.stats.gamma.logpdf(y_true, {shape}, scale=y_pred / {shape}).mean()", OF_P),
    _fits("gamma_likelihood", "GammaRegressor(alpha=0)"),
    _deviance("tweedie", "mean_tweedie_deviance(y_true, y_pred, power={power})"),
    _fits("tweedie", 'TweedieRegressor(power={power}, link="log", alpha=0)'),
    _lightgbm("tweedie", 'LGBMRegressor(objective="tweedie", tweedie_variance_power={power})'),
    _xgboost("tweedie", 'XGBRegressor(objective="reg:tweedie", tweedie_variance_power={power})'),
    _torch(
        "negative_binomial",
        "-torch.distributions.NegativeBinomial(1 / {dispersion}, logits=raw_prediction + math.log({dispersion}))"
        ".log_prob(y_true).mean()",
    ),
    _scipy(
        "negative_binomial",
        "-scipy.stats.nbinom.logpmf(y_true, 1 / {dispersion}, 1 / (1 + {dispersion} * y_pred)).mean()",
        OF_P,
    ),
    _jax(
        "negative_binomial",
        "-jax.scipy.stats.nbinom.logpmf(y_true, 1 / {dispersion}, 1 / (1 + {dispersion} * y_pred)).mean()",
        OF_P,
    ),
    _torch("log_normal", "-torch.distributions.LogNormal(raw_prediction, {sigma}).log_prob(y_true).mean()"),
    _scipy("log_normal", "-scipy.stats.lognorm.logpdf(y_true, {sigma}, scale=y_pred).mean()", OF_P),
    # Two outcomes
    _criterion("binary_cross_entropy", "BCEWithLogitsLoss()"),
    _torch("binary_cross_entropy", "torch.nn.BCELoss()", OF_P, "(y_pred, y_true)"),
    _sklearn("binary_cross_entropy", "sklearn.metrics.log_loss(y_true, y_pred)"),
    _fits("binary_cross_entropy", "LogisticRegression(C=numpy.inf)"),
    _lightgbm("binary_cross_entropy", 'LGBMClassifier(objective="binary")'),
    _xgboost("binary_cross_entropy", 'XGBClassifier(objective="binary:logistic")'),
    _optax("binary_cross_entropy", "sigmoid_binary_cross_entropy(raw_prediction, y_true).mean()"),
    _keras("binary_cross_entropy", "BinaryCrossentropy(from_logits=True)"),
    _sklearn("brier", "sklearn.metrics.brier_score_loss(y_true, y_pred)"),
    _torch("brier", "torch.nn.MSELoss()", OF_P, "(y_pred, y_true)"),
    _keras("brier", "MeanSquaredError()", OF_P, KERAS_P),
    _optax("focal", "sigmoid_focal_loss(raw_prediction, y_true, gamma={gamma}).mean()"),
    _keras("focal", "BinaryFocalCrossentropy(gamma={gamma}, from_logits=True)", EPSILON, off=1e-7),
    _torch(
        "focal",
        "transformers.loss.loss_for_object_detection.sigmoid_focal_loss("
        "raw_prediction[:, None], y_true[:, None], len(y_true), alpha=-1, gamma={gamma})",
        "Hugging Face's",
    ),
    _optax("focal(alpha)", "sigmoid_focal_loss(raw_prediction, y_true, alpha={alpha}, gamma={gamma}).mean()"),
    _keras(
        "focal(alpha)",
        "BinaryFocalCrossentropy(apply_class_balancing=True, alpha={alpha}, gamma={gamma}, from_logits=True)",
        EPSILON,
        off=1e-7,
    ),
    _torch(
        "focal(alpha)",
        "transformers.loss.loss_for_object_detection.sigmoid_focal_loss("
        "raw_prediction[:, None], y_true[:, None], len(y_true), alpha={alpha}, gamma={gamma})",
        "Hugging Face's",
    ),
    _optax(
        "dice", "dice_loss(raw_prediction[None, :, None], y_true[None, :, None], smooth={smooth} / 2)[0]", SMOOTH_HALF
    ),
    _keras("dice", "Dice()", "Keras adds 1e-7 to both sums", KERAS_P, off=1e-7, smooth=0.0),
    _optax(
        "tversky",
        "dice_loss(raw_prediction[None, :, None], y_true[None, :, None], alpha={alpha}, beta={beta}, smooth={smooth})[0]",
    ),
    _keras(
        "tversky",
        "Tversky(alpha={beta}, beta={alpha})",
        "Keras's alpha weighs misses, its beta false alarms, against its own documentation (3.15); it adds 1e-7",
        KERAS_P,
        off=1e-7,
        smooth=0.0,
    ),
    # Classes
    _criterion("cross_entropy", "CrossEntropyLoss()"),
    _sklearn("cross_entropy", "sklearn.metrics.log_loss(y_true, y_pred)"),
    _fits("cross_entropy", "LogisticRegression(C=numpy.inf)"),
    _lightgbm(
        "cross_entropy",
        'LGBMClassifier(objective="multiclass")',
        "its curvature is K / (K - 1) times ours for K classes",
    ),
    _xgboost("cross_entropy", 'XGBClassifier(objective="multi:softprob")', bend=2.0),
    _optax("cross_entropy", "softmax_cross_entropy_with_integer_labels(raw_prediction, y_true).mean()"),
    _keras("cross_entropy", "SparseCategoricalCrossentropy(from_logits=True)"),
    _criterion("label_smoothed_cross_entropy", "CrossEntropyLoss(label_smoothing={epsilon})"),
    _optax(
        "label_smoothed_cross_entropy",
        f"softmax_cross_entropy(raw_prediction, optax.losses.smooth_labels({ONE_HOT}, {{epsilon}})).mean()",
    ),
    _keras(
        "label_smoothed_cross_entropy",
        "CategoricalCrossentropy(from_logits=True, label_smoothing={epsilon})",
        "y_true one-hot",
        "(keras.ops.one_hot(y_true, raw_prediction.shape[1]), raw_prediction)",
    ),
    _keras(
        "softmax_focal",
        "CategoricalFocalCrossentropy(alpha=1, gamma={gamma}, from_logits=True)",
        f"y_true one-hot; {EPSILON}",
        "(keras.ops.one_hot(y_true, raw_prediction.shape[1]), raw_prediction)",
        off=1e-7,
    ),
    _torch("softmax_focal", "torch.nn.CrossEntropyLoss()", "without a focus", TORCH, gamma=0.0),
    # Shares, given as probabilities
    _torch(
        "kl_divergence", 'torch.nn.KLDivLoss(reduction="batchmean")(y_pred.log(), y_true)', "it takes the logarithm"
    ),
    _optax("kl_divergence", "kl_divergence(jax.numpy.log(y_pred), y_true).mean()", "it takes the logarithm"),
    _scipy("kl_divergence", "scipy.special.rel_entr(y_true, y_pred).sum(axis=1).mean()"),
    _scipy("kl_divergence", "scipy.stats.entropy(y_true, y_pred, axis=1).mean()"),
    _keras("kl_divergence", "KLDivergence()", EPSILON, KERAS_P, off=1e-7),
    _shares("distribution_cross_entropy", "PyTorch", "torch.nn.CrossEntropyLoss()", "(y_pred.log(), y_true)"),
    _shares(
        "distribution_cross_entropy",
        "optax (JAX)",
        "optax.losses.softmax_cross_entropy(jax.numpy.log(y_pred), y_true).mean()",
    ),
    _shares("distribution_cross_entropy", "Keras", "keras.losses.CategoricalCrossentropy()", KERAS_P, EPSILON, 1e-7),
)
