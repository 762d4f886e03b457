"""Several batches as one: what micro-batches and workers hold, laid side by side along the examples.

Comes in: batches as a criterion takes them. Goes out: one batch of all their rows, and the part of a gradient that belongs
to each. Batches of unequal length along later axes (texts) are filled up with rows of weight 0, which are absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from lossmith.errors import AdapterError
from lossmith.formula.definition import Definition

Targets = Tensor | Mapping[str, Tensor]
Columns = Mapping[str, Tensor] | None
HALVES: Final = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a criterion is called with."""

    input: Tensor
    target: Targets
    weight: Tensor | None = None
    columns: Columns = None


@dataclass(frozen=True)
class Layout:
    """Where the axis of classes or heads stands in raw predictions of so many axes (None: nowhere)."""

    axis: int | None

    @property
    def first(self) -> int:
        """The first example axis of raw predictions, along which batches are laid side by side."""
        return 1 if self.axis == 0 else 0

    def examples(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The example axes of a shape."""
        return tuple(size for j, size in enumerate(shape) if j != self.axis)

    def full(self, examples: Sequence[int], width: int) -> tuple[int, ...]:
        """The shape of raw predictions for these examples."""
        return tuple(examples) if self.axis is None else (*examples[: self.axis], width, *examples[self.axis :])


def layout_of(definition: Definition, axes: int) -> Layout:
    """How raw predictions with so many axes are laid out."""
    declaration = definition.declaration
    if declaration.heads:
        return Layout(axes - 1)
    if not declaration.has_classes or declaration.class_axis is None or axes < 2:
        return Layout(None)
    return Layout(declaration.class_axis % axes)


def joined(definition: Definition, batches: Sequence[Batch]) -> Batch:
    """All rows as one batch. A single batch is returned as it is."""
    if len(batches) == 1:
        return batches[0]
    layout = _common_layout(definition, batches)
    shapes = [layout.examples(batch.input.shape) for batch in batches]
    wide = tuple(max(sizes) for sizes in zip(*(shape[1:] for shape in shapes), strict=True))
    padded = any(shape[1:] != wide for shape in shapes)
    side = _Side(layout, wide, padded)
    return Batch(
        torch.cat([side.fill(batch.input, layout.axis) for batch in batches], dim=layout.first),
        _targets(side, batches),
        _weights(side, batches, shapes),
        _columns(side, batches, shapes),
    )


def parted(whole: Tensor, layout: Layout, shapes: Sequence[Sequence[int]]) -> list[Tensor]:
    """What lies side by side → one tensor for each of these shapes of raw predictions."""
    found, start = [], 0
    for shape in shapes:
        part = whole.narrow(layout.first, start, shape[layout.first])
        start += shape[layout.first]
        for axis, size in enumerate(shape):
            part = part.narrow(axis, 0, size)
        found.append(part)
    return found


def _common_layout(definition: Definition, batches: Sequence[Batch]) -> Layout:
    first = batches[0].input
    layout = layout_of(definition, first.ndim)
    for number, batch in enumerate(batches):
        same = batch.input.ndim == first.ndim and first.ndim > 0
        if not same or (layout.axis is not None and batch.input.shape[layout.axis] != first.shape[layout.axis]):
            raise AdapterError(
                "LM453",
                f"{definition.title}: micro-batches are parts of one batch; raw predictions of shape "
                f"{tuple(batch.input.shape)} (micro-batch {number}) do not fit {tuple(first.shape)}.",
            )
    return layout


@dataclass(frozen=True)
class _Side:
    """How a tensor is brought to the common length of all later example axes."""

    layout: Layout
    wide: tuple[int, ...]
    padded: bool

    def fill(self, tensor: Tensor, axis: int | None, value: Any = 0) -> Tensor:
        """A tensor over all examples (and, at `axis`, classes), with `value` where there is no row."""
        if not self.padded:
            return tensor
        later = [j for j in range(tensor.ndim) if j != axis][1:]
        missing = {j: size - tensor.shape[j] for j, size in zip(later, self.wide, strict=True)}
        ends = [end for j in reversed(range(tensor.ndim)) for end in (0, missing.get(j, 0))]
        return functional.pad(tensor, ends, value=value)

    def target(self, tensor: Tensor) -> Tensor:
        """A target: class numbers, or shares with a class axis."""
        return self.fill(tensor, self.axis_of(tensor))

    def axis_of(self, tensor: Tensor) -> int | None:
        """The class axis of a target, which it has if it has as many axes as raw predictions."""
        return self.layout.axis if tensor.ndim > 1 + len(self.wide) else None


def _targets(side: _Side, batches: Sequence[Batch]) -> Targets:
    first = batches[0].target
    if isinstance(first, Mapping):
        return {name: _laid([_entry(b.target, name) for b in batches], side, name) for name in first}
    return _laid([b.target for b in batches], side, "target")


def _entry(target: Any, name: str) -> Any:
    return target.get(name) if isinstance(target, Mapping) else target


def _laid(targets: Sequence[Any], side: _Side, name: str) -> Tensor:
    if len({t.ndim if isinstance(t, Tensor) else -1 for t in targets}) > 1:
        raise AdapterError("LM453", f"the {name} of some micro-batches has another form than that of others.")
    return torch.cat([side.target(t) for t in targets], dim=1 if side.axis_of(targets[0]) == 0 else 0)


def _weights(side: _Side, batches: Sequence[Batch], shapes: Sequence[tuple[int, ...]]) -> Tensor | None:
    if not side.padded and all(batch.weight is None for batch in batches):
        return None
    return torch.cat(
        [
            side.fill(_spread(_ones(batch, shape) if batch.weight is None else batch.weight, shape), None)
            for batch, shape in zip(batches, shapes, strict=True)
        ]
    )


def _ones(batch: Batch, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
    own = torch.float32 if batch.input.dtype in HALVES else batch.input.dtype
    return torch.ones(shape, dtype=dtype or own, device=batch.input.device)


def _columns(side: _Side, batches: Sequence[Batch], shapes: Sequence[tuple[int, ...]]) -> Columns:
    names = dict.fromkeys(name for batch in batches for name in batch.columns or ())
    return {name: _column(name, side, batches, shapes) for name in names} or None


def _column(name: str, side: _Side, batches: Sequence[Batch], shapes: Sequence[tuple[int, ...]]) -> Tensor:
    found = []
    for number, (batch, shape) in enumerate(zip(batches, shapes, strict=True)):
        column = (batch.columns or {}).get(name)
        if column is None and name != "mask":
            raise AdapterError("LM453", f'micro-batch {number} lacks the column "{name}", which others have.')
        spread = _spread(_ones(batch, shape, torch.bool) if column is None else column, shape)
        own = spread.reshape(-1)[0] if name == "group" and spread.numel() else 0  # no group of its own for no rows
        found.append(side.fill(spread, None, own))
    return torch.cat(found)


def _spread(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A weight or column of a leading part of the example shape, repeated over the rest."""
    if tuple(tensor.shape) != shape[: tensor.ndim]:
        return tensor
    return tensor.reshape(*tensor.shape, *(1 for _ in shape[tensor.ndim :])).expand(shape)
