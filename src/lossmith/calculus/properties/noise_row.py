"""What is asked of a loss to find its noise model: the formula of one row, over one raw prediction or several heads.

Comes in: a definition and parameter values. Goes out: `NoiseRow`, with totals of exp(-loss) at a grid of raw
predictions and slopes by the prediction; or the fact that says why there is nothing to add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import gradient
from lossmith.calculus.evidence import Body, Fact, body_of, example_part
from lossmith.calculus.properties.bending import case_cuts
from lossmith.calculus.properties.cases import Case, studied
from lossmith.calculus.properties.outcomes import class_weights
from lossmith.calculus.properties.pieces import Cuts
from lossmith.calculus.properties.totals import TOTALS, Density, total
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition, bound, resolved
from lossmith.formula.lift import lift
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, symbols
from lossmith.interpret import NUMPY, interpret

Floats = NDArray[np.float64]

GRID: Final = (-2.6, -0.45, 0.7, 2.1)
GIVEN: Final[Mapping[str, tuple[float, ...]]] = {"fraction": (0.08, 0.3, 0.6, 0.9), "positive": (0.2, 0.9, 1.7, 5.0)}
ROWS: Final = ((0.3, -1.1, 0.4), (2.1, 0.2, -0.4), (0.7, -0.4, 1.9), (0.0, 0.0, 0.0))
OVER: Final[Mapping[str, str]] = {
    "real": "all numbers",
    "positive": "all positive numbers",
    "nonnegative": "all numbers from 0 on",
    "count": "all whole numbers",
    "fraction": "all numbers from 0 to 1",
    "binary": "both outcomes",
    "class": "all classes",
}
TARGETS: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (-7.0, -0.8, 0.1, 1.3, 2.2, 40.0),
    "positive": (0.05, 0.6, 1.4, 3.0, 60.0),
    "nonnegative": (0.05, 0.6, 1.4, 3.0, 60.0),
    "count": (0.0, 1.0, 2.0, 7.0, 60.0),
}


@dataclass(frozen=True, eq=False)
class NoiseRow:
    """One row: its formula over the target and raw predictions (`raws`), the links of these, and the kind of target.

    `corners`: distances of target and prediction at which a loss of these alone has corners.
    `between`: distances (prediction less target) on every piece between these, next to its ends and inside.
    `grid`: a tuple of raw predictions for each point (one for each head, or a row of classes in one entry).
    """

    node: Node
    target: Node
    raws: tuple[Node, ...]
    links: tuple[str, ...]
    fixed: Mapping[Node, float]
    kind: str
    grid: tuple[tuple[Any, ...], ...]
    weights: Mapping[int, float]
    columns: tuple[str, ...]
    body: Body | None
    corners: tuple[float, ...] = ()
    between: tuple[float, ...] = ()

    @property
    def over(self) -> str:
        """What is added up over, in words."""
        return OVER[self.kind]

    def readings(self) -> list[NoiseRow]:
        """The row itself, and the same with predictions that are exp of raw ones, where no link is declared."""
        undeclared = self.links == ("identity",) and self.body is not None and not self.body.given
        return [self, replace(self, links=("exp",))] if undeclared and self.kind != "real" else [self]

    def of_first_head(self) -> NoiseRow:
        """The row as a function of its first head, the others fixed."""
        if len(self.raws) == 1:
            return self
        fixed = {**self.fixed, **dict(zip(self.raws[1:], self.grid[0][1:], strict=True))}
        first = tuple((z,) for z in dict.fromkeys(point[0] for point in self.grid))
        return replace(self, raws=self.raws[:1], links=self.links[:1], fixed=fixed, grid=first)

    def said(self, at: int) -> str:
        """A raw prediction of the grid as Python text."""
        point = self.grid[at]
        return repr(point[0] if len(point) == 1 else list(point))

    def predicted(self, raw: Floats) -> Floats:
        """The (first) prediction at raw predictions (n, 1)."""
        read = self.raws[0] if self.body is None else self.body.read
        node = link_named(self.links[0]).inverse(read)
        with np.errstate(all="ignore"):
            return np.asarray(interpret([node], {**self.fixed, self.raws[0]: raw}, NUMPY)[0])

    def density(self, at: int) -> Density:
        """exp(-loss) at one point of the grid."""
        point = self.grid[at]
        raw = {leaf: np.atleast_2d(np.asarray(value)) for leaf, value in zip(self.raws, point, strict=True)}
        centre = 0.5
        if self.kind not in ("binary", "class"):
            centre = float(self.predicted(raw[self.raws[0]])[0, 0])
        low, high = {"real": (-np.inf, np.inf), "fraction": (0.0, 1.0)}.get(self.kind, (0.0, np.inf))
        fallback = 0.5 if self.kind == "fraction" else 1.0
        centre = centre if low < centre < high else fallback
        return Density(self.node, self.target, self.fixed, raw, centre, tuple(centre + c for c in self.corners))

    def slope_at(self, y: float, p: float) -> float:
        """The slope of the loss by the prediction, at a target and a prediction; NaN where no raw prediction gives it."""
        raw = self._raw_of(p)
        return float(self._slopes(np.array([[y]]), np.array([[raw]]))[0]) if raw is not None else float("nan")

    def _raw_of(self, p: float) -> float | None:
        """The raw prediction that gives this prediction, by bisection: links rise."""
        if self.links[0] == "identity" and (self.body is None or self.body.read is self.raws[0]):
            return p
        low, high = -700.0, 700.0
        for _ in range(200):
            middle = (low + high) / 2
            below = float(self.predicted(np.array([[middle]]))[0, 0]) < p
            low, high = (middle, high) if below else (low, middle)
        reached = float(self.predicted(np.array([[high]]))[0, 0])
        return high if abs(reached - p) <= 1e-9 * abs(p) else None

    def _slopes(self, targets: Floats, raws: Floats) -> Floats:
        """The gradient by the raw prediction over that of the link: (n,)."""
        link = gradient(link_named(self.links[0]).inverse(self._read), self.raws[0]) if self._bends else None
        roots = [self._gradient] if link is None else [self._gradient, link]
        with np.errstate(all="ignore"):
            found = interpret(roots, {**self.fixed, self.target: targets, self.raws[0]: raws}, NUMPY)
            flat = [np.broadcast_to(f, (len(raws), 1))[:, 0] for f in found]
            return np.asarray(flat[0] if link is None else flat[0] / flat[1])

    @property
    def _read(self) -> Node:
        return self.raws[0] if self.body is None else self.body.read

    @property
    def _bends(self) -> bool:
        return self.links[0] != "identity" or self._read is not self.raws[0]

    @cached_property
    def _gradient(self) -> Node:
        return gradient(self.node, self.raws[0])

    def places(self) -> tuple[Floats, Floats, Floats]:
        """Targets, predictions and slopes by the prediction at pairs of them."""
        far = product(TARGETS[self.kind], (point[0] for point in self.grid))
        pairs = np.array([*far, *((0.0, distance) for distance in self.between)])
        targets, raws = pairs[:, :1], pairs[:, 1:]
        return targets[:, 0], self.predicted(raws)[:, 0], self._slopes(targets, raws)


def case_of_distance(row: NoiseRow, definition: Definition, parameters: Mapping[str, float] | None) -> Case | None:
    """The loss as a formula of z - y (the target is 0), where it depends on that alone."""
    study = studied(definition, parameters)
    if row.kind != "real" or len(row.raws) != 1 or row.links != ("identity",) or isinstance(study, str):
        return None
    if len(study.cases) != 1 or study.body.node is not row.node:
        return None
    case = study.cases[0]
    return case if case.of_residual and case.target == 0.0 and not case.free else None


def at_pieces(row: NoiseRow, case: Case | None) -> NoiseRow:
    """The row with places on every piece between the corners of its loss of the distance."""
    return row if case is None else replace(row, between=on_pieces(case_cuts(case)))


def on_pieces(found: Cuts) -> tuple[float, ...]:
    """Places next to the ends of every piece, and inside."""
    if not found.at:
        return ()
    first, last = found.at[0], found.at[-1]
    inside = [a + (b - a) * share for a, b in pairwise(found.at) for share in NEXT[:-1]]
    beyond = [share * max(1.0, abs(z)) for share in NEXT for z in (first, last)]
    return (*(first - b for b in beyond), *inside, *(last + b for b in beyond))


NEXT: Final = (2.0**-10, 0.27, 0.5, 1 - 2.0**-10, 37.0)


def of_distance(row: NoiseRow, case: Case | None) -> NoiseRow:
    """The row at the raw prediction 0 alone, where its loss depends on y - z alone: the total is the same at all others."""
    if case is None:
        return row
    return replace(row, grid=((0.0,),), corners=tuple(-z for z in case_cuts(case).at))


def totals_at(row: NoiseRow) -> Floats:
    """What exp(-loss) adds up to at each point of the grid."""
    return np.array([_total(row, at) for at in range(len(row.grid))])


def _total(row: NoiseRow, at: int) -> float:
    density = row.density(at)
    if not row.weights:
        return total(density, row.kind).value
    hard = np.eye(3) if row.kind == "class" else np.array([0.0, 1.0])
    weights = np.array([row.weights.get(k, 1.0) for k in range(len(hard))])
    return float(np.exp(weights * density.logarithm(hard)).sum())


def noise_row(definition: Definition, parameters: Mapping[str, float] | None) -> NoiseRow | Fact[Any]:
    """The row of a definition, or a fact: none, or open."""
    declaration = definition.declaration
    if len(declaration.target) != 1:
        return Fact(None, "open", note="several target columns")
    if example_part(resolved(definition)) is None:
        return Fact(None, "proved", note="not a sum over the examples, so it is no likelihood of single rows")
    weights = class_weights(definition)
    if weights is None:
        return Fact(None, "open", note="the class weights are not fitted yet")
    kind = {"simplex": "class"}.get(declaration.target[0][1], declaration.target[0][1])
    if kind not in TOTALS:
        return Fact(None, "open", note="the grades that a row may take are said by other columns")
    if declaration.heads:
        return _with_heads(definition, parameters, kind, weights)
    body = body_of(definition, parameters)
    if isinstance(body, str):
        return Fact(None, "open", note=body)
    if body.row_wise and kind != "class":
        return Fact(None, "open", note="the entries of a row are looked at together")
    return _of_body(definition, body, kind, weights)


def _of_body(definition: Definition, body: Body, kind: str, weights: Mapping[int, float]) -> NoiseRow:
    link = "identity" if body.given else body.link
    grid: tuple[tuple[Any, ...], ...] = tuple((z,) for z in GIVEN.get(body.image, GRID))
    if kind == "class":
        grid = tuple((row,) for row in (_shares() if body.given else ROWS))
    columns = _columns(definition)
    return NoiseRow(body.node, body.target, (body.raw,), (link,), body.fixed, kind, grid, weights, columns, body)


def _columns(definition: Definition) -> tuple[str, ...]:
    named = [row.column for row in definition.reweighting if row.column]
    return (*definition.declaration.columns, *named)


def _shares() -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(w) for w in np.exp(row) / np.exp(row).sum()) for row in np.array(ROWS))


def _with_heads(
    definition: Definition, parameters: Mapping[str, float] | None, kind: str, weights: Mapping[int, float]
) -> NoiseRow | Fact[Any]:
    part = example_part(resolved(definition))
    if part is None or kind == "class" or any("class" in leaf.axes for leaf in definition.roles.raw):
        return Fact(None, "open", note="several heads over classes")
    try:
        numbers = bound(definition, parameters or {})
        node = lift(part.term)[0]
    except (ArgumentError, UnsupportedError) as error:
        return Fact(None, "open", note=error.sentence)
    values = {p.name: number for p, number in zip(definition.parameters, numbers, strict=True)}
    fixed = {leaf: values[repr(leaf)] for leaf in symbols(node) if repr(leaf) in values}
    fixed |= dict.fromkeys(symbols(node, role="column"), 1.75)
    name = definition.declaration.target[0][0]
    given = definition.declaration.on == "probability"
    images = [link_named(link).image for _, link in definition.declaration.heads]
    heads = [GIVEN.get(image, GRID)[1:] if given else (-0.9, 0.2, 0.7) for image in images]
    links = tuple("identity" if given else link for _, link in definition.declaration.heads)
    grid = tuple(product(*heads))[:: max(1, 3 ** (len(heads) - 2))]
    target, columns = definition.roles.leaves[name], _columns(definition)
    return NoiseRow(node, target, definition.roles.raw, links, fixed, kind, grid, weights, columns, None)
