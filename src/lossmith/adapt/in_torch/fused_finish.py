"""Finished numbers from sums, as plain Python: a few operations on a few numbers, where NumPy would cost more than the kernel.

Comes in: nodes over sums and parameters. Goes out: a function of those numbers. Only operations that Python rounds just as
NumPy does are spelled here; anything else, and whatever Python refuses (a division by 0), is left to the NumPy text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, sqrt
from typing import Any, Final

import numpy as np

from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, number_of
from lossmith.runtime import _finisher

Finisher = tuple[Callable[..., tuple[Any, ...]], tuple[Node, ...]]
AXES: Final = ("axis_", "class_", "group_")
SPELLED: Final = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "sqrt": "sqrt({0})",
    "abs": "abs({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "logical_not": "not {0}",
    "where": "{1} if {0} else {2}",
}


def finisher_of(nodes: tuple[Node, ...]) -> Finisher:
    """A function of the inputs' numbers (or of tables of one row, where classes have their own) and the number of classes."""
    function, inputs = _finisher(nodes)
    inner = _inner(nodes, inputs)
    tables = any("class" in node.axes or node.op.startswith(AXES) for node in (*inner, *inputs))
    by_numpy = _by_numpy(function, tables)
    plain = not tables and _is_plain(inner)
    return (_by_python(nodes, inputs, by_numpy) if plain else by_numpy), inputs


def _by_numpy(function: Callable[..., tuple[Any, ...]], tables: bool) -> Callable[..., tuple[Any, ...]]:
    def finish(*values: Any) -> tuple[Any, ...]:
        *numbers, classes = values
        with np.errstate(all="ignore"):
            return function(*(map(np.atleast_2d, numbers) if tables else map(np.float64, numbers)), classes, 1)

    return finish


def _by_python(
    nodes: tuple[Node, ...], inputs: tuple[Node, ...], otherwise: Callable[..., tuple[Any, ...]]
) -> Callable[..., tuple[Any, ...]]:
    lines, names = _lines(nodes, {node: f"a{j}" for j, node in enumerate(inputs)})
    found = "".join(f"{names[node]}, " for node in nodes)
    given = "".join(f"a{j}, " for j, _ in enumerate(inputs))
    return _made(f"{given}classes", lines, f"({found})", f"otherwise({given}classes)", otherwise)


def spelled(node: Node, where: Mapping[Node, str]) -> Callable[[list[float], float], float | None] | None:
    """The number of a node as a function of s and n, which are spelled in `where`; it gives None where Python refuses."""
    inner = _inner((node,), tuple(where))
    if not _is_plain(inner) or any("class" in found.axes for found in (*inner, *where)):
        return None
    lines, names = _lines((node,), where)
    return _made("s, n", lines, names[node], "None", None)


def _inner(nodes: tuple[Node, ...], inputs: tuple[Node, ...]) -> list[Node]:
    return [n for n in needed(nodes, dict.fromkeys(inputs, "")) if not any(n is leaf for leaf in inputs)]


def _is_plain(inner: list[Node]) -> bool:
    return all(number_of(node) is not None or node.op in SPELLED for node in inner)


def _lines(nodes: tuple[Node, ...], inputs: Mapping[Node, str]) -> tuple[list[str], dict[Node, str]]:
    """One assignment for each operation, and the name of every node."""
    names, lines = dict(inputs), list[str]()
    for node in _inner(nodes, tuple(inputs)):
        value = number_of(node)
        if value is not None:
            names[node] = f"({value!r})" if isfinite(value) else f'float("{value!r}")'
            continue
        names[node] = f"t{len(lines)}"
        lines.append(f"{names[node]} = {SPELLED[node.op].format(*(names[arg] for arg in node.args))}")
    return lines, names


def _made(given: str, lines: list[str], found: str, other: str, otherwise: Any) -> Callable[..., Any]:
    text = [f"def finish({given}):", "    try:", *(f"        {line}" for line in lines), f"        return {found}"]
    text += ["    except (ArithmeticError, ValueError):", f"        return {other}"]
    space: dict[str, Any] = {"sqrt": sqrt, "otherwise": otherwise}
    exec(compile("\n".join(text), "<lossmith finish>", "exec"), space)
    made: Callable[..., Any] = space["finish"]
    return made
