"""Mutants in PyTorch: criteria that autograd differentiates, each with one fault.

Comes in: nothing. Goes out: `MUTANTS`. Each function makes one criterion, and imports PyTorch for it: a test that calls
one is marked with `pytest.mark.peers`.
"""

from __future__ import annotations

from tests.checking.corpus.record import BINARY, CLASSES, FOCAL, SQUARED, loss, made, written

# yes or no ---------------------------------------------------------------------------------------------------------


def bce_without_sigmoid():
    import torch

    def bce(logits, target, eps=1e-7):
        return -(target * torch.log(logits + eps) + (1 - target) * torch.log(1 - logits + eps)).mean()

    return bce


def bce_refused():
    import torch.nn.functional as fn

    def bce(logits, target):
        return fn.binary_cross_entropy(logits, target)

    return bce


def bce_sigmoid_twice():
    import torch.nn.functional as fn

    def bce(prob, target):
        return fn.binary_cross_entropy_with_logits(prob, target)

    return bce


def bce_clamped():
    import torch

    def bce(logits, target):
        p = torch.sigmoid(logits).clamp(1e-6, 1 - 1e-6)
        return -(target * p.log() + (1 - target) * (1 - p).log()).mean()

    return bce


def bce_softplus_naive():
    import torch

    def bce(logits, target):
        return (torch.log(1 + torch.exp(logits)) - target * logits).mean()

    return bce


def bce_by_positives():
    import torch.nn.functional as fn

    def bce(logits, target):
        return fn.binary_cross_entropy_with_logits(logits, target, reduction="sum") / target.sum().clamp(min=1)

    return bce


def bce_weight_on_negatives():
    import torch.nn.functional as fn

    def bce(logits, target):
        return -(target * fn.logsigmoid(logits) + 5 * (1 - target) * fn.logsigmoid(-logits)).mean()

    return bce


def focal_detached():
    import torch
    import torch.nn.functional as fn

    def focal(logits, target, gamma=2.0):
        ce = fn.binary_cross_entropy_with_logits(logits, target, reduction="none")
        with torch.no_grad():
            modulator = (1 - torch.exp(-ce)) ** gamma
        return (modulator * ce).mean()

    return focal


