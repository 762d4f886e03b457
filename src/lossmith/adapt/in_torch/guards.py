"""What is watched for: tensors that do not fit, and raw predictions to which the link has been applied already.

Comes in: a `Call`, or a model. Goes out: nothing, one sentence as an error, or one warning. Nothing here looks at numbers
that lie on another device than the processor.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

import torch
from torch import Tensor, nn

from lossmith.adapt.in_torch.batches import layout_of
from lossmith.adapt.in_torch.call import Call
from lossmith.adapt.in_torch.last_layer import array_of
from lossmith.errors import AdapterError, LossmithError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.roles import CLASS_KINDS
from lossmith.kernel.rows import load

# Tensors that do not fit ----------------------------------------------------------------------------------------------


def check(call: Call) -> None:
    """Refuse what is no tensor, lies elsewhere, holds no numbers that can be used, or has a shape that does not fit."""
    if torch._C._get_tracing_state() is not None:  # then sizes are tensors
        return
    input = _tensor(call, "input", call.input)
    if not input.is_floating_point():
        advice = "Take its real part." if input.is_complex() else "Call .float() on it."
        raise AdapterError("LM447", f"{call.loss.name}: input must hold floating numbers, got {input.dtype}. {advice}")
    if input.layout is not torch.strided:
        raise AdapterError("LM447", f"{call.loss.name}: input must be a dense tensor, got {input.layout}.")
    for name, tensor in _others(call):
        _tensor(call, name, tensor)
        if tensor.device != input.device:
            raise AdapterError(
                "LM448",
                f"{call.loss.name}: input is on {input.device} and {name} on {tensor.device}; "
                f"move one of them: {_plain(name)}.to(input.device).",
            )
        if tensor.is_complex() or tensor.layout is not torch.strided:
            found = tensor.dtype if tensor.is_complex() else tensor.layout
            raise AdapterError(
                "LM447", f"{call.loss.name}: {name} must be a dense tensor of real numbers, got {found}."
            )
    _check_shapes(call)


def _others(call: Call) -> Iterator[tuple[str, Tensor]]:
    target, columns = call.target, call.columns or {}
    yield from (_named(target, "target") if isinstance(target, Mapping) else [("target", target)])
    if call.weight is not None:
        yield "sample_weight", call.weight
    yield from _named(columns, "columns")


def _named(given: Mapping[str, Tensor], what: str) -> list[tuple[str, Tensor]]:
    return [(f'{what}["{name}"]', tensor) for name, tensor in given.items()]


def _plain(name: str) -> str:
    return name.replace('"', "'")


def _tensor(call: Call, name: str, found: Any) -> Tensor:
    if isinstance(found, Tensor):
        return found
    raise AdapterError(
        "LM447",
        f"{call.loss.name}: {name} must be a tensor, got {type(found).__name__}; use torch.as_tensor({_plain(name)}).",
    )


def _check_shapes(call: Call) -> None:
    """Shapes are never broadcast: a target has the shape of the examples, a weight a leading part of it."""
    definition, shape = call.loss.definition, tuple(call.input.shape)
    if definition.declaration.heads and (not shape or shape[-1] != len(definition.declaration.heads)):
        heads = ", ".join(name for name, _ in definition.declaration.heads)
        _refuse_shape(
            call,
            f"input must have the {len(definition.declaration.heads)} heads {heads} on its last axis, got {shape}.",
        )
    layout = layout_of(definition, len(shape))
    examples = layout.examples(shape)
    kinds = dict(definition.declaration.target)
    for name, tensor in _others(call):
        found = tuple(tensor.shape)
        if name.startswith("target"):
            kind = kinds.get(name.split('"')[1], "") if '"' in name else next(iter(kinds.values()))
            classwise = kind in CLASS_KINDS or "class" in definition.declaration.per
            wanted = {examples, shape} if classwise and layout.axis is not None else {examples}
            if found not in ({shape} if kind == "simplex" and layout.axis is not None else wanted):
                _refuse_target(call, name, found, shape, examples, len(wanted) > 1)
        elif found != examples and (not found or found != examples[: len(found)]):
            _refuse_shape(
                call, f"{name} must have shape {examples}, or a leading part of it, for input {shape}; got {found}."
            )


def _refuse_target(
    call: Call, name: str, found: tuple[int, ...], shape: tuple[int, ...], examples: tuple[int, ...], indices: bool
) -> NoReturn:
    wanted = f"{examples} (class numbers) or {shape}" if indices else f"{examples}"
    if found == (*examples, 1):
        advice = f"Write {_plain(name)}.squeeze(-1)."
    elif examples == (*found, 1) and not indices:
        advice = f"Write criterion(input.squeeze(-1), {_plain(name)})."
    else:
        advice = "Reshape one of them; shapes are never broadcast."
    _refuse_shape(call, f"{name} must have shape {wanted} for input {shape}, got {found}. {advice}")


def _refuse_shape(call: Call, sentence: str) -> NoReturn:
    raise AdapterError("LM449", f"{call.loss.name}: {sentence}")


def check_numbers(call: Call) -> None:
    """Refuse targets and weights outside their domain, on the processor, where a look at numbers is no wait.

    The kernels look as they go; tensor operations do not. Not where somebody traces or transforms what is done.
    """
    tensors = [call.input, *(tensor for _, tensor in _others(call))]
    if any(type(tensor) not in (Tensor, nn.Parameter) for tensor in tensors) or _is_watched(tensors):
        return
    arrays = array_of(call.target), array_of(call.input), array_of(call.weight), array_of(call.columns)
    try:
        load(call.loss.definition, *arrays, parameters=call.loss._request().parameters)
    except LossmithError as error:
        raise in_torch_words(error) from None


def _is_watched(tensors: Sequence[Tensor]) -> bool:
    """Whether someone traces or transforms what is done with these tensors."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._get_tracing_state() is not None
        or any(torch._C._functorch.is_functorch_wrapped_tensor(tensor) for tensor in tensors)
    )


