"""Activations → JavaScript: an expression for an object that computes value and derivative in the browser.

Comes in: an `ActivationFunction`. Goes out: text such as `{name: "relu", parameters: {}, value: (x, p) => …, derivative: …}`.
It is written from the same plain formulas as the NumPy functions; `value` of softmax takes and returns an array.
What is not plain JavaScript (erf) comes from the prelude of losses, `lossmith`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lossmith.emit.js_finish import number_text
from lossmith.emit.table import spelling
from lossmith.emit.to_js import literal
from lossmith.emit.to_numpy import needed
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, number_of, symbol
from lossmith.loss.activation import ActivationFunction, derivative_formula
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise

CALLED: Final = re.compile(r"(?<![.\w])([a-z]\w*)(?=\()")
FOLDS: Final = {
    "class_sum": "{0}.reduce((a, b) => a + b, 0)",
    "class_max": "{0}.reduce((a, b) => Math.max(a, b), -Infinity)",
}


def object_text(activation: ActivationFunction) -> str:
    """The object of one activation.

    >>> import lossmith as ls
    >>> object_text(ls.activation("identity"))
    '{name: "identity", parameters: {}, value: (x, p) => {\\n  return x;\\n}, derivative: (x, p) => {\\n  return 1;\\n}}'
    """
    record = activation.record
    named = {symbol(p.name, "parameter"): f"p[{literal(p.name)}]" for p in record.parameters}
    parts = [
        f"name: {literal(record.name)}",
        f"parameters: {literal(dict(activation.parameters))}",
        f"value: {_function({record.input: 'x', **named}, lift(record.formula)[0])}",
    ]
    if not record.row:
        slope = stabilise(derivative_formula(record))[0]
        parts.append(f"derivative: {_function({record.input: 'x', **named}, slope)}")
    return "{" + ", ".join(parts) + "}"


def needs_prelude(text: str) -> bool:
    """Whether the functions of losses must stand before this text."""
    return "= lossmith;" in text


def _function(inputs: Mapping[Node, str], formula: Node) -> str:
    lines, result = _lines(dict(inputs), in_plain_operations(formula))
    joined = "\n".join(lines)
    called = sorted(set(CALLED.findall(joined)))
    first = [f"const {{ {', '.join(called)} }} = lossmith;"] if called else []
    body = "".join(f"  {line}\n" for line in (*first, *lines, f"return {result};"))
    return f"(x, p) => {{\n{body}}}"


def _lines(names: dict[Node, str], root: Node) -> tuple[list[str], str]:
    """One constant per node; an array over the classes where the node has one number for each."""
    lines: list[str] = []
    for node in needed((root,), names):
        value = number_of(node)
        if node in names:
            continue
        if value is not None:
            names[node] = number_text(value)
            continue
        names[node], text = f"t{len(lines)}", _spelled(names, node)
        lines.append(f"const {names[node]} = {text};")
    return lines, names[root]


def _spelled(names: Mapping[Node, str], node: Node) -> str:
    if node.op in FOLDS:
        return FOLDS[node.op].format(names[node.args[0]])
    if node.op == "class_first_max":
        of = names[node.args[0]]
        return f"{of}.map((_, k) => k === {of}.indexOf({FOLDS['class_max'].format(of)}))"
    wide = "class" in node.axes
    read = [f"{names[a]}[k]" if "class" in a.axes else names[a] for a in node.args]
    text = spelling(node.op, "js").format(*read)
    return f"x.map((_, k) => {text})" if wide else text
