"""A job over tensors → tensors, on the full path: every argument is checked, laid out, and named where it is at fault.

Comes in: a `Job` and its tensors. Goes out: the value, its gradient by the raw predictions, by targets, weights and
columns, and products of the hessian with a direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lossmith.adapt.in_torch.fused_job import Job, Slot, arguments, array_of, number_of, tensor_of
from lossmith.adapt.in_torch.fused_workers import run_over
from lossmith.compiler import program
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.node import symbol_of, symbols
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.measure import weighing_columns
from lossmith.kernel.rows import Rows, load
from lossmith.loss.evaluate import _shaped, run_rows, with_direction
from lossmith.runtime import FaultyRowsError, Result


def value_and_gradient(
    job: Job, input: Tensor, others: Sequence[Tensor], *, slope: bool
) -> tuple[Tensor, Tensor | None]:
    """The value (or every row's own), and its derivative by the raw predictions if `slope`, in one pass."""
    rows, result = _evaluated(job, input, others, job.wanted if slope else job.wanted[:1])
    if job.per_row:
        value = tensor_of(_shaped(job.request.definition, "per_example", rows, result), input)
    else:
        value = number_of(float(result.finish["value"][0, 0]), input)
    return value, _by_raw(job, job.wanted[1], rows, result, input) if slope else None


def hessian_times(job: Job, input: Tensor, others: Sequence[Tensor], direction: Tensor) -> Tensor:
    """The second derivative by the raw predictions times a direction of their shape (of every row's own: row by row)."""
    wanted = "per_example_hvp" if job.per_row else "hvp"
    definition = job.request.definition
    y, raw, weight, columns = arguments(job, input, others)
    rows = load(definition, y, raw, weight, columns, parameters=job.request.parameters)
    rows = with_direction(definition, rows, array_of(direction))
    return _by_raw(job, wanted, rows, _run(job, (wanted,), rows), input)


def _evaluated(job: Job, input: Tensor, others: Sequence[Tensor], wanted: tuple[str, ...]) -> tuple[Rows, Result]:
    """Laid out and run; targets are checked on the way, and looked at again if one is at fault."""
    definition, given = job.request.definition, job.request.parameters
    y, raw, weight, columns = arguments(job, input, others)
    rows = load(definition, y, raw, weight, columns, trusting=True, parameters=given)
    try:
        return rows, _run(job, wanted, rows)
    except FaultyRowsError:
        load(definition, y, raw, weight, columns, parameters=given)
        raise


def _run(job: Job, wanted: tuple[str, ...], rows: Rows) -> Result:
    if job.workers is None or job.per_row:
        return run_rows(job.request, wanted, rows)
    return run_over(job.request, wanted, rows, job.workers)


def _by_raw(job: Job, name: str, rows: Rows, result: Result, input: Tensor) -> Tensor:
    found = tensor_of(_shaped(job.request.definition, name, rows, result), input)
    return found if job.workers is None or job.per_row else found.mul_(job.workers.factor)


# By targets, weights and columns ------------------------------------------------------------------------------------


def gradient_by(job: Job, input: Tensor, others: Sequence[Tensor], position: int, grad_output: Tensor) -> Tensor:
    """The derivative by one of the other tensors, in its shape and dtype, times `grad_output`."""
    (place, name), tensor, definition = job.slots[position], others[position], job.loss.definition
    parts = []
    if place == "target" or name in read_columns(definition):
        parts.append(_by_leaf(job, input, others, position))
    if place == "weight" or name in weighing_columns(definition):
        parts.append(_by_weight(job, input, others, position))
    found = [_in_shape(slopes, axis, tensor, grad_output, job.per_row) for slopes, axis in parts]
    return (found[0] if len(found) == 1 else sum(found, torch.zeros_like(tensor))).to(tensor.dtype)


def derives_by(job: Job, slots: Sequence[Slot]) -> bool:
    """Whether there are programs for the derivatives by these tensors; not where stages make other targets of them."""
    definition = job.loss.definition
    weighing = weighing_columns(definition)
    names = [
        "sample_weight" if place == "weight" or (name in weighing and name not in read_columns(definition)) else name
        for place, name in slots
    ]
    if definition.weighs_classes and any(place == "target" for place, _ in slots):
        return False
    try:
        for name in names:
            program(definition, (by_name(job, name or definition.declaration.target[0][0]),), True)
    except UnsupportedError:
        return False
    return True


@lru_cache(maxsize=256)
def read_columns(definition: Definition) -> frozenset[str]:
    """The columns that the formula reads."""
    found = (symbol_of(node) for node in symbols(definition.formula, role="column"))
    return frozenset(symbol.name for symbol in found if symbol is not None) & set(definition.declaration.columns)


def by_name(job: Job, name: str) -> str:
    """What a program is asked for: the derivative by a target, a column or the weights."""
    return f"{job.wanted[1]} by {name}"


Slopes = tuple[Tensor, int | None]
"""Derivatives in float64, in the example shape or that of the raw predictions, and where classes stand in those."""


def _by_leaf(job: Job, input: Tensor, others: Sequence[Tensor], position: int) -> Slopes:
    name = job.slots[position][1] or job.loss.definition.declaration.target[0][0]
    slopes, rows = _by(job, by_name(job, name), input, others)
    return slopes, rows.shape.axis


def _by_weight(job: Job, input: Tensor, others: Sequence[Tensor], position: int) -> Slopes:
    """By the whole weight of a row, times what multiplies this part of it; a row that is absent for another reason has 0."""
    slopes, _ = _by(job, by_name(job, "sample_weight"), input, others)
    ones = [torch.ones_like(t) if j == position else t for j, t in enumerate(others)]
    y, raw, weight, columns = arguments(job, input, ones)
    rest = load(job.loss.definition, y, raw, weight, columns, parameters=job.request.parameters).leaves[WEIGHT]
    factor = torch.from_numpy(rest.astype(np.float64)).reshape(slopes.shape)
    return torch.where(factor == 0, factor, slopes * factor), None


def _by(job: Job, wanted: str, input: Tensor, others: Sequence[Tensor]) -> tuple[Tensor, Rows]:
    rows, result = _evaluated(job, input, others, (wanted,))
    array = result.outputs[f"{wanted}:0"]
    wide = array.ndim > 1
    found = torch.from_numpy(rows.shape.restore(array).astype(np.float64)).reshape(
        rows.shape.full if wide else rows.shape.examples
    )
    return (found if job.workers is None or job.per_row else found * job.workers.factor), rows


def _in_shape(slopes: Tensor, axis: int | None, like: Tensor, grad_output: Tensor, per_row: bool) -> Tensor:
    """Times `grad_output`, added up where one number stands for several rows."""
    along = per_row and axis is not None and slopes.ndim > grad_output.ndim
    found = slopes * (grad_output.unsqueeze(axis) if along else grad_output)  # type: ignore[arg-type]
    return found if like.shape == slopes.shape else found.reshape(*like.shape, -1).sum(-1)
