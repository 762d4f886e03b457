"""The losses at the leaves of a design: the library's exact formulas at balls, with the scales of the contract.

Comes in: a `Leaf`, targets and raw predictions as balls. Goes out: a `Number` for each row (or one for the batch).
Scales are those of the numbers contract: (a) the number itself, (b) what a quarter of a raw prediction changes where a sign
changes within it, (c) the mixture over hard targets, (e) the terms of a value; (d), the end of the format, is the judge's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from flint import arb

from benchmarks.combination_draw import OWN, Leaf, Sum, Tree, built
from benchmarks.combination_numbers import BALL, LEAST, Balls, Number, Sizes, sizes
from lossmith.calculus.additivity import additive_part
from lossmith.calculus.derivative import tangent
from lossmith.certificate import sum_of_sizes
from lossmith.compiler import direction
from lossmith.formula.definition import resolved
from lossmith.formula.node import Node, constant, make, symbols, walk
from lossmith.formula.roles import WEIGHT
from lossmith.interpret import BALLS, interpret
from lossmith.numerics.formats import FLOAT64

STEPS: Final = (0.25, -0.25, 0.0625, -0.0625, 2.0**-8, -(2.0**-8))
NUDGE: Final = 2.0**-40
UNDERFLOWN: Final = constant(FLOAT64.least_scale)  # rule (d) for every product on the way
MIXED: Final = frozenset({"binary", "fraction", "class"})


@dataclass(frozen=True)
class Formulas:
    """Exact formulas of a loss: value, gradient, diagonal and hessian times a direction; the sizes of the value's terms."""

    value: Node
    gradient: Node
    diagonal: Node | None
    along: Node
    along_sizes: Node
    floored: tuple[Node, ...]
    unfloored: tuple[Node, ...]
    terms: Node | None
    target: Node
    raw: Node
    direction: Node
    parameters: tuple[tuple[Node, float], ...]
    columns: tuple[Node, ...]
    additive: bool
    is_mean: bool
    mixed: bool
    is_through_exp: bool


@lru_cache(maxsize=4096)
def formulas(leaf: Leaf) -> Formulas:
    """The formulas of a loss with its parameters."""
    loss = built(leaf)
    definition, found = loss.definition, loss.expressions
    additive, clean = found.additive, additive_part(resolved(definition))
    raw = definition.roles.raw[0]
    value = found.value if additive is None else found.per_example
    name, kind = definition.declaration.target[0]
    toward = direction(raw)
    along = tangent(found.gradient[0], {raw: toward})
    derivatives = (found.gradient[0], found.hessian[0] if additive is not None else along, along)
    parameters = {**loss.parameters}
    leaves = symbols(resolved(definition), role="parameter")
    return Formulas(
        value, found.gradient[0], None if additive is None else found.hessian[0],
        along, sizes_of_terms(along),
        tuple(map(sizes_of_terms, derivatives)), tuple(sizes_of_terms(d, floor=False) for d in derivatives),
        None if clean is None else sum_of_sizes(clean.term),
        definition.roles.leaves[name], raw, toward, tuple((p, float(parameters[repr(p)])) for p in leaves),
        tuple(definition.roles.leaves[c] for c in definition.declaration.columns),
        additive is not None, additive is not None and additive.is_mean, kind in MIXED,
        loss.link == "exp",
    )  # fmt: skip


def sizes_of_terms(root: Node, *, floor: bool = True) -> Node:
    """The sum of the sizes of all terms of a formula, through sums, products and quotients; products have a least size.

    >>> from lossmith.formula.node import symbol
    >>> a, b = symbol("a", "raw"), symbol("b", "raw")
    >>> sizes_of_terms((a - b) * a)
    maximum(multiply(add(abs(a), abs(b)), abs(a)), 2.848094538889218e-306)
    """
    done: dict[Node, Node] = {}
    for node in walk(root):
        args = [done[a] for a in node.args]
        done[node] = TERMS[node.op](node, args) if node.op in TERMS else make("abs", node)
        if floor and node.op in ("multiply", "vanishing_product"):
            done[node] = make("maximum", done[node], UNDERFLOWN)
    return done[root]


def _as_it_is(node: Node, args: list[Node]) -> Node:
    return make(node.op, *args, attr=node.attr)


