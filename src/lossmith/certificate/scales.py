"""The scales at which an error may be judged, beyond the truth's own: rules (b) to (e) of the contract.

Comes in: a `Subject`, the values of its leaves, one number's place. Goes out: pairs of a rule's letter and a scale.
Signs and scales are found by balls of modest precision; where a ball does not know the sign, nothing is granted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import tangent
from lossmith.formula.node import Node, make, number_of, symbol, symbol_of, symbols, walk
from lossmith.interpret import BALLS, interpret
from lossmith.numerics.formats import Format, as_fraction, neighbour

STEPS: Final = (0.25, -0.25, 0.0625, -0.0625, 2.0**-8, -(2.0**-8))
LOOK: Final = 512
"""Bits with which scales and signs are found; they need no rounding."""


@dataclass(frozen=True)
class Subject:
    """One output of one loss: `node` is exact; `clean` is the same before any rewriting.

    `raw` are the leaves that move (rule b); `target` is the leaf whose hard values are 0 and 1, or corners (rule c);
    `terms` is the sum of the sizes of the value's terms (rule e). `row_wise`: a row of the output depends on the same
    row of the leaves only.
    """

    loss: str
    output: str
    node: Node
    raw: tuple[Node, ...]
    clean: Node | None = None
    terms: Node | None = None
    target: Node | None = None
    row_wise: bool = True
    parameters: Mapping[str, float] = field(default_factory=dict)
    on: str = "raw"


@dataclass(frozen=True)
class Place:
    """One number of an output: the leaves' values (of its row only, where rows stand alone) and its index there."""

    subject: Subject
    values: Mapping[Node, Any]
    index: tuple[int, ...]

    def look(self, node: Node, changed: Mapping[Node, Any] | None = None) -> Any:
        """The number of a node at this place, as a ball of modest precision."""
        found = interpret([node], {**self.values, **(changed or {})}, BALLS(LOOK))[0]
        return found[tuple(min(i, n - 1) for i, n in zip(self.index, found.shape, strict=True))]


def place_of(subject: Subject, values: Mapping[Node, Any], index: tuple[int, ...]) -> Place:
    """The place of the number at `index`."""
    if not subject.row_wise:
        return Place(subject, values, index)
    return Place(subject, {leaf: row_of(leaf, value, index[0]) for leaf, value in values.items()}, (0, index[1]))


def row_of(leaf: Node, value: Any, row: int) -> NDArray[Any]:
    """One row of a leaf's values, kept as an array; values without rows of their own stay as they are."""
    array = np.asarray(value)
    whole = "example" in leaf.axes and array.ndim > 0 and array.shape[0] > 1
    return array[row : row + 1] if whole else array


def size(ball: Any) -> Fraction:
    """The size of a ball's midpoint, 0 where nothing is known."""
    return abs(as_fraction(ball)) if ball.is_finite() else Fraction(0)


def scales(place: Place, fmt: Format, truth: float) -> Iterator[tuple[str, Fraction]]:
    """The scales that rules (b) to (e) allow at one number, cheapest first."""
    subject = place.subject
    if abs(truth) < fmt.least_scale:
        yield "d", Fraction(fmt.least_scale)
    if subject.terms is not None and subject.output == "value":
        yield "e", size(place.look(subject.terms))
    if subject.target is not None:
        yield "c", (_soft_scale if subject.row_wise else _soft_scale_of_one)(place, subject.target)
    yield "b", _sign_scale(place)


def sum_of_sizes(node: Node) -> Node | None:
    """The sum of |terms| of a value, through sums and differences, and sums over classes.

    None where a term is a plain number: for `1 - ratio` the rule is no excuse.

    >>> from lossmith.formula.node import symbol
    >>> z, y = symbol("z", "raw", ["example"]), symbol("y", "target", ["example"])
    >>> sum_of_sizes(make("exp", z) - y * z)
    add(abs(exp(z)), abs(multiply(y, z)))
    >>> sum_of_sizes(1 - z) is None
    True
    """
    if number_of(node) is not None:
        return None
    if node.op not in ("add", "subtract", "negative", "class_sum"):
        return make("abs", node)
    parts = [sum_of_sizes(a) for a in node.args]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    total = known[0] if len(known) == 1 else known[0] + known[1]
    return make("class_sum", total) if node.op == "class_sum" else total


