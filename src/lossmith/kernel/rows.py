"""The arrays a loss is given → the rows a kernel runs over: checked, flattened, never broadcast.

Comes in: y_true, raw_prediction, sample_weight and columns as users hold them, and a definition.
Goes out: `Rows`: every leaf as a contiguous array over the examples, and how results are shaped back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, did_you_mean
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, symbol_of
from lossmith.formula.roles import CLASS_KINDS, WEIGHT
from lossmith.kernel.measure import chooses_per_group, data_leaves, measured, times, weighing_columns
from lossmith.kernel.shape import Shape
from lossmith.numerics.interval import DOMAINS, Interval

Array = NDArray[Any]
BUILT_IN_COLUMNS: Final = ("mask", "group")
FLOATS: Final = {np.dtype(np.float32): np.dtype(np.float32), np.dtype(np.float16): np.dtype(np.float32)}


@dataclass(frozen=True)
class Rows:
    """What a kernel runs over: leaves as (n,) or (n, classes) arrays; class indices stay integers of shape (n,)."""

    n: int
    classes: int
    leaves: Mapping[Node, Array]
    weighted: bool
    groups: NDArray[np.int64] | None
    n_groups: int
    shape: Shape
    dtype: np.dtype[Any]
    group_names: Array | None = None

    def with_weight(self, weight: Array) -> Rows:
        """The same rows, weighted."""
        return replace(self, leaves={**self.leaves, WEIGHT: weight}, weighted=True)


def load(
    definition: Definition,
    y_true: Any,
    raw_prediction: ArrayLike,
    sample_weight: ArrayLike | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    *,
    trusting: bool = False,
    parameters: Mapping[str, float] | None = None,
) -> Rows:
    """Check the arguments of a loss and lay them out; every fault is one sentence that names the argument.

    `parameters` are needed where the target is smoothed before rows are weighed by it. `trusting` leaves the domain of
    interval targets to the kernel, which counts the rows outside as it goes.
    """
    raw = as_floats(definition, "raw_prediction", raw_prediction)
    shape = _raw_shape(definition, raw)
    flat = shape.flatten(raw)
    leaves: dict[Node, Array] = {}
    for position, leaf in enumerate(definition.roles.raw):
        leaves[leaf] = np.ascontiguousarray(flat[:, position] if definition.declaration.heads else flat)
    given = _columns(definition, columns)
    weight = _given_weight(definition, y_true, sample_weight, given, shape)
    present = None if weight is None else weight != 0
    _check_raw(definition, flat, present)
    for name, kind in definition.declaration.target:
        leaf = definition.roles.leaves[name]
        values = _one_of(definition, y_true, name)
        leaves[leaf] = _target(definition, name, kind, values, shape, present, trusting and not domain_of(kind).integer)
    for name in definition.declaration.columns:
        column = as_floats(definition, name, given[name])
        leaves[definition.roles.leaves[name]] = np.ascontiguousarray(_spread(definition, name, column, shape))
    weight = measured(definition, leaves, weight, dict(parameters or {}), shape.width)
    leaves |= {} if weight is None else {WEIGHT: weight}
    leaves |= data_leaves(definition, shape.n, shape.width, shape.entries, weight)
    groups, n_groups, names = _groups(definition, given.get("group"), shape)
    classes = shape.width if definition.declaration.has_classes else 1
    ready, result = _one_precision(leaves, _working(raw)), _result(raw_prediction)
    return Rows(shape.n, classes, ready, weight is not None, groups, n_groups, shape, result, names)


def _given_weight(
    definition: Definition, y_true: Any, sample_weight: ArrayLike | None, given: Mapping[str, Any], shape: Shape
) -> Array | None:
    """What a row weighs before its class is looked at: sample weight, masks, ignored targets, columns that weigh."""
    weight = _weight(definition, sample_weight, given.get("mask"), shape)
    weight = _without_ignored(definition, y_true, weight, shape)
    for name in weighing_columns(definition):
        weight = times(weight, _factor(definition, name, given[name], shape, weight))
    return weight


def _working(raw: Array) -> np.dtype[Any]:
    return np.dtype(np.float32) if raw.dtype == np.float32 else np.dtype(np.float64)


def _result(raw_prediction: ArrayLike) -> np.dtype[Any]:
    dtype = np.asarray(raw_prediction).dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _one_precision(leaves: dict[Node, Array], work: np.dtype[Any]) -> dict[Node, Array]:
    """Float32 only if everything is: then kernels exist in few signatures, and nothing is ever rounded on the way in."""
    floats = [a for a in leaves.values() if a.dtype.kind == "f"]
    if all(a.dtype == work for a in floats):
        return leaves
    return {
        leaf: a if _is_raw(leaf) or a.dtype.kind == "i" else a.astype(np.float64, copy=False)
        for leaf, a in leaves.items()
    }


def _is_raw(leaf: Node) -> bool:
    found = symbol_of(leaf)
    return found is not None and found.role == "raw"


def as_numbers(definition: Definition, name: str, values: Any) -> Array:
    """An array of numbers or booleans; text, objects, complex numbers and rows of unequal length are refused."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise ArgumentError(
            "LM210", f"{definition.title}: {name} must be an array, found rows of unequal length."
        ) from None
    if array.dtype.kind not in "fiub":
        raise ArgumentError("LM210", f"{definition.title}: {name} must hold numbers, found {array.dtype} values.")
    return array


