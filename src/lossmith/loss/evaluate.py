"""Rows in, finished numbers and arrays out: the one path from a loss to its numbers.

Comes in: a `Request` (definition, parameter values, backend) and `Rows`. Goes out: the value, arrays in the shape of the
raw predictions, `Sums`, or the generated kernel itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from lossmith.certificate.record import Certificate, shipped
from lossmith.compiler import direction, expressions, program
from lossmith.emit.standalone import numpy_source
from lossmith.emit.to_numba import kernel_text
from lossmith.emit.to_numpy import function_text
from lossmith.emit.writer import Leaf
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.rows import Array, Rows, as_floats, load
from lossmith.loss.javascript import javascript_source
from lossmith.loss.sums import Sums, statistics_of, value_without_rows
from lossmith.loss.thresholds import Thresholds, check_one_round, check_thresholds
from lossmith.runtime import Backend, FaultyRowsError, Result, parameters_of, read_leaves, run


@dataclass(frozen=True)
class Request:
    """What to compute with: a definition, its parameter values, the backend and the number of threads."""

    definition: Definition
    parameters: Mapping[str, float]
    backend: Backend
    n_threads: int | None


@dataclass(frozen=True)
class Kernel:
    """A generated kernel for people to read: its text, and its measured accuracy (none where it was not measured)."""

    backend: Backend
    dtype: np.dtype[Any]
    source: str
    certificate: tuple[Certificate, ...]


def run_rows(request: Request, wanted: tuple[str, ...], rows: Rows) -> Result:
    """Run the program for what is wanted; without any present row everything is 0 (the empty rule)."""
    plan = program(request.definition, wanted, rows.weighted)
    result = run(plan, rows, request.parameters, request.backend, request.n_threads)
    if not nothing_present(rows):
        return result
    value = value_without_rows(request.definition)
    finish = {name: np.full((1, 1), value) for name in result.finish}
    return Result(finish, {name: np.zeros_like(a) for name, a in result.outputs.items()}, result.sums)


def nothing_present(rows: Rows) -> bool:
    """Whether there is no row, or every weight is 0."""
    return rows.n == 0 or (rows.weighted and not rows.leaves[WEIGHT].any())


def evaluate(request: Request, wanted: tuple[str, ...], rows: Rows) -> tuple[float, list[Array]]:
    """The finished value (0 if not wanted) and the other outputs as arrays, in the order asked for."""
    result = run_rows(request, wanted, rows)
    value = float(result.finish["value"][0, 0]) if "value" in wanted else 0.0
    return value, [_shaped(request.definition, name, rows, result) for name in wanted if name != "value"]


def evaluate_arguments(
    request: Request, wanted: tuple[str, ...], y_true: Any, raw: ArrayLike, weight: ArrayLike | None, columns: Any
) -> tuple[float, list[Array]]:
    """`evaluate` on arguments as users hold them; targets are checked in the kernel, and named if one is at fault."""
    given = request.parameters
    try:
        return evaluate(
            request, wanted, load(request.definition, y_true, raw, weight, columns, trusting=True, parameters=given)
        )
    except FaultyRowsError:
        load(request.definition, y_true, raw, weight, columns, parameters=given)
        raise


def _shaped(definition: Definition, name: str, rows: Rows, result: Result) -> Array:
    """One output in the shape of the raw predictions (per_example: of the examples) and their dtype."""
    if name == "per_example":
        return _rounded(result.outputs["per_example:0"].reshape(rows.shape.examples), rows)
    columns = [result.outputs[f"{name}:{j}"] for j in range(len(definition.roles.raw))]
    array = np.stack(columns, axis=-1) if definition.declaration.heads else columns[0]
    return _rounded(rows.shape.restore(array).reshape(rows.shape.full), rows)


def _rounded(array: Array, rows: Rows) -> Array:
    """In the dtype of the raw predictions; what is too large for it is infinite there, which is no cause for a warning."""
    if array.dtype == rows.dtype:
        return array
    with np.errstate(over="ignore"):
        return array.astype(rows.dtype, copy=False)


def sums(request: Request, rows: Rows, thresholds: Thresholds | None = None) -> Sums:
    """The statistics of one walk over the rows; refused where the formula needs two, or a choice that is not made yet."""
    plan = program(request.definition, ("value",), rows.weighted)
    if plan.chooses and thresholds is None:
        raise UnsupportedError(
            "LM315",
            f"{request.definition.title}: which rows count depends on all of them, so one batch cannot be added up by "
            "itself. First add up loss.scores(...) of all batches, then give thresholds=scores.thresholds() to sums.",
        )
    if thresholds is not None:
        check_thresholds(thresholds, request.definition, request.parameters)
    if plan.chooses:
        check_one_round(request.definition, plan)
    elif plan.rounds > 1:
        raise UnsupportedError(
            "LM311",
            f"{request.definition.title}: a sum in this formula reads another sum, so one walk over the data is not enough "
            "and there is nothing to add up. Use value on all rows.",
        )
    choose = None if thresholds is None else thresholds.choose
    result = run(plan, rows, request.parameters, request.backend, request.n_threads, choose)
    named = statistics_of(program(request.definition, ("value",), True))
    found = dict(zip(named, statistics_of(plan), strict=True))
    return Sums(
        request.definition,
        dict(request.parameters),
        tuple(result.sums[found[node]] for node in named),
        0 if nothing_present(rows) else rows.n,
        rows.classes,
    )


def with_direction(definition: Definition, rows: Rows, v: ArrayLike) -> Rows:
    """The rows with the direction of a hessian-vector product among the leaves."""
    array = as_floats(definition, "v", v)
    if array.shape != rows.shape.full:
        raise ArgumentError(
            "LM222",
            f"{definition.title}: v must have the shape of raw_prediction {rows.shape.full}, got {array.shape}.",
        )
    flat = rows.shape.flatten(array.astype(np.float64))
    heads = bool(definition.declaration.heads)
    leaves = dict(rows.leaves)
    for j, leaf in enumerate(definition.roles.raw):
        leaves[direction(leaf)] = np.ascontiguousarray(flat[:, j] if heads else flat)
    return replace(rows, leaves=leaves)


def source_of(request: Request, backend: str) -> str:
    """Standalone code of a loss, which runs without Lossmith."""
    if backend not in SOURCES:
        known = " and ".join(f'"{name}"' for name in SOURCES)
        raise UnsupportedError("LM312", f"there is source for {known}, not for {backend!r}.")
    return SOURCES[backend](request.definition, request.parameters)


def _numpy_source(definition: Definition, parameters: Mapping[str, float]) -> str:
    found = expressions(definition)
    return numpy_source(definition, found.value, found.additive, found.gradient, found.hessian, parameters)


SOURCES: Final[dict[str, Callable[[Definition, Mapping[str, float]], str]]] = {
    "numpy": _numpy_source,
    "js": javascript_source,
}


def kernel_of(request: Request, backend: Backend, dtype: np.dtype[Any]) -> Kernel:
    """The text of the kernel for value and gradient, and the certificates shipped for it."""
    definition = request.definition
    classes = definition.declaration.has_classes
    texts: list[str] = []
    for part in program(definition, ("value", "gradient"), True).passes:
        leaves, names = read_leaves(part), parameters_of(part)
        if backend == "numba":
            stored = [Leaf(n, "matrix" if classes and "class" in n.axes else "row") for n in leaves]
            texts.append(kernel_text(part, stored, names, classes))
        else:
            inputs = {node: f"a{j}" for j, node in enumerate((*leaves, *names, *part.inputs))}
            texts.append(function_text("kernel", inputs, part.roots))
    found = tuple(c for c in shipped() if (c.loss, c.backend, c.dtype) == (definition.name, backend, dtype.name))
    return Kernel(backend, dtype, "\n\n".join(texts), found)
