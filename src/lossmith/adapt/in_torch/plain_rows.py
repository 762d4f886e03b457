"""The tensors of a call → the leaves that generated text runs over: shapes checked, values never looked at.

Comes in: a `Call`. Goes out: `Laid`: raw predictions, weight and leaves as (n,) or (n, k), in `leaf_nodes`' order. All of
it are tensor operations that autograd may see: what weighs, masks, ignores and smooths rows is laid out in front of the
programs, so that targets, weights and columns that require a gradient get theirs through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

import torch
from torch import Tensor

from lossmith.adapt.in_torch.call import Call
from lossmith.algebra.reweight import class_table
from lossmith.emit.torch_prelude import either, one_hot
from lossmith.errors import AdapterError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, among, symbols
from lossmith.formula.roles import CLASS_KINDS, EXAMPLE_SHARE
from lossmith.kernel.measure import chooses_per_group, log_priors, weighing_columns
from lossmith.kernel.rows import BUILT_IN_COLUMNS
from lossmith.kernel.shape import Shape
from lossmith.loss.handle import Loss

F = TypeVar("F", bound=Callable[..., Any])
_SENT: Final[dict[tuple[Any, ...], Tensor]] = {}
MOST_SENT: Final = 256
HALVES: Final = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Target:
    """One target: its name, whether it has classes where there is a class axis, and whether it is a distribution."""

    name: str
    classwise: bool
    simplex: bool


@dataclass(frozen=True)
class Layout:
    """What the layout of rows reads of a loss, as plain data that a tracer can look at."""

    title: str
    heads: tuple[str, ...]
    class_axis: int | None
    may_lack_axis: bool
    has_classes: bool
    targets: tuple[Target, ...]
    columns: tuple[str, ...]
    ignored: tuple[int, ...]
    weighing: tuple[tuple[str, bool], ...]
    class_weights: tuple[float, ...] | None
    rates: tuple[float, ...]
    log_priors: tuple[float, ...] | None
    example_share: bool
    grouped: bool
    names_groups: bool


def layout_of(loss: Loss) -> Layout:
    """The layout of a loss. Raises what is raised for class weights or priors that are not fitted yet."""
    definition = loss.definition
    declaration, masks = definition.declaration, {row.column for row in definition.reweighting if row.mask}
    per_class, chooses = "class" in declaration.per, chooses_per_group(definition)
    listed = max((k for row in definition.reweighting for k, _ in row.classes or ()), default=1) + 1
    priors = definition.priors
    return Layout(
        definition.title,
        tuple(name for name, _ in declaration.heads),
        declaration.class_axis if declaration.has_classes and not declaration.heads else None,
        per_class and not (declaration.link and link_named(declaration.link).row),
        declaration.has_classes,
        tuple(Target(n, kind in CLASS_KINDS or per_class, kind == "simplex") for n, kind in declaration.target),
        declaration.columns,
        definition.ignored,
        tuple((name, name in masks) for name in weighing_columns(definition)),
        tuple(class_table(definition, max(listed, 2)).tolist()) if definition.weighs_classes else None,
        tuple(float(loss.parameters[name] or 0.0) for name in definition.smoothing)
        if definition.weighs_classes
        else (),
        None if priors is None else tuple(log_priors(definition, len(priors)).reshape(-1).tolist()),
        _reads_share(definition),
        "group" in declaration.per or chooses,
        chooses,
    )


def _reads_share(definition: Definition) -> bool:
    return among(EXAMPLE_SHARE, symbols(definition.formula))


def leaf_nodes(definition: Definition) -> tuple[Node, ...]:
    """The leaves beside raw predictions and weight, in the order in which they are laid out."""
    declaration, leaves = definition.declaration, definition.roles.leaves
    found = [leaves[name] for name, _ in declaration.target] + [leaves[name] for name in declaration.columns]
    found += [definition.roles.log_prior] if definition.priors is not None else []
    return (*found, EXAMPLE_SHARE) if _reads_share(definition) else tuple(found)


@dataclass(frozen=True, eq=False)
class Laid:
    """What a program runs over; `groups` are ids (n,), or None where each `per_group` rows in turn are one group."""

    raw: Tensor
    weight: Tensor | None
    leaves: tuple[Tensor, ...]
    groups: Tensor | None
    n_groups: Any
    per_group: Any
    shape: Shape


def lay(layout: Layout, call: Call) -> Laid:
    """Check the shapes of a call and lay it out. Raises `AdapterError` LM435 for shapes, LM436 for columns."""
    raw = call.input if call.input.dtype.is_floating_point else call.input.to(torch.get_default_dtype())
    raw = raw.to(torch.float32) if raw.dtype in HALVES else raw
    shape = _shape(layout, raw)
    given = _columns(layout, call.columns)
    targets = [_target(layout, target, call, shape, raw) for target in layout.targets]
    weight = _weight(layout, call, given, shape, raw)
    targets, weight = _by_class(layout, targets, weight, shape, raw)
    columns = [_spread(layout, name, _floats(given[name], raw), shape) for name in layout.columns]
    leaves = (*targets, *columns, *_of_data(layout, weight, shape, raw))
    groups, n_groups, per_group = _groups(layout, given.get("group"), shape)
    return Laid(_flat(raw, shape), weight, leaves, groups, n_groups, per_group, shape)


def _flat(x: Tensor, shape: Shape) -> Tensor:
    """(full shape) → (n, 1) or (n, width)."""
    return x.reshape(-1, 1) if shape.axis is None else x.movedim(shape.axis, -1).reshape(-1, shape.width)


def restored(x: Tensor, shape: Shape) -> Tensor:
    """(n, 1) or (n, width) → full shape."""
    if shape.axis is None:
        return x.reshape(shape.full)
    return x.reshape(*shape.examples, shape.width).movedim(-1, shape.axis)


def _floats(x: Tensor, raw: Tensor) -> Tensor:
    """Numbers in the dtype of raw predictions, at least float32; float64 stays."""
    return x if x.dtype == torch.float64 else x.to(raw.dtype)


def constant_in_graphs(function: F) -> F:
    """Let a tracer call the function and take what it returns as a constant.

    (The mark of `torch._dynamo.assume_constant_result`, whose import takes seconds.)
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


