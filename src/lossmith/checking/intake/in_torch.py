"""PyTorch criteria: modules, classes of modules, functions of tensors. Gradients are those of autograd.

Comes in: the criterion. Goes out: `Opened`. PyTorch is loaded already where a thing is its own; here it is only used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from lossmith.checking.intake.code import Arguments, arguments, modules_used, takes_said, title
from lossmith.checking.intake.hints import Bind, CallError, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.intake.plain import instance, order_said, rather_classes
from lossmith.checking.intake.returned import ShapeError, finding_of
from lossmith.checking.intake.tensors import MOST, checked_value, diagonal, rows_touch
from lossmith.checking.subject import Answer, Array, Call, Takes
from lossmith.errors import ArgumentError

BOTH: Final = frozenset({"value", "gradient", "hessian"})
OF_LOGARITHM: Final = frozenset({"NLLLoss", "nll_loss", "KLDivLoss", "kl_div"})
"""What takes logarithms of probabilities: it is handed those of the probabilities that it is checked with."""

FLAGS: Final[Mapping[str, tuple[str, str, Mapping[bool, Takes]]]] = {
    "PoissonNLLLoss": ("log_input", "count", {True: "raw", False: "probability"}),
}
"""Modules of which an attribute says what they take."""


def is_of_torch(thing: Any) -> bool:
    """Whether it is PyTorch's, or computes with it."""
    return callable(thing) and "torch" in modules_used(thing)


def open_torch(thing: Any, hints: Hints) -> Opened:
    """(input, target) unless the names say otherwise; targets as numbers or as whole numbers."""
    made, name = _made(thing), title(thing)
    told = arguments(_signed(made))
    first = bool(told.target_first)
    of_log = name in OF_LOGARITHM
    takes, kind = _flagged(made, name)
    way = Way(
        form="torch",
        bind=_bind(made, told, target_first=first, of_log=of_log),
        weighted=told.weight is not None,
        says="probability" if of_log else takes or takes_said(name) or told.says,
        kind=kind,
        said=order_said(told, first) if told.target_first is None else (),
    )
    return Opened(name, (way,), rather_classes(made, name))


def _made(thing: Any) -> Any:
    try:
        return instance(thing)
    except TypeError as error:
        raise ArgumentError(
            "LM353", f"{title(thing)}: the class wants arguments ({error}). Give an object that is made with them."
        ) from None
    except Exception as error:
        raise CallError(title(thing), finding_of(error, "no arguments, to make an object")) from None


def _signed(made: Any) -> Any:
    """What holds the arguments: `forward` of a module."""
    return getattr(made, "forward", made)


def _flagged(made: Any, name: str) -> tuple[Takes | None, str | None]:
    if name not in FLAGS:
        return None, None
    attribute, kind, takes = FLAGS[name]
    return takes[bool(getattr(made, attribute))], kind


def _bind(made: Any, told: Arguments, *, target_first: bool, of_log: bool) -> Bind:
    import torch

    def bind(layout: Layout) -> Call:
        touching: list[bool] = []
        twice: list[bool] = [True]

        def run(y_true: Array, leaf: Any, sample_weight: Array | None) -> Any:
            target = torch.from_numpy(np.ascontiguousarray(_cast(y_true, layout, leaf)))
            handed = leaf.log() if of_log else leaf.clone()
            both = (target, handed) if target_first else (handed, target)
            extra = {}
            if sample_weight is not None and told.weight is not None:
                extra[told.weight] = torch.from_numpy(sample_weight)
            return made(*both, **extra), handed

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            leaf = torch.from_numpy(np.array(prediction)).requires_grad_()
            found, handed = run(y_true, leaf, sample_weight)
            if not isinstance(found, torch.Tensor):
                raise ShapeError(f"it returns {type(found).__name__}, no tensor")
            _show_changes(prediction, handed, of_log=of_log)
            value = checked_value(found.detach().numpy(), prediction.shape)
            slope = _slope(torch, found, leaf, again=twice[0])
            if slope is None:
                return Answer(value, np.zeros_like(prediction))
            bend = _bend(torch, slope, leaf, touching) if twice[0] else None
            twice[0] = bend is not None
            return Answer(value, slope.detach().numpy(), bend)

        return call

    return bind


def _cast(y_true: Array, layout: Layout, leaf: Any) -> Array:
    """Whole numbers where the layout says so, else the format of the predictions."""
    return y_true.astype(np.int64) if layout.whole else y_true.astype(leaf.detach().numpy().dtype, copy=False)


def _show_changes(prediction: Array, handed: Any, *, of_log: bool) -> None:
    """What the criterion did to its input shows in the array that was handed over."""
    after = handed.detach().numpy()
    if not of_log and prediction.flags.writeable and not np.array_equal(after, prediction, equal_nan=True):
        prediction[...] = after


def _slope(torch: Any, found: Any, leaf: Any, *, again: bool) -> Any:
    """The gradient of the sum; None where nothing of the value depends on the prediction."""
    if not found.requires_grad:
        return None
    (slope,) = torch.autograd.grad(found.sum(), leaf, create_graph=again, allow_unused=True)
    return slope


def _bend(torch: Any, slope: Any, leaf: Any, touching: list[bool]) -> Array | None:
    """The diagonal of the hessian; None where autograd has none, or where rows touch and there are many."""
    shape = tuple(leaf.shape)
    if not slope.requires_grad:
        return np.zeros(shape, leaf.detach().numpy().dtype)

    def along(direction: Array) -> Array:
        d = torch.from_numpy(direction).to(leaf.dtype)
        (product,) = torch.autograd.grad(slope, leaf, d, retain_graph=True, allow_unused=True)
        return np.zeros(shape) if product is None else np.asarray(product.numpy())

    try:
        if not touching:
            touching.append(rows_touch(along, shape))
        if touching[0] and np.prod(shape) > MOST:
            return None
        return diagonal(along, shape, exact=touching[0]).astype(leaf.detach().numpy().dtype)
    except RuntimeError:
        return None