def as_floats(definition: Definition, name: str, values: ArrayLike) -> Array:
    """An array of float32 or float64; booleans and integers become float64, anything else is refused."""
    array = as_numbers(definition, name, values)
    return array.astype(FLOATS.get(array.dtype, np.dtype(np.float64)), copy=False)


def _raw_shape(definition: Definition, raw: Array) -> Shape:
    declaration = definition.declaration
    if declaration.heads:
        if raw.ndim < 2 or raw.shape[-1] != len(declaration.heads):
            names = ", ".join(name for name, _ in declaration.heads)
            raise ArgumentError(
                "LM211",
                f"{definition.title}: raw_prediction must have shape (n, {len(declaration.heads)}) for the heads {names}, "
                f"got {raw.shape}.",
            )
        return Shape(raw.shape, raw.shape[:-1], raw.ndim - 1, raw.shape[-1])
    if not declaration.has_classes or declaration.class_axis is None:
        return Shape(raw.shape, raw.shape, None, 1)
    if raw.ndim < 2:
        if "class" in declaration.per and not (declaration.link and link_named(declaration.link).row):
            return Shape(raw.shape, raw.shape, None, 1)
        raise ArgumentError(
            "LM212", f"{definition.title}: raw_prediction must have a class axis, shape (n, classes), got {raw.shape}."
        )
    axis = declaration.class_axis
    if not -raw.ndim <= axis < raw.ndim:
        raise ArgumentError("LM213", f"{definition.title}: class axis {axis} is not an axis of shape {raw.shape}.")
    axis %= raw.ndim
    return Shape(raw.shape, raw.shape[:axis] + raw.shape[axis + 1 :], axis, raw.shape[axis])


def _one_of(definition: Definition, y_true: Any, name: str) -> Any:
    """The target column of that name: y_true itself, or one entry of a mapping."""
    several = len(definition.declaration.target) > 1 or name != "y"
    if not several:
        return y_true
    try:
        return y_true[name]
    except (KeyError, IndexError, TypeError):
        names = ", ".join(n for n, _ in definition.declaration.target)
        raise ArgumentError(
            "LM214", f"{definition.title}: y_true must be a mapping with the targets {names}."
        ) from None


def _shapes_differ(definition: Definition, name: str, found: tuple[int, ...], wanted: str) -> ArgumentError:
    return ArgumentError(
        "LM215",
        f"{definition.title}: {name} must have shape {wanted}, got {found}. Reshape it; shapes are never broadcast.",
    )


def _target(
    definition: Definition, name: str, kind: str, values: Any, shape: Shape, present: Array | None, trusting: bool
) -> Array:
    label = "y_true" if name == "y" else f'y_true["{name}"]'
    array = as_numbers(definition, label, values)
    classwise = kind in CLASS_KINDS or "class" in definition.declaration.per
    if classwise and shape.axis is not None:
        return _class_target(definition, label, kind, array, shape, present)
    if array.shape != shape.examples:
        raise _shapes_differ(definition, f"{label} for raw_prediction {shape.full}", array.shape, str(shape.examples))
    flat = np.ascontiguousarray(as_floats(definition, label, array).reshape(-1))
    if not trusting or classwise:
        _check_domain(definition, label, kind, flat, present)
    return flat if shape.axis is None or not classwise else flat[:, None]


