"""Programs → text of JavaScript functions: plain loops over the rows, and over the classes of a row where it has some.

Comes in: a `Program`, and the names of its leaves and parameters. Goes out: the text of one function of rows (as the
prelude lays them out) and parameters; and which outputs it returns. Parameters stay arguments.
A node without a class axis is one constant of a row. Those with one stand in loops over the classes: one loop for each
level, which is how many sums (or largest numbers) over the classes lie below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lossmith.emit.js_finish import PLACES, FunctionText, array_of, axes_of, finish, number_text, place_of, read
from lossmith.emit.table import spelling
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, number_of
from lossmith.kernel.program import Pass, Program

ACCUMULATORS: Final = {
    "example_sum": ("sums", "settle"),
    "example_count": ("sums", "settle"),
    "example_max": ("maxima", ""),
    "example_logsumexp": ("lists", "logTotals"),
}
"""For each reduction over the rows: what collects the terms, and what makes the finished number of them."""

STARTS: Final = {"class_sum": "0", "class_max": "-Infinity"}


def program_lines(text: FunctionText, program: Program) -> dict[str, str]:
    """Write the lines of a program; how each finished number and each output is read behind them, by name."""
    for node in program.counts:
        weighed, grouped = (str(flag).lower() for flag in (node.op == "example_sum", bool(node.attr)))
        text.sums[node] = text.fresh("s")
        text.parts.append(f"const {text.sums[node]} = counted(rows, {weighed}, {grouped});")
    written: dict[str, str] = {}
    for part in program.passes:
        written |= _pass(text, part)
    for name, node in program.finish:
        finish(text, (node,))
        written[name] = read(text, node)
    return written


# Rows -----------------------------------------------------------------------------------------------------------------


@dataclass
class _Rows:
    """One walk over the rows: the level of every node, its name, and the lines of each level."""

    text: FunctionText
    level: dict[Node, int] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)
    kept: dict[Node, str] = field(default_factory=dict)
    single: dict[int, list[str]] = field(default_factory=dict)
    wide: dict[int, list[str]] = field(default_factory=dict)
    before: dict[int, list[str]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)


def _pass(text: FunctionText, part: Pass) -> dict[str, str]:
    """The lines of one walk: sums, the loop, what is made of the sums, and the choices between rows behind it."""
    finish(text, part.inputs)
    rows = _Rows(text)
    _rows_of(rows, part)
    found: list[str] = []
    for node, body in zip(part.sums, part.bodies, strict=True):
        name = text.fresh("s")
        text.parts.append(f"const {name} = {ACCUMULATORS[node.op][0]}({PLACES[axes_of(node)][1]});")
        found.append(name)
        _last(rows, body, spelling(node.op, "js").format("{0}", into=name, at=place_of(node)))
    written: dict[str, str] = {}
    for output, node in part.outputs:
        written[output] = text.fresh("o")
        wide = _is_wide(node)
        text.parts.append(f"const {written[output]} = new Float64Array({'n * K' if wide else 'n'});")
        _last(rows, node, f"{written[output]}[{'i * K + k' if wide else 'i'}] = {{0}}")
    grouped = any("group" in node.axes for node in (*part.sums, *part.inputs))
    text.parts += [*rows.outside, *_loop(rows, grouped)]
    for node, name in zip(part.sums, found, strict=True):
        text.sums[node] = _settled(text, node, name)
    for pick in part.picks:
        _choose(text, pick, written)
    return written


def _settled(text: FunctionText, node: Node, name: str) -> str:
    finisher = ACCUMULATORS[node.op][1]
    if not finisher:
        return name
    found = text.fresh("s")
    text.parts.append(f"const {found} = {finisher}({name});")
    return found


def _choose(text: FunctionText, pick: Node, written: dict[str, str]) -> None:
    """The line that chooses between rows, from what this walk has looked at."""
    score, among = written.pop(f"score of {id(pick)}"), written.pop(f"among of {id(pick)}", "null")
    finish(text, (pick.args[1],))
    amount = pick.args[1]
    listed = array_of(text, amount) if any(axes_of(amount)) else f"new Float64Array(G).fill({read(text, amount)})"
    text.chosen[pick] = text.fresh("c")
    found = spelling("largest", "js").format(score, listed, among, axis=str(bool(pick.attr)).lower())
    text.parts.append(f"const {text.chosen[pick]} = {found};")


def _is_wide(node: Node) -> bool:
    return "class" in node.axes


def _rows_of(rows: _Rows, part: Pass) -> None:
    """Give every node below the roots its level and its line."""
    stops = dict.fromkeys((*part.inputs, *part.chosen), "")
    roots = [*part.bodies, *(node for _, node in part.outputs)]
    for node in needed(roots, stops):
        if node in stops or not node.args:
            rows.level[node] = 0
            continue
        reduces = node.op.startswith("class_") and _is_wide(node.args[0])
        rows.level[node] = max(rows.level[a] for a in node.args) + reduces
        if reduces:
            _reduction(rows, node)
        else:
            _statement(rows, node)


def _statement(rows: _Rows, node: Node) -> None:
    """One constant of a row, or of a class of a row."""
    level = rows.level[node]
    read = [_read(rows, a, level) for a in node.args]
    expression = f"{read[0]} * K" if node.op == "class_sum" else spelling(node.op, "js").format(*read)
    rows.names[node] = rows.text.fresh("t")
    lines = (rows.wide if _is_wide(node) else rows.single).setdefault(level, [])
    lines.append(f"const {rows.names[node]} = {expression};")


def _reduction(rows: _Rows, node: Node) -> None:
    """A sum or a largest number over the classes, added up in the loop in which its terms are known."""
    of = node.args[0]
    level = rows.level[node] - 1
    rows.wide.setdefault(level, [])
    if node.op == "class_first_max":
        place = rows.text.fresh("t")
        rows.single.setdefault(level + 1, []).append(f"const {place} = firstMax({_keep(rows, of)});")
        rows.names[node] = rows.text.fresh("t")
        rows.wide.setdefault(level + 1, []).append(f"const {rows.names[node]} = {place} === k;")
        return
    name = rows.names[node] = rows.text.fresh("t")
    rows.before.setdefault(level, []).append(f"let {name} = {STARTS[node.op]};")
    step = spelling(node.op, "js").format(_read(rows, of, level), into=name)
    rows.wide[level].append(f"{step};")


def _read(rows: _Rows, node: Node, level: int) -> str:
    """How a node is read in the loop of a level."""
    text = rows.text
    value = number_of(node)
    if value is not None:
        return number_text(value)
    if node in rows.names:
        return f"{_keep(rows, node)}[k]" if _is_wide(node) and rows.level[node] < level else rows.names[node]
    if node in text.leaves:
        return f"{text.leaves[node]}[{'i * K + k' if _is_wide(node) else 'i'}]"
    return f"{text.chosen[node]}[i]" if node in text.chosen else read(text, node)


def _keep(rows: _Rows, node: Node) -> str:
    """The array that holds a number of every class for later loops."""
    if node not in rows.kept:
        name = rows.kept[node] = rows.text.fresh("m")
        rows.outside.append(f"const {name} = new Float64Array(K);")
        rows.wide.setdefault(rows.level[node], []).append(f"{name}[k] = {_read(rows, node, rows.level[node])};")
    return rows.kept[node]


def _last(rows: _Rows, node: Node, use: str) -> None:
    """A line that uses a node ({0} in its text), in the loop in which the node is known."""
    level = rows.level[node]
    lines = (rows.wide if _is_wide(node) else rows.single).setdefault(level, [])
    lines.append(f"{use.format(_read(rows, node, level))};")


def _loop(rows: _Rows, grouped: bool) -> list[str]:
    """The loop over the rows, level by level."""
    inner = ["const g = groups[i];"] if grouped else []
    for level in range(1 + max((*rows.single, *rows.wide), default=0)):
        inner += rows.single.get(level, [])
        if rows.wide.get(level):
            inner += rows.before.get(level, [])
            inner += ["for (let k = 0; k < K; k++) {", *(f"  {line}" for line in rows.wide[level]), "}"]
    return ["for (let i = 0; i < n; i++) {", *(f"  {line}" for line in inner), "}"]
