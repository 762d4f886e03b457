"""What one criterion computes, apart from its tensors; and the way from tensors to arrays and back.

Comes in: a `Call`. Goes out: a `Job` (loss, names of the tensors), the tensors in its order, and arrays over the same memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossmith.adapt.in_torch.call import Call, Workers
from lossmith.errors import AdapterError
from lossmith.loss.evaluate import Request
from lossmith.loss.handle import Loss

Array = NDArray[Any]
Slot = tuple[str, str]
"""Where a tensor belongs: ("target", "" or its name), ("weight", "") or ("columns", its name)."""


@dataclass(frozen=True, eq=False)
class Job:
    """The loss, whether it is wanted row by row, and what the tensors beside the raw predictions are.

    `ready` and `shorts` remember what was made for tensors of one kind.
    """

    loss: Loss
    per_row: bool
    slots: tuple[Slot, ...]
    workers: Workers | None
    ready: dict[Any, Any] = field(default_factory=dict)
    shorts: dict[Any, Any] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        """How the loss is computed: on as many threads as torch would take, unless it says itself."""
        return replace(self.loss._request(), n_threads=self.loss.n_threads or torch.get_num_threads())

    @property
    def wanted(self) -> tuple[str, str]:
        """What one pass gives: the value and its derivative by the raw predictions."""
        return ("per_example", "per_example_gradient") if self.per_row else ("value", "gradient")

    @property
    def axis(self) -> int | None:
        """Where classes or heads stand in the raw predictions of more than one axis; None: nowhere."""
        declaration = self.loss.definition.declaration
        if declaration.heads:
            return -1
        return declaration.class_axis if declaration.has_classes else None


def parts_of(call: Call) -> tuple[tuple[Slot, ...], list[Tensor]]:
    """The tensors beside the raw predictions, and where each belongs."""
    slots: list[Slot] = []
    tensors: list[Tensor] = []
    target = call.target
    named = [("", target)] if isinstance(target, Tensor) else list(target.items())
    for name, tensor in named:
        slots.append(("target", name))
        tensors.append(_tensor(call, name or "target", tensor))
    if call.weight is not None:
        slots.append(("weight", ""))
        tensors.append(_tensor(call, "sample_weight", call.weight))
    for name, tensor in (call.columns or {}).items():
        slots.append(("columns", name))
        tensors.append(_tensor(call, name, tensor))
    return tuple(slots), tensors


def _tensor(call: Call, name: str, found: Any) -> Tensor:
    if not isinstance(found, Tensor):
        raise AdapterError(
            "LM431", f"{call.loss.name}: {name} must be a tensor, got {type(found).__name__}; use torch.as_tensor."
        )
    return found


JOBS: Final[dict[Any, Job]] = {}
MOST_JOBS: Final = 256


def job_of(call: Call, slots: tuple[Slot, ...]) -> Job:
    """The job of a call; remembered, with what is made ready for it, unless workers share it."""
    if call.workers is not None:
        return Job(call.loss, call.per_row, slots, call.workers)
    key = (id(call.loss), call.per_row, slots)
    found = JOBS.get(key)
    if found is None:  # a job holds its loss, so that the id stays its own
        if len(JOBS) >= MOST_JOBS:
            JOBS.clear()
        found = JOBS[key] = Job(call.loss, call.per_row, slots, None)
    return found


def call_of(job: Job, input: Tensor, others: Sequence[Tensor]) -> Call:
    """The call that a job and its tensors stand for."""
    found: dict[str, dict[str, Tensor]] = {"target": {}, "weight": {}, "columns": {}}
    for (place, name), tensor in zip(job.slots, others, strict=True):
        found[place][name] = tensor
    target, weight, columns = found["target"], found["weight"].get(""), found["columns"] or None
    return Call(job.loss, job.per_row, input, target.get("", target), weight, columns, job.workers)


def array_of(tensor: Tensor) -> Array:
    """The numbers of a tensor, without a copy where NumPy has its dtype; half precision becomes float32."""
    plain = tensor.detach()
    if plain.dtype in (torch.float16, torch.bfloat16):
        plain = plain.float()
    return np.asarray(plain.numpy(force=True))


def arguments(
    job: Job, input: Tensor, others: Sequence[Tensor]
) -> tuple[Any, Array, Array | None, dict[str, Array] | None]:
    """y_true, raw_prediction, sample_weight and columns as a loss takes them."""
    call = call_of(job, input, others)
    target = (
        array_of(call.target)
        if isinstance(call.target, Tensor)
        else {name: array_of(tensor) for name, tensor in call.target.items()}
    )
    columns = None if call.columns is None else {name: array_of(tensor) for name, tensor in call.columns.items()}
    return target, array_of(input), None if call.weight is None else array_of(call.weight), columns


def tensor_of(array: Array, like: Tensor) -> Tensor:
    """An array as a tensor of the dtype of another; what is too large for it is infinite."""
    own = array if array.flags.c_contiguous and array.flags.writeable else array.copy()
    return torch.from_numpy(own).to(like.dtype)


def number_of(value: float, like: Tensor) -> Tensor:
    """A 0-d tensor of the dtype of another; what is too large for it is infinite."""
    return torch.scalar_tensor(value, dtype=torch.float64, device="cpu").to(like.dtype)
