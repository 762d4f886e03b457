"""The text of a kernel while it is written: its lines, and the name of every node that has one.

Comes in: a pass and how each leaf is stored. Goes out: `Writer`, which the loops over rows and classes add lines to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lossmith.emit.table import number_text, spelling
from lossmith.formula.node import Node, number_of
from lossmith.kernel.program import Pass

Storage = Literal["row", "matrix", "index"]
REDUCTIONS: Final = frozenset({"class_sum", "class_max", "class_first_max"})
MAGNIFYING: Final = frozenset({"power", "exp_muladd"})
"""Operations that magnify a rounding of their arguments, so that float32 kernels hand them float64 where they have it."""

SPELLED: Final[Mapping[str, str]] = {}


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
    single: bool = False
    """Whether everything is computed in float32: then numbers and parameters are float32 names."""
    lines: list[str] = field(default_factory=list)
    names: dict[Node, str] = field(default_factory=dict)
    loads: dict[Node, str] = field(default_factory=dict)
    precise: dict[Node, str] = field(default_factory=dict)

    def add(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def name(self, node: Node) -> str:
        value = number_of(node)
        if value is None:
            return self.names[node]
        return self.number(value)

    def number(self, value: float) -> str:
        """A constant in the arithmetic of the kernel."""
        if self.single:
            return f"np.float32({number_text(value)})"
        return number_text(value) if value >= 0 else f"({number_text(value)})"

    def exact(self, node: Node) -> str:
        """The name as `name` gives it, but in float64 where that says more: of a parameter, a finished number, a constant."""
        value = number_of(node)
        return self.precise.get(node, self.name(node)) if value is None else number_text(value)


def compute(w: Writer, depth: int, node: Node, spelled: Mapping[str, str] = SPELLED) -> None:
    """One statement: the node from its arguments."""
    name = f"t{len(w.names)}"
    arguments = [w.exact(a) if w.single and node.op in MAGNIFYING else w.name(a) for a in node.args]
    text = _shortcut(node) or spelled.get(node.op) or spelling(node.op, "numba")
    w.add(depth, f"{name} = {text.format(*arguments)}")
    w.names[node] = name


def _shortcut(node: Node) -> str | None:
    """A cheaper text where the arguments allow it: an exponential that falls, an extreme against a number."""
    if node.op == "exp" and node.args[0].op == "negative" and node.args[0].args[0].op == "abs":
        return "exp_down({0})"
    if node.op not in ("maximum", "minimum"):
        return None
    sign = ">" if node.op == "maximum" else "<"
    numbers = [number_of(a) is not None for a in node.args]
    if numbers == [False, True]:  # NaN fails the comparison and stays
        return f"select({{1}} {sign} {{0}}, {{1}}, {{0}})"
    return f"select({{0}} {sign} {{1}}, {{0}}, {{1}})" if numbers == [True, False] else None