def in_torch_words(error: LossmithError) -> LossmithError:
    """What a loss says of its arguments, with PyTorch's names for them."""
    sentence = error.sentence.replace("y_true", "target").replace("raw_prediction", "input")
    return type(error)(error.code, sentence)


def why_not_fused(call: Call) -> str:
    """Why the kernels cannot take a call, for the end of a sentence."""
    if call.input.dtype not in (torch.float32, torch.float64):
        return f"takes float32 and float64, and input holds {call.input.dtype}."
    if not call.input.is_cpu:
        return f"works on the processor, and input is on {call.input.device}."
    return "works in eager mode, and this call is traced or transformed."


# The link applied twice -----------------------------------------------------------------------------------------------


SLOW: Final = "probabilities are taken for raw predictions, so that learning is slow and no prediction is ever sure"


@dataclass(frozen=True)
class Layer:
    """A layer that ends in numbers on the target's scale: as a module, as a node of the graph, and what is the harm."""

    module: type[nn.Module]
    node: str
    links: tuple[str, ...]
    harm: str = SLOW


PROBABILITY: Final = ("sigmoid", "probit", "cloglog")
LAYERS: Final = (
    Layer(nn.Sigmoid, "SigmoidBackward0", (*PROBABILITY, "softmax")),
    Layer(nn.Hardsigmoid, "HardsigmoidBackward0", (*PROBABILITY, "softmax")),
    Layer(nn.Softmax, "SoftmaxBackward0", (*PROBABILITY, "softmax")),
    Layer(
        nn.LogSigmoid, "LogSigmoidBackward0", PROBABILITY, "what comes out of it is below 0, so that no yes is likely"
    ),
    Layer(nn.LogSoftmax, "LogSoftmaxBackward0", ("softmax",), "done twice, it changes nothing and costs time"),
)
"""Layers after which a loss that carries one of the links applies it again."""

SHAPING: Final = frozenset(
    f"{name}Backward{j}"
    for name in ("Squeeze", "Unsqueeze", "View", "UnsafeView", "ReshapeAlias", "Select", "Slice", "Transpose", "Permute",
                 "T", "Expand", "ToCopy", "Clone", "Alias", "Index")
    for j in (0, 1, 2)
) | {"_DDPSinkBackward"}  # fmt: skip
"""Nodes of the graph that move numbers about and leave them as they are."""

FREE: Final = frozenset(
    f"{name}Backward{j}"
    for name in ("Addmm", "Mm", "Bmm", "Baddbmm", "Linear", "Convolution", "NativeBatchNorm", "NativeLayerNorm", "Add",
                 "Sub", "Relu", "LeakyRelu", "Elu", "Gelu", "Silu", "Tanh", "Log")
    for j in (0, 1)
)  # fmt: skip
"""Nodes that give raw predictions; then the numbers that came are no sign of anything."""

CALLS, FEWEST, LOW, HIGH, ADDS_UP, FEWEST_ROWS = 16, 64, 0.25, 0.75, 1e-3, 4


