"""The rows of a kernel in blocks: every number of a formula is a vector over some rows, sums stay in registers.

Comes in: a `Writer` and the nodes in order. Goes out: lines. The last rows of a chunk, too few for a block, are copied to a
spare block that their first row fills up; what it writes is copied back, and of its terms only theirs are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lossmith.emit.table import ONE_BY_ONE
from lossmith.emit.to_numpy import needed
from lossmith.emit.writer import Writer, compute
from lossmith.formula.node import Node, among, number_of

IMPORTS: Final = """\
from lossmith.emit.vectormath_lanes import as_f32, as_f64, how_many, lanes_at, opposite, put_lanes
from lossmith.emit.vectormath_sums import close_sum, no_terms, part_of, with_short_terms, with_terms
from lossmith.emit.vectormath_tiles import fill, spill
"""
FOR_MASKS: Final[Mapping[str, str]] = {"logical_not": "opposite({0})"}
WIDTH: Final[Mapping[bool, int]] = {True: 32, False: 16}
"""Rows of a block in float32 and in float64: four vectors of 256 bits, whose latencies hide each other."""
PART: Final = 8
SLOW: Final = frozenset({"exp", "expm1", "exp_muladd", "log", "log1p", "log1p_unit", "tanh", "sinh", "cosh", "power"})
"""Operations of many steps, each of which waits for the last."""


def takes_blocks(order: Sequence[Node]) -> bool:
    """Whether every operation has a form for lanes."""
    return not any(node.op in ONE_BY_ONE for node in order)


def block_loop(w: Writer, order: list[Node]) -> None:
    """The loops over the chunks, over whole and spare blocks, and what follows them."""
    width, early = WIDTH[w.single], _early(order)
    _spare(w, width)
    for j, _ in enumerate(early):
        w.add(1, f"k{j} = np.empty(max(rows, {width}), {'np.float32' if w.single else 'np.float64'})")
    if w.single:
        _fits(w)
        w.add(1, "doubts = 0")
    w.add(1, "for c in range(first, last):")
    w.add(2, "lo = c * rows")
    w.add(2, f"whole = lo + (min(lo + rows, n) - lo) // {width} * {width}")
    w.add(2, "rest = min(lo + rows, n) - whole")
    if w.parts.faults:
        w.add(2, "faults = 0")
    for j, _ in enumerate(w.parts.bodies):
        w.add(2, f"h{j}, l{j} = no_terms()")
    w.add(2, "for spare in range(2 if rest else 1):")
    _sources(w)
    w.add(3, f"count = rest if spare else {width}")
    if early:
        _early_loop(w, early, width)
    w.add(3, f"for i in range(0, a0.shape[0], {width}):")
    for node in (*(leaf.node for leaf in w.leaves), *early):
        w.add(4, w.loads[node])
    for node in needed(w.parts.roots, w.names):
        if node not in w.names and number_of(node) is None:
            compute(w, 4, node, FOR_MASKS)
    _store(w, width)
    for j, _ in enumerate(w.parts.outputs):
        w.add(2, f"spill(o{j}, whole, rest, q{j})")
    for j, _ in enumerate(w.parts.bodies):
        w.add(2, f"close_sum(h{j}, l{j}, b{j}, rest, lanes, sums[{j}], c)")
    if w.single:
        _doubt(w)


def _early(order: Sequence[Node]) -> list[Node]:
    """The functions that others wait for: computed in a loop of their own, so that a processor has less in flight.

    Their results are stored. None where no function is applied to what another gives.
    """
    depth: dict[Node, int] = {}
    for node in order:
        depth[node] = max((depth.get(a, 0) for a in node.args), default=0) + (node.op in SLOW)
    found = [node for node in order if node.op in SLOW and depth[node] == 1 and "example" in node.axes]
    return found if max(depth.values(), default=0) > 1 else []


def _early_loop(w: Writer, early: Sequence[Node], width: int) -> None:
    """Compute and store the early functions; afterwards only they have names."""
    names = dict(w.names)
    w.add(3, f"for i in range(0, a0.shape[0], {width}):")
    order = needed(early, w.names)
    for leaf in w.leaves:
        if among(leaf.node, order):
            w.add(4, w.loads[leaf.node])
    for node in order:
        if node not in w.names and number_of(node) is None:
            compute(w, 4, node, FOR_MASKS)
    for j, node in enumerate(early):
        w.add(4, f"put_lanes(k{j}, i, {w.names[node]})")
        w.loads[node] = f"g{j} = lanes_at(k{j}, i, {width})"
        names[node] = f"g{j}"
    w.names = names


def _doubt(w: Writer) -> None:
    """Mark chunks that need more than float32: a sum is not finite, which in float64 it may be."""
    finite = " & ".join(f"(magnitude(sums[{j}, c, 0]) < np.inf)" for j, _ in enumerate(w.parts.bodies))
    w.add(2, f"doubt = 0 if {finite or 'True'} else 1")
    w.add(2, "sums[sums.shape[0] - 1, c, 1] = doubt")
    w.add(2, "doubts += doubt")


def _fits(w: Writer) -> None:
    """Mark every chunk where a parameter or finished number is too large or too small for float32."""
    fits = " & ".join(f"moderate({exact})" for exact in w.precise.values())
    if fits:
        w.add(1, f"if not ({fits}):")
        w.add(2, "for c in range(first, last):")
        w.add(3, "sums[sums.shape[0] - 1, c, 1] = 1")
        w.add(2, "return last - first")


def _spare(w: Writer, width: int) -> None:
    """Arrays of one block: of every leaf, output and body."""
    for j, _ in enumerate(w.leaves):
        w.add(1, f"s{j} = np.empty({width}, x{j}.dtype)")
    for j, _ in enumerate(w.parts.outputs):
        w.add(1, f"q{j} = np.empty({width}, o{j}.dtype)")
    for j, _ in enumerate(w.parts.bodies):
        w.add(1, f"b{j} = np.empty({width})")
    if w.parts.bodies:
        w.add(1, "lanes = np.empty(16)")


def _sources(w: Writer) -> None:
    """Where the rows come from and go to: slices of the chunk, or the spare block."""
    w.add(3, "if spare:")
    for j, _ in enumerate(w.leaves):
        w.add(4, f"fill(s{j}, x{j}, whole, rest)")
        w.add(4, f"a{j} = s{j}")
    for j, _ in enumerate(w.parts.outputs):
        w.add(4, f"r{j} = q{j}")
    w.add(3, "else:")
    for j, _ in enumerate(w.leaves):
        w.add(4, f"a{j} = x{j}[lo:whole]")
    for j, _ in enumerate(w.parts.outputs):
        w.add(4, f"r{j} = o{j}[lo:whole]")


def _store(w: Writer, width: int) -> None:
    """Write the outputs of a block, count its faults, and add its terms to the partial sums."""
    real, with_terms = ("as_f32", "with_short_terms") if w.single else ("as_f64", "with_terms")
    for j, (_, node) in enumerate(w.parts.outputs):
        w.add(4, f"put_lanes(r{j}, i, {real}({w.name(node)}, {width}))")
    for fault in w.parts.faults:
        w.add(4, f"faults += how_many({w.name(fault)}, count)")
    for j, body in enumerate(w.parts.bodies):
        w.add(4, f"e{j} = {real}({w.name(body)}, {width})")
    if w.parts.bodies:
        w.add(4, "if spare:")
        for j, _ in enumerate(w.parts.bodies):
            w.add(5, f"put_lanes(b{j}, 0, e{j})")
        w.add(4, "else:")
        for j, _ in enumerate(w.parts.bodies):
            for start in range(0, width, PART):
                w.add(5, f"h{j}, l{j} = {with_terms}(h{j}, l{j}, part_of(e{j}, {start}, {PART}))")
