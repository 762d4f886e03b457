"""What is known of a loss and how it is known, and the part of a loss that belongs to one example.

Comes in: a definition. Goes out: `Fact` records, and `Body`: the formula of one example, ready to be evaluated in
rigorous balls at chosen points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.additivity import TOTAL, Additive, additive_part
from lossmith.calculus.derivative import gradient, tangent
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition, bound, resolved
from lossmith.formula.lift import lift
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, make, symbol, symbols, walk
from lossmith.formula.roles import CLASS_KINDS
from lossmith.interpret import BALLS, interpret

T = TypeVar("T")
Balls = NDArray[Any]  # objects: balls of python-flint
Evidence = Literal["proved", "sampled", "refuted", "open"]

PRECISION: Final = 512
NEGLIGIBLE: Final = -200  # a sum is 0 if it is below 2**-200 of its terms: all points are computed to 512 bits


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A property with its evidence: proved from the formula's form, seen at sampled points, refuted by one, or open.

    `counterexample`: of what is refuted, a program whose assertion holds where the property fails.
    """

    value: T
    evidence: Evidence
    points: int = 0
    note: str = ""
    counterexample: str | None = None

    @property
    def text(self) -> str:
        """The evidence in words.

        >>> Fact(True, "sampled", 24).text, Fact(False, "refuted", 1, "y=1, z=-3").text
        ('sampled (24 points)', 'refuted (y=1, z=-3)')
        """
        detail = f"{self.points} points" if self.evidence == "sampled" else self.note
        return f"{self.evidence} ({detail})" if detail else self.evidence


@dataclass(frozen=True, eq=False)
class Body:
    """The formula of one example: `node` over the leaves `target` and `raw`, with values for everything else.

    `read` is what is read off a raw prediction before the link; `written` is `node` before it was lifted.
    """

    node: Node
    target: Node
    raw: Node
    kind: str
    link: str
    given: bool
    fixed: Mapping[Node, float]
    read: Node
    written: Node

    def predicted(self, link: str) -> Node:
        """The prediction through this link."""
        return link_named(link).inverse(self.read)

    @property
    def row_wise(self) -> bool:
        """Whether the classes of one row look at each other."""
        return any(n.op.startswith(("class_", "softmax", "log_softmax")) for n in walk(self.node))

    @property
    def image(self) -> str:
        """The kind of number that a raw prediction may be."""
        return link_named(self.link).image if self.given else "real"

    @cached_property
    def slope(self) -> Node:
        """The gradient of one example."""
        return gradient(self.node, self.raw)

    @cached_property
    def bend(self) -> tuple[Node, Node]:
        """The second derivative along a direction, per example, and the leaf of that direction."""
        direction = symbol("_direction", "column", sorted(self.raw.axes))
        along = direction * tangent(self.slope, {self.raw: direction})
        return make("class_sum", along) if self.row_wise else along, direction

    def at(self, roots: Sequence[Node], leaves: Mapping[Node, Any]) -> list[Balls]:
        """The roots at points, as balls of `PRECISION` bits: (points, classes or 1) each."""
        found = interpret(roots, {**self.fixed, **leaves}, BALLS(PRECISION))
        rows = max(np.shape(values)[0] for values in leaves.values())
        return [np.broadcast_to(balls, (rows, balls.shape[1])) for balls in found]


def example_part(root: Node) -> Additive | None:
    """As `additive_part`, of one class where the finished number is a mean over classes: they are all alike."""
    return additive_part(root.args[0] if root.op == "axis_mean" else root)


def increasing_part(root: Node) -> Additive | None:
    """As `additive_part`, through an outer root, logarithm or exponential, which has its minimum at the same place."""
    if root.op in ("sqrt", "log", "exp", "log1p", "expm1") and "class" not in root.axes:
        return increasing_part(root.args[0])
    if root.op == "example_rms":
        return Additive(root.args[0] ** 2, TOTAL)
    return example_part(root)


Part: TypeAlias = Callable[[Node], Additive | None]


def body_of(
    definition: Definition, parameters: Mapping[str, float] | None = None, part_of: Part = example_part
) -> Body | str:
    """The formula of one example, or the reason (in words) why there is none to look at."""
    declaration = definition.declaration
    if len(declaration.target) != 1:
        return "several target columns"
    if declaration.heads:
        return "several heads"
    if definition.priors == () or (definition.priors and "class" in definition.roles.log_prior.axes):
        return "it depends on the shares of classes"
    part = part_of(resolved(definition))
    if part is None:
        return "not a sum over the examples"
    try:
        numbers = bound(definition, parameters or {})
        node = lift(part.term)[0]
        gradient(node, definition.roles.raw[0])
    except (ArgumentError, UnsupportedError) as error:
        return error.sentence
    values = {p.name: number for p, number in zip(definition.parameters, numbers, strict=True)}
    leaves = [leaf for leaf in symbols(node) if repr(leaf) in values]
    fixed = {leaf: values[repr(leaf)] for leaf in leaves}
    fixed |= dict.fromkeys(symbols(node, role="column"), 1.75)
    if definition.priors:
        fixed[definition.roles.log_prior] = math.log(definition.priors[1] / definition.priors[0])
    name, kind = declaration.target[0]
    roles = definition.roles
    link = declaration.link or "identity"
    read = roles.raw[0] if definition.reading is None else definition.reading
    fixed |= {leaf: values[repr(leaf)] for leaf in symbols(read, role="parameter")}
    return Body(
        node, roles.leaves[name], roles.raw[0], kind, link, declaration.on == "probability", fixed, read, part.term
    )


def is_class_kind(body: Body) -> bool:
    """Whether the target is one of several classes."""
    return body.kind in CLASS_KINDS


def vanishes(ball: Any, scale: Any) -> bool:
    """Whether a ball is 0 up to what 512 bits leave of numbers of this scale; False for what is not finite."""
    from flint import arb

    return bool(ball.is_finite() and ball.abs_upper() <= abs(scale) * arb(2) ** NEGLIGIBLE)
