"""Variants of a loss's formula, as people get them by mistake: a part held constant, p and 1 - p swapped in a part.

Comes in: a `Loss`. Goes out: losses with a changed formula, each with words for what was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from lossmith.calculus.terms import ONE
from lossmith.formula.definition import Definition
from lossmith.formula.node import (
    Node,
    among,
    make,
    make_from,
    number_of,
    rebuild,
    substitute,
    symbol_of,
    symbols,
    walk,
)
from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss

MOST: int = 40
"""Parts of a formula that are tried, the smallest last."""


def _moving(formula: Node) -> list[Node]:
    """The proper parts that depend on the prediction, the largest first."""
    moving = [
        n for n in walk(formula) if n is not formula and (symbols(n, role="raw") or symbols(n, role="prediction"))
    ]
    return moving[::-1][:MOST]


def _groups(formula: Node) -> Iterator[tuple[Node, ...]]:
    """Sets of parts that people treat alike: all powers, all logarithms, all products ...; then each part alone."""
    parts = _moving(formula)
    by_operation: dict[str, list[Node]] = {}
    for node in parts:
        if symbol_of(node) is None:
            by_operation.setdefault(node.op, []).append(node)
    yield from (tuple(nodes) for nodes in by_operation.values() if len(nodes) > 1)
    yield from ((node,) for node in parts)


Variants = tuple[tuple[str, Definition], ...]


def _of(loss: Loss, made: Variants) -> Iterator[tuple[str, Loss]]:
    for words, definition in made:
        yield words, replace(loss, definition=definition)


def _inside(formula: Node, nodes: tuple[Node, ...], change: Callable[[Node], Node]) -> Node:
    def visit(node: Node, args: tuple[Node, ...]) -> Node:
        same = make_from(node.op, args, node.attr)
        return change(same) if among(node, nodes) else same

    return rebuild(formula, visit)


def detached(loss: Loss) -> Iterator[tuple[str, Loss]]:
    """The loss with one part, or all parts of a kind, held constant for the gradient.

    >>> import lossmith as ls
    >>> "(1 - p) ** gamma" in dict(detached(ls.get("focal")))
    True
    """
    yield from _of(loss, _held(loss.definition))


@lru_cache(maxsize=256)
def _held(definition: Definition) -> Variants:
    found = []
    for nodes in _groups(definition.formula):
        held = _inside(definition.formula, nodes, lambda n: make("stop_gradient", n))
        found.append((to_text(nodes[-1]), replace(definition, formula=held)))
    return tuple(found)


def _complement(node: Node) -> Node:
    """1 - p for p, and p for 1 - p."""
    if node.op == "subtract" and number_of(node.args[0]) == 1.0:
        return node.args[1]
    return ONE - node


def swapped_inside(loss: Loss) -> Iterator[tuple[str, Loss]]:
    """The loss with p and 1 - p swapped in all powers, or in all logarithms.

    >>> import lossmith as ls
    >>> [words for words, _ in swapped_inside(ls.get("focal"))]
    ['(1 - p) ** gamma', 'log(p)']
    """
    yield from _of(loss, _turned(loss.definition))


@lru_cache(maxsize=256)
def _turned(definition: Definition) -> Variants:
    found = []
    for op in ("power", "log"):
        nodes = tuple(n for n in _moving(definition.formula) if n.op == op)
        if nodes:
            turned = _inside(definition.formula, nodes, _of_complement)
            found.append((to_text(nodes[-1]), replace(definition, formula=turned)))
    return tuple(found)


def _of_complement(node: Node) -> Node:
    return make_from(node.op, (_complement(node.args[0]), *node.args[1:]), node.attr)


def roles_swapped(loss: Loss) -> Loss | None:
    """The loss with target and prediction in each other's place; None where they have different axes."""
    definition = _seats_changed(loss.definition)
    return None if definition is None else replace(loss, definition=definition)


@lru_cache(maxsize=256)
def _seats_changed(definition: Definition) -> Definition | None:
    formula, leaves = definition.formula, definition.roles.leaves
    if "z" not in leaves or len(definition.declaration.target) > 1:
        return None
    target = leaves[definition.declaration.target[0][0]]
    seats = {target: leaves["z"], leaves["z"]: target}
    if symbols(formula, role="prediction"):
        seats = {target: leaves["p"], leaves["p"]: target}
    if any(a.axes != b.axes for a, b in seats.items()):
        return None
    return replace(definition, formula=substitute(formula, seats))


def other_parameters(loss: Loss) -> Iterator[tuple[str, Loss]]:
    """The loss with the weight of a class or side on the other one: parameters that are shares, and class weights.

    >>> import lossmith as ls
    >>> [found.parameters["alpha"] for _, found in other_parameters(ls.get("focal", alpha=0.25))]
    [0.75]
    """
    for name in ("alpha", "level"):
        share = loss.parameters.get(name)
        if share is not None and share != 0.5 and share <= 1.0:
            yield name, loss.bind(**{name: 1.0 - share})
    weights = [r for r in loss.definition.reweighting if r.classes is not None]
    for row in weights:
        numbers = dict(row.classes or ())
        turned = tuple(zip(numbers, reversed(list(numbers.values())), strict=True))
        others = tuple(replace(r, classes=turned) if r is row else r for r in loss.definition.reweighting)
        yield "class weights", replace(loss, definition=replace(loss.definition, reweighting=others))
