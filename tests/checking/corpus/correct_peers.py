"""Losses of PyTorch, Optax and JAX as their users call them: right ones, and ones with a fault that was measured.

Comes in: nothing. Goes out: `CORRECT`, `FAULTY_LIBRARIES`. Each function makes one loss, and imports its library for
it: a test that calls one is marked with `pytest.mark.peers`. The faults stand in the measurements of accuracy of these
libraries: infinities, NaN gradients, dead gradients and lost digits in the versions of the `peers` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.checking.corpus.record import BINARY, CLASSES, COUNTS, FOCAL, HINGE, SQUARED, loss, made, written


def module(name: str, **options: Any) -> Callable[[], Any]:
    """A criterion of `torch.nn`, made with these options; lists become tensors."""

    def make() -> Any:
        import torch

        given = {key: torch.tensor(value) if isinstance(value, list) else value for key, value in options.items()}
        return getattr(torch.nn, name)(**given)

    return make


def functional(name: str) -> Callable[[], Any]:
    """A function of `torch.nn.functional`."""

    def make() -> Any:
        import torch

        return getattr(torch.nn.functional, name)

    return make


def of_optax(name: str, **options: Any) -> Callable[[], Any]:
    """A loss of Optax, with options bound as a user binds them."""

    def make() -> Any:
        import functools

        import optax

        function = getattr(optax.losses, name)
        return functools.partial(function, **options) if options else function

    return make


# PyTorch, written by users -----------------------------------------------------------------------------------------


def torch_focal():
    import torch
    import torch.nn.functional as fn

    class Focal(torch.nn.Module):
        def __init__(self, gamma=2.0):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, target):
            ce = fn.binary_cross_entropy_with_logits(logits, target, reduction="none")
            other = torch.sigmoid(torch.where(target == 1, -logits, logits))
            return (other**self.gamma * ce).mean()

    return Focal


def torch_weighted_squared():
    import torch

    class WeightedSquared(torch.nn.Module):
        def forward(self, input, target, sample_weight=None):
            squared = (input - target) ** 2
            if sample_weight is None:
                return squared.mean()
            return (sample_weight * squared).sum() / sample_weight.sum()

    return WeightedSquared


def torch_soft_targets():
    import torch.nn.functional as fn

    def soft_cross_entropy(logits, target):
        return -(target * fn.log_softmax(logits, dim=1)).sum(dim=1).mean()

    return soft_cross_entropy


def torch_quantile():
    import torch

    def pinball(output, target, q=0.9):
        e = target - output
        return torch.maximum(q * e, (q - 1) * e).mean()

    return pinball


def torch_own_backward():
    import torch

    class HalfSquared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, target):
            ctx.save_for_backward(x, target)
            return 0.5 * (x - target) ** 2

        @staticmethod
        def backward(ctx, grad_output):
            x, target = ctx.saved_tensors
            return grad_output * (x - target), None

    def half_squared(output, target):
        return HalfSquared.apply(output, target).mean()

    return half_squared


# JAX ---------------------------------------------------------------------------------------------------------------


def jax_bce():
    import jax.numpy as jnp

    def bce(logits, labels):
        return jnp.mean(jnp.logaddexp(0, logits) - labels * logits)

    return bce


def optax_kl():
    import jax
    import optax

    def kl(logits, targets):
        return optax.losses.kl_divergence(jax.nn.log_softmax(logits), targets).mean()

    return kl


def optax_smoothed():
    import optax

    def smoothed_cross_entropy(logits, labels):
        return optax.softmax_cross_entropy(logits, optax.smooth_labels(labels, 0.1)).mean()

    return smoothed_cross_entropy


# measured to be faulty ---------------------------------------------------------------------------------------------


def torch_bce_after_sigmoid():
    import torch

    def bce(logits, target):
        return torch.nn.functional.binary_cross_entropy(torch.sigmoid(logits), target)

    return bce


def torch_root():
    import torch

    def rmse(output, target):
        return torch.sqrt(torch.nn.functional.mse_loss(output, target))

    return rmse


def optax_root():
    import jax.numpy as jnp
    import optax

    def rmse(y_pred, y_true):
        return jnp.sqrt(optax.losses.squared_error(y_pred, y_true).mean())

    return rmse


P, RAW = {"takes": "probability"}, {"takes": "raw"}
ABSOLUTE, KL = {"kind": "real", "reference": "absolute_error"}, {"kind": "simplex", "reference": "kl_divergence"}
COSTLY = {"kind": "binary", "reference": written("-5*y*log(p) - (1 - y)*log(1 - p)", target="binary", link="sigmoid")}
SMOOTHED = {"kind": "class", "reference": loss("label_smoothed_cross_entropy", epsilon=0.1)}
LEVEL = {"kind": "real", "reference": loss("quantile", level=0.9)}
HUBER_2 = {"kind": "real", "reference": loss("huber", delta=2.0)}

OF_TORCH = made(
    ("BCEWithLogitsLoss", module("BCEWithLogitsLoss"), "", BINARY),
    ("BCEWithLogitsLoss, unsaid", module("BCEWithLogitsLoss"), "", {}),
    ("BCEWithLogitsLoss, pos_weight", module("BCEWithLogitsLoss", pos_weight=[5.0]), "", COSTLY),
    ("BCEWithLogitsLoss, sum", module("BCEWithLogitsLoss", reduction="sum"), "", BINARY),
    ("binary_cross_entropy_with_logits", functional("binary_cross_entropy_with_logits"), "", BINARY),
    ("BCELoss", module("BCELoss"), "", BINARY | P),
    ("CrossEntropyLoss", module("CrossEntropyLoss"), "", CLASSES),
    ("CrossEntropyLoss, unsaid", module("CrossEntropyLoss"), "", {}),
    ("CrossEntropyLoss, weight", module("CrossEntropyLoss", weight=[1.0, 2.0, 0.5]), "", {"kind": "class"}),
    ("CrossEntropyLoss, smoothed", module("CrossEntropyLoss", label_smoothing=0.1), "", SMOOTHED),
    ("CrossEntropyLoss, ignore_index", module("CrossEntropyLoss", ignore_index=-1), "", CLASSES),
    ("CrossEntropyLoss, soft targets", module("CrossEntropyLoss"), "", {"kind": "simplex"}),
    ("cross_entropy", functional("cross_entropy"), "", CLASSES | RAW),
    ("NLLLoss", module("NLLLoss"), "", CLASSES),
    ("MultiMarginLoss", module("MultiMarginLoss"), "", {"kind": "class"} | RAW),
    ("HuberLoss", module("HuberLoss", delta=2.0), "", HUBER_2),
    ("huber_loss", functional("huber_loss"), "", {"kind": "real", "reference": "huber"}),
    ("SmoothL1Loss", module("SmoothL1Loss", beta=0.5), "", {"kind": "real"}),
    ("L1Loss", module("L1Loss"), "", ABSOLUTE),
    ("l1_loss", functional("l1_loss"), "", ABSOLUTE),
    ("MSELoss", module("MSELoss"), "", SQUARED),
    ("MSELoss, sum", module("MSELoss", reduction="sum"), "", SQUARED),
    ("MSELoss, none", module("MSELoss", reduction="none"), "", SQUARED),
    ("PoissonNLLLoss", module("PoissonNLLLoss"), "", COUNTS),
    ("PoissonNLLLoss, full", module("PoissonNLLLoss", full=True), "", {"kind": "count"}),
    ("KLDivLoss, batchmean", module("KLDivLoss", reduction="batchmean"), "", KL),
    ("KLDivLoss, sum", module("KLDivLoss", reduction="sum"), "", KL),
    ("focal, own", torch_focal, "", {"kind": "binary", "reference": FOCAL} | RAW),
    ("weighted squared, own", torch_weighted_squared, "", SQUARED),
    ("soft cross entropy, own", torch_soft_targets, "", {"kind": "simplex"} | RAW),
    ("quantile, own", torch_quantile, "", LEVEL),
    ("half squared, own backward", torch_own_backward, "", {"kind": "real", "reference": "half_squared_error"}),
    source="torch",
)  # fmt: skip

OF_OPTAX = made(
    ("sigmoid_binary_cross_entropy", of_optax("sigmoid_binary_cross_entropy"), "", BINARY),
    ("softmax_cross_entropy", of_optax("softmax_cross_entropy"), "", CLASSES),
    ("softmax_cross_entropy_with_integer_labels", of_optax("softmax_cross_entropy_with_integer_labels"), "", CLASSES),
    ("safe_softmax_cross_entropy", of_optax("safe_softmax_cross_entropy"), "", CLASSES),
    ("squared_error", of_optax("squared_error"), "", SQUARED),
    ("l2_loss", of_optax("l2_loss"), "", {"kind": "real", "reference": "half_squared_error"}),
    ("huber_loss", of_optax("huber_loss", delta=2.0), "", HUBER_2),
    ("hinge_loss", of_optax("hinge_loss"), "", {"kind": "binary", "reference": HINGE} | RAW),
    ("sigmoid_focal_loss", of_optax("sigmoid_focal_loss", gamma=2.0), "", {"kind": "binary", "reference": FOCAL}),
    ("multiclass_hinge_loss", of_optax("multiclass_hinge_loss"), "", {"kind": "class"} | RAW),
    ("poly_loss_cross_entropy", of_optax("poly_loss_cross_entropy"), "", {"kind": "class"} | RAW),
    ("kl_divergence of log_softmax", optax_kl, "", {"kind": "simplex"} | RAW),
    ("smoothed cross entropy", optax_smoothed, "", SMOOTHED | RAW),
    ("BCE by logaddexp, own", jax_bce, "", BINARY | RAW),
    source="optax",
)  # fmt: skip

CORRECT = (*OF_TORCH, *OF_OPTAX)

FAULTY_LIBRARIES = (
    *made(
        ("soft_margin_loss", functional("soft_margin_loss"), "overflow_region|nan_region", {"kind": "binary"} | RAW),
        ("binary_cross_entropy after sigmoid", torch_bce_after_sigmoid, "dead_gradient", BINARY | RAW),
        ("root of mse_loss", torch_root, "nan_at_perfect|nan_region", {"kind": "real", "reference": "rmse"}),
        source="torch",
    ),
    *made(
        ("log_cosh", of_optax("log_cosh"), "inaccurate", {"kind": "real", "reference": "log_cosh"}),
        ("root of squared_error", optax_root, "nan_at_perfect|nan_region", {"kind": "real", "reference": "rmse"}),
        source="optax",
    ),
)  # fmt: skip
