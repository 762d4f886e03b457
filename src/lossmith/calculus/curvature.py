"""What a Newton booster is given in place of the hessian, by a named policy.

Comes in: gradient and hessian per example, both weighted, of shape (n,) or (n, K), and what is known of the loss.
Goes out: a curvature of the same shape, positive and finite, and for `as_builtin` the factors of the library's own
objective. Nothing here knows `Loss` or a library; adapters choose the row and pass the numbers.

Why not simply the hessian: that of the focal loss is negative for the hardest examples, Huber's is zero in the tails,
and a quantile loss has none. A leaf's value is -sum(gradient)/sum(curvature): zero or negative curvature makes it
explode, curvature 1 makes it depend on the unit of the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import ArgumentError, did_you_mean

Floats = NDArray[np.float64]

TINY: Final = float(np.finfo(np.float32).tiny)  # boosters keep gradients in float32: the least full-precision number
# One round's largest step per row on a log or logit scale. Focal, 4 gammas, 3 shares of positives: held-out loss over
# that of the constant is 0.671, 0.664, 0.665, 0.664, 0.665 for steps of 0.5, 1, 2, 4, 8: the choice hardly matters.
RAW_STEP: Final = 2.0
NOTHING: Final = 1e-6  # a median this small beside the mean is what a model leaves of exact zeros
RESIDUAL_STEPS: Final = 2.0  # the same on the target's own scale, in units of the median |residual|

POLICIES: Final[Mapping[str, str]] = {
    "as_builtin": "the curvature, with its factors, that the library's own objective of this name uses",
    "exact": "the hessian itself: right where it is positive and does not fade",
    "step_bounded": "max(hessian, |gradient|/step): no row asks for a longer step than `step` in one round",
}


@dataclass(frozen=True)
class Builtin:
    """How a library's own objective differs from the catalogue's loss of that name.

    The library's gradient is `gradient` times ours. Its curvature is `hessian` times our hessian, or, where `ones`, the
    sample weight. `per_class` multiplies by K/(K-1). `smooth` is false where the library does more than take Newton
    steps (it sets each leaf to a quantile of the residuals), so that this row is not chosen by default.
    """

    link: str
    gradient: float = 1.0
    hessian: float = 1.0
    ones: bool = False
    per_class: bool = False
    rounds_first: bool = False
    smooth: bool = True
    why: str = ""


# LightGBM 4, src/objective/{regression,binary,multiclass}_objective.hpp; each row is tested by training both.
BUILTIN: Final[Mapping[str, Mapping[str, Builtin]]] = {
    "lightgbm": {
        "half_squared_error": Builtin("identity", rounds_first=True, why="regression"),
        "squared_error": Builtin(
            "identity", gradient=0.5, hessian=0.5, rounds_first=True, why="regression, written without the 1/2"
        ),
        "binary_cross_entropy": Builtin("sigmoid", why="binary"),
        "poisson": Builtin("exp", hessian=math.exp(0.7), why="poisson, poisson_max_delta_step=0.7"),
        "gamma": Builtin("exp", why="gamma"),
        "cross_entropy": Builtin("softmax", per_class=True, why="multiclass"),
        "absolute_error": Builtin("identity", ones=True, smooth=False, why="regression_l1"),
        "quantile": Builtin("identity", ones=True, smooth=False, why="quantile"),
        "huber": Builtin("identity", ones=True, smooth=False, why="huber"),
    }
}


def check_policy(name: str | None) -> str | None:
    """The name of a policy, or an error that lists them; None leaves the choice to `default_policy`."""
    if name is not None and name not in POLICIES:
        raise ArgumentError(
            "LM261",
            f'curvature="{name}" is not known. Known: {", ".join(POLICIES)}; or None, to choose by the loss.'
            f"{did_you_mean(str(name), POLICIES)}",
        )
    return name


def default_policy(*, builtin: Builtin | None, strictly_convex: bool, smooth: bool, fading: bool) -> str:
    """The policy of a loss for which none was named.

    `as_builtin` where the library has a smooth objective of the same formula; `exact` where the loss is strictly convex
    and smooth in the raw prediction and its hessian does not fade far from the target (log-cosh's does); else
    `step_bounded`.

    >>> default_policy(builtin=None, strictly_convex=True, smooth=True, fading=False)
    'exact'
    """
    if builtin is not None and builtin.smooth:
        return "as_builtin"
    return "exact" if strictly_convex and smooth and not fading else "step_bounded"


def builtin_gradient_and_curvature(
    row: Builtin, gradient: Floats, hessian: Floats, sample_weight: Floats | None
) -> tuple[Floats, Floats]:
    """Our gradient and hessian in the library's own factors."""
    if row.ones:
        weight = np.ones(len(gradient)) if sample_weight is None else sample_weight
        ours = np.broadcast_to(weight.reshape(-1, *(1,) * (gradient.ndim - 1)), gradient.shape)
        return row.gradient * gradient, positive(np.array(ours, dtype=np.float64))
    classes = gradient.shape[1] if row.per_class else 0
    factor = row.hessian * (classes / (classes - 1) if classes > 1 else 1.0)
    return row.gradient * gradient, positive(factor * hessian)


def step_bounded(gradient: Floats, hessian: Floats, step: float | Floats) -> Floats:
    """`max(hessian, |gradient|/step)`, positive for every row of positive weight.

    A row that sits exactly on a kink has neither gradient nor hessian, yet it resists both ways: it is given the
    curvature of the steepest row. `step` is a number, or one for each column.

    >>> step_bounded(np.array([-0.9, 0.1, 0.0]), np.zeros(3), 2.0)
    array([0.45, 0.05, 0.45])
    """
    slopes = np.abs(gradient)
    bounded = np.maximum(hessian, slopes / step)
    resting = bounded < TINY
    if resting.any():
        bounded[resting] = np.broadcast_to(bounded.max(axis=0), bounded.shape)[resting]
    return positive(bounded)


def positive(curvature: Floats) -> Floats:
    """No entry below the smallest normal float32: touches only rows whose hessian underflows or is not positive."""
    return np.maximum(curvature, TINY)


def longest_step(link: str, residual: Floats, sample_weight: Floats | None = None) -> float:
    """The step that one round may take at most for one row, in units of the raw prediction.

    Identity link: twice the weighted median |residual|, so that it follows the unit of the target and shrinks as the
    model learns. Log and logit scales have a unit of their own: 2. Softplus is both: the larger.
    """
    if link not in ("identity", "softplus"):
        return RAW_STEP
    spread = RESIDUAL_STEPS * typical_size(residual, sample_weight)
    return max(spread, RAW_STEP) if link == "softplus" else spread


def typical_size(residual: Floats, sample_weight: Floats | None = None) -> float:
    """Weighted median |residual|; the mean where more than half are next to 0 beside it; 1 where all are 0.

    >>> typical_size(np.array([-3.0, 1.0, 2.0])), typical_size(np.array([0.0, 1e-300, 6.0])), typical_size(np.zeros(2))
    (2.0, 2.0, 1.0)
    """
    sizes = np.abs(residual)
    middle = float(np.median(sizes)) if sample_weight is None else _weighted_median(sizes, sample_weight)
    mean = float(np.average(sizes, weights=sample_weight))
    return middle if middle > NOTHING * mean else mean or 1.0


def _weighted_median(numbers: Floats, weight: Floats) -> float:
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(weight[order])
    return float(numbers[order][np.searchsorted(reached, reached[-1] / 2)])
