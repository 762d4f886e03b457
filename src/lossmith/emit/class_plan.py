"""The loops over the classes of a row: which node is computed in which, kept for later, or computed again.

Comes in: a pass and its leaves. Goes out: `Plan`: the pass as it is best computed, the level of every node (how many
reductions over the classes lie below it), and one `Loop` a level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lossmith.emit.class_precision import narrow_enough
from lossmith.emit.class_targets import AtTarget, at_target, rewritten, row_factors_first, unguarded
from lossmith.emit.to_numpy import needed
from lossmith.emit.writer import REDUCTIONS, Leaf
from lossmith.formula.node import Node, among, number_of
from lossmith.kernel.program import Pass

# Computed again in a later loop rather than stored and read: an operation costs no more than that.
CHEAP: Final = frozenset({
    "add", "subtract", "multiply", "negative", "abs", "where", "equal", "less", "less_equal", "logical_and", "logical_or",
    "logical_not", "maximum", "minimum",
})  # fmt: skip


@dataclass(frozen=True)
class Loop:
    """One loop over the classes: nodes in the order in which they are computed, what is read, kept and reduced."""

    level: int
    compute: tuple[Node, ...]
    read: tuple[Node, ...]
    feeds: tuple[Node, ...]
    roots: tuple[Node, ...]


@dataclass(frozen=True)
class Plan:
    """How a pass is computed. `narrow`: its classes in float32. `kept`: what a loop stores for later ones."""

    parts: Pass
    target: AtTarget
    rows: tuple[Node, ...]
    level: Mapping[Node, int]
    loops: tuple[Loop, ...]
    kept: tuple[Node, ...]
    narrow: bool


def planned(parts: Pass, leaves: Sequence[Leaf], narrow: bool) -> Plan:
    """The plan of a pass; `narrow` for float32 rows."""
    target = _specialised(parts, leaves)
    target = _changed(target, unguarded)
    short = narrow and narrow_enough(target)
    target = _changed(target, row_factors_first) if short else target
    parts = target.parts
    order = _order(target)
    level = _levels(order, target)
    loops, kept = _loops(parts, order, level)
    rows = tuple(n for n in order if _computed(n, target) and "class" not in n.axes and n.op not in REDUCTIONS)
    return Plan(parts, target, rows, level, loops, kept, short)


def _specialised(parts: Pass, leaves: Sequence[Leaf]) -> AtTarget:
    given = [leaf.node for leaf in leaves if leaf.storage == "index"]
    found = at_target(parts, given[0]) if len(given) == 1 else None
    return found or AtTarget(parts)


def _changed(target: AtTarget, change: Callable[[Node], Node]) -> AtTarget:
    parts = target.parts
    stops = dict.fromkeys((*parts.inputs, *parts.chosen))

    def new(node: Node) -> Node:
        return rewritten(node, stops, change)

    changed = replace(
        parts,
        bodies=tuple(map(new, parts.bodies)),
        outputs=tuple((name, new(node)) for name, node in parts.outputs),
        faults=tuple(map(new, parts.faults)),
    )
    return replace(target, parts=changed, is_first={mark: new(first) for mark, first in target.is_first.items()})


def _order(target: AtTarget) -> list[Node]:
    """Every node of the pass, arguments first, and what the marks of a first class ask for."""
    stops = dict.fromkeys((*target.parts.inputs, *target.parts.chosen), "")
    wanted = list(target.parts.roots)
    while True:
        order = needed(wanted, stops)
        marked = [first for mark, first in target.is_first.items() if among(mark, order)]
        missing = [first for first in marked if not among(first, wanted)]
        if not missing:
            return [n for n in order if number_of(n) is None]
        wanted = [*missing, *wanted]


def _computed(node: Node, target: AtTarget) -> bool:
    return bool(node.args) and not among(node, (*target.parts.inputs, *target.parts.chosen))


def _levels(order: Sequence[Node], target: AtTarget) -> dict[Node, int]:
    level: dict[Node, int] = {}

    def of(node: Node) -> int:
        if node not in level:
            below = target.is_first.get(node)
            args = (below,) if below is not None else node.args if _computed(node, target) else ()
            level[node] = max((of(a) for a in args), default=0) + (node.op in REDUCTIONS)
        return level[node]

    for node in order:
        of(node)
    return level


def _loops(parts: Pass, order: Sequence[Node], level: Mapping[Node, int]) -> tuple[tuple[Loop, ...], tuple[Node, ...]]:
    """Loop by loop what is needed there; what an earlier loop computed at some cost is kept by it."""
    made: set[Node] = set()
    kept: dict[Node, None] = {}
    loops: list[Loop] = []
    for number in range(max(level.values(), default=0) + 1):
        feeds = tuple(n for n in order if n.op in REDUCTIONS and level[n] == number + 1)
        roots = tuple(dict.fromkeys(r for r in parts.roots if "class" in r.axes and level.get(r, 0) == number))
        compute, read = _needed_here([*(a for n in feeds for a in n.args), *roots], parts, made)
        kept.update(dict.fromkeys(n for n in read if n in made))
        made.update(n for n in compute if n.op not in CHEAP)
        if feeds or roots:
            loops.append(Loop(number, compute, read, feeds, roots))
    return tuple(loops), tuple(kept)


def _needed_here(wanted: Sequence[Node], parts: Pass, made: set[Node]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """What a loop computes, in order, and what it reads: leaves, marks of the first class, and what is already made."""
    ends = dict.fromkeys((*parts.inputs, *parts.chosen, *made), "")
    compute: dict[Node, None] = {}
    read: dict[Node, None] = {}
    stack = [(node, False) for node in reversed(wanted)]
    while stack:
        node, ready = stack.pop()
        if "class" not in node.axes or node in compute or node in read:
            continue
        if node in ends or not node.args or node.op == "class_first_max":
            read[node] = None
        elif ready:
            compute[node] = None
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))
    return tuple(compute), tuple(read)