TERMS: Final[Mapping[str, Callable[[Node, list[Node]], Node]]] = {
    **dict.fromkeys(("add", "multiply", "vanishing_product", "example_sum", "example_mean", "class_sum"), _as_it_is),
    "subtract": lambda node, args: args[0] + args[1],
    "negative": lambda node, args: args[0],
    "divide": lambda node, args: args[0] / make("abs", node.args[1]),
    "safe_divide": lambda node, args: make("safe_divide", args[0], make("abs", node.args[1])),
    "where": lambda node, args: make("where", node.args[0], *args[1:]),
}


def link_of(core: Leaf | Sum | Tree) -> str:
    """The link of the losses below."""
    while not isinstance(core, Leaf):
        core = core.parts[0][0] if isinstance(core, Sum) else core.inner
    return str(OWN[core.name].get("link", "identity") if core.name in OWN else built(core).link)


# One evaluation: value, gradient and second derivative, each (rows, classes or 1).
Outputs = tuple[Balls, Balls, Balls]


@dataclass(frozen=True)
class _Leaf:
    """A leaf at its rows: everything but the target and the raw prediction is fixed."""

    found: Formulas
    frame: Any
    along: Balls
    weight: Balls | None = None

    def at(self, y: Balls, z: Balls, *more: Node) -> list[Balls]:
        """The outputs (and further nodes) at targets and raw predictions of shape (rows, classes)."""
        f = self.found
        second = f.diagonal if self.frame.diagonal and f.diagonal is not None else f.along
        values: dict[Node, Any] = {f.target: y, f.raw: z, f.direction: self.along, **dict(f.parameters)}
        values |= {c: self.frame.columns[repr(c)] for c in f.columns}
        if self.weight is not None:
            values[WEIGHT] = self.weight
        wanted = [f.value, f.gradient, second, *more]
        found = interpret(wanted, values, BALLS(self.frame.precision))
        shape = np.broadcast_shapes(z.shape, y.shape)
        full = [
            np.broadcast_to(a, (max(a.shape[0], 1), shape[1] if j in (1, 2) else a.shape[1]))
            for j, a in enumerate(found)
        ]
        rows = shape[0] if f.additive else 1
        return [full[0] if not f.additive else np.broadcast_to(full[0], (rows, 1)),
                *(np.broadcast_to(a, (shape[0], a.shape[1])) for a in full[1:])]  # fmt: skip


def leaf_number(leaf: Leaf, y: Balls, u: Number, frame: Any, weight: Balls | None = None) -> Number:
    """The loss of each row at u; with `weight` (rows, 1), the finished loss of the batch."""
    found = formulas(leaf)
    z, n = u.v[:, 0, :], u.v.shape[0]
    along = (
        np.broadcast_to(u.b[:, 0, :], z.shape) if u.b.shape[1] == 1 else np.broadcast_to(BALL(np.ones((1, 1))), z.shape)
    )
    here = _Leaf(found, frame, along, weight)
    target = np.broadcast_to(y[:, 0, :], (n, y.shape[-1]))
    outs = here.at(target, z)
    strict = _contract(here, target, z, outs)
    rough = _conditioned(here, target, z, outs, strict, u) if frame.full else strict
    w = None if weight is None else weight[:, None, :]
    parts = _joined(*_lifted(outs, w), (u.a, u.b, u.h), frame.diagonal, weight is not None)
    scales = [
        _joined_scales(here, outs, s, getattr(u, rule), u) for rule, s in (("strict", strict), ("conditioned", rough))
    ]
    return Number(*parts, *scales)  # type: ignore[arg-type]


