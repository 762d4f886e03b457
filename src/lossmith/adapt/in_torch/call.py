"""One call of a criterion, as both ways of computing it take it.

Comes in: nothing (records only). Goes out: `Call`, and what sums of several processes are merged by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lossmith.loss.handle import Loss


class Workers(Protocol):
    """Processes that share one batch: what each has of a sum becomes what all have."""

    @property
    def factor(self) -> float:
        """What the gradient of this process is multiplied by: their number where gradients are averaged later, else 1."""

    def merge(self, op: str, sums: Tensor) -> Tensor:
        """The sums (any shape, float64) of this process → those of all; `op` is "add", "max" or "logsumexp"."""


@dataclass(frozen=True, eq=False)
class Call:
    """What is computed (`loss`; its finished number, or with `per_row` each row's own weighted term) of which tensors.

    `input` are raw predictions; `target` a tensor, or a mapping where the loss declares several; `weight` has a leading
    part of the example shape; `columns` are the declared extra columns, "mask" and "group". `workers` merge sums. `key`: the
    number under which a criterion has noted its loss for graphs, in which older PyTorch takes no object for a constant.
    """

    loss: Loss
    per_row: bool
    input: Tensor
    target: Tensor | Mapping[str, Tensor]
    weight: Tensor | None = None
    columns: Mapping[str, Tensor] | None = None
    workers: Workers | None = None
    key: int | None = None
