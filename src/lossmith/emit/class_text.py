"""The lines of a kernel over rows of classes, in either layout: how each thing is read, computed, reduced and written.

Comes in: a `Plan`. Goes out: `ClassWriter`, whose lines the loops of `class_loops` put in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lossmith.emit.class_plan import Loop, Plan
from lossmith.emit.class_precision import is_fall
from lossmith.emit.class_targets import HERE
from lossmith.emit.table import ONE_BY_ONE, number_text, spelling
from lossmith.emit.writer import Leaf
from lossmith.formula.node import OPERATIONS, Node, among, is_number, number_of, symbol_of

Layout = Literal["rows", "classes"]


@dataclass
class ClassWriter:
    """The text being written. `reads`: how a class-wise node is read again; `lookups`: from which array at one class."""

    plan: Plan
    leaves: Sequence[Leaf]
    parameters: Sequence[Node]
    layout: Layout
    lines: list[str] = field(default_factory=list)
    names: dict[Node, str] = field(default_factory=dict)
    reads: dict[Node, str] = field(default_factory=dict)
    lookups: dict[Node, str] = field(default_factory=dict)
    scratch: dict[Node, str] = field(default_factory=dict)
    steps: dict[Node, str] = field(default_factory=dict)
    short: dict[Node, str] = field(default_factory=dict)
    count: int = 0

    @property
    def lanes(self) -> int:
        """How many numbers lie side by side: two registers of AVX2."""
        return 16 if self.plan.narrow else 8

    @property
    def tile(self) -> int:
        """How many rows are computed at once."""
        return self.lanes if self.layout == "rows" else 1

    @property
    def shape(self) -> str:
        """The shape of scratch that holds a number for each class."""
        return f"(n_classes, {self.lanes})" if self.layout == "rows" else "width"

    @property
    def buffer(self) -> str:
        """The shape of what predictions or outputs go through: a tile, or the last vector of a row."""
        return f"(n_classes, {self.lanes})" if self.layout == "rows" else f"{self.lanes}"

    @property
    def wide_type(self) -> str:
        """What makes numbers of a class."""
        return "as_f32" if self.plan.narrow else "as_f64"

    def add(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def new_name(self, node: Node) -> str:
        self.count += 1
        self.names[node] = f"t{self.count}"
        return self.names[node]

    def name(self, node: Node) -> str:
        value = number_of(node)
        if value is not None:
            return number_text(value) if value >= 0 else f"({number_text(value)})"
        return self.names[node]

    # What a row holds

    def read_leaf(self, j: int, leaf: Leaf) -> None:
        """Read a leaf of the row or tile; class-wise ones are read again in every loop."""
        lanes, rows = self.lanes, self.layout == "rows"
        if leaf.storage == "matrix":
            self.names[leaf.node] = f"v{j}"
            self.add(3, f"tile_in(a{j}, i, count, m{j})" if rows else f"tail_in(a{j}, i, whole, m{j})")
            there = f"lanes_at(m{j}, at" if rows else f"lanes_or(a{j}, i * n_classes + k, k < whole, m{j}"
            self.reads[leaf.node] = f"v{j} = {self.wide_type}({there}, {lanes}), {lanes})"
            self.lookups[leaf.node] = f"m{j}" if rows else f"a{j}[i]"
        elif leaf.storage == "row":
            self.names[leaf.node] = f"v{j}"
            if rows:
                self.add(3, f"fill(spare, a{j}, i, count)")
            self.add(3, f"v{j} = lanes_at(spare, 0, {lanes})" if rows else f"v{j} = np.float64(a{j}[i])")
        else:
            self._read_index(j, leaf)

    def _read_index(self, j: int, leaf: Leaf) -> None:
        """The row's class; one out of range counts as the first, so that nothing outside of an array is read."""
        self.names[leaf.node], self.names[HERE] = f"v{j}", "here"
        if self.layout == "rows":
            self.add(3, f"fill(chosen{j}, a{j}, i, count)")
            self.add(3, f"b{j} = as_i32(lanes_at(chosen{j}, 0, {self.lanes}), {self.lanes})")
            self.add(3, f"b{j} = select((b{j} < 0) | (b{j} >= n_classes), 0, b{j})")
        else:
            self.add(3, f"b{j} = np.int64(a{j}[i])")
            self.add(3, f"b{j} = select((b{j} < 0) | (b{j} >= n_classes), np.int64(0), b{j})")
        self.reads[leaf.node] = f"v{j} = {self.wide_type}(select(number == b{j}, 1.0, 0.0), {self.lanes})"
        self.reads[HERE] = f"here = number == b{j}"
        self.lookups[HERE] = f"b{j}"

    def look_up(self, mark: Node, leaf: Node) -> None:
        """The number of a class-wise leaf at the row's class."""
        name, place = self.new_name(mark), self.lookups[HERE]
        array = self.lookups[leaf]
        if self.layout == "classes":
            self.add(3, f"{name} = np.float64({array}[{place}])")
        elif array.startswith("m"):
            self.add(3, f"{name} = as_f64(picked({array}, {place}), {self.lanes})")
        else:
            chosen = "chosen" + place[1:]
            self.add(3, f"for r in range({self.lanes}):")
            self.add(4, f"spare[r] = {array}[min(max({chosen}[r], 0), n_classes - 1)]")
            self.add(3, f"{name} = lanes_at(spare, 0, {self.lanes})")

    def mark_first(self, mark: Node, first: Node) -> None:
        """Whether the first largest class is the row's own."""
        self.add(3, f"{self.new_name(mark)} = {self.names[first]}k == {self.lookups[HERE]}")

    # Arithmetic

    def compute_row(self, node: Node) -> None:
        """A number of the row: lanes of float64, or one."""
        if self.layout == "rows" and node.op in ONE_BY_ONE:
            self._one_by_one(3, node, "as_f64")
        else:
            self.add(3, f"{self.new_name(node)} = {self._text(node, [self.name(a) for a in node.args])}")

    def compute_class(self, node: Node) -> None:
        """Numbers of one class in every row of the tile, or of several classes of one row."""
        args = [self.class_name(a) for a in node.args]
        if node.op in ONE_BY_ONE:
            self._one_by_one(4, node, self.wide_type)
        elif node in self.steps:
            parts = [f"lanes_at({array}, at, {self.lanes})" for array in (self.scratch[node], self.steps[node])]
            self.add(4, f"{self.new_name(node)} = fall_of({', '.join(parts)})")
        else:
            self.add(4, f"{self.new_name(node)} = {self._text(node, args)}")

    def _text(self, node: Node, args: Sequence[str]) -> str:
        if node.op == "logical_not":
            return f"opposite({args[0]})"
        if node.op == "exp_muladd" and is_number(node.args[0], 1.0):
            return f"exp_sum({args[1]}, {args[2]})"
        return spelling(node.op, "numba").format(*args)

    def _one_by_one(self, depth: int, node: Node, kind: str) -> None:
        name = self.new_name(node)
        self.add(depth, f"put_lanes(spare, 0, as_f64({self.name(node.args[0])}, {self.lanes}))")
        self.add(depth, f"for r in range({self.lanes}):")
        self.add(depth + 1, f"spare[r] = {spelling(node.op, 'numba').format('spare[r]')}")
        self.add(depth, f"{name} = {kind}(lanes_at(spare, 0, {self.lanes}), {self.lanes})")

    def class_name(self, node: Node) -> str:
        """The name of a node inside a loop over the classes: a row's number rounded where classes are narrow."""
        return self.short.get(node) or self.name(node)

    def as_lanes(self, node: Node) -> str:
        """A root as lanes, whatever it is made of."""
        return f"{self.wide_type}({self.class_name(node)}, {self.lanes})"

    def written(self, root: Node) -> Node:
        """What a loop writes of an output: with classes side by side, the row's own class is written afterwards."""
        apart = root.op == "where" and root.args[0] is HERE and "class" not in root.args[1].axes
        read = any(among(root, n.args) for loop in self.plan.loops for n in (*loop.compute, *loop.feeds))
        return root.args[2] if apart and not read and self.layout == "classes" else root

    # Loops over the classes

    def begin_loop(self, loop: Loop) -> None:
        """What a loop needs before it starts: the row's numbers rounded, sums at their start."""
        self._round_row_numbers(loop)
        for node in loop.compute:
            if node in self.steps:
                self._fall_loop(node)
        for j, node in enumerate(loop.feeds):
            self._start(node, f"s{loop.level}_{j}", loop)
        self.add(
            3, f"number = as_i32(0, {self.lanes})" if self.layout == "rows" else f"number = numbered({self.lanes})"
        )
        self._head()

    def _head(self) -> None:
        rows = self.layout == "rows"
        self.add(3, "for k in range(n_classes):" if rows else f"for k in range(0, n_classes, {self.lanes}):")
        self.add(4, f"at = k * {self.lanes}" if rows else "at = k")

    def falls(self) -> list[Node]:
        """The exponentials of a distance to the largest class that are computed in float32."""
        return [n for loop in self.plan.loops for n in loop.compute if self.plan.narrow and is_fall(n)]

    def _fall_loop(self, node: Node) -> None:
        """The first half of such an exponential, in a loop of its own."""
        x, top = node.args[1], node.args[2].args[0]
        self._head()
        self.read(x)
        self.add(4, f"near, step = fall_parts({self.names[x]}, {self.class_name(top)})")
        self.add(4, f"put_lanes({self.scratch[node]}, at, near)")
        self.add(4, f"put_lanes({self.steps[node]}, at, step)")

    def _round_row_numbers(self, loop: Loop) -> None:
        if not self.plan.narrow:
            return
        used: dict[Node, None] = {}
        for node in (*loop.compute, *loop.feeds):
            used.update(dict.fromkeys(node.args))
            if is_fall(node):
                used[node.args[2].args[0]] = None
        for node in (*used, *loop.roots):
            number = "class" not in node.axes and number_of(node) is None and not self._is_condition(node)
            if number and node not in self.short:
                self.short[node] = f"{self.names[node]}s"
                self.add(3, f"{self.short[node]} = as_f32({self.names[node]}, {self.lanes})")

    def _is_condition(self, node: Node) -> bool:
        return OPERATIONS[node.op].boolean or node in self.plan.target.is_first

    def read(self, node: Node) -> None:
        """Read a leaf, what an earlier loop kept, or whether this is the first largest class."""
        if node.op == "class_first_max":
            self.add(4, f"{self.names[node]} = number == {self.names[node]}k")
        else:
            self.add(4, self.reads[node])

    def _start(self, node: Node, name: str, loop: Loop) -> None:
        number = self.wide_type
        self.names[node] = name
        if node.op == "class_sum":
            self.add(3, f"{name} = {number}(0.0, {self.lanes})")
            if self.plan.narrow:
                self.add(3, f"{name}e = {number}(0.0, {self.lanes})")
        elif node.op == "class_max":
            self.add(3, f"{name} = {number}(-np.inf, {self.lanes})")
        else:
            self.add(3, f"{name}k = as_i32(0, {self.lanes})")
            if self._largest(node, loop) is None:
                self.add(3, f"{name}b = {number}(-np.inf, {self.lanes})")

    def feed(self, node: Node, loop: Loop) -> None:
        """Add this class to a reduction."""
        name, value = self.names[node], node.args[0]
        if node.op == "class_sum":
            term = self._alive(value, "0.0")
            if self.plan.narrow:
                self.add(4, f"{name}, {name}e = grown({name}, {name}e, {term})")
            else:
                self.add(4, f"{name} = {name} + {term}")
        elif node.op == "class_first_max":
            largest = self._largest(node, loop)
            top = f"{name}b" if largest is None else self.names[largest]
            self.add(4, f"{name}n = {self._alive(value, '-np.inf')}")
            self.add(4, f"higher = {name}n > {top}")
            self.add(4, f"{name}k = select(higher, number, {name}k)")
            self.add(4, f"{top} = select(higher | ({name}n != {name}n), {name}n, {top})")
        elif not any(n.op == "class_first_max" and n.args[0] is node.args[0] for n in loop.feeds):
            self.add(4, f"{name} = maximum({name}, {self._alive(value, '-np.inf')})")

    def _largest(self, first: Node, loop: Loop) -> Node | None:
        """The maximum that the same loop finds, if it does: then one comparison serves both."""
        return next((n for n in loop.feeds if n.op == "class_max" and n.args[0] is first.args[0]), None)

    def _alive(self, node: Node, otherwise: str) -> str:
        """The value, or what counts for nothing beyond the last class, where predictions are -inf."""
        value = self.class_name(node)
        if self.layout == "rows" or _counts_for_nothing(node, otherwise):
            return value
        return f"select(number < n_classes, {value}, {otherwise})"

    def end_loop(self, loop: Loop) -> None:
        """Step to the next classes; after the last, fold the lanes of a row."""
        self.add(4, f"number = number + {1 if self.layout == 'rows' else self.lanes}")
        for node in loop.feeds:
            name, fold = self.names[node], self.layout == "classes"
            if node.op == "class_sum":
                total = f"as_f64({name}, {self.lanes})"
                total += f" + as_f64({name}e, {self.lanes})" if self.plan.narrow else ""
                self.add(3, f"{name}t = sum_of({total})" if fold else f"{name}t = {total}")
                self.names[node] = f"{name}t"
            elif node.op == "class_max":
                found = f"np.float64(largest_of({name}))" if fold else f"as_f64({name}, {self.lanes})"
                self.add(3, f"{name}t = {found}")
                self.names[node] = f"{name}t"
            elif fold:
                largest = self._largest(node, loop)
                top = f"{name}b" if largest is None else self.names[largest].removesuffix("t")
                self.add(3, f"{name}k = first_of({name}k, {top})")

    # Results of a row

    def put_row(self, buffer: str, node: Node) -> None:
        """A term of a sum over the rows."""
        if self.layout == "rows":
            self.add(3, f"put_lanes({buffer}, i, as_f64({self.name(node)}, {self.lanes}))")
        else:
            self.add(3, f"{buffer}[i] = {self.name(node)}")

    def write_row(self, output: str, node: Node) -> None:
        """An output with one number a row."""
        if self.layout == "rows":
            self.add(3, f"put_lanes(spare, 0, as_f64({self.name(node)}, {self.lanes}))")
            self.add(3, f"spill({output}, i, count, spare)")
        else:
            self.add(3, f"{output}[i] = {self.name(node)}")

    def count_fault(self, fault: Node) -> None:
        """Count the rows of which a fault is true."""
        name = self.name(fault)
        if self.layout == "rows":
            self.add(3, f"faults += how_many(opposite(opposite({name})), count)")
        else:
            self.add(3, f"faults += np.int64({name})")


def _counts_for_nothing(node: Node, otherwise: str) -> bool:
    """Whether a prediction of -inf already gives the 0 of a sum, or the -inf of a maximum."""
    if otherwise != "0.0":
        leaf = symbol_of(node)
        return leaf is not None and leaf.role == "raw"
    nothing = node.op == "where" and is_number(node.args[1], 0.0) and _counts_for_nothing(node.args[2], otherwise)
    return nothing or is_fall(node)
