"""Several tasks as one PyTorch module: a criterion for each, and a balancer that makes one number of their values.

Comes in: losses by name, raw predictions and targets by name. Goes out: `Tasks`, which gives a 0-d tensor to differentiate,
the value of each task on its own, and what to log. Tasks go in the order of their names, however they are given.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from lossmith.adapt.in_torch.balancers import Balancer, precision
from lossmith.adapt.in_torch.criterion import Criterion, Targets, criterion_of
from lossmith.adapt.in_torch.fused_function import is_batch
from lossmith.adapt.in_torch.presence import has_rows
from lossmith.adapt.in_torch.workers import AVERAGED
from lossmith.algebra.balance import Balance, balance_of, check_names
from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss
from lossmith.loss.library import get

ByTask = Tensor | Mapping[str, Tensor] | None
Columns = Mapping[str, Mapping[str, Tensor]] | None
NEEDS_LOSSES: Final = 'tasks takes losses by name, as in ls.tasks({"price": ls.get("huber"), "sold": "log_loss"})'


def tasks_of(losses: Mapping[str, Any], balance: Any, settings: Mapping[str, Any]) -> Tasks:
    """What `lossmith.tasks` gives; see there."""
    if not isinstance(losses, Mapping) or not losses:
        raise AdapterError("LM460", f"{NEEDS_LOSSES}, got {losses!r}.")
    for name in losses:
        if not isinstance(name, str) or not name:
            raise AdapterError("LM460", f"{NEEDS_LOSSES}; a name must be a text, got {name!r}.")
    criteria = {name: _criterion(name, losses[name]) for name in losses}
    return Tasks(criteria, balance_of(balance, settings, [*criteria]))


def _criterion(name: str, given: Any) -> Criterion:
    if isinstance(given, str):
        given = get(given)
    if not isinstance(given, Criterion):
        if not isinstance(given, Loss | nn.Module):
            raise AdapterError("LM460", f"{NEEDS_LOSSES}; {name!r} is a {type(given).__name__}.")
        given = criterion_of(given, None, None, "auto", None, None)
    if given.per_row:
        raise AdapterError(
            "LM466", f'task {name!r} gives one number for each row; leave reduction="none" out, so that it gives one.'
        )
    return given


@dataclass(eq=False)
class Seen:
    """What was seen of one batch, without graph; norms and the slope of the total are filled in by the backward pass."""

    values: dict[str, Tensor]
    weights: dict[str, Tensor]
    norms: dict[str, Tensor] = field(default_factory=dict)
    slope: Tensor | None = None


@final
class Tasks(nn.Module):
    """Losses of several tasks as one; made by `lossmith.tasks`.

    `.criteria` are those of the tasks, in the order of `.names`; `.balancer` holds state and learned weights. Both travel in
    `state_dict`, so that a training that goes on draws and weighs as if it had not been broken off.
    """

    def __init__(self, criteria: Mapping[str, Criterion], balance: Balance) -> None:
        super().__init__()
        self.names = balance.tasks
        self.criteria = nn.ModuleList([criteria[name] for name in self.names])
        self.balancer = Balancer(balance)
        self._seen: Seen | None = None

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        targets: Targets | Mapping[str, Targets],
        sample_weight: ByTask = None,
        masks: ByTask = None,
        *,
        columns: Columns = None,
    ) -> Tensor:
        """The balanced total as a 0-d tensor.

        `inputs` has raw predictions for each task. `targets`, `sample_weight` and `masks` (yes where a row counts) are one
        tensor for all tasks, or a mapping by task; weights and masks may leave tasks out. `columns[task]` are that task's
        declared columns. A task without a row that counts adds 0, with gradient 0, and the balancer takes no notice of it.
        Raises `AdapterError` LM463 for a task that is missing or unknown.
        """
        calls = self._calls(inputs, targets, sample_weight, masks, columns)
        watched = self._watched(calls)
        found = [
            (criterion(*call[:3], columns=call[3]), has_rows(_own(criterion), *call))
            for criterion, call in zip(self.criteria, calls, strict=True)
        ]
        kept = precision(found[0][0].device)
        values = torch.stack([value.to(kept) for value, _ in found])
        total, weights = self.balancer(values, torch.stack([present for _, present in found]))
        dtype = found[0][0].dtype
        for value, _ in found[1:]:
            dtype = torch.promote_types(dtype, value.dtype)
        total = total.to(dtype)
        self._note(values.detach(), weights, total, watched)
        return total

    def values(
        self,
        inputs: Mapping[str, Tensor],
        targets: Targets | Mapping[str, Targets],
        sample_weight: ByTask = None,
        masks: ByTask = None,
        *,
        columns: Columns = None,
    ) -> dict[str, Tensor]:
        """The value of each task with its own graph, in the order of names: for what works on the gradients of tasks.

        The balancer is not asked, and its state stays as it is.

        >>> import torch, lossmith as ls
        >>> tasks = ls.tasks({"price": "mae", "sold": "log_loss"})
        >>> z = torch.zeros(2)
        >>> tasks.values({"price": z, "sold": z}, {"price": torch.tensor([3.0, 5.0]), "sold": torch.ones(2)})
        {'price': tensor(4.), 'sold': tensor(0.6931)}
        """
        calls = self._calls(inputs, targets, sample_weight, masks, columns)
        found = zip(self.names, self.criteria, calls, strict=True)
        return {name: criterion(*call[:3], columns=call[3]) for name, criterion, call in found}

    def end_epoch(self) -> None:
        """Tell a balancer that averages over epochs (dynamic weight average) that one is over; others do nothing.

        >>> import lossmith as ls
        >>> ls.tasks({"a": "mae"}, balance="dynamic_weight_average").end_epoch()
        """
        self.balancer.end_epoch()

    @property
    def log(self) -> dict[str, Tensor]:
        """Of the last batch, for each task, "name/value", "name/weight" and, after the backward pass, "name/gradient_norm".

        0-d tensors without graph, on their device: nothing has waited for them. The norm is that of the gradient of the
        total by the raw predictions of this task, weight included.
        Raises `AdapterError` LM467 before the first batch.
        """
        if self._seen is None:
            raise AdapterError("LM467", "there is nothing to log before the first batch.")
        seen, found = self._seen, {}
        for name in self.names:
            found[f"{name}/value"], found[f"{name}/weight"] = seen.values[name], seen.weights[name]
            if name in seen.norms and seen.slope is not None:
                found[f"{name}/gradient_norm"] = seen.norms[name] / seen.slope.abs()
        return found

    def report(self) -> dict[str, float]:
        """`log` as plain numbers; on another device than the processor this waits for them.

        >>> import torch, lossmith as ls
        >>> tasks = ls.tasks({"price": "mae", "sold": "log_loss"}, balance={"price": 0.5, "sold": 1.0})
        >>> z = torch.zeros(2, requires_grad=True)
        >>> tasks({"price": z, "sold": z}, {"price": torch.tensor([3.0, 5.0]), "sold": torch.ones(2)}).backward()
        >>> {name: round(number, 3) for name, number in tasks.report().items() if name.startswith("price")}
        {'price/value': 4.0, 'price/weight': 0.5, 'price/gradient_norm': 0.354}
        """
        return {name: tensor.item() for name, tensor in self.log.items()}

    def across(self, group: Any = None, *, gradients: str = AVERAGED) -> Tasks:
        """The same tasks over the rows of all processes of a `torch.distributed` group, so that all balance alike.

        State and parameters are shared with the tasks it is made of. `gradients` as in `Criterion.across`.
        """
        made = copy.copy(self)
        made._modules = dict(self._modules)
        made.criteria = nn.ModuleList([_own(c).across(group, gradients=gradients) for c in self.criteria])
        return made

    def extra_repr(self) -> str:
        """The names."""
        return ", ".join(self.names)

    # One batch --------------------------------------------------------------------------------------------------------

    def _calls(self, inputs: Any, targets: Any, weight: Any, masks: Any, columns: Any) -> list[tuple[Any, ...]]:
        """What each criterion is called with: input, target, weight, columns."""
        if not isinstance(inputs, Mapping):
            raise AdapterError("LM463", f"inputs must be a mapping from tasks to tensors, got {type(inputs).__name__}.")
        check_names("inputs", inputs, self.names)
        target = self._each("targets", targets, all_of_them=True)
        weights, mask = self._each("sample_weight", weight), self._each("masks", masks)
        others = self._each("columns", {} if columns is None else columns)
        calls = []
        for name in self.names:
            given = {**(others[name] or {}), **({} if mask[name] is None else {"mask": mask[name]})}
            calls.append((inputs[name], target[name], weights[name], given or None))
        return calls

    def _each(self, what: str, given: Any, *, all_of_them: bool = False) -> dict[str, Any]:
        """One thing for all tasks, or one for each of those that a mapping names."""
        if not isinstance(given, Mapping):
            return dict.fromkeys(self.names, given)
        check_names(what, given, self.names, all_of_them=all_of_them)
        return {name: given.get(name) for name in self.names}

    def _watched(self, calls: list[tuple[Any, ...]]) -> list[tuple[str, Tensor]]:
        """Raw predictions whose gradients are seen in the backward pass; they take the place of those that were given."""
        if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
            return []
        watched = []
        for number, (name, call) in enumerate(zip(self.names, calls, strict=True)):
            if isinstance(call[0], Tensor) and call[0].requires_grad and torch.is_grad_enabled():
                view = call[0].view_as(call[0])
                watched.append((name, view))
                calls[number] = (view, *call[1:])
        return watched

    def _note(self, values: Tensor, weights: Tensor, total: Tensor, watched: list[tuple[str, Tensor]]) -> None:
        if torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(values):
            self._seen = None
            return
        self._seen = seen = Seen(
            dict(zip(self.names, values, strict=True)), dict(zip(self.names, weights, strict=True))
        )
        for name, view in watched:
            view.register_hook(partial(_keep_norm, seen, name))
        if watched and total.requires_grad:
            total.register_hook(partial(_keep_slope, seen))

    # Saved and loaded -------------------------------------------------------------------------------------------------

    def get_extra_state(self) -> Tensor:
        """Names and balancer as JSON, in a tensor of bytes."""
        return torch.frombuffer(bytearray(json.dumps(self.balancer.balance.record()).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state of other tasks, or of another balancer."""
        own = json.loads(json.dumps(self.balancer.balance.record()))
        try:
            found = json.loads(bytes(state.cpu().tolist()))
        except (ValueError, TypeError, AttributeError):
            found = None
        if found != own:
            raise AdapterError(
                "LM465", f"the saved tasks are {found}, and these {own}. Build the tasks with what was saved."
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_seen": None}


def _own(module: nn.Module) -> Criterion:
    assert isinstance(module, Criterion)
    return module


def _keep_norm(seen: Seen, name: str, gradient: Tensor) -> None:
    if not is_batch(gradient):
        wide = gradient.detach()
        dtype = wide.dtype if wide.dtype in (torch.float32, torch.float64) else torch.float32
        seen.norms[name] = torch.linalg.vector_norm(wide, dtype=dtype)


def _keep_slope(seen: Seen, gradient: Tensor) -> None:
    if not is_batch(gradient):
        seen.slope = gradient.detach()
