"""A pass over the rows → Numba text: one serial loop over a range of chunks, everything computed in float64.

Comes in: a pass and how each leaf is stored. Goes out: the text of `kernel(arrays..., parameters, finished numbers,
outputs..., sums, classes, first chunk, last chunk)`. Rows of a chunk are slices; terms of a sum go to a small buffer that is
added up after the chunk in double words, so that neither threads nor chunk borders show in a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lossmith.emit.class_loops import row_loop
from lossmith.emit.to_numpy import needed
from lossmith.emit.writer import REDUCTIONS, Leaf, Writer, compute, count_faults, write
from lossmith.formula.node import Node, number_of
from lossmith.kernel.program import Pass

ROWS: Final = 2048

HEADER: Final = """\
import math

import numpy as np
from numba import njit

from lossmith.emit.loopmath import (
    add_up, cosh, digamma, erf, exp, exp_muladd, exp_rest, expm1, lgamma, log, log1p, log1p_unit, magnitude, maximum,
    minimum, power, root, select, sign, sinh, tanh, wide_vectors,
)


@njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)
"""


NARROW: Final = (
    HEADER.replace(" exp,", " exp_w32 as exp,")
    .replace(" exp_muladd,", " exp_muladd_w32 as exp_muladd,")
    .replace(" exp_rest,", " exp_rest_w32 as exp_rest,")
    .replace(" log1p_unit,", " log1p_unit_w32 as log1p_unit,")
)


def kernel_text(
    parts: Pass, leaves: Sequence[Leaf], parameters: Sequence[Node], classes: bool, narrow: bool = False
) -> str:
    """The source of one kernel, complete with its imports; `narrow` for float32 rows, whose exp may be shorter."""
    w = Writer(parts, leaves, parameters, classes)
    order = _prepare(w)
    _open(w)
    if classes:
        row_loop(w, order)
    else:
        _flat_loop(w, order)
    _close(w)
    return (NARROW if narrow else HEADER) + "\n".join(w.lines) + "\n"


def slots(parts: Pass, n_classes: int) -> list[int]:
    """How many sums each body needs: one, or one per class."""
    return [n_classes if "class" in body.axes else 1 for body in parts.bodies]


def _prepare(w: Writer) -> list[Node]:
    for j, leaf in enumerate(w.leaves):
        w.names[leaf.node] = f"v{j}"
        w.loads[leaf.node] = {
            "row": f"v{j} = np.float64(a{j}[i])",
            "matrix": f"v{j} = np.float64(a{j}[i, k])",
            "index": f"v{j} = select(a{j}[i] == k, 1.0, 0.0)",
        }[leaf.storage]
    for j, parameter in enumerate(w.parameters):
        w.names[parameter] = f"p{j}"
    for j, node in enumerate(w.parts.inputs):
        w.names[node] = f"f{j}"
        if w.wide(node):
            w.loads[node] = f"f{j} = fin[{j}, k]"
    order = [n for n in needed(w.parts.roots, w.names) if number_of(n) is None]
    for node in order:
        below = max((w.level.get(a, 0) for a in node.args), default=0) if node not in w.names else 0
        w.level[node] = below + (1 if node.op in REDUCTIONS and node not in w.names else 0)
    return [n for n in order if n not in w.names]


def _open(w: Writer) -> None:
    outputs = "".join(f"o{j}, " for j in range(len(w.parts.outputs)))
    arrays = "".join(f"x{j}, " for j in range(len(w.leaves)))
    w.add(0, f"def kernel({arrays}par, fin, {outputs}sums, n_classes, first, last):")
    w.add(1, "wide_vectors()")
    w.add(1, "n = x0.shape[0]")
    w.add(1, f"rows = max(1, {ROWS} // n_classes)")
    for j, _ in enumerate(w.parameters):
        w.add(1, f"p{j} = par[{j}]")
    for j, node in enumerate(w.parts.inputs):
        if not w.wide(node):
            w.add(1, f"f{j} = fin[{j}, 0]")
    if w.parts.bodies:
        w.add(1, "lanes = np.empty(64)")
    for j, body in enumerate(w.parts.bodies):
        shape = "(n_classes, rows)" if w.wide(body) else "rows"
        w.add(1, f"buffer{j} = np.empty({shape})")
    w.add(1, "#scratch")
    w.add(1, "for c in range(first, last):")
    w.add(2, "lo = c * rows")
    w.add(2, "hi = min(lo + rows, n)")
    for j, _ in enumerate(w.leaves):
        w.add(2, f"a{j} = x{j}[lo:hi]")
    for j, _ in enumerate(w.parts.outputs):
        w.add(2, f"r{j} = o{j}[lo:hi]")
    if w.parts.faults:
        w.add(2, "faults = 0")


def _flat_loop(w: Writer, order: list[Node]) -> None:
    w.add(2, "for i in range(a0.shape[0]):")
    for leaf in w.leaves:
        w.add(3, w.loads[leaf.node])
    for node in order:
        compute(w, 3, node)
    write(w, 3, 0, classes=False)
    count_faults(w)


def _close(w: Writer) -> None:
    """Add up the buffers of the chunk; the last sum counts its faulty rows."""
    if w.parts.faults:
        w.add(2, "sums[sums.shape[0] - 1, c, 0] = faults")
    slot = 0
    offset = ""
    for j, body in enumerate(w.parts.bodies):
        if w.wide(body):
            w.add(2, "for k in range(n_classes):")
            w.add(3, f"add_up(buffer{j}[k], hi - lo, lanes, sums[{slot}{offset} + k], c)")
            offset += " + n_classes"
        else:
            w.add(2, f"add_up(buffer{j}, hi - lo, lanes, sums[{slot}{offset}], c)")
            slot += 1
    if "    #scratch" in w.lines:
        w.lines.remove("    #scratch")
