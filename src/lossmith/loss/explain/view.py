"""One row of a loss, ready to be measured: what a design does is read off its formula at chosen points.

Comes in: a definition and the values of its parameters. Goes out: a `View`, which gives the value and the gradient of
rows in rigorous balls or in floats, with class weights, smoothing and priors as the kernels apply them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.calculus.additivity import TOTAL, Additive, additive_part
from lossmith.calculus.derivative import gradient
from lossmith.calculus.evidence import PRECISION
from lossmith.errors import LossmithError
from lossmith.formula.definition import Definition, bound, resolved
from lossmith.formula.lift import lift
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, among, constant, is_number, make, make_from, rebuild, symbol, symbols, walk
from lossmith.formula.roles import CLASS_KINDS, EXAMPLE_SHARE, WEIGHT
from lossmith.interpret import BALLS, NUMPY, System, interpret
from lossmith.kernel.measure import log_priors, measured

Floats = NDArray[np.float64]
Array = NDArray[Any]  # of floats or of balls

CLASSES: Final = 3  # looked at where a target has classes and nothing says how many
FARTHEST: Final = 800.0  # raw predictions tried where a link is turned round: e**800 is beyond float64
PARTS, ROUNDS = 32, 15  # of the line between them: what is left is 1600 / 32**15, a rounding of 1e-5
ONE: Final = constant(1.0)
BALL: Final = BALLS(PRECISION)


@dataclass(frozen=True, eq=False)
class View:
    """What is looked at: `node` is one row's term, or, where `joint`, the finished number of all given rows together.

    `around` names what the sum of the terms goes through, the innermost first. `fixed` holds parameters, other heads and
    the `columns` that the formula reads, which are 1, 2 and so on.
    """

    definition: Definition
    node: Node
    kind: str
    predicted: Node
    values: Mapping[str, float]
    fixed: Mapping[Node, Any]
    classes: int
    part: Additive | None
    around: tuple[str, ...] = ()
    columns: Mapping[str, float] = field(default_factory=dict)

    @property
    def joint(self) -> bool:
        """Whether rows cannot be told apart: the number is finished from several sums."""
        return self.part is None

    @property
    def chosen(self) -> bool:
        """Whether only some rows count, by how their terms compare."""
        return any(n.op == "largest" for n in walk(self.definition.formula))

    @property
    def picks(self) -> bool:
        """Whether which rows count depends on predictions: by a ranking of the terms, or by a bound on them."""
        return any(n.op in ("largest", "stop_gradient") for n in walk(self.definition.formula))

    @property
    def target(self) -> Node:
        """The leaf of the target."""
        return self.definition.roles.leaves[self.definition.declaration.target[0][0]]

    @property
    def raw(self) -> Node:
        """The leaf of the (first) raw prediction."""
        return self.definition.roles.raw[0]

    @property
    def has_classes(self) -> bool:
        """Whether the target is one of several classes."""
        return self.kind in CLASS_KINDS

    @property
    def says_probabilities(self) -> bool:
        """Whether predictions are probabilities: through a link, or given as such."""
        classes = self.has_classes or self.kind == "binary"
        given = self.definition.declaration.on == "probability"
        return classes and (given or self.predicted is not self.raw)

    def with_classes(self, classes: int) -> View:
        """The same view of another number of classes."""
        return replace(self, classes=classes)

    def others(self) -> list[tuple[Node, float]]:
        """The predictions of the other heads, with their values here."""
        rest = self.definition.roles.linked[1:]
        return [(p, float(interpret([link_named(link).inverse(z)], self.fixed, NUMPY)[0][0, 0])) for p, z, link in rest]

    @cached_property
    def slope(self) -> Node:
        """The gradient by the raw prediction."""
        return gradient(self.node, self.raw)

    @property
    def moved(self) -> Node | None:
        """What the loss reads in the place of the raw prediction: a reading, or z and something that is not predicted.

        None where it reads the raw prediction itself.
        """
        if self.definition.reading is not None:
            return self.definition.reading
        formula = self.definition.formula
        uses = [n for n in walk(formula) if among(self.raw, n.args)]
        only = uses[0] if len(uses) == 1 and not symbols(formula, role="prediction") else None
        if only is None or only.op not in ("add", "subtract") or only.args[0] is not self.raw:
            return None
        return None if symbols(only.args[1], role="raw") else only

    def read(self, form: str) -> tuple[Node, Node]:
        """What a standard loss is given in the place of its raw prediction, and its derivative by the raw prediction.

        `form`: "given", the prediction, or "moved", what this loss reads.
        """
        node = self.predicted if form == "given" or self.moved is None else self.moved
        return node, gradient(node, self.raw)

    def at(
        self,
        roots: Sequence[Node],
        y: ArrayLike,
        raw: ArrayLike,
        system: System = BALL,
        extra: Mapping[Node, Any] | None = None,
    ) -> list[Array]:
        """Roots at rows of targets and raw predictions, (n,) or (n, classes): an array (n, 1 or classes) of each.

        The roots `node` and `slope` are multiplied by what each row counts for.
        """
        given, place = np.asarray(y, dtype=np.float64), np.asarray(raw)
        targets = {self.target: given.copy()}
        weight = measured(self.definition, targets, None, self.values, self.width)
        leaves = {**self.fixed, self.target: _tall(targets[self.target]), self.raw: _tall(place), **(extra or {})}
        if self.joint and weight is not None:
            leaves[WEIGHT] = weight
        found = interpret(roots, leaves, system)
        rows = [np.broadcast_to(a, (max(len(given), len(place)), a.shape[1])) for a in found]
        if weight is None:
            return rows
        with system.context():
            factor = system.lift(weight.reshape(-1, 1))
            own = (self.slope,) if self.joint else (self.slope, self.node)
            return [a * factor if any(root is o for o in own) else a for root, a in zip(roots, rows, strict=True)]

    @property
    def width(self) -> int:
        """How many classes the weights of rows are given for."""
        return 2 if self.kind == "binary" else self.classes

    def raw_at(self, prediction: ArrayLike) -> Floats:
        """The raw predictions behind predictions, for any rising link, NaN where there are none."""
        wanted = np.asarray(prediction, dtype=np.float64)
        if self.predicted is self.raw:
            return wanted
        low, high = np.full(wanted.shape, -FARTHEST), np.full(wanted.shape, FARTHEST)
        for _ in range(ROUNDS):
            places = np.linspace(low, high, PARTS + 1)
            reached = self.predictions(places.ravel()).reshape(places.shape) >= wanted
            at = np.clip(np.argmax(reached, axis=0), 1, PARTS)
            low, high = (np.take_along_axis(places, (at - k)[None], axis=0)[0] for k in (1, 0))
        found = np.isclose(self.predictions(high), wanted, rtol=1e-9, atol=0.0)
        return np.where(found, high, np.nan)

    def predictions(self, raw: Floats) -> Floats:
        """Predictions on the target's scale, (n,) or (n, classes)."""
        found = interpret([self.predicted], {**self.fixed, self.raw: _tall(raw)}, NUMPY)[0]
        return np.asarray(found.reshape(raw.shape), dtype=np.float64)


