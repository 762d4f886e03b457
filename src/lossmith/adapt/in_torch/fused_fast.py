"""Tensors of one kind → arrays for a plan, and back: no copy, no look at what the kernel sees anyway.

Comes in: a `Job` and its tensors. Goes out: value and gradient, or None where the full path must take over: it names what is
at fault, and knows stages, groups and shapes of every sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from lossmith.adapt.in_torch.fused_job import Array, Job, arguments, number_of
from lossmith.adapt.in_torch.fused_plan import Plan, plan_of, walk
from lossmith.adapt.in_torch.fused_short import Short, short_of
from lossmith.errors import LossmithError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node, symbol_of
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.measure import _read
from lossmith.kernel.rows import Rows, domain_of, load
from lossmith.numerics.interval import Interval

SINGLE: Final = np.dtype(np.float32)
LARGEST: Final = 3e38  # beyond it NumPy warns that float32 has no such number
UNKNOWN: Final[Any] = object()
FLAT, HEADS, CLASSES = "flat", "heads", "classes"


Kinds = tuple[tuple[np.dtype[Any], int], ...]


@final
@dataclass(frozen=True, eq=False)
class Ready:
    """A plan, and how tensors become its arrays: where classes or heads stand, which tensors have them, what is checked.

    `staged`: arrays are laid out by the definition's stages, and are of these kinds.
    """

    plan: Plan
    layout: str
    axis: int
    width: int
    full: tuple[bool, ...]
    limits: tuple[tuple[int, Interval | None], ...]
    per_row: int
    gradient: tuple[int, ...]
    staged: Kinds | None
    short: Short | None


def value_and_gradient(
    job: Job, input: Tensor, others: Sequence[Tensor], slope: bool
) -> tuple[Tensor, Tensor | None] | None:
    """The value (or every row's own) and its derivative, where a plan can do it."""
    ready = _found(job, input, others, slope)
    if ready is None:
        return None
    arrays = _arrays(ready, input, others) if ready.staged is None else _staged(ready.staged, job, input, others)
    if arrays is None:
        return None
    done = walk(ready.plan, arrays, job.loss.n_threads or torch.get_num_threads())
    if done is None:
        return None
    value, written = done
    return _value(ready, value, written, input), _gradient(ready, written, input) if slope else None


def soonest(job: Job, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
    """The same for one target and few rows, by the shortest way, if one was made for such tensors."""
    short = job.shorts.get((input.dtype, input.ndim, target.dtype, target.ndim))
    return None if short is None else short(input, target)


def _found(job: Job, input: Tensor, others: Sequence[Tensor], slope: bool) -> Ready | None:
    """What is ready for tensors of this kind, made at the first of them; what raises an error is not remembered."""
    key = (slope, input.dtype, input.ndim, *[(t.dtype, t.ndim) for t in others])
    ready: Ready | None = job.ready.get(key, UNKNOWN)
    if ready is UNKNOWN or (ready is not None and ready.layout is not FLAT and ready.width != input.shape[ready.axis]):
        try:
            ready = job.ready[key] = made_ready(job, input, others, slope)
            if len(others) == 1 and slope:
                kind = (input.dtype, input.ndim, others[0].dtype, others[0].ndim)
                job.shorts[kind] = None if ready is None else ready.short
        except LossmithError:
            return None
    return ready


# From tensors --------------------------------------------------------------------------------------------------------


def _arrays(ready: Ready, input: Tensor, others: Sequence[Tensor]) -> list[Array] | None:
    """The arrays in the order of the plan; None where shapes differ or a number lies outside what the kernel may see."""
    shape = input.shape
    if ready.layout is FLAT:
        arrays, examples = [input.numpy(force=True).ravel()], shape
    else:
        examples = shape[: ready.axis] + shape[ready.axis + 1 :]
        wide = _wide(ready, input)
        arrays = [np.ascontiguousarray(wide[:, j]) for j in range(ready.width)] if ready.layout is HEADS else [wide]
    for tensor, full in zip(others, ready.full, strict=True):
        if tensor.shape != (shape if full else examples):
            return None
        arrays.append(_wide(ready, tensor) if full else _numbers(tensor).ravel())
    for at, interval in ready.limits:
        if not _inside(arrays[at], interval, ready.width):
            return None
    return arrays


def _staged(kinds: Kinds, job: Job, input: Tensor, others: Sequence[Tensor]) -> list[Array] | None:
    """The same where stages weigh, mask, smooth or convert: as rows are laid out; None where those are of another kind."""
    try:
        arrays = list(_rows(job, input, others).leaves.values())
    except LossmithError:
        return None
    return arrays if _kinds(arrays) == kinds else None


def _rows(job: Job, input: Tensor, others: Sequence[Tensor]) -> Rows:
    y, raw, weight, columns = arguments(job, input, others)
    return load(job.loss.definition, y, raw, weight, columns, trusting=True, parameters=job.request.parameters)


def _kinds(arrays: Sequence[Array]) -> Kinds:
    return tuple((array.dtype, array.ndim) for array in arrays)


def _numbers(tensor: Tensor) -> Array:
    """The same memory as an array."""
    found: Array = tensor.numpy(force=True)
    return found


def _wide(ready: Ready, tensor: Tensor) -> Array:
    """(n, classes), contiguous."""
    if ready.axis == tensor.ndim - 1:
        return np.ascontiguousarray(_numbers(tensor)).reshape(-1, ready.width)
    return _numbers(tensor.detach().movedim(ready.axis, -1).contiguous()).reshape(-1, ready.width)


def _inside(array: Array, interval: Interval | None, width: int) -> bool:
    """Whether all numbers are class numbers, or lie in the interval; a NaN lies in none."""
    if array.size == 0:
        return True
    if interval is None:
        return bool(array.view(np.uint64).max() < width)
    if interval.integer:
        return bool(interval.contains(array).all())
    return bool(interval.contains(array.min())) and bool(interval.contains(array.max()))


# To tensors ----------------------------------------------------------------------------------------------------------


def _value(ready: Ready, value: Any, written: list[Array], input: Tensor) -> Tensor:
    if ready.per_row < 0:
        number = value if isinstance(value, float) else float(np.ravel(value)[0])
        if ready.plan.dtype == SINGLE and not -LARGEST < number < LARGEST:
            return number_of(number, input)
        return torch.from_numpy(np.array(number, ready.plan.dtype))
    found, shape = torch.from_numpy(written[ready.per_row]), input.shape
    if ready.layout is FLAT:
        return found if len(shape) == 1 else found.view(shape)
    return found.view(shape[: ready.axis] + shape[ready.axis + 1 :])


def _gradient(ready: Ready, written: list[Array], input: Tensor) -> Tensor:
    shape = input.shape
    if ready.layout is FLAT:
        found = torch.from_numpy(written[ready.gradient[0]])
        return found if len(shape) == 1 else found.view(shape)
    columns = [written[at] for at in ready.gradient]
    found = torch.from_numpy(np.stack(columns, axis=-1) if ready.layout is HEADS else columns[0])
    if ready.layout is not CLASSES or ready.axis == len(shape) - 1:
        return found if found.shape == shape else found.view(shape)
    moved = found.view(*shape[: ready.axis], *shape[ready.axis + 1 :], ready.width).movedim(-1, ready.axis)
    return moved if moved.stride() == input.stride() else moved.contiguous()


# Making ready --------------------------------------------------------------------------------------------------------


def made_ready(job: Job, input: Tensor, others: Sequence[Tensor], slope: bool) -> Ready | None:
    """The plan for tensors of this kind; None where only the full path will do. Raises what the layout of rows raises."""
    if job.workers is not None:
        return None
    rows, definition = _rows(job, input, others), job.loss.definition
    leaves = [_leaf_of(definition, *slot) for slot in job.slots]
    staged = not _plain(definition) or not _as_they_are(rows, input, leaves, others)
    order = list(rows.leaves) if staged else [*definition.roles.raw, *(leaf for leaf in leaves if leaf is not None)]
    rows = replace(rows, leaves={leaf: rows.leaves[leaf] for leaf in order})
    plan = plan_of(job.request, job.wanted if slope else job.wanted[:1], rows)
    return None if plan is None else _ready(job, rows, plan, slope, staged)


def _ready(job: Job, rows: Rows, plan: Plan, slope: bool, staged: bool) -> Ready:
    definition, shape, arrays = job.loss.definition, rows.shape, list(rows.leaves.values())
    heads = len(definition.declaration.heads)
    full = tuple(array.ndim > 1 for array in arrays[len(definition.roles.raw) :])
    limits = tuple(
        (at, None if array.dtype.kind == "i" else interval)
        for at, (leaf, array) in enumerate(rows.leaves.items())
        if (interval := _limit(definition, leaf)) is not None
    )
    return Ready(
        plan,
        FLAT if shape.axis is None else HEADS if heads else CLASSES,
        shape.axis or 0,
        shape.width,
        full,
        limits,
        plan.names.index("per_example:0") if job.per_row else -1,
        tuple(plan.names.index(f"{job.wanted[1]}:{j}") for j in range(heads or 1)) if slope else (),
        _kinds(arrays) if staged else None,
        _short(job, rows, plan, limits) if slope and not job.per_row and not staged else None,
    )


def _short(job: Job, rows: Rows, plan: Plan, limits: Sequence[tuple[int, Interval | None]]) -> Short | None:
    """The shortest way, for (n,) or (n, classes) and one target."""
    shape = rows.shape
    if len(job.slots) != 1 or len(shape.examples) != 1 or job.loss.definition.declaration.heads:
        return None
    if any(interval is not None for _, interval in limits) or shape.axis not in (None, 1):
        return None
    return short_of(plan, bool(limits))


def _as_they_are(rows: Rows, input: Tensor, leaves: Sequence[Any], others: Sequence[Tensor]) -> bool:
    """Whether every leaf is the numbers of a tensor as they lie, in the dtype of the raw predictions (or class numbers)."""
    if any(leaf is None for leaf in leaves):
        return False
    for leaf, tensor in zip(leaves, others, strict=True):
        array = rows.leaves[leaf]
        if array.dtype.kind == "i":
            if tensor.dtype is not torch.int64:
                return False
        elif tensor.dtype is not input.dtype or array.dtype != rows.dtype or tensor.numel() != array.size:
            return False
    return True


def _limit(definition: Definition, leaf: Node) -> Interval | None:
    """What a kernel does not look at: where class targets and whole numbers lie."""
    found = symbol_of(leaf)
    kinds = dict(definition.declaration.target)
    if found is None or found.role != "target":
        return None
    interval = domain_of(kinds[found.name])
    return interval if interval.integer or "class" in leaf.axes else None


def _plain(definition: Definition) -> bool:
    """Whether a row is what its tensors say: no stage weighs, smooths or shifts it, and no group holds it."""
    stages = definition.reweighting or definition.ignored or definition.priors is not None or _read(definition)
    declaration = definition.declaration
    simplex = any(kind == "simplex" for _, kind in declaration.target)
    return not (stages or simplex or "group" in declaration.per or declaration.on == "probability")


def _leaf_of(definition: Definition, place: str, name: str) -> Node | None:
    """The leaf that a tensor is; None for one that is no leaf."""
    declaration, leaves = definition.declaration, definition.roles.leaves
    if place == "weight":
        return WEIGHT
    known = declaration.columns if place == "columns" else [target for target, _ in declaration.target]
    named = name or known[0]
    return leaves[named] if named in known else None
