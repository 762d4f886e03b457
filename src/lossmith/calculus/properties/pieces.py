"""The line of raw predictions cut where a formula has a corner or a jump, and the formula as it reads between the cuts.

Comes in: a case of one variable. Goes out: `Cuts`: the places, whether these are proved to be all, and what happens there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import tangent
from lossmith.calculus.kinks import kinks
from lossmith.calculus.properties.cases import ONE, Case, folded, lines
from lossmith.calculus.properties.ranges import range_of, ranges
from lossmith.errors import UnsupportedError
from lossmith.formula.node import OPERATIONS, Node, constant, make_from, number_of, rebuild, walk
from lossmith.interpret import BALLS, NUMPY, interpret

Floats = NDArray[np.float64]

BITS: Final = 512
SAME: Final = -200  # differences below 2**-200 of their terms are what 512 bits leave
NEAR: Final = 2.0**-40


@dataclass(frozen=True, eq=False)
class Cuts:
    """Where a case has corners or jumps (`at`, ascending); `sure`: it is proved that there are no others."""

    case: Case
    at: tuple[float, ...]
    exact: tuple[bool, ...]
    sure: bool

    @cached_property
    def middles(self) -> tuple[float, ...]:
        """A point of each piece."""
        low, high = self.case.image.low, self.case.image.high
        ends = [low, *self.at, high]
        return tuple(_inside(a, b) for a, b in pairwise(ends))

    def on_piece(self, root: Node, point: float) -> Node:
        """A formula as it reads on the piece around a point: every choice made, no corner left."""
        return local(root, self.case.raw, point)

    def jump(self, root: Node, k: int) -> tuple[float, bool]:
        """Right less left limit of a formula at a cut, and whether this is exact: 0 means that the two agree."""
        z = self.at[k]
        left, right = (self.on_piece(root, self.middles[i]) for i in (k, k + 1))
        a, b = (interpret([side], {self.case.raw: z}, BALLS(BITS))[0][0, 0] for side in (left, right))
        return _difference(a, b, self.exact[k])


def _difference(a: Any, b: Any, exact: bool) -> tuple[float, bool]:
    from flint import arb

    with BALLS(BITS).context():
        gap = b - a
        if not gap.is_finite():
            return math.nan, False
        scale = abs(a).max(abs(b)).max(arb(2) ** -1000)
        small = gap.abs_upper() <= scale * (arb(2) ** SAME if exact else arb(NEAR))
        return (0.0 if small else float(gap.mid())), exact and (bool(gap.is_zero()) or not small)


def _inside(a: float, b: float) -> float:
    if math.isinf(a):
        return 0.3 if math.isinf(b) else b - max(1.0, abs(b))
    return a + max(1.0, abs(a)) if math.isinf(b) else a + (b - a) / 2


def local(root: Node, raw: Node, point: float) -> Node:
    """A formula with every choice by the raw prediction made as at a point.

    >>> from lossmith.formula.node import make, symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> local(make("where", abs(z) <= 1, z, make("sign", z)), z, 3.0)
    1.0
    """

    def choose(node: Node, args: tuple[Node, ...]) -> Node:
        rule = _CHOICES.get(node.op)
        if rule is None or raw not in set(walk(node)):
            return make_from(node.op, args, node.attr)
        chosen: Node = rule(args, lambda n: _at(n, raw, point))
        return chosen

    return folded(rebuild(root, choose))


def _at(node: Node, raw: Node, point: float) -> float:
    with np.errstate(all="ignore"):
        return float(interpret([node], {raw: point}, NUMPY)[0][0, 0])


_CHOICES: Final[dict[str, Any]] = {
    "abs": lambda args, at: args[0] if at(args[0]) >= 0 else folded(-args[0]),
    "sign": lambda args, at: constant(math.copysign(1.0, at(args[0]))),
    "where": lambda args, at: args[1] if at(args[0]) else args[2],
    "maximum": lambda args, at: args[0] if at(args[0]) >= at(args[1]) else args[1],
    "minimum": lambda args, at: args[0] if at(args[0]) <= at(args[1]) else args[1],
    "less": lambda args, at: _as_truth(at(args[0]) < at(args[1])),
    "less_equal": lambda args, at: _as_truth(at(args[0]) <= at(args[1])),
    "equal": lambda args, at: _as_truth(at(args[0]) == at(args[1])),
    "logical_and": lambda args, at: _as_truth(bool(at(args[0]) and at(args[1]))),
    "logical_or": lambda args, at: _as_truth(bool(at(args[0]) or at(args[1]))),
    "logical_not": lambda args, at: _as_truth(not at(args[0])),
}


def _as_truth(holds: bool) -> Node:
    return constant(1.0) if holds else constant(0.0)


# Finding the cuts -----------------------------------------------------------------------------------------------------


def cuts(case: Case) -> Cuts:
    """The cuts of a case of the raw prediction alone."""
    surfaces = [folded(kink.surface) for kink in kinks(case.node)]
    surfaces = [s for s in surfaces if case.raw in set(walk(s)) and not _is_stepped(s)]
    found: dict[float, bool] = {}
    for surface in surfaces:
        found |= zeros(case, surface)
    at = tuple(sorted(found))
    sure = all(_nowhere_else(case, surface, at) for surface in surfaces)
    return Cuts(case, at, tuple(found[z] for z in at), sure)


def zeros(case: Case, surface: Node, most: int | None = None, also: Sequence[float] = ()) -> dict[float, bool]:
    """Places where a surface is 0 or changes its sign, and whether it is exactly 0 there.

    Those next to 0, `most` at most; `also`: further places to look at, as where it turns.
    """
    numbers = {abs(v) for n in walk(case.node) if (v := number_of(n)) is not None and math.isfinite(v)}
    tried = {0.0, *also, *numbers, *(-n for n in numbers), *_line_roots(case, surface)}
    grid = np.array(sorted({*tried, *np.concatenate([-(g := np.geomspace(1e-6, 1e9, 91)), g])}))
    grid = grid[(grid > case.image.low) & (grid < case.image.high)]
    heights = case.values(surface, grid)
    at = grid[heights == 0]
    at = at if most is None else at[np.argsort(np.abs(at))][:most]
    found = {float(z): _is_zero(case, surface, float(z)) for z in at}
    crossed = np.flatnonzero(np.sign(heights[:-1]) * np.sign(heights[1:]) < 0)
    for i in crossed if most is None else crossed[np.argsort(np.abs(grid[crossed]))][:most]:
        z = _bisected(case, surface, float(grid[i]), float(grid[i + 1]))
        found[z] = _is_zero(case, surface, z)
    return found


def _line_roots(case: Case, surface: Node) -> list[float]:
    line = lines(surface)[surface]
    return [float(-line.get(None, 0) / line[case.raw])] if line and line.get(case.raw) else []


def _is_zero(case: Case, surface: Node, z: float) -> bool:
    ball = interpret([surface], {case.raw: z}, BALLS(BITS))[0][0, 0]
    return bool(ball.is_zero())


def _bisected(case: Case, surface: Node, low: float, high: float) -> float:
    first = case.values(surface, np.array([low]))[0]
    for _ in range(80):
        middle = low / 2 + high / 2
        if not low < middle < high:
            break
        height = case.values(surface, np.array([middle]))[0]
        if height == 0:
            return middle
        low, high = (middle, high) if (height > 0) == (first > 0) else (low, middle)
    return high


def _nowhere_else(case: Case, surface: Node, at: tuple[float, ...]) -> bool:
    """Whether a surface is proved not to be 0 between the cuts: away from 0 there, or rising or falling all the way."""
    try:
        places = sorted({case.image.low, *at, 0.0, case.image.high})
        low, high = np.array(places[:-1]), np.array(places[1:])
        box = {case.raw: range_of(low, high, (low == 0) | (high == 0))}
        slope = folded(tangent(surface, {case.raw: ONE}))
        r, d = ranges([surface, slope], box)
    except UnsupportedError:
        return False
    monotone = r.defined & (d.positive | d.negative)
    return bool((r.positive | r.negative | monotone).all())


def _is_stepped(surface: Node) -> bool:
    """Whether a surface holds a comparison as a number: it changes where that does, on a surface of its own."""
    return any(OPERATIONS[n.op].boolean for n in walk(surface))