def _class_target(
    definition: Definition, label: str, kind: str, array: Array, shape: Shape, present: Array | None
) -> Array:
    if array.shape == shape.full:
        flat = np.ascontiguousarray(shape.flatten(as_floats(definition, label, array)))
        _check_domain(definition, label, kind, flat, present)
        if kind == "simplex":
            _check_rows_add_up(definition, label, flat, present)
        return flat
    if array.shape == shape.examples and kind != "simplex":
        return _indices(definition, label, array.reshape(-1), shape.width, present)
    wanted = f"{shape.full}" if kind == "simplex" else f"{shape.examples} (class indices) or {shape.full}"
    raise _shapes_differ(definition, label, array.shape, wanted)


def _indices(definition: Definition, label: str, flat: Array, width: int, present: Array | None) -> Array:
    """Class indices as int64; a row of weight 0 may hold anything."""
    if flat.dtype == np.int64 and (not flat.size or flat.view(np.uint64).max() < width):  # below 0 is far above
        return np.ascontiguousarray(flat)
    with np.errstate(invalid="ignore"):
        good = (flat >= 0) & (flat < width) & (flat == np.floor(flat) if flat.dtype.kind == "f" else True)
    expected = f"{label} must hold class indices 0 to {width - 1}"
    _refuse(definition, "LM217", ~good, present, expected, lambda row: str(flat[row]))
    return np.ascontiguousarray(np.where(good, flat, 0).astype(np.int64))


def domain_of(kind: str) -> Interval:
    """Where the numbers of a target of this kind lie; a soft target is a fraction (of each class)."""
    return DOMAINS["fraction" if kind in CLASS_KINDS or kind == "binary" else kind]


def _check_domain(definition: Definition, label: str, kind: str, flat: Array, present: Array | None) -> None:
    """Name the first row outside the domain and how many there are; NaN is outside every domain."""
    interval = domain_of(kind)
    if flat.size == 0 or (present is None and not interval.integer and _ends_inside(interval, flat)):
        return
    bad = np.asarray(~interval.contains(flat).reshape(len(flat), -1).all(axis=1))
    expected = f"{label} must be {interval.describe()}"
    _refuse(definition, "LM218", bad, present, expected, lambda row: str(flat[row].tolist()))


def _check_rows_add_up(definition: Definition, label: str, flat: Array, present: Array | None) -> None:
    """A distribution over the classes adds up to 1, as far as it was rounded by hand (a thousandth per class)."""
    totals = flat.sum(axis=1, dtype=np.float64)
    bad = np.abs(totals - 1.0) > 1e-3 * flat.shape[1]
    expected = f"each row of {label} must add up to 1"
    _refuse(definition, "LM225", bad, present, expected, lambda row: f"a total of {totals[row]:g}")


def _refuse(
    definition: Definition, code: str, bad: Array, present: Array | None, expected: str, found: Callable[[int], str]
) -> None:
    """Name the first bad row that is present, and how many there are."""
    rows = np.flatnonzero(bad if present is None else bad & present)
    if rows.size:
        row = int(rows[0])
        sentence = f"{definition.title}: {expected}, found {found(row)} in row {row} ({rows.size} such rows)."
        raise ArgumentError(code, sentence)


def _ends_inside(interval: Interval, flat: Array) -> bool:
    return bool(interval.contains(flat.min())) and bool(interval.contains(flat.max()))


def _check_raw(definition: Definition, flat: Array, present: Array | None) -> None:
    """Predictions given on the target's scale must lie in the image of the link; raw ones may be anything."""
    if definition.declaration.on == "probability":
        for link in [link for _, link in definition.declaration.heads] or [definition.declaration.link or "identity"]:
            image = link_named(link).image
            _check_domain(definition, "raw_prediction (given as y_pred)", image, flat, present)
    elif any(kind == "simplex" for _, kind in definition.declaration.target) and not definition.declaration.link:
        _check_domain(definition, "raw_prediction (given as y_pred)", "simplex", flat, present)


def _spread(definition: Definition, name: str, array: Array, shape: Shape) -> Array:
    """A weight, mask or column: any leading part of the example shape, repeated over the rest."""
    if array.shape == shape.examples:
        return array.reshape(-1)
    if array.ndim and array.shape == shape.examples[: array.ndim]:
        wide = array.reshape(array.shape + (1,) * (len(shape.examples) - array.ndim))
        return np.broadcast_to(wide, shape.examples).reshape(-1)
    raise _shapes_differ(definition, name, array.shape, f"{shape.examples} or a leading part of it")


