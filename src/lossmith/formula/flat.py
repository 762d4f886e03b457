"""A graph as a flat table, however deep it is: how nodes travel between processes.

Comes in: a node, or such a table. Goes out: the table, or the node. Rows stand after those that they are made from.
"""

from __future__ import annotations

from typing import TypeAlias

from lossmith.formula.node import Attribute, Node, make_from, walk

Row: TypeAlias = tuple[str, tuple[int, ...], Attribute]


def flattened(root: Node) -> tuple[Row, ...]:
    """One row for each node: its operation, the places of its arguments, its attribute."""
    order = walk(root)
    place = {node: i for i, node in enumerate(order)}
    return tuple((node.op, tuple(place[a] for a in node.args), node.attr) for node in order)


def raised(rows: tuple[Row, ...]) -> Node:
    """The node that the last row stands for.

    >>> from lossmith.formula.node import symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> raised(flattened(z * z + 1)) is z * z + 1
    True
    """
    made: list[Node] = []
    for op, places, attr in rows:
        made.append(make_from(op, tuple(made[i] for i in places), attr))
    return made[-1]
