"""Programs → text of PyTorch functions: one statement a node, passes and finished numbers in one function.

Comes in: a `Program`, the names of its leaves, the weight, and the values of its parameters, which become literals.
Goes out: the text of one function of tensors, shaped (examples,) or (examples, classes), and of what is known of the rows.
What only constants and parameters say is worked out while the text is written. A name is given up (`del`) after its last
use, so that memory is freed as early as by hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lossmith.emit import prelude
from lossmith.emit.table import spelling
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import OPERATIONS, Node, number_of, symbol_of
from lossmith.kernel.program import Pass, Program

NAME: Final = re.compile(r"\bt\d+\b")
BY_ROWS: Final = frozenset({"class_sum"})  # known only when the shape is


@dataclass
class _Text:
    """The lines so far, and how every node is written: by the name of a variable, or as a number.

    A finished number has a name in the dtype of sums (`totals`), and one in that of the rows where rows read it (`rows`).
    """

    parameters: Mapping[str, float]
    weight: str = "None"
    leaves: Mapping[Node, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    rows: dict[Node, str] = field(default_factory=dict)
    totals: dict[Node, str] = field(default_factory=dict)
    numbers: dict[Node, float] = field(default_factory=dict)

    def assign(self, text: str) -> str:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name


def program_text(program: Program, leaves: Mapping[Node, str], parameters: Mapping[str, float], weighted: bool) -> str:
    """A function `run(raw, v, w, leaves, rows)` that returns finished numbers, then outputs, as a tuple.

    `leaves` says where each leaf is found among those arguments.
    """
    text = _Text(dict(parameters), "w" if weighted else "None", leaves)
    _counts(text, program)
    results: dict[str, str] = {}
    for part in program.passes:
        results |= _pass(text, part)
    for name, node in program.finish:
        results[name] = _written(text, text.totals, node)
    ordered = [results[name] for name in result_names(program)]
    lines = [*_freed(text.lines, ordered), f"return ({''.join(f'{name}, ' for name in ordered)})"]
    return "def run(raw, v, w, leaves, rows):\n" + "".join(f"    {line}\n" for line in lines)


def result_names(program: Program) -> tuple[str, ...]:
    """The names of what `run` returns, in order."""
    looked_at = {
        f"{what} of {id(pick)}" for part in program.passes for pick in part.picks for what in ("score", "among")
    }
    outputs = [name for part in program.passes for name, _ in part.outputs]
    return (*(name for name, _ in program.finish), *(name for name in outputs if name not in looked_at))


def statements(roots: Sequence[Node], names: Mapping[Node, str]) -> tuple[list[str], list[str]]:
    """One assignment for each node that is not named and no number; the lines, and how each root is written."""
    text = _Text({}, rows=dict(names))
    written = [_written(text, text.rows, root) for root in roots]
    return text.lines, written


def number_text(value: float) -> str:
    """A number as source text, exactly; the prelude has `inf` and `nan`."""
    if isinstance(value, bool):
        return repr(value)
    if math.isfinite(value):
        return repr(float(value)) if math.copysign(1.0, value) > 0 else f"({float(value)!r})"
    return "nan" if math.isnan(value) else "inf" if value > 0 else "(-inf)"


def _counts(text: _Text, program: Program) -> None:
    """The total weight, and how many rows have any: known before the first pass."""
    found = [
        text.assign(f"counted({text.weight}, rows, {node.attr!r}, {node.op == 'example_count'})")
        for node in program.counts
    ]
    _join(text, program.counts, found)


def _join(text: _Text, nodes: Sequence[Node], found: Sequence[str]) -> None:
    """Name the sums, after other processes have added theirs."""
    if not nodes:
        return
    kinds = ", ".join(repr(node.op) for node in nodes)
    joined = text.assign(f"merged(({''.join(f'{name}, ' for name in found)}), ({kinds},), rows)")
    for j, node in enumerate(nodes):
        text.totals[node] = text.assign(f"{joined}[{j}]")


def _pass(text: _Text, part: Pass) -> dict[str, str]:
    """The lines of one walk over the rows: what it reads, its terms and their sums, what it writes and chooses."""
    for node in part.inputs:
        if node not in text.rows:
            value = _written(text, text.totals, node)
            text.rows[node] = text.assign(f"finished({value}, rows, {'group' in node.axes})")
    found = []
    for node, body in zip(part.sums, part.bodies, strict=True):
        term = _written(text, text.rows, body)
        found.append(text.assign(spelling(node.op, "torch").format(term, axis=node.attr)))
    written = {name: _written(text, text.rows, node) for name, node in part.outputs}
    _join(text, part.sums, found)
    text.rows |= {pick: _picked(text, pick, written) for pick in part.picks}
    wide = {name: "class" in node.axes for name, node in part.outputs}
    return {name: text.assign(f"written({value}, rows, {wide[name]})") for name, value in written.items()}


def _picked(text: _Text, pick: Node, written: dict[str, str]) -> str:
    """The line that chooses between examples, from what this pass has looked at."""
    score = written.pop(f"score of {id(pick)}")
    among = written.pop(f"among of {id(pick)}", "1.0")
    amount = _written(text, text.totals, pick.args[1])
    chosen = spelling("largest", "torch").format(score, amount, among, weight=text.weight, axis=pick.attr)
    return text.assign(f"{chosen}.to(rows.work)")


def _written(text: _Text, names: dict[Node, str], root: Node) -> str:
    """How a node is written, after the lines that compute it."""
    for node in needed((root,), {**names, **dict.fromkeys(text.numbers, "")}):
        if node not in names and node not in text.numbers:
            _compute(text, names, node)
    return _named(text, names, root)


def _named(text: _Text, names: Mapping[Node, str], node: Node) -> str:
    return names[node] if node in names else number_text(text.numbers[node])


def _compute(text: _Text, names: dict[Node, str], node: Node) -> None:
    """One line, or a number where only numbers are read."""
    value = number_of(node)
    if node in text.leaves:
        names[node] = text.assign(f"loaded({text.leaves[node]}, rows)")
    elif value is not None or symbol_of(node) is not None:
        text.numbers[node] = text.parameters[repr(node)] if value is None else value
    elif node.op not in BY_ROWS and node.args and all(a in text.numbers for a in node.args):
        text.numbers[node] = _folded(node, [text.numbers[a] for a in node.args])
    elif node.op == "rest_of_sum":
        text.numbers[node] = 0.0  # sums are plain numbers here
    else:
        read = (_named(text, names, a) for a in node.args)
        dtype = "rows.total" if names is text.totals else "rows.work"
        names[node] = text.assign(spelling(node.op, "torch").format(*read, axis=node.attr, dtype=dtype))


def _folded(node: Node, values: Sequence[float]) -> Any:
    """The operation on numbers, in float64."""
    space: dict[str, Any] = {k: v for k, v in vars(prelude).items() if k == "np" or k.startswith("_")}
    space |= {f"a{j}": np.float64(value) for j, value in enumerate(values)}
    written = spelling(node.op, "numpy").format(*(f"a{j}" for j in range(len(values))), axis=node.attr)
    with np.errstate(all="ignore"):
        found = np.asarray(eval(written, space)).reshape(-1)[0]  # our own text
    return bool(found) if OPERATIONS[node.op].boolean else float(found)


def _freed(lines: Sequence[str], kept: Iterable[str]) -> list[str]:
    """The lines, with `del` after the last use of every name."""
    ends: dict[str, int] = {name: j for j, line in enumerate(lines) for name in NAME.findall(line)}
    stay = set(kept)
    out = []
    for j, line in enumerate(lines):
        out.append(line)
        gone = [name for name in dict.fromkeys(NAME.findall(line)) if ends[name] == j and name not in stay]
        if gone:
            out.append(f"del {', '.join(gone)}")
    return out
