"""Finished numbers → text of JavaScript: constants, and loops over groups and classes where they have these axes.

Comes in: formulas over sums, parameters and other finished numbers. Goes out: lines in a `FunctionText`, and how each number
is read behind them. Numbers of the same axes stand in one loop, as far as no mean or sum across an axis lies between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lossmith.emit.table import spelling
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, number_of

ACROSS: Final = {"class_sum": "total", "class_max": "largest", "axis_mean": "mean"}
"""What joins finished numbers across an axis, and its name in the prelude."""

PLACES: Final = {
    (False, False): ("0", "1"),
    (False, True): ("k", "K"),
    (True, False): ("g", "G"),
    (True, True): ("g * K + k", "G * K"),
}
"""By axes (groups, classes): where a number stands in its array, and how many there are."""


@dataclass
class Block:
    """Lines that stand in a loop over groups, classes, both or nothing."""

    grouped: bool
    classwise: bool
    lines: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    def written(self) -> Iterator[str]:
        """The lines of the loop."""
        yield from self.before
        heads = [f"for (let {i} = 0; {i} < {n}; {i}++)" for i, n, on in
                 (("g", "G", self.grouped), ("k", "K", self.classwise)) if on]  # fmt: skip
        if not heads:
            yield from self.lines
            return
        yield f"{' '.join(heads)} {{"
        yield from (f"  {line}" for line in self.lines)
        yield "}"


@dataclass
class FunctionText:
    """The lines so far, and how finished numbers, leaves and choices are written.

    `leaves` gives the array of each leaf, `parameters` the name of each parameter, `sums` the double words of each sum.
    """

    leaves: Mapping[Node, str]
    parameters: Mapping[Node, str]
    parts: list[str | Block] = field(default_factory=list)
    finished: dict[Node, tuple[str, Block]] = field(default_factory=dict)
    kept: dict[Node, str] = field(default_factory=dict)
    sums: dict[Node, str] = field(default_factory=dict)
    chosen: dict[Node, str] = field(default_factory=dict)
    count: int = 0

    def fresh(self, prefix: str) -> str:
        """A name that is not used yet."""
        self.count += 1
        return f"{prefix}{self.count - 1}"

    def lines(self) -> list[str]:
        """The text, line by line."""
        return [line for part in self.parts for line in ([part] if isinstance(part, str) else part.written())]


def number_text(value: float) -> str:
    """A number as source text, exactly.

    >>> number_text(0.1), number_text(-2.0), number_text(math.inf)
    ('0.1', '(-2)', 'Infinity')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if math.isnan(value):
        return "NaN"
    text = repr(abs(float(value))).removesuffix(".0").replace("inf", "Infinity")
    return text if math.copysign(1.0, value) > 0 else f"(-{text})"


def axes_of(node: Node) -> tuple[bool, bool]:
    """Whether a finished number varies over groups, and over classes."""
    return "group" in node.axes, "class" in node.axes


def place_of(node: Node) -> str:
    """Where a finished number stands in its array."""
    return PLACES[axes_of(node)][0]


def array_of(text: FunctionText, node: Node) -> str:
    """The array of a finished number that has axes."""
    if node in text.sums:
        return f"{text.sums[node]}.hi"
    if node not in text.kept:
        name, block = text.finished[node]
        text.kept[node] = f"a{name}"
        block.before.append(f"const a{name} = new Float64Array({PLACES[axes_of(node)][1]});")
        block.lines.append(f"a{name}[{place_of(node)}] = {name};")
    return text.kept[node]


def read(text: FunctionText, node: Node, here: Block | None = None) -> str:
    """How a finished number is read where g and k are known; `here` is the loop that reads it."""
    value = number_of(node)
    if value is not None:
        return number_text(value)
    if node in text.parameters:
        return text.parameters[node]
    if node.op in ("rest_of_sum", "group_count"):
        return "G" if node.op == "group_count" else f"{text.sums[node.args[0]]}.lo[{place_of(node)}]"
    if node in text.sums:
        return f"{text.sums[node]}.hi[{place_of(node)}]"
    if node not in text.kept:
        name, block = text.finished[node]
        if block is here or not any(axes_of(node)):
            return name
    return f"{array_of(text, node)}[{place_of(node)}]"


def finish(text: FunctionText, roots: Sequence[Node]) -> None:
    """Write all finished numbers below the roots that are not known yet."""
    level: dict[Node, int] = {}
    blocks: dict[tuple[int, bool, bool], Block] = {}
    known = dict.fromkeys((*text.sums, *text.finished, *text.kept), "")
    for node in needed(roots, known):
        level[node] = max((level.get(a, 0) for a in node.args), default=0)
        if node in known or _is_read(text, node):
            continue
        if node.op in ACROSS:
            level[node] += 1
            block = blocks.setdefault((level[node], False, False), Block(False, False))
            _across(text, node, block)
            continue
        block = blocks.setdefault((level[node], *axes_of(node)), Block(*axes_of(node)))
        expression = spelling(node.op, "js").format(*(read(text, a, block) for a in node.args))
        name = text.fresh("f")
        block.lines.append(f"const {name} = {expression};")
        text.finished[node] = name, block
    text.parts += [block for _, block in sorted(blocks.items(), key=lambda item: item[0])]


def _is_read(text: FunctionText, node: Node) -> bool:
    """Whether a node is no line of its own: a number, a parameter, a part of a sum."""
    return number_of(node) is not None or node in text.parameters or node.op in ("rest_of_sum", "group_count")


def _across(text: FunctionText, node: Node, block: Block) -> None:
    """A mean, sum or largest number across an axis of finished numbers; of a number without that axis, itself."""
    (of,), axis = node.args, node.attr if node.op == "axis_mean" else "class"
    groups, classes = (size if on else "1" for size, on in zip("GK", axes_of(of), strict=True))
    name = text.fresh("f")
    if axis in of.axes:
        found = f'across({array_of(text, of)}, {groups}, {classes}, "{axis}", {ACROSS[node.op]})'
    else:
        times = " * K" if node.op == "class_sum" else ""
        found = (
            f"Float64Array.from({array_of(text, of)}, (x) => x{times})"
            if any(axes_of(of))
            else f"[{read(text, of)}{times}]"
        )
    block.lines.append(f"const {name} = {found}{'' if any(axes_of(node)) else '[0]'};")
    if any(axes_of(node)):
        text.kept[node] = name
    else:
        text.finished[node] = name, block
