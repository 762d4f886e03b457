"""A balancer as a PyTorch module: its state as buffers, its learned numbers as parameters.

Comes in: a `Balance` (what `algebra.balance` knows of it). Goes out: `Balancer`, from values of tasks to their total and
weights. State keeps its precision (`.half()` does not touch it), lies where the module lies, and is never looked at.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from lossmith.algebra.balance import Balance, balanced
from lossmith.errors import AdapterError


@final
class Balancer(nn.Module):
    """The state of a balancer, one entry for each task in the order of their names; made by `lossmith.tasks`."""

    def __init__(self, balance: Balance) -> None:
        super().__init__()
        self.balance = balance
        for name, first in balance.start().items():
            self.register_buffer(name, torch.as_tensor(first))
        for name, first in balance.start_learned().items():
            self.register_parameter(name, nn.Parameter(torch.as_tensor(first, dtype=torch.get_default_dtype())))

    def forward(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The total, as part of the graph of `values`, and the weights, without graph; both in the state's precision.

        The state moves on in training mode, unless gradients are switched off (as while validating).
        """
        if self.balance.method.not_negative:
            self._check_signs(values)
        found = balanced(
            self.balance,
            values.detach(),
            self._state(),
            present=present,
            learned=dict(self._parameters),
            in_graph=values,
            advance=self.training and torch.is_grad_enabled(),
            xp=torch,
        )
        self._set(found.state)
        return found.total, found.weights.detach()

    def end_epoch(self) -> None:
        """What happens to the state at the end of an epoch: nothing, where the balancer knows none."""
        self._set(self.balance.method.end_epoch(self._state(), torch))

    def extra_repr(self) -> str:
        """The balancer with its settings."""
        said = [f"{name}={given!r}" for name, given in self.balance.stated().items()]
        return ", ".join([self.balance.method.name, *said])

    def _state(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self._buffers.items() if tensor is not None}

    def _set(self, state: Any) -> None:
        with torch.no_grad():
            for name, own in self._state().items():
                if state[name] is not own:
                    own.copy_(state[name])

    def _check_signs(self, values: Tensor) -> None:
        """A value below 0 has no logarithm: said where a look costs nothing; elsewhere the total is NaN."""
        if (
            not values.is_cpu
            or torch.compiler.is_compiling()
            or torch._C._functorch.is_functorch_wrapped_tensor(values)
        ):
            return
        for name, value in zip(self.balance.tasks, values.detach().tolist(), strict=True):
            if value < 0:
                raise AdapterError(
                    "LM464",
                    f'balance="{self.balance.method.name}" needs losses that are never negative, and {name!r} is '
                    f'{value:.6g}. Use balance="uncertainty", or a loss that is bounded by 0.',
                )

    def _apply(self, fn: Any, recurse: bool = True) -> Balancer:
        """Move; numbers of the state keep their precision, as far as the device has it."""
        kept = dict(self._buffers)
        self._buffers.clear()
        super()._apply(fn, recurse)
        for name, tensor in kept.items():
            assert tensor is not None
            device = fn(torch.empty(0, dtype=torch.float32, device=tensor.device)).device
            wanted = precision(device) if tensor.is_floating_point() else tensor.dtype
            self._buffers[name] = tensor.to(device, wanted)
        return self


def precision(device: torch.device) -> torch.dtype:
    """What values of tasks are added up in."""
    return torch.float32 if device.type == "mps" else torch.float64
