"""The text of a kernel while it is written: its lines, and the name of every node that has one.

Comes in: a pass and how each leaf is stored. Goes out: `Writer`, which the loops over rows and classes add lines to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lossmith.emit.table import number_text, spelling
from lossmith.formula.node import Node, number_of
from lossmith.kernel.program import Pass

Storage = Literal["row", "matrix", "index"]
REDUCTIONS: Final = frozenset({"class_sum", "class_max", "class_first_max"})


@dataclass(frozen=True)
class Leaf:
    """A leaf of the formula and how its numbers arrive."""

    node: Node
    storage: Storage


@dataclass
class Writer:
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


def compute(w: Writer, depth: int, node: Node) -> None:
    """One statement: the node from its arguments."""
    name = f"t{len(w.names)}"
    text = spelling(node.op, "numba").format(*(w.name(a) for a in node.args))
    w.add(depth, f"{name} = {text}")
    w.names[node] = name


def count_faults(w: Writer) -> None:
    """Count the row if a fault is true of it."""
    for fault in w.parts.faults:
        w.add(3, f"faults += np.int64({w.name(fault)})")


def write(w: Writer, depth: int, level: int | None, *, classes: bool) -> None:
    """Store the bodies and outputs that are known at this level."""
    for j, body in enumerate(w.parts.bodies):
        if (w.wide(body)) == classes and level in (None, w.level.get(body, 0)):
            place = f"buffer{j}[k, i]" if classes else f"buffer{j}[i]"
            w.add(depth, f"{place} = {w.name(body)}")
    for j, (_, node) in enumerate(w.parts.outputs):
        if (w.wide(node)) == classes and level in (None, w.level.get(node, 0)):
            place = f"r{j}[i, k]" if classes else f"r{j}[i]"
            w.add(depth, f"{place} = {w.name(node)}")