def watch_for(definition: Definition) -> Watch | None:
    """What watches a loss that applies a link to a probability; None for any other."""
    declaration = definition.declaration
    link = declaration.link or "identity"
    if declaration.on == "probability" or link_named(link).image not in ("fraction", "simplex"):
        return None
    return Watch(definition.name, link, declaration.class_axis if link_named(link).row else None)


@final
class Watch:
    """The first calls of a criterion, looked at for the link applied twice; warns once at most.

    Where a layer of `LAYERS` stands at the end of the graph of `input`, that says it. Where the graph does not say where
    `input` comes from, its numbers do: rows of shares that add up to 1; or, under a link of single numbers, at least
    64 of them, all in [0, 1] ever since the first call, from below 0.25 to above 0.75. Raw predictions that lie in [0, 1]
    for a while are no such sign: they come out of a linear layer, or are few, or close together.
    """

    def __init__(self, name: str, link: str, axis: int | None) -> None:
        self.name, self.link, self.axis = name, link, axis
        self.left, self.seen, self.low, self.high = CALLS, 0, 1.0, 0.0

    def look(self, input: Tensor, *, values: bool) -> bool:
        """Look at one call, at numbers only if `values`; whether to go on looking."""
        self.left -= 1
        ends = _end(input)
        layer = next((layer for layer in LAYERS if layer.node == ends), None)
        if layer is not None:
            if self.link in layer.links:
                self._warn(f"input comes out of {layer.module.__name__} ({ends})", layer)
                return False
            return self.left > 0
        if values and ends not in FREE and not self._look_at_numbers(input.detach()):
            return False
        return self.left > 0

    def look_at_model(self, model: nn.Module) -> bool:
        """Whether the last layer of a model, as it is registered, applies the link; then it has been said."""
        name, last = _last_layer(model)
        layer = next((layer for layer in LAYERS if type(last) is layer.module), None)
        if layer is None or self.link not in layer.links:
            return False
        place = f'"{name}" ({type(last).__name__})' if name else type(last).__name__
        self._warn(f"the last layer of {type(model).__name__} is {place}", layer)
        return True

    def _look_at_numbers(self, input: Tensor) -> bool:
        """Whether numbers may still be on the target's scale; warns once enough of them have been seen."""
        if input.numel() == 0:
            return True
        low, high = (float(end) for end in torch.aminmax(input))
        if not (low >= 0.0 and high <= 1.0):
            return False
        self.seen += input.numel()
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self._add_up(input) if self.axis is not None else self._spread_out():
            self._warn(
                "input holds numbers from 0 to 1 only"
                + (", rows of which add up to 1" if self.axis is not None else "")
            )
            return False
        return True

    def _spread_out(self) -> bool:
        return self.seen >= FEWEST and self.low < LOW and self.high > HIGH

    def _add_up(self, input: Tensor) -> bool:
        assert self.axis is not None
        if not -input.ndim <= self.axis < input.ndim or input.shape[self.axis] < 2:
            return False
        totals = input.sum(dim=self.axis)
        return totals.numel() >= FEWEST_ROWS and bool(((totals - 1.0).abs() <= ADDS_UP).all())

    def _warn(self, found: str, layer: Layer | None = None) -> None:
        if layer is not None:
            remedy = f"Leave {layer.module.__name__} out; criterion.predict(input) gives probabilities where they are wanted."
        else:
            remedy = 'Give raw predictions, or take the loss of probabilities: ls.get(name, on="probability").'
        harm = SLOW if layer is None else layer.harm
        warnings.warn(f"{self.name} applies {self.link} itself, and {found}: {harm}. {remedy}", stacklevel=FRAMES)


FRAMES: Final = 8
"""From a warning up to who called the criterion."""


def _end(input: Tensor) -> str:
    """The node of the graph from which the numbers come, behind those that only move them about; empty without a graph."""
    node = input.grad_fn
    for _ in range(6):
        if node is None:
            return ""
        name = node.name()
        if name not in SHAPING:
            return str(name)
        node = node.next_functions[0][0] if node.next_functions else None
    return ""


def _last_layer(model: nn.Module) -> tuple[str, nn.Module]:
    """The last layer without layers of its own, in the order in which they were registered, and its name."""
    name = ""
    while children := [(n, child) for n, child in model.named_children() if not isinstance(child, nn.Identity)]:
        own, model = children[-1]
        name = f"{name}.{own}" if name else own
    return name, model
