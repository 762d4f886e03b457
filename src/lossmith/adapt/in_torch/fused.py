"""A criterion on the processor: our kernels, value and gradient in one pass, as one node of autograd.

Comes in: a `Call`. Goes out: a tensor, part of the graph; and whether a call can be taken at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lossmith.adapt.in_torch.call import Call
from lossmith.adapt.in_torch.fused_function import in_graph, value_and_gradient
from lossmith.adapt.in_torch.fused_job import Slot, job_of, parts_of
from lossmith.adapt.in_torch.fused_rows import derives_by

PARAMETER, STRIDED, FLOAT32, FLOAT64 = torch.nn.Parameter, torch.strided, torch.float32, torch.float64
# What torch does with what it is told: asked at every call, so each is found beforehand.
COMPILES, TRACES = torch.compiler.is_compiling, torch._C._get_tracing_state
TRANSFORMS, WRAPPED = torch._C._functorch.peek_interpreter_stack, torch._C._functorch.is_functorch_wrapped_tensor
MODES = torch._C._len_torch_dispatch_stack
ONE_TARGET: Final[tuple[Slot, ...]] = (("target", ""),)


def takes(call: Call) -> bool:
    """Whether the kernels can do it: float32 or float64 on the processor, in eager mode."""
    input, target = call.input, call.target
    if (input.dtype is not FLOAT32 and input.dtype is not FLOAT64) or _watched():
        return False
    if type(target) is Tensor and call.weight is None and not call.columns and not target.requires_grad:
        return _lies_here(input) and _lies_here(target)
    slots, others = parts_of(call)
    if not _lies_here(input) or not all(map(_lies_here, others)):
        return False
    needed = [slot for slot, tensor in zip(slots, others, strict=True) if tensor.requires_grad]
    return not needed or derives_by(job_of(call, slots), needed)


def _lies_here(tensor: Tensor) -> bool:
    return (
        (type(tensor) is Tensor or type(tensor) is PARAMETER)
        and tensor.is_cpu
        and tensor.layout is STRIDED
        and not WRAPPED(tensor)
    )


def _watched() -> bool:
    """Whether someone traces, transforms or differentiates forwards what is done: then it must be tensor operations."""
    return (
        COMPILES() or TRANSFORMS() is not None or MODES() > 0 or TRACES() is not None or forward_ad._current_level >= 0
    )


def apply(call: Call) -> Tensor:
    """The finished number as a 0-d tensor, or every row's own weighted term; part of the graph."""
    input, target = call.input, call.target
    others: Sequence[Tensor]
    if isinstance(target, Tensor) and call.weight is None and not call.columns and call.workers is None:
        slots, others = ONE_TARGET, (target,)
    else:
        slots, others = parts_of(call)
    job = job_of(call, slots)
    if torch.is_grad_enabled() and (input.requires_grad or any(t.requires_grad for t in others)):
        return in_graph(job, input, *others)
    return value_and_gradient(job, input, others, slope=False)[0]