def _tall(a: Array) -> Array:
    return a.reshape(-1, 1) if a.ndim < 2 else a


# From a definition ------------------------------------------------------------------------------------------------


def view_of(definition: Definition, parameters: Mapping[str, float] | None = None, through: str = "") -> View | str:
    """The view of a loss, or the reason (in words) why nothing can be looked at.

    `through` names a link that the loss does not declare but is known to be trained through.
    """
    if len(definition.declaration.target) != 1:
        return "it has several target columns"
    try:
        numbers = bound(definition, dict(parameters or {}))
        values = {p.name: number for p, number in zip(definition.parameters, numbers, strict=True)}
        root = rebuild(_settled_branches(resolved(definition), values), _unchosen)
        part, around = row_part(root)
        columns = {repr(c): 1.0 + j for j, c in enumerate(_columns(definition))}
        classes = _classes(definition)
        view = View(
            definition,
            lift(root if part is None else part.term)[0],
            definition.declaration.target[0][1],
            _predicted(definition, through),
            values,
            _fixed(definition, values, columns, classes),
            classes,
            part,
            around,
            columns,
        )
        view.at([view.slope], np.eye(classes) if view.has_classes else np.ones(classes), _middle(view))
    except LossmithError as error:
        return error.sentence
    return view


def whole(view: View) -> View:
    """The finished number of all rows together, with the choice between them, if there is one."""
    root = _settled_branches(resolved(view.definition), view.values)
    return replace(view, node=lift(root)[0], part=None, around=())


def _columns(definition: Definition) -> list[Node]:
    """The declared columns that the formula reads."""
    used = symbols(definition.formula, role="column")
    return [leaf for name in definition.declaration.columns if among(leaf := definition.roles.leaves[name], used)]


def _middle(view: View) -> Floats:
    """Raw predictions that any loss takes: equal shares for probabilities, else 0."""
    shape = (view.classes, view.classes) if "class" in view.raw.axes else (view.classes,)
    return np.full(shape, 1.0 / view.classes if view.definition.declaration.on == "probability" else 0.0)


