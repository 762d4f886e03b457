"""A loss as a PyTorch module.

Comes in: a `Loss` (or one of torch.nn's own losses), and how it is reduced. Goes out: `Criterion`, called as
`criterion(input, target, sample_weight=None, *, columns=None)`; it hands each call to the kernels or to tensor operations.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, final

import torch
from torch import Tensor, nn

from lossmith.adapt.in_torch import blank_targets, fused, fused_op, guards, plain, plain_plan
from lossmith.adapt.in_torch import compat as counterparts
from lossmith.adapt.in_torch.call import Call, Workers
from lossmith.adapt.in_torch.last_layer import array_of, bias_of, prediction
from lossmith.adapt.in_torch.workers import AVERAGED, across, with_all_rows
from lossmith.algebra.finishing import DENOMINATORS
from lossmith.algebra.parts import full_name
from lossmith.errors import AdapterError, LossmithError, UnsupportedError, did_you_mean
from lossmith.formula.text import with_numbers
from lossmith.loss.handle import Loss
from lossmith.loss.sums import Sums

Targets = Tensor | Mapping[str, Tensor]
Columns = Mapping[str, Tensor] | None

NONE: Final = "none"
SAID: Final = {"sum": "one", "mean": "weight"}
"""PyTorch's words for what the algebra calls otherwise."""
REDUCTIONS: Final = (NONE, *SAID, *DENOMINATORS)
PATHS: Final = ("auto", "fused", "plain")


def criterion_of(
    loss: Loss | nn.Module,
    reduction: str | None,
    compat: str | None,
    path: str,
    model: nn.Module | None,
    workers: Workers | None,
    blank_target: str = "zero",
) -> Criterion:
    """What `for_torch` gives; see there."""
    _check_words(compat, path)
    loss = blank_targets.under(loss, blank_target) if isinstance(loss, Loss) else loss
    form = _form(loss, reduction, compat)
    if form is None:
        assert isinstance(loss, Loss)
        made = Criterion(reduced(loss, reduction), reduction, path=path, workers=workers)
    else:
        made = Criterion(form.loss, form.reduction, form=form, path=path, workers=workers)
    if model is not None:
        made.check(model)
    return made


def _form(loss: Loss | nn.Module, reduction: str | None, compat: str | None) -> counterparts.Form | None:
    if isinstance(loss, nn.Module):
        return counterparts.of(loss, reduction)
    _check_loss(loss)
    return counterparts.like_torch(loss, reduction) if compat else None


def reduced(loss: Loss, reduction: str | None) -> Loss:
    """The loss with the denominator that a reduction names; each row's own terms have none."""
    if reduction is None:
        return loss
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        known = ", ".join(f'"{name}"' for name in REDUCTIONS)
        hint = did_you_mean(str(reduction), REDUCTIONS)
        raise AdapterError("LM441", f"{loss.name}: reduction takes {known}, got {reduction!r}.{hint}")
    if reduction == NONE:
        if not loss.is_additive:
            _refuse_reduction(loss, reduction)
        return loss
    try:
        return counterparts.divided(loss, SAID.get(reduction, reduction))
    except UnsupportedError as error:
        if set(loss.definition.declaration.per) - {"class"} or reduction == "positives":
            raise AdapterError("LM441", f'{loss.name}: reduction="{reduction}" cannot be: {error.sentence}') from None
        _refuse_reduction(loss, reduction)


def _refuse_reduction(loss: Loss, reduction: str) -> NoReturn:
    raise AdapterError(
        "LM441",
        f'{loss.name}: the total is not a sum over rows, so reduction="{reduction}" has no meaning here. '
        "Leave reduction= out: the formula says how its sums are finished.",
    )


def _check_loss(loss: object) -> None:
    if isinstance(loss, Loss):
        return
    if isinstance(loss, str):
        raise AdapterError("LM440", f'for_torch takes a loss: ls.for_torch(ls.get("{loss}")).')
    raise AdapterError(
        "LM440",
        f"for_torch takes a Loss, or one of torch.nn's own losses, got {type(loss).__name__}. "
        "Make a loss with ls.get, ls.define or ls.parse.",
    )


def _check_words(compat: str | None, path: str) -> None:
    if path not in PATHS:
        hint = did_you_mean(str(path), PATHS)
        raise AdapterError("LM442", f'path takes "auto", "fused", "plain", got {path!r}.{hint}')
    if compat not in (None, "torch"):
        raise AdapterError("LM442", f'compat takes "torch" (or is left out), got {compat!r}.')