@constant_in_graphs
def refuse(code: str, sentence: str) -> NoReturn:
    """Raise the error also out of a tracer, which does not follow the building of one."""
    raise AdapterError(code, sentence)


def _wrong(layout: Layout, name: str, found: Any, wanted: str) -> AdapterError:
    shapes = f"{name} must have shape {wanted}, got {tuple(found)}"
    return AdapterError("LM435", f"{layout.title}: {shapes}. Reshape it; shapes are never broadcast.")


def _shape(layout: Layout, raw: Tensor) -> Shape:
    """Which axes of raw predictions are examples, and which is that of classes or heads."""
    full, heads, axis = tuple(raw.shape), layout.heads, layout.class_axis
    if heads:
        if len(full) < 2 or full[-1] != len(heads):
            raise _wrong(layout, "input", full, f"(n, {len(heads)}) for the heads {', '.join(heads)}")
        return Shape(full, full[:-1], len(full) - 1, full[-1])
    if axis is None or (len(full) < 2 and layout.may_lack_axis):
        return Shape(full, full, None, 1)
    if len(full) < 2 or not -len(full) <= axis < len(full):
        raise _wrong(layout, "input", full, f"(n, classes), with the classes along axis {axis}")
    axis %= len(full)
    return Shape(full, full[:axis] + full[axis + 1 :], axis, full[axis])


