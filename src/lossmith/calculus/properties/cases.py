"""The cases that a loss of one number falls into, each a formula of the raw prediction: what is proved is proved on them.

Comes in: a definition and parameter values. Goes out: `Study`: the formula of one example, its cases, and points to look
at. A loss of y - z alone is one case (y a number); of a yes-or-no target there are two; where the formula is a straight
line in a target between 0 and 1, its ends are two. Any other target, and every column, stays free in its domain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import gradient, tangent
from lossmith.calculus.evidence import Body, body_of, is_class_kind
from lossmith.calculus.properties.parity import mirrored
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node, constant, make, make_from, number_of, rebuild, substitute, symbol, symbols, walk
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import DOMAINS, REAL, Interval

Floats = NDArray[np.float64]

ONE: Final = constant(1.0)
SIZES: Final = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.5, 8.0, 13.0, 30.0, 100.0)
TARGETS: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (0.0, 1.5, -20.0),
    "nonnegative": (0.0, 0.375, 3.0, 50.0),
    "positive": (0.375, 1.0, 3.0, 50.0),
    "count": (0.0, 1.0, 4.0, 50.0),
    "fraction": (0.0, 1.0, 0.3),
    "binary": (0.0, 1.0),
    "ordinal": (0.0, 1.0, 4.0),
}
COLUMN: Final = (-1.75, 1.75)


@dataclass(frozen=True, eq=False)
class Case:
    """One example's loss, parameters as numbers: `target` is the number that y has here, or None where it is free.

    `free`: the other leaves with their domains; `of_residual`: the formula depends on y - z alone.
    """

    node: Node
    raw: Node
    image: Interval
    target: float | None
    free: Mapping[Node, Interval] = field(default_factory=dict)
    of_residual: bool = False

    @cached_property
    def slope(self) -> Node:
        """The gradient."""
        return folded(gradient(self.node, self.raw))

    @cached_property
    def bend(self) -> Node:
        """The second derivative."""
        return folded(tangent(self.slope, {self.raw: ONE}))

    @cached_property
    def turn(self) -> Node:
        """The third derivative."""
        return folded(tangent(self.bend, {self.raw: ONE}))

    def values(self, root: Node, raw: Floats) -> Floats:
        """A formula of the raw prediction alone, at floats."""
        with np.errstate(all="ignore"):
            found = interpret([root], {self.raw: raw.reshape(-1, 1)}, NUMPY)[0]
        return np.broadcast_to(found, (raw.size, 1))[:, 0].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Study:
    """A loss as it is studied: the formula of one example and its cases (none for losses over a row of classes)."""

    definition: Definition
    body: Body
    plain: Node
    cases: tuple[Case, ...]

    @property
    def of_classes(self) -> bool:
        """Whether the raw prediction is a row."""
        return is_class_kind(self.body) or self.body.row_wise or "class" in self.body.raw.axes

    @cached_property
    def distinct(self) -> tuple[Case, ...]:
        """The cases, without a second one that mirrors the first: sizes are the same for both."""
        if len(self.cases) == 2 and mirrored(self.cases[1].node, self.cases[0].node, self.body.raw):
            return self.cases[:1]
        return self.cases

    @cached_property
    def targets(self) -> tuple[float, ...]:
        """Targets to look at."""
        return TARGETS.get(self.body.kind, (0.0, 1.0))

    def raws(self, target: float) -> Floats:
        """Raw predictions to look at: around 0, around the target, around the raw prediction that fits it."""
        sizes = np.array([-s for s in SIZES[:0:-1]] + list(SIZES))
        centres = [0.0, target]
        if self.body.link == "exp" and target > 0 and not self.body.given:
            centres.append(math.log(target))
        found = np.unique(np.concatenate([sizes + c for c in centres]))
        image = DOMAINS.get(self.body.image, REAL)
        return np.asarray(found[(found > image.low) & (found < image.high)])

    def at(self, root: Node, target: Any, raw: Floats) -> Floats:
        """A formula of `body` at floats; columns are 1.75 (a low one -1.75)."""
        leaves: dict[Node, Any] = {**self.body.fixed, self.body.raw: raw.reshape(-1, 1)}
        leaves |= dict(zip(self.columns, self.column_values, strict=True))
        leaves[self.body.target] = np.broadcast_to(np.asarray(target, float), raw.shape).reshape(-1, 1)
        with np.errstate(all="ignore"):
            found = interpret([root], leaves, NUMPY)[0]
        return np.broadcast_to(found, (raw.size, 1))[:, 0].astype(np.float64)

    @property
    def columns(self) -> list[Node]:
        """The columns beside the target."""
        found = {repr(leaf): leaf for leaf in symbols(self.body.node, role="column")}
        return [found[name] for name in self.definition.declaration.columns if name in found]

    @property
    def column_values(self) -> list[float]:
        """A number for each, in ascending order."""
        count = len(self.columns)
        return [COLUMN[1]] if count == 1 else list(np.linspace(*COLUMN, count))


@lru_cache(maxsize=256)
def _studied(definition: Definition, values: tuple[tuple[str, float], ...]) -> Study | str:
    body = body_of(definition, dict(values))
    if isinstance(body, str):
        return body
    body = _weighed(body, definition)
    columns = {leaf for leaf in symbols(body.node, role="column") if repr(leaf) != "log_prior"}
    numbers = {leaf: constant(v) for leaf, v in body.fixed.items() if leaf not in columns}
    plain = substitute(body.node, numbers)
    study = Study(definition, body, plain, ())
    if study.of_classes:
        return study
    return Study(definition, body, plain, tuple(_cases(body, folded(plain))))


def _weighed(body: Body, definition: Definition) -> Body:
    """The loss of a yes-or-no example times the weight of its class, where classes have said weights."""
    weights = {0: 1.0, 1: 1.0}
    for row in definition.reweighting:
        for k, weight in row.classes or ():
            weights[k] = weights.get(k, 1.0) * weight
    if body.kind != "binary" or weights[0] == weights[1] == 1.0:
        return body
    factor = make("where", make("equal", body.target, ONE), constant(weights[1]), constant(weights[0]))
    return replace(body, node=factor * body.node)


def studied(definition: Definition, parameters: Mapping[str, float] | None = None) -> Study | str:
    """The study of a loss, or the reason (in words) why there is none."""
    return _studied(definition, tuple(sorted((parameters or {}).items())))


def _cases(body: Body, node: Node) -> list[Case]:
    y, raw, kind = body.target, body.raw, body.kind
    image = DOMAINS.get(body.image, REAL)
    free = dict.fromkeys(symbols(node, role="column"), REAL)
    node = _log_as_leaf(node, y) if kind == "positive" else node
    free |= dict.fromkeys(symbols(node, role="column"), REAL)
    if kind == "binary" or (kind == "fraction" and _straight(node, y)):
        return [Case(folded(substitute(node, {y: constant(t)})), raw, image, t, free) for t in (0.0, 1.0)]
    for shifted, value in ((y, 1.0 if kind == "positive" else 0.0), *((leaf, 0.0) for leaf in free)):
        others = {leaf: domain for leaf, domain in free.items() if leaf is not shifted}
        if image == REAL and only_difference(node, shifted, raw) and (shifted is y or not _has(node, y)):
            fixed = folded(substitute(node, {shifted: constant(value)}))
            return [Case(fixed, raw, image, math.exp(value) if shifted is not y else value, others, True)]
    if not _has(node, y):
        return [Case(node, raw, image, 1.0 if kind == "positive" else 0.0, free)]
    return [Case(node, raw, image, None, {**free, y: DOMAINS[kind]})]


def _has(node: Node, leaf: Node) -> bool:
    return leaf in set(walk(node))


def _log_as_leaf(node: Node, y: Node) -> Node:
    """A positive target that enters by its logarithm alone is any real number."""
    logarithm = symbol("_log_y", "column", sorted(y.axes))
    changed = substitute(node, {make("log", y): logarithm})
    return node if _has(changed, y) else changed


def _straight(node: Node, y: Node) -> bool:
    return not _has(folded(gradient(node, y)), y)


# Straight parts of a formula ------------------------------------------------------------------------------------------

Line = dict[Node | None, Fraction]
COMPARISONS: Final = frozenset({"less", "less_equal", "equal"})


def line_of(node: Node, done: Mapping[Node, Line | None]) -> Line | None:
    """The exact coefficients of a straight line in leaves (None: the number), if the node is one."""
    value = number_of(node)
    if value is not None:
        return {None: Fraction(value)} if math.isfinite(value) else None
    if node.op == "symbol":
        return {node: Fraction(1)}
    parts = [done.get(a) for a in node.args]
    if any(part is None for part in parts):
        return None
    a, b = (*parts, None)[:2]
    if node.op == "negative" and a is not None:
        return {key: -c for key, c in a.items()}
    if node.op in ("add", "subtract") and a is not None and b is not None:
        sign = 1 if node.op == "add" else -1
        return {key: a.get(key, Fraction(0)) + sign * b.get(key, Fraction(0)) for key in {*a, *b}}
    if node.op == "multiply" and a is not None and b is not None:
        number, other = (a, b) if set(a) <= {None} else (b, a)
        return {k: c * number.get(None, Fraction(0)) for k, c in other.items()} if set(number) <= {None} else None
    if node.op == "divide" and a is not None and b is not None and set(b) <= {None} and b.get(None):
        return {key: c / b[None] for key, c in a.items()}
    return None


def lines(root: Node) -> dict[Node, Line | None]:
    """Every node under a formula as a straight line, where it is one."""
    done: dict[Node, Line | None] = {}
    for node in walk(root):
        done[node] = line_of(node, done)
    return done


def only_difference(root: Node, y: Node, z: Node) -> bool:
    """Whether a formula depends on y and z by y - z alone, as its straight parts show.

    >>> from lossmith.formula.node import symbol
    >>> y, z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
    >>> only_difference(abs(y - z) / 3, y, z), only_difference(abs(y - z) / y, y, z)
    (True, False)
    """
    done = lines(root)
    bent = [n for n in walk(root) if done[n] is None]
    tops = [root, *(a for n in bent if n.op not in COMPARISONS for a in n.args)]
    tops += [make("subtract", *n.args) for n in bent if n.op in COMPARISONS]
    for node in tops:
        line = done[node] if node in done else lines(node)[node]
        if line is not None and line.get(y, 0) + line.get(z, 0) != 0:
            return False
    return _has(root, y) and _has(root, z)


def folded(root: Node) -> Node:
    """The same real function with numbers taken together and factors of 0 and 1 gone; for proofs only."""
    return rebuild(root, _fold)


def _fold(node: Node, args: tuple[Node, ...]) -> Node:
    numbers = [number_of(a) for a in args]
    rule = _FOLDS.get(node.op)
    found = rule(args, numbers) if rule else None
    return make_from(node.op, args, node.attr) if found is None else found


def _exact(op: str, x: float, y: float) -> Node | None:
    """A sum or product of two numbers, where it is a float."""
    a, b = Fraction(x), Fraction(y)
    total = {"add": a + b, "subtract": a - b, "multiply": a * b}[op]
    try:
        return constant(float(total)) if Fraction(float(total)) == total else None
    except OverflowError:
        return None


def _fold_add(args: tuple[Node, ...], numbers: list[float | None]) -> Node | None:
    (a, b), (x, y) = args, numbers
    if x is not None and y is not None:
        return _exact("add", x, y)
    return b if x == 0 else (a if y == 0 else None)


def _fold_subtract(args: tuple[Node, ...], numbers: list[float | None]) -> Node | None:
    (a, b), (x, y) = args, numbers
    if x is not None and y is not None:
        return _exact("subtract", x, y)
    return make("negative", b) if x == 0 else (a if y == 0 else None)


def _fold_multiply(args: tuple[Node, ...], numbers: list[float | None]) -> Node | None:
    (a, b), (x, y) = args, numbers
    if x is not None and y is not None:
        return _exact("multiply", x, y)
    if 0.0 in numbers:
        return constant(0.0)
    return b if x == 1 else (a if y == 1 else None)


def _fold_negative(args: tuple[Node, ...], numbers: list[float | None]) -> Node | None:
    if numbers[0] is not None:
        return constant(-numbers[0] + 0.0)
    return args[0].args[0] if args[0].op == "negative" else None


def _fold_where(args: tuple[Node, ...], numbers: list[float | None]) -> Node | None:
    condition, a, b = args
    inner = [number_of(x) for x in condition.args]
    if a is b:
        return a
    if len(inner) == 2 and None not in inner and condition.op in _COMPARED:
        return a if _COMPARED[condition.op](*inner) else b
    return None


_COMPARED: Final[Mapping[str, Any]] = {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "equal": lambda x, y: x == y,
}
_FOLDS: Final[Mapping[str, Any]] = {
    "add": _fold_add,
    "subtract": _fold_subtract,
    "multiply": _fold_multiply,
    "negative": _fold_negative,
    "where": _fold_where,
    "divide": lambda args, n: args[0] if n[1] == 1 else (constant(0.0) if n[0] == 0 and n[1] else None),
    "safe_divide": lambda args, n: constant(0.0) if n[0] == 0 else (args[0] if n[1] == 1 else None),
    "scaled_exp": lambda args, n: constant(0.0) if n[0] == 0 else (make("exp", args[1]) if n[0] == 1 else None),
    "vanishing_product": _fold_multiply,
    "xlogy": lambda args, n: constant(0.0) if n[0] == 0 else None,
    "xlog1py": lambda args, n: constant(0.0) if n[0] == 0 else None,
}
