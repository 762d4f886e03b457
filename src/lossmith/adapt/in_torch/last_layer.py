"""What the last layer of a model needs of a loss: the bias to start from, and the inverse link that comes after it.

Comes in: a loss, targets or raw predictions. Goes out: tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossmith.calculus.scan import NoBestConstantError
from lossmith.errors import AdapterError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import number_of, symbol_of, walk
from lossmith.formula.roles import CLASS_KINDS
from lossmith.loss.handle import Loss


def _normal(z: Tensor) -> Tensor:
    """The normal distribution function; torch.special.ndtr is 0 at -6 in float32."""
    wide = z if z.device.type == "mps" else z.double()
    return (torch.erfc(wide * -math.sqrt(0.5)) / 2).to(z.dtype)


INVERSE: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "exp": torch.exp,
    "softplus": lambda z: torch.logaddexp(z, z.new_zeros(())),  # functional.softplus is off by 2e-9 above 20
    "tanh": torch.tanh,
    "cloglog": lambda z: -torch.expm1(-torch.exp(z)),
    "probit": _normal,
}
"""The inverse of every link that works on each number alone."""

READING: Final[dict[str, Callable[..., Any]]] = {
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "tanh": torch.tanh,
}
"""What may be done to a raw prediction before the link: a temperature, a soft cap."""


def prediction(loss: Loss, input: Tensor) -> Tensor:
    """Raw predictions → predictions on the target's scale, in the same shape, with their graph."""
    declaration = loss.definition.declaration
    if declaration.on == "probability":
        return input
    if declaration.heads:
        if input.ndim < 1 or input.shape[-1] != len(declaration.heads):
            names = ", ".join(name for name, _ in declaration.heads)
            found = tuple(input.shape)
            raise AdapterError(
                "LM443", f"{loss.name}: input must have the heads {names} on its last axis, got {found}."
            )
        linked = [INVERSE[link](input[..., j]) for j, (_, link) in enumerate(declaration.heads)]
        return torch.stack(linked, dim=-1)
    read, link = _read(loss, input), declaration.link or "identity"
    if not link_named(link).row:
        return INVERSE[link](read)
    axis = declaration.class_axis
    if axis is None or not -read.ndim <= axis < read.ndim:
        raise AdapterError("LM443", f"{loss.name}: input has no class axis {axis}, got {tuple(input.shape)}.")
    return torch.softmax(read, dim=axis)


def _read(loss: Loss, input: Tensor) -> Tensor:
    """What is read off raw predictions before the link."""
    definition = loss.definition
    if definition.reading is None:
        return input
    found: dict[Any, Any] = {definition.roles.raw[0]: input}
    for node in walk(definition.reading):
        known, number = symbol_of(node), number_of(node)
        if node in found:
            continue
        if number is not None:
            found[node] = number
        elif known is not None:
            found[node] = loss.parameters[known.name]
        else:
            found[node] = READING[node.op](*(found[a] for a in node.args))
    read: Tensor = found[definition.reading]
    return read


def bias_of(loss: Loss, target: Any, sample_weight: Any, columns: Mapping[str, Any] | None) -> Tensor:
    """The best constant raw prediction as a tensor of the shape of the last layer's bias."""
    y, weight = array_of(target), array_of(sample_weight)
    columns = None if columns is None else {name: array_of(column) for name, column in columns.items()}
    if _has_separate_outputs(loss, y):
        found = np.concatenate([_best(loss, *_output(y, weight, columns, j)) for j in range(y.shape[1])])
    else:
        y, weight, columns = _one_axis(loss.definition, y, weight, columns)
        found = _best(loss, y, weight, columns)
    return torch.from_numpy(found).to(torch.get_default_dtype())


def _best(loss: Loss, y: Any, weight: Any, columns: Any) -> NDArray[np.float64]:
    try:
        found = np.atleast_1d(np.asarray(loss.best_constant(y, weight, columns=columns), dtype=np.float64))
    except NoBestConstantError as error:
        raise AdapterError("LM443", f"{error.sentence} Start from 0.") from error
    if np.isfinite(found).all():
        return found
    never = ", ".join(str(j) for j in np.flatnonzero(~np.isfinite(found))[:5])
    reason = f"class {never} never occurs (number classes 0, 1, 2 ... without gaps)"
    raise AdapterError("LM443", f"{loss.name}: the best bias is infinite, because {reason}. Start from 0.")


def _has_separate_outputs(loss: Loss, y: Any) -> bool:
    """Whether every column of a target is a number of its own, with a bias of its own."""
    declaration = loss.definition.declaration
    plain = not (declaration.heads or declaration.has_classes or declaration.per) and len(declaration.target) == 1
    return plain and loss.is_additive and not isinstance(y, Mapping) and np.ndim(y) == 2


def _output(y: Any, weight: Any, columns: Mapping[str, Any] | None, j: int) -> tuple[Any, Any, Any]:
    """One column of the target, and what goes with it."""

    def part(found: Any) -> Any:
        return found[:, j] if found is not None and np.ndim(found) == 2 else found

    return y[:, j], part(weight), None if columns is None else {name: part(found) for name, found in columns.items()}


def _one_axis(definition: Definition, y: Any, weight: Any, columns: Any) -> tuple[Any, Any, Any]:
    """Class numbers of pixels or words as one row of them: what is best for all does not depend on where they stand."""
    kinds = [kind for _, kind in definition.declaration.target]
    numbers = not isinstance(y, Mapping) and np.ndim(y) > 1 and y.dtype.kind in "iu"
    if not numbers or not any(kind in CLASS_KINDS for kind in kinds) or columns:
        return y, weight, columns
    spread = None if weight is None else _spread(weight, y.shape)
    return y.reshape(-1), spread, columns


def _spread(weight: Any, shape: tuple[int, ...]) -> Any:
    """A weight of a leading part of the shape, repeated over the rest."""
    if np.shape(weight) != shape[: np.ndim(weight)]:
        return weight
    return np.broadcast_to(
        np.reshape(weight, (*np.shape(weight), *(1 for _ in shape[np.ndim(weight) :]))), shape
    ).reshape(-1)


def array_of(found: Any) -> Any:
    """Tensors as arrays, in a mapping too; half precision becomes float32; anything else as NumPy sees it."""
    if isinstance(found, Mapping):
        return {name: array_of(part) for name, part in found.items()}
    if isinstance(found, Tensor):
        half = found.dtype in (torch.float16, torch.bfloat16)
        return (found.detach().float() if half else found.detach()).numpy(force=True)
    return None if found is None else np.asarray(found)