def _lifted(outs: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Value, gradient and second derivative with room for directions, the weight of a row on what is its own."""
    v, g, s = outs[0][:, None, :1], outs[1][:, None, :], outs[2][:, None, :]
    return (v, g, s) if weight is None else (v, g * weight, s * weight)


def _joined_scales(here: _Leaf, outs: list[Balls], scales: list[Sizes], own: Any, u: Number) -> tuple[Any, ...]:
    """The chain rule for scales: each factor's scale times the sizes of the others."""
    w = None if here.weight is None else sizes(here.weight)[:, None, :]
    size, whole, diagonal = [sizes(part) for part in outs], w is not None, here.frame.diagonal
    moves = (sizes(u.a), sizes(u.b), sizes(u.h))
    total = _joined(*_lifted(scales, w), moves, diagonal, whole)
    for k in range(3):
        more = [np.maximum(own[j + 1] - moves[j], 0) if j == k else moves[j] for j in range(3)]
        only_second = [m if k < 2 or j == 2 else m * 0 for j, m in enumerate(more)]
        extra = _joined(*_lifted([size[0] * 0, size[1], size[2]], w), tuple(only_second), diagonal, whole, alone=k)
        total = tuple(t + e for t, e in zip(total, extra, strict=True))
    return total


def _joined(v: Any, g: Any, s: Any, moves: Any, diagonal: bool, whole: bool, alone: int = -1) -> tuple[Any, ...]:
    """The chain rule from raw predictions as the loss reads them to raw predictions as they are given.

    `alone`: only the terms with that one of the three moves.
    """
    a, b, h = moves

    def total(x: Any) -> Any:
        return x.sum(axis=-1, keepdims=True)

    first = total(g * a) if alone in (-1, 0) else total(g * a) * 0
    second = first if diagonal else (total(g * b) if alone in (-1, 1) else total(g * b) * 0)
    second = second.sum(axis=0, keepdims=True) if whole else second
    bend = total(s * a * a if diagonal else s * a) if alone in (-1, 0) else first * 0
    return v, first, second, bend + (total(g * h) if alone in (-1, 2) else first * 0)


# Scales ---------------------------------------------------------------------------------------------------------------


def _granted(balls: Balls) -> Sizes:
    """Sizes, and 0 where nothing is known: then nothing is granted."""
    found = sizes(balls)
    return np.asarray(np.where(np.isfinite(found), found, 0))


def _contract(here: _Leaf, y: Balls, z: Balls, outs: list[Balls]) -> list[Sizes]:
    """Rules (a), (c) and (e), and where costly scales are asked for (b)."""
    found = [np.maximum(sizes(part), LEAST) for part in outs]
    if here.found.terms is not None:
        values = here.at(y, z, here.found.terms)[3]
        found[0] = np.maximum(found[0], _granted(values[:, :1]))
    if here.found.mixed and here.weight is None and not _is_hard(y):
        found = [np.maximum(a, b) for a, b in zip(found, _over_corners(here, y, z), strict=True)]
    if here.found.mixed and here.weight is not None and here.frame.full and not _is_hard(y):
        found[1:] = [np.maximum(a, b) for a, b in zip(found[1:], _over_own_corners(here, y, z), strict=True)]
    if here.frame.full:
        found = [f + more for f, more in zip(found, _lost_by_underflow(here, y, z), strict=True)]
    if not here.frame.diagonal and (here.frame.full or here.found.additive):
        found[2] = np.maximum(found[2], _terms_along(here, y, z))
    if here.frame.full:
        found = [np.maximum(a, b) for a, b in zip(found, _sign_changes(here, y, z, outs), strict=True)]
    return found


def _terms_along(here: _Leaf, y: Balls, z: Balls) -> Sizes:
    """A hessian times a direction is a sum: over the entries of the direction, or over the terms of its formula."""
    if not here.found.additive or z.shape[1] == 1:
        return _granted(here.at(y, z, here.found.along_sizes)[3])
    total: Any = 0
    for place in _moves(here, z):
        alone = np.full(z.shape, BALL(0.0), dtype=object)
        alone[place] = here.along[place]
        total = total + _granted(replace(here, along=alone).at(y, z)[2])
    return np.asarray(total)


def _lost_by_underflow(here: _Leaf, y: Balls, z: Balls) -> list[Sizes]:
    """Rule (d) for the factors inside: what the least scale of each product makes of the result."""
    floored, plain = (here.at(y, z, *nodes)[3:] for nodes in (here.found.floored, here.found.unfloored))
    second = 1 if here.frame.diagonal and here.found.diagonal is not None else 2
    picked = [(floored[0], plain[0]), (floored[second], plain[second])]
    lost = [_granted(a - b) for a, b in picked]
    return [np.zeros((1, 1), dtype=np.longdouble), *lost]


def _is_hard(y: Balls) -> bool:
    return all(bool(b == 0) or bool(b == 1) for b in y.ravel())


def _over_corners(here: _Leaf, y: Balls, z: Balls) -> list[Sizes]:
    """The sizes at hard targets, mixed as the target mixes them."""
    width = y.shape[1]
    corners = np.eye(width) if width > 1 else np.array([[0.0], [1.0]])
    total: list[Any] = [0, 0, 0]
    for k, corner in enumerate(corners):
        share = _granted(y[:, k : k + 1] if width > 1 else (y if k else 1 - y))
        hard = np.array(np.broadcast_to(BALL(corner[None, :]), y.shape))
        outs = here.at(hard, z)
        found = [_granted(part) for part in outs]
        if here.frame.full:
            found = [np.maximum(a, b) for a, b in zip(found, _sign_changes(here, hard, z, outs), strict=True)]
        total = [t + share * part for t, part in zip(total, found, strict=True)]
    return total


def _over_own_corners(here: _Leaf, y: Balls, z: Balls) -> list[Sizes]:
    """In a batch that is finished as a whole: the sizes of a row's derivatives at its own hard targets, mixed."""
    found = [np.zeros(z.shape, dtype=np.longdouble) for _ in range(2)]
    for row in range(len(y)):
        for corner, share in ((1.0, y[row]), (0.0, 1 - y[row])):
            moved = y.copy()
            moved[row] = arb(corner)
            outs = here.at(moved, z)[1:]
            for total, part in zip(found, outs, strict=True):
                total[row] = total[row] + _granted(share) * _granted(part[row])
    return found


def _moves(here: _Leaf, z: Balls) -> list[Any]:
    """Which raw predictions move together: those of a class, where rows stand alone; else one at a time."""
    if here.found.additive:
        return [(slice(None), k) for k in range(z.shape[1])]
    return [(i, k) for i in range(z.shape[0]) for k in range(z.shape[1])]


def _sign_changes(here: _Leaf, y: Balls, z: Balls, outs: list[Balls]) -> list[Sizes]:
    """A quarter of what a raw prediction's own size would change, where a sign changes within a quarter of it."""
    found = [np.zeros(part.shape, dtype=np.longdouble) for part in outs]
    for place in _moves(here, z):
        reach = [_granted(m - o) / NUDGE / 4 for m, o in zip(here.at(y, _moved(z, place, NUDGE)), outs, strict=True)]
        turns = [np.zeros(part.shape, dtype=np.bool_) for part in outs]
        for step in STEPS:
            moved = here.at(y, _moved(z, place, step))
            turns = [t | _opposite(m, o) for t, m, o in zip(turns, moved, outs, strict=True)]
        found = [np.maximum(f, np.where(t, r, 0)) for f, t, r in zip(found, turns, reach, strict=True)]
    return found


def _moved(z: Balls, place: Any, step: float) -> Balls:
    moved = z.copy()
    moved[place] = moved[place] * (1 + step) if not isinstance(place[0], slice) else moved[place] * BALL(1.0 + step)
    return moved


_SIGN: Final = np.frompyfunc(lambda b: 1 if b > 0 else (-1 if b < 0 else 0), 1, 1)


def _opposite(a: Balls, b: Balls) -> Any:
    return (_SIGN(a) * _SIGN(b)).astype(np.int64) <= 0


def _conditioned(here: _Leaf, y: Balls, z: Balls, outs: list[Balls], strict: list[Sizes], u: Number) -> list[Sizes]:
    """Plus what the scale of a computed raw prediction makes of every output."""
    scale = np.broadcast_to(u.conditioned[0], u.v.shape)[:, 0, :]
    if here.found.is_through_exp:
        scale = scale + 1  # a relative error of the prediction exp(z), which is computed, is an absolute one of z
    total = list(strict)
    if here.frame.weighed and here.weight is None:
        moved = here.at(y * BALL(1.0 + NUDGE), z)
        total = [t + _granted(m - o) / NUDGE for t, m, o in zip(total, moved, outs, strict=True)]
    if not (scale > 0).any():
        return total
    for place in _moves(here, z):
        step = np.zeros(z.shape)
        step[place] = np.asarray(scale[place] * NUDGE, dtype=np.float64)
        moved = here.at(y, z + BALL(step))
        total = [t + _granted(m - o) / NUDGE for t, m, o in zip(total, moved, outs, strict=True)]
    return total
