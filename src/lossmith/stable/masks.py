"""What a choice rules out: a term that is 0 stays 0, whatever stands beside it.

Comes in: a node of a derivative. Goes out: an equal node with the choice outside, so that what is infinite or no number in
the branch that is not taken meets no 0; or None. Sums over classes let through what looks at the labels of the row only.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.node import Node, is_number, make, symbol_of, walk

UNBOUNDED: Final = frozenset({"divide", "safe_divide", "log", "log_ratio", "exp", "scaled_exp"})
WITHIN_ROWS: Final = frozenset({"class_sum", "class_others"})


def mask_of_classes(node: Node) -> Node | None:
    """A sum over the classes of a choice by the whole row, as the choice of the sums."""
    if node.op not in WITHIN_ROWS:
        return None
    negative = node.args[0].op == "negative"
    choice = node.args[0].args[0] if negative else node.args[0]
    if choice.op != "where" or not _is_of_row(choice.args[0]) or not any(is_number(a, 0.0) for a in choice.args[1:]):
        return None
    branches = (a if is_number(a, 0.0) else make(node.op, -a if negative else a) for a in choice.args[1:])
    return make("where", choice.args[0], *branches)


def mask_of_product(node: Node) -> Node | None:
    """A choice between 0 and a factor, times what may be infinite where it is 0, as a choice between 0 and the product."""
    if node.op not in ("multiply", "vanishing_product"):
        return None
    for at, choice in enumerate(node.args):
        other = node.args[1 - at]
        if choice.op != "where" or not any(n.op in UNBOUNDED for n in walk(other)):
            continue
        if sum(is_number(a, 0.0) for a in choice.args[1:]) == 1:
            return make(
                "where", choice.args[0], *(a if is_number(a, 0.0) else _times(node, at, a) for a in choice.args[1:])
            )
    return None


def _times(node: Node, at: int, part: Node) -> Node:
    first, second = (part, node.args[1]) if at == 0 else (node.args[0], part)
    return make(node.op, first, second)


def _is_of_row(condition: Node) -> bool:
    """Whether a condition is one for all classes of a row, and looks at its data only."""
    leaves = [leaf for leaf in map(symbol_of, walk(condition)) if leaf is not None]
    within = not any(n.op.startswith("example_") for n in walk(condition))
    return "class" not in condition.axes and bool(leaves) and within and all(leaf.role != "raw" for leaf in leaves)
