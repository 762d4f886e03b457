"""From raw predictions to the target's scale, and rows whose raw predictions are all the same.

Comes in: a definition with data. Goes out: predictions, or `Rows`. What the best constant is, `loss.start` finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lossmith.algebra.reweight import fitted
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import symbol, symbols
from lossmith.formula.roles import CLASS_KINDS, WEIGHT
from lossmith.kernel.measure import shares_of, weighing_columns
from lossmith.kernel.rows import Array, Rows, as_floats, load
from lossmith.runtime import numpy_function
from lossmith.stable.forms import in_plain_operations


@lru_cache(maxsize=64)
def _inverse(name: str) -> Any:
    link = link_named(name)
    z = symbol("z", "raw", ["example", "class"] if link.row else ["example"])
    return numpy_function({z: "z"}, (in_plain_operations(link.inverse(z)),))


def apply_inverse(name: str, raw: Array, axis: int | None) -> Array:
    """The inverse of a link on an array; a row map works along `axis`. Computed in float64, rounded once."""
    with np.errstate(all="ignore"):
        if not link_named(name).row:
            return np.asarray(_inverse(name)(raw.astype(np.float64), 1, 1)[0]).astype(raw.dtype)
        assert axis is not None
        wide = np.moveaxis(raw, axis, -1)
        flat = wide.reshape(-1, wide.shape[-1]).astype(np.float64)
        found = np.asarray(_inverse(name)(flat, flat.shape[1], 1)[0])
        return np.moveaxis(found.reshape(wide.shape), -1, axis).astype(raw.dtype)


def predict(
    definition: Definition, raw_prediction: ArrayLike, parameters: Mapping[str, float | None] | None = None
) -> Array:
    """Raw predictions → predictions on the target's scale, in the same shape and dtype (whole numbers: float64)."""
    raw = as_floats(definition, "raw_prediction", raw_prediction)
    given = np.asarray(raw_prediction).dtype
    kept = given if given.kind == "f" else raw.dtype
    with np.errstate(over="ignore"):
        return _predict(definition, _read(definition, raw, dict(parameters or {}))).astype(kept, copy=False)


@lru_cache(maxsize=64)
def _reading(definition: Definition) -> tuple[Any, tuple[str, ...]]:
    """What is read off raw predictions before the link, compiled, and the parameters that it needs."""
    assert definition.reading is not None
    used = symbols(definition.reading, role="parameter")
    inputs = {definition.roles.raw[0]: "z", **{leaf: f"p_{leaf!r}" for leaf in used}}
    return numpy_function(inputs, (in_plain_operations(definition.reading),)), tuple(repr(leaf) for leaf in used)


def _read(definition: Definition, raw: Array, parameters: dict[str, float | None]) -> Array:
    if definition.reading is None:
        return raw
    function, names = _reading(definition)
    with np.errstate(all="ignore"):
        return np.asarray(function(raw.astype(np.float64), *(parameters[name] for name in names), 1, 1)[0])


def _predict(definition: Definition, raw: Array) -> Array:
    declaration = definition.declaration
    if declaration.on == "probability":
        return raw
    if declaration.heads:
        if raw.ndim < 1 or raw.shape[-1] != len(declaration.heads):
            raise ArgumentError(
                "LM211",
                f"{definition.title}: raw_prediction must have {len(declaration.heads)} columns, got {raw.shape}.",
            )
        columns = [apply_inverse(link, raw[..., j], None) for j, (_, link) in enumerate(declaration.heads)]
        return np.stack(columns, axis=-1)
    link = declaration.link or "identity"
    axis = declaration.class_axis if link_named(link).row else None
    if axis is not None and raw.ndim < 2:
        raise ArgumentError(
            "LM212", f"{definition.title}: raw_prediction must have a class axis, shape (n, classes), got {raw.shape}."
        )
    return apply_inverse(link, raw, axis)


def width_of(definition: Definition, y_true: Any) -> int:
    """How many raw predictions a row has: heads, classes (from the targets), or one."""
    declaration = definition.declaration
    if declaration.heads:
        return len(declaration.heads)
    kinds = [kind for _, kind in declaration.target]
    if not any(kind in CLASS_KINDS for kind in kinds):
        return 1
    y = np.asarray(y_true)
    if y.ndim >= 2:
        return int(y.shape[1])
    if y.size == 0 or not (np.isfinite(y).all() and y.min() >= 0):
        raise ArgumentError("LM217", f"{definition.title}: y_true must hold class indices 0, 1, 2 ...")
    return int(y.max()) + 1


def constant_rows(
    definition: Definition,
    y_true: Any,
    sample_weight: ArrayLike | None,
    columns: Mapping[str, ArrayLike] | None,
    parameters: Mapping[str, float] | None = None,
) -> Rows:
    """Rows whose raw predictions are all 0, in the shape that the targets ask for; float64 throughout."""
    declaration = definition.declaration
    first = y_true[declaration.target[0][0]] if isinstance(y_true, Mapping) else y_true
    shape: tuple[int, ...] = np.shape(first)
    width = width_of(definition, _counting(definition, first, sample_weight, columns))
    is_index = np.ndim(first) == 1
    if declaration.heads or (width > 1 and is_index):
        shape = (*shape, width)
    if declaration.on == "probability":
        raw = np.full(shape, 1.0 / width if width > 1 else 0.5)
    elif any(kind == "simplex" for _, kind in declaration.target) and not declaration.link:
        raw = np.full(shape, 1.0 / width)
    else:
        raw = np.zeros(shape)
    return load(definition, y_true, raw, sample_weight, columns, parameters=parameters)


def _counting(
    definition: Definition, y: Any, sample_weight: ArrayLike | None, columns: Mapping[str, ArrayLike] | None
) -> Any:
    """The class numbers of the rows that are there: absent and ignored rows may hold any number."""
    if not any(kind in CLASS_KINDS for _, kind in definition.declaration.target) or np.ndim(y) != 1:
        return y
    kept = ~np.isin(y, definition.ignored)
    given = columns or {}
    for factor in (sample_weight, *(given.get(name) for name in ("mask", *weighing_columns(definition)))):
        if factor is not None and np.shape(factor) == kept.shape:
            kept &= np.asarray(factor) != 0
    return np.asarray(y)[kept] if kept.any() else y


def fitted_to(
    definition: Definition, y_true: Any, weight: ArrayLike | None, columns: Mapping[str, ArrayLike] | None
) -> Definition:
    """The definition with what depends on the training set bound: weights by class, class priors."""
    plain = replace(definition, priors=None, reweighting=definition.row_weights, smoothing=())
    rows = constant_rows(plain, y_true, weight, columns)
    return fitted(definition, shares_of(definition, rows.leaves, rows.shape.width), rows.leaves.get(WEIGHT))
