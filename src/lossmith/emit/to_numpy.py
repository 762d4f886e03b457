"""Formulas over plain operations → NumPy text: one statement a node, over arrays of shape (examples, classes).

Comes in: named inputs and the nodes to compute. Goes out: the text of one function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossmith.emit.table import number_text, spelling
from lossmith.formula.node import Node, number_of


def statements(
    inputs: Mapping[Node, str], roots: Sequence[Node], prefix: str = "t"
) -> tuple[list[str], dict[Node, str]]:
    """One assignment per node that is not an input or a number; returns the lines and the name of every node."""
    names = dict(inputs)
    lines: list[str] = []
    for node in needed(roots, inputs):
        value = number_of(node)
        if node in names:
            continue
        if value is not None:
            names[node] = number_text(value) if value >= 0 else f"({number_text(value)})"
            continue
        names[node] = f"{prefix}{len(lines)}"
        text = spelling(node.op, "numpy").format(*(names[a] for a in node.args), axis=node.attr)
        lines.append(f"{names[node]} = {text}")
    return lines, names


def needed(roots: Sequence[Node], inputs: Mapping[Node, str]) -> list[Node]:
    """The inputs that are met and the nodes above them, arguments first, without looking below the inputs."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if node in seen:
            continue
        if ready or node in inputs:
            seen.add(node)
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args))
    return order


def function_text(name: str, inputs: Mapping[Node, str], roots: Sequence[Node]) -> str:
    """A function of the named inputs (and n_classes, n_groups) that returns the roots as a tuple."""
    lines, names = statements(inputs, roots)
    arguments = ", ".join([*inputs.values(), "n_classes", "n_groups"])
    results = "".join(f"{names[root]}, " for root in roots)
    body = "\n".join(f"    {line}" for line in lines)
    return f"def {name}({arguments}):\n{body}\n    return ({results})\n"
