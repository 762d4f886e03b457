"""One batch in several steps: terms that add up to the loss of all rows, and gradients that add up to its gradient.

Comes in: a criterion and micro-batches. Goes out: one term for each, to be differentiated in turn.

Where a loss is a sum over rows divided by something that targets and weights say, that divisor is found first, and each
micro-batch is evaluated once. Any other loss sees all raw predictions first (without graph), says its gradient by each of
them, and then every micro-batch is evaluated again, with its graph, to be differentiated from there on
(Gao et al. 2021, arXiv:2101.06983, do so for contrastive losses).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from lossmith.adapt.in_torch.batches import Batch, Layout, Targets, layout_of
from lossmith.adapt.in_torch.divisor import Divisor, divisor_of
from lossmith.adapt.in_torch.tasks import Tasks
from lossmith.adapt.in_torch.together import Outputs, outputs_of, seen_together
from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss

Given = tuple[Any, ...]
Scope = Callable[[], AbstractContextManager[Any]]


def accumulation(criterion: Any, micro_batches: Iterable[Given], no_sync: Scope | None = None) -> Accumulation:
    """What `lossmith.accumulate` gives; the arguments are checked."""
    several = isinstance(criterion, Tasks)
    if not several and not isinstance(getattr(criterion, "loss", None), Loss):
        raise AdapterError(
            "LM451", f"accumulate takes a criterion, ls.for_torch(loss), got {type(criterion).__name__}."
        )
    parts = tuple(_part(several, number, given) for number, given in enumerate(micro_batches))
    if not parts:
        raise AdapterError("LM450", "there is no micro-batch; where there are no rows, give one with 0 rows.")
    if getattr(criterion, "per_row", False):
        raise AdapterError("LM450", "terms add up to one number, and this criterion gives one for each row.")
    return Accumulation(criterion, parts, no_sync or nullcontext)


@dataclass(frozen=True, eq=False)
class Part:
    """One micro-batch as it was given: `make` gives its raw predictions, `again` says that this takes a call.

    `rest`: target, weight and columns; of tasks: targets, weights, masks and columns.
    """

    make: Callable[[], Any]
    again: bool
    rest: tuple[Any, ...]


FORMS: Final = {
    False: ("(input, target[, sample_weight[, columns]])", Tensor, "a tensor"),
    True: ("(inputs, targets[, sample_weight[, masks[, columns]]])", Mapping, "a mapping from tasks to tensors"),
}
"""What a micro-batch looks like for a criterion, and for tasks; what its raw predictions are."""


def _part(several: bool, number: int, given: Given) -> Part:
    form, kind, words = FORMS[several]
    if not isinstance(given, tuple | list) or not 2 <= len(given) <= form.count(",") + 1:
        raise AdapterError("LM450", f"micro-batch {number} must be {form}, got {_told(given)}.")
    input, target = given[:2]
    if not isinstance(input, kind) and not callable(input):
        raise AdapterError(
            "LM450",
            f"the input of micro-batch {number} must be {words}, or a function that makes it, got {_told(input)}.",
        )
    if not isinstance(target, Tensor | Mapping):
        raise AdapterError("LM450", f"the target of micro-batch {number} must be a tensor, got {_told(target)}.")
    if callable(input):
        return Part(input, True, tuple(given[1:]))
    return Part(lambda: input, False, tuple(given[1:]))


def _told(given: object) -> str:
    kind = type(given).__name__
    return f"{kind} of {len(given)}" if isinstance(given, tuple | list) else kind


@final
class Accumulation:
    """The terms of some micro-batches, in their order; `len` is how many, `.value` what they add up to."""

    def __init__(self, criterion: Any, parts: tuple[Part, ...], no_sync: Scope) -> None:
        self._criterion, self._parts, self._no_sync = criterion, parts, no_sync
        self._value: Tensor | None = None

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Tensor]:
        """Evaluate and yield term by term."""
        one = not isinstance(self._criterion, Tasks)
        divisor = divisor_of(self._criterion, [part.rest[0] for part in self._parts]) if one else None
        return self._seen_together() if divisor is None else self._one_by_one(divisor)

    def __repr__(self) -> str:
        return f"<{len(self)} terms of {self._criterion}>"

    @property
    def value(self) -> Tensor:
        """The loss of all rows, without graph."""
        if self._value is None:
            raise AdapterError("LM454", "the value is known once the terms have been gone through.")
        return self._value

    def _one_by_one(self, divisor: Divisor) -> Iterator[Tensor]:
        """Each micro-batch's own loss, times its share of what the sum over all rows is divided by."""
        workers = self._criterion.workers
        alone = copy(self._criterion)
        alone.workers = None
        shares: list[Tensor] = []
        kept: list[Tensor] = []
        for number, part in enumerate(self._parts):
            with self._scope(number):
                input = part.make()
                shares = shares or self._shares(divisor, input)
                batch = Batch(input, *part.rest)
                term = alone(input, batch.target, batch.weight, columns=batch.columns)
                kept.append(term.detach() * shares[number])
                yield term * (shares[number] * (1.0 if workers is None else workers.factor)).to(term.dtype)
                dtype = term.dtype
                del input, batch, term
        found = torch.stack(kept).sum()
        self._value = (found if workers is None else workers.merge("add", found)).to(dtype)

    def _shares(self, divisor: Divisor, first: Tensor) -> list[Tensor]:
        """The shares of all micro-batches, once it is known from the first what raw predictions look like."""
        layout = layout_of(self._criterion.loss.definition, first.ndim)
        width = 1 if layout.axis is None else first.shape[layout.axis]
        blank = [Batch(_blank(part.rest[0], layout, first), *part.rest) for part in self._parts]
        return divisor.shares(blank, width, self._criterion.workers)

    def _seen_together(self) -> Iterator[Tensor]:
        """The gradient by all raw predictions from all of them, then each micro-batch with its graph."""
        states: list[RandomState] = []
        outputs: list[Outputs] = []
        with torch.no_grad():
            for part in self._parts:
                states.append(RandomState.now())
                outputs.append(tuple(z.detach() for z in outputs_of(self._criterion, part.make())))
        torch.clear_autocast_cache()  # before torch 2.13 it may hold weights without graph
        shapes = [[tuple(z.shape) for z in found] for found in outputs]
        whole = seen_together(self._criterion, [part.rest for part in self._parts], outputs)
        self._value, share, own = whole.value, whole.value / len(self), whole.own
        whole.gradients.reverse()
        for number, part in enumerate(self._parts):
            with self._scope(number):
                made = self._again(part, states[number], shapes[number])
                pairs = [*zip(made, whole.gradients.pop(), strict=True), *own]
                own, made = (), ()
                yield _term(share, pairs)

    def _again(self, part: Part, state: RandomState, shapes: list[tuple[int, ...]]) -> Outputs:
        """The raw predictions once more, with their graph."""
        with state.repeated() if part.again else nullcontext():
            found = outputs_of(self._criterion, part.make())
        again = [tuple(z.shape) for z in found]
        if again != shapes:
            raise AdapterError(
                "LM452",
                f"a micro-batch gave raw predictions of shape {_told_shapes(shapes)}, and then {_told_shapes(again)}; it must "
                "repeat.",
            )
        return found

    def _scope(self, number: int) -> AbstractContextManager[Any]:
        return nullcontext() if number == len(self) - 1 else self._no_sync()