@final
class Criterion(nn.Module):
    """A loss in PyTorch; made by `for_torch`.

    It has no parameters: `.to`, `.half` and `.train` change nothing. The loss travels in `state_dict` as its JSON, so that
    a model saved with its criterion is loaded only into one with the same loss. It pickles, copies, and compiles
    (`torch.compile(fullgraph=True)`, `torch.export`); `torch.jit.script` cannot read it.
    """

    loss: Loss
    workers: Workers | None

    def __init__(
        self,
        loss: Loss,
        reduction: str | None = None,
        *,
        form: counterparts.Form | None = None,
        path: str = "auto",
        workers: Workers | None = None,
    ) -> None:
        super().__init__()
        self.loss, self.reduction, self.form = loss, reduction, form
        self.path, self.workers = path, workers
        self.per_row = reduction == NONE
        for name, tensor in (form.fills if form else {}).items():
            self.register_buffer(name, tensor)
        self._watch: guards.Watch | None = guards.watch_for(loss.definition)
        self._noted = plain_plan.key_of(loss)
        self._key = fused_op.key_of(loss) if path == "fused" and form is None else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._noted = plain_plan.key_of(self.loss)

    def forward(
        self, input: Tensor, target: Targets, sample_weight: Tensor | None = None, *, columns: Columns = None
    ) -> Tensor:
        """The loss as a 0-d tensor (reduction "none": of the example shape); differentiable, also by targets and weights."""
        if self.form is not None:
            return counterparts.evaluate(self, self.form, input, target, sample_weight, columns)
        key = self._noted if torch.compiler.is_compiling() else None
        return self.answer(Call(self.loss, self.per_row, input, target, sample_weight, columns, self.workers, key))

    def answer(self, call: Call) -> Tensor:
        """One call, on the path that fits it."""
        call = call if call.workers is None else with_all_rows(call)
        if torch.compiler.is_compiling():
            return plain.apply(call) if self._key is None else fused_op.apply(call, self._key)
        try:
            taken = self.path != "plain" and fused.takes(call)
            if self._watch is not None:
                self._look(call, taken)
            if taken:
                return fused.apply(call)
        except LossmithError as error:
            guards.check(call)
            raise guards.in_torch_words(error) from None
        except Exception:
            guards.check(call)
            raise
        guards.check(call)
        if self.path == "fused":
            raise AdapterError("LM442", f'{self.loss.name}: path="fused" {guards.why_not_fused(call)}')
        if call.input.is_cpu:
            guards.check_numbers(call)
        return plain.apply(call)

    def _look(self, call: Call, taken: bool) -> None:
        """The first few calls: whether raw predictions look as if the link had been applied to them already."""
        assert self._watch is not None
        if not self._watch.look(call.input, values=taken):
            self._watch = None

    def predict(self, input: Tensor) -> Tensor:
        """From raw predictions to the target's scale: the inverse link, as tensor operations with their graph.

        >>> import torch, lossmith as ls
        >>> ls.for_torch(ls.get("log_loss")).predict(torch.zeros(2))
        tensor([0.5000, 0.5000])
        """
        return prediction(self.loss, input)

    def output_bias(
        self, target: Any, sample_weight: Any = None, *, columns: Mapping[str, Any] | None = None
    ) -> Tensor:
        """The constant raw prediction of least loss, for the bias of the last layer: shape (1,), (heads,) or (classes,).

        A target of shape (n, outputs) whose columns are separate numbers gives one for each, (outputs,).
        Raises `AdapterError` LM443 where it is infinite: targets that are all the same, or a class that never occurs.

        >>> import torch, lossmith as ls
        >>> layer = torch.nn.Linear(3, 1)
        >>> bias = ls.for_torch(ls.get("log_loss")).output_bias(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        >>> layer.bias.data.copy_(bias)
        tensor([-1.0986])
        """
        if self.form is not None and self.form.fills:
            like = torch.as_tensor(target).double()
            sample_weight, columns = counterparts.filled(self, self.form, like, sample_weight, columns)
        return bias_of(self.loss, target, sample_weight, columns)

    def sums(
        self, input: Tensor, target: Targets, sample_weight: Tensor | None = None, *, columns: Columns = None
    ) -> Sums:
        """What the loss needs of these rows, as numbers without graph: they add up over batches, `.value()` finishes them.

        >>> import torch, lossmith as ls
        >>> criterion = ls.for_torch(ls.get("rmse"))
        >>> (criterion.sums(torch.zeros(1), torch.ones(1)) + criterion.sums(torch.zeros(1), 7 * torch.ones(1))).value()
        5.0
        """
        if self.form is not None and self.form.divides:
            raise AdapterError(
                "LM444",
                f'{self.loss.name}: with compat="torch" the sum is divided by something that sums over rows do not hold. '
                "Use for_torch(loss) without compat.",
            )
        if self.form is not None:
            sample_weight, columns = counterparts.filled(self, self.form, input, sample_weight, columns)
        guards.check(Call(self.loss, self.per_row, input, target, sample_weight, columns))
        arrays = array_of(target), array_of(input), array_of(sample_weight)
        return self.loss.sums(*arrays, columns=array_of(columns))

    def across(self, group: Any = None, *, gradients: str = AVERAGED) -> Criterion:
        """The same criterion over the rows of all processes of a `torch.distributed` group (None: all of them).

        `gradients`: what becomes of the gradients of the processes, "averaged" (DistributedDataParallel, FSDP) or "summed".
        """
        made = copy.copy(self)
        made.workers = across(self.loss, group, gradients)
        return made

    def check(self, model: nn.Module) -> None:
        """Warn, once, if the last layer of a model applies the link that the loss applies as well."""
        if self._watch is not None and self._watch.look_at_model(model):
            self._watch = None

    def extra_repr(self) -> str:
        """The loss with its parameters, and the reduction."""
        said = [with_numbers(full_name(self.loss.definition), self.loss.parameters)]
        said += [] if self.reduction is None else [f"reduction={self.reduction!r}"]
        said += [] if self.form is None else [f"like torch.nn.{self.form.like}"]
        said += [] if self.path == "auto" else [f"path={self.path!r}"]
        return ", ".join(said)

    # Saved and loaded ---------------------------------------------------------------------------------------------

    def _record(self) -> dict[str, Any]:
        like = None if self.form is None else self.form.like
        return {"loss": self.loss.to_json(), "reduction": self.reduction, "like": like}

    def get_extra_state(self) -> Tensor:
        """The loss as JSON, in a tensor of bytes: so that any file of tensors can hold it."""
        return torch.frombuffer(bytearray(json.dumps(self._record()).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state of a criterion with another loss."""
        own, found = self._record(), _read(state)
        if found == own or (_same_loss(found, own) and {**found, "loss": ""} == {**own, "loss": ""}):
            return
        raise AdapterError(
            "LM445",
            f"the saved criterion has the loss {_told(found)}, and this one {_told(own)}. "
            "Build the criterion with the loss that was saved.",
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """A state from before there was a criterion says nothing of its loss, which is no fault."""
        super()._load_from_state_dict(state_dict, prefix, *rest)
        missing, own = rest[2], f"{prefix}_extra_state"
        missing[:] = [name for name in missing if name != own]

    def _apply(self, fn: Any, recurse: bool = True) -> Criterion:
        """Move to another device; numbers keep their precision."""
        for name, tensor in self._buffers.items():
            if tensor is not None:
                self._buffers[name] = tensor.to(fn(tensor).device)
        return self

    def __prepare_scriptable__(self) -> NoReturn:
        raise AdapterError(
            "LM446",
            f"{self.loss.name}: torch.jit.script reads the source of a module, and a criterion has none of its own; use "
            "torch.compile or torch.export (torch.jit.trace works too).",
        )


def _read(state: Any) -> dict[str, Any]:
    try:
        found = json.loads(bytes(state.cpu().tolist()))
        return {name: found[name] for name in ("loss", "reduction", "like")}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise AdapterError(
            "LM445", "the saved state of this criterion is not that of a criterion of Lossmith."
        ) from None


def _same_loss(found: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    from lossmith.loss.library import from_json

    return from_json(found["loss"]) == from_json(own["loss"])


def _told(record: Mapping[str, Any]) -> str:
    said = json.loads(record["loss"])
    numbers = {name: found["value"] for name, found in (said["declaration"].get("parameters") or {}).items()}
    name = with_numbers(str(said["declaration"].get("name")), numbers)
    listed = ", ".join(f"{key}={value:g}" for key, value in numbers.items() if value is not None)
    told = f"{name}({listed})" if listed and name.isidentifier() else name
    told += "" if record["reduction"] is None else f', reduction="{record["reduction"]}"'
    return told if record["like"] is None else f"{told} like torch.nn.{record['like']}"
