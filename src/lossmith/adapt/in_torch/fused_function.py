"""Value and gradient as one node of autograd: the gradient comes with the value, its own derivative is our hvp.

Comes in: a `Job` and its tensors. Goes out: the value (or every row's own), part of the graph.
The gradient is made once and handed out; a second backward over the same graph makes it anew from the saved tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from lossmith.adapt.in_torch import fused_fast, fused_rows, plain
from lossmith.adapt.in_torch.fused_job import Job, call_of

Slopes: TypeAlias = tuple[Tensor | None, ...]
IS_BATCH: Final = torch._C._functorch.is_batchedtensor
OLD_BATCH: Final[Any] = torch._C._parse_dispatch_key("Batched")
Both: TypeAlias = tuple[Tensor, Tensor | None]


def value_and_gradient(job: Job, input: Tensor, others: Sequence[Tensor], slope: bool) -> Both:
    """The value (or every row's own), and its derivative by the raw predictions if `slope`: by a plan, else on the full path."""
    return fused_fast.value_and_gradient(job, input, others, slope) or fused_rows.value_and_gradient(
        job, input, others, slope=slope
    )


class Fused(torch.autograd.Function):
    """`apply(job, input, *others)`."""

    @staticmethod
    def forward(ctx: Any, job: Job, input: Tensor, *others: Tensor) -> Tensor:
        """The value, and the gradient for later."""
        needs = ctx.needs_input_grad
        both = fused_fast.soonest(job, input, others[0]) if needs[1] and len(needs) == 3 else None
        value, ctx.gradient = both or value_and_gradient(job, input, others, slope=needs[1])
        ctx.job, ctx.alone = job, len(needs) == 3 and not needs[2]
        ctx.save_for_backward(input, *others)
        return value

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Slopes:
        """`grad_output` times the gradient; differentiable where a graph of it is asked for."""
        if torch.is_grad_enabled():
            return _differentiable(ctx.job, ctx.saved_tensors, ctx.needs_input_grad, grad_output)
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is not None and ctx.alone:
            return None, scaled(ctx.job, gradient, grad_output), None
        return _all(ctx.job, ctx.saved_tensors, ctx.needs_input_grad, grad_output, gradient)


def _all(
    job: Job, saved: Sequence[Tensor], needs: Sequence[bool], grad_output: Tensor, gradient: Tensor | None
) -> Slopes:
    """The derivative by every tensor that needs one; `gradient` is that by the raw predictions, if it is at hand."""
    input, *others = saved
    if needs[1] and gradient is None:
        gradient = value_and_gradient(job, input, others, slope=True)[1]
    by_others = [
        fused_rows.gradient_by(job, input, others, j, grad_output) if needed else None
        for j, needed in enumerate(needs[2:])
    ]
    return (None, None if gradient is None else scaled(job, gradient, grad_output), *by_others)


# What autograd.Function.apply does, without the look for functorch's transforms, in which no kernel is used.
in_graph: Final[Callable[..., Tensor]] = super(torch.autograd.Function, Fused).apply


def scaled(job: Job, gradient: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient times `grad_output`, in its own memory; beside it if that is a batch of many (vmap)."""
    try:
        if not job.per_row and float(grad_output) == 1.0:
            return gradient
        return gradient.mul_(spread(job, grad_output, gradient.ndim))
    except RuntimeError:
        if not is_batch(grad_output):
            raise
        return gradient * spread(job, grad_output, gradient.ndim)


def is_batch(tensor: Tensor) -> bool:
    """Whether vmap has put many tensors into one, by its old or its new way."""
    return bool(IS_BATCH(tensor)) or torch._C._dispatch_keys(tensor).has(OLD_BATCH)


def spread(job: Job, grad_output: Tensor, ndim: int) -> Tensor:
    """A number for each row, laid along the classes or heads of the raw predictions; one for all stays as it is."""
    axis = job.axis
    return grad_output if not job.per_row or grad_output.ndim == ndim or axis is None else grad_output.unsqueeze(axis)


def _differentiable(job: Job, saved: Sequence[Tensor], needs: Sequence[bool], grad_output: Tensor) -> Slopes:
    """The same as part of a graph: by our second derivative if only the raw predictions need it, else operation by operation."""
    input, *others = saved
    if any(needs[2:]):
        return (None, *by_operations(job, saved, grad_output, needs[1:]))
    slope = Slope.apply(job, grad_output, input, *others)  # type: ignore[no-untyped-call]
    return (None, slope, *([None] * len(others)))


class Slope(torch.autograd.Function):
    """`apply(job, grad_output, input, *others)`: the gradient times `grad_output`, whose derivative is the hessian's product."""

    @staticmethod
    def forward(ctx: Any, job: Job, grad_output: Tensor, input: Tensor, *others: Tensor) -> Tensor:
        """The gradient, made anew: the one at hand may have been given away."""
        gradient = value_and_gradient(job, input, others, slope=True)[1]
        assert gradient is not None
        ctx.job = job
        ctx.save_for_backward(grad_output, input, *others)
        return scaled(job, gradient, grad_output)

    @staticmethod
    def backward(ctx: Any, direction: Tensor) -> Slopes:
        """By `grad_output` the product with the gradient, by `input` that with the hessian; the rest operation by operation."""
        job, needs = ctx.job, ctx.needs_input_grad
        grad_output, input, *others = saved = ctx.saved_tensors
        if torch.is_grad_enabled() or any(needs[3:]) or is_batch(direction):
            return (None, *second_by_operations(job, saved, direction, needs[1:]))
        by_output = by_input = None
        if needs[1]:
            gradient = value_and_gradient(job, input, others, slope=True)[1]
            assert gradient is not None
            by_output = _added(job, gradient.mul_(direction), grad_output)
        if needs[2]:
            by_input = scaled(job, fused_rows.hessian_times(job, input, others, direction), grad_output)
        return (None, by_output, by_input, *([None] * len(others)))


def _added(job: Job, product: Tensor, like: Tensor) -> Tensor:
    """Added up to one number, or to one for each row."""
    if not job.per_row:
        return product.sum()
    axis = job.axis
    return product if product.ndim == like.ndim or axis is None else product.sum(axis)


# Operation by operation ----------------------------------------------------------------------------------------------


def by_operations(job: Job, tensors: Sequence[Tensor], grad_output: Tensor, needs: Sequence[bool]) -> Slopes:
    """The gradient by every tensor (raw predictions first) that needs one, as a graph of tensor operations."""
    value = plain.apply(call_of(job, tensors[0], tensors[1:]))
    return _asked(value, tensors, needs, grad_output, graph=True)


def second_by_operations(job: Job, saved: Sequence[Tensor], direction: Tensor, needs: Sequence[bool]) -> Slopes:
    """The derivative of the gradient's product with a direction, by `grad_output` and all tensors; in a graph if asked for."""
    graph = torch.is_grad_enabled()
    with torch.enable_grad():
        tensors = (
            saved if graph else [tensor.detach().requires_grad_(n) for tensor, n in zip(saved, needs, strict=True)]
        )
        grad_output, *given = tensors
        given[0] = given[0] if given[0].requires_grad else given[0].detach().requires_grad_()
        value = plain.apply(call_of(job, given[0], given[1:]))
        (slope,) = torch.autograd.grad(value, given[:1], grad_output, create_graph=True)
        return _asked(slope, [grad_output, *given], needs, direction, graph=graph)


def _asked(of: Tensor, tensors: Sequence[Tensor], needs: Sequence[bool], along: Tensor, *, graph: bool) -> Slopes:
    """The derivative along a direction by the tensors that need one, each in its place."""
    asked = [tensor for tensor, needed in zip(tensors, needs, strict=True) if needed]
    found = iter(torch.autograd.grad(of, asked, along, create_graph=graph, allow_unused=True))
    return tuple(next(found) if needed else None for needed in needs)
