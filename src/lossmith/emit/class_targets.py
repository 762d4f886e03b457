"""A pass over rows of classes whose target is a class number: what it computes at the row's own class, and elsewhere.

Comes in: a pass, and the target leaf that is given as class numbers. Goes out: a `Pass` without that leaf: every node is
taken apart into what it is at the target's class (one number a row: leaves are looked up there) and what it is at the
others, where the target is 0. So `class_sum(y * e)` becomes e at the target, the first largest |y| the target, and only
what truly differs from class to class is left to a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, among, constant, make, make_from, number_of, symbol, symbol_of, walk
from lossmith.kernel.program import Pass

ZERO: Final = constant(0.0)
ONE: Final = constant(1.0)
HERE: Final = symbol("the target's class", "column", ["example", "class"])
"""The condition that a class is the row's own."""


@dataclass(frozen=True)
class AtTarget:
    """A pass, and what its new leaves stand for: numbers looked up at the target's class, or whether that is the first."""

    parts: Pass
    looked_up: Mapping[Node, Node] = field(default_factory=dict)
    is_first: Mapping[Node, Node] = field(default_factory=dict)


def at_target(parts: Pass, target: Node) -> AtTarget | None:
    """The pass for class numbers; None where an unknown number of another class would no longer be met."""
    split = _Split(parts, target)
    roots = {root: split.joined(root) for root in parts.roots}
    if any(_met(root, parts) - _met(new, parts) for root, new in roots.items()):
        return None
    outputs = tuple((name, roots[node]) for name, node in parts.outputs)
    bodies, faults = (tuple(roots[node] for node in nodes) for nodes in (parts.bodies, parts.faults))
    return AtTarget(replace(parts, bodies=bodies, outputs=outputs, faults=faults), split.looked_up, split.is_first)


def _met(root: Node, parts: Pass) -> set[Node]:
    """The predictions that the root takes together over the classes: where one is unknown, so is the result."""
    below = needed([root], dict.fromkeys((*parts.inputs, *parts.chosen), ""))
    taken = [n.args[0] for n in below if n.op in ("class_sum", "class_max") and not among(n, parts.inputs)]
    leaves = {n for a in taken for n in walk(a) if "class" in n.axes}
    return {n for n in leaves if (found := symbol_of(n)) is not None and found.role == "raw"}


class _Split:
    """Every node of a pass as (elsewhere, at the target); equal where the node does not vary over the classes."""

    def __init__(self, parts: Pass, target: Node) -> None:
        self.looked_up: dict[Node, Node] = {}
        self.is_first: dict[Node, Node] = {}
        self.found: dict[Node, tuple[Node, Node]] = {target: (ZERO, ONE)}
        inputs = dict.fromkeys((*parts.inputs, *parts.chosen), "")
        for node in needed(parts.roots, inputs):
            if node is not target:
                self.found[node] = self._leaf(node) if node in inputs or not node.args else self._operation(node)

    def joined(self, node: Node) -> Node:
        """One node again; itself if it does not hang on the target."""
        elsewhere, here = self.found[node]
        return elsewhere if elsewhere is here or elsewhere is node else make("where", HERE, here, elsewhere)

    def _leaf(self, node: Node) -> tuple[Node, Node]:
        if "class" not in node.axes:
            return node, node
        here = symbol(f"leaf {len(self.looked_up)} at the target", "column", ["example"])
        self.looked_up[here] = node
        return node, here

    def _operation(self, node: Node) -> tuple[Node, Node]:
        if node.op == "class_first_max":
            return self._first(node.args[0])
        if node.op in ("class_sum", "class_max"):
            elsewhere, here = self.found[node.args[0]]
            alone = node.op == "class_sum" and elsewhere is ZERO
            taken = here if alone else make(node.op, self.joined(node.args[0]))
            return taken, taken
        pairs = [self.found[a] for a in node.args]
        elsewhere = simplified(node, tuple(pair[0] for pair in pairs))
        same = all(a is b for a, b in pairs)
        return elsewhere, elsewhere if same else simplified(node, tuple(pair[1] for pair in pairs))

    def _first(self, size: Node) -> tuple[Node, Node]:
        """The first largest. A size that is 0 elsewhere is largest at the target (or nowhere, if it is 0 there too)."""
        elsewhere, here = self.found[size]
        if elsewhere is ZERO and (here.op == "abs" or (number_of(here) or 0.0) > 0.0):
            return ZERO, ONE
        first = make("class_first_max", self.joined(size))
        mark = symbol(f"first {len(self.is_first)} is the target", "column", ["example"])
        self.is_first[mark] = first
        return first, mark


