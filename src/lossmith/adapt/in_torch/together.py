"""All micro-batches seen at once: the loss of all rows, and its gradient by the raw predictions of each.

Comes in: a criterion (or the tasks of `lossmith.tasks`), micro-batches, and their raw predictions without graph.
Goes out: `Whole`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lossmith.adapt.in_torch.batches import HALVES, Batch, joined, layout_of, parted
from lossmith.adapt.in_torch.tasks import Tasks
from lossmith.formula.definition import Definition

Outputs = tuple[Tensor, ...]
"""What a network puts out for one micro-batch: raw predictions, or those of each task in the order of names."""
Slope = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Whole:
    """The loss of all rows, its gradients by the outputs of each micro-batch, and by parameters of the criterion's own."""

    value: Tensor
    gradients: list[Outputs]
    own: tuple[Slope, ...]


def outputs_of(criterion: nn.Module, made: Any) -> Outputs:
    """The raw predictions that a micro-batch has made, in order."""
    if isinstance(criterion, Tasks) and isinstance(made, Mapping):
        return tuple(made[name] for name in criterion.names if name in made)
    return (made,)


def seen_together(criterion: Any, rests: Sequence[tuple[Any, ...]], outputs: list[Outputs]) -> Whole:
    """The criterion over all rows; `rests` are what micro-batches have beside their raw predictions. Empties `outputs`."""
    several = isinstance(criterion, Tasks)
    batches = [
        _by_task(criterion, *pair) if several else [Batch(pair[0][0], *pair[1])]
        for pair in zip(outputs, rests, strict=True)
    ]
    shapes = [[tuple(batch.input.shape) for batch in found] for found in batches]
    definitions = _definitions(criterion)
    wholes = [joined(definition, [found[j] for found in batches]) for j, definition in enumerate(definitions)]
    outputs.clear()
    batches.clear()
    leaves = [(w.input.float() if w.input.dtype in HALVES else w.input).detach().requires_grad_() for w in wholes]
    parameters = [p for p in criterion.parameters() if p.requires_grad]
    with torch.enable_grad():
        value = _called(criterion, leaves, wholes)
        found = torch.autograd.grad(value, [*leaves, *parameters], allow_unused=True)
    slopes = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, found, strict=False)]
    cut = [
        parted(slope, layout_of(definition, slope.ndim), [shape[j] for shape in shapes])
        for j, (definition, slope) in enumerate(zip(definitions, slopes, strict=True))
    ]
    own = tuple((p, g) for p, g in zip(parameters, found[len(leaves) :], strict=True) if g is not None)
    return Whole(value.detach(), list(zip(*cut, strict=True)), own)


def _definitions(criterion: Any) -> list[Definition]:
    criteria: list[Any] = [*criterion.criteria] if isinstance(criterion, Tasks) else [criterion]
    return [one.loss.definition for one in criteria]


def _by_task(tasks: Tasks, outputs: Outputs, rest: tuple[Any, ...]) -> list[Batch]:
    """A batch for each task."""
    target, weight, masks, columns = (*rest, None, None, None)[:4]
    return [
        Batch(*call)
        for call in tasks._calls(dict(zip(tasks.names, outputs, strict=False)), target, weight, masks, columns)
    ]


def _called(criterion: Any, leaves: Sequence[Tensor], wholes: Sequence[Batch]) -> Tensor:
    if not isinstance(criterion, Tasks):
        found: Tensor = criterion(leaves[0], wholes[0].target, wholes[0].weight, columns=wholes[0].columns)
        return found
    named = dict(zip(criterion.names, wholes, strict=True))
    weights = {name: w.weight for name, w in named.items() if w.weight is not None}
    columns = {name: w.columns for name, w in named.items() if w.columns is not None}
    inputs = dict(zip(criterion.names, leaves, strict=True))
    total: Tensor = criterion(inputs, {name: w.target for name, w in named.items()}, weights, columns=columns)
    return total