def bce_backward_sign():
    import torch

    class Bce(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            return grad_output * (target - torch.sigmoid(logits)) / target.numel(), None

    def bce(logits, target):
        return Bce.apply(logits, target)

    return bce


def bce_backward_by_probability():
    import torch

    class Bce(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = torch.sigmoid(logits)
            return grad_output * ((1 - target) / (1 - p) - target / p), None

    def bce(logits, target):
        return Bce.apply(logits, target).mean()

    return bce


# numbers -----------------------------------------------------------------------------------------------------------


def squared_backward_half():
    import torch

    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, target):
            ctx.save_for_backward(x, target)
            return (x - target) ** 2

        @staticmethod
        def backward(ctx, grad_output):
            x, target = ctx.saved_tensors
            return grad_output * (x - target), None

    def squared(x, target):
        return Squared.apply(x, target).mean()

    return squared


def squared_of_nothing():
    def squared(output, target):
        return ((output.detach() - target) ** 2).mean() + 0 * output.sum()

    return with_torch(squared)


def squared_in_place():
    def squared(output, target):
        return output.sub_(target).pow(2).mean()

    return with_torch(squared)


def squared_column():
    def squared(output, target):
        return ((output - target.unsqueeze(1)) ** 2).mean()

    return with_torch(squared)


def squared_centred():
    def squared(output, target):
        return (((output - output.mean()) - (target - target.mean())) ** 2).mean()

    return with_torch(squared)


def squared_weights_and_rows():
    import torch

    class Squared(torch.nn.Module):
        def forward(self, input, target, sample_weight=None):
            w = torch.ones_like(target) if sample_weight is None else sample_weight
            return (w * (input - target) ** 2).mean() / w.sum() * (1 if sample_weight is not None else len(target))

    return Squared


def squared_weights_unused():
    import torch

    class Squared(torch.nn.Module):
        def forward(self, input, target, sample_weight=None):
            return torch.nn.functional.mse_loss(input, target)

    return Squared


def root_at_zero():
    import torch

    def rmse(output, target):
        return torch.sqrt(((output - target) ** 2).mean())

    return rmse


def smooth_absolute_of_root():
    import torch

    def absolute(output, target):
        return torch.sqrt((output - target) ** 2).mean()

    return absolute


def log_cosh_naive():
    import torch

    def log_cosh(output, target):
        return torch.log(torch.cosh(output - target)).mean()

    return log_cosh


def quantile_swapped():
    import torch

    def pinball(output, target, q=0.9):
        e = output - target
        return torch.max(q * e, (q - 1) * e).mean()

    return pinball


# classes, overlap --------------------------------------------------------------------------------------------------


def softmax_twice():
    import torch.nn.functional as fn

    def ce(logits, target):
        return fn.cross_entropy(fn.softmax(logits, dim=1), target)

    return ce


def softmax_over_rows():
    import torch.nn.functional as fn

    def ce(logits, target):
        return -(target * fn.log_softmax(logits, dim=0)).sum(dim=1).mean()

    return ce


def mean_over_classes():
    import torch.nn.functional as fn

    def ce(logits, target):
        return -(target * fn.log_softmax(logits, dim=1)).mean()

    return ce


def log_of_softmax():
    import torch

    def ce(logits, target):
        return -(target * torch.log(torch.softmax(logits, dim=1))).sum(dim=1).mean()

    return ce


def one_hot_only():
    import torch

    def ce(prob, target):
        return -torch.log((target * prob).sum(dim=1)).mean()

    return ce


def kl_swapped():
    import torch

    def kl(p, target):
        return (p * (torch.log(p) - torch.log(target))).sum(dim=1).mean()

    return kl


def dice_of_decisions():
    import torch

    def dice(prob, target, smooth=1.0):
        hard = (prob > 0.5).to(prob.dtype)
        return 1 - (2 * torch.sum(hard * target) + smooth) / (torch.sum(hard) + torch.sum(target) + smooth)

    return dice


def with_torch(function):
    """A criterion of methods of tensors alone, as a module has it."""
    import torch

    class Criterion(torch.nn.Module):
        def forward(self, input, target):
            return function(input, target)

    return Criterion()


P, RAW = {"takes": "probability"}, {"takes": "raw"}
COSTLY = {"kind": "binary", "reference": written("-5*y*log(p) - (1 - y)*log(1 - p)", target="binary", link="sigmoid")}

MUTANTS = made(
    ("BCE without sigmoid", bce_without_sigmoid, "logits_taken_for_probabilities", BINARY | RAW),
    ("BCE of raw predictions, refused", bce_refused, "raises|logits_taken_for_probabilities", BINARY | RAW),
    ("BCE, sigmoid of a probability", bce_sigmoid_twice, "probabilities_taken_for_logits", BINARY | P),
    ("BCE, clamped", bce_clamped, "dead_gradient", BINARY | RAW),
    ("BCE, log(1 + exp(z))", bce_softplus_naive, "overflow_region|nan_region", BINARY | RAW),
    ("BCE by the number of ones", bce_by_positives, "denominator|batch_split", BINARY | RAW),
    ("BCE, weight on the zeros", bce_weight_on_negatives, "alpha_swapped|classes_swapped", COSTLY | RAW),
    ("focal, modulator without gradient", focal_detached, "detached", {"kind": "binary", "reference": FOCAL} | RAW),
    ("BCE, backward with the wrong sign", bce_backward_sign, "gradient_sign", BINARY | RAW),
    ("BCE, backward by the probability", bce_backward_by_probability, "gradient_of_probability", BINARY | RAW),
    ("squared, backward without its 2", squared_backward_half, "gradient_factor", SQUARED),
    ("squared, cut off", squared_of_nothing, "detached|dead_gradient", SQUARED),
    ("squared, in place", squared_in_place, "in_place", SQUARED),
    ("squared, a column against a row", squared_column, "broadcasting", SQUARED),
    ("squared, centred by the batch", squared_centred, "batch_split", SQUARED),
    ("squared, weights and rows", squared_weights_and_rows, "denominator", SQUARED),
    ("squared, weights not used", squared_weights_unused, "weights_ignored", SQUARED),
    ("root of the mean at zero", root_at_zero, "nan_at_perfect|nan_region", {"kind": "real", "reference": "rmse"}),
    ("absolute as a root", smooth_absolute_of_root, "nan_at_perfect|nan_region",
     {"kind": "real", "reference": "absolute_error"}),
    ("log(cosh)", log_cosh_naive, "overflow_region|nan_region", {"kind": "real", "reference": "log_cosh"}),
    ("quantile, sides swapped", quantile_swapped, "alpha_swapped|arguments_swapped",
     {"kind": "real", "reference": loss("quantile", level=0.9)}),
    ("softmax twice", softmax_twice, "probabilities_taken_for_logits", CLASSES | RAW),
    ("softmax over rows", softmax_over_rows, "axis", CLASSES | RAW),
    ("mean over rows and classes", mean_over_classes, "denominator|axis|value_factor", CLASSES | RAW),
    ("log of softmax", log_of_softmax, "overflow_region|nan_region|dead_gradient", CLASSES | RAW),
    ("right for one-hot only", one_hot_only, "one_hot_only", CLASSES | P),
    ("Kullback-Leibler, arguments swapped", kl_swapped, "arguments_swapped",
     {"kind": "simplex", "reference": "kl_divergence"} | P),
    ("dice of decisions", dice_of_decisions, "dead_gradient|detached",
     {"kind": "binary", "reference": "dice"} | P),
    source="torch",
)  # fmt: skip