def _blank(target: Targets, layout: Layout, first: Tensor) -> Tensor:
    """Raw predictions without classes for the rows of a target."""
    tensor = next(iter(target.values())) if isinstance(target, Mapping) else target
    shape = layout.examples(tensor.shape) if tensor.ndim == first.ndim else tensor.shape
    return torch.zeros((), dtype=torch.float64, device=tensor.device).expand(layout.full(shape, 0))


def _told_shapes(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))


def _term(value: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """A part of a value, of which the gradients by some tensors are known; the list is emptied."""
    tensors, gradients = zip(*pairs, strict=True)
    pairs.clear()
    found: Tensor = _Term.apply(value, gradients, *tensors)  # type: ignore[no-untyped-call]
    return found


class _Term(torch.autograd.Function):
    """`apply(value, gradients, *tensors)`."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: Outputs, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*gradients)
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        scaled = ((gradient * slope).to(dtype) for gradient, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True))
        return (None, None, *scaled)


@dataclass(frozen=True, eq=False)
class RandomState:
    """Where torch's random numbers stand, on the CPU and on every GPU in use."""

    cpu: Tensor
    gpus: tuple[Tensor, ...]

    @classmethod
    def now(cls) -> RandomState:
        """The state at this moment."""
        gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        return cls(torch.get_rng_state(), tuple(gpus))

    def put_back(self) -> None:
        """Let random numbers go on from here."""
        torch.set_rng_state(self.cpu)
        if self.gpus:
            torch.cuda.set_rng_state_all(list(self.gpus))

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Numbers go on from here within, and from where they stood before afterwards."""
        before = RandomState.now()
        self.put_back()
        try:
            yield
        finally:
            before.put_back()