def _columns(layout: Layout, columns: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """The extra columns by name; a missing or unknown one is refused."""
    given, declared = dict(columns or {}), layout.columns
    for name in declared:
        if name not in given:
            raise AdapterError(
                "LM436", f'{layout.title}: the column "{name}" is missing; pass columns={{"{name}": ...}}.'
            )
    for name in given:
        if name not in declared and name not in BUILT_IN_COLUMNS:
            known = ", ".join([*declared, *BUILT_IN_COLUMNS])
            raise AdapterError("LM436", f'{layout.title} has no column "{name}"; it knows {known}.')
    return given


def _spread(layout: Layout, name: str, x: Tensor, shape: Shape) -> Tensor:
    """A weight, mask or column: any leading part of the example shape, repeated over the rest; (n,)."""
    found = tuple(x.shape)
    if found == shape.examples:
        return x.reshape(-1)
    if found and found == shape.examples[: len(found)]:
        return x.reshape(found + (1,) * (len(shape.examples) - len(found))).expand(shape.examples).reshape(-1)
    raise _wrong(layout, name, found, f"{shape.examples} or a leading part of it")


def _given(layout: Layout, name: str, target: Tensor | Mapping[str, Tensor]) -> Tensor:
    """The target of that name: the one there is, or an entry of a mapping."""
    if isinstance(target, Tensor):
        if len(layout.targets) == 1 and name == "y":
            return target
    elif name in target:
        return target[name]
    names = ", ".join(target.name for target in layout.targets)
    raise AdapterError("LM436", f"{layout.title}: target must be a mapping with the targets {names}.")


def _target(layout: Layout, target: Target, call: Call, shape: Shape, raw: Tensor) -> Tensor:
    """(n,) numbers, (n,) class indices as int64, or (n, classes)."""
    y = _given(layout, target.name, call.target)
    found, label = tuple(y.shape), "target" if target.name == "y" else f'target["{target.name}"]'
    if target.classwise and shape.axis is not None:
        if found == shape.full:
            return _flat(_floats(y, raw), shape)
        if found == shape.examples and not target.simplex:
            return y.reshape(-1).to(torch.int64)
        wanted = f"{shape.full}" if target.simplex else f"{shape.examples} (class indices) or {shape.full}"
        raise _wrong(layout, label, found, wanted)
    if found != shape.examples:
        raise _wrong(layout, f"{label} for input {shape.full}", found, str(shape.examples))
    return _floats(y, raw).reshape(-1)


# What a row weighs ----------------------------------------------------------------------------------------------------


def _weight(layout: Layout, call: Call, given: Mapping[str, Tensor], shape: Shape, raw: Tensor) -> Tensor | None:
    """Sample weight, masks, ignored targets and columns that weigh or mask, as one factor."""
    weight = None if call.weight is None else _spread(layout, "sample_weight", _floats(call.weight, raw), shape)
    if "mask" in given:
        weight = _kept(weight, _spread(layout, "mask", given["mask"], shape) != 0, raw)
    if layout.ignored:
        y = _given(layout, layout.targets[0].name, call.target)
        if tuple(y.shape) != shape.examples:
            raise _wrong(layout, "target (class numbers, some of which are ignored)", y.shape, str(shape.examples))
        for number in layout.ignored:
            weight = _kept(weight, y.reshape(-1) != number, raw)
    for name, mask in layout.weighing:
        column = _spread(layout, name, given[name], shape)
        weight = _kept(weight, column != 0, raw) if mask else _times(weight, _floats(column, raw))
    return weight


def _kept(weight: Tensor | None, kept: Tensor, raw: Tensor) -> Tensor:
    return kept.to(raw.dtype) if weight is None else either(kept, weight, 0.0)


def _times(weight: Tensor | None, factor: Tensor) -> Tensor:
    """The product of weights; a row of weight 0 stays absent, whatever its factor is made from."""
    return factor if weight is None else weight * either(weight != 0, factor, 0.0)


def _by_class(
    layout: Layout, targets: list[Tensor], weight: Tensor | None, shape: Shape, raw: Tensor
) -> tuple[list[Tensor], Tensor | None]:
    """Rows weighed by their class: a row is a measure over the classes, of which weights change mass and shares."""
    if layout.class_weights is None:
        return targets, weight
    y, of_classes = targets[0], layout.targets[0].classwise
    classes = shape.width if of_classes else 2
    table = _numbers(_for_classes(layout, layout.class_weights, classes), raw)
    if y.dtype == torch.int64 and not layout.rates:
        return targets, _times(weight, either((y >= 0) & (y < classes), table[y.clamp(0, classes - 1)], math.nan))
    shares = _shares(y, classes, raw)
    for rate in layout.rates:
        shares = (1.0 - rate) * shares + rate / classes
    parts = shares * table
    mass = torch.sum(parts, dim=1)
    there = (mass != 0)[:, None]
    shares = torch.where(there, parts / either(there, mass[:, None], 1.0), shares)
    return [shares if of_classes else shares[:, 1], *targets[1:]], _times(weight, mass)


def _for_classes(layout: Layout, weights: tuple[float, ...], classes: int) -> tuple[float, ...]:
    """A weight for each class; those that none is given for weigh 1."""
    if any(weight != 1.0 for weight in weights[classes:]):
        raise AdapterError(
            "LM435", f"{layout.title}: there is a weight for class {len(weights) - 1}, but only {classes} classes."
        )
    return (*weights[:classes], *(1.0 for _ in range(classes - len(weights))))


def _shares(y: Tensor, classes: int, raw: Tensor) -> Tensor:
    if y.ndim == 2:
        return y
    if y.dtype == torch.int64:
        return one_hot(y, classes, raw.dtype)
    return torch.stack([1.0 - y, y], dim=1)


def _numbers(values: tuple[float, ...], raw: Tensor) -> Tensor:
    """A few fixed numbers on the device of the rows: copied there once, for a copy makes the host wait."""
    if torch.compiler.is_compiling():
        return torch.tensor(values, dtype=raw.dtype, device=raw.device)
    key = (values, raw.dtype, raw.device)
    found = _SENT.get(key)
    if found is None:
        with torch.inference_mode(False):
            found = torch.tensor(values, dtype=raw.dtype, device=raw.device)
        if type(found) is Tensor and len(_SENT) < MOST_SENT:
            _SENT[key] = found
    return found


# What follows from the data alone ---------------------------------------------------------------------------------------


def _of_data(layout: Layout, weight: Tensor | None, shape: Shape, raw: Tensor) -> list[Tensor]:
    """Logarithms of class shares, and parts of the entries of the first axis."""
    found = []
    if layout.log_priors is not None:
        values = _numbers(layout.log_priors, raw)
        if shape.axis is not None and shape.width != len(layout.log_priors):
            wanted = f"a class axis of {len(layout.log_priors)}, as there are class priors"
            raise _wrong(layout, "input", shape.full, wanted)
        found.append(values.expand(shape.n, values.shape[0]) if shape.axis is not None else values.expand(shape.n))
    if layout.example_share:
        first, inner = shape.entries
        here = torch.ones_like(raw).reshape(-1)[: shape.n] if weight is None else (weight.detach() != 0).to(raw.dtype)
        here = here.reshape(first, inner)
        held = torch.sum(here, dim=1, keepdim=True)
        found.append(either(held != 0, here / torch.clamp(held, min=1.0), 0.0).reshape(-1))
    return found


def _groups(layout: Layout, group: Tensor | None, shape: Shape) -> tuple[Tensor | None, Any, Any]:
    """Group ids, how many groups there are, and (where the first axis holds them) how many rows each has."""
    if not layout.grouped:
        return None, 1, 1
    if group is None and layout.names_groups and len(shape.examples) < 2:
        raise AdapterError(
            "LM436", f'{layout.title}: rows are chosen in each group; name the groups: columns={{"group": ...}}.'
        )
    if group is None:
        size = shape.examples[0] if shape.examples else 0
        return None, size, math.prod(shape.examples[1:])
    if torch.compiler.is_compiling():
        refuse(
            "LM437",
            f"{layout.title}: how many groups a column names is only known from its values, so it cannot be compiled or "
            "exported. Lay groups out along the first axis, or call the criterion outside of torch.compile.",
        )
    names, ids = torch.unique(_spread(layout, "group", group, shape), return_inverse=True)
    return ids, names.shape[0], 1
