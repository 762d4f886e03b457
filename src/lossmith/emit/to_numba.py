"""A pass over the rows → Numba text: one serial loop over a range of chunks, everything computed in float64.

Comes in: a pass and how each leaf is stored. Goes out: the text of `kernel(arrays..., parameters, finished numbers,
outputs..., sums, classes, first chunk, last chunk)`. Rows of a chunk are slices; terms of a sum go to a small buffer that is
added up after the chunk in double words, so that neither threads nor chunk borders show in a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lossmith.emit.table import number_text, spelling
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import OPERATIONS, Node, among, number_of
from lossmith.kernel.program import Pass

Storage = Literal["row", "matrix", "index"]
ROWS: Final = 2048
REDUCTIONS: Final = frozenset({"class_sum", "class_max", "class_first_max"})

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


@dataclass(frozen=True)
class Leaf:
    """A leaf of the formula and how its numbers arrive."""

    node: Node
    storage: Storage


@dataclass
class _Writer:
    """The text being written, and the name of every node that has one."""

    parts: Pass
    leaves: Sequence[Leaf]
    parameters: Sequence[Node]
    classes: bool
    lines: list[str] = field(default_factory=list)
    names: dict[Node, str] = field(default_factory=dict)
    level: dict[Node, int] = field(default_factory=dict)
    scratch: dict[Node, str] = field(default_factory=dict)
    loads: dict[Node, str] = field(default_factory=dict)

    def add(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def wide(self, node: Node) -> bool:
        """Whether the node has a number for each class here."""
        return self.classes and "class" in node.axes

    def name(self, node: Node) -> str:
        value = number_of(node)
        if value is not None:
            return number_text(value) if value >= 0 else f"({number_text(value)})"
        return self.names[node]


def kernel_text(
    parts: Pass, leaves: Sequence[Leaf], parameters: Sequence[Node], classes: bool, narrow: bool = False
) -> str:
    """The source of one kernel, complete with its imports; `narrow` for float32 rows, whose exp may be shorter."""
    w = _Writer(parts, leaves, parameters, classes)
    order = _prepare(w)
    _open(w)
    if classes:
        _row_loop(w, order)
    else:
        _flat_loop(w, order)
    _close(w)
    return (NARROW if narrow else HEADER) + "\n".join(w.lines) + "\n"


def slots(parts: Pass, n_classes: int) -> list[int]:
    """How many sums each body needs: one, or one per class."""
    return [n_classes if "class" in body.axes else 1 for body in parts.bodies]


def _prepare(w: _Writer) -> list[Node]:
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


def _open(w: _Writer) -> None:
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


def _compute(w: _Writer, depth: int, node: Node) -> None:
    name = f"t{len(w.names)}"
    text = spelling(node.op, "numba").format(*(w.name(a) for a in node.args))
    w.add(depth, f"{name} = {text}")
    w.names[node] = name


def _flat_loop(w: _Writer, order: list[Node]) -> None:
    w.add(2, "for i in range(a0.shape[0]):")
    for leaf in w.leaves:
        w.add(3, w.loads[leaf.node])
    for node in order:
        _compute(w, 3, node)
    _write(w, 3, 0, classes=False)
    _count_faults(w)


def _count_faults(w: _Writer) -> None:
    for fault in w.parts.faults:
        w.add(3, f"faults += np.int64({w.name(fault)})")


def _write(w: _Writer, depth: int, level: int | None, *, classes: bool) -> None:
    """Store the bodies and outputs that are known at this level."""
    for j, body in enumerate(w.parts.bodies):
        if (w.wide(body)) == classes and level in (None, w.level.get(body, 0)):
            place = f"buffer{j}[k, i]" if classes else f"buffer{j}[i]"
            w.add(depth, f"{place} = {w.name(body)}")
    for j, (_, node) in enumerate(w.parts.outputs):
        if (w.wide(node)) == classes and level in (None, w.level.get(node, 0)):
            place = f"r{j}[i, k]" if classes else f"r{j}[i]"
            w.add(depth, f"{place} = {w.name(node)}")


def _row_loop(w: _Writer, order: list[Node]) -> None:
    w.add(2, "for i in range(a0.shape[0]):")
    for leaf in w.leaves:
        if leaf.storage == "row":
            w.add(3, w.loads[leaf.node])
    last = max(w.level.values(), default=0)
    for level in range(last + 1):
        for node in order:
            if w.level[node] == level and not w.wide(node) and node.op not in REDUCTIONS:
                _compute(w, 3, node)
        _class_loop(w, order, level)
    _write(w, 3, None, classes=False)
    _count_faults(w)
    stored = [f"{name} = np.empty(n_classes{_kind(node)})" for node, name in w.scratch.items()]
    at = w.lines.index("    #scratch")
    w.lines[at : at + 1] = ["    " + line for line in stored]


def _kind(node: Node) -> str:
    return ", np.bool_" if OPERATIONS[node.op].boolean else ""


def _class_loop(w: _Writer, order: list[Node], level: int) -> None:
    """One loop over the classes: nodes of this level, what later loops need of them, and the sums they feed."""
    here = [n for n in order if w.level[n] == level and w.wide(n) and n.op not in REDUCTIONS]
    feeding = [n for n in order if n.op in REDUCTIONS and w.level[n] == level + 1]
    roots = [r for r in w.parts.roots if w.wide(r) and w.level.get(r, 0) == level]
    if not (here or feeding or roots):
        return
    for j, node in enumerate(feeding):
        _start(w, node, f"{level}_{j}")
    w.add(3, "for k in range(n_classes):")
    _load(w, [*here, *feeding], roots)
    for node in here:
        _compute(w, 4, node)
        if _used_later(node, order, w.level):
            w.scratch[node] = f"u{len(w.scratch)}"
            w.add(4, f"{w.scratch[node]}[k] = {w.names[node]}")
    for node in feeding:
        _feed(w, node)
    _write(w, 4, level, classes=True)
    for node in here:
        if node in w.scratch:
            w.loads[node] = f"{w.names[node]} = {w.scratch[node]}[k]"
    for node in feeding:
        if node.op == "class_first_max":
            w.names[node] = f"first{w.names[node]}"
            w.loads[node] = f"{w.names[node]} = k == {w.names[node][5:]}"


def _used_later(node: Node, order: list[Node], level: dict[Node, int]) -> bool:
    """Whether a later loop reads the node (a reduction reads it in this one)."""
    users = [u for u in order if among(node, u.args)]
    return any(level[u] - (u.op in REDUCTIONS) > level[node] for u in users)


def _load(w: _Writer, users: Sequence[Node], roots: Sequence[Node]) -> None:
    """Read the class-wise leaves and stored numbers that this loop uses."""
    used: dict[Node, None] = {}
    for user in users:
        used.update(dict.fromkeys(user.args))
    used.update(dict.fromkeys(roots))
    fresh = set(users)
    for node in used:
        if node in w.loads and node not in fresh and w.wide(node):
            w.add(4, w.loads[node])


def _start(w: _Writer, node: Node, tag: str) -> None:
    name = f"s{tag}"
    w.names[node] = name
    start = {"class_sum": "0.0", "class_max": "-np.inf", "class_first_max": "0"}[node.op]
    w.add(3, f"{name} = {start}")
    if node.op == "class_first_max":
        w.add(3, f"{name}b = -np.inf")


def _feed(w: _Writer, node: Node) -> None:
    name, value = w.names[node], w.name(node.args[0])
    if node.op == "class_sum":
        w.add(4, f"{name} += {value}")
    elif node.op == "class_max":
        w.add(4, f"{name} = maximum({name}, {value})")
    else:
        w.add(4, f"if {value} > {name}b:")
        w.add(5, f"{name} = k")
        w.add(5, f"{name}b = {value}")


def _close(w: _Writer) -> None:
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
