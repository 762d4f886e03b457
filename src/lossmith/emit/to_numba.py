"""A pass over the rows → Numba text: one serial loop over a range of chunks, computed in float64 or in float32.

Comes in: a pass and how each leaf is stored. Goes out: the text of `kernel(arrays..., parameters, finished numbers,
outputs..., sums, classes, first chunk, last chunk)`. The terms of a chunk are added up in double words of float64, so that
neither threads nor chunk borders show in a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from lossmith.emit.block_loop import IMPORTS, WIDTH, block_loop, takes_blocks
from lossmith.emit.class_loops import WITH_CLASSES, class_text
from lossmith.emit.class_targets import rewritten, unguarded
from lossmith.emit.class_text import Layout
from lossmith.emit.precision import ROWS
from lossmith.emit.to_numpy import needed
from lossmith.emit.writer import Leaf, Writer, compute
from lossmith.formula.node import Node, number_of
from lossmith.kernel.program import Pass

Arithmetic = Literal["double", "narrow", "single"]
"""Float64; float64 for rows and results in float32, whose exp may be shorter; float32, but for the sums."""

HEADER: Final = """\
import math

import numpy as np
from numba import njit

from lossmith.emit.loopmath import (
    add_up, cosh, digamma, erf, exp, exp_down, exp_muladd, exp_rest, expm1, lgamma, log, log1p, log1p_unit, magnitude,
    log_normal_cdf, maximum, minimum, normal_cdf, normal_gap, normal_hazard, power, root, select, sign, sinh, tanh, wide_vectors,
)


@njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)
"""
SHORT: Final = ("exp", "exp_down", "exp_muladd", "exp_rest", "log1p_unit")


def _with(header: str, imports: str) -> str:
    return header.replace("\n\n@njit", f"{imports}\n\n@njit")


def _narrow(header: str) -> str:
    """The header with the short functions under the names of the exact ones."""
    for name in SHORT:
        header = header.replace(f" {name},", f" {name}_w32 as {name},")
    return header


HEADERS: Final[dict[Arithmetic, str]] = {
    "double": HEADER,
    "narrow": _narrow(HEADER),
    "single": HEADER.replace("emit.loopmath", "emit.vectormath_single").replace("minimum,", "minimum, moderate,"),
}


def kernel_text(
    parts: Pass,
    leaves: Sequence[Leaf],
    parameters: Sequence[Node],
    classes: bool,
    arithmetic: Arithmetic = "double",
    layout: Layout = "rows",
) -> str:
    """The source of one kernel, complete with its imports; `layout`: what lies side by side where rows have classes."""
    if classes:
        short = arithmetic != "double"
        header = _with(HEADERS["narrow" if short else "double"], WITH_CLASSES)
        return header + class_text(parts, leaves, parameters, short, layout)
    w = Writer(_unguarded(parts), leaves, parameters, arithmetic == "single")
    header, order = HEADERS[arithmetic], _named(w)
    blocks = takes_blocks(order)
    assert blocks or not w.single, "float32 kernels are made of blocks"
    _loads(w, blocks)
    _open(w)
    if blocks:
        block_loop(w, order)
    else:
        _row_loop(w, order)
    _close(w)
    return (_with(header, IMPORTS) if blocks else header) + "\n".join(w.lines) + "\n"


def _unguarded(parts: Pass) -> Pass:
    """The pass without guards that let NaN through where it goes through anyway."""
    stops = dict.fromkeys((*parts.inputs, *parts.chosen))
    outputs = tuple((name, rewritten(node, stops, unguarded)) for name, node in parts.outputs)
    return replace(parts, outputs=outputs)


def rows_of_chunk(n_classes: int) -> int:
    """How many rows a chunk has: whole tiles of rows where there are classes, and more numbers, for fewer sums."""
    return ROWS if n_classes == 1 else max(16, 8 * ROWS // n_classes // 16 * 16)


def slots(parts: Pass, n_classes: int) -> list[int]:
    """How many sums each body needs: one, or one per class."""
    return [n_classes if "class" in body.axes else 1 for body in parts.bodies]


def _named(w: Writer) -> list[Node]:
    """Name what is given; what is to be computed, in order."""
    for j, leaf in enumerate(w.leaves):
        w.names[leaf.node] = f"v{j}"
    for letter, nodes in (("p", w.parameters), ("f", w.parts.inputs)):
        for j, node in enumerate(nodes):
            w.names[node] = f"{letter}{j}"
            if w.single:  # what float64 says more is kept under a second name
                w.precise[node] = f"{letter}{j}_"
    order = [n for n in needed(w.parts.roots, w.names) if number_of(n) is None]
    return [n for n in order if n not in w.names]


def _loads(w: Writer, blocks: bool) -> None:
    """How each leaf is read, in the arithmetic of the kernel."""
    width, kind = WIDTH[w.single], "as_f32" if w.single else "as_f64"
    for j, leaf in enumerate(w.leaves):
        lanes = f"{kind}(lanes_at(a{j}, i, {width}), {width})"
        w.loads[leaf.node] = f"v{j} = {lanes}" if blocks else f"v{j} = np.float64(a{j}[i])"


def _open(w: Writer) -> None:
    """The function, and the numbers that are the same for all rows; a trial of its accuracy asks for one row a chunk."""
    outputs = "".join(f"o{j}, " for j in range(len(w.parts.outputs)))
    arrays = "".join(f"x{j}, " for j in range(len(w.leaves)))
    w.add(0, f"def kernel({arrays}par, fin, {outputs}sums, n_classes, first, last):")
    w.add(1, "wide_vectors()")
    w.add(1, "n = x0.shape[0]")
    w.add(1, f"rows = max(1, {ROWS} // n_classes)")
    for j, node in enumerate(w.parameters):
        w.add(1, f"{w.precise.get(node, w.names[node])} = par[{j}]")
    for j, node in enumerate(w.parts.inputs):
        w.add(1, f"{w.precise.get(node, w.names[node])} = fin[{j}, 0]")
    for node, exact in w.precise.items():
        w.add(1, f"{w.names[node]} = np.float32({exact})")


def _row_loop(w: Writer, order: list[Node]) -> None:
    """Rows one by one, for operations that have no form for lanes; terms go to a buffer, which is added up."""
    if w.parts.bodies:
        w.add(1, "lanes = np.empty(16)")
    for j, _ in enumerate(w.parts.bodies):
        w.add(1, f"buffer{j} = np.empty(rows)")
    w.add(1, "for c in range(first, last):")
    w.add(2, "lo = c * rows")
    w.add(2, "hi = min(lo + rows, n)")
    for j, _ in enumerate(w.leaves):
        w.add(2, f"a{j} = x{j}[lo:hi]")
    for j, _ in enumerate(w.parts.outputs):
        w.add(2, f"r{j} = o{j}[lo:hi]")
    if w.parts.faults:
        w.add(2, "faults = 0")
    w.add(2, "for i in range(a0.shape[0]):")
    for leaf in w.leaves:
        w.add(3, w.loads[leaf.node])
    for node in order:
        compute(w, 3, node)
    for j, body in enumerate(w.parts.bodies):
        w.add(3, f"buffer{j}[i] = {w.name(body)}")
    for j, (_, node) in enumerate(w.parts.outputs):
        w.add(3, f"r{j}[i] = {w.name(node)}")
    for fault in w.parts.faults:
        w.add(3, f"faults += np.int64({w.name(fault)})")
    for j, _ in enumerate(w.parts.bodies):
        w.add(2, f"add_up(buffer{j}, hi - lo, lanes, sums[{j}], c)")


def _close(w: Writer) -> None:
    """The last sum counts the faulty rows of the chunk; a float32 kernel returns how many chunks are in doubt."""
    if w.parts.faults:
        w.add(2, "sums[sums.shape[0] - 1, c, 0] = faults")
    if w.single:
        w.add(1, "return doubts")