def _weight(
    definition: Definition,
    sample_weight: ArrayLike | None,
    mask: ArrayLike | None,
    shape: Shape,
    name: str = "sample_weight",
) -> Array | None:
    weight: Array | None = None
    if sample_weight is not None:
        weight = _spread(definition, name, as_floats(definition, name, sample_weight), shape)
        if weight.size and not (weight.min() >= 0 and np.isfinite(weight.max())):
            bad, given_weight = ~((weight >= 0) & np.isfinite(weight)), weight
            expected = f"{name} must be finite and at least 0"
            _refuse(definition, "LM219", bad, None, expected, lambda row: str(given_weight[row]))
    if mask is not None:
        label = "mask" if name == "sample_weight" else name
        given = as_numbers(definition, label, mask)
        if not ((given == 0) | (given == 1)).all():
            raise ArgumentError("LM224", f"{definition.title}: {label} must hold true and false (or 1 and 0) only.")
        kept = _spread(definition, label, given.astype(bool), shape)
        weight = kept.astype(np.float64) if weight is None else np.where(kept, weight, 0.0)
    return None if weight is None else np.ascontiguousarray(weight)


def _without_ignored(definition: Definition, y_true: Any, weight: Array | None, shape: Shape) -> Array | None:
    """Rows whose target is one of the ignored numbers are absent."""
    if not definition.ignored:
        return weight
    y = as_numbers(definition, "y_true", _one_of(definition, y_true, definition.declaration.target[0][0]))
    if y.shape != shape.examples:
        raise ArgumentError(
            "LM227",
            f"{definition.title}: ignored targets are class numbers, one for each row, shape {shape.examples}; got targets "
            f"of shape {y.shape}. Leave rows of shares out with a mask.",
        )
    kept = ~np.isin(y.reshape(-1), definition.ignored)
    return kept.astype(np.float64) if weight is None else np.where(kept, weight, 0.0)


def _factor(definition: Definition, name: str, column: ArrayLike, shape: Shape, weight: Array | None) -> Array:
    """A column that weighs rows: finite and at least 0; one that masks them: yes and no. Absent rows may hold anything."""
    mask = any(row.mask for row in definition.reweighting if row.column == name)
    values = _spread(definition, name, as_numbers(definition, name, column), shape)
    values = values if weight is None else np.where(weight == 0, 0, values)
    values = values.reshape(shape.examples)
    found = _weight(definition, None if mask else values, values if mask else None, shape, name)
    assert found is not None
    return found


def _columns(definition: Definition, columns: Mapping[str, ArrayLike] | None) -> dict[str, Any]:
    """The extra columns by name; a missing or unknown one is refused."""
    if columns is not None and not hasattr(columns, "keys"):
        raise ArgumentError(
            "LM221", f'{definition.title}: columns are a mapping of names to arrays, as in columns={{"cost": ...}}.'
        )
    given = {str(name): columns[name] for name in columns.keys()} if columns is not None else {}  # noqa: SIM118
    declared = definition.declaration.columns
    for name in declared:
        if name not in given:
            raise ArgumentError(
                "LM220", f'{definition.title}: the column "{name}" is missing; pass columns={{"{name}": ...}}.'
            )
    for name in given:
        if name not in declared and name not in BUILT_IN_COLUMNS:
            hint = did_you_mean(name, [*declared, *BUILT_IN_COLUMNS])
            raise ArgumentError("LM221", f'{definition.title} has no column "{name}".{hint}')
    return given


def _groups(
    definition: Definition, group: ArrayLike | None, shape: Shape
) -> tuple[NDArray[np.int64] | None, int, Array | None]:
    """Group ids and their names: those given, else the first example axis (an image, a query), which has none."""
    if "group" not in definition.declaration.per and not chooses_per_group(definition):
        return None, 1, None
    if group is None and chooses_per_group(definition) and len(shape.examples) < 2:
        raise ArgumentError(
            "LM220", f'{definition.title}: rows are chosen in each group; name the groups: columns={{"group": ...}}.'
        )
    if group is None:
        size = shape.examples[0] if shape.examples else 0
        inner = int(np.prod(shape.examples[1:], dtype=np.int64))
        return np.repeat(np.arange(size), inner), size, None
    flat = _spread(definition, "group", np.asarray(group), shape)
    names, ids = np.unique(flat, return_inverse=True)
    return np.ascontiguousarray(ids.astype(np.int64).reshape(-1)), len(names), names
