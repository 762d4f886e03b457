"""The kernels as operations of torch.library: one opaque node in the graph of torch.compile or torch.export.

Comes in: a `Call`, and the loss as text. Goes out: a tensor. The text is in the graph, so that a saved one runs in a process that
has never seen the loss. An operation costs more than a node of autograd (at 1,000 rows the whole call takes about three times as
long), so that eager mode does without.

Their derivatives: the gradient is the second output of the first operation, whose own derivative is the second operation, our
product with the hessian; the third gives derivatives by targets, weights and columns. Beyond that there is one error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor

from lossmith.adapt.in_torch import fused_rows
from lossmith.adapt.in_torch.call import Call
from lossmith.adapt.in_torch.fused_function import spread, value_and_gradient
from lossmith.adapt.in_torch.fused_job import Job, parts_of
from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss
from lossmith.loss.library import from_json

LIBRARY: Final = torch.library.Library("lossmith", "DEF")
BOTH, PRODUCT, BY = "lossmith::value_and_gradient", "lossmith::hessian_times", "lossmith::gradient_by"
JOB: Final = "str key, str[] slots, bool per_row"


def key_of(loss: Loss) -> str:
    """The loss as text, with how it is computed; what the graph holds of it.

    >>> import lossmith as ls
    >>> loss = ls.get("huber", delta=2)
    >>> loss_of(key_of(loss)) == loss
    True
    """
    return f"{loss.backend} {loss.n_threads or 0} {loss.to_json()}"


@lru_cache(maxsize=256)
def loss_of(key: str) -> Loss:
    """The loss that a text stands for."""
    backend, threads, text = key.split(" ", 2)
    return from_json(text).using("numpy" if backend == "numpy" else "numba", int(threads) or None)


def apply(call: Call, key: str) -> Tensor:
    """The finished number, or every row's own weighted term, as an operation; `key` is `key_of(call.loss)`, made beforehand.

    Raises `AdapterError` LM433 where workers share the rows: what they exchange is no part of a graph.
    """
    if call.workers is not None:
        raise AdapterError(
            "LM433", f'{call.loss.name}: path="fused" in a graph has no workers; leave path= out under torch.compile.'
        )
    slots, others = parts_of(call)
    places = [f"{place} {name}" for place, name in slots]
    slope = torch.is_grad_enabled() and call.input.requires_grad
    value, _ = torch.ops.lossmith.value_and_gradient(call.input, others, key, places, call.per_row, slope)
    found: Tensor = value
    return found


@lru_cache(maxsize=256)
def _job(key: str, slots: tuple[str, ...], per_row: bool) -> Job:
    named = tuple((place, name) for place, _, name in (slot.partition(" ") for slot in slots))
    return Job(loss_of(key), per_row, named, None)


# Value and gradient --------------------------------------------------------------------------------------------------

LIBRARY.define(f"value_and_gradient(Tensor input, Tensor[] others, {JOB}, bool slope) -> (Tensor, Tensor)")


def _both(
    input: Tensor, others: Sequence[Tensor], key: str, slots: Sequence[str], per_row: bool, slope: bool
) -> tuple[Tensor, Tensor]:
    value, gradient = value_and_gradient(_job(key, tuple(slots), per_row), input, others, slope)
    return value, input.new_empty(0) if gradient is None else gradient.contiguous()


def _both_shapes(
    input: Tensor, others: Sequence[Tensor], key: str, slots: Sequence[str], per_row: bool, slope: bool
) -> tuple[Tensor, Tensor]:
    axis = _job(key, tuple(slots), per_row).axis
    examples = list(input.shape)
    if axis is not None and input.ndim > 1:
        del examples[axis]
    return input.new_empty(examples if per_row else ()), input.new_empty(input.shape if slope else 0)


def _keep_both(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    input, others, *ctx.job, ctx.slope = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(input, output[1], *others)


def _both_backward(ctx: Any, grad_value: Tensor | None, grad_gradient: Tensor | None) -> tuple[Any, ...]:
    """The gradient times `grad_value`, and the hessian times the derivative by the gradient."""
    input, gradient, *others = ctx.saved_tensors
    key, slots, per_row = ctx.job
    needs = ctx.needs_input_grad[1]
    parts = []
    if grad_value is not None and ctx.needs_input_grad[0]:
        parts.append(gradient * spread(_job(key, tuple(slots), per_row), grad_value, gradient.ndim))
    if grad_gradient is not None:
        if any(needs):
            raise _beyond("by predictions and by targets or weights at once")
        parts.append(torch.ops.lossmith.hessian_times(input, others, key, slots, per_row, grad_gradient))
    by_others = [
        torch.ops.lossmith.gradient_by(input, others, key, slots, per_row, j, grad_value)
        if needed and grad_value is not None
        else None
        for j, needed in enumerate(needs)
    ]
    return (sum(parts[1:], parts[0]) if parts else None, by_others, None, None, None, None)


# The product with the hessian, and derivatives by the other tensors ----------------------------------------------------

LIBRARY.define(f"hessian_times(Tensor input, Tensor[] others, {JOB}, Tensor direction) -> Tensor")
LIBRARY.define(f"gradient_by(Tensor input, Tensor[] others, {JOB}, int position, Tensor grad_output) -> Tensor")


def _product(
    input: Tensor, others: Sequence[Tensor], key: str, slots: Sequence[str], per_row: bool, direction: Tensor
) -> Tensor:
    return fused_rows.hessian_times(_job(key, tuple(slots), per_row), input, others, direction).contiguous()


def _product_shape(input: Tensor, others: Sequence[Tensor], *rest: Any) -> Tensor:
    return input.new_empty(input.shape)


def _by(
    input: Tensor,
    others: Sequence[Tensor],
    key: str,
    slots: Sequence[str],
    per_row: bool,
    position: int,
    grad_output: Tensor,
) -> Tensor:
    return fused_rows.gradient_by(_job(key, tuple(slots), per_row), input, others, position, grad_output).contiguous()


def _by_shape(input: Tensor, others: Sequence[Tensor], *rest: Any) -> Tensor:
    like = others[rest[3]]
    return like.new_empty(like.shape)


def _keep_nothing(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """The next derivative is refused, so that nothing is kept for it."""


def _refused(ctx: Any, grad_output: Tensor) -> Any:
    raise _beyond("beyond the second, or beyond the first by targets and weights,")


def _beyond(what: str) -> AdapterError:
    return AdapterError(
        "LM432",
        f'there are no derivatives {what} of an operation; leave path="fused" out, and tensor operations give them.',
    )


for _name, _run, _shape, _keep, _backward in (
    (BOTH, _both, _both_shapes, _keep_both, _both_backward),
    (PRODUCT, _product, _product_shape, _keep_nothing, _refused),
    (BY, _by, _by_shape, _keep_nothing, _refused),
):
    LIBRARY.impl(_name.partition("::")[2], _run, "CPU")
    torch.library.register_fake(_name, _shape, lib=LIBRARY)
    torch.library.register_autograd(_name, _backward, setup_context=_keep, lib=LIBRARY)
