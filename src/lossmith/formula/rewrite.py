"""The only rewriting engine: rows of (pattern, replacement) applied from the leaves upwards, every step recorded.

Comes in: a formula and a table of rules. Goes out: an equal formula and the steps that led to it.
A wildcard is a symbol whose name starts with "?"; commuting arguments match in either order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lossmith.formula.node import OPERATIONS, Node, Symbol, make_from, substitute, symbol, walk

Bindings: TypeAlias = dict[Node, Node]


@dataclass(frozen=True)
class Rule:
    """`pattern` equals `replacement` in exact maths; `hazard` names what goes wrong in floats without it."""

    hazard: str
    pattern: Node
    replacement: Node
    why: str
    condition: Callable[[Bindings], bool] | None = None
    source: str = ""


@dataclass(frozen=True)
class Procedure:
    """A rule that no finite pattern can state: `apply` returns the new node, or None where it has nothing to do."""

    hazard: str
    apply: Callable[[Node], Node | None]
    why: str
    source: str = ""


@dataclass(frozen=True)
class Step:
    """One application of a rule, with its reason."""

    hazard: str
    before: Node
    after: Node
    why: str = ""


def wildcard(name: str) -> Node:
    """A leaf that matches any formula."""
    return symbol(f"?{name}", "parameter")


def _is_wildcard(node: Node) -> bool:
    return isinstance(node.attr, Symbol) and node.attr.name.startswith("?")


def match(pattern: Node, node: Node, bindings: Bindings) -> Iterator[Bindings]:
    """Every way in which the node is an instance of the pattern."""
    if _is_wildcard(pattern):
        if bindings.get(pattern, node) is node:
            yield {**bindings, pattern: node}
        return
    if pattern.op != node.op or (pattern.attr != node.attr) or len(pattern.args) != len(node.args):
        return
    orders = [node.args]
    if OPERATIONS[node.op].commutative and node.args[0] is not node.args[1]:
        orders.append(node.args[::-1])
    for order in orders:
        yield from _match_all(pattern.args, order, bindings)


def _match_all(patterns: Sequence[Node], nodes: Sequence[Node], bindings: Bindings) -> Iterator[Bindings]:
    if not patterns:
        yield bindings
        return
    for found in match(patterns[0], nodes[0], bindings):
        yield from _match_all(patterns[1:], nodes[1:], found)


def apply_rule(rule: Rule | Procedure, node: Node) -> Node | None:
    """The replacement at this node, or None."""
    if isinstance(rule, Procedure):
        return rule.apply(node)
    for bindings in match(rule.pattern, node, {}):
        if rule.condition is None or rule.condition(bindings):
            return substitute(rule.replacement, bindings)
    return None


def rewrite(root: Node, rules: Sequence[Rule | Procedure], limit: int = 40) -> tuple[Node, tuple[Step, ...]]:
    """Apply the table from the leaves upwards until nothing changes; `limit` bounds the steps at one node."""
    by_op: dict[str, list[Rule | Procedure]] = {}
    for rule in rules:
        for op in [rule.pattern.op] if isinstance(rule, Rule) else list(OPERATIONS):
            by_op.setdefault(op, []).append(rule)
    done: dict[Node, Node] = {}
    steps: list[Step] = []

    def settle(node: Node, depth: int) -> Node:
        if node in done:
            return done[node]
        args = tuple(settle(a, depth) for a in node.args)
        current = node if not args else make_from(node.op, args, node.attr)
        for rule in by_op.get(current.op, []):
            after = apply_rule(rule, current)
            if after is not None and after is not current:
                steps.append(Step(rule.hazard, current, after, rule.why))
                current = settle(after, depth + 1) if depth < limit else after
                break
        done[node] = done[current] = current
        return current

    for node in walk(root):
        settle(node, 0)
    return done[root], tuple(steps)