# Simplification: only what a number in place of the target brings; a condition that is known is 0 or 1. -----------------

EXACT: Final[dict[str, Callable[..., float]]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negative": lambda a: -a,
    "abs": abs,
    "equal": lambda a, b: float(a == b),
    "less": lambda a, b: float(a < b),
    "less_equal": lambda a, b: float(a <= b),
    "logical_not": lambda a: float(a == 0.0),
}


def _product(a: Node, b: Node) -> Node | None:
    if a is ZERO or b is ZERO:
        return ZERO
    if number_of(a) == -1.0 or number_of(b) == -1.0:
        return _opposite(b if number_of(a) == -1.0 else a)
    return b if a is ONE else a if b is ONE else None


def _opposite(a: Node) -> Node:
    return a.args[0] if a.op == "negative" else make("negative", a)


def _both(a: Node, b: Node) -> Node | None:
    return _product(a, b)


def _either(a: Node, b: Node) -> Node | None:
    if a is ONE or b is ONE:
        return ONE
    return b if a is ZERO else a if b is ZERO else None


def _choice(condition: Node, a: Node, b: Node) -> Node | None:
    return a if condition is ONE or a is b else b if condition is ZERO else None


IDENTITIES: Final[dict[str, Callable[..., Node | None]]] = {
    "add": lambda a, b: b if a is ZERO else a if b is ZERO else None,
    "subtract": lambda a, b: a if b is ZERO else _opposite(b) if a is ZERO else None,
    "negative": _opposite,
    "multiply": _product,
    "logical_and": _both,
    "logical_or": _either,
    "where": _choice,
}


def simplified(node: Node, args: tuple[Node, ...]) -> Node:
    """The operation on other arguments; a number if all are numbers (signs of zero aside)."""
    values = [v for a in args if (v := number_of(a)) is not None]
    if node.op in EXACT and len(values) == len(args):
        return constant(EXACT[node.op](*values) + 0.0)
    found = IDENTITIES[node.op](*args) if node.op in IDENTITIES else None
    return make_from(node.op, args, node.attr) if found is None else found


# Products and guards --------------------------------------------------------------------------------------------------

STRICT: Final = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "exp", "exp_muladd", "abs", "log", "log1p"}
)


Stops = Mapping[Node, object]
"""Nodes below which nothing is looked at: finished numbers, and choices between examples."""


def rewritten(root: Node, stops: Stops, change: Callable[[Node], Node]) -> Node:
    """The graph above the stops, every node changed after its arguments."""
    done: dict[Node, Node] = {}
    for node in needed([root], dict.fromkeys(stops, "")):
        leaf = node in stops or not node.args
        done[node] = node if leaf else change(make_from(node.op, tuple(done[a] for a in node.args), node.attr))
    return done[root]


def unguarded(node: Node) -> Node:
    """`where(x == x, f(x), x)` as f(x) where f is made of arithmetic that an unknown x does not leave known."""
    if node.op != "where" or node.args[0].op != "equal":
        return node
    (a, b), found, x = node.args[0].args, node.args[1], node.args[2]
    return found if a is x and b is x and _strict(found, x) else node


def _strict(node: Node, x: Node) -> bool:
    known: dict[Node, bool] = {x: True}
    for n in walk(node):
        if n not in known:
            known[n] = n.op in STRICT and any(known[a] for a in n.args)
    return known[node]


def row_factors_first(node: Node) -> Node:
    """In a product over the classes, multiply what a row shares beforehand: one multiplication a class is left.

    For kernels that keep row numbers in float64 and classes in float32, where such a product cannot overflow.
    """
    return _reordered(node) if node.op in ("multiply", "negative") and "class" in node.axes else node


def _reordered(node: Node) -> Node:
    factors = _factors(node)
    wide = [f for f in factors if "class" in f.axes]
    shared = [f for f in factors if "class" not in f.axes]
    if not shared:
        return node
    number = math.prod(v for f in shared if (v := number_of(f)) is not None)
    rest = [f for f in shared if number_of(f) is None]
    product = _times(rest) if rest else constant(number)
    if rest and number != 1.0:
        product = make("negative", product) if number == -1.0 else make("multiply", constant(number), product)
    return make("multiply", _times(wide), product)


def _factors(node: Node) -> list[Node]:
    if node.op == "multiply" and "class" in node.axes:
        return [f for a in node.args for f in _factors(a)]
    if node.op == "negative" and "class" in node.axes:
        return [constant(-1.0), *_factors(node.args[0])]
    return [node]


def _times(factors: list[Node]) -> Node:
    product = factors[0]
    for factor in factors[1:]:
        product = make("multiply", product, factor)
    return product
