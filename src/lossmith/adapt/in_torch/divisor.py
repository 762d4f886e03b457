"""What the sum over rows is divided by, where targets and weights say it: the total weight, the positives, a count.

Comes in: a loss and micro-batches without raw predictions. Goes out: the share of each micro-batch in the divisor of all.
Times this share, a micro-batch's own loss is its part of the loss of all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, final

import torch
from torch import Tensor

from lossmith.adapt.in_torch import plain
from lossmith.adapt.in_torch.batches import Batch, Targets, joined, layout_of
from lossmith.adapt.in_torch.call import Call, Workers
from lossmith.adapt.in_torch.workers import Processes
from lossmith.calculus.additivity import ONE
from lossmith.compiler import expressions
from lossmith.formula.definition import Definition
from lossmith.loss.handle import Loss


def divisor_of(criterion: Any, targets: Iterable[Targets]) -> Divisor | None:
    """The divisor of a criterion; None where it is no sum over rows, or says something else than 0 where no row is."""
    loss, form = criterion.loss, getattr(criterion, "form", None)
    if form is not None and not _as_ours(form, targets):
        return None
    if loss.expressions.additive is None or loss.definition.empty != "zero":
        return None
    if loss.expressions.additive.denominator is ONE:
        return Divisor(loss, None)
    definition = _definition(loss.definition)
    return Divisor(loss, Loss(definition, loss.values, loss.backend, loss.n_threads))


def _as_ours(form: Any, targets: Iterable[Targets]) -> bool:
    """Whether a form of one of torch's losses divides as our loss does, for targets like these."""
    shares = any(isinstance(target, Tensor) and target.is_floating_point() for target in targets)
    return form.part.divisor is None and not form.fills and not (form.classes and shares)


@lru_cache(maxsize=256)
def _definition(definition: Definition) -> Definition:
    """The divisor as a formula of its own, over the same rows; what smooths targets stands in it already."""
    additive = expressions(definition).additive
    assert additive is not None
    smoothing = definition.smoothing if definition.weighs_classes else ()
    return replace(definition, name=f"divisor of {definition.name}", formula=additive.denominator, smoothing=smoothing)


@final
@dataclass(frozen=True, eq=False)
class Divisor:
    """The loss and its divisor, itself a loss of the same rows; None where nothing is divided."""

    loss: Loss
    formula: Loss | None

    def shares(self, batches: Sequence[Batch], width: int, workers: Workers | None) -> list[Tensor]:
        """For each batch its own divisor over that of all batches (and workers); raw predictions are not looked at."""
        if self.formula is None:
            return [torch.ones((), dtype=torch.float64) for _ in batches]
        if isinstance(workers, Processes):
            workers = replace(workers, loss=self.formula)
        whole = self._found(self.formula, joined(self.loss.definition, batches), width, workers)
        own = [self._found(self.formula, batch, width, None) for batch in batches]
        return [torch.where(found == 0, found, found / whole) for found in own]

    def _found(self, formula: Loss, batch: Batch, width: int, workers: Workers | None) -> Tensor:
        layout = layout_of(self.loss.definition, batch.input.ndim)
        shape = layout.full(layout.examples(batch.input.shape), width)
        blank = batch.input.new_zeros(()).expand(shape)
        with torch.no_grad():
            return plain.apply(Call(formula, False, blank, batch.target, batch.weight, batch.columns, workers))
