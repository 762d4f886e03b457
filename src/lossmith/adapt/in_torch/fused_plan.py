"""A program made ready for arrays of one kind: kernels at hand, what they read and write known by place.

Comes in: a definition with its parameter values, what is wanted, and how the leaves are stored. Goes out: a `Plan`, which runs
over arrays without looking at them twice; it gives None wherever the full path must look closer (a target outside its domain,
weights that add up to nothing, no rows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.in_torch.fused_finish import Finisher, finisher_of
from lossmith.build import SERIAL_CHUNKS, run_chunks
from lossmith.compiler import program
from lossmith.emit.to_numba import rows_of_chunk, slots
from lossmith.formula.node import Node, constant, make, symbol_of
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Pass, Program
from lossmith.kernel.rows import Rows
from lossmith.loss.evaluate import Request
from lossmith.runtime import (
    _finisher,
    _has_classes,
    _merged,
    _numba_kernel,
    _storage,
    arithmetic_of,
    parameters_of,
    read_leaves,
    use_numba,
    work_dtype,
)

Array = NDArray[Any]
Numbers = dict[Node, Any]
KEPT: Final = 64
"""So many row counts have their finished inputs remembered."""


@final
@dataclass(frozen=True, eq=False)
class Step:
    """One walk over the rows: the kernel, the places of the arrays it reads, what it adds up and writes."""

    kernel: Callable[..., Any]
    reads: tuple[int, ...]
    parameters: Array
    inputs: tuple[Node, ...]
    fixed: bool
    sums: tuple[Node, ...]
    slots: int
    sizes: tuple[int, ...]
    wide: tuple[bool, ...]
    faults: bool
    classes: int
    chunk: int
    memory: dict[int, Array] = field(default_factory=dict)


@final
@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in order, what they write by name, and the finished value.

    `known` are parameters, `counts` the sums of weights alone (added up by `weighing`, if there are weights), `rests` what
    rounding took from a sum, by the sum.
    """

    steps: tuple[Step, ...]
    finish: tuple[Node, ...]
    names: tuple[str, ...]
    known: Mapping[Node, Any]
    counts: tuple[Node, ...]
    weighing: Step | None
    rests: Mapping[Node, Node]
    finishers: Mapping[tuple[Node, ...], Finisher]
    classes: int
    dtype: np.dtype[Any]


def plan_of(request: Request, wanted: tuple[str, ...], rows: Rows) -> Plan | None:
    """The plan for rows like these (leaves in the order in which arrays will come), if every pass has a loop."""
    weighted, classes = rows.weighted, rows.classes
    plan = program(request.definition, wanted, weighted)
    sums = [*plan.counts, *(node for part in plan.passes for node in part.sums)]
    if plan.chooses or any(node.attr for node in sums) or not plan.passes:
        return None
    counts = plan.counts or ((make("example_sum", constant(1.0)),) if weighted else ())
    if any(not use_numba(part, rows, request.backend) or not read_leaves(part) for part in plan.passes):
        return None
    known = _named(plan, request.parameters)
    fixed = () if weighted else plan.counts
    rests = {node.args[0]: node for node in _rests(plan)}
    known |= {rests[node]: 0.0 for node in plan.counts if node in rests}
    steps = tuple(_step(part, request, rows, fixed) for part in plan.passes)
    first = _step(_weighing(counts), request, replace(rows, classes=1), ()) if weighted else None
    finishers = {nodes: finisher_of(nodes) for nodes in _finished_parts(plan) if nodes}
    names = tuple(name for part in plan.passes for name, _ in part.outputs)
    return Plan(
        steps, _finished_parts(plan)[-1], names, known, counts, first, rests, finishers, classes, work_dtype(rows)
    )


def _weighing(counts: tuple[Node, ...]) -> Pass:
    """The walk that adds up the weights themselves, and finds those that are negative or not finite."""
    absent = make("equal", WEIGHT, constant(0.0))
    bodies = tuple(
        WEIGHT if node.op == "example_sum" else make("where", absent, constant(0.0), constant(1.0)) for node in counts
    )
    good = make("logical_and", make("less_equal", constant(0.0), WEIGHT), make("less", WEIGHT, constant(np.inf)))
    return Pass(counts, bodies, (), (), (make("logical_not", good),))


def _step(part: Pass, request: Request, rows: Rows, fixed: Sequence[Node]) -> Step:
    leaves, classes = read_leaves(part), rows.classes
    places = {leaf: at for at, leaf in enumerate(rows.leaves)}
    matrix = _has_classes(rows)
    kernel = _numba_kernel(
        part, _storage(part, rows, leaves), matrix, arithmetic_of(part, rows, matrix, request.parameters)
    )
    return Step(
        kernel,
        tuple(places[leaf] for leaf in leaves),
        np.array([request.parameters[repr(node)] for node in parameters_of(part)], dtype=np.float64),
        part.inputs,
        _depends_on(part.inputs, fixed),
        part.sums,
        sum(slots(part, classes)) + 1,
        tuple(slots(part, classes)),
        tuple(matrix and "class" in node.axes for _, node in part.outputs),
        bool(part.faults),
        classes,
        rows_of_chunk(classes),
    )


