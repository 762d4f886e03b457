"""Processes that share one batch: their sums become one, so that the loss is that of all rows.

Comes in: sums of this process (float64, double words side by side), and its `torch.distributed` group. Goes out: the sums
of all, the same bits on every process; or, for a loss of which sums of rows do not say enough, the rows of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, final

import torch
import torch.distributed as dist
from torch import Tensor

from lossmith.adapt.in_torch.batches import Batch, joined
from lossmith.adapt.in_torch.call import Call
from lossmith.compiler import program
from lossmith.errors import AdapterError
from lossmith.formula.definition import Definition
from lossmith.loss.handle import Loss

AVERAGED, SUMMED = "averaged", "summed"


def across(loss: Loss, group: Any = None, gradients: str = AVERAGED) -> Processes:
    """The processes of a group (None: all), as workers of one loss.

    `gradients` says what becomes of the gradients of the processes: "averaged" (DistributedDataParallel, FSDP) or "summed".
    Raises `AdapterError` LM455 for another word.
    """
    if gradients not in (AVERAGED, SUMMED):
        raise AdapterError(
            "LM455",
            f'gradients of several processes are "{AVERAGED}" (as DistributedDataParallel and FSDP do) or "{SUMMED}", '
            f'got "{gradients}".',
        )
    return Processes(loss, group, gradients == AVERAGED)


@final
@dataclass(frozen=True, eq=False)
class Processes:
    """The processes of a `torch.distributed` group; a single one where nothing is distributed.

    `factor` is the number of processes where gradients are averaged later. `seen` holds what they have agreed upon.
    """

    loss: Loss
    group: Any = None
    averaged: bool = True
    seen: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many processes there are."""
        return dist.get_world_size(self.group) if dist.is_available() and dist.is_initialized() else 1

    @property
    def factor(self) -> float:
        """What the gradient of this process is multiplied by."""
        return float(self.size) if self.averaged else 1.0

    def merge(self, op: str, sums: Tensor) -> Tensor:
        """The sums of this process → those of all; every process adds up in the same order, in double words."""
        if self.size == 1:
            return sums
        said = f"{op} of {tuple(sums.shape)} for {self.loss.name} ({_short(self.loss)})"
        self._agree(said)
        own = sums.detach().reshape(-1)
        if not sums.is_cpu:  # a look at marks would wait for the device
            return JOIN[op](self._everyone(own)).reshape(sums.shape)
        everyone = self._everyone(torch.cat([_mark(said), own]))
        _check(everyone[:, 0].tolist(), said)
        return JOIN[op](everyone[:, 1:]).reshape(sums.shape)

    def _everyone(self, own: Tensor) -> Tensor:
        """What each process has, one row for each."""
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own.contiguous(), group=self.group)
        return torch.stack(found)

    def _agree(self, said: str) -> None:
        """The first time: whether all processes are about to do the same."""
        if said not in self.seen:
            everyone: list[Any] = [None] * self.size
            dist.all_gather_object(everyone, said, group=self.group)
            _check(everyone, said)
            self.seen.add(said)

    def gathered(self, call: Call) -> Call:
        """The call with the rows of all processes, for a loss of which their sums do not say enough."""
        if self.size == 1:
            return replace(call, workers=None)
        self._agree(f"rows for {self.loss.name} ({_short(self.loss)})")
        own = Batch(_Scaled.apply(call.input, self.factor), call.target, call.weight, call.columns)
        everyone: list[Any] = [None] * self.size
        dist.all_gather_object(everyone, _moved(own, "cpu"), group=self.group)
        batches = [_moved(batch, call.input.device) for batch in everyone]
        batches[dist.get_rank(self.group)] = own
        whole = joined(call.loss.definition, batches)
        return replace(
            call,
            input=whole.input,
            target=whole.target,
            weight=whole.weight,
            columns=whole.columns,
            workers=None,
        )


def with_all_rows(call: Call) -> Call:
    """The call with the rows of all processes where their sums do not say enough; else the call as it is."""
    if isinstance(call.workers, Processes) and not call.per_row and needs_rows(call.loss.definition):
        return call.workers.gathered(call)
    return call


@lru_cache(maxsize=256)
def needs_rows(definition: Definition) -> bool:
    """Whether sums do not say enough: rows are chosen among all, or a finished number of each group is averaged."""
    plan = program(definition, ("value",), True)
    return plan.chooses or any(node.attr for node in (*plan.counts, *(n for part in plan.passes for n in part.sums)))


class _Scaled(torch.autograd.Function):
    """A tensor as it is, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return input.view_as(input)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return slope * ctx.factor, None


def _moved(batch: Batch, device: Any) -> Batch:
    """The batch without graph, on another device."""

    def move(found: Any) -> Any:
        if isinstance(found, Mapping):
            return {name: move(tensor) for name, tensor in found.items()}
        return None if found is None else found.detach().to(device)

    return Batch(move(batch.input), move(batch.target), move(batch.weight), move(batch.columns))


def _short(loss: Loss) -> str:
    """A few letters that tell losses apart, parameter values included."""
    return hashlib.sha256(repr(loss.content_hash).encode()).hexdigest()[:8]


def _mark(said: str) -> Tensor:
    """What is said as one number."""
    return torch.tensor([float(int(hashlib.sha256(said.encode()).hexdigest()[:12], 16))], dtype=torch.float64)


def _check(everyone: Sequence[Any], own: str) -> None:
    """Refuse to go on where processes compute different things, on every process alike."""
    others = [number for number, found in enumerate(everyone) if found != everyone[0]]
    if others:
        told = f"; process 0 has {everyone[0]}, process {others[0]} {everyone[others[0]]}" * isinstance(
            everyone[0], str
        )
        raise AdapterError(
            "LM456",
            f"the processes compute different things at this point (this one: {own}){told}. Build the same loss on each, "
            "with as many classes, and call criteria in the same order.",
        )


def _added(everyone: Tensor) -> Tensor:
    """Sums in double words along the first axis, rounded once."""
    total, rest = everyone[0], torch.zeros_like(everyone[0])
    for part in everyone[1:]:
        new = total + part
        moved = new - total
        rest = rest + ((total - (new - moved)) + (part - moved))
        total = new
    return torch.where(torch.isfinite(total), total + rest, total)


# How what each process has of a sum becomes what all have; the first axis is that of the processes.
JOIN: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "add": _added,
    "max": lambda everyone: everyone.amax(dim=0),
    "logsumexp": lambda everyone: torch.logsumexp(everyone, dim=0),
}
