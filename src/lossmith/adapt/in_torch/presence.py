"""Whether a batch has a row that counts, for a loss with masks, ignored targets and weights; never looked at, only computed.

Comes in: a criterion and what it is called with. Goes out: yes or no as a 0-d tensor on the device of the raw predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from lossmith.adapt.in_torch import plain
from lossmith.adapt.in_torch.call import Call
from lossmith.adapt.in_torch.criterion import Criterion, Targets
from lossmith.calculus.additivity import TOTAL
from lossmith.formula.definition import Definition
from lossmith.loss.handle import Loss


def has_rows(
    criterion: Criterion,
    input: Tensor,
    target: Targets,
    weight: Tensor | None = None,
    columns: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Whether the rows weigh anything, those of all processes together where the criterion has workers."""
    loss, workers = criterion.loss, criterion.workers
    definition = loss.definition
    masked = columns is not None and "mask" in columns
    if weight is None and not (masked or definition.ignored or definition.reweighting):
        total = torch.full((), input.numel(), dtype=torch.float32, device=input.device)
    else:
        with torch.no_grad():
            total = plain.apply(Call(_weight_of(loss), False, input.detach(), target, weight, columns))
    if workers is not None:
        total = workers.merge("add", total.double().reshape(1))[0]
    return total != 0


def _weight_of(loss: Loss) -> Loss:
    return Loss(_definition(loss.definition), loss.values, loss.backend, loss.n_threads)


@lru_cache(maxsize=256)
def _definition(definition: Definition) -> Definition:
    """The total weight of the rows as a formula of its own."""
    return replace(definition, name=f"weight of {definition.name}", formula=TOTAL, smoothing=(), empty="zero")
