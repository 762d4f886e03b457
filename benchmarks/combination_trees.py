"""Designs as trees: what they are made of, which of their calls hold for the whole batch, and the same design without them.

Comes in: a `Tree`. Goes out: a `Tree`, or calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from benchmarks.combination_draw import Done, Leaf, Sum, Tree


def chain(tree: Tree) -> tuple[Leaf | Sum, list[Done]]:
    """What the combinators stand on, and the combinators, the innermost first."""
    calls: list[Done] = []
    while isinstance(tree, Done):
        calls.append(tree)
        tree = tree.inner
    return tree, calls[::-1]


def rebuilt(core: Leaf | Sum, calls: list[Done]) -> Tree:
    """The calls on what they stand on, the first one innermost."""
    tree: Tree = core
    for call in calls:
        tree = replace(call, inner=tree)
    return tree


def normal(tree: Tree) -> Tree:
    """The same design with losses that are made of others written as what they are."""
    if isinstance(tree, Leaf):
        return MADE[tree.name](tree) if tree.name in MADE else tree
    if isinstance(tree, Sum):
        return Sum(tuple((normal(part), factor) for part, factor in tree.parts))
    return replace(tree, inner=normal(tree.inner))


def _focal(leaf: Leaf) -> Tree:
    given = dict(leaf.given)
    on = tuple((key, value) for key, value in leaf.given if key == "on")
    base = Leaf("cross_entropy" if leaf.name == "softmax_focal" else "binary_cross_entropy", on)
    made = Done(base, "modulate", (("gamma", given["gamma"]),))
    return Done(made, "weigh", (("alpha", given["alpha"]),)) if "alpha" in given else made


MADE: Final[Mapping[str, Callable[[Leaf], Tree]]] = {
    "focal": _focal,
    "softmax_focal": _focal,
    "label_smoothed_cross_entropy": lambda leaf: Done(Leaf("cross_entropy"), "smooth", leaf.given),
}
"""Losses of the catalogue that are combinations themselves."""


OWN: Final = "own weights"


def with_own_weights(tree: Tree) -> Tree:
    """The design with weights of rows that only some losses of a sum have marked as their own."""
    if isinstance(tree, Done):
        return replace(tree, inner=with_own_weights(tree.inner))
    if isinstance(tree, Leaf):
        return tree
    parts = tuple((with_own_weights(part), factor) for part, factor in tree.parts)
    said = {repr([c.given for c in gathered(part, ("reweight",))]) for part, _ in parts}
    return Sum(parts if len(said) == 1 else tuple((_marked(part), factor) for part, factor in parts))


def _marked(tree: Tree) -> Tree:
    if isinstance(tree, Leaf):
        return tree
    if isinstance(tree, Sum):
        return Sum(tuple((_marked(part), factor) for part, factor in tree.parts))
    return replace(tree, inner=_marked(tree.inner), call=OWN if tree.call == "reweight" else tree.call)


def gathered(tree: Tree, names: tuple[str, ...]) -> list[Done]:
    """The calls for the whole batch, the innermost first: all losses of a sum have the same ones."""
    core, calls = chain(tree)
    below = gathered(core.parts[0][0], names) if isinstance(core, Sum) else []
    return [*below, *(c for c in calls if c.call in names)]


def without(tree: Tree, names: tuple[str, ...]) -> Tree:
    """The design without some calls."""
    if isinstance(tree, Leaf):
        return tree
    if isinstance(tree, Sum):
        return Sum(tuple((without(part, names), factor) for part, factor in tree.parts))
    inner = without(tree.inner, names)
    return inner if tree.call in names else replace(tree, inner=inner)


def smoothing_of(tree: Tree) -> tuple[list[Done], Tree]:
    """The smoothing of labels that holds for the whole batch, and the design without it.

    Where the losses of a sum differ in it, theirs stays with them.
    """
    core, calls = chain(tree)
    mine = [c for c in calls if c.call == "smooth"]
    rest = [c for c in calls if c.call != "smooth"]
    if isinstance(core, Leaf):
        return mine, rebuilt(core, rest)
    inside = [smoothing_of(part) for part, _ in core.parts]
    if len({tuple(c.given for c in found) for found, _ in inside}) > 1:
        return mine, rebuilt(core, rest)
    bare = Sum(tuple((stripped, factor) for (_, stripped), (_, factor) in zip(inside, core.parts, strict=True)))
    return [*inside[0][0], *mine], rebuilt(bare, rest)