def _predicted(definition: Definition, through: str) -> Node:
    _, raw, link = definition.roles.linked[0]
    return link_named(through or link).inverse(raw if definition.reading is None else definition.reading)


def _classes(definition: Definition) -> int:
    """How many classes: as many as there are weights or priors for, at least `CLASSES`."""
    named = [k + 1 for row in definition.reweighting for k, _ in row.classes or ()]
    return len(definition.priors or ()) or max([CLASSES, *named])


def _fixed(
    definition: Definition, values: Mapping[str, float], columns: Mapping[str, float], classes: int
) -> dict[Node, Any]:
    """Values for every leaf but the target and the first raw prediction."""
    fixed: dict[Node, Any] = {symbol(name, "parameter"): value for name, value in values.items()}
    fixed |= {definition.roles.leaves[name]: value for name, value in columns.items()}
    fixed |= dict.fromkeys(definition.roles.raw[1:], 0.0)
    fixed[EXAMPLE_SHARE] = 1.0
    if definition.priors is not None:
        prior = log_priors(definition, classes)
        fixed[definition.roles.log_prior] = prior.reshape(1, -1) if np.ndim(prior) else float(prior)
    return fixed


# Choices between rows ---------------------------------------------------------------------------------------------


def is_share(node: Node) -> bool:
    """Whether a node says how much of each row is chosen, by how the rows compare."""
    return node.op == "largest" or (node.op in ("add", "subtract") and any(map(is_share, node.args)))


def _unchosen(node: Node, args: tuple[Node, ...]) -> Node:
    """Every row as if it were chosen: a choice counts as a number for derivatives, and so does the weight chosen."""
    if node.op == "multiply" and any(map(is_share, args)):
        return args[1] if is_share(args[0]) else args[0]
    if node.op == "example_sum" and (is_share(args[0]) or args[0].op == "stop_gradient"):
        return TOTAL
    if node.op == "where" and "example" not in node.axes and is_number(args[1], 0.0):
        return args[2]
    return make_from(node.op, args, node.attr)


def _settled_branches(root: Node, values: Mapping[str, float]) -> Node:
    """The formula with the branches that its parameters choose."""
    given = {symbol(name, "parameter"): value for name, value in values.items()}

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        if node.op == "where" and not args[0].axes and all(leaf in given for leaf in symbols(args[0])):
            return args[1] if interpret([args[0]], given, NUMPY)[0][0, 0] else args[2]
        return make_from(node.op, args, node.attr)

    return rebuild(root, change)


# What a sum goes through ------------------------------------------------------------------------------------------

RISING: Final = frozenset({"sqrt", "log", "exp", "log1p", "expm1"})


def row_part(root: Node) -> tuple[Additive | None, tuple[str, ...]]:
    """The sum over rows from which a number is finished by functions of one number, and the names of these.

    The rows of one batch then pull in the same proportions as their terms do. A tilted mean, log(mean(exp(t * a))) / t,
    has the terms exp(t * a) / t.
    """
    part = additive_part(root.args[0] if root.op == "axis_mean" else root)
    if part is not None:
        return part, ()
    if root.op == "example_rms":
        return Additive(root.args[0] ** 2, TOTAL), ("sqrt",)
    if root.op == "example_log_mean_exp":
        return Additive(make("exp", root.args[0]), TOTAL), ("log",)
    if root.op in RISING or root.op == "abs":
        inner, around = row_part(root.args[0])
        return inner, (*around, root.op)
    return _beside_numbers(root)


def _beside_numbers(root: Node) -> tuple[Additive | None, tuple[str, ...]]:
    """Through sums, products and quotients with numbers and parameters, and quotients by what holds no prediction."""
    if root.op not in ("add", "subtract", "multiply", "divide", "negative"):
        return None, ()
    for at in range(1 if root.op == "divide" else len(root.args)):
        rest = root.args[1 - at] if len(root.args) > 1 else ONE
        if rest.axes or symbols(rest, role="raw"):
            continue
        inner, around = row_part(root.args[at])
        if not any(n.op.startswith("example_") for n in walk(rest)):
            return inner and replace(inner, body=_scaled(root, at, inner.body, rest)), around
        if root.op == "divide":
            return inner, (*around, "divide")
    return None, ()


def _scaled(root: Node, at: int, body: Node, rest: Node) -> Node:
    if root.op in ("multiply", "divide"):
        return make(root.op, body, rest)
    turned = root.op == "negative" or (root.op == "subtract" and at == 1)
    return -body if turned else body