def _soft_scale(place: Place, target: Node) -> Fraction:
    """Rule (c): the sizes at the hard targets, mixed as the target mixes them; nothing for a hard target."""
    y = np.asarray(place.values[target], dtype=np.float64)
    if np.isin(y, (0.0, 1.0)).all():
        return Fraction(0)
    share = [Fraction(float(x)) for x in y.ravel()]
    hard = np.eye(y.size) if "class" in target.axes else np.array([[1.0], [0.0]])
    share = share if "class" in target.axes else [share[0], 1 - share[0]]
    sizes = [size(place.look(place.subject.node, {target: h.reshape(y.shape)})) for h in hard]
    return sum((q * s for q, s in zip(share, sizes, strict=True)), Fraction(0))


def _soft_scale_of_one(place: Place, target: Node) -> Fraction:
    """Rule (c) where all rows count together: the sizes at the hard targets of this row and class, mixed."""
    y = np.asarray(place.values[target], dtype=np.float64)
    at = tuple(min(i, n - 1) for i, n in zip(place.index, y.shape, strict=True))
    if y.size == 1 or y[at] in (0.0, 1.0):
        return Fraction(0)
    share, total = Fraction(float(y[at])), Fraction(0)
    for hard, part in ((1.0, share), (0.0, 1 - share)):
        moved = y.copy()
        moved[at] = hard
        total += part * size(place.look(place.subject.node, {target: moved}))
    return total


def _sign_scale(place: Place) -> Fraction:
    """Rule (b): |z * slope| / 4 along every raw prediction whose move by a quarter changes the sign (0: none does)."""
    node = place.subject.node
    found = place.look(node)
    here, scale = _sign(found), Fraction(0)
    for leaf in place.subject.raw:
        z = np.asarray(place.values[leaf], dtype=np.float64)
        derivative, direction = _derivative(node, leaf)
        for index in map(tuple, np.argwhere(z != 0.0)):
            along = np.zeros_like(z)
            along[index] = 1.0
            reach = abs(Fraction(float(z[index]))) * size(place.look(derivative, {direction: along})) / 4
            if reach > max(scale, size(found)) and (found.is_zero() or _crosses(place, leaf, z, index, here)):
                scale = reach
    return scale


def _crosses(place: Place, leaf: Node, z: NDArray[np.float64], index: tuple[int, ...], here: int) -> bool:
    """Whether a relative step of at most a quarter changes the sign."""
    return here != 0 and any(_sign_after(place, leaf, z, index, step) == -here for step in STEPS)


def _sign(ball: Any) -> int:
    return 1 if ball > 0 else (-1 if ball < 0 else 0)


def _sign_after(place: Place, leaf: Node, z: NDArray[np.float64], index: tuple[int, ...], step: float) -> int:
    """The sign after one raw prediction has moved by a relative step; 0 where that leaves the floats."""
    moved = z.copy()
    with np.errstate(over="ignore"):
        moved[index] *= 1.0 + step
    return _sign(place.look(place.subject.node, {leaf: moved})) if np.isfinite(moved[index]) else 0


def beyond_kinks(place: Place, fmt: Format) -> list[Any]:
    """What the output is one float further (of a prediction or a target), beyond a kink or a jump.

    No kernel that sees a rounded difference can know on which side of a kink such a point lies.
    """
    conditions = _conditions(place.subject.node)
    if not conditions:
        return []
    here = [place.look(c) for c in conditions]
    found = []
    targets = [leaf for leaf in symbols(place.subject.node, role="target") if leaf in place.values]
    for leaf in (*place.subject.raw, *targets):
        z = np.asarray(place.values[leaf], dtype=np.float64)
        for index, step in product(map(tuple, np.ndindex(z.shape)), (-1, 1)):
            moved = z.copy()
            moved[index] = neighbour(float(z[index]), fmt, step)
            changed = {leaf: moved}
            if any(place.look(c, changed) is not side for c, side in zip(conditions, here, strict=True)):
                found.append(place.look(place.subject.node, changed))
    return found


@lru_cache(maxsize=512)
def _conditions(node: Node) -> tuple[Node, ...]:
    """What decides between the branches of a formula."""
    plain = {n.args[0] for n in walk(node) if n.op == "where"}
    signs = {make("less", n.args[0], make("constant", attr=0.0)) for n in walk(node) if n.op in ("sign", "abs")}
    return tuple(plain | signs)


@lru_cache(maxsize=512)
def _derivative(node: Node, leaf: Node) -> tuple[Node, Node]:
    """The derivative of a node along a direction of the leaf, and the leaf that holds the direction."""
    found = symbol_of(leaf)
    assert found is not None
    direction = symbol(f"along_{found.name}", "column", sorted(found.axes), found.position)
    return tangent(node, {leaf: direction}), direction
