"""Run a program over rows: pass by pass, each sum in double words, finished numbers between the passes.

Comes in: a `Program`, `Rows`, parameter values, a backend. Goes out: finished numbers, per-example arrays, and the sums.
The NumPy backend is the reference (float64 throughout); the Numba backend runs the same passes as compiled loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lossmith.emit import prelude
from lossmith.emit.class_loops import by_classes
from lossmith.emit.class_text import Layout
from lossmith.emit.precision import Trial, bucket, keeps_contract, may_be_single, settings
from lossmith.emit.reducers import REDUCERS, grouped, shaped, tall
from lossmith.emit.table import supports
from lossmith.emit.to_numba import Arithmetic, kernel_text, rows_of_chunk, slots
from lossmith.emit.to_numpy import function_text, needed
from lossmith.emit.writer import Leaf, Storage
from lossmith.errors import ArgumentError
from lossmith.formula.node import Node, among, symbol_of, symbols, walk
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Pass, Program
from lossmith.kernel.rows import Rows
from lossmith.kernel.schedule import TERMS, first_met
from lossmith.numerics.double_word import Pair, add, pair, total

Array = NDArray[Any]
Backend = Literal["numba", "numpy"]
Numbers = dict[Node, Array]


class FaultyRowsError(ArgumentError):
    """Targets outside their domain were met; who has the arguments says which."""

    def __init__(self, code: str = "LM218", sentence: str = "a target lies outside its domain.") -> None:
        super().__init__(code, sentence)


@dataclass(frozen=True)
class Result:
    """`finish`: arrays of shape (groups or 1, classes or 1); `outputs`: (n,) or (n, classes); `sums` as double words."""

    finish: Mapping[str, Array]
    outputs: Mapping[str, Array]
    sums: Mapping[Node, Pair]


Choose: TypeAlias = Callable[["Candidates", Array], Array]
Merge: TypeAlias = Callable[[Mapping[Node, Pair]], dict[Node, Pair]]


def run(
    program: Program,
    rows: Rows,
    parameters: Mapping[str, float],
    backend: Backend = "numba",
    n_threads: int | None = None,
    choose: Choose | None = None,
    merge: Merge = dict,
) -> Result:
    """Walk over the rows as often as the program says; `choose` makes the choices between examples (here: of these rows).

    `merge` adds what other workers have to the sums, after the counts and after every pass (here: nothing).
    """
    sums = merge(counts(program, rows))
    choose = choose or choose_here
    outputs: dict[str, Array] = {}
    for part in program.passes:
        finished = finish_nodes(part.inputs, sums, parameters, rows.classes, rows.n_groups)
        runner = _numba_pass if use_numba(part, rows, backend) else _numpy_pass
        found, written = runner(part, rows, parameters, finished, n_threads)
        sums.update(merge(dict(zip(part.sums, found, strict=True))))
        if part.picks:
            amounts = finish_nodes(tuple(p.args[1] for p in part.picks), sums, parameters, rows.classes, rows.n_groups)
            picked = {p: choose(candidates(p, written, rows), amounts[p.args[1]]) for p in part.picks}
            rows = replace(rows, leaves={**rows.leaves, **picked})
        outputs.update(written)
    return Result(finish_program(program, sums, parameters, rows.classes, rows.n_groups), outputs, sums)


@dataclass(frozen=True)
class Candidates:
    """The examples that a choice is made from: what it looks at, how much weight of each may be chosen, its group."""

    pick: Node
    score: Array
    among: Array
    weight: Array
    groups: NDArray[np.int64] | None
    group_names: Array | None


def candidates(pick: Node, written: dict[str, Array], rows: Rows) -> Candidates:
    """What a pass has written for a choice, taken out of its outputs."""
    score = written.pop(f"score of {id(pick)}")
    among = written.pop(f"among of {id(pick)}", None)
    weight = rows.leaves[WEIGHT] if rows.weighted else np.ones(rows.n)
    groups, names = (rows.groups, rows.group_names) if pick.attr else (None, None)
    return Candidates(pick, score, np.ones(rows.n) if among is None else among, weight, groups, names)


def choose_here(found: Candidates, amount: Array) -> Array:
    """The share of every row, (n,), if these rows are all there are."""
    chosen: Array = prelude._largest(found.score, amount, found.among, found.weight, found.groups)
    return np.ascontiguousarray(chosen.reshape(-1))


def use_numba(part: Pass, rows: Rows, backend: Backend) -> bool:
    """Groups, and operations without a vector form, run on the NumPy reference."""
    return backend == "numba" and rows.groups is None and bool(rows.leaves) and _has_loop_form(part)


@lru_cache(maxsize=1024)
def _has_loop_form(part: Pass) -> bool:
    read = (*part.inputs, *part.chosen)
    inner = needed(part.roots, dict.fromkeys(read, ""))
    plain = [n for n in inner if n.args and not n.op.startswith("class_") and not among(n, read)]
    return all(n.op in ADDED for n in part.sums) and all(supports(n.op, "numba") for n in plain)


def finish_program(
    program: Program, sums: Mapping[Node, Pair], parameters: Mapping[str, float], classes: int, groups: int
) -> dict[str, Array]:
    """The finished numbers from the sums alone."""
    nodes = tuple(node for _, node in program.finish)
    values = finish_nodes(nodes, sums, parameters, classes, groups)
    return {name: values[node] for name, node in program.finish}


def finish_nodes(
    nodes: tuple[Node, ...], sums: Mapping[Node, Pair], parameters: Mapping[str, float], classes: int, groups: int
) -> Numbers:
    """Evaluate finished formulas: what a kernel reads, and what it ends in."""
    if not nodes:
        return {}
    function, inputs = _finisher(nodes)
    values = [_input(node, sums, parameters) for node in inputs]
    with np.errstate(all="ignore"):
        results = function(*values, classes, groups)
    return {node: np.atleast_2d(np.asarray(r, dtype=np.float64)) for node, r in zip(nodes, results, strict=True)}


def _input(node: Node, sums: Mapping[Node, Pair], parameters: Mapping[str, float]) -> Array:
    if node.op == "rest_of_sum":
        return sums[node.args[0]].lo
    return sums[node].hi if node in sums else np.full((1, 1), parameters[repr(node)])


@lru_cache(maxsize=2048)
def _finisher(nodes: tuple[Node, ...]) -> tuple[Callable[..., Any], tuple[Node, ...]]:
    rests = tuple(node for node in walk(*nodes) if node.op == "rest_of_sum")
    sums = (*first_met(nodes, lambda node: node.op in TERMS), *rests)
    inputs = (*sums, *(p for p in symbols(*nodes, role="parameter")))
    return numpy_function({node: f"a{j}" for j, node in enumerate(inputs)}, nodes), inputs


def numpy_function(inputs: Mapping[Node, str], roots: tuple[Node, ...]) -> Callable[..., Any]:
    """Compile generated NumPy text; its only names are NumPy and the functions of the prelude."""
    namespace: dict[str, Any] = {k: v for k, v in vars(prelude).items() if k == "np" or k.startswith("_")}
    exec(compile(function_text("kernel", inputs, roots), "<lossmith numpy kernel>", "exec"), namespace)
    function: Callable[..., Any] = namespace["kernel"]
    return function


def counts(program: Program, rows: Rows) -> dict[Node, Pair]:
    """The total weight (or number of rows), overall or per group."""
    given = rows.leaves.get(WEIGHT) if rows.weighted else None
    found: dict[Node, Pair] = {}
    for node in program.counts:
        weight = (given != 0).astype(np.float64) if given is not None and node.op == "example_count" else given
        if node.attr:
            assert rows.groups is not None
            found[node] = grouped(np.ones((rows.n, 1)) if weight is None else tall(weight), rows)
        elif weight is None:
            found[node] = Pair(np.full((1, 1), float(rows.n)), np.zeros((1, 1)))
        else:
            found[node] = shaped(total(tall(weight).astype(np.float64), axis=0))
    return found


# How the terms of a reduction are joined to those of other rows.
JOINERS: Final[dict[str, Callable[[Pair, Pair], Pair]]] = {
    "example_sum": add,
    "example_count": add,
    "example_max": lambda a, b: pair(np.maximum(a.hi, b.hi)),
    "example_logsumexp": lambda a, b: pair(np.logaddexp(a.hi, b.hi)),
}
FEW: Final = 8
ADDED: Final = frozenset(name for name, joiner in JOINERS.items() if joiner is add)


@lru_cache(maxsize=1024)
def read_leaves(part: Pass) -> tuple[Node, ...]:
    """The per-example leaves that a pass reads, choices between examples among them."""
    return (*(n for n in symbols(*_cut(part)) if "example" in n.axes), *part.chosen)


def _cut(part: Pass) -> list[Node]:
    """The nodes of a pass, without what lies below its finished inputs."""
    read = (*part.inputs, *part.chosen)
    return [n for n in needed(part.roots, dict.fromkeys(read, "")) if not among(n, read) and not n.args]


@lru_cache(maxsize=1024)
def parameters_of(part: Pass) -> tuple[Node, ...]:
    """The parameters that a pass reads."""
    return tuple(n for n in _cut(part) if (leaf := symbol_of(n)) is not None and leaf.role == "parameter")


@lru_cache(maxsize=1024)
def _numpy_kernel(part: Pass) -> tuple[Callable[..., Any], tuple[Node, ...], tuple[Node, ...]]:
    leaves, names = read_leaves(part), parameters_of(part)
    inputs = {node: f"a{j}" for j, node in enumerate((*leaves, *names, *part.inputs))}
    return numpy_function(inputs, part.roots), leaves, names


def _numpy_pass(
    part: Pass, rows: Rows, parameters: Mapping[str, float], finished: Numbers, n_threads: int | None
) -> tuple[list[Pair], dict[str, Array]]:
    kernel, leaves, names = _numpy_kernel(part)
    values: list[Any] = [_matrix(rows, leaf) for leaf in leaves]
    values += [np.float64(parameters[repr(node)]) for node in names]
    values += [_to_rows(node, finished[node], rows) for node in part.inputs]
    with np.errstate(all="ignore"):
        results = kernel(*values, rows.classes, rows.n_groups)
    wide = [np.broadcast_to(np.atleast_2d(r), (rows.n, np.atleast_2d(r).shape[1])) for r in results]
    if any(fault.any() for fault in wide[len(wide) - len(part.faults) :]):
        raise FaultyRowsError
    bodies, written = wide[: len(part.bodies)], wide[len(part.bodies) : len(wide) - len(part.faults)]
    sums = [_sum(node, np.asarray(b, dtype=np.float64), rows) for node, b in zip(part.sums, bodies, strict=True)]
    outputs = {}
    for (name, node), array in zip(part.outputs, written, strict=True):
        shape = (rows.n, rows.classes) if "class" in node.axes else (rows.n, 1)
        with np.errstate(over="ignore"):  # a float64 beyond float32 is an infinity there, and no cause for a warning
            full = np.broadcast_to(array, shape).astype(work_dtype(rows))
        outputs[name] = full if rows.shape.axis is not None and "class" in node.axes else full[:, 0]
    return sums, outputs


def _sum(node: Node, terms: Array, rows: Rows) -> Pair:
    reduce = REDUCERS[node.op]
    return grouped(terms, rows, reduce) if node.attr else reduce(terms)


def _to_rows(node: Node, value: Array, rows: Rows) -> Array:
    return value[rows.groups] if "group" in node.axes and rows.groups is not None else value


def work_dtype(rows: Rows) -> np.dtype[Any]:
    """The dtype that outputs are rounded to: float32 for float32 predictions, else float64."""
    return np.dtype(np.float32) if rows.dtype.itemsize <= 4 else np.dtype(np.float64)


def _matrix(rows: Rows, leaf: Node) -> Array:
    """A leaf as float64 of shape (n, 1) or (n, classes); class indices become one-hot rows."""
    array = rows.leaves[leaf]
    if array.dtype.kind == "i":
        return np.asarray(array[:, None] == np.arange(rows.classes), dtype=np.float64)
    return np.asarray(tall(array), dtype=np.float64)


@lru_cache(maxsize=1024)
def _numba_kernel(
    part: Pass, storage: tuple[Storage, ...], classes: bool, arithmetic: Arithmetic
) -> Callable[..., Any]:
    from lossmith.build import Careful, build

    leaves = [Leaf(node, s) for node, s in zip(read_leaves(part), storage, strict=True)]

    def made(layout: Layout) -> Callable[..., Any]:
        return build(kernel_text(part, leaves, parameters_of(part), classes, arithmetic, layout), "kernel")

    if arithmetic == "single":
        return Careful(made("rows"), lambda: _numba_kernel(part, storage, classes, "narrow"))
    return by_classes(made, part) if classes else made("rows")


def arithmetic_of(part: Pass, rows: Rows, classes: bool, parameters: Mapping[str, float] | None = None) -> Arithmetic:
    """What a kernel computes in: float32 only where that was tried, with parameters like these, and is near enough."""
    if work_dtype(rows) != np.float32:
        return "double"
    names = () if classes else _parameters_below(part)
    if classes or (names and parameters is None) or any(rows.leaves[n].dtype != np.float32 for n in read_leaves(part)):
        return "narrow"
    return "single" if _tried(part, names, tuple(bucket((parameters or {})[n]) for n in names)) else "narrow"


@lru_cache(maxsize=1024)
def _parameters_below(part: Pass) -> tuple[str, ...]:
    return tuple(repr(node) for node in symbols(*part.roots, role="parameter"))


@lru_cache(maxsize=4096)
def _tried(part: Pass, names: tuple[str, ...], buckets: tuple[tuple[float, ...], ...]) -> bool:
    if not may_be_single(part):
        return False
    leaves = read_leaves(part)
    kernel: Any = _numba_kernel(part, ("row",) * len(leaves), False, "single")
    trial = Trial(part, leaves, parameters_of(part), kernel.short, finish_nodes, numpy_function)
    return all(keeps_contract(trial, given) for given in settings(names, buckets))


def _storage(part: Pass, rows: Rows, leaves: tuple[Node, ...]) -> tuple[Storage, ...]:
    return tuple(
        "index" if rows.leaves[n].dtype.kind == "i" else "matrix" if _is_wide(n, rows) else "row" for n in leaves
    )


def _is_wide(leaf: Node, rows: Rows) -> bool:
    return _has_classes(rows) and "class" in leaf.axes


def _has_classes(rows: Rows) -> bool:
    return rows.shape.axis is not None and rows.classes == rows.shape.width and _classwise(rows)


def _classwise(rows: Rows) -> bool:
    return any("class" in leaf.axes for leaf in rows.leaves)


def _numba_pass(
    part: Pass, rows: Rows, parameters: Mapping[str, float], finished: Numbers, n_threads: int | None
) -> tuple[list[Pair], dict[str, Array]]:
    from lossmith.build import run_chunks

    leaves = read_leaves(part)
    if not leaves or rows.n == 0:
        return _numpy_pass(part, rows, parameters, finished, n_threads)
    classes = _has_classes(rows)
    kernel = _numba_kernel(part, _storage(part, rows, leaves), classes, arithmetic_of(part, rows, classes, parameters))
    arrays = [np.ascontiguousarray(rows.leaves[leaf]) for leaf in leaves]
    par = np.array([parameters[repr(node)] for node in parameters_of(part)], dtype=np.float64)
    fin = np.zeros((len(part.inputs), rows.classes))
    for j, node in enumerate(part.inputs):
        fin[j] = finished[node]
    dtype = work_dtype(rows)
    written = [
        np.empty((rows.n, rows.classes) if classes and "class" in node.axes else rows.n, dtype)
        for _, node in part.outputs
    ]
    sizes = slots(part, rows.classes)
    n_chunks = -(-rows.n // rows_of_chunk(rows.classes))
    sums = np.empty((sum(sizes) + 1, n_chunks, 2))
    run_chunks(kernel, n_chunks, (*arrays, par, fin, *written, sums, rows.classes), n_threads)
    if part.faults and sums[-1, :, 0].any():
        raise FaultyRowsError
    return _merged(sums[:-1], sizes), {name: a for (name, _), a in zip(part.outputs, written, strict=True)}


def _merged(sums: Array, sizes: list[int]) -> list[Pair]:
    """Merge the chunks in their order, whatever thread computed them; a few sums exactly, which is also faster."""
    if not sizes:
        return []
    if len(sums) <= FEW and bool(np.isfinite(sums[:, :, 0]).all()):
        merged = [_exact_sum(chunks) for chunks in sums]
    else:
        hi, lo = total(sums[:, :, 0].T, axis=0), sums[:, :, 1].sum(axis=1)
        merged = [Pair(np.asarray(h), np.asarray(e + r)) for h, e, r in zip(hi.hi, hi.lo, lo, strict=True)]
    found: list[Pair] = []
    at = 0
    for size in sizes:
        block = merged[at : at + size]
        total_hi = np.array([[float(p.hi + p.lo) for p in block]])
        rest = np.array([[float((p.hi - (p.hi + p.lo)) + p.lo) for p in block]])
        found.append(Pair(total_hi, np.where(np.isfinite(rest), rest, 0.0)))
        at += size
    return found


def _exact_sum(chunks: Array) -> Pair:
    """The sum of finite double words, as the nearest one."""
    words = chunks.ravel().tolist()
    try:
        hi = math.fsum(words)
        return Pair(np.asarray(hi), np.asarray(math.fsum((*words, -hi))))
    except OverflowError:  # as the numbers added up one by one
        return Pair(np.asarray(chunks[:, 0].sum()), np.zeros(()))
