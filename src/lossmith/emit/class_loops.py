"""The rows of a kernel whose raw predictions have classes: one loop over the classes for each level of reductions.

Comes in: a `Writer` and the nodes in order. Goes out: lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from lossmith.emit.writer import REDUCTIONS, Writer, compute, count_faults, write
from lossmith.formula.node import OPERATIONS, Node, among


def row_loop(w: Writer, order: list[Node]) -> None:
    """Row after row: what rows hold, then loops over their classes."""
    w.add(2, "for i in range(a0.shape[0]):")
    for leaf in w.leaves:
        if leaf.storage == "row":
            w.add(3, w.loads[leaf.node])
    last = max(w.level.values(), default=0)
    for level in range(last + 1):
        for node in order:
            if w.level[node] == level and not w.wide(node) and node.op not in REDUCTIONS:
                compute(w, 3, node)
        _class_loop(w, order, level)
    write(w, 3, None, classes=False)
    count_faults(w)
    stored = [f"{name} = np.empty(n_classes{_kind(node)})" for node, name in w.scratch.items()]
    at = w.lines.index("    #scratch")
    w.lines[at : at + 1] = ["    " + line for line in stored]


def _kind(node: Node) -> str:
    return ", np.bool_" if OPERATIONS[node.op].boolean else ""


def _class_loop(w: Writer, order: list[Node], level: int) -> None:
    """One loop over the classes: nodes of this level, what later loops need of them, and the sums they feed."""
    here = [n for n in order if w.level[n] == level and w.wide(n) and n.op not in REDUCTIONS]
    feeding = [n for n in order if n.op in REDUCTIONS and w.level[n] == level + 1]
    roots = [r for r in w.parts.roots if w.wide(r) and w.level.get(r, 0) == level]
    if not (here or feeding or roots):
        return
    for j, node in enumerate(feeding):
        _start(w, node, f"{level}_{j}")
    w.add(3, "for k in range(n_classes):")
    _load(w, [*here, *feeding], roots)
    for node in here:
        compute(w, 4, node)
        if _used_later(node, order, w.level):
            w.scratch[node] = f"u{len(w.scratch)}"
            w.add(4, f"{w.scratch[node]}[k] = {w.names[node]}")
    for node in feeding:
        _feed(w, node)
    write(w, 4, level, classes=True)
    for node in here:
        if node in w.scratch:
            w.loads[node] = f"{w.names[node]} = {w.scratch[node]}[k]"
    for node in feeding:
        if node.op == "class_first_max":
            w.names[node] = f"first{w.names[node]}"
            w.loads[node] = f"{w.names[node]} = k == {w.names[node][5:]}"


def _used_later(node: Node, order: list[Node], level: dict[Node, int]) -> bool:
    """Whether a later loop reads the node (a reduction reads it in this one)."""
    users = [u for u in order if among(node, u.args)]
    return any(level[u] - (u.op in REDUCTIONS) > level[node] for u in users)


def _load(w: Writer, users: Sequence[Node], roots: Sequence[Node]) -> None:
    """Read the class-wise leaves and stored numbers that this loop uses."""
    used: dict[Node, None] = {}
    for user in users:
        used.update(dict.fromkeys(user.args))
    used.update(dict.fromkeys(roots))
    fresh = set(users)
    for node in used:
        if node in w.loads and node not in fresh and w.wide(node):
            w.add(4, w.loads[node])


def _start(w: Writer, node: Node, tag: str) -> None:
    name = f"s{tag}"
    w.names[node] = name
    start = {"class_sum": "0.0", "class_max": "-np.inf", "class_first_max": "0"}[node.op]
    w.add(3, f"{name} = {start}")
    if node.op == "class_first_max":
        w.add(3, f"{name}b = -np.inf")


def _feed(w: Writer, node: Node) -> None:
    name, value = w.names[node], w.name(node.args[0])
    if node.op == "class_sum":
        w.add(4, f"{name} += {value}")
    elif node.op == "class_max":
        w.add(4, f"{name} = maximum({name}, {value})")
    else:
        w.add(4, f"if {value} > {name}b:")
        w.add(5, f"{name} = k")
        w.add(5, f"{name}b = {value}")