def _depends_on(nodes: Sequence[Node], fixed: Sequence[Node]) -> bool:
    """Whether finished inputs follow from the counts and parameters alone."""
    needs = {leaf for node in nodes for leaf in _finisher((node,))[1] if symbol_of(leaf) is None}
    return all(any(leaf is node for node in fixed) for leaf in needs)


def _finished_parts(plan: Program) -> tuple[tuple[Node, ...], ...]:
    """Every set of nodes that is finished together: what each pass reads, and what it all ends in."""
    return (*(part.inputs for part in plan.passes), tuple(node for _, node in plan.finish))


def _finish_inputs(plan: Program) -> list[Node]:
    return [leaf for nodes in _finished_parts(plan) if nodes for leaf in _finisher(nodes)[1]]


def _named(plan: Program, parameters: Mapping[str, float]) -> dict[Node, float]:
    return {leaf: parameters[repr(leaf)] for leaf in _finish_inputs(plan) if symbol_of(leaf) is not None}


def _rests(plan: Program) -> list[Node]:
    return [leaf for leaf in _finish_inputs(plan) if leaf.op == "rest_of_sum"]


# Running -------------------------------------------------------------------------------------------------------------


def walk(plan: Plan, arrays: Sequence[Array], threads: int) -> tuple[Any, list[Array]] | None:
    """The finished value (0 if there is none) and what the steps have written, in order; None: the full path must look."""
    n = len(arrays[0])
    if n == 0:
        return None
    found: Numbers = {**plan.known}
    if plan.weighing is None:
        for node in plan.counts:
            found[node] = float(n)
    elif _walked(plan, plan.weighing, arrays, found, threads) is None or not found[plan.counts[0]] > 0.0:
        return None
    outputs: list[Array] = []
    for step in plan.steps:
        written = _walked(plan, step, arrays, found, threads)
        if written is None:
            return None
        outputs += written
    return (_finished(plan, plan.finish, found)[0] if plan.finish else 0.0), outputs


def _walked(plan: Plan, step: Step, arrays: Sequence[Array], found: Numbers, threads: int) -> list[Array] | None:
    """One step: its sums go into `found`, what it writes comes back; None if a row is at fault."""
    n, classes, dtype = len(arrays[0]), step.classes, plan.dtype
    n_chunks = 1 if n <= step.chunk else -(-n // step.chunk)
    sums = np.empty((step.slots, n_chunks, 2))
    written = [np.empty((n, classes) if wide else n, dtype) for wide in step.wide]
    given = [arrays[at] for at in step.reads]
    inputs = _inputs(plan, step, found, n)
    if threads < 2 or n_chunks < SERIAL_CHUNKS:
        step.kernel(*given, step.parameters, inputs, *written, sums, classes, 0, n_chunks)
    else:
        run_chunks(step.kernel, n_chunks, (*given, step.parameters, inputs, *written, sums, classes), threads)
    if step.faults and (sums.item(2 * step.slots - 2) if n_chunks == 1 else sums[-1, :, 0].any()):
        return None
    if step.sums:
        _add_up(plan, step, sums, found)
    return written


def _add_up(plan: Plan, step: Step, sums: Array, found: Numbers) -> None:
    """The sums of all chunks, in two words; one chunk of plain sums needs no merging."""
    if sums.shape[1] > 1 or step.slots > len(step.sums) + 1:
        for node, merged, size in zip(step.sums, _merged(sums[:-1], list(step.sizes)), step.sizes, strict=True):
            found[node] = merged.hi if size > 1 else merged.hi.item()
            if node in plan.rests:
                found[plan.rests[node]] = merged.lo if size > 1 else merged.lo.item()
        return
    for j, node in enumerate(step.sums):
        hi, lo = sums.item(2 * j), sums.item(2 * j + 1)
        total = found[node] = hi + lo
        if node in plan.rests:
            rest = (hi - total) + lo
            found[plan.rests[node]] = rest if isfinite(rest) else 0.0


def _inputs(plan: Plan, step: Step, found: Numbers, n: int) -> Array:
    """The finished numbers that a step reads; those that follow from the number of rows alone are remembered."""
    kept = step.memory.get(n) if step.fixed else None
    if kept is not None:
        return kept
    table = np.zeros((len(step.inputs), step.classes))
    for j, value in enumerate(_finished(plan, step.inputs, found) if step.inputs else ()):
        table[j] = value
    if step.fixed:
        if len(step.memory) > KEPT:
            step.memory.clear()
        step.memory[n] = table
    return table


def finished_inputs(plan: Plan, step: Step, n: int) -> Array:
    """The finished numbers that a step reads, where they follow from the number of rows alone."""
    return _inputs(plan, step, {**plan.known, **dict.fromkeys(plan.counts, float(n))}, n)


def _finished(plan: Plan, nodes: tuple[Node, ...], found: Numbers) -> tuple[Any, ...]:
    function, inputs = plan.finishers[nodes]
    return function(*[found[node] for node in inputs], plan.classes)
