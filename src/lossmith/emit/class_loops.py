"""A pass over rows that have classes → Numba text, in lanes: rows side by side, or the classes of one row.

Comes in: a pass and how each leaf is stored. Goes out: the text of a kernel with the arguments of those of `to_numba`.
With rows side by side a tile of them is turned, so that every number of a class, and every number of a row, is a vector:
for few classes. With classes side by side a row's numbers are scalars, and its reductions are folded: for many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from lossmith.emit.class_plan import planned
from lossmith.emit.class_targets import HERE
from lossmith.emit.class_text import ClassWriter, Layout
from lossmith.emit.writer import Leaf
from lossmith.formula.node import Node, among
from lossmith.kernel.program import Pass

Kernel: TypeAlias = Callable[..., Any]
WITH_CLASSES: Final = """\
from lossmith.emit.vectormath_lanes import (
    as_f32, as_f64, as_i32, first_of, how_many, lanes_at, lanes_or, largest_of, numbered, opposite, picked, put_lanes,
    put_lanes_or, sum_of,
)
from lossmith.emit.vectormath_tiles import (
    chunk_rows, exp_sum, fall_of, fall_parts, fill, grown, spill, tail_in, tail_out, tile_in, tile_out,
)
"""
MANY: Final = 96
"""From this many classes on, those of one row lie side by side: no row is turned, and a row stays in the nearest cache."""


def by_classes(make: Callable[[Layout], Kernel], parts: Pass) -> Kernel:
    """A kernel that chooses between those of the two layouts by the number of classes, its last argument but two."""
    made = cache(make)
    always = any("class" in body.axes for body in parts.bodies)  # a sum for each class is added up row after row

    def kernel(*arguments: Any) -> Any:
        return made("rows" if always or arguments[-3] < MANY else "classes")(*arguments)

    return kernel


def class_text(parts: Pass, leaves: Sequence[Leaf], parameters: Sequence[Node], narrow: bool, layout: Layout) -> str:
    """The function of a kernel over rows of classes; `narrow` for float32 rows."""
    plan = planned(parts, leaves, narrow)
    w = ClassWriter(plan, leaves, parameters, layout)
    _open(w)
    _rows(w)
    _close(w)
    return "\n".join(w.lines) + "\n"


# Around the rows -----------------------------------------------------------------------------------------------------


def _open(w: ClassWriter) -> None:
    """The function, its scratch, and the loops over chunks and tiles."""
    parts, lanes = w.plan.parts, w.lanes
    arrays = "".join(f"x{j}, " for j in range(len(w.leaves)))
    outputs = "".join(f"o{j}, " for j in range(len(parts.outputs)))
    w.add(0, f"def kernel({arrays}par, fin, {outputs}sums, n_classes, first, last):")
    w.add(1, "wide_vectors()")
    w.add(1, "n = x0.shape[0]")
    w.add(1, f"rows = chunk_rows(n, sums.shape[1], {w.tile})")
    w.add(1, f"width = (n_classes + {lanes - 1}) // {lanes} * {lanes}")
    for j, parameter in enumerate(w.parameters):
        w.names[parameter] = f"p{j}"
        w.add(1, f"p{j} = par[{j}]")
    w.add(1, f"whole = n_classes // {lanes} * {lanes}")
    w.add(1, f"spare = np.empty({lanes})")
    _open_inputs(w)
    _open_scratch(w)
    w.add(1, "for c in range(first, last):")
    w.add(2, "lo = min(c * rows, n)")
    w.add(2, "hi = min(lo + rows, n)")
    for j in range(len(w.leaves)):
        w.add(2, f"a{j} = x{j}[lo:hi]")
    for j in range(len(parts.outputs)):
        w.add(2, f"r{j} = o{j}[lo:hi]")
    if parts.faults:
        w.add(2, "faults = 0")


def _open_inputs(w: ClassWriter) -> None:
    for j, node in enumerate(w.plan.parts.inputs):
        w.names[node] = f"f{j}"
        if "class" not in node.axes:
            w.add(1, f"f{j} = fin[{j}, 0]")
            continue
        w.add(1, f"y{j} = np.empty(width)")
        w.add(1, f"y{j}[:n_classes] = fin[{j}, :n_classes]")
        source = f"y{j}[k]" if w.layout == "rows" else f"lanes_at(y{j}, k, {w.lanes})"
        w.reads[node] = f"f{j} = {w.wide_type}({source}, {w.lanes})"
        w.lookups[node] = f"y{j}"


def _open_scratch(w: ClassWriter) -> None:
    """Tiles of predictions, of what loops keep and of outputs; the terms of a chunk."""
    parts = w.plan.parts
    for j, leaf in enumerate(w.leaves):
        if leaf.storage == "matrix":
            w.add(1, f"m{j} = np.full({w.buffer}, -np.inf, x{j}.dtype)")
        if leaf.storage == "index":
            w.add(1, f"chosen{j} = np.empty({w.lanes}, np.int64)")
    for node in w.plan.kept:
        w.scratch[node] = f"u{len(w.scratch)}"
        w.add(1, f"{w.scratch[node]} = np.empty({w.shape}, {'np.float32' if w.plan.narrow else 'np.float64'})")
    for node in w.falls():
        w.scratch.setdefault(node, f"g{len(w.steps)}")
        w.steps[node] = f"h{len(w.steps)}"
        for name in {w.scratch[node], w.steps[node]} - {f"u{j}" for j in range(len(w.plan.kept))}:
            w.add(1, f"{name} = np.empty({w.shape}, np.float32)")
    for j, (_, node) in enumerate(parts.outputs):
        if "class" in node.axes:
            w.add(1, f"q{j} = np.empty({w.buffer}, o{j}.dtype)")
    if parts.bodies:
        w.add(1, "lanes = np.empty(64)")
    for j, body in enumerate(parts.bodies):
        w.add(1, f"buffer{j} = np.empty({'(n_classes, rows)' if 'class' in body.axes else 'rows'})")


def _close(w: ClassWriter) -> None:
    """Add up the buffers of the chunk; the last sum counts its faulty rows."""
    parts = w.plan.parts
    if parts.faults:
        w.add(2, "sums[sums.shape[0] - 1, c, 0] = faults")
    slot, offset = 0, ""
    for j, body in enumerate(parts.bodies):
        if "class" in body.axes:
            w.add(2, "for k in range(n_classes):")
            w.add(3, f"add_up(buffer{j}[k], hi - lo, lanes, sums[{slot}{offset} + k], c)")
            offset += " + n_classes"
        else:
            w.add(2, f"add_up(buffer{j}, hi - lo, lanes, sums[{slot}{offset}], c)")
            slot += 1


# One tile, or one row --------------------------------------------------------------------------------------------------


def _rows(w: ClassWriter) -> None:
    """Read the rows, then level by level: numbers of a row, and a loop over its classes."""
    step = f", {w.tile}" if w.layout == "rows" else ""
    w.add(2, f"for i in range(0, hi - lo{step}):")
    if w.layout == "rows":
        w.add(3, f"count = min({w.tile}, hi - lo - i)")
    for j, leaf in enumerate(w.leaves):
        w.read_leaf(j, leaf)
    for mark, of in w.plan.target.looked_up.items():
        w.look_up(mark, of)
    last = max(w.plan.level.values(), default=0)
    loops = {loop.level: loop for loop in w.plan.loops}
    for level in range(last + 1):
        for mark, first in w.plan.target.is_first.items():
            if w.plan.level.get(mark) == level:
                w.mark_first(mark, first)
        for node in w.plan.rows:
            if w.plan.level[node] == level:
                w.compute_row(node)
        if level in loops:
            _class_loop(w, level)
    _write_rows(w)


def _write_rows(w: ClassWriter) -> None:
    parts = w.plan.parts
    for j, body in enumerate(parts.bodies):
        if "class" not in body.axes:
            w.put_row(f"buffer{j}", body)
    for j, (_, node) in enumerate(parts.outputs):
        if "class" not in node.axes:
            w.write_row(f"r{j}", node)
        elif w.layout == "rows":
            w.add(3, f"tile_out(q{j}, r{j}, i, count)")
        else:
            w.add(3, f"tail_out(q{j}, r{j}, i, whole)")
            if w.written(node) is not node:
                w.add(3, f"r{j}[i, {w.lookups[HERE]}] = {w.name(node.args[1])}")
    for fault in parts.faults:
        w.count_fault(fault)


def _class_loop(w: ClassWriter, level: int) -> None:
    """One loop over the classes: nodes of this level, what later loops need of them, and the sums they feed."""
    loop = next(loop for loop in w.plan.loops if loop.level == level)
    w.begin_loop(loop)
    for node in loop.read:
        w.read(node)
    apart = [root for root in loop.roots if w.written(root) is not root]
    for node in loop.compute:
        if among(node, apart):
            continue
        w.compute_class(node)
        if among(node, w.plan.kept):
            w.add(4, f"put_lanes({w.scratch[node]}, at, {w.names[node]})")
            w.reads[node] = f"{w.names[node]} = lanes_at({w.scratch[node]}, at, {w.lanes})"
    for node in loop.feeds:
        w.feed(node, loop)
    parts = w.plan.parts
    for j, body in enumerate(parts.bodies):
        if "class" in body.axes and among(body, loop.roots):
            w.add(4, f"put_lanes(buffer{j}, k * rows + i, {w.as_lanes(body)})")
    for j, (_, node) in enumerate(parts.outputs):
        if "class" in node.axes and among(node, loop.roots):
            rows = w.layout == "rows"
            place = f"put_lanes(q{j}, at" if rows else f"put_lanes_or(r{j}, i * n_classes + k, k < whole, q{j}"
            w.add(4, f"{place}, {w.as_lanes(w.written(node))})")
    w.end_loop(loop)
